"""A device as a hierarchy of cells: one per distinct shape, and one per mirror plane that the device has.

A GDS file spends 28 bytes on every placed pillar (44 where it is turned), so that a device is small when few
are placed. A layout with mirror planes is folded: its cell holds the pillars on the plane and, twice, a cell
with those on one side. A lens of circles has the planes x = 0, y = 0 and x = y; an eighth of its pillars is
placed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import gdstk
import numpy as np
from numpy.typing import NDArray

from metagen.fab.block import ABSENT, Block, Numbers
from metagen.fab.mirrors import Mirror

SITES_PER_CELL = 1 << 20
"""Cells with more sites are split into bands of rows, so that memory stays flat while they are written."""


@dataclass(frozen=True, eq=False)
class Shapes:
    """The cells of the distinct shapes.

    Attributes:
        names: names of the cells; an empty name places nothing.
        angle_grid: step of the angles by which they are turned when placed, in radians.
    """

    names: list[str]
    angle_grid: float


def fold(block: Block, mirror: Mirror) -> tuple[Block, Block]:
    """Return the sites on a mirror plane and those on its positive side."""
    if mirror is Mirror.DIAGONAL:
        return _fold_diagonal(block)
    count, whole = block.forms.shape[0 if mirror is Mirror.X else 1], slice(None)
    middle, upper = slice(count // 2, (count + 1) // 2), slice((count + 1) // 2, None)
    if mirror is Mirror.X:
        return block.part(middle, whole), block.part(upper, whole)
    return block.part(whole, middle), block.part(whole, upper)


def _fold_diagonal(block: Block) -> tuple[Block, Block]:
    x, y = np.ogrid[: len(block.x), : len(block.y)]
    on_plane, above = (np.where(mask, block.forms, np.int32(ABSENT)) for mask in (x == y, x > y))
    return replace(block, forms=on_plane), replace(block, forms=above)


def device_cells(block: Block, planes: list[Mirror], shapes: Shapes, name: str) -> Iterator[gdstk.Cell]:
    """Yield the cells that place the pillars; the last one is the whole device.

    Args:
        block: the sites.
        planes: mirror planes of the device, in the order in which it is folded.
        shapes: the cells of the distinct shapes.
        name: name of the device's cell; the names of all others begin with it.
    """
    cell = gdstk.Cell(name)
    if planes:
        on_plane, side = fold(block, planes[0])
        half = f"{name}_{planes[0].name[0]}"  # short: the GDS standard allows 32 characters
        yield from device_cells(side, planes[1:], shapes, half)
        cell.add(reference_to(half))
        cell.add(reference_to(half, rotation=planes[0].value, x_reflection=True))
        block = on_plane
    yield from place(cell, block, shapes)
    yield cell


def place(cell: gdstk.Cell, block: Block, shapes: Shapes) -> Iterator[gdstk.Cell]:
    """Add the sites to ``cell``; where they are many, yield cells of bands of rows and place these."""
    bands = bands_of(block.forms)
    if len(bands) == 1:
        cell.add(*references(block, shapes))
        return
    for number, rows in enumerate(bands):
        band = gdstk.Cell(f"{cell.name}_B{number}")
        band.add(*references(block.part(rows, slice(None)), shapes))
        yield band
        cell.add(reference_to(band.name))


def bands_of(forms: Numbers) -> list[slice]:
    """Group the rows so that each group holds about SITES_PER_CELL sites."""
    placed = np.cumsum(np.count_nonzero(forms != ABSENT, axis=1))
    starts = np.flatnonzero(np.diff(placed // SITES_PER_CELL, prepend=-1))
    return [slice(int(a), int(b)) for a, b in pairwise([*starts, len(forms)])]


def references(block: Block, shapes: Shapes) -> list[gdstk.Reference]:
    """Make one reference, repeated at explicit offsets, for each shape and turn of it that occurs."""
    rows, columns = np.nonzero(block.forms != ABSENT)
    forms, turns = block.forms[rows, columns], block.turns[rows, columns]
    order = np.lexsort((turns, forms))  # which keeps the order of equal ones
    forms, turns = forms[order], turns[order]
    points = np.column_stack([block.x[rows[order]], block.y[columns[order]]])
    starts = np.flatnonzero(np.diff(forms, prepend=ABSENT) | np.diff(turns, prepend=0))
    return [
        repeated(shapes.names[forms[a]], points[a:b], turns[a] * shapes.angle_grid)
        for a, b in pairwise([*starts, len(points)])
        if shapes.names[forms[a]]
    ]


def repeated(name: str, points: NDArray[np.float64], rotation: float) -> gdstk.Reference:
    """Refer to a cell once for all the points [M, 2] where it stands."""
    reference = reference_to(name, origin=complex(*points[0]), rotation=rotation)
    if len(points) > 1:
        reference.repetition = gdstk.Repetition(offsets=points[1:] - points[0])
    return reference


def reference_to(
    name: str, origin: complex = 0j, rotation: float = 0.0, x_reflection: bool = False
) -> gdstk.Reference:
    """Refer to a cell by its name, so that the cell itself need not be kept in memory."""
    return gdstk.Reference(name, origin, rotation=rotation, x_reflection=x_reflection)  # type: ignore[arg-type]
