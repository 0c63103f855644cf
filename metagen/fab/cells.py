"""A device as a hierarchy of cells: one per distinct radius, and one per mirror plane that the device has.

A GDS file spends 28 bytes on every placed pillar, so that a device is small when few are placed. A layout
with mirror planes is folded: its cell holds the pillars on the plane and, twice, a cell with those on one
side. A lens has the planes x = 0, y = 0 and x = y; an eighth of its pillars is placed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import gdstk
import numpy as np
from numpy.typing import NDArray

from metagen.fab.circle import circle_polygon
from metagen.fab.options import LayoutFileOptions, Tone

ABSENT = -1
"""Marks a site that belongs to another cell."""
SITES_PER_CELL = 1 << 20
"""Cells with more sites are split into bands of rows, so that memory stays flat while they are written."""

Steps = NDArray[np.int32]
"""[N, N] drawn radii of the sites of one cell, as indices into the list of distinct radii; or ABSENT."""


class Mirror(Enum):
    """A mirror plane; the value is the rotation that follows a reflection y → −y to make its mirror image."""

    X = np.pi
    Y = 0.0
    DIAGONAL = np.pi / 2


def mirrors(steps: Steps) -> list[Mirror]:
    """The planes to fold at, in order; the diagonal only maps one quadrant, or the whole, onto itself."""
    axes = [
        mirror
        for mirror, image in ((Mirror.X, steps[::-1]), (Mirror.Y, steps[:, ::-1]))
        if np.array_equal(steps, image)
    ]
    diagonal = len(axes) != 1 and np.array_equal(steps, steps.T)
    return [*axes, Mirror.DIAGONAL] if diagonal else axes


def height_over(mirror: Mirror, count: int) -> NDArray[np.int64]:
    """[N, N] (or a shape that broadcasts to it) signed distances of the sites from the plane, in any unit."""
    along = 2 * np.arange(count) - (count - 1)
    x, y = along[:, None], along[None, :]
    return {Mirror.X: x, Mirror.Y: y, Mirror.DIAGONAL: x - y}[mirror]


@dataclass(frozen=True)
class Fold:
    """The sites that one cell of the hierarchy places itself, and how it repeats the next one."""

    steps: Steps
    mirror: Mirror | None


def folds(steps: Steps) -> list[Fold]:
    """Split a device at its mirror planes; the last fold repeats nothing."""
    made, rest = [], steps
    for mirror in mirrors(steps):
        height = height_over(mirror, len(steps))
        made.append(Fold(np.where(height == 0, rest, ABSENT), mirror))
        rest = np.where(height > 0, rest, ABSENT)
    return [*made, Fold(rest, None)]


def device_cells(
    steps: Steps, names: list[str], positions: NDArray[np.float64], prefix: str
) -> Iterator[gdstk.Cell]:
    """Yield the cells that place the pillars; the last one is the whole device.

    Args:
        steps: [N, N] index of each site's radius cell in ``names``.
        names: names of the cells of the distinct radii; an empty name places nothing.
        positions: [N] coordinates of the lattice along either axis.
        prefix: begins the name of every cell.
    """
    child: gdstk.Cell | None = None
    parts = folds(steps)
    for level, fold in reversed(list(enumerate(parts))):
        cell = gdstk.Cell(f"{prefix}_{level}" if level else prefix)
        if child is not None and fold.mirror is not None:
            cell.add(
                reference_to(child.name),
                reference_to(child.name, rotation=fold.mirror.value, x_reflection=True),
            )
        yield from place(cell, fold.steps, names, positions)
        yield cell
        child = cell


def place(
    cell: gdstk.Cell, steps: Steps, names: list[str], positions: NDArray[np.float64]
) -> Iterator[gdstk.Cell]:
    """Add the sites to ``cell``; where they are many, yield cells of bands of rows and place these."""
    bands = bands_of(steps)
    if len(bands) <= 1:
        cell.add(*references(steps, 0, names, positions))
        return
    for number, rows in enumerate(bands):
        band = gdstk.Cell(f"{cell.name}_BAND{number}")
        band.add(*references(steps[rows], rows.start, names, positions))
        yield band
        cell.add(reference_to(band.name))


def bands_of(steps: Steps) -> list[slice]:
    """Rows of the cell in groups that hold at most SITES_PER_CELL sites each (one row at least)."""
    placed = np.cumsum(np.count_nonzero(steps != ABSENT, axis=1))
    group = placed // SITES_PER_CELL
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return [slice(int(a), int(b)) for a, b in zip(starts, [*starts[1:], len(steps)], strict=True)]


def references(
    steps: Steps, first_row: int, names: list[str], positions: NDArray[np.float64]
) -> list[gdstk.Reference]:
    """One reference, repeated at explicit offsets, for each radius that occurs."""
    rows, columns = np.nonzero(steps != ABSENT)
    if not rows.size:
        return []
    found = steps[rows, columns]
    order = np.argsort(found, kind="stable")
    points = np.column_stack([positions[rows[order] + first_row], positions[columns[order]]])
    cells, starts = np.unique(found[order], return_index=True)
    return [
        repeated(names[index], group)
        for index, group in zip(cells, np.split(points, starts[1:]), strict=True)
        if names[index]
    ]


def repeated(name: str, points: NDArray[np.float64]) -> gdstk.Reference:
    """A reference at every point of [M, 2]."""
    reference = reference_to(name, origin=complex(*points[0]))
    if len(points) > 1:
        reference.repetition = gdstk.Repetition(offsets=points[1:] - points[0])
    return reference


def reference_to(
    name: str, origin: complex = 0j, rotation: float = 0.0, x_reflection: bool = False
) -> gdstk.Reference:
    """A reference by name: the cell itself need not be kept in memory."""
    return gdstk.Reference(name, origin, rotation=rotation, x_reflection=x_reflection)  # type: ignore[arg-type]


def radius_cell(name: str, drawn: float, period: float, options: LayoutFileOptions) -> gdstk.Cell:
    """The cell that draws one site: the pillar, or (inverted) its square lattice cell without the pillar."""
    cell = gdstk.Cell(name)
    layer, datatype = options.pillar_layer
    for points in site_polygons(drawn, period, options):
        cell.add(gdstk.Polygon([(x, y) for x, y in points], layer, datatype))
    return cell


def site_polygons(drawn: float, period: float, options: LayoutFileOptions) -> list[NDArray[np.float64]]:
    """Polygons of one site; the square around a hole is cut at x = 0 into two polygons without holes."""
    square = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * period / 2
    if options.tone is Tone.PILLARS:
        return [circle_polygon(drawn, options.polygon_tolerance, options.database_unit)]
    if drawn == 0:
        return [square]
    circle = circle_polygon(drawn, options.polygon_tolerance, options.database_unit)
    right = circle[circle[:, 0] > 0]
    right = right[np.argsort(np.arctan2(right[:, 1], right[:, 0]))]
    top, edge = right[-1, 1], period / 2
    corners = [[0, top], [0, edge], [edge, edge], [edge, -edge], [0, -edge], [0, -top]]
    half = np.concatenate([right, corners])
    return [half, half * (-1, 1)]
