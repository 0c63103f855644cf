"""Permittivity given on a pixel grid: its Fourier coefficients, a normal field, and Li's rules."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.rcwa.factorisation import Factorisation
from metagen.rcwa.planewaves import PlaneWaves

BLUR = 1.0
"""Width in pixels of the Gaussian under which the direction of a staircase is taken."""
NEAR = 0.5
"""Distance in pixels below which all walls count as equally close."""


def grid_permittivity(
    grid: Tensor, inverse: Tensor, waves: PlaneWaves, rule: Factorisation
) -> tuple[Tensor, Tensor]:
    """Permittivity matrices of a grid of uniform pixels.

    Args:
        grid: [nx, ny] mean permittivity ε of each pixel, index order [x, y], covering the cell.
        inverse: [nx, ny] mean of 1/ε of each pixel.
        waves: the basis.
        rule: how products are truncated.

    Returns:
        [2w, 2w] from (Ex, Ey) to (Dx, Dy), and [w, w] from Dz to Ez.

    Raises:
        InputError: the grid is too coarse for the orders.
    """
    orders = int(waves.m.max())
    if min(grid.shape) < 4 * orders + 1:
        raise InputError(
            f"the grid has {tuple(grid.shape)} pixels; {orders} orders need {4 * orders + 1} along each axis"
        )
    epsilon = _toeplitz(_pixel_transform(grid, 2 * orders), waves)
    inverse_z = torch.linalg.inv(epsilon)
    if rule is Factorisation.LAURENT:
        return twice(epsilon), inverse_z
    difference = epsilon - torch.linalg.inv(_toeplitz(_pixel_transform(inverse, 2 * orders), waves))
    n_xx, n_xy = (_toeplitz(_point_transform(part, 2 * orders), waves) for part in normal_field(grid))
    n_yy = torch.eye(len(waves.m), dtype=n_xx.dtype) - n_xx
    xx, yy, xy = (
        epsilon * same - _anticommutator(difference, n) / 2 for n, same in ((n_xx, 1), (n_yy, 1), (n_xy, 0))
    )
    return torch.cat([torch.cat([xx, xy], 1), torch.cat([xy, yy], 1)]), inverse_z


def twice(matrix: Tensor) -> Tensor:
    """The same matrix on the x and on the y components."""
    zero = torch.zeros_like(matrix)
    return torch.cat([torch.cat([matrix, zero], 1), torch.cat([zero, matrix], 1)])


def _anticommutator(one: Tensor, two: Tensor) -> Tensor:
    return one @ two + two @ one


def normal_field(grid: Tensor) -> tuple[Tensor, Tensor]:
    """xx and xy, at the pixels, of a smooth periodic trace-one projector onto the normal of the walls.

    The doubled angle of the gradient is interpolated from the walls with weights that fall as the fourth
    power of the distance (D. Shepard, Proc. ACM National Conf. 517 (1968)): on a wall its own direction
    wins, half way between opposite directions none does, and the projector is ½.
    """
    wave_x, wave_y = (torch.fft.fftfreq(size, dtype=torch.float64) * 2 * math.pi for size in grid.shape)
    blur = torch.exp(-((wave_x[:, None] ** 2 + wave_y[None, :] ** 2) * BLUR**2 / 2))
    smooth = torch.fft.fft2(grid.to(torch.complex128)) * blur
    slope_x = torch.fft.ifft2(1j * wave_x[:, None] * smooth) * grid.shape[0]
    slope_y = torch.fft.ifft2(1j * wave_y[None, :] * smooth) * grid.shape[1]
    doubled = torch.stack(
        [
            slope_x.abs() ** 2 - slope_y.abs() ** 2,
            2 * (slope_x * slope_y.conj()).real,
            slope_x.abs() ** 2 + slope_y.abs() ** 2,
        ]
    )
    spread = torch.fft.ifft2(torch.fft.fft2(doubled) * torch.fft.fft2(_nearness(grid))).real
    cosine, sine = spread[:2] / spread[2].clamp(min=1e-12 * float(spread[2].detach().max()) + 1e-300)
    return (1 + cosine) / 2, sine / 2


def _nearness(grid: Tensor) -> Tensor:
    """[nx, ny] weight of a wall at each displacement, in periodic distance; lengths in units of the cell."""
    x, y = (torch.fft.fftfreq(size, dtype=torch.float64) for size in grid.shape)
    square: Tensor = x[:, None] ** 2 + y[None, :] ** 2 + (NEAR / max(grid.shape)) ** 2
    return square**-2


def _pixel_transform(grid: Tensor, highest: int) -> Tensor:
    """[2·highest + 1, 2·highest + 1] exact Fourier coefficients of uniform pixels."""
    order = torch.arange(-highest, highest + 1, dtype=torch.float64)
    width_x, width_y = (torch.sinc(order / size) for size in grid.shape)
    return _point_transform(grid, highest) * width_x[:, None] * width_y[None, :]


def _point_transform(values: Tensor, highest: int) -> Tensor:
    """The same for a smooth function sampled at the pixel centres."""
    phases = []
    for size in values.shape:
        position = (torch.arange(size, dtype=torch.float64) + 0.5) / size - 0.5
        order = torch.arange(-highest, highest + 1, dtype=torch.float64)
        phases.append(torch.exp(-2j * math.pi * order[:, None] * position[None, :]) / size)
    return phases[0] @ values.to(torch.complex128) @ phases[1].T


def _toeplitz(transform: Tensor, waves: PlaneWaves) -> Tensor:
    """[w, w] matrix that multiplies by a function, from its Fourier coefficients."""
    centre = transform.shape[0] // 2
    dm, dn = waves.m[:, None] - waves.m[None, :], waves.n[:, None] - waves.n[None, :]
    return transform[dm + centre, dn + centre]
