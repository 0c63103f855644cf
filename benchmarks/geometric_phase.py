"""A published lens of turned TiO2 fins (flexcompute/metalens) in Meep, beside its improvement and ours.

    python benchmarks/geometric_phase.py --output runs/geometric-phase [--improved improved_angles_N21.npy]
        [--device geometric-phase-lens.h5] [--pixels 14]
    python benchmarks/geometric_phase.py --sizes

21 × 21 fins at 660 nm and NA 0.8, on the platform of simulations/tio2_fins_660.toml or of its free
variant. One definition for all devices: power (Poynting) through the square of 1.26 µm in the focal
plane, 3.3863 µm above the fins, over the power incident on the aperture, in the circular light that
the device focuses. The published start turns the fins by half the phase of a lens; the improved
angles are those of the authors after 2,983 simulations, with both senses of rotation; a device is a
file of your own. Simulations that are in the output folder are not done again; `mpirun` serves.
With --sizes: what share of circular light periodic cells of fins of some lengths and widths
transmit with the other handedness (RCWA).
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
from metagen.fdtd import Beam
from metagen.fdtd.campaign import Campaign, Task, run
from metagen.verify.metrics import Wavefront, square_efficiency, transmission
from metagen.verify.verification import Simulated

CAMPAIGN, FREE = (
    Campaign.load(Path(__file__).parents[1] / "simulations" / name)
    for name in ("tio2_fins_660.toml", "tio2_free_fins_660.toml")
)
LENGTHS, WIDTHS = (0.33, 0.36, 0.37, 0.38, 0.41), (0.085, 0.11, 0.12, 0.13)
WAVELENGTH, FOCAL_LENGTH, COUNT, BUCKET = 0.66, 3.3863, 21, 1.26
PUBLISHED = "0.5766 and 0.6368 of what passes a plane below the lens, in a domain that ends at its edge"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/geometric-phase"), help="for near fields")
    parser.add_argument("--improved", type=Path, help="the published improved angles, [21, 21] in radians")
    parser.add_argument("--device", type=Path, action="append", default=[], help="device files of your own")
    parser.add_argument("--pixels", type=int, default=14, help="pixels per period")
    parser.add_argument("--sizes", action="store_true", help="what fins of other sizes would turn")
    options = parser.parse_args()
    if options.sizes:
        sizes().print()
        return
    devices = [start(), *improved(options.improved), *map(mg.Layout.load, options.device)]
    rows = [measured(device, options.pixels, options.output) for device in devices]
    head = (
        "device",
        "input",
        "into the square",
        "transmitted",
        "square / transmitted",
    )
    Table("Geometric-phase lens", head, tuple(rows), f"Published: {PUBLISHED}.").print()


def sizes() -> Table:
    """A row per length of what periodic cells of equal fins, at angle 0, make of circular light."""
    rows = [(f"{length:g}", *(f"{converted(length, width):.3f}" for width in WIDTHS)) for length in LENGTHS]
    head = ("length", *(f"width {width:g}" for width in WIDTHS))
    return Table("Circular light that becomes light of the other handedness", head, tuple(rows))


def converted(length: float, width: float) -> float:
    """Power of the other handedness behind a cell over that of circular light on it; NaN where fins touch."""
    if math.hypot(length, width) > CAMPAIGN.platform.lattice.spacing:
        return math.nan
    atom = mg.atoms.Rectangle(length, width, (0.0, math.pi))
    jones = mg.rcwa.solve(replace(CAMPAIGN.platform, atom=atom), mg.Illumination(WAVELENGTH), angle=0.0).jones
    return abs(jones[0, 0] - jones[1, 1]) ** 2 / 4 / CAMPAIGN.platform.at(WAVELENGTH).substrate


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


def measured(device: mg.Layout, pixels: int, folder: Path) -> tuple[str, ...]:
    """A row for the handedness that the device focuses."""
    campaign = CAMPAIGN if device.platform == CAMPAIGN.platform else FREE
    numerics = replace(campaign.light[0].numerics, pixels_per_period=pixels)
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
