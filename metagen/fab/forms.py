"""The distinct shapes of a layout: pillars that differ only by how far they are turned have one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metagen.device.atoms import Atom
from metagen.fab.steps import Grids, Steps, at_steps, is_circle, turned_by

SMALL_TABLE = 1 << 24
"""Ranges of keys up to this are numbered by a table, larger ones by sorting."""


@dataclass(frozen=True, eq=False)
class Forms:
    """Distinct shapes, in increasing order of their lengths.

    Attributes:
        atom: the family of the shapes.
        steps: [M, P] their parameters in whole steps; a free angle is 0.
        there: [M] whether this is a pillar; one entry may stand for the sites without.
    """

    atom: Atom
    steps: Steps
    there: NDArray[np.bool_]

    @property
    def names(self) -> list[str]:
        """[M] names of their cells: R105 is the circle of radius 105 steps, S410_85 a fin of these sides."""
        kept = [i for i in range(self.steps.shape[1]) if i != turned_by(self.atom)]
        letter = "R" if is_circle(self.atom) else "S"
        return [letter + "_".join(str(step) for step in row[kept]) for row in self.steps]

    def values(self, grids: Grids) -> NDArray[np.float64]:
        """[M, P] their parameters."""
        return at_steps(self.steps, self.atom, grids)


def forms_of(steps: Steps, present: NDArray[np.bool_], atom: Atom) -> tuple[Forms, NDArray[np.int32]]:
    """The distinct shapes among pillars in whole steps, and the number [Nx, Ny, S] of each pillar's own."""
    columns = [i for i in range(steps.shape[-1]) if i != turned_by(atom)]
    keys, lows, spans = _keys(steps[..., columns], present)
    distinct, numbers = _numbered(keys)
    found = np.zeros((len(distinct), steps.shape[-1]), dtype=np.int32)
    left = distinct - 1
    for column, low, span in reversed(list(zip(columns, lows, spans, strict=True))):
        found[:, column] = left % span + low
        left = left // span
    there = distinct > 0
    found[~there] = 0
    return Forms(atom, found, there), numbers


def _keys(steps: Steps, present: NDArray[np.bool_]) -> tuple[NDArray[np.integer[Any]], list[int], list[int]]:
    """Numbers [Nx, Ny, S] that are equal for equal forms, in their order; 0 where there is no pillar.

    Also the smallest step of each column, and how many there are from that to the largest.
    """
    lows = [int(each.min(initial=2**30, where=present)) for each in np.moveaxis(steps, -1, 0)]
    highs = [int(each.max(initial=0, where=present)) for each in np.moveaxis(steps, -1, 0)]
    spans = [max(1, high - low + 1) for low, high in zip(lows, highs, strict=True)]
    small = np.prod(spans, dtype=float) < 2**30
    keys: NDArray[np.integer[Any]] = np.zeros(present.shape, dtype=np.int32 if small else np.int64)
    for column, (low, span) in enumerate(zip(lows, spans, strict=True)):
        np.multiply(keys, span, out=keys)  # in place: this is done for every pillar of a large device
        np.add(keys, steps[..., column], out=keys)
        np.subtract(keys, low, out=keys)
    np.add(keys, 1, out=keys)
    keys[~present] = 0
    return keys, lows, spans


def _numbered(
    keys: NDArray[np.integer[Any]],
) -> tuple[NDArray[np.integer[Any]], NDArray[np.int32]]:
    """The distinct keys, in order, and the number among them of each."""
    if int(keys.max()) >= SMALL_TABLE:
        distinct, numbers = np.unique(keys, return_inverse=True)
        return distinct, numbers.reshape(keys.shape).astype(np.int32)
    seen = np.zeros(int(keys.max()) + 1, dtype=np.bool_)
    seen[keys] = True
    return np.flatnonzero(seen), (np.cumsum(seen, dtype=np.int32) - np.int32(1))[keys]
