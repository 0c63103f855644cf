"""What the fabrication process fixes: the lattice, the meta-atom, the pillar height and the media."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    TypeAdapter,
    model_serializer,
    model_validator,
)
from pydantic_core import ArgsKwargs, CoreSchema

from metagen.base.arguments import positive
from metagen.base.contents import content_hash
from metagen.base.errors import InputError
from metagen.base.validation import FromToml, Positive, checked
from metagen.device.atoms import Atom, read_atom
from metagen.device.circles import CircleLimits, expanded
from metagen.device.lattice import Lattice
from metagen.device.materials import Material, index_at
from metagen.device.media import Media, outer_index

UNIT_SLIP = 100.0
"""Wherever pillars shape light, height and wavelength are within this factor of the period; a length given in
nanometres is wrong by a factor of 1,000."""

if TYPE_CHECKING:
    AnyAtom = Atom
else:
    AnyAtom = Annotated[Any, BeforeValidator(read_atom)]


@checked
class Platform(FromToml):
    """Pillars of one family of shapes on a lattice; the defaults are the silicon nitride of the paper.

    Circles on a square lattice have a short form, in Python and in files: ``period``, ``radius_min`` and
    ``radius_max`` in place of ``lattice`` and ``atom``. They are written to files in that form, so that files
    and hashes are those of earlier releases.

    Attributes:
        lattice: where pillars can stand.
        atom: the family of shapes of the pillars, with the limits that a design may use.
        height: height of the pillars.
        pillar: refractive index of the pillars, complex if they absorb ("2.4+0.05j" in a file), or a material
            (:mod:`metagen.device.materials`).
        substrate: index or material below z = 0, where the light comes from.
        cover: index or material around and above the pillars.

    Raises:
        InputError: a value is not allowed, or neighbouring pillars may overlap.
    """

    lattice: Lattice = Field(default_factory=lambda: CircleLimits().lattice)
    atom: AnyAtom = Field(default_factory=lambda: CircleLimits().atom)
    height: Positive = 0.633
    pillar: Material = 2.0
    substrate: Material = 1.45
    cover: Material = 1.0

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            lattice: Lattice = ...,
            atom: Atom = ...,
            height: float = ...,
            pillar: Material | complex = ...,
            substrate: Material = ...,
            cover: Material = ...,
            period: float = ...,
            radius_min: float = ...,
            radius_max: float = ...,
        ) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, given: Any) -> Any:
        if isinstance(given, ArgsKwargs):
            return ArgsKwargs(given.args, expanded(given.kwargs or {}))
        return expanded(given) if isinstance(given, dict) else given

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Add the keys of the short form: advice on unknown keys comes from this schema."""
        found = handler(schema)
        short = TypeAdapter(CircleLimits).json_schema()["properties"]
        handler.resolve_ref_schema(found)["properties"].update(short)
        return found

    def __post_init__(self) -> None:
        check_scale("height", self.height, self.lattice.pitch[0])
        self.atom.check_room(self.lattice)

    def __repr__(self) -> str:
        """The attributes; in the short form, if the platform has one."""
        return f"{type(self).__name__}({', '.join(f'{name}={part!r}' for name, part in self.parts.items())})"

    @property
    def period(self) -> float:
        """Distance between neighbouring circles on a square lattice.

        Raises:
            InputError: the platform has another lattice or other shapes.
        """
        return self._circles("period").period

    @property
    def radius_min(self) -> float:
        """Smallest radius of circles on a square lattice that a design may use; raises as :attr:`period`."""
        return self._circles("radius_min").radius_min

    @property
    def radius_max(self) -> float:
        """Largest radius of circles on a square lattice that a design may use; raises as :attr:`period`."""
        return self._circles("radius_max").radius_max

    def at(self, wavelength: float) -> Media:
        """The refractive indices that the materials have at a wavelength.

        Raises:
            InputError: a material is not known at this wavelength, the substrate or the cover absorbs, or the
                wavelength is out of all proportion to the period.
        """
        wavelength = positive("wavelength", wavelength)
        check_scale("wavelength", wavelength, self.lattice.pitch[0])
        return Media(
            wavelength,
            pillar=index_at(self.pillar, wavelength),
            substrate=outer_index("substrate", index_at(self.substrate, wavelength), wavelength),
            cover=outer_index("cover", index_at(self.cover, wavelength), wavelength),
        )

    @property
    def hash(self) -> str:
        """Content hash of all attributes."""
        return content_hash(self.described)

    @property
    def long_parts(self) -> dict[str, Any]:
        """The attributes by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def parts(self) -> dict[str, Any]:
        """The attributes by name; in the short form, if the platform has one."""
        long, short = self.long_parts, CircleLimits.of(self.lattice, self.atom)
        if short is None:
            return long
        media = {name: long[name] for name in ("height", "pillar", "substrate", "cover")}
        return {
            "period": short.period,
            **media,
            "radius_min": short.radius_min,
            "radius_max": short.radius_max,
        }

    @property
    def described(self) -> dict[str, Any]:
        """The parts as plain values for files, which :func:`metagen.base.validation.validate` reads."""
        plain = {**asdict(self), "atom": self.atom.described}
        return {name: plain.get(name, part) for name, part in self.parts.items()}

    @model_serializer
    def _serialised(self) -> dict[str, Any]:
        return self.described

    def _circles(self, name: str) -> CircleLimits:
        found = CircleLimits.of(self.lattice, self.atom)
        if found is None:
            raise InputError(
                f"{name} is for circles of free radius on a square lattice only; this platform has "
                f"{self.atom} on {self.lattice}: see lattice.pitch and atom.parameters"
            )
        return found


def check_scale(name: str, length: float, period: float) -> None:
    """Refuse a length that must be in another unit than the period.

    Raises:
        InputError: one of the two is over :data:`UNIT_SLIP` times the other.
    """
    if length > 0 and not period / UNIT_SLIP <= length <= period * UNIT_SLIP:
        raise InputError(
            f"{name} is {length:g} and the period {period:g}; all lengths are micrometres (633 nm is 0.633)"
        )


def with_fixed(platform: Platform, values: Mapping[str, float]) -> Platform:
    """The platform on which some free parameters of the meta-atom have one value.

    Raises:
        InputError: the meta-atom has no such free parameter, or cannot have the value.
    """
    for name in values:
        platform.atom.position(name)
    return replace(platform, atom=replace(platform.atom, **values)) if values else platform  # type: ignore[type-var]


def difference(old: Platform, new: Platform) -> str:
    """What differs between two platforms, in a few words: "height 0.5 instead of 0.6"."""
    before, after = (each.parts for each in (old, new))
    if before.keys() != after.keys():
        before, after = (each.long_parts for each in (old, new))
    return ", ".join(
        f"{name} {_brief(after[name])} instead of {_brief(before[name])}"
        for name in after
        if before[name] != after[name]
    )


def _brief(value: object) -> object:
    """The name of a material; any other value as it is."""
    return getattr(value, "name", value)
