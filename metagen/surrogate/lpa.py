"""The local phase approximation in two versions: every pillar as if its neighbours were equal to it."""

from __future__ import annotations

import cmath
import math
from dataclasses import asdict
from functools import lru_cache
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen import rcwa
from metagen.base.files import content_hash
from metagen.base.validation import plain
from metagen.device.sampling import monitor_height
from metagen.rcwa.table import SOLVER_VERSION
from metagen.surrogate.base import Surrogate
from metagen.surrogate.blocks import in_blocks
from metagen.surrogate.domain import Domain
from metagen.surrogate.settings import CellField, LPASettings
from metagen.surrogate.spline import RadiusSpline, knots

BATCH = 32
"""How many cells are solved at once, to bound the memory."""
SIDE = 64
"""Largest number of cells along one side of a block that is evaluated at once."""


class LPA(Surrogate):
    """A model with the field of a periodic lattice over every cell, with all pillars equal to the one there.

    Attributes:
        cells: the field over a cell as a function of the radius.
    """

    def __init__(self, domain: Domain, settings: LPASettings) -> None:
        super().__init__(domain, settings, width=1)
        self.cells = RadiusSpline(domain, settings.points, domain.patch_size)

    @classmethod
    def compute(cls, domain: Domain, settings: LPASettings | None = None) -> Self:
        """Make the model by computing periodic cells with RCWA."""
        settings = settings or LPASettings()
        model = cls(domain, settings)
        radii = np.append(knots(domain, settings.points), 0.0)
        cells = flat_cells(domain, radii) if settings.cell == CellField.FLAT else near_cells(domain, radii)
        model.cells.fit(cells[:-1], cells[-1])
        return model.eval()

    @property
    def hash(self) -> str:
        """Content hash of what the cells are computed from; each processor rounds the cells themselves
        differently."""
        return content_hash(
            type(self).__qualname__, plain(self.domain), asdict(self.settings), SOLVER_VERSION
        )

    def fields(self, surrounded: Tensor) -> Tensor:
        """See :meth:`Surrogate.fields`."""
        return in_blocks(lambda pillars: self.cells(pillars[..., 0]), surrounded, 0, SIDE)


def flat_cells(domain: Domain, radii: NDArray[np.float64]) -> Tensor:
    """[G, n·n·C] zero-order transmission at the pillar top, propagated to the monitor as a plane wave.

    Ey and Ez are zero.
    """
    distance = monitor_height(0.0, domain.wavelength)
    travelled = cmath.exp(2j * cmath.pi * domain.media.cover * distance / domain.wavelength)
    transmission = np.concatenate([cell.t for cell in _solved(domain, tuple(radii))])
    cells = torch.zeros(len(radii), domain.samples**2, domain.components, dtype=torch.complex128)
    cells[..., 0] = torch.from_numpy(transmission * travelled)[:, None]
    return cells.flatten(1)


def near_cells(domain: Domain, radii: NDArray[np.float64]) -> Tensor:
    """[G, n·n·C] near field of the periodic cell at the monitor, with all orders."""
    plane = monitor_height(domain.platform.height, domain.wavelength)
    fields = np.concatenate(
        [cell.near_field(plane, domain.samples) for cell in _solved(domain, tuple(radii))]
    )
    return torch.from_numpy(fields[..., : domain.components]).flatten(1)


@lru_cache(maxsize=2)
def _solved(domain: Domain, radii: tuple[float, ...]) -> tuple[rcwa.UnitCell, ...]:
    """The solved periodic cells in batches; both versions of the approximation use the same ones."""
    parts = np.array_split(radii, math.ceil(len(radii) / BATCH))
    return tuple(rcwa.solve(domain.platform, part, domain.wavelength) for part in parts)
