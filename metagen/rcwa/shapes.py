"""Pillar shapes with two mirror planes: their Fourier transform and the directions normal to their walls."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.rcwa.special import jinc

QUADRATURE = 96
"""Points along a quarter-cell side for the transform of the normal projector (three times continuously
differentiable, so that the coefficients decay as the fifth power of the order)."""


@dataclass(frozen=True)
class Ellipse:
    """An ellipse centred in the cell, with its axes along x and y; semi-axes [...] each."""

    semi_x: Tensor
    semi_y: Tensor

    def transform(self, period: Tensor, size: int) -> Tensor:
        """[..., size, size] Fourier coefficients of the indicator function at orders 0 … size − 1."""
        kx, ky = _wave_vectors(period, size)
        a, b = self.semi_x[..., None, None], self.semi_y[..., None, None]
        area = math.pi * self.semi_x * self.semi_y / period**2
        return area[..., None, None] * jinc(torch.sqrt((kx * a) ** 2 + (ky * b) ** 2 + _TINY))

    def normal_projector(self, period: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Transforms of N_xx (even, even) and N_xy (odd, odd); N_yy = 1 − N_xx.

        N is n·nᵀ on the wall, ½ at the centre, has trace one and is periodic and smooth everywhere.
        """
        s = self._points(period)
        return _cosine_transform(s[0], size), _sine_transform(s[1], size)

    def _points(self, period: Tensor) -> tuple[Tensor, Tensor]:
        grid = (torch.arange(QUADRATURE, dtype=torch.float64, device=period.device) + 0.5) / QUADRATURE
        half = (period / 2)[..., None, None]
        x, y = grid[:, None] * half, grid[None, :] * half
        a = self.semi_x.clamp(min=_SMALLEST)[..., None, None]
        b = self.semi_y.clamp(min=_SMALLEST)[..., None, None]
        level = torch.sqrt((x / a) ** 2 + (y / b) ** 2)
        edge = level * half / torch.maximum(x, y)
        inside = 1 - (1 - level.clamp(max=1) ** 2) ** 4
        near_wall = torch.where(level < 1, torch.ones_like(level), 1 - _smooth_step((level - 1) / (edge - 1)))
        slope_x, slope_y = x / a**2, y / b**2
        square = slope_x**2 + slope_y**2
        wall_x, wall_y = x / level, y / level
        k = math.pi / half
        far, at_wall = _periodic_projector(k * x, k * y), _periodic_projector(k * wall_x, k * wall_y)
        exact = slope_x**2 / square, slope_x * slope_y / square
        n_xx = 0.5 + inside * (far[0] - 0.5 + (exact[0] - at_wall[0]) * near_wall)
        n_xy = inside * (far[1] + (exact[1] - at_wall[1]) * near_wall)
        return n_xx, n_xy


def circle(radius: Tensor) -> Ellipse:
    """A circle centred in the cell."""
    return Ellipse(radius, radius)


_TINY = 1e-300
_SMALLEST = 1e-6


def _wave_vectors(period: Tensor, size: int) -> tuple[Tensor, Tensor]:
    k = torch.arange(size, dtype=torch.float64, device=period.device) * (
        2 * math.pi / period[..., None, None]
    )
    return k.transpose(-1, -2), k


def _smooth_step(u: Tensor) -> Tensor:
    """0 below 0, 1 above 1, with three continuous derivatives."""
    u = u.clamp(0, 1)
    return u**4 * (35 - 84 * u + 70 * u**2 - 20 * u**3)


def _periodic_projector(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """xx and xy of a smooth, periodic, trace-one projector that is radial near the cell's centre."""
    x_part, y_part = 2 - 2 * torch.cos(x), 2 - 2 * torch.cos(y)
    return x_part / (x_part + y_part), torch.sin(x) * torch.sin(y) / (x_part + y_part)


def _phases(size: int, points: Tensor) -> Tensor:
    position = (torch.arange(QUADRATURE, dtype=torch.float64, device=points.device) + 0.5) / (2 * QUADRATURE)
    order = torch.arange(size, dtype=torch.float64, device=points.device)
    return 2 * math.pi * order[:, None] * position


def _cosine_transform(values: Tensor, size: int) -> Tensor:
    waves = torch.cos(_phases(size, values)) / QUADRATURE
    return waves @ values @ waves.T


def _sine_transform(values: Tensor, size: int) -> Tensor:
    waves = torch.sin(_phases(size, values)) / QUADRATURE
    return -(waves @ values @ waves.T)
