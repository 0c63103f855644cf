"""A 50 µm lens with an extended depth of focus, 50 to 150 µm (the paper's figure 6).

    python design/edof_lens.py            # or: metagen design design/edof_lens.py -o edof.h5
    metagen verify design/edof_lens.py edof.h5 --campaign simulations/paper.toml -o verified
    metagen compare design/edof_lens.py edof.h5 --near-fields verified --report edof.html

Lengths are micrometres.
"""

import metagen as mg
from metagen.design import DesignSettings, LensStart, Line, MatchedStart, OptimizerSettings

RED = 0.633
NEAR, FAR, POINTS = 50.0, 150.0, 36

# A focus at z is about 7 λ (z/D)² deep: 4 µm at 50 µm, 40 µm at 150 µm. So the points are evenly spaced in
# 1/z. Those of the paper (eq. 13: every 10 µm) would allow eleven separate foci.
curvatures = [1 / NEAR + (1 / FAR - 1 / NEAR) * m / (POINTS - 1) for m in range(POINTS)]

settings = DesignSettings(
    name="edof",
    count=113,
    start=(MatchedStart(), LensStart(100.0, RED)),
    models=("sin-633",),
    goals=(Line(RED, tuple(1 / c for c in curvatures), exponent=-4.0),),  # the weakest points count most
    optimizer=OptimizerSettings(steps=150, method="lbfgs"),
)

if __name__ == "__main__":
    device = mg.design.run(settings, "edof.h5")
    print(f"power mean of the intensity on the axis: {device.history[0]:.3g} → {device.figure:.3g}")
