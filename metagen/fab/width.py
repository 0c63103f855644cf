"""The narrowest place of a shape, and of the holes and notches in it: between walls that face each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from metagen.device.shapes import Shape

OUTLINE = 2e-5
"""Tolerance of curved outlines, in micrometres."""
PARALLEL = math.cos(math.radians(0.5))
"""Short sides face each other if they are parallel to within 0.5°: on a curve, that is where it is narrow."""
TAPERED = math.cos(math.radians(30))
"""Long sides may also taper towards each other by up to 30°."""
LONG = 0.25
"""Sides longer than this share of the reach are straight walls, and not a part of a curve."""
BESIDE = 1e-6
"""Share of a side by which a point beside it may be beyond its end, for rounding."""
PAIRS = 1 << 20
"""Pairs of sides that are compared at once."""

Values = NDArray[np.float64]


def narrowest(shape: Shape, count: int) -> tuple[Values, Values]:
    """[count] least width of some shapes, and least width of their holes and notches; infinite if none.

    A width is the distance between two sides that face each other, and are beside each other in part, with
    the pillar between them; a notch is one with the pillar behind both.

    Args:
        shape: the shapes [count], or one shape that stands for all.
        count: how many there are.
    """
    outlines = [np.broadcast_to(each, (count, *each.shape[-2:])) for each in shape.outline(OUTLINE)]
    starts = np.concatenate(outlines, axis=1)
    ends = np.concatenate([np.roll(each, -1, axis=1) for each in outlines], axis=1)
    step = max(1, PAIRS // starts.shape[1] ** 2)
    parts = [_least(starts[i : i + step], ends[i : i + step]) for i in range(0, max(count, 1), step)]
    return np.concatenate([width for width, _ in parts]), np.concatenate([notch for _, notch in parts])


def _least(starts: Values, ends: Values) -> tuple[Values, Values]:
    """Of shapes with sides from ``starts`` to ``ends`` [M, V, 2]; the pillar is to the left of each."""
    sides = ends - starts
    length = np.hypot(sides[..., 0], sides[..., 1])
    along = sides / np.where(length > 0, length, 1.0)[..., None]
    opposite = -np.einsum("mia,mja->mij", along, along)
    walls = length > LONG * np.hypot(starts[..., 0], starts[..., 1]).max(axis=1, keepdims=True)
    straight = (opposite > TAPERED) & walls[:, :, None] & walls[:, None]
    apart = (starts + sides / 2)[:, None, :] - (starts + sides / 2)[:, :, None]
    inward = along[:, :, None, 0] * apart[..., 1] - along[:, :, None, 1] * apart[..., 0]
    real = (straight | (opposite > PARALLEL)) & (length > 0)[:, :, None] & (length > 0)[:, None, :]
    distance = np.full(real.shape, np.inf)
    m, i, j = np.nonzero(real)
    distance[m, i, j] = _between(starts[m, i], ends[m, i], starts[m, j], ends[m, j], straight[m, i, j])
    width = np.where(inward > 0, distance, np.inf).min(axis=(1, 2))
    notch = np.where(inward < 0, distance, np.inf).min(axis=(1, 2))
    return width, notch


def _between(a: Values, b: Values, c: Values, d: Values, whole: NDArray[np.bool_]) -> Values:
    """[K] distances between sides from a to b and from c to d, [K, 2] each.

    Only between points that are across from each other, infinite where there are none, unless ``whole`` says
    that it is between any points.
    """
    ways = [(a, c, d), (b, c, d), (c, a, b), (d, a, b)]
    return np.asarray(np.minimum.reduce([_from_point(*way, whole) for way in ways]))


def _from_point(point: Values, start: Values, end: Values, whole: NDArray[np.bool_]) -> Values:
    side = end - start
    share = ((point - start) * side).sum(axis=1) / (side**2).sum(axis=1)
    away = point - start - share.clip(0, 1)[:, None] * side
    across = (share > -BESIDE) & (share < 1 + BESIDE)
    return np.where(across | whole, np.hypot(away[:, 0], away[:, 1]), np.inf)
