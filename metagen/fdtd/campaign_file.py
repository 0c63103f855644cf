"""What a campaign file says of its light: how fine the simulations are, and which polarisations there are."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from metagen.base.validation import Positive, checked, in_radians
from metagen.device.illumination import Illumination
from metagen.device.platform import Platform, check_scale
from metagen.fdtd.beam import Beam
from metagen.fdtd.numerics import Numerics
from metagen.forward.families import Family


@checked
class ErrorTarget:
    """A wavelength with an allowed error; resolution and compensation follow from it.

    Attributes:
        wavelength: wavelength in vacuum.
        error_target: largest relative error of a near field against the converged one.
    """

    wavelength: Positive
    error_target: Annotated[float, Field(gt=0, lt=1)]


Name = Literal["x", "y", "left", "right"]


def _several(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


@checked
class Directed:
    """Where light comes from, and its polarisations, each of which is simulated.

    Attributes:
        polarisation: one name or several.
        polar: angle between the light and the z axis, in vacuum (``polar_deg`` in degrees).
        azimuth: angle of its transverse wave vector with the x axis (``azimuth_deg`` in degrees).
    """

    polarisation: Annotated[tuple[Name, ...], BeforeValidator(_several), Field(min_length=1)] = ("x",)
    polar: float = 0.0
    azimuth: float = 0.0

    @model_validator(mode="before")
    @classmethod
    def _angles(cls, given: Any) -> Any:
        return in_radians(given, "polar", "azimuth") if isinstance(given, dict) else given

    def _beams(self, numerics: Numerics) -> list[Beam]:
        return [
            Beam(numerics, Illumination(numerics.wavelength, name, self.polar, self.azimuth))
            for name in self.polarisation
        ]


@checked
class NumericsEntry(Directed, Numerics):
    """Light whose numerics the file states."""

    def beams(self, platform: Platform) -> list[Beam]:
        """The light, one beam per polarisation."""
        return self._beams(Numerics(**{each.name: getattr(self, each.name) for each in fields(Numerics)}))


@checked
class ErrorTargetEntry(Directed, ErrorTarget):
    """Light for which the file states an allowed error."""

    def beams(self, platform: Platform) -> list[Beam]:
        """The light, one beam per polarisation; its numerics are found by calibration."""
        from metagen.fdtd.calibration import numerics_for

        return self._beams(numerics_for(platform, self.wavelength, self.error_target))


def _tag(light: object) -> str:
    aims = isinstance(light, ErrorTargetEntry) or (isinstance(light, dict) and "error_target" in light)
    return "error target" if aims else "numerics"


LightEntry = Annotated[
    Annotated[NumericsEntry, Tag("numerics")] | Annotated[ErrorTargetEntry, Tag("error target")],
    Discriminator(_tag),
]


@checked
class CampaignFile:
    """What a campaign file says: a campaign whose light may also be given as an error target."""

    light: Annotated[tuple[LightEntry, ...], Field(min_length=1)]
    layouts: Annotated[tuple[Family, ...], Field(min_length=1)]
    platform: Platform = Field(default_factory=Platform)

    def __post_init__(self) -> None:
        for each in self.light:
            check_scale("wavelength", each.wavelength, self.platform.lattice.pitch[0])
