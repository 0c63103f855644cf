"""Waves that a device should send out, as functions of the place: complex numbers of modulus 1.

They are :data:`Target` functions: ``target(x, y, k)`` with arrays x and y of equal shape, and the wave number
k in the cover. Time is exp(−iωt), so light that turns to +x has the phase k·sin θ·x, and light that goes to a
focus the phase −k·√(x² + y² + f²). Any other such function will do as well.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from metagen.base.arguments import brief
from metagen.base.errors import InputError
from metagen.base.validation import check_angle, checked
from metagen.device.illumination import Azimuth
from metagen.device.lattice import Lattice

Places = NDArray[np.float64]
MOST_TURNS = 1_000_000
"""Of a vortex: neighbours on a ring of so many pillars would differ by whole turns."""
FARTHEST = 1e9
"""Of a focus: a kilometre, from which no device of pillars tells the sun."""
Length = Annotated[float, Field(gt=0, le=FARTHEST)]
Target = Callable[[Places, Places, float], NDArray[np.complex128]]


class Wave(ABC):
    """A target that comes with metagen."""

    @abstractmethod
    def __call__(self, x: Places, y: Places, k: float) -> NDArray[np.complex128]:
        """The wave at places (x, y)."""

    @property
    @abstractmethod
    def label(self) -> str:
        """A short name for files."""

    def steepest(self, k: float) -> float:
        """Transverse wave number that the wave has all over the device; 0 if there is no single one."""
        return 0.0

    def check(self, lattice: Lattice, k: float) -> None:
        """Refuse a lattice that is too coarse.

        Raises:
            InputError: pillars are so far apart that light leaves less obliquely in another order instead.
        """
        orders = np.stack(np.meshgrid(*[[-1, 0, 1]] * 2, indexing="ij"), -1).reshape(-1, 2)
        finest = np.sort(np.hypot(*(orders @ lattice.reciprocal).T))[1] / 2
        if self.steepest(k) > finest:
            raise InputError(
                f"{self.label}: pillars {lattice.spacing:g} apart turn light of this wavelength by up to "
                f"{math.degrees(math.asin(finest / k)):.3g} degrees; what is steeper leaves in another order"
            )


def _oblique(value: float) -> float:
    check_angle("polar", value)
    if not 0 < value < math.pi / 2:
        raise InputError(f"polar is {value:g}; the angle to the axis is between 0 and π/2 (radians)")
    return value


def _charge(value: int) -> int:
    if value == 0:
        raise InputError("charge is 0; a vortex turns at least once: 1, -1, 2, …")
    if abs(value) > MOST_TURNS:
        raise InputError(
            f"charge is {brief(value)}; it may be up to ±{MOST_TURNS}, more than pillars can make"
        )
    return value


@checked
class Focus(Wave):
    """A spherical wave that converges to a point.

    Attributes:
        focal_length: distance of the point from the monitor plane.
        x, y: where it is in that plane.
    """

    focal_length: Length
    x: float = 0.0
    y: float = 0.0

    def __call__(self, x: Places, y: Places, k: float) -> NDArray[np.complex128]:
        """See :class:`Wave`."""
        path = np.sqrt((x - self.x) ** 2 + (y - self.y) ** 2 + self.focal_length**2) - self.focal_length
        return np.asarray(np.exp(-1j * k * path))

    @property
    def label(self) -> str:
        """See :class:`Wave`."""
        aside = f"-x{self.x:g}-y{self.y:g}" if self.x or self.y else ""
        return f"lens-f{self.focal_length:g}{aside}"


@checked
class Deflection(Wave):
    """A plane wave: what a blazed grating makes.

    Attributes:
        polar: angle to the z axis, in the cover.
        azimuth: direction in the plane, counterclockwise from x.
    """

    polar: Annotated[float, AfterValidator(_oblique)]
    azimuth: Azimuth = 0.0

    def __call__(self, x: Places, y: Places, k: float) -> NDArray[np.complex128]:
        """See :class:`Wave`."""
        along = x * math.cos(self.azimuth) + y * math.sin(self.azimuth)
        return np.asarray(np.exp(1j * k * math.sin(self.polar) * along))

    @property
    def label(self) -> str:
        """See :class:`Wave`."""
        aside = f"-{math.degrees(self.azimuth):.4g}deg" if self.azimuth else ""
        return f"deflector-{math.degrees(self.polar):.4g}deg{aside}"

    def steepest(self, k: float) -> float:
        """See :class:`Wave`."""
        return k * math.sin(self.polar)


@checked
class Axicon(Wave):
    """A conical wave: all light goes towards the axis at one angle, and makes a line of light along it.

    Attributes:
        polar: angle to the z axis, in the cover.
    """

    polar: Annotated[float, AfterValidator(_oblique)]

    def __call__(self, x: Places, y: Places, k: float) -> NDArray[np.complex128]:
        """See :class:`Wave`."""
        return np.asarray(np.exp(-1j * k * math.sin(self.polar) * np.hypot(x, y)))

    @property
    def label(self) -> str:
        """See :class:`Wave`."""
        return f"axicon-{math.degrees(self.polar):.4g}deg"

    def steepest(self, k: float) -> float:
        """See :class:`Wave`."""
        return k * math.sin(self.polar)


@checked
class Vortex(Wave):
    """A wave whose phase grows by 2π times the charge in one turn about the axis: a ring of light.

    Attributes:
        charge: number of turns of the phase, counterclockwise; negative for the other sense.
        focal_length: distance of the plane where the ring is sharp from the monitor plane; None for a vortex
            that is not focused.
    """

    charge: Annotated[int, AfterValidator(_charge)]
    focal_length: Length | None = None

    def __call__(self, x: Places, y: Places, k: float) -> NDArray[np.complex128]:
        """See :class:`Wave`."""
        turns = np.exp(1j * self.charge * np.arctan2(y, x))
        return np.asarray(turns if self.focal_length is None else turns * Focus(self.focal_length)(x, y, k))

    @property
    def label(self) -> str:
        """See :class:`Wave`."""
        return f"vortex-l{self.charge}" + ("" if self.focal_length is None else f"-f{self.focal_length:g}")
