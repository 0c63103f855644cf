"""P5: TiO2 fins that change the handedness of circular light (Khorasaninejad et al., Science 352, 1190).

The fin for 405 nm was quoted from memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import metagen as mg
from metagen.device import Illumination, Lattice
from metagen.device.atoms import Rectangle
from published_cases.claim import Claim

HEIGHT = 0.600
ORDERS = 10
DEGREES = (0, 15, 30, 45, 60, 75)
PUBLISHED = 0.95
"""The best of all fins of the paper."""


@dataclass(frozen=True)
class Fin:
    """The fin of one wavelength, the period of its square lattice, and why it may differ from print."""

    wavelength: float
    length: float
    width: float
    period: float
    note: str = "the published one is the best of the three"

    @property
    def lattices(self) -> dict[str, Lattice]:
        """The square lattice, and the hexagonal one with a fin on the same area."""
        spacing = self.period * math.sqrt(2 / math.sqrt(3))
        return {"square": Lattice.square(self.period), "hexagonal": Lattice.hexagonal(spacing)}

    def conversion(self, lattice: Lattice, degrees: tuple[int, ...] = DEGREES) -> NDArray[np.float64]:
        """[K] power of the other handedness in order 0 over incident power, for fins turned by angles."""
        platform = mg.Platform(
            lattice=lattice,
            atom=Rectangle(length=self.length, width=self.width, angle=(0.0, math.pi)),
            height=HEIGHT,
            pillar="titanium_dioxide",
            substrate="fused_silica",
        )
        light = Illumination(self.wavelength, "left")
        solved = [mg.rcwa.solve(platform, light, orders=ORDERS, angle=math.radians(a)).jones for a in degrees]
        converted = light.jones @ np.array(solved) @ light.jones
        return np.asarray(np.abs(converted) ** 2 / platform.at(self.wavelength).substrate)


FINS = (
    Fin(0.405, 0.150, 0.040, 0.200, "sizes quoted from memory"),
    Fin(0.532, 0.250, 0.095, 0.325),
    Fin(0.660, 0.410, 0.085, 0.430),
)


def claims() -> Iterator[Claim]:
    """Each fin on both lattices."""
    for fin in FINS:
        for name, lattice in fin.lattices.items():
            found = fin.conversion(lattice)
            yield Claim(
                f"P5 TiO2 fin, {fin.wavelength * 1e3:.0f} nm, {name} lattice",
                f"conversion of handedness, turned by {', '.join(map(str, DEGREES))}°",
                f"up to {PUBLISHED}",
                ", ".join(f"{value:.3f}" for value in found),
                f"{found.max() - PUBLISHED:+.3f} at best",
                fin.note,
            )
