"""The short form of a platform, for circles on a square lattice: the period and the limits of the radius."""

from __future__ import annotations

from typing import Any, Self

from metagen.base.errors import InputError
from metagen.base.validation import Positive, checked, validate
from metagen.device.atoms import Atom, Circle
from metagen.device.lattice import Lattice

SHORT = ("period", "radius_min", "radius_max")


@checked
class CircleLimits:
    """Circles on a square lattice.

    Attributes:
        period: distance between neighbouring pillars.
        radius_min: smallest radius that a design may use.
        radius_max: largest radius that a design may use.
    """

    period: Positive = 0.4431
    radius_min: Positive = 0.05
    radius_max: Positive = 0.17

    def __post_init__(self) -> None:
        if not self.radius_min < self.radius_max <= self.period / 2:
            raise InputError(
                f"radius limits {self.radius_min} .. {self.radius_max} must be increasing and at most half "
                f"the period ({self.period / 2:g}); set radius_min and radius_max"
            )

    @classmethod
    def of(cls, lattice: object, atom: object) -> Self | None:
        """The short form; None if these are not circles of free radius on a square lattice."""
        if not (isinstance(lattice, Lattice) and lattice.is_square and isinstance(atom, Circle)):
            return None
        return cls(lattice.pitch[0], *atom.radius) if isinstance(atom.radius, tuple) else None

    @property
    def lattice(self) -> Lattice:
        """The square lattice."""
        return Lattice.square(self.period)

    @property
    def atom(self) -> Atom:
        """The circle with its limits."""
        return Circle((self.radius_min, self.radius_max))


def expanded(given: dict[str, Any]) -> dict[str, Any]:
    """Turn the keys of the short form, where there are any, into a lattice and an atom.

    Args:
        given: values of a platform by name. Beside a lattice and an atom that have a short form (as
            :func:`dataclasses.replace` passes them), the keys change its values.

    Raises:
        InputError: a value is not allowed, or a lattice or atom given beside the keys has no short form.
    """
    short = {name: given[name] for name in SHORT if name in given}
    if not short:
        return given
    rest = {name: value for name, value in given.items() if name not in SHORT}
    before = CircleLimits.of(rest.get("lattice"), rest.get("atom"))
    if before is None and rest.keys() & {"lattice", "atom"}:
        raise InputError(
            f"{', '.join(short)}: these are for circles on a square lattice; with a lattice and an atom give "
            "their lengths there"
        )
    known = {name: getattr(before, name) for name in SHORT} if before else {}
    limits = validate({**known, **short}, CircleLimits, source="")
    return {**rest, "lattice": limits.lattice, "atom": limits.atom}
