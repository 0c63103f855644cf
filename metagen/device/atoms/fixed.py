"""Pillars chosen out of a list of given polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from metagen.base.arguments import brief
from metagen.base.errors import InputError
from metagen.base.validation import checked
from metagen.device.atoms.atom import Atom, Values
from metagen.device.atoms.parameter import Kind, Parameter
from metagen.device.lattice import Lattice
from metagen.device.symmetry import MIRROR_IMAGES, Symmetry

if TYPE_CHECKING:
    from torch import Tensor

    from metagen.base.tensors import Real
    from metagen.device.shapes import Polygon

CHOICE = "choice"
SAME = 1e-9
"""Area that two polygons do not share, as a share of theirs, below which they are one."""


def _listed(value: Any) -> Any:
    """Refuse a single polygon."""
    first = value[0] if isinstance(value, list | tuple) and value else ()
    if isinstance(first, list | tuple) and any(isinstance(part, int | float) for part in first):
        raise InputError(f"polygons is one polygon, {value!r:.80}; give a list of polygons: [[[x, y], …], …]")
    return value


Corners = tuple[tuple[float, float], ...]
if TYPE_CHECKING:
    Polygons = tuple[Corners, ...]
else:
    Polygons = Annotated[tuple[Corners, ...], BeforeValidator(_listed)]


@checked
class Fixed(Atom):
    """A discrete library: the only parameter is which of the polygons a pillar has.

    Attributes:
        polygons: corners (x, y) of each, in order along the boundary; (0, 0) is the site.

    Raises:
        InputError: no polygon, one with fewer than three corners, or one whose edges cross.
    """

    kind = "fixed"

    polygons: Polygons

    def __post_init__(self) -> None:
        if not self.polygons:
            raise InputError("polygons is empty; give one list of corners [x, y] at least")
        self.named_shape(choice=np.arange(len(self.polygons)))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The choice, if there is one."""
        last = len(self.polygons) - 1
        return (Parameter(CHOICE, 0, last, Kind.CHOICE),) if last else ()

    def named_shape(self, **given: Real) -> Polygon:
        """The polygons of choices [...], which are rounded to whole numbers.

        Raises:
            InputError: there is no such polygon.
        """
        import torch

        from metagen.base.tensors import as_real
        from metagen.device.shapes import Polygon

        if given.keys() - {CHOICE} or (self.parameters and not given):
            raise InputError(f"fixed shapes have the parameter 'choice'; got {', '.join(given) or 'none'}")
        choice = as_real(given.get(CHOICE, 0), CHOICE)
        last = len(self.polygons) - 1
        if not bool(((choice > -0.5) & (choice < last + 0.5)).all()):
            raise InputError(f"choice is {brief(given[CHOICE])}; the polygons are numbered 0 .. {last}")
        return Polygon(torch.tensor(self._padded())[choice.round().long()])

    def image(self, values: Values, operation: Symmetry) -> Values:
        """See :meth:`Atom.image`."""
        partners = self._partners(operation)
        images = values.copy() if isinstance(values, np.ndarray) else values.clone()
        for choice, partner in enumerate(partners):
            images[values == choice] = partner
        return images

    @property
    def symmetry(self) -> Symmetry:
        """See :attr:`Atom.symmetry`."""
        return Symmetry.where(lambda operation: None not in self._partner_or_none(operation))

    def functions(self, values: Tensor, count: int) -> Tensor:
        """[..., n] one function per polygon; ``count`` is no matter, for they span all.

        Each is even or odd if both mirrors make polygons of the list out of polygons of the list.
        """
        import torch

        if not self.parameters:
            return values.new_ones((*values.shape[:-1], 1))
        chosen = torch.nn.functional.one_hot(values[..., 0].round().long(), len(self.polygons)).to(values)
        if Symmetry.TWO_MIRRORS not in self.symmetry:
            return chosen
        return chosen @ torch.tensor(self._even_and_odd()[0].T).to(values)

    def feature_parity(self, count: int) -> NDArray[np.int_]:
        """See :meth:`Atom.feature_parity`."""
        return self._even_and_odd()[1]

    def check_room(self, lattice: Lattice) -> None:
        """See :meth:`Atom.check_room`."""
        from metagen.device.atoms import room

        shapes = [self.named_shape(choice=choice) for choice in range(len(self.polygons))]
        vector = room.overlap(shapes, lattice)
        if vector is not None:
            text = f"neighbours of any of the {len(shapes)} polygons overlap"
            self.refuse_room(lattice, f"{text} at ({vector[0]:g}, {vector[1]:g})")

    def _padded(self) -> NDArray[np.float64]:
        """[n, V, 2] corners; the last one is repeated where there are fewer than V."""
        most = max(len(polygon) for polygon in self.polygons)
        if min(len(polygon) for polygon in self.polygons) < 3:
            raise InputError(f"polygons are {self.polygons}; each needs three corners [x, y] at least")
        return np.array([[*corners, *[corners[-1]] * (most - len(corners))] for corners in self.polygons])

    def _partner_or_none(self, operation: Symmetry) -> list[int | None]:
        """Which polygon each one turns into; None where it is not in the list."""
        import shapely

        bodies = [shapely.Polygon(polygon) for polygon in self.polygons]
        images = [shapely.Polygon(np.array(polygon) @ operation.matrix.T) for polygon in self.polygons]

        def same(image: shapely.Polygon, body: shapely.Polygon) -> bool:
            return bool(image.symmetric_difference(body).area <= SAME * body.area)

        return [next((j for j, body in enumerate(bodies) if same(image, body)), None) for image in images]

    def _partners(self, operation: Symmetry) -> list[int]:
        found = self._partner_or_none(operation)
        partners = [partner for partner in found if partner is not None]
        if len(partners) < len(found):
            raise InputError(
                f"{operation.name} of polygon {found.index(None)} is not among the {len(found)} polygons; "
                "add it"
            )
        return partners

    def _even_and_odd(self) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
        """[n, n] one combination of polygons a row, even or odd in each mirror, and [n, 4] their signs.

        The polygons that the mirrors turn into each other have one combination for each set of signs that
        does not cancel.
        """
        partners = [self._partners(operation) for operation in MIRROR_IMAGES]
        rows, signs, seen = [], [], set[int]()
        for first in range(len(self.polygons)):
            if first in seen:
                continue
            seen.update(images[first] for images in partners)
            for x, y in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
                row = np.zeros(len(self.polygons))
                np.add.at(row, [images[first] for images in partners], [1, x, y, x * y])
                if row.any():
                    rows.append(row / np.abs(row).max())
                    signs.append([1, x, y, x * y])
        return np.array(rows), np.array(signs, dtype=np.int_)
