"""Rectangular pillars: fins."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING

from metagen.base.validation import checked
from metagen.device.atoms.family import Family
from metagen.device.atoms.parameter import Angle, Length

if TYPE_CHECKING:
    from torch import Tensor

    from metagen.device.shapes import Polygon


@checked
class Rectangle(Family):
    """A rectangle.

    Attributes:
        length: its side along x, before the turn.
        width: its side along y.
        angle: its turn.
    """

    kind = "rectangle"
    size = ("length", "width")
    growth = MappingProxyType({"length": 2.0, "width": 2.0})
    period = math.pi
    swapped = ("length", "width")

    length: Length
    width: Length
    angle: Angle = 0.0

    def build(self, length: Tensor, width: Tensor, angle: Tensor) -> Polygon:
        """The rectangle of two sides [...] and an angle [...]."""
        return rectangle(length, width, angle)


def rectangle(length: Tensor, width: Tensor, angle: Tensor) -> Polygon:
    """The polygon of two sides [...] and an angle [...]."""
    import torch

    from metagen.device.shapes import Polygon

    signs = torch.tensor([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]], dtype=torch.float64)
    sides = torch.stack(torch.broadcast_tensors(length, width), -1)  # type: ignore[no-untyped-call]
    return Polygon(signs * sides[..., None, :], angle)
