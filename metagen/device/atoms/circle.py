"""Circular pillars."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from metagen.base.validation import checked
from metagen.device.atoms.family import Family
from metagen.device.atoms.parameter import Length, limits
from metagen.device.lattice import Lattice

if TYPE_CHECKING:
    from torch import Tensor

    from metagen.device.shapes import Ellipse

TOUCHING = 1e-9
"""Neighbours that overlap by less than this share of their distance touch."""


@checked
class Circle(Family):
    """A circle.

    Attributes:
        radius: its radius.
    """

    kind = "circle"
    size = ("radius",)
    growth = MappingProxyType({"radius": 1.0})
    period = 0.0

    radius: Length

    def build(self, radius: Tensor) -> Ellipse:
        """The circle of a radius [...]."""
        from metagen.device.shapes import Ellipse

        return Ellipse(radius, radius)

    def check_room(self, lattice: Lattice) -> None:
        """See :meth:`Atom.check_room`; without torch, since every default platform comes here."""
        largest = limits(self.radius)[1]
        if 2 * largest > lattice.spacing * (1 + TOUCHING):
            self.refuse_room(lattice, f"neighbours of radius {largest:g} overlap")
