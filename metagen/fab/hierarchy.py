"""Circles of a cell and of all that it places, gathered without flattening polygons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import chain

import gdstk
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError
from metagen.fab.options import Layer
from metagen.fab.roundness import fit_circles

CHUNK = 1 << 13
"""Polygons that are examined at once."""
MOST_PILLARS = 10**8
"""Circles that one cell may amount to: ten times the largest device that was tried."""


@dataclass(frozen=True, eq=False)
class Circles:
    """Circles by centre and radius, in micrometres.

    Attributes:
        centres: [M] positions of the centres, x + i·y.
        radii: [M] radii.
    """

    centres: NDArray[np.complex128]
    radii: NDArray[np.float64]


Finder = Callable[[gdstk.Cell], Circles]
"""A function that finds the circles that a cell draws itself, not those of cells that it places."""


def pillar_finder(layer: Layer, database_unit: float, source: str) -> Finder:
    """Make a finder that takes every polygon on the layer for a circle, and refuses any that is none."""

    def find(cell: gdstk.Cell) -> Circles:
        where = f"{source}: cell {cell.name!r}"
        _refuse_paths(cell, layer, where)
        by_count = defaultdict(list)
        for polygon in cell.polygons:
            if (polygon.layer, polygon.datatype) == layer:
                by_count[polygon.size].append(polygon)
        _check_count(map(_copies, chain(*by_count.values())), where)
        parts = [
            _round_ones(group[start : start + CHUNK], database_unit, where)
            for group in by_count.values()
            for start in range(0, len(group), CHUNK)
        ]
        return _joined(parts)

    return find


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


def _round_ones(polygons: list[gdstk.Polygon], database_unit: float, where: str) -> Circles:
    """The circles of polygons that have the same number of vertices, with all their copies."""
    fits = fit_circles(np.stack([polygon.points for polygon in polygons]), database_unit)
    if not fits.is_round.all():
        wrong = int(fits.is_round.argmin())
        x, y = fits.centres[wrong].real, fits.centres[wrong].imag
        raise FormatError(
            f"{where}: a polygon of {polygons[wrong].size} vertices around ({x:.4f}, {y:.4f}) is no circle: "
            f"{fits.reason(wrong)}. Only layouts of circular pillars can be read, and other shapes must be "
            "on other layers"
        )
    copies = [
        Circles(offsets + fits.centres[index], np.full(len(offsets), fits.radii[index]))
        for index, polygon in enumerate(polygons)
        if polygon.repetition.size
        for offsets in [polygon.repetition.get_offsets()[1:] @ (1, 1j)]
    ]
    return _joined([Circles(fits.centres, fits.radii), *copies])


def _copies(drawn: gdstk.Polygon | gdstk.Reference) -> int:
    """How many copies of a polygon or of a reference the file asks for."""
    return max(1, drawn.repetition.size or 0)


def _check_count(counts: Iterable[int], where: str) -> None:
    """Refuse what no memory would hold, before it is made."""
    total = sum(counts)
    if total > MOST_PILLARS:
        raise FormatError(
            f"{where} amounts to {total:.3g} circles, at most {MOST_PILLARS:.3g} are read; the numbers of an "
            "array may be wrong. Read a part of it as a cell of its own"
        )


def hole_finder(layer: Layer, period: float) -> Finder:
    """Make a finder for files in the inverted tone.

    There, the polygons of a cell on the layer are together a square lattice cell around one circular hole.
    """

    def find(cell: gdstk.Cell) -> Circles:
        polygons = cell.get_polygons(depth=0, layer=layer[0], datatype=layer[1])
        if not polygons:
            return _joined([])
        points = np.concatenate([polygon.points for polygon in polygons])
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        covered = sum(polygon.area() for polygon in polygons)
        radius = np.sqrt(max(0.0, period**2 - covered) / np.pi)
        return Circles(np.array([complex(*centre)]), np.array([radius]))

    return find


def placed_cells(top: gdstk.Cell, source: str) -> list[gdstk.Cell]:
    """All cells that ``top`` places, directly or not, each after those that it places; ``top`` is last.

    Raises:
        FormatError: a cell places itself, directly or through others, or one that is not in the file.
    """
    cells, below, waiting = {top.name: top}, {}, [top]
    while waiting:
        cell = waiting.pop()
        children = _children(cell, source)
        below[cell.name] = list(children)
        waiting += [child for name, child in children.items() if name not in cells]
        cells |= children
    try:
        return [cells[name] for name in TopologicalSorter(below).static_order()]
    except CycleError as error:
        loop = " → ".join(reversed(error.args[1]))
        raise FormatError(
            f"{source}: cells place each other in a circle ({loop}); this is no layout"
        ) from error


def _children(cell: gdstk.Cell, source: str) -> dict[str, gdstk.Cell]:
    children = {}
    for reference in cell.references:
        child = reference.cell
        if not isinstance(child, gdstk.Cell):
            raise FormatError(
                f"{source}: cell {cell.name!r} places {getattr(child, 'name', child)!r}, which is not in the "
                "file; export it with all its cells"
            )
        if not reference.magnification > 0:
            raise FormatError(
                f"{source}: cell {cell.name!r} places {child.name!r} with a magnification of "
                f"{reference.magnification:g}; it must be over 0, use a reflection or a rotation instead"
            )
        children[child.name] = child
    return children


def collect(cells: list[gdstk.Cell], find: Finder, source: str) -> Circles:
    """Return the circles of the last cell; ``cells`` are ordered as by :func:`placed_cells`.

    Raises:
        FormatError: there are more circles than memory would hold, or what ``find`` refuses.
    """
    known: dict[str, Circles] = {}
    for cell in cells:
        filled = [each for each in cell.references if known[each.cell.name].radii.size]
        _check_count(
            (_copies(each) * known[each.cell.name].radii.size for each in filled),
            f"{source}: cell {cell.name!r}",
        )
        placed = [
            _placed(known[name], points, transform)
            for (name, *transform), points in _placements(filled).items()
        ]
        known[cell.name] = _joined([find(cell), *placed])
    return known[cells[-1].name]


def _placements(
    references: list[gdstk.Reference],
) -> dict[tuple[str, float, float, bool], NDArray[np.complex128]]:
    """List the positions of each cell, by the rotation, magnification and reflection it is placed with."""
    groups = defaultdict(list)
    for reference in references:
        key = (
            reference.cell.name,
            reference.rotation,
            reference.magnification,
            reference.x_reflection,
        )
        origin, repetition = complex(*reference.origin), reference.repetition
        if repetition.size:
            groups[key].append(repetition.get_offsets() @ (1, 1j) + origin)
        else:
            groups[key].append(np.array([origin]))
    return {key: np.concatenate(points) for key, points in groups.items()}


def _placed(child: Circles, points: NDArray[np.complex128], transform: list[float]) -> Circles:
    rotation, magnification, reflection = transform
    centres = child.centres.conj() if reflection else child.centres
    turned = magnification * np.exp(1j * rotation) * centres
    return Circles((points[:, None] + turned).ravel(), np.tile(magnification * child.radii, len(points)))


def _joined(parts: list[Circles]) -> Circles:
    if not parts:
        return Circles(np.empty(0, complex), np.empty(0))
    return Circles(np.concatenate([p.centres for p in parts]), np.concatenate([p.radii for p in parts]))
