"""A device as a hierarchy of cells: one per distinct radius, and one per mirror plane that the device has.

A GDS file spends 28 bytes on every placed pillar, so that a device is small when few are placed. A layout
with mirror planes is folded: its cell holds the pillars on the plane and, twice, a cell with those on one
side. A lens has the planes x = 0, y = 0 and x = y; an eighth of its pillars is placed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

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
"""For each site, the index of its radius in the list of distinct radii, or ABSENT."""


class Mirror(Enum):
    """A mirror plane; the value is the rotation that follows a reflection y → −y to make its mirror image."""

    X = np.pi
    Y = 0.0
    DIAGONAL = np.pi / 2


@dataclass(frozen=True, eq=False)
class Block:
    """Sites that one cell places.

    Attributes:
        steps: [I, J] radii of the sites.
        x: [I] positions of the rows.
        y: [J] positions of the columns.
    """

    steps: Steps
    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def part(self, rows: slice, columns: slice) -> Block:
        """Return the block of some rows and columns; its arrays are views of these."""
        return Block(self.steps[rows, columns], self.x[rows], self.y[columns])


def mirrors(steps: Steps) -> list[Mirror]:
    """Find the planes to fold at, in order.

    The diagonal comes last: it maps the whole device or one quadrant of it onto itself, but not a half.
    """
    axes = [
        mirror
        for mirror, image in ((Mirror.X, steps[::-1]), (Mirror.Y, steps[:, ::-1]))
        if np.array_equal(steps, image)
    ]
    diagonal = len(axes) != 1 and np.array_equal(steps, steps.T)
    return [*axes, Mirror.DIAGONAL] if diagonal else axes


def fold(block: Block, mirror: Mirror) -> tuple[Block, Block]:
    """Return the sites on a mirror plane and those on its positive side."""
    if mirror is Mirror.DIAGONAL:
        return _fold_diagonal(block)
    count, whole = block.steps.shape[0 if mirror is Mirror.X else 1], slice(None)
    middle, upper = slice(count // 2, (count + 1) // 2), slice((count + 1) // 2, None)
    if mirror is Mirror.X:
        return block.part(middle, whole), block.part(upper, whole)
    return block.part(whole, middle), block.part(whole, upper)


def _fold_diagonal(block: Block) -> tuple[Block, Block]:
    x, y = np.ogrid[: len(block.x), : len(block.y)]
    on_plane, above = (np.where(mask, block.steps, ABSENT) for mask in (x == y, x > y))
    return Block(on_plane, block.x, block.y), Block(above, block.x, block.y)


def device_cells(
    steps: Steps, names: list[str], positions: NDArray[np.float64], prefix: str
) -> Iterator[gdstk.Cell]:
    """Yield the cells that place the pillars; the last one is the whole device.

    Args:
        steps: [N, N] index of each site's radius cell in ``names``.
        names: names of the cells of the distinct radii; an empty name places nothing.
        positions: [N] coordinates of the lattice along either axis.
        prefix: name of the device's cell; the names of all others begin with it.
    """
    yield from _folded_cells(Block(steps, positions, positions), mirrors(steps), names, prefix)


def _folded_cells(block: Block, planes: list[Mirror], names: list[str], name: str) -> Iterator[gdstk.Cell]:
    cell = gdstk.Cell(name)
    if planes:
        on_plane, side = fold(block, planes[0])
        half = f"{name}_{planes[0].name[0]}"  # short: the GDS standard allows 32 characters
        yield from _folded_cells(side, planes[1:], names, half)
        cell.add(reference_to(half))
        cell.add(reference_to(half, rotation=planes[0].value, x_reflection=True))
        block = on_plane
    yield from place(cell, block, names)
    yield cell


def place(cell: gdstk.Cell, block: Block, names: list[str]) -> Iterator[gdstk.Cell]:
    """Add the sites to ``cell``; where they are many, yield cells of bands of rows and place these."""
    bands = bands_of(block.steps)
    if len(bands) == 1:
        cell.add(*references(block, names))
        return
    for number, rows in enumerate(bands):
        band = gdstk.Cell(f"{cell.name}_B{number}")
        band.add(*references(block.part(rows, slice(None)), names))
        yield band
        cell.add(reference_to(band.name))


def bands_of(steps: Steps) -> list[slice]:
    """Group the rows so that each group holds about SITES_PER_CELL sites."""
    placed = np.cumsum(np.count_nonzero(steps != ABSENT, axis=1))
    starts = np.flatnonzero(np.diff(placed // SITES_PER_CELL, prepend=-1))
    return [slice(int(a), int(b)) for a, b in pairwise([*starts, len(steps)])]


def references(block: Block, names: list[str]) -> list[gdstk.Reference]:
    """Make one reference, repeated at explicit offsets, for each radius that occurs."""
    rows, columns = np.nonzero(block.steps != ABSENT)
    found = block.steps[rows, columns]
    order = np.argsort(found, kind="stable")
    points = np.column_stack([block.x[rows[order]], block.y[columns[order]]])
    starts = np.flatnonzero(np.diff(found[order], prepend=ABSENT))
    return [
        repeated(names[found[order[a]]], points[a:b])
        for a, b in pairwise([*starts, len(points)])
        if names[found[order[a]]]
    ]


def repeated(name: str, points: NDArray[np.float64]) -> gdstk.Reference:
    """Refer to a cell once for all the points [M, 2] where it stands."""
    reference = reference_to(name, origin=complex(*points[0]))
    if len(points) > 1:
        reference.repetition = gdstk.Repetition(offsets=points[1:] - points[0])
    return reference


def reference_to(
    name: str, origin: complex = 0j, rotation: float = 0.0, x_reflection: bool = False
) -> gdstk.Reference:
    """Refer to a cell by its name, so that the cell itself need not be kept in memory."""
    return gdstk.Reference(name, origin, rotation=rotation, x_reflection=x_reflection)  # type: ignore[arg-type]


def radius_cell(name: str, drawn: float, period: float, options: LayoutFileOptions) -> gdstk.Cell:
    """Draw one site: the pillar or, in the inverted tone, its square lattice cell without the pillar."""
    cell = gdstk.Cell(name)
    layer, datatype = options.pillar_layer
    for points in site_polygons(drawn, period, options):
        cell.add(gdstk.Polygon([(x, y) for x, y in points], layer, datatype))
    return cell


def site_polygons(drawn: float, period: float, options: LayoutFileOptions) -> list[NDArray[np.float64]]:
    """Return the polygons [n, 2] of one site.

    The square around a hole is cut at x = 0 into two polygons that have no holes.
    """
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
