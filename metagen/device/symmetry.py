"""The mirrors and turns that a shape, a lattice or light can have."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Flag, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Symmetry(Flag):
    """Mirrors and turns about the z axis; a set of them, joined by ``|``."""

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
    """What a rectangle along the axes has."""
    ALL = TWO_MIRRORS | MIRROR_DIAGONAL | MIRROR_ANTIDIAGONAL | QUARTER_TURN
    """What a square along the axes has, and a circle."""

    @property
    def matrix(self) -> NDArray[np.float64]:
        """[2, 2] what one mirror or turn, or none, does to (x, y).

        Raises:
            KeyError: this is a set of several.
        """
        return np.array(_MATRICES[self], dtype=np.float64)

    def of_angle(self, angle: Any) -> Any:
        """What one mirror or turn makes of the angle of a direction (a number, an array or a tensor)."""
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
"""What makes the four images of a device in the mirrors x → −x and y → −y: nothing, each, and both."""
