"""Which polygons are circles: area, centroid, and how far the outline strays from that circle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metagen.fab.circle import area_centroids

LONGEST_SIDE = 2 * np.sqrt(np.pi / 4 / np.sin(np.pi / 4)) * np.sin(np.pi / 8)
"""Longest side that a circle may have, over its radius: that of the regular octagon of its area, 0.81.

The corners of a regular polygon of n vertices are outside the circle of its area, by √(θ/sin θ) − 1 of the
radius, θ = 2π/n: 5 % for 8 vertices, 10 % for 6, 25 % for 4. The octagon is the coarsest circle that we
write, and what gdspy and gdstk draw for a radius of 0.1 at their default tolerance; a square or a hexagon is
as likely meant as one.
"""
ROUNDNESS = 0.01
"""How much wider than its sides explain the ring around the outline of a circle may be, over the radius.

This is left for programs that round vertices to another grid than that of the file.
"""
ROUNDING = 2.0
"""What is added to that for the grid of the file, in database units.

A vertex is rounded by up to 0.71 units, so that the ring may be 1.4 units wider. Sizing in KLayout rounds
twice; 2.5 units were seen, of which the share of the radius above covers the rest.
"""


@dataclass(frozen=True, eq=False)
class CircleFits:
    """The circles that polygons stand for, and what tells whether they are circles at all.

    A circle has the area and the centroid of its polygon: that is what is exposed, however few or unevenly
    spaced the vertices are.

    Attributes:
        centres: [M] centroids of the areas, as x + i·y.
        radii: [M] radii of the circles of equal area.
        nearest: [M] distance of the outline from the centre where it is closest.
        farthest: [M] the same where it is farthest.
        longest_side: [M] length of the longest side.
        database_unit: step to which the vertices were rounded.
    """

    centres: NDArray[np.complex128]
    radii: NDArray[np.float64]
    nearest: NDArray[np.float64]
    farthest: NDArray[np.float64]
    longest_side: NDArray[np.float64]
    database_unit: float

    @property
    def slack(self) -> NDArray[np.float64]:
        """[M] by how much rounding may widen the ring or lengthen a side."""
        return ROUNDING * self.database_unit + ROUNDNESS * self.radii

    @property
    def has_few_sides(self) -> NDArray[np.bool_]:
        """[M] whether a polygon is coarser than an octagon: it may be meant as a square or a hexagon."""
        return np.asarray(self.longest_side > LONGEST_SIDE * self.radii + self.slack)

    @property
    def strays(self) -> NDArray[np.bool_]:
        """[M] whether outline and circle need a wider ring around the centre than the sides explain.

        A side of length s, a chord, comes closer to the centre in its middle than at its ends by its sagitta,
        R − √(R² − s²/4); the longest side says how wide the ring is.
        """
        half = np.minimum(self.longest_side / 2, self.radii)
        sagitta = self.radii - np.sqrt(self.radii**2 - half**2)
        outside, inside = np.maximum(self.farthest, self.radii), np.minimum(self.nearest, self.radii)
        return np.asarray(outside - inside > sagitta + self.slack)

    @property
    def is_round(self) -> NDArray[np.bool_]:
        """[M] whether the polygons are circles."""
        return (self.radii > 0) & ~self.has_few_sides & ~self.strays

    def reason(self, index: int) -> str:
        """Why one of the polygons is no circle."""
        if self.radii[index] == 0:
            return "it has no area"
        where = f"its outline is {self.nearest[index]:.4g} to {self.farthest[index]:.4g} from its centre"
        if self.has_few_sides[index]:
            return (
                f"{where}, and its longest side of {self.longest_side[index]:.4g} is over that of the "
                f"octagon of its area, {LONGEST_SIDE * self.radii[index]:.4g}; if a circle is meant, draw it "
                "with more vertices"
            )
        return f"{where}, the circle of its area has the radius {self.radii[index]:.4g}"


def fit_circles(points: NDArray[np.float64], database_unit: float) -> CircleFits:
    """Compare polygons [M, n, 2] with the circles that have their areas and centroids."""
    centres, areas = area_centroids(points)
    starts = points[..., 0] + 1j * points[..., 1] - centres[:, None]
    sides = np.roll(starts, -1, axis=1) - starts
    squares = _squared(sides)
    along = -(starts * sides.conj()).real / np.where(squares > 0, squares, 1)
    closest = starts + np.clip(along, 0, 1) * sides
    return CircleFits(
        centres,
        np.sqrt(areas / np.pi),
        nearest=np.sqrt(_squared(closest).min(axis=1)),
        farthest=np.sqrt(_squared(starts).max(axis=1)),
        longest_side=np.sqrt(squares.max(axis=1)),
        database_unit=database_unit,
    )


def _squared(lengths: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Squares of the absolute values, without taking roots."""
    return np.asarray(lengths.real**2 + lengths.imag**2)
