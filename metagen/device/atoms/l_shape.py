"""L-shaped pillars."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from metagen.base.errors import InputError
from metagen.base.validation import checked
from metagen.device.atoms.family import Family
from metagen.device.atoms.parameter import Angle, Length, limits

if TYPE_CHECKING:
    from torch import Tensor

    from metagen.device.shapes import Polygon


@checked
class LShape(Family):
    """An L with equal arms, in the middle of the square that it fits into.

    Attributes:
        length: length of either arm, from the outer corner to its end.
        width: width of the arms, at most the length whatever they are within their limits.
        angle: turn of the axis of symmetry; at 0 the L opens towards +x, at π/4 its arms point along x and y.

    Raises:
        InputError: the width may exceed the length.
    """

    kind = "l_shape"
    size = ("length", "width")
    growth = MappingProxyType({"length": 2.0, "width": 2.0})
    period = 2 * math.pi

    length: Length
    width: Length
    angle: Angle = 0.0

    def __post_init__(self) -> None:
        if not limits(self.width)[1] <= limits(self.length)[0]:
            raise InputError(
                f"width is {self.width} and length {self.length}; the largest width must be at most the "
                "smallest length"
            )

    def build(self, length: Tensor, width: Tensor, angle: Tensor) -> Polygon:
        """The L of a length [...], a width [...] and an angle [...]."""
        from metagen.device.shapes import Polygon

        a, b = length / 2, length / 2 - width
        corners = (-a, -a), (a, -a), (a, -b), (-b, -b), (-b, a), (-a, a)
        return Polygon.through(*corners, angle=angle - math.pi / 4)
