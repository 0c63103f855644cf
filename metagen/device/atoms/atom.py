"""What a meta-atom is.

Torch is imported only where a shape is made: reading a platform, and starting the command line, stay quick.
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.base.validation import in_radians, validate
from metagen.device.atoms.parameter import Kind, Parameter, goes_round
from metagen.device.lattice import Lattice
from metagen.device.symmetry import Symmetry

if TYPE_CHECKING:
    from torch import Tensor

    from metagen.base.tensors import Real
    from metagen.device.shapes import Shape

Values = TypeVar("Values", NDArray[np.float64], "Tensor")
ANGLE = "angle"
"""The name of the parameter that turns a shape."""


class Atom(ABC):
    """A family of pillar shapes with named parameters.

    Values of the free parameters are arrays [..., P] in the order of :attr:`parameters`.
    """

    kind: ClassVar[str]
    """The name of the family in files."""

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The free parameters."""

    @abstractmethod
    def named_shape(self, **given: Real) -> Shape:
        """The shape [...] at parameters given by name; fixed ones may be left out.

        Raises:
            InputError: an unknown name, or a free parameter is missing.
        """

    def shape(self, values: Tensor) -> Shape:
        """The shape [...] at values [..., P] of the free parameters, with their gradients."""
        return self.named_shape(**{p.name: values[..., i] for i, p in enumerate(self.parameters)})

    @abstractmethod
    def image(self, values: Values, operation: Symmetry) -> Values:
        """Values [..., P] of the shape that one mirror or turn makes of a shape.

        Raises:
            InputError: it is not in this family.
        """

    @property
    @abstractmethod
    def symmetry(self) -> Symmetry:
        """The mirrors and turns that make of every shape within the limits another such shape."""

    @abstractmethod
    def functions(self, values: Tensor, count: int) -> Tensor:
        """[..., Q] smooth functions of the parameters [..., P], those of lower degree first.

        Args:
            values: values of the free parameters.
            count: polynomial (and trigonometric) degrees 0 … count − 1.
        """

    def size_of(self, values: Tensor) -> Tensor:
        """[...] a factor that vanishes with the pillars of values [..., P], if a free length says it; else 1.

        It is the product of the lengths with which the pillar vanishes, over their largest values.
        """
        return values.new_ones(values.shape[:-1])

    def features(self, values: Tensor, count: int) -> Tensor:
        """[..., Q] the functions times the size, for models that are linear in them.

        They vanish with the size of the pillar. Where no free length says it, a site without a pillar is to
        be masked.

        Args:
            values: [..., P] free parameters.
            count: see :meth:`functions`.
        """
        return self.functions(values, count) * self.size_of(values).unsqueeze(-1)

    @abstractmethod
    def feature_parity(self, count: int) -> NDArray[np.int_]:
        """[Q, 4] sign of each function in the images of :data:`metagen.device.symmetry.MIRROR_IMAGES`.

        Raises:
            InputError: a mirror makes shapes that are not in this family.
        """

    period: ClassVar[float] = 2 * math.pi
    """Smallest turn that leaves every shape as it is; 0 if each does."""

    def turns_round(self, parameter: Parameter) -> bool:
        """Whether a parameter is an angle that may be any."""
        return parameter.kind is Kind.ANGLE and goes_round((parameter.low, parameter.high), self.period)

    def within(self, ranges: Sequence[tuple[float, float]]) -> Self:
        """The same family with other lowest and highest lengths, which the functions are scaled to.

        Args:
            ranges: of the free parameters, in their order; those of angles and choices change nothing.
        """
        return self

    @property
    def fixed(self) -> dict[str, float]:
        """The parameters that are numbers, by name."""
        return {}

    growth: ClassVar[Mapping[str, float]] = MappingProxyType({})
    """By how much each length changes where the wall of the pillar moves outwards by one, by name."""

    @property
    def free_growth(self) -> NDArray[np.float64]:
        """[P] by how much each free parameter changes where the wall moves outwards by one."""
        return np.array([self.growth.get(parameter.name, 0.0) for parameter in self.parameters])

    @property
    def fixed_growth(self) -> list[str]:
        """Names of the fixed lengths that would change where the wall moves."""
        return [name for name in self.growth if name in self.fixed]

    def grown(self, values: Tensor, by: Tensor | float) -> Shape:
        """The shape [...] at values [..., P] with its walls moved outwards by a length, fixed ones too.

        Of an ellipse the ends of the axes move by as much, and it stays an ellipse.

        Raises:
            InputError: shapes of this family have no lengths, or one of them would be negative.
        """
        if not self.growth:
            raise InputError(f"pillars of the kind {self.kind} have no lengths, so that they cannot grow")
        named: dict[str, Tensor | float] = {**self.fixed}
        named |= {parameter.name: values[..., i] for i, parameter in enumerate(self.parameters)}
        return self.named_shape(
            **{name: own + self.growth.get(name, 0.0) * by for name, own in named.items()}
        )

    def vanishes(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """[...] whether values [..., P] say that there is no pillar, because a length is 0."""
        return np.zeros(values.shape[:-1], dtype=np.bool_)

    @abstractmethod
    def check_room(self, lattice: Lattice) -> None:
        """Refuse a lattice on which neighbours may overlap, whatever values they have within the limits.

        Raises:
            InputError: they overlap; the message has the values.
        """

    def refuse_room(self, lattice: Lattice, how: str) -> NoReturn:
        """Say that neighbours may overlap.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"{how}, and the closest sites are {lattice.spacing:g} apart: make the pillars ({self.kind}) "
            "smaller or the lattice wider"
        )

    @property
    def described(self) -> dict[str, Any]:
        """The family and its parameters as plain values for files, which :func:`read_atom` reads."""
        return {"kind": self.kind, **asdict(self)}  # type: ignore[call-overload]

    def position(self, name: str) -> int:
        """Which column of values a free parameter is.

        Raises:
            InputError: this family has no free parameter of that name.
        """
        names = [parameter.name for parameter in self.parameters]
        if name not in names:
            raise InputError(
                f"{self.kind} has no free parameter {name!r}; free: {', '.join(names) or 'none'}"
            )
        return names.index(name)


def read_atom(value: Any) -> Any:
    """Turn the table of a file, with ``kind`` and the parameters, into a meta-atom, unless it is one already.

    Raises:
        InputError: an unknown kind, or parameters that it cannot have.
    """
    if isinstance(value, Atom):
        return value
    if not isinstance(value, dict):
        raise InputError(f"atom is {value!r}; give a table with 'kind' and the parameters of this family")
    kinds = {made.kind: made for made in _families(Atom)}
    kind = value.get("kind")
    if kind not in kinds:
        how = f"kind is {kind!r}" if "kind" in value else "has no kind"
        raise InputError(f"atom {how}; known: {', '.join(sorted(kinds))}")
    parameters = in_radians({name: given for name, given in value.items() if name != "kind"}, ANGLE)
    return validate(parameters, kinds[kind], source=f"atom {kind}")


def _families(base: type) -> list[Any]:
    """All classes below one that can be made."""
    found = [] if inspect.isabstract(base) else [base]
    below: type
    for below in base.__subclasses__():
        found += _families(below)
    return found
