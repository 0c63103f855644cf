"""The polygons of one pillar: area-true, rounded to the database unit, without holes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import gdstk
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.device.atoms import Atom
from metagen.fab.circle import MOST_VERTICES, circle_polygon, polygon_areas
from metagen.fab.options import LayoutFileOptions, drawn_radii
from metagen.fab.steps import is_circle, turned_by

if TYPE_CHECKING:
    from metagen.device.shapes import Shape

CHUNK = 1 << 12
"""Shapes that are made at once; curved ones have as many vertices as the largest of them needs."""
Polygons = list[NDArray[np.float64]]
"""Outlines [V, 2] in micrometres, one for each part of a pillar."""


def drawn_shape(atom: Atom, values: NDArray[np.float64], bias: float) -> Shape:
    """The shapes [M] that are drawn for parameters [M, P], before they are turned.

    Raises:
        InputError: the bias makes a length negative, or there are no lengths that it could change.
    """
    import torch

    upright = values.copy()
    angle = turned_by(atom)
    if angle is not None:
        upright[..., angle] = 0.0
    return atom.grown(torch.from_numpy(upright), bias) if bias else atom.shape(torch.from_numpy(upright))


def pillar_polygons(
    atom: Atom, values: NDArray[np.float64], options: LayoutFileOptions
) -> Iterator[tuple[Polygons, float]]:
    """Draw pillars of parameters [M, P] one after the other, before they are turned.

    Yields:
        The polygons of each, and by what share their area differs from that of the pillar.

    Raises:
        InputError: the bias leaves nothing of one, or a polygon would need too many vertices.
    """
    if is_circle(atom):
        yield from (_circle(radius, options) for radius in drawn_radii(values[:, 0], options.bias))
        return
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK]
        yield from _shapes(drawn_shape(atom, part, options.edge_bias), len(part), options)


def _circle(radius: float, options: LayoutFileOptions) -> tuple[Polygons, float]:
    circle = circle_polygon(radius, options.polygon_tolerance, options.database_unit)
    return [circle], abs(float(polygon_areas(circle[None])[0]) / (np.pi * radius**2) - 1)


def _shapes(shapes: Shape, count: int, options: LayoutFileOptions) -> Iterator[tuple[Polygons, float]]:
    """Polygons and errors of area of a batch of shapes."""
    outlines = _rounded_outlines(shapes, count, options)
    areas = np.broadcast_to(shapes.area.numpy(), count)
    holed = [polygon for polygon in outlines if not _is_solid(polygon[0])]
    if len(outlines) == 1 and not holed:
        errors = np.abs(polygon_areas(outlines[0]) / areas - 1)
        kept = _moves_on(outlines[0])
        whole = kept.all(axis=-1)  # of most shapes: nothing is then copied
        for index, error in enumerate(errors.tolist()):
            yield [outlines[0][index] if whole[index] else outlines[0][index, kept[index]]], error
        return
    for index, area in enumerate(areas.tolist()):
        polygons = _cut([each[index] for each in outlines], options.database_unit)
        covered = sum(float(polygon_areas(each[None])[0]) for each in polygons)
        yield polygons, abs(covered / area - 1)


def _rounded_outlines(shapes: Shape, count: int, options: LayoutFileOptions) -> Polygons:
    """Outlines [count, V, 2] in whole database units, each of the same part of all shapes."""
    unit = options.database_unit
    outlines = [np.rint(each / unit) * unit for each in shapes.outline(options.polygon_tolerance)]
    most = max(each.shape[-2] for each in outlines)
    if most > MOST_VERTICES:
        raise InputError(
            f"polygon_tolerance is {options.polygon_tolerance:g}: a pillar would need {most} vertices, at "
            f"most {MOST_VERTICES} are written; use a larger polygon_tolerance"
        )
    return [np.broadcast_to(each, (count, *each.shape[-2:])) for each in outlines]


def _cut(outlines: Polygons, unit: float) -> Polygons:
    """The outlines of one shape without holes: it is cut along a line to each of them."""
    parts = [each[_moves_on(each)] for each in outlines]
    solid = [each for each in parts if _is_solid(each)]
    holes = [each for each in parts if not _is_solid(each)]
    if not holes:
        return solid
    cut = gdstk.boolean(_polygons(solid), _polygons(holes), "not", unit)
    return [np.rint(np.array(each.points) / unit) * unit for each in cut]


def space_polygons(drawn: float, period: float, options: LayoutFileOptions) -> Polygons:
    """Draw the square lattice cell around a pillar of a drawn radius, without the pillar.

    It is cut at x = 0 into two polygons that have no holes.
    """
    square = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * period / 2
    if drawn == 0:
        return [square]
    circle = circle_polygon(drawn, options.polygon_tolerance, options.database_unit)
    right = circle[circle[:, 0] > 0]
    right = right[np.argsort(np.arctan2(right[:, 1], right[:, 0]))]
    top, edge = right[-1, 1], period / 2
    corners = [[0, top], [0, edge], [edge, edge], [edge, -edge], [0, -edge], [0, -top]]
    half = np.concatenate([right, corners])
    return [half, half * (-1, 1)]


def _polygons(outlines: Polygons) -> list[gdstk.Polygon]:
    return [gdstk.Polygon(each.tolist()) for each in outlines]


def _is_solid(polygon: NDArray[np.float64]) -> bool:
    """Whether a polygon runs counterclockwise."""
    following = np.roll(polygon, -1, axis=0)
    return bool((polygon[:, 0] * following[:, 1] - polygon[:, 1] * following[:, 0]).sum() > 0)


def _moves_on(polygons: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[..., V] whether a corner of polygons [..., V, 2] is elsewhere than the one before it."""
    return np.asarray((polygons != np.roll(polygons, 1, axis=-2)).any(axis=-1))
