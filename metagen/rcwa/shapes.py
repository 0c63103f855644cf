"""Makers of the common shapes, centred on their site."""

from __future__ import annotations

import torch

from metagen.base.arguments import brief
from metagen.base.errors import InputError
from metagen.base.tensors import Real, as_real
from metagen.device.shapes import Difference, Ellipse, Polygon


def circle(radius: Real) -> Ellipse:
    """A circle; the radius [...] is a number, an array or a tensor, as are all sizes here."""
    return Ellipse(radius, radius)


def ellipse(semi_x: Real, semi_y: Real) -> Ellipse:
    """An ellipse with semi-axes [...] along x and y."""
    return Ellipse(semi_x, semi_y)


def ring(outer: Real, inner: Real) -> Difference:
    """A circular ring of outer and inner radius [...]."""
    radii = as_real(outer, "outer"), as_real(inner, "inner")
    if not bool(((radii[1] > 0) & (radii[1] < radii[0])).all()):
        raise InputError(f"inner is {radii[1]}; it must be positive and smaller than outer, {radii[0]}")
    return Difference(circle(radii[0]), circle(radii[1]))


def square(width: Real) -> Polygon:
    """A square of side [...]."""
    return rectangle(width, width)


def rectangle(width_x: Real, width_y: Real) -> Polygon:
    """A rectangle of sides [...] along x and y."""
    x, y = _halves(width_x, width_y)
    return Polygon.through((-x, -y), (x, -y), (x, y), (-x, y))


def cross(length: Real, width: Real) -> Polygon:
    """Two crossed bars of the same length and width [...]."""
    a, b = _halves(length, width)
    if not bool(((b > 0) & (b <= a)).all()):
        raise InputError(f"width is {2 * b}; it must be positive and at most the length, {2 * a}")
    quarter = [(a, -b), (a, b), (b, b), (b, a), (-b, a), (-b, b)]
    return Polygon.through(*quarter, *((-x, -y) for x, y in quarter))


def _halves(one: Real, other: Real) -> tuple[torch.Tensor, torch.Tensor]:
    """Half of each, as tensors of one shape."""
    sides = [as_real(side, "a side") / 2 for side in (one, other)]
    if not all(bool((side >= 0).all()) for side in sides):
        raise InputError(
            f"sides are {brief(one)} and {brief(other)}; they are positive numbers, or 0: no pillar"
        )
    first, second = torch.broadcast_tensors(*sides)  # type: ignore[no-untyped-call]
    return first, second
