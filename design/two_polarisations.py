"""One lens, two uses: light along x goes to one focus, light along y to another (titanium dioxide on glass).

    python design/two_polarisations.py    # or: metagen design design/two_polarisations.py -o two.h5
    metagen verify design/two_polarisations.py two.h5 --campaign simulations/tio2_posts_660.toml -o verified
    metagen compare design/two_polarisations.py two.h5 --near-fields verified --report two.html
    python design/two_polarisations.py verified    # with the cross-talk of what was simulated

The start is the forward design: each post has the length and the width that, among posts like it, serve both
polarisations best. Lengths are micrometres.
"""

import sys
from dataclasses import replace
from pathlib import Path

import metagen as mg
from metagen.base.tables import Table, number
from metagen.design import DesignSettings, DesignSymmetry, Efficiency, MatchedStart, OptimizerSettings
from metagen.design.settings import start_layout
from metagen.verify.verification import Simulated, near_fields_of, values

RED, FOCAL_LENGTH, ASIDE = 0.66, 10.0, 2.0
FOCI = {"x": ASIDE, "y": -ASIDE}  # where light of each polarisation goes

settings = DesignSettings(
    name="two-polarisations",
    count=31,
    start=MatchedStart(),
    models=("tio2-posts-660-x",),  # that of light along y is its mirror image
    goals=tuple(
        Efficiency(RED, FOCAL_LENGTH, radius=1.0, x=x, polarisation=polarisation)
        for polarisation, x in FOCI.items()
    ),
    optimizer=OptimizerSettings(steps=80, method="lbfgs", symmetry=DesignSymmetry.NONE),
)
astray = [replace(goal, x=-goal.x) for goal in settings.goals]  # into the focus of the other polarisation


def row(name: str, layout: mg.Layout, models: list) -> tuple[str, ...]:
    """How much light of each polarisation goes to its own focus, and to the other one."""
    return name, *map(number, values([*settings.goals, *astray], layout, models))


def main(*folders: str) -> None:
    """Design the device; measure it and the start, as predicted and as simulated where there are fields."""
    device = mg.design.run(settings, "two_polarisations.h5")
    start = start_layout(settings, device.platform)
    start.save("two_polarisations-start.h5")
    models, rows = settings.load_models(), []
    for name, layout in (("forward", start), ("optimised", device)):
        rows.append(row(f"{name}, predicted", layout, models))
        if fields := [Simulated(near, components=3) for near in near_fields_of(layout, map(Path, folders))]:
            rows.append(row(f"{name}, in Meep", layout, fields))
    columns = ("device", "x to its focus", "y to its focus", "x to that of y", "y to that of x")
    Table(settings.name, columns, tuple(rows), "Shares of the incident power within 1 µm.").print()


if __name__ == "__main__":
    main(*sys.argv[1:])
