"""Propagation to points straight from a model's coefficients: one small product per design step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.propagation.grid import check_lengths, check_points, coordinates
from metagen.propagation.points import kernel, row_chunks


class PointPropagator(torch.nn.Module):
    """Fields at fixed points as a linear function of the amplitudes that describe the device's near field.

    Attributes:
        weights: [P, N, N, rank] (or M instead of N) or [P, side, side] complex: what each amplitude adds at
            each point.
    """

    weights: Tensor

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", weights)

    @classmethod
    def for_basis(
        cls,
        basis: Tensor,
        count: int,
        period: float,
        wavelength: float,
        points: Tensor,
        index: float = 1.0,
        mirror: tuple[int, int] | None = None,
    ) -> PointPropagator:
        """A propagator for coefficients [..., N, N, rank] of a basis of cell fields.

        The whole field, cell (i, j) being Σ_r coefficients[i, j, r]·basis[r], is never formed: the kernel of
        :func:`metagen.propagation.rayleigh_sommerfeld` is summed over each cell here, once, point by point.

        Args:
            basis: [rank, n, n] fields over one cell, real or complex; its precision is that of the result.
            count: cells along one side, N.
            period: side of a cell.
            wavelength, points, index: see :func:`metagen.propagation.rayleigh_sommerfeld`.
            mirror: for fields with both mirror planes, the factors 1 or −1 by which they change under x → −x
                and y → −y; None for others. With it the propagator takes coefficients [..., M, M, rank] of
                the cells x, y ≥ 0, M = ⌈N/2⌉, and has a quarter of the weights.

        Raises:
            InputError: the basis is not [rank, n, n], a length is not positive, or a point is not in front.
        """
        if basis.ndim != 3 or basis.shape[1] != basis.shape[2]:
            raise InputError(f"basis has shape {tuple(basis.shape)}, expected [rank, n, n]")
        rank, samples, _ = basis.shape
        cells = basis.detach().reshape(rank, -1).mT.to(_complex(basis.dtype))
        sources, factors = _images(points, mirror)
        middle = 0 if mirror is None else count // 2
        grid = _Grid(count * samples, period / samples, wavelength, index)
        across = slice(middle * samples, count * samples)
        weights = cells.new_empty((len(points), count - middle, count - middle, rank))
        for rows in row_chunks(count - middle, len(sources) * samples * (across.stop - across.start)):
            along = slice((middle + rows.start) * samples, (middle + rows.stop) * samples)
            sampled = grid.kernel(along, across, sources).to(cells)
            blocks = torch.unflatten(torch.unflatten(sampled, 2, (-1, samples)), 1, (-1, samples))
            summed = blocks.swapaxes(2, 3).flatten(-2) @ cells
            weights[:, rows] = torch.tensordot(factors.to(cells), summed, 1)
        if mirror is not None and count % 2:  # the middle row is its own mirror image
            weights[:, 0] /= 2
            weights[:, :, 0] /= 2
        return cls(weights)

    @classmethod
    def for_samples(
        cls,
        side: int,
        sample_spacing: float,
        wavelength: float,
        points: Tensor,
        index: float = 1.0,
        dtype: torch.dtype = torch.complex64,
    ) -> PointPropagator:
        """A propagator for the samples [..., side, side] of a field: the plain kernel, made once and kept.

        Args:
            side: samples along one side.
            sample_spacing, wavelength, points, index: see :func:`metagen.propagation.rayleigh_sommerfeld`.
            dtype: precision of the field.
        """
        weights = torch.empty((len(points), side, side), dtype=dtype, device=points.device)
        grid = _Grid(side, sample_spacing, wavelength, index)
        for rows in row_chunks(side, len(points) * side):
            weights[:, rows] = grid.kernel(rows, slice(None), points)
        return cls(weights)

    def part(self, rows: slice, columns: slice) -> PointPropagator:
        """A propagator for some of the cells; the sum over all parts is the field of the whole."""
        return PointPropagator(self.weights[:, rows, columns])

    def forward(self, amplitudes: Tensor) -> Tensor:
        """Field at the points.

        Args:
            amplitudes: [..., N, N, rank] coefficients, or [..., side, side] samples; real or complex.

        Returns:
            [..., P] complex.

        Raises:
            InputError: the amplitudes have another shape than this propagator was made for.
        """
        expected = self.weights.shape[1:]
        if amplitudes.shape[-len(expected) :] != expected:
            raise InputError(
                f"amplitudes have shape {tuple(amplitudes.shape)}, this propagator was made for "
                f"[..., {', '.join(map(str, expected))}]"
            )
        flat = amplitudes.flatten(-len(expected)).to(self.weights.dtype)
        return flat @ self.weights.flatten(1).mT


@dataclass(frozen=True)
class _Grid:
    """Samples of a plane, and the medium behind it."""

    side: int
    sample_spacing: float
    wavelength: float
    index: float

    def __post_init__(self) -> None:
        check_lengths(
            side=self.side, sample_spacing=self.sample_spacing, wavelength=self.wavelength, index=self.index
        )

    def kernel(self, rows: slice, columns: slice, points: Tensor) -> Tensor:
        """[P, rows, columns] complex128, see :func:`metagen.propagation.points.kernel`."""
        check_points(points, self.sample_spacing)
        position = coordinates(self.side, self.sample_spacing, points.device)
        k = 2 * torch.pi * self.index / self.wavelength
        return kernel(position[rows], position[columns], self.sample_spacing, k, points)


def _images(points: Tensor, mirror: tuple[int, int] | None) -> tuple[Tensor, Tensor]:
    """The distinct points [U, 3] among points [P, 3] and their mirror images, and the weight of each, [P, U].

    A mirrored field reaches a point as the field itself reaches the mirrored point.
    """
    if mirror is None:
        return points, torch.eye(len(points), device=points.device)
    signs = torch.tensor([[1, 1, 1], [-1, 1, 1], [1, -1, 1], [-1, -1, 1]]).to(points)
    factors = torch.tensor([1, mirror[0], mirror[1], mirror[0] * mirror[1]]).to(points)
    images = (signs[:, None] * points).flatten(0, 1)
    distinct, number = torch.unique(images, dim=0, return_inverse=True)
    counted = torch.nn.functional.one_hot(number, len(distinct)).to(points).reshape(4, len(points), -1)
    return distinct, torch.tensordot(factors, counted, 1)


def _complex(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype in (torch.float64, torch.complex128) else torch.complex64
