"""Families of shapes with lengths and an angle: what all of them have in common."""

from __future__ import annotations

import math
import operator
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from metagen.base.arguments import brief
from metagen.base.errors import InputError
from metagen.base.validation import check_angle
from metagen.device.atoms.atom import ANGLE, Atom, Values
from metagen.device.atoms.parameter import Extent, Kind, Parameter, goes_round, limits
from metagen.device.lattice import Lattice
from metagen.device.symmetry import MIRROR_IMAGES, Symmetry

if TYPE_CHECKING:
    from torch import Tensor

    from metagen.base.tensors import Real
    from metagen.device.shapes import Shape

SAME_ANGLE = 1e-9
"""Radians."""
TOUCHING = 1e-9
"""Pillars that reach over half the distance of neighbours by less than this share of it touch."""
TURN = math.radians(1)
"""Step of the angles that stand for a range; between them the reach is missed by 4·10⁻⁵ of it."""


def _check(name: str, values: list[float]) -> None:
    """Refuse what is not finite, an angle in degrees, and negative lengths."""
    if not all(map(math.isfinite, values)):
        raise InputError(f"{name} is {brief(values[0] if len(values) == 1 else values)}; it must be finite")
    if name == ANGLE:
        check_angle(name, max(values, key=abs, default=0.0))
    elif min(values, default=0.0) < 0:
        raise InputError(f"{name} is {min(values):g}; lengths are positive (micrometres), or 0: no pillar")


