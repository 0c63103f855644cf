"""Pillars of a cell and of all that it places, gathered without flattening polygons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

import gdstk
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError
from metagen.device.atoms import Atom
from metagen.fab.found import Pillars, check_count, copies, is_single, joined
from metagen.fab.placing import placed_values

Finder = Callable[[gdstk.Cell], Pillars]
"""A function that finds the pillars that a cell draws itself, not those of cells that it places."""
Transform = tuple[str, float, float, bool]
"""Name of a placed cell, its rotation, magnification and reflection."""


@dataclass(eq=False)
class Places:
    """Where a cell is placed in one way.

    Attributes:
        single: positions x + i·y of references to it; numbers, because Python's collector of garbage would
            look at a million objects again and again.
        arrays: references with several copies.
    """

    single: list[complex] = field(default_factory=list)
    arrays: list[gdstk.Reference] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many copies there are."""
        return len(self.single) + sum(map(copies, self.arrays))

    @property
    def points(self) -> NDArray[np.complex128]:
        """Positions of all copies."""
        several = [each.repetition.get_offsets() @ (1, 1j) + complex(*each.origin) for each in self.arrays]
        return np.concatenate([np.array(self.single, dtype=complex), *several])


@dataclass(frozen=True, eq=False)
class PlacedCell:
    """A cell, and where it places others.

    Attributes:
        cell: the cell.
        placed: where it places what, by name, rotation, magnification and reflection.
    """

    cell: gdstk.Cell
    placed: dict[Transform, Places]


def placed_cells(top: gdstk.Cell, source: str) -> list[PlacedCell]:
    """All cells that ``top`` places, directly or not, each after those that it places; ``top`` is last.

    Raises:
        FormatError: a cell places itself, directly or through others, or one that is not in the file.
    """
    found: dict[str, PlacedCell] = {}
    below, waiting = {}, {top.name: top}
    while waiting:
        name, cell = waiting.popitem()
        placed, children = _placements(cell, source)
        found[name], below[name] = PlacedCell(cell, placed), list(children)
        waiting |= {name: child for name, child in children.items() if name not in found}
    try:
        return [found[name] for name in TopologicalSorter(below).static_order()]
    except CycleError as error:
        loop = " → ".join(reversed(error.args[1]))
        raise FormatError(
            f"{source}: cells place each other in a circle ({loop}); this is no layout"
        ) from error


def _placements(cell: gdstk.Cell, source: str) -> tuple[dict[Transform, Places], dict[str, gdstk.Cell]]:
    """The references of a cell by what they place and how, and the cells that they place by name."""
    placed: dict[Transform, Places] = defaultdict(Places)
    children = {}
    for reference in cell.references:
        child, magnification = reference.cell, reference.magnification
        if not isinstance(child, gdstk.Cell):
            raise FormatError(
                f"{source}: cell {cell.name!r} places {getattr(child, 'name', child)!r}, which is not in the "
                "file; export it with all its cells"
            )
        name = child.name
        if not magnification > 0:
            raise FormatError(
                f"{source}: cell {cell.name!r} places {name!r} with a magnification of {magnification:g}; it "
                "must be over 0, use a reflection or a rotation instead"
            )
        places = placed[name, reference.rotation, magnification, reference.x_reflection]
        if is_single(reference):
            places.single.append(complex(*reference.origin))
        else:
            places.arrays.append(reference)
        children[name] = child
    return placed, children


def collect(cells: list[PlacedCell], find: Finder, atom: Atom, source: str) -> Pillars:
    """Return the pillars of the last cell; ``cells`` are ordered as by :func:`placed_cells`.

    Raises:
        FormatError: there are more pillars than memory would hold, a cell is placed so that its pillars are
            none of this family, or what ``find`` refuses.
    """
    known: dict[str, Pillars] = {}
    for each in cells:
        where = f"{source}: cell {each.cell.name!r}"
        filled = {how: places for how, places in each.placed.items() if known[how[0]].count}
        check_count((places.count * known[how[0]].count for how, places in filled.items()), where)
        placed = [
            _placed(known[name], places.points, atom, transform, f"{where} places {name!r}")
            for (name, *transform), places in filled.items()
        ]
        known[each.cell.name] = joined([find(each.cell), *placed], atom)
    return known[cells[-1].cell.name]


def _placed(
    child: Pillars, points: NDArray[np.complex128], atom: Atom, transform: list[float], where: str
) -> Pillars:
    rotation, magnification, reflection = transform
    centres = child.centres.conj() if reflection else child.centres
    turned = magnification * np.exp(1j * rotation) * centres
    values = placed_values(atom, child.values, rotation, magnification, bool(reflection), where)
    return Pillars((points[:, None] + turned).ravel(), np.tile(values, (len(points), 1)))
