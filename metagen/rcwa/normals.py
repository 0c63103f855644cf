"""A smooth field of directions that is normal to the walls of a curved shape, as a projector n·nᵀ.

N has trace one everywhere; it is n·nᵀ on the walls and ½ at the centre, where no direction is preferred, and
three times continuously differentiable and periodic, so that its Fourier series converges fast.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metagen.rcwa.shapes import Curved, Ellipse

QUADRATURE = 48
"""Points along a quarter-cell side for the Fourier integrals. More change t of the paper's cell by less than
1e-7, and by up to 1e-4 where neighbouring pillars almost touch (a gap of 3 nm)."""
SMALLEST = 1e-6
"""Semi-axes below this count as this; without a pillar the direction has no meaning."""


def normal_projector(shape: Curved, period: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Fourier coefficients of N_xx and N_xy; N_yy is 1 − N_xx.

    Args:
        shape: the shape.
        period: lattice constant.
        size: number of orders, 0 … size − 1, along either axis.

    Returns:
        N_xx (even, even) and N_xy (odd, odd), [..., size, size] each.
    """
    n_xx, n_xy = _projector_at(shape, period)
    order = torch.arange(size, dtype=torch.float64)
    phase = 2 * math.pi * order[:, None] * _grid() / 2
    cosines, sines = torch.cos(phase) / QUADRATURE, torch.sin(phase) / QUADRATURE
    return cosines @ n_xx @ cosines.T, -(sines @ n_xy @ sines.T)


def _grid() -> Tensor:
    return (torch.arange(QUADRATURE, dtype=torch.float64) + 0.5) / QUADRATURE


def _projector_at(shape: Curved, period: Tensor) -> tuple[Tensor, Tensor]:
    """N_xx and N_xy at the midpoints of a grid over the quarter cell x, y > 0.

    Outside, the wall's own direction fades along each ray from the centre into that of a periodic field whose
    direction is radial near the centre; inside, it fades into ½.
    """
    semi_x, semi_y, hole = _outline(shape)
    half = (period / 2)[..., None, None]
    x, y = _grid()[:, None] * half, _grid()[None, :] * half
    level = torch.hypot(x / semi_x, y / semi_y)
    edge = level * half / torch.maximum(x, y)
    toward = 1 - (level / torch.where(hole > 0, hole, 1.0)).clamp(max=1).square()
    certain = 1 - toward.square().square()
    beyond = torch.where(level > 1, smooth_step((level - 1) / (edge - 1)), torch.zeros_like(level))
    after_hole = torch.where(hole > 0, smooth_step((level - hole) / (1 - hole)), torch.ones_like(level))
    slope_x, slope_y = x / semi_x**2, y / semi_y**2
    square_x, square_y = slope_x * slope_x, slope_y * slope_y
    wall = square_x / (square_x + square_y), slope_x * slope_y / (square_x + square_y)
    here = periodic_projector(math.pi * x / half, math.pi * y / half)
    there = periodic_projector(math.pi * x / (level * half), math.pi * y / (level * half))
    n_xx, n_xy = (
        w + (h - t) * after_hole - (w - t) * beyond for w, h, t in zip(wall, here, there, strict=True)
    )
    return 0.5 + certain * (n_xx - 0.5), certain * n_xy


def _outline(shape: Curved) -> tuple[Tensor, Tensor, Tensor]:
    """Semi-axes of the outer wall, and the inner wall as a fraction of them, [..., 1, 1] each."""
    if isinstance(shape, Ellipse):
        a, b, hole = shape.semi_x, shape.semi_y, torch.zeros_like(shape.semi_x)
    else:
        a, b, hole = shape.outer, shape.outer, shape.inner / shape.outer
    return (
        a.clamp(min=SMALLEST)[..., None, None],
        b.clamp(min=SMALLEST)[..., None, None],
        hole[..., None, None],
    )


def smooth_step(u: Tensor) -> Tensor:
    """0 below 0, 1 above 1, with three continuous derivatives."""
    u = u.clamp(0, 1)
    square = u * u
    return square * square * (35 - 84 * u + (70 - 20 * u) * square)


def periodic_projector(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """xx and xy of a trace-one projector with period 2π that is radial near the origin."""
    sine_x, sine_y = torch.sin(x / 2), torch.sin(y / 2)
    x_part, y_part = 4 * sine_x * sine_x, 4 * sine_y * sine_y
    return x_part / (x_part + y_part), torch.sin(x) * torch.sin(y) / (x_part + y_part)
