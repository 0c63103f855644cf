"""A lens of turned fins for circular light: a published one (flexcompute/metalens), and one with more in its
focus.

    python design/geometric_phase_lens.py    # or: metagen design design/geometric_phase_lens.py -o fins.h5
    metagen verify design/geometric_phase_lens.py fins.h5 --campaign simulations/tio2_fins_660.toml -o fields
    metagen compare design/geometric_phase_lens.py fins.h5 --near-fields fields --report fins.html

All fins are equal but for their angles. The published lens turns each by half the phase of a lens; here
every angle goes its own way, as its neighbours ask for. With --model tio2-free-fins-660-x (and the campaign
simulations/tio2_free_fins_660.toml) lengths and widths are free, too. Lengths are micrometres.
"""

import metagen as mg
from metagen.design import (
    DesignSettings,
    DesignSymmetry,
    LensStart,
    MatchedStart,
    OptimizerSettings,
    SquareEfficiency,
)

RED = 0.66
FOCAL_LENGTH = 3.3863  # above the fins; the monitor plane is half a wavelength above them

settings = DesignSettings(
    name="geometric-phase-lens",
    count=21,
    start=(MatchedStart(), LensStart(FOCAL_LENGTH, RED, polarisation="left")),
    models=("tio2-fins-660-x",),  # that of light along y is its mirror image
    goals=(SquareEfficiency(RED, FOCAL_LENGTH - RED / 2, width=1.26, polarisation="left"),),
    optimizer=OptimizerSettings(steps=60, method="lbfgs", symmetry=DesignSymmetry.NONE),
)

if __name__ == "__main__":
    device = mg.design.run(settings, "geometric-phase-lens.h5")
    print(f"efficiency in the square: {device.history[0]:.3f} → {device.figure:.3f}")
