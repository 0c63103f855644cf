"""From the cross-section of a pillar to Meep's solids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metagen.device.shapes import Difference, Ellipse, Shape
from metagen.fdtd.engine import require_meep
from metagen.fdtd.grid import Grid

OUTLINE = 0.1
"""Distance, in pixels, from the boundary of an ellipse that the polygon may have which stands for it. Finer
polygons take longer and are no closer to RCWA (docs/fdtd.md)."""
SAME = 1e-9
"""Corners that are closer to each other, in pixels, or to a plane, in micrometres, lie on it."""


@dataclass(frozen=True, eq=False)
class Pillar:
    """A pillar somewhere on the substrate.

    Attributes:
        shape: its cross-section, about its site.
        site: x and y, in micrometres.
    """

    shape: Shape
    site: tuple[float, float]

    def has_corner_on_mirror(self, axis: int, side: float) -> bool:
        """Whether a corner lies on a plane where the cell is mirrored.

        Meep has no normal of the boundary there, and its mirrors are unstable or wrong.

        Args:
            axis: along which the mirror is, 0 for x → −x.
            side: of the cell along this axis, if it repeats: the mirrors are 0 and half a side on; infinity
                if it does not.
        """
        if math.isinf(side) and abs(self.site[axis]) > float(self.shape.reach) + SAME:
            return False
        corners = _corners(self.shape)[:, axis] + self.site[axis]
        nearest = 0.0 if math.isinf(side) else np.rint(corners / (side / 2)) * (side / 2)
        return bool((np.abs(corners - nearest) < SAME).any())

    @cached_property
    def radius(self) -> float:
        """Radius of the circle that has its area."""
        if isinstance(self.shape, Ellipse):
            return float((self.shape.a * self.shape.b).sqrt())
        return float((self.shape.area / np.pi).sqrt())


def _corners(shape: Shape) -> NDArray[np.float64]:
    """[V, 2] corners of all polygons that a shape is made of."""
    if isinstance(shape, Difference):
        return np.concatenate([_corners(shape.outer), _corners(shape.inner)])
    return np.zeros((0, 2)) if isinstance(shape, Ellipse) else np.concatenate(shape.outline(1.0))


def repeated(
    pillars: Sequence[Pillar], pitch: tuple[float, float], periods: tuple[int, int]
) -> tuple[Pillar, ...]:
    """The pillars of several periods, of which the first stays where it is."""
    return tuple(
        Pillar(pillar.shape, (pillar.site[0] + i * pitch[0], pillar.site[1] + j * pitch[1]))
        for i in range(periods[0])
        for j in range(periods[1])
        for pillar in pillars
    )


def half_a_step_on(polygon: NDArray[np.float64]) -> NDArray[np.float64]:
    """An outline [V, 2] of an ellipse with its corners in between: no corner then lies on an axis.

    See :meth:`Pillar.has_corner_on_mirror`.
    """
    centre = polygon.mean(axis=0)
    middles = (polygon + np.roll(polygon, 1, axis=0)) / 2
    return np.asarray(centre + (middles - centre) / np.cos(np.pi / len(polygon)))


@dataclass(frozen=True)
class Extrusion:
    """How high the pillars of a simulation stand.

    Attributes:
        grid: the grid.
        height: height of the pillars, in micrometres.
    """

    grid: Grid
    height: float

    def solids(self, shape: Shape, site: tuple[float, float], inside: Any, outside: Any) -> list[Any]:
        """Meep's solids of a pillar, in the order in which they are drawn.

        Args:
            shape: its cross-section.
            site: where it stands, in micrometres.
            inside: Meep's medium of the pillar.
            outside: Meep's medium of its holes.
        """
        if isinstance(shape, Difference):
            holes = self.solids(shape.inner, site, outside, inside)
            return [*self.solids(shape.outer, site, inside, outside), *holes]
        if isinstance(shape, Ellipse) and float(shape.a) == float(shape.b) and self.grid.stretch == 1:
            return [self._cylinder(shape, site, inside)]
        outline = shape.outline(OUTLINE * self.grid.pixel)
        if isinstance(shape, Ellipse):
            outline = tuple(half_a_step_on(polygon) for polygon in outline)
        corners = (_without_twins(self.grid.at(polygon + site)) for polygon in outline)
        return [self._block(each, inside) if _is_box(each) else self._prism(each, inside) for each in corners]

    def _cylinder(self, circle: Ellipse, site: tuple[float, float], medium: Any) -> Any:
        mp = require_meep()
        x, y = self.grid.at(np.array([site[0] + float(circle.x), site[1] + float(circle.y)])).tolist()
        return mp.Cylinder(
            radius=float(circle.a) / self.grid.pixel,
            height=self._pixels_high,
            center=mp.Vector3(x, y, self._middle),
            material=medium,
        )

    def _block(self, corners: NDArray[np.float64], medium: Any) -> Any:
        """A parallelogram, which Meep averages over pixels sooner as a block than as a prism."""
        mp, sides = require_meep(), np.diff(corners[:3], axis=0)
        return mp.Block(
            center=mp.Vector3(*corners.mean(axis=0), self._middle),
            size=mp.Vector3(*np.hypot(*sides.T), self._pixels_high),
            e1=mp.Vector3(*sides[0]),
            e2=mp.Vector3(*sides[1]),
            material=medium,
        )

    def _prism(self, corners: NDArray[np.float64], medium: Any) -> Any:
        mp, base = require_meep(), self.grid.z(self.grid.base)
        vertices = [mp.Vector3(x, y, base) for x, y in corners.tolist()]
        return mp.Prism(vertices, self._pixels_high, axis=mp.Vector3(z=1), material=medium)

    @property
    def _pixels_high(self) -> float:
        return self.height / self.grid.pixel

    @property
    def _middle(self) -> float:
        return self.grid.z(self.grid.base) + self._pixels_high / 2


def is_prism(solid: Any) -> bool:
    """Whether one of Meep's solids is a prism."""
    return isinstance(solid, require_meep().Prism)


def takes_prisms(shapes: Shape) -> bool:
    """Whether any of a batch of shapes is drawn with a prism on a grid that is not stretched."""
    if isinstance(shapes, Difference):
        return takes_prisms(shapes.outer) or takes_prisms(shapes.inner)
    if isinstance(shapes, Ellipse):
        return bool((shapes.a != shapes.b).any())
    corners = shapes.outline(1.0)[0]
    return not all(_is_box(_without_twins(each)) for each in corners.reshape(-1, *corners.shape[-2:]))


def _without_twins(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """[V, 2] corners in pixels, of equal neighbours only one."""
    apart = np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1) > SAME
    return np.asarray(corners[apart])


def _is_box(corners: NDArray[np.float64]) -> bool:
    """Whether the polygon is a parallelogram."""
    return len(corners) == 4 and bool(np.abs(corners[0] + corners[2] - corners[1] - corners[3]).max() < SAME)
