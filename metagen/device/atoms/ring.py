"""Ring-shaped pillars: tubes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from metagen.base.errors import InputError
from metagen.base.validation import checked
from metagen.device.atoms.family import Family
from metagen.device.atoms.parameter import Length, limits

if TYPE_CHECKING:
    from torch import Tensor

    from metagen.device.shapes import Difference


@checked
class Ring(Family):
    """A circular ring.

    Attributes:
        outer: its outer radius.
        inner: its inner radius, below the outer one whatever they are within their limits.

    Raises:
        InputError: the inner radius may reach the outer one.
    """

    kind = "ring"
    size = ("outer",)
    growth = MappingProxyType({"outer": 1.0, "inner": -1.0})
    period = 0.0

    outer: Length
    inner: Length

    def __post_init__(self) -> None:
        if not limits(self.inner)[1] < limits(self.outer)[0]:
            raise InputError(
                f"inner is {self.inner} and outer {self.outer}; the largest inner radius must be below the "
                "smallest outer one"
            )

    def build(self, outer: Tensor, inner: Tensor) -> Difference:
        """The ring of two radii [...]."""
        from metagen.device.shapes import Difference, Ellipse

        return Difference(Ellipse(outer, outer), Ellipse(inner, inner))
