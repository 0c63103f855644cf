"""A published lens of turned TiO2 fins (flexcompute/metalens) in Meep, beside its improvement and ours.

    python benchmarks/geometric_phase.py --output runs/geometric-phase [--improved improved_angles_N21.npy]
        [--device geometric-phase-lens.h5] [--pixels 14]

21 × 21 fins of one size at 660 nm and NA 0.8 (simulations/tio2_fins_660.toml). One definition for all
devices: power (Poynting) through the square of 1.26 µm in the focal plane, 3.3863 µm above the fins, over the
power incident on the aperture, in the circular light that the device focuses. The published start turns the
fins by half the phase of a lens; the improved angles are those of the authors after 2,983 simulations, with
both senses of rotation; a device is a file of your own. Simulations that are in the output folder are not
done again; `mpirun` serves.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import metagen as mg
from metagen.base.tables import Table
from metagen.design import Light
from metagen.fdtd import Beam, Numerics
from metagen.fdtd.campaign import Campaign, Task, run
from metagen.verify.metrics import Wavefront, square_efficiency, transmission
from metagen.verify.verification import Simulated

CAMPAIGN = Campaign.load(Path(__file__).parents[1] / "simulations" / "tio2_fins_660.toml")
WAVELENGTH, FOCAL_LENGTH, COUNT, BUCKET = 0.66, 3.3863, 21, 1.26
PUBLISHED = "0.5766 and 0.6368 of what passes a plane below the lens, in a domain that ends at its edge"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder for the near fields")
    parser.add_argument("--improved", type=Path, help="the published improved angles, [21, 21] in radians")
    parser.add_argument("--device", type=Path, action="append", default=[], help="device files of your own")
    parser.add_argument("--pixels", type=int, default=14, help="pixels per period")
    options = parser.parse_args()
    devices = [start(), *improved(options.improved), *map(mg.Layout.load, options.device)]
    numerics = replace(CAMPAIGN.light[0].numerics, pixels_per_period=options.pixels)
    rows = [measured(device, numerics, options.output) for device in devices]
    head = (
        "device",
        "input",
        "into the square",
        "transmitted",
        "square / transmitted",
    )
    Table("Geometric-phase lens", head, tuple(rows), f"Published: {PUBLISHED}.").print()


def start() -> mg.Layout:
    """The published formula for the angle, from the long side of a fin to x."""
    x = (np.arange(COUNT) - (COUNT - 1) / 2) * CAMPAIGN.platform.lattice.pitch[0]
    path = np.sqrt(x[:, None] ** 2 + x**2 + FOCAL_LENGTH**2)
    return turned(math.pi / WAVELENGTH * (FOCAL_LENGTH - path), "published-start")


def improved(path: Path | None) -> Iterator[mg.Layout]:
    if path is not None:
        angles = np.load(path)
        yield turned(angles, "published-improved")
        yield turned(-angles, "published-improved-other-sense")


def turned(angle: np.ndarray, name: str) -> mg.Layout:
    return mg.Layout(CAMPAIGN.platform, {"angle": angle % math.pi}, name)


def measured(device: mg.Layout, numerics: Numerics, folder: Path) -> tuple[str, ...]:
    """A row for the handedness that the device focuses."""
    beams = [Beam(numerics, mg.Illumination(WAVELENGTH, name)) for name in ("x", "y")]
    files = run([Task(device, beam) for beam in beams], folder)
    fields = [mg.NearField.load(file) for file in files]
    light = Light.behind(device, [Simulated(near, components=3) for near in fields])
    best = max(("left", "right"), key=lambda name: efficiency(light, name))
    through, passed = efficiency(light, best), transmission(wavefront(light, best))
    return device.name, best, f"{through:.4f}", f"{passed:.4f}", f"{through / passed:.4f}"


def efficiency(light: Light, polarisation: str) -> float:
    return square_efficiency(wavefront(light, polarisation), FOCAL_LENGTH - WAVELENGTH / 2, BUCKET)


def wavefront(light: Light, polarisation: str) -> Wavefront:
    wave = light[mg.Illumination(WAVELENGTH, polarisation)]
    with torch.no_grad():
        return Wavefront(wave.near_field, wave.sample_spacings, wave.illumination, CAMPAIGN.platform)


if __name__ == "__main__":
    main()