class Family(Atom):
    """Shapes of lengths, and of an angle if there is a field ``angle``; a subclass is a checked dataclass.

    At angle 0 the shape has the mirror y → −y: the images of turned shapes are taken from that.
    """

    size: ClassVar[tuple[str, ...]]
    """Lengths with each of which the pillar vanishes."""
    swapped: ClassVar[tuple[str, str] | None] = None
    """Two lengths whose exchange is a quarter turn."""

    @abstractmethod
    def build(self, *args: Any, **kwargs: Any) -> Shape:
        """The shape from tensors of all parameters, free and fixed, in the order of the fields."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The fields that are ranges."""
        return tuple(
            Parameter(name, *extent, Kind.ANGLE if name == ANGLE else Kind.LENGTH)
            for name, extent in self.extents.items()
            if isinstance(extent, tuple)
        )

    @property
    def extents(self) -> dict[str, Extent]:
        """All parameters: a number or a range each."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    @property
    def fixed(self) -> dict[str, float]:
        """See :attr:`Atom.fixed`."""
        return {name: extent for name, extent in self.extents.items() if not isinstance(extent, tuple)}

    def vanishes(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """See :meth:`Atom.vanishes`."""
        sizes = [i for i, parameter in enumerate(self.parameters) if parameter.name in self.size]
        return np.asarray((values[..., sizes] == 0).any(axis=-1))

    def named_shape(self, **given: Real) -> Shape:
        """See :meth:`Atom.named_shape`."""
        from metagen.base.tensors import as_real, check_broadcast

        extents, fixed = self.extents, self.fixed
        unknown, missing = given.keys() - extents.keys(), extents.keys() - fixed.keys() - given.keys()
        if unknown or missing:
            raise InputError(
                f"{self.kind} has the parameters {', '.join(extents)}; "
                + (
                    f"unknown: {', '.join(sorted(unknown))}"
                    if unknown
                    else f"give {', '.join(name for name in extents if name in missing)}"
                )
            )
        values = {name: as_real({**fixed, **given}[name], name) for name in extents}
        check_broadcast(**values)
        for name in given:
            _check(name, values[name].detach().reshape(-1).tolist())
        return self.build(*values.values())

    def image(self, values: Values, operation: Symmetry) -> Values:
        """See :meth:`Atom.image`."""
        turned = isinstance(self.extents.get(ANGLE), tuple)
        if not turned and not self._maps_to_itself(operation):
            return self._swap(values, operation)
        images = values.copy() if isinstance(values, np.ndarray) else values.clone()
        if turned:
            column, low = self.position(ANGLE), limits(self.extents[ANGLE])[0]
            images[..., column] = low + (operation.of_angle(values[..., column]) - low) % self.period
        return images

    @property
    def symmetry(self) -> Symmetry:
        """See :attr:`Atom.symmetry`."""
        return Symmetry.where(self._is_closed_under)

    def functions(self, values: Tensor, count: int) -> Tensor:
        """Products of Chebyshev polynomials of the lengths, scaled to −1 … 1 within their limits, and of
        sines and cosines of the angle.

        For a circle, the features r·T_m(x) span the powers r, r², … of the radius, so well conditioned that
        single precision is enough.
        """
        from metagen.device.atoms import features

        return features.products(self.parameters, self.period, values, count)

    def size_of(self, values: Tensor) -> Tensor:
        """See :meth:`Atom.size_of`."""
        lengths = [(i, each.high) for i, each in enumerate(self.parameters) if each.name in self.size]
        if not lengths:
            return super().size_of(values)
        return reduce(operator.mul, (values[..., i] / high for i, high in lengths))

    def within(self, ranges: Sequence[tuple[float, float]]) -> Self:
        """See :meth:`Atom.within`."""
        pairs = zip(self.parameters, ranges, strict=True)
        lengths = {each.name: limits for each, limits in pairs if each.kind is Kind.LENGTH}
        return replace(self, **lengths)  # type: ignore[type-var]

    def feature_parity(self, count: int) -> NDArray[np.int_]:
        """See :meth:`Atom.feature_parity`."""
        for operation in MIRROR_IMAGES:
            self.image(np.array([parameter.low for parameter in self.parameters]), operation)
        from metagen.device.atoms import features

        return features.parity(self.parameters, self.period, count)

    def check_room(self, lattice: Lattice) -> None:
        """See :meth:`Atom.check_room`.

        Pillars are largest where their lengths are, and turn independently of each other. Where they turn all
        the way round, they sweep a circle.
        """
        from metagen.device.atoms import room

        largest = {name: limits(extent)[1] for name, extent in self.extents.items() if name != ANGLE}
        text = "neighbours of " + ", ".join(f"{name} {value:g}" for name, value in largest.items())
        turned = [self.named_shape(**largest, **turn) for turn in self._turns()]
        reach = float(turned[0].reach)
        if 2 * reach <= lattice.spacing * (1 + TOUCHING):
            return
        if self._turns_all_round:
            self.refuse_room(lattice, f"{text}, which reach {reach:g} all round, overlap")
        vector = room.overlap(turned, lattice)
        if vector is not None:
            self.refuse_room(lattice, f"{text} overlap at ({vector[0]:g}, {vector[1]:g})")

    @property
    def _turns_all_round(self) -> bool:
        return goes_round(limits(self.extents.get(ANGLE, 0.0)), self.period)

    def _turns(self) -> list[dict[str, float]]:
        """Angles that stand for the whole range, by name; one without a name if there is no angle."""
        if ANGLE not in self.extents:
            return [{}]
        low, high = limits(self.extents[ANGLE])
        return [{ANGLE: turn} for turn in np.linspace(low, high, 1 + math.ceil((high - low) / TURN))]

    def _maps_to_itself(self, operation: Symmetry) -> bool:
        """Whether the shape with its fixed angle, or without one, stays as it is."""
        if ANGLE not in self.extents:
            return True
        angle = limits(self.extents[ANGLE])[0]
        return self._same_angle(operation.of_angle(angle), angle)

    def _same_angle(self, one: float, other: float) -> bool:
        return abs(math.remainder(one - other, self.period)) < SAME_ANGLE

    def _swap(self, values: Values, operation: Symmetry) -> Values:
        """Exchange two lengths in place of a quarter turn."""
        names = [parameter.name for parameter in self.parameters]
        angle = limits(self.extents[ANGLE])[0]
        quarter = self._same_angle(operation.of_angle(angle), angle + math.pi / 2)
        if not quarter or self.swapped is None or not set(self.swapped) <= set(names):
            raise InputError(
                f"{operation.name} of a {self.kind} with {self.extents} is not one of these: free the angle "
                "(or, for a quarter turn of what lies along the axes, both lengths)"
            )
        images = values.copy() if isinstance(values, np.ndarray) else values.clone()
        first, second = (names.index(name) for name in self.swapped)
        images[..., first], images[..., second] = values[..., second], values[..., first]
        return images

    def _is_closed_under(self, operation: Symmetry) -> bool:
        extent = self.extents.get(ANGLE, 0.0)
        if isinstance(extent, tuple):
            low, high = sorted(map(operation.of_angle, extent))
            whole = goes_round((low, high), self.period)
            return whole or (self._same_angle(low, extent[0]) and self._same_angle(high, extent[1]))
        if self._maps_to_itself(operation):
            return True
        quarter = self._same_angle(operation.of_angle(extent), extent + math.pi / 2)
        return (
            quarter and self.swapped is not None and len({self.extents[name] for name in self.swapped}) == 1
        )
