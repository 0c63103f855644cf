"""Cross-shaped pillars."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from metagen.base.errors import InputError
from metagen.base.validation import checked
from metagen.device.atoms.family import Family
from metagen.device.atoms.parameter import Angle, Length, limits

if TYPE_CHECKING:
    from torch import Tensor

    from metagen.device.shapes import Polygon

IN_LENGTHS = [
    [1, 0],
    [0, 0],
    [0, 1],
    [0, 1],
    [0, 0],
    [-1, 0],
    [-1, 0],
    [0, 0],
    [0, -1],
    [0, -1],
    [0, 0],
    [1, 0],
]
"""Corners, counterclockwise from the upper corner at the right, in half lengths …"""
IN_WIDTHS = [
    [0, 1],
    [1, 1],
    [1, 0],
    [-1, 0],
    [-1, 1],
    [0, 1],
    [0, -1],
    [-1, -1],
    [-1, 0],
    [1, 0],
    [1, -1],
    [0, -1],
]
"""… and, added to that, in half widths."""


@checked
class Cross(Family):
    """Two crossed bars of one length and one width.

    Attributes:
        length: of the bars, from end to end.
        width: of the bars, at most the length whatever they are within their limits.
        angle: turn; at 0 the bars are along x and y.

    Raises:
        InputError: the width may exceed the length.
    """

    kind = "cross"
    size = ("length", "width")
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
        import torch

        from metagen.device.shapes import Polygon

        in_lengths, in_widths = (torch.tensor(part, dtype=torch.float64) for part in (IN_LENGTHS, IN_WIDTHS))
        halves = length[..., None, None] / 2, width[..., None, None] / 2
        return Polygon(in_lengths * halves[0] + in_widths * halves[1], angle)
