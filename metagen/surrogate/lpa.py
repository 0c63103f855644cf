"""The local phase approximation, in its two versions: every pillar as if its neighbours were its twins."""

from __future__ import annotations

import cmath
from functools import lru_cache
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen import rcwa
from metagen.nearfield import monitor_height
from metagen.platform import Platform
from metagen.surrogate.base import Surrogate
from metagen.surrogate.domain import Domain
from metagen.surrogate.pillars import RadiusSpline, knots
from metagen.surrogate.settings import Cell, LPASettings


class LPA(Surrogate):
    """Over every cell, the field of the periodic lattice of pillars like its own.

    Attributes:
        cells: the field over the cell as a function of the radius.
    """

    def __init__(self, domain: Domain, settings: LPASettings) -> None:
        super().__init__(domain, settings, width=1)
        self.cells = RadiusSpline(domain, settings.points, domain.patch_size)

    @classmethod
    def compute(cls, domain: Domain, settings: LPASettings | None = None) -> Self:
        """Compute the periodic cells with RCWA."""
        settings = settings or LPASettings()
        model = cls(domain, settings)
        radii = np.append(knots(domain, settings.points), 0.0)
        cells = flat_cells(domain, radii) if settings.cell == Cell.FLAT else near_cells(domain, radii)
        model.cells.fit(cells[:-1], cells[-1])
        return model.eval()

    def patches(self, radii: Tensor) -> Tensor:
        """[..., n·n·C] complex field over cells with radii [..., 1]."""
        return self.cells(radii.squeeze(-1))


def flat_cells(domain: Domain, radii: NDArray[np.float64]) -> Tensor:
    """[G, n·n·C] the zero-order transmission at the pillar top, carried to the monitor as a plane wave.

    Ey and Ez are zero.
    """
    distance = monitor_height(0.0, domain.wavelength)
    travelled = cmath.exp(2j * cmath.pi * domain.platform.cover * distance / domain.wavelength)
    amplitudes = _transmission(domain.platform, domain.wavelength, tuple(radii)) * travelled
    cells = torch.zeros(len(radii), domain.samples**2, domain.components, dtype=torch.complex128)
    cells[..., 0] = amplitudes[:, None]
    return cells.flatten(1)


def near_cells(domain: Domain, radii: NDArray[np.float64]) -> Tensor:
    """[G, n·n·C] the near field of the periodic cell at the monitor, all orders included."""
    fields = _near_fields(domain.platform, domain.wavelength, tuple(radii), domain.samples)
    return fields[..., : domain.components].flatten(1)


@lru_cache(maxsize=8)
def _transmission(platform: Platform, wavelength: float, radii: tuple[float, ...]) -> Tensor:
    return rcwa.transmission(platform, torch.tensor(radii, dtype=torch.float64), wavelength)


@lru_cache(maxsize=8)
def _near_fields(platform: Platform, wavelength: float, radii: tuple[float, ...], samples: int) -> Tensor:
    return rcwa.near_fields(platform, torch.tensor(radii, dtype=torch.float64), wavelength, samples)
