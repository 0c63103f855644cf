"""Sites of a device on a rectangular grid of rows and columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ABSENT = -1
"""Marks a place that is no site, or that belongs to another cell."""

Numbers = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Block:
    """Sites that one cell places, at the crossings of rows and columns.

    Attributes:
        forms: [I, J] which of the distinct shapes stands there, or ABSENT.
        turns: [I, J] by how many steps of the angle it is turned.
        x: [I] positions of the rows.
        y: [J] positions of the columns.
    """

    forms: Numbers
    turns: Numbers
    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def part(self, rows: slice, columns: slice) -> Block:
        """Return the block of some rows and columns; its arrays are views of these."""
        return Block(self.forms[rows, columns], self.turns[rows, columns], self.x[rows], self.y[columns])

    def with_pillars_only(self, there: NDArray[np.bool_]) -> Block:
        """The rows and columns from the first to the last with a pillar; ``there`` [M] says of forms."""
        filled = np.append(there, False)[self.forms]
        rows, columns = (np.flatnonzero(filled.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return self
        return self.part(slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
