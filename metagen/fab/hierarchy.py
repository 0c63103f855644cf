"""Circles of a cell and of all that it places, gathered without flattening polygons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import gdstk
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError
from metagen.fab.circle import circles_of
from metagen.fab.options import Layer

CHUNK = 1 << 16
"""Polygons that are examined at once."""


@dataclass(frozen=True, eq=False)
class Circles:
    """Circles by centre and radius.

    Attributes:
        centres: [M] complex, x + i·y.
        radii: [M] radii.
    """

    centres: NDArray[np.complex128]
    radii: NDArray[np.float64]


Finder = Callable[[gdstk.Cell], Circles]
"""Finds the circles that a cell draws itself."""


def pillar_finder(layer: Layer, database_unit: float, source: str) -> Finder:
    """Every polygon on the layer is a circle; one that is not raises FormatError."""

    def find(cell: gdstk.Cell) -> Circles:
        polygons = cell.get_polygons(depth=0, layer=layer[0], datatype=layer[1])
        parts = [
            _round_ones(polygons[start : start + CHUNK], database_unit, f"{source}: cell {cell.name!r}")
            for start in range(0, len(polygons), CHUNK)
        ]
        return _joined(parts)

    return find


def _round_ones(polygons: list[gdstk.Polygon], database_unit: float, source: str) -> Circles:
    by_count = defaultdict(list)
    for polygon in polygons:
        points = polygon.points
        by_count[len(points)].append(points)
    parts = []
    for group in by_count.values():
        centres, radii, is_round = circles_of(np.stack(group), database_unit)
        if not is_round.all():
            x, y = centres[~is_round][0]
            raise FormatError(
                f"{source}: a polygon of {len(group[0])} vertices around ({x:.4f}, {y:.4f}) is no circle; "
                "only layouts of circular pillars can be read, and other shapes must be on other layers"
            )
        parts.append(Circles(centres[:, 0] + 1j * centres[:, 1], radii))
    return _joined(parts)


def hole_finder(layer: Layer, period: float) -> Finder:
    """The polygons on the layer of a cell are, together, a square lattice cell around one circular hole."""

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
    order: dict[str, gdstk.Cell] = {}
    open_cells: list[str] = []

    def visit(cell: gdstk.Cell) -> None:
        if cell.name in open_cells:
            loop = " → ".join([*open_cells[open_cells.index(cell.name) :], cell.name])
            raise FormatError(f"{source}: cells place each other in a circle ({loop}); this is no layout")
        if cell.name in order:
            return
        open_cells.append(cell.name)
        for child in _children(cell, source):
            visit(child)
        open_cells.pop()
        order[cell.name] = cell

    visit(top)
    return list(order.values())


def _children(cell: gdstk.Cell, source: str) -> list[gdstk.Cell]:
    children = {}
    for reference in cell.references:
        child = reference.cell
        if not isinstance(child, gdstk.Cell):
            raise FormatError(
                f"{source}: cell {cell.name!r} places {getattr(child, 'name', child)!r}, which is not in the "
                "file; export it with all its cells"
            )
        children[child.name] = child
    return list(children.values())


def collect(cells: list[gdstk.Cell], find: Finder) -> Circles:
    """Return the circles of the last cell; ``cells`` are ordered as by :func:`placed_cells`."""
    known: dict[str, Circles] = {}
    for cell in cells:
        placed = [
            _placed(known[name], points, transform)
            for (name, *transform), points in _placements(cell).items()
            if known[name].radii.size
        ]
        known[cell.name] = _joined([find(cell), *placed])
    return known[cells[-1].name]


def _placements(cell: gdstk.Cell) -> dict[tuple[str, float, float, bool], NDArray[np.complex128]]:
    """Where each cell is placed with which rotation, magnification and reflection."""
    groups = defaultdict(list)
    for reference in cell.references:
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
