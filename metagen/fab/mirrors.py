"""The mirror planes at which a device can be folded."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.device.symmetry import Symmetry
from metagen.fab.block import Block, Numbers
from metagen.fab.forms import Forms
from metagen.fab.steps import Grids, turned_by, whole_turn


class Mirror(Enum):
    """A mirror plane; the value is the rotation that follows a reflection y → −y to make its mirror image."""

    X = np.pi
    Y = 0.0
    DIAGONAL = np.pi / 2

    @property
    def symmetry(self) -> Symmetry:
        """The mirror, as shapes know it."""
        return Symmetry[f"MIRROR_{self.name}"]

    def moved(self, array: Numbers) -> Numbers:
        """What stands at [I, J] after the mirror has moved everything there."""
        match self:
            case Mirror.X:
                return array[::-1]
            case Mirror.Y:
                return array[:, ::-1]
        return array.T

    def keeps(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
        """Whether it moves rows at x [I] and columns at y [J] onto such."""
        match self:
            case Mirror.X:
                return np.array_equal(x, -x[::-1])
            case Mirror.Y:
                return np.array_equal(y, -y[::-1])
        return np.array_equal(x, y)


def mirrors(block: Block, forms: Forms, grids: Grids) -> list[Mirror]:
    """Find the planes to fold at, in order.

    The diagonal comes last: it maps the whole device or one quadrant of it onto itself, but not a half.
    """
    axes = [mirror for mirror in (Mirror.X, Mirror.Y) if _is_plane(mirror, block, forms, grids)]
    diagonal = len(axes) != 1 and _is_plane(Mirror.DIAGONAL, block, forms, grids)
    return [*axes, Mirror.DIAGONAL] if diagonal else axes


def _is_plane(mirror: Mirror, block: Block, forms: Forms, grids: Grids) -> bool:
    if not mirror.keeps(block.x, block.y):
        return False
    image = _image_of_forms(mirror, forms, grids)
    if image is None or not np.array_equal(image(mirror.moved(block.forms)), block.forms):
        return False
    if turned_by(forms.atom) is None:
        return True
    turn = whole_turn(forms.atom, grids)
    first = round(mirror.symmetry.of_angle(0.0) / grids.angle)
    there = np.append(forms.there, False)[block.forms]
    return not ((first - mirror.moved(block.turns) - block.turns) % turn)[there].any()


def _image_of_forms(mirror: Mirror, forms: Forms, grids: Grids) -> Callable[[Numbers], Numbers] | None:
    """What the mirror makes of numbers of forms; None if it makes other shapes of some.

    A shape that is turned freely has a mirror along its own axis: only the angle changes.
    """
    if turned_by(forms.atom) is not None or forms.atom.period == 0:
        return lambda numbers: numbers
    values = forms.values(grids)
    try:
        images = forms.atom.image(values, mirror.symmetry)
    except InputError:
        return None
    places = {row.tobytes(): number for number, row in enumerate(values[forms.there])}
    first = int(np.count_nonzero(~forms.there))
    found = [places.get(row.tobytes(), -2) + first for row in images[forms.there]]
    table = np.array([*range(first), *found, -1], dtype=np.int32)  # the last one for places that are no site
    return None if min(found, default=0) < 0 else lambda numbers: table[numbers]
