"""A hologram: a picture 10 µm behind a device in light along x (titanium dioxide posts on glass).

    python design/hologram.py    # forward design and optimised device, as the model predicts them
    python design/hologram.py fields    # in Meep, too; the fields stay in that folder

The forward design finds the phase of the picture by iteration (Gerchberg and Saxton); the optimiser then
makes the light more like the picture. Lengths are micrometres.
"""

import sys
from pathlib import Path

import numpy as np
import torch

import metagen as mg
from metagen import forward
from metagen.base.tables import Table, number
from metagen.design import DesignSymmetry, Light, OptimizerSettings
from metagen.fdtd.campaign import Campaign, Task, run
from metagen.propagation import coordinates
from metagen.verify.verification import Simulated, values

LIGHT, COUNT, DISTANCE, WIDTH = mg.Illumination(0.66), 41, 10.0, 12.0
CAMPAIGN = Path(__file__).parents[1] / "simulations" / "tio2_posts_660.toml"  # how finely Meep simulates
ROWS = """
...............
...............
...#########...
...#########...
...##..........
...##..........
...#######.....
...#######.....
...##..........
...##..........
...##..........
...##..........
...............
...............
...............
"""
picture = np.array([[c == "#" for c in row] for row in ROWS.split()], dtype=float)[::-1].T  # [x, y]
wanted = torch.from_numpy(np.kron(picture, np.ones((3, 3))))
places = coordinates(len(wanted), WIDTH / len(wanted))


def likeness(light: Light) -> torch.Tensor:
    """1 − the relative error of the amplitude in the plane of the picture, with the best factor."""
    made = light[LIGHT].plane(DISTANCE, places).sqrt()
    return (made * wanted).sum() ** 2 / (made.square().sum() * wanted.square().sum())


settings = OptimizerSettings(steps=60, method="lbfgs", symmetry=DesignSymmetry.NONE)


def main(*folders: str) -> None:
    model = mg.surrogate.load("tio2-posts-660-x")
    target = forward.Hologram(picture, width=WIDTH, distance=DISTANCE)
    start = forward.matched(model.platform, forward.Aim(LIGHT, target), COUNT)
    device = mg.design.optimize(
        start, [model], likeness, settings, name="hologram-designed", path="hologram.h5"
    )
    rows = [
        (each.name, "predicted", number(1 - values([likeness], each, [model])[0])) for each in (start, device)
    ]
    for folder in folders:
        (beam,) = Campaign.load(CAMPAIGN).light_of([LIGHT])
        for near in map(mg.NearField.load, run([Task(each, beam) for each in (start, device)], Path(folder))):
            (found,) = values([likeness], near.layout, [Simulated(near, components=3)])
            rows.append((near.layout.name, "in Meep", number(1 - found)))
    note = "‖s·|E| − A‖² / ‖A‖² with the amplitude A of the picture and the best factor s."
    Table("hologram", ("device", "light", "relative error"), tuple(rows), note).print()


if __name__ == "__main__":
    main(*sys.argv[1:])
