"""Elliptical pillars."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from metagen.base.validation import checked
from metagen.device.atoms.family import Family
from metagen.device.atoms.parameter import Angle, Length

if TYPE_CHECKING:
    from torch import Tensor

    from metagen.device import shapes


@checked
class Ellipse(Family):
    """An ellipse.

    Attributes:
        length: its axis along x, from end to end, before the turn.
        width: its axis along y.
        angle: its turn.
    """

    kind = "ellipse"
    size = ("length", "width")
    growth = MappingProxyType({"length": 2.0, "width": 2.0})
    period = math.pi
    swapped = ("length", "width")

    length: Length
    width: Length
    angle: Angle = 0.0

    def build(self, length: Tensor, width: Tensor, angle: Tensor) -> shapes.Ellipse:
        """The ellipse of two axes [...] and an angle [...]."""
        from metagen.device import shapes

        return shapes.Ellipse(length / 2, width / 2, angle)
