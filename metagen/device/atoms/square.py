"""Square pillars."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from metagen.base.validation import checked
from metagen.device.atoms.family import Family
from metagen.device.atoms.parameter import Angle, Length
from metagen.device.atoms.rectangle import rectangle

if TYPE_CHECKING:
    from torch import Tensor

    from metagen.device.shapes import Polygon


@checked
class Square(Family):
    """A square.

    Attributes:
        width: its side.
        angle: its turn; at 0 the sides are along x and y.
    """

    kind = "square"
    size = ("width",)
    growth = MappingProxyType({"width": 2.0})
    period = math.pi / 2

    width: Length
    angle: Angle = 0.0

    def build(self, width: Tensor, angle: Tensor) -> Polygon:
        """The square of a side [...] and an angle [...]."""
        return rectangle(width, width, angle)
