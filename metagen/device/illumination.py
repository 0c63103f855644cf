"""The light that meets a device: wavelength, direction and polarisation of a plane wave."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, model_validator

from metagen.base.contents import content_hash
from metagen.base.errors import InputError
from metagen.base.validation import Positive, check_angle, checked, in_radians
from metagen.base.wavelength import nanometres, same_wavelength
from metagen.device.symmetry import Symmetry

NAMED = {
    "x": (1, 0),
    "y": (0, 1),
    "left": (math.sqrt(0.5), 1j * math.sqrt(0.5)),
    "right": (math.sqrt(0.5), -1j * math.sqrt(0.5)),
}
"""Jones vectors (Ex, Ey) that have a name, for time exp(−iωt) and light that travels towards +z."""
SAME = 1e-9
"""Jones vectors, or directions, that differ by less than this are the same."""

if TYPE_CHECKING:
    from torch import Tensor

    Polarisation = str | tuple[complex, complex]
else:
    Polarisation = Annotated[
        str | tuple[complex, complex], BeforeValidator(lambda value: _polarisation(value))
    ]
Polar = Annotated[float, AfterValidator(lambda value: _polar(value))]
"""Angle with the z axis: radians, from 0 to below π/2."""
Azimuth = Annotated[float, AfterValidator(lambda value: _azimuth(value))]
"""Angle with the x axis: radians, up to a whole turn."""


@checked
class Illumination:
    """A plane wave that comes from the substrate and travels towards +z.

    In a file, the angles may be given in degrees, as ``polar_deg`` and ``azimuth_deg``.

    Attributes:
        wavelength: wavelength in vacuum.
        polarisation: the complex components (Ex, Ey) of the incident wave at z = 0, of norm 1; or a name for
            them: "x", "y", "left" for (1, i)/√2, "right" for (1, −i)/√2. A named vector turns into its name.
            In a file a vector is [[real, imaginary], [real, imaginary]].
        polar: angle θ between the wave and the z axis, in vacuum: the transverse wave vector is k0·sin θ
            whatever the substrate.
        azimuth: angle φ of the transverse wave vector with the x axis, counterclockwise.

    Raises:
        InputError: an unknown name, a vector whose norm is not 1, or a wave that does not travel towards +z.
    """

    wavelength: Positive
    polarisation: Polarisation = "x"
    polar: Polar = 0.0
    azimuth: Azimuth = 0.0

    @model_validator(mode="before")
    @classmethod
    def _angles(cls, given: Any) -> Any:
        return in_radians(given, "polar", "azimuth") if isinstance(given, dict) else given

    @property
    def jones(self) -> NDArray[np.complex128]:
        """[2] complex amplitudes of Ex and Ey."""
        known = isinstance(self.polarisation, str)
        return np.array(NAMED[str(self.polarisation)] if known else self.polarisation, dtype=np.complex128)

    @property
    def direction(self) -> NDArray[np.float64]:
        """[2] transverse wave vector in units of k0: sin θ·(cos φ, sin φ)."""
        along = np.array([math.cos(self.azimuth), math.sin(self.azimuth)])
        return np.asarray(math.sin(self.polar) * along)

    @property
    def wave_vector(self) -> NDArray[np.float64]:
        """[2] transverse wave vector, per micrometre."""
        return np.asarray(2 * math.pi / self.wavelength * self.direction)

    @property
    def is_normal(self) -> bool:
        """Whether the light comes along the z axis."""
        return self.polar == 0

    @property
    def is_plain(self) -> bool:
        """Whether the light is polarised along x and comes along z, as all light in earlier releases."""
        return self.polarisation == "x" and self.is_normal

    @property
    def symmetry(self) -> Symmetry:
        """The mirrors and turns that leave the light as it is, up to a constant factor."""
        return Symmetry.where(self._is_kept)

    @property
    def parts(self) -> tuple[tuple[complex, Illumination], ...]:
        """The light along x and along y that adds up to it, each with its amplitude; none of amplitude 0."""
        along = zip(self.jones.tolist(), ("x", "y"), strict=True)
        return tuple((amplitude, replace(self, polarisation=name)) for amplitude, name in along if amplitude)

    def is_like(self, other: Illumination) -> bool:
        """Whether it is the same light, up to a constant phase and the rounding of a wavelength."""
        return bool(
            same_wavelength(self.wavelength, other.wavelength)
            and np.abs(self.direction - other.direction).max() < SAME
            and abs(abs(np.vdot(self.jones, other.jones)) - 1) < SAME
        )

    def flux(self, index: float) -> float:
        """Power per area that the light of transverse amplitude 1 carries along z in a medium of real index.

        A plane wave of amplitude 1 along z in vacuum carries 1; see :func:`plane_wave_power`.
        """
        return index if self.is_normal else float(plane_wave_power(self.jones, self, index))

    @property
    def described(self) -> dict[str, Any]:
        """The attributes as plain values for files, which :func:`metagen.base.validation.validate` reads."""
        vector = [[part.real, part.imag] for part in self.jones.tolist()]
        polarisation = self.polarisation if isinstance(self.polarisation, str) else vector
        return {
            "wavelength": self.wavelength,
            "polarisation": polarisation,
            "polar": self.polar,
            "azimuth": self.azimuth,
        }

    def _is_kept(self, operation: Symmetry) -> bool:
        turned, along = operation.matrix @ self.jones, operation.matrix @ self.direction
        return bool(
            abs(abs(np.vdot(turned, self.jones)) - 1) < SAME and np.abs(along - self.direction).max() < SAME
        )


Field = TypeVar("Field", NDArray[np.complex128], "Tensor")


def plane_wave_power(field: Field, light: Illumination, index: float) -> Field:
    """[...] power along z of a plane wave in the direction of the light, from its (Ex, Ey) [..., 2].

    It is |E along k|²·n²/kz + |E across k|²·kz, with kz = √(n² − sin²θ); 0 for a wave that cannot leave.
    """
    kx, ky = light.direction
    size = math.hypot(kx, ky)
    cosine, sine = (kx / size, ky / size) if size else (1.0, 0.0)
    along = cosine * field[..., 0] + sine * field[..., 1]
    across = cosine * field[..., 1] - sine * field[..., 0]
    square = index**2 - size**2
    kz = math.sqrt(square) if square > 0 else math.inf
    power: Field = abs(along) ** 2 * (index**2 / kz) + abs(across) ** 2 * (kz if square > 0 else 0.0)
    return power


def label(light: Illumination) -> str:
    """Light in the name of a file: "633nm" for plain light, else "633nm-y" or "633nm-left-15deg-30deg".

    Different light has different labels; one that is not plain has a hash if its polarisation has no name.
    """
    parts = [f"{nanometres(light.wavelength)}nm"]
    if not light.is_plain:
        known = isinstance(light.polarisation, str)
        parts.append(str(light.polarisation) if known else content_hash(light.described)[:8])
        angles = () if light.is_normal else (light.polar, light.azimuth)
        parts += [f"{math.degrees(angle):.10g}deg" for angle in angles]
    return "-".join(parts)


def short_label(light: Illumination) -> str:
    """As :func:`label`, without the unit: "633", or "633-y"."""
    return label(light).replace("nm", "", 1)


def in_words(light: Illumination) -> str:
    """Polarisation and direction of light: "x", or "left from 15°", or "y from 15° at azimuth 90°"."""
    known = isinstance(light.polarisation, str)
    name = light.polarisation if known else ", ".join(f"{part:.3g}" for part in light.jones.tolist())
    direction = "" if light.is_normal else f" from {math.degrees(light.polar):g}°"
    azimuth = f" at azimuth {math.degrees(light.azimuth):g}°" if direction and light.azimuth else ""
    return f"{name}{direction}{azimuth}"


def _polar(value: float) -> float:
    check_angle("polar", value)
    if not 0 <= value < math.pi / 2:
        raise InputError(
            f"polar is {value:g}; it must be from 0 to below π/2 (radians), for light that travels towards +z"
        )
    return value


def _azimuth(value: float) -> float:
    check_angle("azimuth", value)
    return value


def _polarisation(value: Any) -> Any:
    """The name of a polarisation, or its Jones vector if it has none."""
    if isinstance(value, str):
        if value not in NAMED:
            raise InputError(
                f"polarisation is {value!r}; known: {', '.join(NAMED)}, or a Jones vector "
                "[[real, imaginary], [real, imaginary]] of Ex and Ey"
            )
        return value
    vector = _jones(value)
    norm = math.hypot(*map(abs, vector))
    if not abs(norm - 1) < SAME:
        raise InputError(
            f"polarisation is {value!r}, of norm {norm:.10g}; divide it by that, so that it is 1"
        )
    same = [name for name, known in NAMED.items() if max(map(abs, np.subtract(vector, known))) < SAME]
    return same[0] if same else vector


def _jones(value: Any) -> tuple[complex, complex]:
    try:
        first, second = (complex(*part) if np.ndim(part) else complex(part) for part in value)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"polarisation is {value!r}; it must be a name ({', '.join(NAMED)}) or two complex numbers, "
            "Ex and Ey"
        ) from error
    return first, second
