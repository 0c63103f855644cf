"""The field of normals of an ellipse, or of an elliptic ring, that is alone in a square cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

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
    """Semi-axes of an ellipse, cosine and sine of its turn, and a hole in it as a fraction of it.

    All are [..., 1, 1]; there is no turn where the axes are those of the cell.
    """

    a: Tensor
    b: Tensor
    turn: tuple[Tensor, Tensor] | None
    hole: Tensor | None

    @classmethod
    def of(cls, outer: Ellipse, inner: Ellipse | None = None) -> Outline:
        """The outline of an ellipse, with a smaller one of the same proportions for the hole."""
        a, b = outer.a.clamp(min=SMALLEST), outer.b.clamp(min=SMALLEST)
        a, b, angle = (spread(value, 2) for value in (a, b, outer.angle))
        is_turned = angle.requires_grad or bool(angle.any())
        turn = (torch.cos(angle), torch.sin(angle)) if is_turned else None
        return cls(a, b, turn, None if inner is None else spread(inner.a, 2) / a)

    def turned(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates of points along the axes of the ellipse."""
        if self.turn is None:
            return x, y
        cosine, sine = self.turn
        return cosine * x + sine * y, cosine * y - sine * x

    def turned_back(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Components along x and y of a vector that is given along the axes."""
        if self.turn is None:
            return u, v
        cosine, sine = self.turn
        return cosine * u - sine * v, sine * u + cosine * v

    def direction(self, u: Tensor, v: Tensor) -> Projector:
        """The projector on the normal of the similar ellipse through a point that is given along the axes."""
        x, y = self.turned_back(u * (self.b / self.a).square(), v)
        x_part = x * x
        square = x_part + y * y
        square = torch.where(square > 0, square, 1.0)
        return x_part / square, x * y / square


def concentric_outline(shape: Shape) -> Outline | None:
    """The outline of an ellipse about its site, with a hole of the same proportions or without; else None."""
    if isinstance(shape, Ellipse):
        return Outline.of(shape) if shape.is_centred else None
    if not (isinstance(shape, Difference) and isinstance(shape.outer, Ellipse)):
        return None
    outer, inner = shape.outer, shape.inner
    if not (isinstance(inner, Ellipse) and outer.is_centred and inner.is_centred):
        return None
    alike = torch.allclose(inner.a * outer.b, inner.b * outer.a, rtol=1e-9, atol=0)
    is_round = torch.equal(outer.a, outer.b)
    return Outline.of(outer, inner) if alike and (is_round or torch.equal(inner.angle, outer.angle)) else None


@dataclass(frozen=True, eq=False)
class SquarePoints:
    """Points of a square cell about the origin, none of them there or on the edge.

    Attributes:
        x, y: [X, Y] positions.
        period: side of the cell.
    """

    x: Tensor
    y: Tensor
    period: float

    @cached_property
    def phases(self) -> tuple[Tensor, Tensor]:
        """π·x/period and π·y/period."""
        return self.x * (math.pi / self.period), self.y * (math.pi / self.period)

    @cached_property
    def periodic(self) -> Projector:
        """The periodic field of :func:`radial_projector`."""
        return periodic_projector(*self.phases)

    @cached_property
    def to_edge(self) -> Tensor:
        """How many times as far from the origin, in the same direction, the edge of the cell is."""
        return self.period / 2 / torch.maximum(self.x.abs(), self.y.abs())


def radial_projector(outline: Outline, points: SquarePoints) -> Projector:
    """The projector at points of the cell.

    Outside, the wall's own direction fades along each ray from the centre into that of a periodic field whose
    direction is radial near the centre; inside, it fades into ½.
    """
    u, v = outline.turned(points.x, points.y)
    level = torch.hypot(u / outline.a, v / outline.b)
    beyond = smooth_step((level - 1) / (level * points.to_edge - 1))
    wall = outline.direction(u, v)
    there = periodic_projector(*(phase / level for phase in points.phases))
    inwards, certain = _within(outline, level)
    n_xx, n_xy = (
        torch.lerp(w, t, beyond) + (here - t) * inwards
        for w, here, t in zip(wall, points.periodic, there, strict=True)
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


def periodic_projector(x: Tensor, y: Tensor) -> Projector:
    """A projector with the period of a square lattice that is radial near the origin.

    Args:
        x, y: positions in units of the period / π.
    """
    sine_x, sine_y = torch.sin(x), torch.sin(y)
    x_part, y_part = sine_x * sine_x, sine_y * sine_y
    cross = sine_x * torch.cos(x) * (sine_y * torch.cos(y))
    total = x_part + y_part
    return x_part / total, cross / total
