"""Finding the pillars that one cell of a layout file draws: circles, other shapes, holes, our own cells."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING

import gdstk
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError, InputError
from metagen.device.atoms import Atom
from metagen.fab.found import Pillars, check_count, copies, joined
from metagen.fab.hierarchy import Finder
from metagen.fab.label import DeviceLabel
from metagen.fab.options import Layer, LayoutFileOptions
from metagen.fab.outline import Polygons, pillar_polygons
from metagen.fab.roundness import fit_circles
from metagen.fab.steps import at_steps, is_circle, turned_by

if TYPE_CHECKING:
    import shapely

CHUNK = 1 << 13
"""Polygons that are examined at once."""
OWN_CELL = re.compile(r"(?:^|_)S(?P<steps>\d+(?:_\d+)*)?(?:\$\d+)?$")
"""Names of our cells: S and the lengths in steps; KLayout adds $1 to one that it finds twice."""
REDRAWN = 0.75
"""How far an outline may be from what we drew, on average, in database units: rounding moves it by 0.71."""

Fit = Callable[[list[gdstk.Polygon], str], Pillars]
"""A function that makes one pillar of each of some polygons with equally many vertices, or refuses them; its
second argument is the place for messages."""


def finder_of(
    layer: Layer, atom: Atom, label: DeviceLabel | None, database_unit: float, source: str
) -> Finder:
    """Make the finder for a file: of ours, with its label, or of another program.

    Args:
        layer: where the pillars are.
        atom: the family of their shapes.
        label: ours, if there is one.
        database_unit: step of the coordinates of the file, in micrometres.
        source: the file, for messages.
    """
    if is_circle(atom):
        return _polygon_finder(layer, atom, _circle_fit(database_unit), source)
    if label is not None:
        return _own_finder(label, layer, database_unit, source)
    from metagen.fab.shape_fit import ShapeFit

    return _polygon_finder(layer, atom, ShapeFit(atom, database_unit).pillars, source)


def _polygon_finder(layer: Layer, atom: Atom, fit: Fit, source: str) -> Finder:
    """Make a finder that takes every polygon on the layer for a pillar, and refuses any that is none."""

    def find(cell: gdstk.Cell) -> Pillars:
        where = f"{source}: cell {cell.name!r}"
        _refuse_paths(cell, layer, where)
        by_count = defaultdict(list)
        for polygon in _polygons(cell, layer):
            by_count[polygon.size].append(polygon)
        check_count(map(copies, chain(*by_count.values())), where)
        parts = [
            fit(group[start : start + CHUNK], where).repeated(group[start : start + CHUNK])
            for group in by_count.values()
            for start in range(0, len(group), CHUNK)
        ]
        return joined(parts, atom)

    return find


def _polygons(cell: gdstk.Cell, layer: Layer) -> list[gdstk.Polygon]:
    return [each for each in cell.polygons if (each.layer, each.datatype) == layer]


def _refuse_paths(cell: gdstk.Cell, layer: Layer, where: str) -> None:
    """A round path of zero length looks like a circle, but gdstk makes no polygon of it."""
    paths = [path for path in cell.paths if layer in zip(path.layers, path.datatypes, strict=True)]
    if paths:
        x, y = paths[0].spine()[0]
        raise FormatError(
            f"{where} has {len(paths)} paths on layer {layer[0]}/{layer[1]}, the first at "
            f"({x:.4f}, {y:.4f}). Paths are not read, neither lines nor dots (round paths of zero length); "
            "convert them to polygons in the program that drew them"
        )


def _circle_fit(database_unit: float) -> Fit:
    def fit(polygons: list[gdstk.Polygon], where: str) -> Pillars:
        fits = fit_circles(np.stack([polygon.points for polygon in polygons]), database_unit)
        if not fits.is_round.all():
            wrong = int(fits.is_round.argmin())
            x, y = fits.centres[wrong].real, fits.centres[wrong].imag
            raise FormatError(
                f"{where}: a polygon of {polygons[wrong].size} vertices around ({x:.4f}, {y:.4f}) is no "
                f"circle: {fits.reason(wrong)}. The pillars of the platform are circles, and other shapes "
                "must be on other layers"
            )
        return Pillars(fits.centres, fits.radii[:, None])

    return fit


def hole_finder(layer: Layer, period: float) -> Finder:
    """Make a finder for files in the inverted tone.

    There, the polygons of a cell on the layer are together a square lattice cell around one circular hole.
    """

    def find(cell: gdstk.Cell) -> Pillars:
        polygons = _polygons(cell, layer)
        if not polygons:
            return Pillars(np.empty(0, complex), np.empty((0, 1)))
        points = np.concatenate([polygon.points for polygon in polygons])
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        covered = sum(polygon.area() for polygon in polygons)
        radius = np.sqrt(max(0.0, period**2 - covered) / np.pi)
        return Pillars(np.array([complex(*centre)]), np.array([[radius]]))

    return find


def _own_finder(label: DeviceLabel, layer: Layer, database_unit: float, source: str) -> Finder:
    """Make a finder for our own files, whose cells say their parameters, and are what we draw for them."""
    atom, angle = label.atom, turned_by(label.atom)
    columns = [i for i in range(len(atom.parameters)) if i != angle]
    options = LayoutFileOptions(
        bias=label.bias,
        polygon_tolerance=label.polygon_tolerance,
        database_unit=database_unit,
        grid=max(label.grid, database_unit),
    )

    def find(cell: gdstk.Cell) -> Pillars:
        polygons = _polygons(cell, layer)
        if not polygons:
            return joined([], atom)
        named = OWN_CELL.search(cell.name)
        numbers = [int(part) for part in ((named and named["steps"]) or "").split("_") if part]
        if named is None or len(numbers) != len(columns):
            raise _edited(f"{source}: cell {cell.name!r} draws pillars, and its name is none of ours")
        steps = np.zeros((1, len(atom.parameters)), dtype=np.int32)
        steps[0, columns] = numbers
        values = at_steps(steps, atom, label.grids)
        if not _is_drawn(polygons, values):
            raise _edited(f"{source}: cell {cell.name!r} does not hold the pillar that its name says")
        return Pillars(np.zeros(1, complex), values)

    def _is_drawn(polygons: list[gdstk.Polygon], values: NDArray[np.float64]) -> bool:
        try:
            ((expected, _),) = pillar_polygons(atom, values, options)
        except InputError:
            return False
        found = body([np.array(polygon.points) for polygon in polygons])
        wanted = body(expected)
        allowed = (REDRAWN * database_unit + label.polygon_tolerance) * wanted.length
        return bool(found.symmetric_difference(wanted).area <= allowed)

    return find


def body(polygons: Polygons) -> shapely.Geometry:
    """The region of polygons [V, 2], each of which may touch itself along a cut to a hole."""
    import shapely

    return shapely.union_all([shapely.make_valid(shapely.Polygon(polygon)) for polygon in polygons])


def _edited(what: str) -> FormatError:
    return FormatError(
        f"{what}; the file was edited or damaged. Write it again, or remove the label to read it as it is"
    )
