"""Complex vectors as smooth functions of the parameters of a pillar, through computed cells."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from torch import Tensor, nn

from metagen.device.atoms import Kind
from metagen.rcwa.axes import axes_of
from metagen.surrogate.domain import Domain
from metagen.surrogate.grid_axis import GridAxis
from metagen.surrogate.pillars import unpacked

MOST = 700
"""Cells of a grid of several parameters, at most."""
FINEST = 5
"""Finest level of a grid: 33 lengths, 32 angles."""


class Interpolation(nn.Module, ABC):
    """A complex vector for every pillar, and one for a site without.

    Attributes:
        empty: [size, 2] vector at a site without a pillar, real and imaginary parts.
    """

    empty: Tensor

    def __init__(self, domain: Domain, size: int) -> None:
        super().__init__()
        self.domain = domain
        self.register_buffer("empty", torch.zeros(size, 2))

    @property
    @abstractmethod
    def knots(self) -> NDArray[np.float64]:
        """[G, P] parameters at which the vector must be given."""

    @abstractmethod
    def fit(self, found: Tensor, empty: Tensor) -> None:
        """Go through complex vectors ``found`` [G, size] at the knots, ``empty`` [size] without a pillar."""

    @abstractmethod
    def at(self, values: Tensor) -> Tensor:
        """[..., size, 2] vector at parameters [..., P]."""

    def forward(self, pillars: Tensor) -> Tensor:
        """[..., size] complex vectors at packed pillars [..., K] of cells with one site."""
        values, present = unpacked(pillars, self.domain)
        found = self.at(values[..., 0, :])
        there = present[..., None] > 0
        return torch.view_as_complex(torch.where(there, found, self.empty.to(found.dtype)).contiguous())


class LengthSpline(Interpolation):
    """A cubic spline over even knots of one length.

    Attributes:
        pieces: [points − 1, 4, size, 2] cubic coefficients per interval, highest power first.
    """

    pieces: Tensor

    def __init__(self, domain: Domain, points: int, size: int) -> None:
        super().__init__(domain, size)
        self.register_buffer("pieces", torch.zeros(points - 1, 4, size, 2))

    @property
    def knots(self) -> NDArray[np.float64]:
        """See :attr:`Interpolation.knots`."""
        return np.linspace(*self.domain.known[0], len(self.pieces) + 1)[:, None]

    def fit(self, found: Tensor, empty: Tensor) -> None:
        """See :meth:`Interpolation.fit`."""
        spline = CubicSpline(self.knots[:, 0], found.numpy(), axis=0)
        pieces = torch.from_numpy(spline.c).swapaxes(0, 1).resolve_conj().contiguous()
        self.pieces.copy_(torch.view_as_real(pieces))
        self.empty.copy_(torch.view_as_real(empty.resolve_conj()))

    def at(self, values: Tensor) -> Tensor:
        """See :meth:`Interpolation.at`."""
        length = values[..., 0]
        low, high = self.domain.known[0]
        step = (high - low) / len(self.pieces)
        index = ((length.detach() - low) / step).long().clamp(0, len(self.pieces) - 1)
        offset = (length - low - index * step)[..., None, None]
        cubic, square, slope, value = self.pieces[index].unbind(-3)
        return ((cubic * offset + square) * offset + slope) * offset + value


class ParameterGrid(Interpolation):
    """A tensor product of Chebyshev polynomials of lengths and Fourier series of angles.

    Attributes:
        axes: the parameters, and how finely each is sampled.
        factors: [G, size, 2] factors of the products of functions.
    """

    factors: Tensor

    def __init__(self, domain: Domain, size: int) -> None:
        super().__init__(domain, size)
        grids = [[GridAxis(axis, level) for axis in axes_of(domain.atom)] for level in range(1, FINEST + 1)]
        self.axes = max((grid for grid in grids if _cells(grid) <= MOST), key=_cells, default=grids[0])
        self.register_buffer("factors", torch.zeros(_cells(self.axes), size, 2))

    @property
    def knots(self) -> NDArray[np.float64]:
        """See :attr:`Interpolation.knots`."""
        nodes = [axis.nodes for axis in self.axes]
        return np.asarray(np.stack(np.meshgrid(*nodes, indexing="ij"), -1).reshape(-1, len(nodes)))

    def fit(self, found: Tensor, empty: Tensor) -> None:
        """See :meth:`Interpolation.fit`."""
        counts = [axis.count for axis in self.axes]
        factors = found.to(torch.complex128).reshape(*counts, -1)
        for position, axis in enumerate(self.axes):
            matrix = torch.from_numpy(axis.to_factors()).to(torch.complex128)
            factors = torch.tensordot(matrix, factors, ([1], [position])).movedim(0, position)
        self.factors.copy_(torch.view_as_real(factors.flatten(0, -2).resolve_conj().contiguous()))
        self.empty.copy_(torch.view_as_real(empty.resolve_conj()))

    def at(self, values: Tensor) -> Tensor:
        """See :meth:`Interpolation.at`."""
        functions = [axis.functions(values[..., i]) for i, axis in enumerate(self.axes)]
        products = reduce(lambda some, more: (some[..., None] * more[..., None, :]).flatten(-2), functions)
        joined = products @ self.factors.to(products.dtype).flatten(1)
        return joined.reshape(*joined.shape[:-1], -1, 2)


def _cells(grid: list[GridAxis]) -> int:
    return math.prod(axis.count for axis in grid)


def interpolation(domain: Domain, points: int, size: int) -> Interpolation:
    """A spline if a pillar has one length, and a grid otherwise.

    Args:
        domain: says which parameters there are.
        points: knots of a spline.
        size: of the vectors.
    """
    kinds = [each.kind for each in domain.platform.atom.parameters]
    return LengthSpline(domain, points, size) if kinds == [Kind.LENGTH] else ParameterGrid(domain, size)
