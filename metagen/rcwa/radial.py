"""The field of normals of an ellipse, or of an elliptic ring, that is alone in a square cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.device.shapes import Difference, Ellipse, Shape
from metagen.device.shapes.shape import spread

SMALLEST = 1e-6
"""Semi-axes below this count as this; without a pillar the direction has no meaning."""

Projector = tuple[Tensor, Tensor]
"""[..., X, Y] N_xx and N_xy of a projector with trace one."""


@dataclass(frozen=True, eq=False)
class Outline:
    """Semi-axes and turn of an ellipse, and a hole in it as a fraction of it, [..., 1, 1] each."""

    a: Tensor
    b: Tensor
    cosine: Tensor
    sine: Tensor
    hole: Tensor | None

    @classmethod
    def of(cls, outer: Ellipse, inner: Ellipse | None = None) -> Outline:
        """The outline of an ellipse, with a smaller one of the same proportions for the hole."""
        a, b = outer.a.clamp(min=SMALLEST), outer.b.clamp(min=SMALLEST)
        cosine, sine = torch.cos(outer.angle), torch.sin(outer.angle)
        a, b, cosine, sine = (spread(value, 2) for value in (a, b, cosine, sine))
        return cls(a, b, cosine, sine, None if inner is None else spread(inner.a, 2) / a)

    def turned(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates of points along the axes of the ellipse."""
        return self.cosine * x + self.sine * y, self.cosine * y - self.sine * x

    def direction(self, u: Tensor, v: Tensor) -> Projector:
        """The projector on the normal of the similar ellipse through a point that is given along the axes."""
        slope_u, slope_v = u / self.a**2, v / self.b**2
        slope_x = self.cosine * slope_u - self.sine * slope_v
        slope_y = self.sine * slope_u + self.cosine * slope_v
        square = slope_x * slope_x + slope_y * slope_y
        square = torch.where(square > 0, square, 1.0)
        return slope_x * slope_x / square, slope_x * slope_y / square


def concentric_outline(shape: Shape) -> Outline | None:
    """The outline of an ellipse about its site, with a hole of the same proportions or without; else None."""
    if isinstance(shape, Ellipse):
        return Outline.of(shape) if _is_centred(shape) else None
    if not (isinstance(shape, Difference) and isinstance(shape.outer, Ellipse)):
        return None
    outer, inner = shape.outer, shape.inner
    if not (isinstance(inner, Ellipse) and _is_centred(outer) and _is_centred(inner)):
        return None
    alike = torch.allclose(inner.a * outer.b, inner.b * outer.a, rtol=1e-9, atol=0)
    is_round = torch.equal(outer.a, outer.b)
    return Outline.of(outer, inner) if alike and (is_round or torch.equal(inner.angle, outer.angle)) else None


def _is_centred(ellipse: Ellipse) -> bool:
    return not bool(ellipse.x.any()) and not bool(ellipse.y.any())


def radial_projector(outline: Outline, period: float, x: Tensor, y: Tensor, periodic: Projector) -> Projector:
    """The projector at points of the cell.

    Outside, the wall's own direction fades along each ray from the centre into that of a periodic field whose
    direction is radial near the centre; inside, it fades into ½.

    Args:
        outline: the ellipse.
        period: side of the cell.
        x, y: [X, Y] points.
        periodic: the periodic field there, :func:`periodic_projector`.
    """
    half = period / 2
    u, v = outline.turned(x, y)
    level = torch.hypot(u / outline.a, v / outline.b)
    edge = level * half / torch.maximum(x.abs(), y.abs())
    beyond = torch.where(level > 1, smooth_step((level - 1) / (edge - 1)), torch.zeros_like(level))
    wall = outline.direction(u, v)
    there = periodic_projector(x / level, y / level, period)
    inwards, certain = _within(outline, level)
    n_xx, n_xy = (
        w + (here - t) * inwards - (w - t) * beyond for w, here, t in zip(wall, periodic, there, strict=True)
    )
    return 0.5 + certain * (n_xx - 0.5), certain * n_xy


def _within(outline: Outline, level: Tensor) -> tuple[Tensor | float, Tensor]:
    """How far the periodic field replaces that of the wall, and the fading towards the centre."""
    hole = outline.hole
    toward = 1 - (level if hole is None else level / hole).clamp(max=1).square()
    certain = 1 - toward.square().square()
    return 1.0 if hole is None else smooth_step((level - hole) / (1 - hole)), certain


def smooth_step(u: Tensor) -> Tensor:
    """0 below 0, 1 above 1, with three continuous derivatives."""
    u = u.clamp(0, 1)
    square = u * u
    return square * square * (35 - 84 * u + (70 - 20 * u) * square)


def periodic_projector(x: Tensor, y: Tensor, period: float) -> Projector:
    """A projector with the period of a square lattice that is radial near the origin."""
    sine_x, sine_y = torch.sin(math.pi / period * x), torch.sin(math.pi / period * y)
    x_part, y_part = sine_x * sine_x, sine_y * sine_y
    cross = torch.sin(2 * math.pi / period * x) * torch.sin(2 * math.pi / period * y) / 4
    return x_part / (x_part + y_part), cross / (x_part + y_part)
