"""Circles as polygons of the same area."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError

MOST_VERTICES = 4096
"""Largest number of vertices of one polygon: half of what one record of a GDS file holds."""


def vertex_count(radius: float, tolerance: float) -> int:
    """Return how many vertices keep an area-true polygon within ``tolerance`` of the circle everywhere.

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
    """Return the vertices [n, 2] of a regular polygon that has the area of the circle.

    The vertices are rounded to the database unit. A polygon inscribed in the circle would be too small; this
    one has its corners at radius·√(θ/sin θ), outside the circle. Sides (not corners) face the neighbours on
    the lattice. The first octant is rounded and the others are its mirror images, so that the rounded polygon
    still has all mirror planes.
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
    return area_centroids(points)[1]


def area_centroids(
    points: NDArray[np.float64],
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Centroids [M], as x + i·y, and areas [M] of simple polygons with vertices [M, n, 2].

    A polygon without area has the mean of its vertices instead of a centroid.
    """
    vertices = points[..., 0] + 1j * points[..., 1]
    middles = vertices.mean(axis=1)
    starts = vertices - middles[:, None]
    ends = np.roll(starts, -1, axis=1)
    crosses = (starts.conj() * ends).imag
    doubled = crosses.sum(axis=1)
    moments = ((starts + ends) * crosses).sum(axis=1)
    return middles + moments / (3 * np.where(doubled != 0, doubled, np.inf)), np.abs(doubled) / 2
