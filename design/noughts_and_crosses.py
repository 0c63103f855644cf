"""A 50 µm device that plays noughts and crosses: in one plane, 633 nm draws a cross inside the circle that
400 nm draws, each of separate spots of even brightness.

    python design/noughts_and_crosses.py    # or: metagen design design/noughts_and_crosses.py -o xo.h5
    metagen verify design/noughts_and_crosses.py xo.h5 --campaign simulations/paper.toml -o verified
    metagen compare design/noughts_and_crosses.py xo.h5 --near-fields verified --report xo.html

Lengths are micrometres.
"""

import math

import metagen as mg
from metagen.design import DesignSettings, MatchedStart, OptimizerSettings, Spots

RED, BLUE = 0.633, 0.400
DISTANCE = 50.0
ARM, CIRCLE = 6.0, 8.0  # reach of the cross, radius of the circle

steps = [ARM * m / (3 * math.sqrt(2)) for m in (-3, -2, -1, 1, 2, 3)]
cross = [(0.0, 0.0, DISTANCE)] + [(x, side * x, DISTANCE) for x in steps for side in (1, -1)]
angles = [2 * math.pi * (m + 0.5) / 32 for m in range(32)]
circle = [(CIRCLE * math.cos(a), CIRCLE * math.sin(a), DISTANCE) for a in angles]

settings = DesignSettings(
    name="noughts-and-crosses",
    count=113,
    start=MatchedStart(),
    models=("sin-633", "sin-400"),
    goals=(
        Spots(RED, tuple(cross), exponent=-4.0, target=0.3),
        Spots(BLUE, tuple(circle), exponent=-4.0, target=0.3),
    ),
    sharpness=4.0,
    optimizer=OptimizerSettings(steps=200, learning_rate=0.2),
)

if __name__ == "__main__":
    device = mg.design.run(settings, "noughts-and-crosses.h5")
    print(f"worst goal over its target: {device.history[0]:.3g} → {device.figure:.3g}")
