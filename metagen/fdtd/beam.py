"""Light together with how it is simulated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metagen.base.errors import MismatchError
from metagen.base.wavelength import same_wavelength
from metagen.device.illumination import Illumination
from metagen.fdtd.numerics import Numerics


@dataclass(frozen=True)
class Beam:
    """Light, and the settings of its simulations.

    Attributes:
        numerics: resolution and the other settings.
        light: what comes from the substrate; by default it is polarised along x and comes along z.

    Raises:
        MismatchError: light and numerics are of different wavelengths.
    """

    numerics: Numerics
    light: Illumination = None  # type: ignore[assignment]

    if TYPE_CHECKING:

        def __init__(self, numerics: Numerics, light: Illumination | None = ...) -> None: ...

    def __post_init__(self) -> None:
        if self.light is None:
            object.__setattr__(self, "light", Illumination(self.numerics.wavelength))
        if not same_wavelength(self.light.wavelength, self.numerics.wavelength):
            raise MismatchError(
                f"light has the wavelength {self.light.wavelength:g}, numerics are for "
                f"{self.numerics.wavelength:g}; give numerics of the same wavelength"
            )

    @property
    def wavelength(self) -> float:
        """In vacuum."""
        return self.numerics.wavelength


def beam_of(given: Beam | Numerics) -> Beam:
    """What was given; numerics alone stand for light along x at normal incidence."""
    return Beam(given) if isinstance(given, Numerics) else given
