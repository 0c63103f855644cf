"""Propagation to points straight from a model's coefficients: one small product per design step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.propagation.grid import Spacing, axes, check_lengths, check_points, pair
from metagen.propagation.points import kernel, row_chunks


class PointPropagator(torch.nn.Module):
    """Fields at fixed points as a linear function of the amplitudes that describe the device's near field.

    Attributes:
        weights: [P, Nx, Ny, rank] (or a quarter of the cells) or [P, X, Y] complex: what each amplitude
            adds at each point.
    """

    weights: Tensor

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", weights)

    @classmethod
    def for_basis(
        cls,
        basis: Tensor,
        counts: int | tuple[int, int],
        pitch: Spacing,
        wavelength: float,
        points: Tensor,
        index: float = 1.0,
        mirror: tuple[int, int] | None = None,
    ) -> PointPropagator:
        """A propagator for coefficients [..., Nx, Ny, rank] of a basis of cell fields.

        The whole field, cell (i, j) being Σ_r coefficients[i, j, r]·basis[r], is never formed: the kernel of
        :func:`metagen.propagation.rayleigh_sommerfeld` is summed over each cell here, once, point by point.

        Args:
            basis: [rank, n, m] fields over one cell, real or complex; its precision is that of the result.
            counts: cells (Nx, Ny); one number for N × N.
            pitch: sides of a cell along x and y; one number for a square.
            wavelength, points, index: see :func:`metagen.propagation.rayleigh_sommerfeld`.
            mirror: for fields with both mirror planes, the factors 1 or −1 by which they change under x → −x
                and y → −y; None for others. With it the propagator takes coefficients [..., ⌈Nx/2⌉, ⌈Ny/2⌉,
                rank] of the cells x, y ≥ 0, and has a quarter of the weights.

        Raises:
            InputError: the basis is not [rank, n, m], a length is not positive, or a point is not in front.
        """
        if basis.ndim != 3:
            raise InputError(f"basis has shape {tuple(basis.shape)}, expected [rank, n, m]")
        (rank, n, m), (along, across), (px, py) = basis.shape, pair(counts), pair(pitch)
        cells = basis.detach().reshape(rank, -1).mT.to(_complex(basis.dtype))
        sources, factors = _images(points, mirror)
        i, j = (0, 0) if mirror is None else (along // 2, across // 2)
        grid = _Grid((along * n, across * m), (px / n, py / m), wavelength, index)
        weights = cells.new_empty((len(points), along - i, across - j, rank))
        for rows in row_chunks(along - i, len(sources) * n * (across - j) * m):
            sampled = grid.kernel(
                slice((i + rows.start) * n, (i + rows.stop) * n), slice(j * m, None), sources
            )
            blocks = torch.unflatten(torch.unflatten(sampled.to(cells), 2, (-1, m)), 1, (-1, n))
            summed = blocks.swapaxes(2, 3).flatten(-2) @ cells
            weights[:, rows] = torch.tensordot(factors.to(cells), summed, 1)
        if mirror is not None and along % 2:  # the middle row is its own mirror image
            weights[:, 0] /= 2
        if mirror is not None and across % 2:
            weights[:, :, 0] /= 2
        return cls(weights)

    @classmethod
    def for_samples(
        cls,
        shape: int | tuple[int, int],
        sample_spacing: Spacing,
        wavelength: float,
        points: Tensor,
        index: float = 1.0,
        dtype: torch.dtype = torch.complex64,
    ) -> PointPropagator:
        """A propagator for the samples [..., X, Y] of a field: the plain kernel, made once and kept.

        Args:
            shape: samples (X, Y); one number for X = Y.
            sample_spacing, wavelength, points, index: see :func:`metagen.propagation.rayleigh_sommerfeld`.
            dtype: precision of the field.
        """
        weights = torch.empty((len(points), *pair(shape)), dtype=dtype, device=points.device)
        grid = _Grid(pair(shape), pair(sample_spacing), wavelength, index)
        for rows in row_chunks(weights.shape[1], len(points) * weights.shape[2]):
            weights[:, rows] = grid.kernel(rows, slice(None), points)
        return cls(weights)

    def part(self, rows: slice, columns: slice) -> PointPropagator:
        """A propagator for some of the cells; the sum over all parts is the field of the whole."""
        return PointPropagator(self.weights[:, rows, columns])

    def forward(self, amplitudes: Tensor) -> Tensor:
        """Field at the points.

        Args:
            amplitudes: [..., Nx, Ny, rank] coefficients, or [..., X, Y] samples; real or complex.

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

    shape: tuple[int, int]
    sample_spacing: tuple[float, float]
    wavelength: float
    index: float

    def __post_init__(self) -> None:
        check_lengths(wavelength=self.wavelength, index=self.index)
        for count, spacing in zip(self.shape, self.sample_spacing, strict=True):
            check_lengths(samples=count, sample_spacing=spacing)

    def kernel(self, rows: slice, columns: slice, points: Tensor) -> Tensor:
        """[P, rows, columns] complex128, see :func:`metagen.propagation.points.kernel`."""
        check_points(points, self.sample_spacing)
        x, y = axes(self.shape, self.sample_spacing, points.device)
        k = 2 * torch.pi * self.index / self.wavelength
        return kernel(x[rows], y[columns], self.sample_spacing, k, points)


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
