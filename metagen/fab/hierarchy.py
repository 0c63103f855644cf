"""Pillars of a cell and of all that it places, gathered without flattening polygons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter

import gdstk
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError
from metagen.device.atoms import Atom
from metagen.fab.found import Pillars, check_count, copies, joined
from metagen.fab.placing import placed_values

Finder = Callable[[gdstk.Cell], Pillars]
"""A function that finds the pillars that a cell draws itself, not those of cells that it places."""


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


def collect(cells: list[gdstk.Cell], find: Finder, atom: Atom, source: str) -> Pillars:
    """Return the pillars of the last cell; ``cells`` are ordered as by :func:`placed_cells`.

    Raises:
        FormatError: there are more pillars than memory would hold, a cell is placed so that its pillars are
            none of this family, or what ``find`` refuses.
    """
    known: dict[str, Pillars] = {}
    counts: dict[str, int] = {}  # of each: asked for every reference of a large device
    for cell in cells:
        where = f"{source}: cell {cell.name!r}"
        filled = [each for each in cell.references if counts[each.cell.name]]
        check_count((copies(each) * counts[each.cell.name] for each in filled), where)
        placed = [
            _placed(known[name], points, atom, transform, f"{where} places {name!r}")
            for (name, *transform), points in _placements(filled).items()
        ]
        known[cell.name] = joined([find(cell), *placed], atom)
        counts[cell.name] = known[cell.name].count
    return known[cells[-1].name]


def _placements(
    references: list[gdstk.Reference],
) -> dict[tuple[str, float, float, bool], NDArray[np.complex128]]:
    """List the positions of each cell, by the rotation, magnification and reflection it is placed with."""
    single, repeated = defaultdict(list), defaultdict(list)
    for reference in references:
        key = (
            reference.cell.name,
            reference.rotation,
            reference.magnification,
            reference.x_reflection,
        )
        origin, repetition = complex(*reference.origin), reference.repetition
        if repetition.size:
            repeated[key].append(repetition.get_offsets() @ (1, 1j) + origin)
        else:
            single[key].append(origin)
    return {
        key: np.concatenate([np.array(single.get(key, []), dtype=complex), *repeated.get(key, [])])
        for key in {**single, **repeated}
    }


def _placed(
    child: Pillars, points: NDArray[np.complex128], atom: Atom, transform: list[float], where: str
) -> Pillars:
    rotation, magnification, reflection = transform
    centres = child.centres.conj() if reflection else child.centres
    turned = magnification * np.exp(1j * rotation) * centres
    values = placed_values(atom, child.values, rotation, magnification, bool(reflection), where)
    return Pillars((points[:, None] + turned).ravel(), np.tile(values, (len(points), 1)))
