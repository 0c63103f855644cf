"""A beam deflector: light along x leaves at 20° (titanium dioxide posts on glass).

    python design/deflector.py    # forward design and optimised device, as the model predicts them
    python design/deflector.py fields    # in Meep, too; the fields stay in that folder

The objective is a function of the light of our own. Lengths are micrometres.
"""

import math
import sys
from pathlib import Path

import torch

import metagen as mg
from metagen import forward
from metagen.base.tables import Table, number
from metagen.design import DesignSymmetry, Light, OptimizerSettings
from metagen.fdtd.campaign import Campaign, Task, run
from metagen.propagation import coordinates
from metagen.verify.verification import Simulated, values

LIGHT, ANGLE, COUNT = mg.Illumination(0.66), math.radians(20), 31
CAMPAIGN = Path(__file__).parents[1] / "simulations" / "tio2_posts_660.toml"  # how finely Meep simulates


def efficiency(light: Light) -> torch.Tensor:
    """Share of the incident power in the plane wave that leaves the aperture at the angle."""
    wave = light[LIGHT]
    field, (along_x, along_y) = wave.near_field, wave.sample_spacings
    phase = 2 * math.pi / LIGHT.wavelength * math.sin(ANGLE) * coordinates(field.shape[-2], along_x)
    amplitude = (field * torch.exp(-1j * phase)[:, None]).mean((-2, -1))
    area = field.shape[-2] * along_x * field.shape[-1] * along_y
    return amplitude.abs().square().sum(-1) * math.cos(ANGLE) * area / wave.incident_power


settings = OptimizerSettings(steps=60, method="lbfgs", symmetry=DesignSymmetry.NONE)


def main(*folders: str) -> None:
    model = mg.surrogate.load("tio2-posts-660-x")
    start = forward.matched(model.platform, forward.Aim(LIGHT, forward.Deflection(ANGLE)), COUNT)
    device = mg.design.optimize(start, [model], efficiency, settings, name="deflector", path="deflector.h5")
    rows = [
        (each.name, "predicted", number(*values([efficiency], each, [model]))) for each in (start, device)
    ]
    for folder in folders:
        (beam,) = Campaign.load(CAMPAIGN).light_of([LIGHT])
        for near in map(mg.NearField.load, run([Task(each, beam) for each in (start, device)], Path(folder))):
            (found,) = values([efficiency], near.layout, [Simulated(near, components=3)])
            rows.append((near.layout.name, "in Meep", number(found)))
    note = "Share of the incident power in the plane wave at 20°, as wide as the device."
    Table("deflector", ("device", "light", "efficiency"), tuple(rows), note).print()


if __name__ == "__main__":
    main(*sys.argv[1:])
