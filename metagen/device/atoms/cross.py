"""Cross-shaped pillars."""

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
class Cross(Family):
    """Two crossed bars of one length and one width.

    Attributes:
        length: length of the bars, from end to end.
        width: width of the bars, at most the length whatever they are within their limits.
        angle: turn; at 0 the bars are along x and y.

    Raises:
        InputError: the width may exceed the length.
    """

    kind = "cross"
    size = ("length", "width")
    growth = MappingProxyType({"length": 2.0, "width": 2.0})
    period = math.pi / 2

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
        """The cross of a length [...], a width [...] and an angle [...]."""
        from metagen.device.shapes import Polygon

        a, b = length / 2, width / 2
        half = (a, -b), (a, b), (b, b), (b, a), (-b, a), (-b, b)
        return Polygon.through(*half, *((-x, -y) for x, y in half), angle=angle)
