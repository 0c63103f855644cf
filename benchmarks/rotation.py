"""How wrong it is to turn the Jones matrix instead of the fin: the neighbours do not turn with it.

python benchmarks/rotation.py
"""

from __future__ import annotations

import math

import numpy as np

import metagen as mg
from metagen.base.tables import Table

FINS = {0.405: (0.150, 0.040, 0.200), 0.532: (0.250, 0.095, 0.325), 0.660: (0.410, 0.085, 0.430)}
"""Wavelength: length, width and period of the fins of M. Khorasaninejad et al., Science 352, 1190 (2016)."""
HEIGHT = 0.6
ANGLES = (15, 30, 45, 60, 75)
"""Degrees."""


def differences(wavelength: float, length: float, width: float, period: float) -> list[float]:
    """|J_turned − J_solved| / |J_solved| (Frobenius norms) per angle."""
    platform = mg.Platform(
        lattice=mg.Lattice.square(period),
        atom=mg.atoms.Rectangle(length=length, width=width, angle=(0, math.pi)),
        height=HEIGHT,
        pillar="titanium_dioxide",
        substrate="fused_silica",
    )
    library = mg.rcwa.Library.compute(platform, mg.Illumination(wavelength, "left"))
    upright, found = library(angle=0.0), []
    for angle in np.radians(ANGLES):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        solved = library(angle=angle)
        found.append(float(np.linalg.norm(turn @ upright @ turn.T - solved) / np.linalg.norm(solved)))
    return found


if __name__ == "__main__":
    Table(
        "Turning the Jones matrix instead of the fin",
        ("wavelength (µm)", "fin (µm)", *(f"{angle}°" for angle in ANGLES)),
        tuple(
            (
                f"{wavelength:g}",
                f"{length:g} × {width:g}, period {period:g}",
                *(f"{each:.1%}" for each in differences(wavelength, length, width, period)),
            )
            for wavelength, (length, width, period) in FINS.items()
        ),
        "Difference of the turned Jones matrix from that of the turned fin, over the latter (norms).",
    ).print()
