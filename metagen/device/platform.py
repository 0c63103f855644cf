"""What the fabrication process fixes: the lattice, the pillar height, the media and the radius limits."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Self

from metagen.base.errors import InputError
from metagen.base.files import content_hash
from metagen.base.validation import Positive, checked, load_toml
from metagen.device.materials import Material, index_at
from metagen.device.media import Media, outer_index

UNIT_SLIP = 100.0
"""Height, wavelength and period are within this factor of each other wherever pillars shape light; a length
in nanometres is wrong by a factor of 1,000."""


@checked
class Platform:
    """A square lattice of circular pillars on a substrate; the defaults are the silicon nitride of the paper.

    Attributes:
        period: lattice constant.
        height: pillar height.
        pillar: refractive index of the pillars, or a material (:mod:`metagen.device.materials`).
        substrate: the same below z = 0, where the light comes from.
        cover: the same around and above the pillars.
        radius_min: smallest radius that a design may use.
        radius_max: largest radius that a design may use.
    """

    period: Positive = 0.4431
    height: Positive = 0.633
    pillar: Material = 2.0
    substrate: Material = 1.45
    cover: Material = 1.0
    radius_min: Positive = 0.05
    radius_max: Positive = 0.17

    def __post_init__(self) -> None:
        check_scale("height", self.height, self.period)
        if not self.radius_min < self.radius_max <= self.period / 2:
            raise InputError(
                f"radius limits {self.radius_min} .. {self.radius_max} must be increasing and at most half "
                f"the period ({self.period / 2:g}); set radius_min and radius_max"
            )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a platform from a TOML file with the attributes as keys; a key left out has its default."""
        return load_toml(path, cls)

    def at(self, wavelength: float) -> Media:
        """The refractive indices that the materials have at a wavelength.

        Raises:
            InputError: a material is not known at this wavelength, the substrate or the cover absorbs, or the
                wavelength is out of all proportion to the period.
        """
        check_scale("wavelength", wavelength, self.period)
        return Media(
            wavelength,
            pillar=index_at(self.pillar, wavelength),
            substrate=outer_index("substrate", index_at(self.substrate, wavelength), wavelength),
            cover=outer_index("cover", index_at(self.cover, wavelength), wavelength),
        )

    @property
    def hash(self) -> str:
        """Content hash of all attributes."""
        return content_hash(asdict(self))


def check_scale(name: str, length: float, period: float) -> None:
    """Refuse a length that can only be of another unit than the period.

    Raises:
        InputError: their ratio is over :data:`UNIT_SLIP`, one way or the other.
    """
    if length > 0 and not period / UNIT_SLIP <= length <= period * UNIT_SLIP:
        raise InputError(
            f"{name} is {length:g} and the period {period:g}; all lengths are micrometres (633 nm is 0.633)"
        )


def difference(old: Platform, new: Platform) -> str:
    """What is new about a platform, in a few words: "height 0.5 instead of 0.6"."""
    pairs = {each.name: (getattr(old, each.name), getattr(new, each.name)) for each in fields(Platform)}
    return ", ".join(
        f"{name} {_brief(after)} instead of {_brief(before)}"
        for name, (before, after) in pairs.items()
        if before != after
    )


def _brief(value: object) -> object:
    """A number as it is, a material by its name."""
    return getattr(value, "name", value)
