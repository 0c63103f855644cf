"""What is peculiar to small devices: power lost at the cut edge, and a focus short of the focal length.

python benchmarks/small_apertures.py
"""

from __future__ import annotations

import torch

import metagen as mg
from metagen.base.tables import Table
from metagen.verify.metrics import Wavefront, ideal_lens, intensity

WAVELENGTH = 0.633
LENSES = ((21, 12.0), (41, 12.0), (113, 50.0))
"""Pillars along one side, and focal length."""


def edge_loss(count: int) -> float:
    """Share of the power of a uniform field over so many pillars that does not leave as light."""
    sample_spacing = mg.Platform().period / 10
    field = torch.ones(10 * count, 10 * count, dtype=torch.complex128)
    return (
        1
        - float(mg.propagation.power(field, sample_spacing, WAVELENGTH)) / (10 * count * sample_spacing) ** 2
    )


def brightest(wave: Wavefront, focal_length: float) -> float:
    """Distance at which the intensity on the axis is largest."""
    z = torch.linspace(0.3 * focal_length, 1.5 * focal_length, 241, dtype=torch.float64)
    return float(z[intensity(wave, torch.stack([0 * z, 0 * z, z], dim=1)).argmax()])


def row(count: int, focal_length: float) -> tuple[str, ...]:
    lens = mg.lens.focusing(mg.Platform(), focal_length, WAVELENGTH, count)
    wave = Wavefront.predicted(mg.surrogate.load("sin-633"), lens)
    peaks = (brightest(each, focal_length) for each in (wave, ideal_lens(wave, focal_length)))
    fresnel = (lens.side / 2) ** 2 / (WAVELENGTH * focal_length)
    return (f"{count}", f"{focal_length:g}", f"{fresnel:.1f}", *(f"{peak:.1f}" for peak in peaks))


if __name__ == "__main__":
    Table(
        "Power of a uniform field that is lost at the edge of its aperture",
        ("pillars along one side", "lost"),
        tuple((f"{count}", f"{edge_loss(count):.1%}") for count in (5, 9, 21, 41, 113)),
    ).print()
    Table(
        "Where a lens is brightest on its axis",
        (
            "pillars along one side",
            "focal length (µm)",
            "Fresnel number",
            "brightest (µm)",
            "ideal lens (µm)",
        ),
        tuple(row(*lens) for lens in LENSES),
        "Predicted by the model sin-633; the ideal lens has an even amplitude and a perfect phase.",
    ).print()
