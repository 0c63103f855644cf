"""Shapes whose walls all run along x or y, cut into strips."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from metagen.device.shapes import Difference, Polygon, Shape
from metagen.device.symmetry import Symmetry
from metagen.rcwa.basis import Harmonics, TransverseBasis
from metagen.rcwa.cell import Cell
from metagen.rcwa.strips import assembled, interval_transform, inverse_rule

LEVEL = 1e-9
"""Share of the cell by which the ends of a wall along an axis may differ."""


def is_rectilinear(cell: Cell) -> bool:
    """Whether all walls of all pillars run along x or y."""
    tiny = LEVEL * min(cell.lattice.pitch)
    return all(_is_rectilinear(shape, tiny) for shape in cell.shapes)


def _is_rectilinear(shape: Shape, tiny: float) -> bool:
    if isinstance(shape, Difference):
        return _is_rectilinear(shape.outer, tiny) and _is_rectilinear(shape.inner, tiny)
    if not isinstance(shape, Polygon):
        return False
    vertices = shape.vertices.detach()
    return bool((vertices.roll(-1, -2) - vertices).abs().amin(-1).max() <= tiny)


@dataclass(frozen=True, eq=False)
class _Walls:
    """The walls of a cell that are normal to one axis.

    Attributes:
        at: [..., k] position of each along that axis.
        low, high: [..., k] its ends along the other axis.
        sign: [..., k] 1 where the pillar begins, −1 where it ends, 0 for none.
    """

    at: Tensor
    low: Tensor
    high: Tensor
    sign: Tensor

    @classmethod
    def of(cls, cell: Cell, axis: int) -> _Walls:
        """The walls of all pillars, and of their images that reach into the cell."""
        period, parts = cell.lattice.pitch[1 - axis], []
        for shape, site in cell.pillars:
            for at, start, end in _edges(shape, axis):
                for offset in (site[1 - axis] + turn * period for turn in (-1, 0, 1)):
                    parts.append(torch.stack([at + site[axis], start + offset, end + offset]))
        batch = np.broadcast_shapes(*(part.shape[1:] for part in parts))
        at, start, end = torch.stack([part.expand(3, *batch) for part in parts], -1)
        begins = (start - end) if axis == 0 else (end - start)
        return cls(at, torch.minimum(start, end), torch.maximum(start, end), begins.detach().sign())

    def strips(self, period: float) -> tuple[Tensor, Tensor, Tensor]:
        """[..., z] lower and upper borders of strips that hold pillars, and [..., z, k] signs of their walls.

        They lie between neighbouring ends of walls, within a period about 0.
        """
        ends = torch.cat([self.low, self.high], -1).clamp(-period / 2, period / 2).sort(-1).values
        low, high = ends[..., :-1], ends[..., 1:]
        middle = (low + high)[..., :, None].detach() / 2
        crosses = (self.low[..., None, :] < middle) & (middle < self.high[..., None, :])
        sign = self.sign[..., None, :] * crosses
        holds = (sign != 0).any(-1) & (high > low)
        kept = torch.nonzero(holds.reshape(-1, holds.shape[-1]).any(0))[:, 0]
        return low[..., kept], high[..., kept], sign[..., kept, :]


def _edges(shape: Shape, axis: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Position along an axis, start and end along the other, of the edges that are normal to the axis."""
    if isinstance(shape, Difference):
        yield from _edges(shape.outer, axis)
        yield from ((at, end, start) for at, start, end in _edges(shape.inner, axis))
        return
    assert isinstance(shape, Polygon)
    vertices = shape.vertices
    for start, end in zip(vertices.unbind(-2), vertices.roll(-1, -2).unbind(-2), strict=True):
        length = (end - start).detach().abs()
        if bool((length[..., 1 - axis] > length[..., axis]).any()):
            yield (start[..., axis] + end[..., axis]) / 2, start[..., 1 - axis], end[..., 1 - axis]


def strip_permittivity(
    cell: Cell, inner: Tensor, outer: Tensor, basis: TransverseBasis
) -> tuple[Tensor, Tensor]:
    """[..., n, n] permittivity on Ex and on Ey of pillars of ``inner`` in ``outer`` [..., 1, 1]."""
    on_x = _permittivity(_Walls.of(cell, 0), cell, 0, basis.ex, inner, outer)
    on_y = _permittivity(_Walls.of(cell, 1), cell, 1, basis.ey, inner, outer)
    is_real = Symmetry.HALF_TURN in cell.symmetry and not inner.is_complex()
    return (on_x.real, on_y.real) if is_real else (on_x, on_y)


def _permittivity(
    walls: _Walls, cell: Cell, axis: int, harmonics: Harmonics, inner: Tensor, outer: Tensor
) -> Tensor:
    """Permittivity on the component along an axis: strips that run along it, with walls normal to it."""
    period, other = cell.lattice.pitch[axis], cell.lattice.pitch[1 - axis]
    along_axis, across_it = (2 * harmonics.truncation.extent[k] for k in (axis, 1 - axis))
    low, high, sign = walls.strips(other)
    empty = (torch.arange(-along_axis, along_axis + 1) == 0).double()
    pattern = _pattern(walls.at, sign, period, along_axis)
    line = inverse_rule(empty / outer + (1 / inner - 1 / outer) * pattern)
    background = outer * torch.eye(along_axis + 1, dtype=torch.float64)
    widths = interval_transform(low, high, other, across_it)
    whole = assembled(line - background[..., None, :, :], widths, harmonics, axis)
    return outer * torch.eye(len(harmonics), dtype=torch.float64) + whole


def _pattern(at: Tensor, sign: Tensor, period: float, highest: int) -> Tensor:
    """[..., z, 2·highest + 1] Fourier coefficients, along each strip, of what its walls [..., k] enclose."""
    order = torch.arange(-highest, highest + 1, dtype=torch.float64)
    phase = 2 * math.pi / period * order * at[..., None]
    waves = torch.polar(torch.ones_like(phase), -phase) / (2j * math.pi * torch.where(order == 0, 1, order))
    waves = torch.where(order == 0, (-at / period)[..., None].to(waves.dtype), waves)
    return sign.to(waves.dtype) @ waves
