"""A published lens of turned TiO2 fins (flexcompute/metalens) in Meep: how much circular light it focuses.

    python benchmarks/geometric_phase.py                      (quarter of an hour on one core)
    python benchmarks/geometric_phase.py --angles FILE.npy    (angles in radians, [21, 21], of another device)

Efficiency: flux through the square of 1.26 µm about the focus, over the flux that falls onto the aperture.
Simulations are kept in the folder --output and not done twice.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import metagen as mg
from metagen.base.tables import Table, number
from metagen.device import Illumination, Lattice
from metagen.device.atoms import Rectangle
from metagen.fdtd import Numerics
from metagen.fdtd.beam import Beam
from metagen.fdtd.campaign import Task, run
from metagen.propagation.planes import poynting

PERIOD, COUNT, WAVELENGTH, FOCAL_LENGTH = 0.430, 21, 0.66, 3.3863
BUCKET = 1.26
POINTS = 64
"""Along one side of the bucket."""
PLATFORM = mg.Platform(
    lattice=Lattice.square(PERIOD),
    atom=Rectangle(length=0.410, width=0.085, angle=(0.0, math.pi)),
    height=0.600,
    pillar=2.40,
    substrate=1.46,
)


def published_angles() -> NDArray[np.float64]:
    """[21, 21] angles of the fins with the long side, from x: half the phase that a lens needs."""
    centres = (np.arange(COUNT) - (COUNT - 1) / 2) * PERIOD
    radius = np.hypot(centres[:, None], centres)
    return np.asarray(math.pi / WAVELENGTH * (FOCAL_LENGTH - np.hypot(radius, FOCAL_LENGTH)))


def efficiency(x: mg.NearField, y: mg.NearField, handedness: str) -> float:
    """The efficiency in circular light, which is a sum of the light along x and along y."""
    first, second = Illumination(WAVELENGTH, handedness).jones
    field = torch.from_numpy(np.moveaxis(first * x.field + second * y.field, -1, 0).copy())
    step = BUCKET / POINTS
    points = (torch.arange(POINTS, dtype=torch.float64) + 0.5) * step - BUCKET / 2
    distance = FOCAL_LENGTH - WAVELENGTH / 2  # from the monitor; the focal length counts from the fin tops
    flux = poynting(field, x.sample_spacing, WAVELENGTH, distance, points, points)
    return float(flux.sum()) * step**2 / (PLATFORM.at(WAVELENGTH).substrate * (COUNT * PERIOD) ** 2)


def main() -> None:
    """Simulate what is missing and print the efficiency for both circular polarisations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--angles", type=Path, help="file of other angles")
    parser.add_argument("--pixels", type=int, default=14, help="per period")
    parser.add_argument("--output", type=Path, default=Path("runs/geometric-phase"))
    given = parser.parse_args()
    angles = np.load(given.angles) if given.angles else published_angles()
    name = given.angles.stem if given.angles else "published"
    layout = mg.Layout(PLATFORM, {"angle": angles % math.pi}, name=name)
    numerics = Numerics(WAVELENGTH, given.pixels)
    beams = [Beam(numerics, Illumination(WAVELENGTH, polarisation)) for polarisation in ("x", "y")]
    x, y = map(mg.NearField.load, run([Task(layout, beam) for beam in beams], given.output))
    Table(
        f"{name}, {given.pixels} pixels per period",
        ("light", "efficiency"),
        tuple((light, number(efficiency(x, y, light))) for light in ("left", "right")),
        f"Flux through a square of {BUCKET} µm at the focus over that onto the aperture.",
    ).print()


if __name__ == "__main__":
    main()
