"""P3: a library of TiO2 pluses and I-beams (Chen et al., Nat. Commun. 14, 2544 (2023)).

Sizes, indices and phases as in the invrs-io/gym challenge "meta-atom library", which compares to 0.44 rad.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

import metagen as mg
from metagen.device import Illumination, Lattice
from metagen.device.atoms import Fixed
from published_cases.claim import Claim

Corners = tuple[tuple[float, float], ...]

PITCH, HEIGHT = 0.400, 0.600
ORDERS = 10
INDICES = {0.444: 2.511, 0.452: 2.497, 0.548: 2.392, 0.556: 2.387, 0.644: 2.343, 0.652: 2.341}
"""Of the TiO2, by wavelength."""
CONSERVED = {
    0.450: (0, 0.451, 1.212, 1.985, 2.471, 3.843, 4.641, 5.489),
    0.550: (0, 0.925, 1.898, 2.783, 3.195, 4.354, 5.140, 5.738),
    0.650: (0, 0.501, 1.137, 1.910, 2.259, 3.693, 4.005, 4.641),
}
"""Published phase (rad) of the circular light that keeps its handedness, less that of the first atom."""
CONVERTED = {
    0.450: (0, 0.391, 1.137, 1.821, 2.194, 3.749, 4.632, 5.465),
    0.550: (0, 0.900, 2.331, 2.567, 3.052, 4.308, 4.433, 5.540),
    0.650: (0, 0.502, 1.137, 1.945, 2.306, 3.600, 3.861, 4.843),
}
"""The same of the light that changes it."""
CHANGE = 0.01
"""Of the index, to see what it does: the TiO2 that comes with metagen has 0.04 to 0.06 more."""


def quartered(*quarter: tuple[float, float]) -> Corners:
    """A polygon with two mirrors, from its corners (nanometres) where x and y are positive."""
    corners = np.array(quarter) / 1e3
    back = corners[::-1]
    parts = (corners, back * [-1, 1], -corners, back * [1, -1])
    return tuple((float(x), float(y)) for x, y in np.concatenate(parts))


def plus(length: float, width: float, height: float, breadth: float) -> Corners:
    """A bar along x, length × width, and one along y, height × breadth."""
    return quartered((length / 2, width / 2), (breadth / 2, width / 2), (breadth / 2, height / 2))


def beam(height: float, depth: float, length: float, gap: float) -> Corners:
    """A rectangle, length × height, with a notch from above and one from below, each depth × gap."""
    return quartered((length / 2, height / 2), (gap / 2, height / 2), (gap / 2, height / 2 - depth))


def turned(corners: Corners) -> Corners:
    """By 90 degrees."""
    return tuple((-y, x) for x, y in corners)


ATOMS = (
    plus(156, 86, 140, 86),
    plus(230, 60, 220, 60),
    beam(200, 60, 200, 80),
    turned(beam(320, 120, 180, 60)),
    turned(beam(340, 120, 180, 60)),
    turned(beam(340, 130, 280, 80)),
    turned(beam(320, 110, 300, 60)),
    turned(beam(340, 90, 300, 60)),
)
"""The eight atoms. The first two are given as the length and the width of either bar."""


def platform(wavelength: float, change: float = 0.0) -> mg.Platform:
    """Its TiO2 has the published index, interpolated, plus a change."""
    index = float(np.interp(wavelength, list(INDICES), list(INDICES.values())))
    return mg.Platform(
        lattice=Lattice.square(PITCH),
        atom=Fixed(polygons=ATOMS),
        height=HEIGHT,
        pillar=index + change,
        substrate="fused_silica",
    )


def circular(
    wavelength: float, orders: int = ORDERS, change: float = 0.0, atoms: Sequence[int] = range(len(ATOMS))
) -> NDArray[np.complex128]:
    """[2, K] amplitudes of the light that keeps and that changes its handedness, for some atoms."""
    made, light = platform(wavelength, change), Illumination(wavelength, "left")
    solved = [mg.rcwa.solve(made, light, orders=orders, choice=k).jones for k in atoms]
    xx, yy = np.array(solved)[:, 0, 0], np.array(solved)[:, 1, 1]
    return np.array([xx + yy, xx - yy]) / 2


def differences(
    wavelength: float, amplitudes: NDArray[np.complex128], atoms: Sequence[int] = range(len(ATOMS))
) -> NDArray[np.float64]:
    """[2, K] phase relative to the first of some atoms less the published one, between −π and π."""
    phase = np.angle(amplitudes / amplitudes[:, :1])
    published = np.array([CONSERVED[wavelength], CONVERTED[wavelength]])[:, list(atoms)]
    return np.asarray((phase - published + published[:, :1] + math.pi) % (2 * math.pi) - math.pi)


def claims() -> Iterator[Claim]:
    """The largest difference per wavelength and handedness."""
    for wavelength in CONSERVED:
        amplitudes = circular(wavelength)
        found = differences(wavelength, amplitudes)
        other = differences(wavelength, circular(wavelength, change=CHANGE))
        for row, name in enumerate(("conserved", "converted")):
            atom = int(np.abs(found[row]).argmax())
            published = (CONSERVED, CONVERTED)[row][wavelength][atom]
            yield Claim(
                f"P3 pluses and I-beams, {wavelength * 1e3:.0f} nm, handedness {name}",
                f"phase of atom {atom + 1}, the farthest from print, relative to atom 1",
                f"{published:.3f} rad",
                f"{published + found[row, atom]:.3f} rad",
                f"{found[row, atom]:+.3f} rad",
                f"an index larger by {CHANGE}: {np.abs(other[row]).max():.3f} rad at most, of all atoms",
            )
