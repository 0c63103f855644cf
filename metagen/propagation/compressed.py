"""The point kernel folded into a basis of cell fields: one small product per design step."""

from __future__ import annotations

import torch
from torch import Tensor

from metagen.errors import InputError
from metagen.propagation.grid import check_lengths, check_points, coordinates
from metagen.propagation.points import kernel, row_chunks


class PointPropagator(torch.nn.Module):
    """Fields at fixed points as a linear function of the amplitudes that describe the device's near field.

    Attributes:
        weights: [P, N, N, rank] or [P, side, side] complex: what each amplitude adds at each point.
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
    ) -> PointPropagator:
        """For coefficients [..., N, N, rank] of a basis of cell fields.

        The whole field, cell (i, j) being Σ_r coefficients[i, j, r]·basis[r], is never formed: the kernel of
        :func:`metagen.propagation.rayleigh_sommerfeld` is summed over each cell here, once, point by point.

        Args:
            basis: [rank, n, n] fields over one cell, real or complex; its precision is that of the result.
            count: cells along one side, N.
            period: side of a cell.
            wavelength, points, index: see :func:`metagen.propagation.rayleigh_sommerfeld`.

        Raises:
            InputError: the basis is not [rank, n, n], a length is not positive, or a point is not in front.
        """
        if basis.ndim != 3 or basis.shape[1] != basis.shape[2]:
            raise InputError(f"basis has shape {tuple(basis.shape)}, expected [rank, n, n]")
        rank, samples, _ = basis.shape
        side, pitch = count * samples, period / samples
        cells = basis.detach().reshape(rank, -1).mT.to(_complex(basis.dtype))
        weights = torch.empty((len(points), count, count, rank), dtype=cells.dtype, device=cells.device)
        for rows in row_chunks(count, len(points) * samples * side):
            lines = slice(rows.start * samples, rows.stop * samples)
            sampled = _rows_of_kernel(lines, side, pitch, wavelength, points, index).to(weights)
            blocks = sampled.reshape(len(points), -1, samples, count, samples).swapaxes(2, 3).flatten(-2)
            weights[:, rows] = blocks @ cells
        return cls(weights)

    @classmethod
    def for_samples(
        cls,
        side: int,
        pitch: float,
        wavelength: float,
        points: Tensor,
        index: float = 1.0,
        dtype: torch.dtype = torch.complex64,
    ) -> PointPropagator:
        """For the samples [..., side, side] themselves: the plain kernel, kept while this object lives.

        Args:
            side: samples along one side.
            pitch, wavelength, points, index: see :func:`metagen.propagation.rayleigh_sommerfeld`.
            dtype: of the field.
        """
        weights = torch.empty((len(points), side, side), dtype=dtype, device=points.device)
        for rows in row_chunks(side, len(points) * side):
            weights[:, rows] = _rows_of_kernel(rows, side, pitch, wavelength, points, index)
        return cls(weights)

    def folded(self, parity: Tensor) -> PointPropagator:
        """For devices with both mirror planes: the same field from the coefficients of the cells x, y ≥ 0.

        Args:
            parity: [rank, 2] factor, 1 or −1, that each mode takes under x → −x and under y → −y.

        Returns:
            A propagator for coefficients [..., M, M, rank], M = ⌈N/2⌉, with a quarter of the weights.
        """
        along_x, along_y = parity.to(self.weights).unbind(-1)
        weights = self.weights + along_x * self.weights.flip(1)
        weights = weights + along_y * weights.flip(2)
        count = weights.shape[1]
        quadrant = weights[:, count // 2 :, count // 2 :].clone()
        if count % 2:  # the middle row is its own mirror image
            quadrant[:, 0] /= 2
            quadrant[:, :, 0] /= 2
        return PointPropagator(quadrant)

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


def _rows_of_kernel(
    rows: slice, side: int, pitch: float, wavelength: float, points: Tensor, index: float
) -> Tensor:
    check_lengths(side=side, pitch=pitch, wavelength=wavelength, index=index)
    check_points(points)
    position = coordinates(side, pitch, points.device)
    return kernel(position[rows], position, pitch, 2 * torch.pi * index / wavelength, points)


def _complex(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype in (torch.float64, torch.complex128) else torch.complex64
