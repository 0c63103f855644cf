"""One 50 µm lens, two jobs: 633 nm to a focus, 400 nm to a ring of 1.5 µm radius in the same plane (the
paper's figure 5).

    python design/multiplexed_lens.py    # or: metagen design design/multiplexed_lens.py -o multiplexed.h5
    metagen verify design/multiplexed_lens.py multiplexed.h5 --campaign simulations/paper.toml -o verified
    metagen compare design/multiplexed_lens.py multiplexed.h5 --near-fields verified --report multiplexed.html

A command that was stopped (Ctrl-C) or killed goes on where it was when run again. Lengths are micrometres.
"""

import metagen as mg
from metagen.design import DesignSettings, Efficiency, LensStart, MatchedStart, OptimizerSettings, RingRatio

RED, BLUE = 0.633, 0.400
FOCAL_LENGTH = 50.0

# The goals are what is reported: the share of the light that goes into the focus (a radius of 1.5 FWHM),
# the share that goes into the ring (1 to 2 µm), and the ratio of the power in the ring to that inside it.
settings = DesignSettings(
    name="multiplexed",
    count=113,
    start=(MatchedStart(), LensStart(FOCAL_LENGTH, RED)),
    models=("sin-633", "sin-400"),
    goals=(
        Efficiency(RED, FOCAL_LENGTH, radius=1.0, count=24, target=0.30),
        Efficiency(BLUE, FOCAL_LENGTH, radius=2.0, inner=1.0, count=48, target=0.15),
        RingRatio(BLUE, FOCAL_LENGTH, radius=1.5, half_width=0.5, count=40, target=100.0),
    ),
    sharpness=4.0,
    optimizer=OptimizerSettings(steps=200, learning_rate=0.2),
)

if __name__ == "__main__":
    device = mg.design.run(settings, "multiplexed.h5")
    print(f"worst goal over its target: {device.history[0]:.3g} → {device.figure:.3g}")
