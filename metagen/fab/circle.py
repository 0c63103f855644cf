"""Circles as polygons: of the right area when written, and recognised when read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError

FEWEST_VERTICES = 8
"""A polygon with fewer vertices is not taken for a circle."""
MOST_VERTICES = 4096
"""Half of what one record of a GDS file holds."""
ROUNDNESS = 0.01
"""Largest spread of the distances of the vertices from the centre that a circle may have, over the radius."""


def vertex_count(radius: float, tolerance: float) -> int:
    """Vertices that keep an area-true polygon within ``tolerance`` of the circle everywhere.

    The corners stand out farthest, by radius·θ²/12 to lowest order, θ = 2π/count being the angle of one side.
    The count is a multiple of eight, so that the polygon has all mirror planes of the lattice.
    """
    count = 2 * np.pi * np.sqrt(radius / (12 * tolerance))
    if count > MOST_VERTICES:
        raise InputError(
            f"polygon_tolerance is {tolerance:g}: a circle of radius {radius:g} would need {count:.0f} "
            f"vertices, at most {MOST_VERTICES} are written; use a larger polygon_tolerance"
        )
    return max(8, 8 * int(np.ceil(count / 8)))


def circle_polygon(radius: float, tolerance: float, database_unit: float) -> NDArray[np.float64]:
    """[n, 2] vertices of a regular polygon with the area of the circle, rounded to the database unit.

    A polygon inscribed in the circle would be too small; this one has its corners at radius·√(θ/sin θ),
    outside the circle. Sides (not corners) face the neighbours on the lattice. The first octant is rounded
    and the others are its mirror images, so that the rounded polygon still has all mirror planes.
    """
    count = vertex_count(radius, tolerance)
    side_angle = 2 * np.pi / count
    corner = radius * np.sqrt(side_angle / np.sin(side_angle))
    angles = (np.arange(count // 8) + 0.5) * side_angle
    octant = np.rint(corner * np.column_stack([np.cos(angles), np.sin(angles)]) / database_unit)
    quadrant = np.concatenate([octant, octant[::-1, ::-1]])
    half = np.concatenate([quadrant, quadrant[::-1] * (-1, 1)])
    return np.asarray(np.concatenate([half, half[::-1] * (1, -1)]) * database_unit)


def polygon_areas(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """[M] areas of simple polygons with vertices [M, n, 2]."""
    x, y = np.moveaxis(points - points[:, :1], -1, 0)
    doubled = (x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)
    return np.asarray(np.abs(doubled) / 2)


def circles_of(
    points: NDArray[np.float64], database_unit: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Centres [M, 2] and radii [M] of the circles that polygons [M, n, 2] stand for; and which are round [M].

    The radius is that of the circle of equal area, which is what is exposed, however few vertices there are.
    """
    centres = points.mean(axis=1)
    distances = np.linalg.norm(points - centres[:, None], axis=2)
    sides = np.linalg.norm(points - np.roll(points, -1, axis=1), axis=2)
    radii = np.sqrt(polygon_areas(points) / np.pi)
    count = points.shape[1]
    slack = 2 * database_unit + ROUNDNESS * radii
    longest = 1.5 * 2 * distances.max(axis=1) * np.sin(np.pi / count) + slack
    is_round = (np.ptp(distances, axis=1) <= slack) & (sides.max(axis=1) <= longest)
    return centres, radii, is_round & (count >= FEWEST_VERTICES)
