"""A smooth field of directions that is normal to all walls of a cell, as a projector n·nᵀ.

N has trace one everywhere and is n·nᵀ on the walls; where no direction is preferred it is ½. It is periodic
and smooth away from corners, so that its Fourier series converges fast. Two fields are in use: between the
walls of any shapes directions are weighted by distance; an ellipse alone in a square cell has its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from metagen.device.lattice import Lattice
from metagen.device.symmetry import Symmetry
from metagen.rcwa.basis import TransverseBasis
from metagen.rcwa.cell import Cell
from metagen.rcwa.radial import Projector, SquarePoints, concentric_outline, radial_projector
from metagen.rcwa.walls import projector_between_walls

QUADRATURE = 96
"""Points along either side of the primitive cell for the Fourier integrals. More change t of the paper's cell
by less than 1e-7, and by up to 1e-4 where neighbouring pillars almost touch (a gap of 3 nm)."""


@dataclass(frozen=True, eq=False)
class CellPoints:
    """Points that fill a primitive cell evenly, or a quarter of it that mirrors complete.

    They are r = u·a1 + v·a2 with the lattice vectors a1, a2 and steps u, v. In a rectangular cell every
    mirror keeps the points and none lies on an axis; else the origin is one, so that turns keep them.

    Attributes:
        x, y: [X, Y] positions.
        cosine_x, sine_x, cosine_y, sine_y: [k, X] and [k, Y] Fourier matrices at all orders that are wanted.
        columns, rows: [d] which of these each wanted order is.
        is_quarter: whether the points are a quarter, where x and y are positive.
        period: side of the rectangular cell along x.
    """

    x: Tensor
    y: Tensor
    cosine_x: Tensor
    sine_x: Tensor
    cosine_y: Tensor
    sine_y: Tensor
    columns: Tensor
    rows: Tensor
    is_quarter: bool
    period: float

    @cached_property
    def of_square(self) -> SquarePoints:
        """The points of a square cell."""
        return SquarePoints(self.x, self.y, self.period)

    def even(self, values: Tensor) -> Tensor:
        """[..., d] Fourier coefficients of a function at the points [..., X, Y]; it is even under mirrors."""
        if self.is_quarter:
            return self._at_orders(4 * self.cosine_x @ values @ self.cosine_y.T)
        return self._of_all(values)

    def odd(self, values: Tensor) -> Tensor:
        """[..., d] Fourier coefficients likewise, of a function that is odd under both mirrors."""
        if self.is_quarter:
            return self._at_orders(-4 * self.sine_x @ values @ self.sine_y.T)
        return self._of_all(values)

    def _of_all(self, values: Tensor) -> Tensor:
        real, imaginary = self.cosine_x @ values, self.sine_x @ values
        even = real @ self.cosine_y.T - imaginary @ self.sine_y.T
        odd = real @ self.sine_y.T + imaginary @ self.cosine_y.T
        return self._at_orders(torch.complex(even, -odd))

    def _at_orders(self, values: Tensor) -> Tensor:
        return values[..., self.columns, self.rows] / QUADRATURE**2


@lru_cache(maxsize=32)
def _grid(lattice: Lattice, basis: TransverseBasis, has_mirrors: bool) -> CellPoints:
    vectors = torch.from_numpy(lattice.primitive)
    is_rectangular = abs(float(vectors[1, 0])) < 1e-9 * lattice.pitch[0]
    is_quarter = has_mirrors and is_rectangular
    steps = (torch.arange(QUADRATURE, dtype=torch.float64) + 0.5 * is_rectangular) / QUADRATURE - 0.5
    steps = steps[QUADRATURE // 2 :] if is_quarter else steps
    places = (steps[:, None] * vectors[0, axis] + steps * vectors[1, axis] for axis in (0, 1))
    x, y = (p - side * (p / side).round() for p, side in zip(places, lattice.pitch, strict=True))
    labels = basis.differences.double() @ (vectors / torch.tensor(lattice.pitch, dtype=torch.float64)).T
    (along_x, columns), (along_y, rows) = (
        torch.unique(label, return_inverse=True) for label in labels.round().unbind(-1)
    )
    phase_x, phase_y = (2 * math.pi * label[:, None] * steps for label in (along_x, along_y))
    waves = torch.cos(phase_x), torch.sin(phase_x), torch.cos(phase_y), torch.sin(phase_y)
    return CellPoints(x, y, *waves, columns, rows, is_quarter, lattice.pitch[0])


def normal_projector(cell: Cell, basis: TransverseBasis) -> Projector:
    """[..., d] Fourier coefficients of N_xx and N_xy at the differences of a basis.

    They are real where a half turn leaves the cell as it is.
    """
    grid = _grid(cell.repeated, basis, Symmetry.TWO_MIRRORS in cell.symmetry)
    n_xx, n_xy = _at_points(cell, grid)
    n_xx, n_xy = grid.even(n_xx), grid.odd(n_xy)
    return (n_xx.real, n_xy.real) if Symmetry.HALF_TURN in cell.symmetry else (n_xx, n_xy)


def _at_points(cell: Cell, grid: CellPoints) -> Projector:
    if len(cell.shapes) == 1 and cell.lattice.is_square and not cell.lattice.positions.any():
        outline = concentric_outline(cell.shapes[0])
        if outline is not None:
            return radial_projector(outline, grid.of_square)
    return projector_between_walls(cell, grid.x, grid.y)
