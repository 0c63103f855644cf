"""What the fabrication process fixes: the lattice, the pillar height, the media and the radius limits."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field

from metagen.errors import InputError
from metagen.files import content_hash
from metagen.validation import Positive, checked, load_toml

Index = Annotated[float, Field(ge=1.0, le=10.0)]


@checked
class Platform:
    """A square lattice of circular pillars on a substrate; the defaults are the silicon nitride of the paper.

    Attributes:
        period: lattice constant.
        height: pillar height.
        pillar: refractive index of the pillars.
        substrate: refractive index below z = 0, where the light comes from.
        cover: refractive index around and above the pillars.
        radius_min: smallest radius that a design may use.
        radius_max: largest radius that a design may use.
    """

    period: Positive = 0.4431
    height: Positive = 0.633
    pillar: Index = 2.0
    substrate: Index = 1.45
    cover: Index = 1.0
    radius_min: Positive = 0.05
    radius_max: Positive = 0.17

    def __post_init__(self) -> None:
        if not self.radius_min < self.radius_max <= self.period / 2:
            raise InputError(
                f"radius limits {self.radius_min} .. {self.radius_max} must be increasing and at most half "
                f"the period ({self.period / 2:g}); set radius_min and radius_max"
            )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a platform from a TOML file with the attributes as keys; a key left out has its default."""
        return load_toml(path, cls)

    @property
    def hash(self) -> str:
        """Content hash of all attributes."""
        return content_hash(asdict(self))
