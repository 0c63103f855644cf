"""Permittivity given on a pixel grid: its Fourier coefficients, a normal field, and Li's rules."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.device.lattice import Lattice
from metagen.rcwa.basis import Harmonics, TransverseBasis, product_matrix
from metagen.rcwa.factorisation import Factorisation, along_normals, block
from metagen.rcwa.layer import Permittivity
from metagen.rcwa.strips import assembled, interval_transform, inverse_rule

BLUR = 1.0
"""Width in pixels of the Gaussian under which the direction of a staircase is taken."""
NEAR = 0.5
"""Distance in pixels below which all walls count as equally close."""


def grid_permittivity(
    grid: Tensor,
    inverse: Tensor | None,
    lattice: Lattice,
    basis: TransverseBasis,
    rule: Factorisation,
    *,
    has_half_turn: bool,
) -> Permittivity:
    """Permittivity matrices of a grid of uniform pixels.

    Args:
        grid: [nx, ny] mean permittivity ε of each pixel, index order [x, y], covering the cell.
        inverse: [nx, ny] mean of 1/ε of each pixel; None where pixels are uniform, so that all walls run
            along x or y.
        lattice: the cell.
        basis: the harmonics.
        rule: how products are truncated.
        has_half_turn: whether a half turn leaves the grid as it is; the matrices are then symmetric, and real
            if nothing absorbs.

    Raises:
        InputError: the grid is too coarse for the orders.
    """
    _check_resolution(grid, basis)

    def real(transform: Tensor) -> Tensor:
        return transform.real if has_half_turn and not grid.is_complex() else transform

    differences = basis.differences
    epsilon = real(_pixel_transform(grid, differences))
    on_x, on_y, on_z = (product_matrix(epsilon, part, part) for part in (basis.ex, basis.ey, basis.ez))
    inverse_z = torch.linalg.inv(on_z)
    if rule is Factorisation.LAURENT:
        return Permittivity(block(on_x, on_y), inverse_z, symmetric=has_half_turn)
    if rule is Factorisation.LI and inverse is None:
        strips = [real(_strips(grid, part, axis)) for axis, part in enumerate((basis.ex, basis.ey))]
        return Permittivity(block(*strips), inverse_z, symmetric=has_half_turn)
    reciprocal = real(_pixel_transform(1 / grid if inverse is None else inverse, differences))
    inverses = [torch.linalg.inv(product_matrix(reciprocal, part, part)) for part in (basis.ex, basis.ey)]
    projector = [real(_point_transform(part, differences)) for part in normal_field(grid, lattice)]
    transverse = along_normals([on_x, on_y], inverses, projector, basis, symmetric=has_half_turn)
    return Permittivity(transverse, inverse_z, symmetric=has_half_turn)


def _strips(grid: Tensor, harmonics: Harmonics, axis: int) -> Tensor:
    """[n, n] permittivity on the component along an axis: rows of uniform pixels are strips along it."""
    rows = grid.mT if axis == 0 else grid
    along_axis, across_it = (2 * harmonics.truncation.extent[k] for k in (axis, 1 - axis))
    order = torch.arange(-along_axis, along_axis + 1)
    order = torch.stack([order, torch.zeros_like(order)], -1)
    lines = torch.stack([_pixel_transform(1 / row[:, None], order) for row in rows])
    border = torch.arange(len(rows) + 1, dtype=torch.float64) / len(rows) - 0.5
    widths = interval_transform(border[:-1], border[1:], 1.0, across_it)
    return assembled(inverse_rule(lines), widths, harmonics, axis)


def _check_resolution(grid: Tensor, basis: TransverseBasis) -> None:
    extent = basis.truncation.waves.abs().amax(0).tolist()
    needed = [4 * largest + 1 for largest in extent]
    for axis, largest in enumerate(extent):
        if largest == 0 and not torch.equal(grid, grid.narrow(axis, 0, 1).expand_as(grid)):
            raise InputError(f"a grid that changes along {'xy'[axis]} needs orders along it; 0 were given")
    if any(size < least for size, least in zip(grid.shape, needed, strict=True)):
        raise InputError(
            f"the grid has {tuple(grid.shape)} pixels; orders up to {tuple(extent)} need {tuple(needed)}"
        )


def normal_field(grid: Tensor, lattice: Lattice) -> tuple[Tensor, Tensor]:
    """Components xx and xy at the pixels of a smooth projector of trace one onto the normal of the walls.

    The doubled angle of the gradient is interpolated from the walls with weights that fall as the fourth
    power of the distance (D. Shepard, Proc. ACM National Conf. 517 (1968)): on a wall its own direction
    wins, half way between opposite directions none does, and the projector is ½.
    """
    wave_x, wave_y = (torch.fft.fftfreq(size, dtype=torch.float64) * 2 * math.pi for size in grid.shape)
    blur = torch.exp(-((wave_x[:, None] ** 2 + wave_y[None, :] ** 2) * BLUR**2 / 2))
    smooth = torch.fft.fft2(grid.to(torch.complex128)) * blur
    slope_x = torch.fft.ifft2(1j * wave_x[:, None] * smooth) * (grid.shape[0] / lattice.pitch[0])
    slope_y = torch.fft.ifft2(1j * wave_y[None, :] * smooth) * (grid.shape[1] / lattice.pitch[1])
    doubled = torch.stack(
        [
            slope_x.abs() ** 2 - slope_y.abs() ** 2,
            2 * (slope_x * slope_y.conj()).real,
            slope_x.abs() ** 2 + slope_y.abs() ** 2,
        ]
    )
    spread = torch.fft.ifft2(torch.fft.fft2(doubled) * torch.fft.fft2(_nearness(grid, lattice))).real
    cosine, sine = spread[:2] / spread[2].clamp(min=1e-12 * float(spread[2].detach().max()) + 1e-300)
    return (1 + cosine) / 2, sine / 2


def _nearness(grid: Tensor, lattice: Lattice) -> Tensor:
    """[nx, ny] weight of a wall at each displacement, in periodic distance."""
    x, y = (
        torch.fft.fftfreq(size, dtype=torch.float64) * side
        for size, side in zip(grid.shape, lattice.pitch, strict=True)
    )
    pixel = min(side / size for size, side in zip(grid.shape, lattice.pitch, strict=True))
    square: Tensor = x[:, None] ** 2 + y[None, :] ** 2 + (NEAR * pixel) ** 2
    return (square / lattice.area) ** -2


def _pixel_transform(grid: Tensor, orders: Tensor) -> Tensor:
    """[d] exact Fourier coefficients of uniform pixels at orders [d, 2]."""
    width_x, width_y = (
        torch.sinc(column.double() / size) for column, size in zip(orders.unbind(-1), grid.shape, strict=True)
    )
    return _point_transform(grid, orders) * width_x * width_y


def _point_transform(values: Tensor, orders: Tensor) -> Tensor:
    """[d] Fourier coefficients of a smooth function that is sampled at the pixel centres."""
    phases, positions = [], []
    for column, size in zip(orders.unbind(-1), values.shape, strict=True):
        present, position = torch.unique(column, return_inverse=True)
        place = (torch.arange(size, dtype=torch.float64) + 0.5) / size - 0.5
        phases.append(torch.exp(-2j * math.pi * present[:, None].double() * place) / size)
        positions.append(position)
    return (phases[0] @ values.to(torch.complex128) @ phases[1].T)[positions[0], positions[1]]
