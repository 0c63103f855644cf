"""A lens for circular light of fins whose lengths, widths and angles are free; the rival is a published lens.

    python design/free_fins_lens.py    # or: metagen design design/free_fins_lens.py -o free-fins.h5
    metagen verify design/free_fins_lens.py free-fins.h5 -o fields \
        --campaign simulations/tio2_free_fins_660.toml
    metagen refine design/free_fins_lens.py free-fins.h5 -o refined --rounds 1 --near-fields fields \
        --campaign simulations/tio2_free_fins_660.toml

The job of design/geometric_phase_lens.py, where all fins have 0.41 × 0.085 and turn 0.89 of the light in the
periodic cell to the other handedness. Fins of 0.37 × 0.12 turn more, so the design starts with these, and
stays near them: a model that learnt three parameters from few simulations is wrong where an optimiser would
go. Lengths are micrometres.
"""

import metagen as mg
from metagen.design import DesignSettings, DesignSymmetry, LensStart, OptimizerSettings, SquareEfficiency

RED = 0.66
FOCAL_LENGTH = 3.3863  # above the fins; the monitor plane is half a wavelength above them

settings = DesignSettings(
    name="free-fins-lens",
    count=21,
    start=LensStart(FOCAL_LENGTH, RED, {"length": 0.37, "width": 0.12}, polarisation="left"),
    models=("tio2-free-fins-660-x",),  # that of light along y is its mirror image
    goals=(SquareEfficiency(RED, FOCAL_LENGTH - RED / 2, width=1.26, polarisation="left"),),
    optimizer=OptimizerSettings(
        steps=40,
        method="lbfgs",
        symmetry=DesignSymmetry.NONE,
        limits={"length": (0.36, 0.38), "width": (0.11, 0.13)},
    ),
)

if __name__ == "__main__":
    device = mg.design.run(settings, "free-fins.h5")
    print(f"efficiency in the square: {device.history[0]:.3f} → {device.figure:.3f}")
