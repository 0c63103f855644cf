"""The mirrors and turns that a shape, a lattice or light can have."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Flag, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAME = 1e-6
"""Share of the smallest distance within which two positions are one."""


class Symmetry(Flag):
    """A set of mirrors and turns about the z axis, joined by ``|``."""

    NONE = 0
    MIRROR_X = auto()
    """x → −x."""
    MIRROR_Y = auto()
    """y → −y."""
    MIRROR_DIAGONAL = auto()
    """x ↔ y."""
    MIRROR_ANTIDIAGONAL = auto()
    """x ↔ −y."""
    HALF_TURN = auto()
    """(x, y) → (−x, −y)."""
    QUARTER_TURN = auto()
    """(x, y) → (−y, x)."""
    TWO_MIRRORS = MIRROR_X | MIRROR_Y | HALF_TURN
    """The symmetry of a rectangle with its sides along the axes."""
    ALL = TWO_MIRRORS | MIRROR_DIAGONAL | MIRROR_ANTIDIAGONAL | QUARTER_TURN
    """The symmetry of a square with its sides along the axes, and of a circle."""

    @property
    def matrix(self) -> NDArray[np.float64]:
        """[2, 2] matrix that applies one mirror or turn, or none, to (x, y).

        Raises:
            KeyError: the set holds several.
        """
        return np.array(_MATRICES[self], dtype=np.float64)

    def of_angle(self, angle: Any) -> Any:
        """The angle of a direction after one mirror or turn (a number, an array or a tensor)."""
        (cosine, _), (sine, _) = self.matrix
        return math.atan2(sine, cosine) + round(float(np.linalg.det(self.matrix))) * angle

    @classmethod
    def where(cls, holds: Callable[[Symmetry], bool]) -> Symmetry:
        """All mirrors and turns that fulfil a condition."""
        found = cls.NONE
        for operation in _MATRICES:
            if holds(operation):
                found |= operation
        return found


_MATRICES = {
    Symmetry.NONE: ((1, 0), (0, 1)),
    Symmetry.MIRROR_X: ((-1, 0), (0, 1)),
    Symmetry.MIRROR_Y: ((1, 0), (0, -1)),
    Symmetry.MIRROR_DIAGONAL: ((0, 1), (1, 0)),
    Symmetry.MIRROR_ANTIDIAGONAL: ((0, -1), (-1, 0)),
    Symmetry.HALF_TURN: ((-1, 0), (0, -1)),
    Symmetry.QUARTER_TURN: ((0, -1), (1, 0)),
}
MIRROR_IMAGES = (Symmetry.NONE, Symmetry.MIRROR_X, Symmetry.MIRROR_Y, Symmetry.HALF_TURN)
"""What turns a device into its four images under x → −x and y → −y: nothing, each mirror, and both."""


def permutation(
    positions: NDArray[np.float64], operation: Symmetry, spacing: float
) -> NDArray[np.intp] | None:
    """[M] which of some positions [M, 2] each of them is moved to by one mirror or turn about the origin.

    Args:
        positions: all different.
        operation: one mirror or turn, or none.
        spacing: smallest distance between two positions.

    Returns:
        None if a position is moved to where there is none.
    """
    cells = np.rint(positions / (SAME * spacing))
    images = np.rint(positions @ operation.matrix.T / (SAME * spacing))
    before, after = (np.lexsort((each[:, 1], each[:, 0])) for each in (cells, images))
    if np.abs(cells[before] - images[after]).max(initial=0) > 1:
        return None
    places = np.empty(len(positions), dtype=np.intp)
    places[after] = before
    return places
