"""Numerical dispersion: plane waves on Yee's grid, and the indices that give them the true wavelength."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from functools import cached_property
from typing import overload

from metagen.fdtd.grid import COURANT, Grid


@overload
def compensated_index(index: float, wavelength: float, pixel: float) -> float: ...
@overload
def compensated_index(index: complex, wavelength: float, pixel: float) -> complex: ...
def compensated_index(index: complex, wavelength: float, pixel: float) -> complex:
    """The index whose numerical plane wave along a grid axis has the wavenumber of the true one.

    From the one-dimensional dispersion relation of Yee's scheme, sin(ωΔt/2)/Δt = c·sin(kΔx/2)/(n'Δx), solved
    for n' at k = nω/c.
    """
    phase = math.pi * pixel / wavelength
    unit = math.sin(COURANT * phase) / COURANT
    if isinstance(index, complex):
        return cmath.sin(index * phase) / unit
    return math.sin(index * phase) / unit


def numerical_power(index: float, wavelength: float, pixel: float) -> float:
    """Power of a unit-amplitude numerical plane wave, over that of the true wave, in a compensated medium.

    E and H sit half a pixel apart in Yee's scheme; the flux that it conserves is n'·cos(kΔx/2)·|E|² at the
    places of E. Amplitudes in two media are comparable only after dividing by the root of this.
    """
    phase = math.pi * pixel / wavelength
    return compensated_index(index, wavelength, pixel) * math.cos(index * phase) / index


def conductivity(permittivity: complex, frequency: float) -> float:
    """Meep's conductivity (in units of c / pixel) that gives a medium its imaginary part.

    Meep takes the mean of D before and after a step for the current, so that a conductivity σ counts as
    σ·cos(ωΔt/2) / (2·sin(ωΔt/2)/Δt): this solves for σ exactly.

    Args:
        permittivity: relative, with positive real part.
        frequency: frequency in units of c / pixel.
    """
    return 2 * math.tan(math.pi * frequency * COURANT) / COURANT * permittivity.imag / permittivity.real


def drude_pole(permittivity: complex, frequency: float) -> tuple[float, float]:
    """Plasma frequency and damping, in units of c / pixel, of the pole that adds ε − 1 to empty space.

    Meep's polarisation obeys −P·(W² + iγ·V) = ω_p²·E with W = 2·sin(ωΔt/2)/Δt and V = sin(ωΔt)/Δt, the
    differences of a second and of a first derivative in time: this solves for both exactly.

    Args:
        permittivity: relative, with a real part below 1.
        frequency: frequency in units of c / pixel.
    """
    phase = math.pi * frequency * COURANT
    second, first = 2 * math.sin(phase) / COURANT, math.sin(2 * phase) / COURANT
    inverse = 1 / (permittivity - 1)
    plasma = second / math.sqrt(-inverse.real)
    damping = second**2 / first * inverse.imag / inverse.real
    return plasma / (2 * math.pi), damping / (2 * math.pi)


@dataclass(frozen=True)
class GridWave:
    """The plane wave of the light in a medium that does not absorb, on the grid.

    Its transverse wave vector is that of the light; the medium has the index with which kz is the true one.

    Attributes:
        medium: true refractive index.
        direction: transverse wave vector of the light, in units of k0.
        wavelength: wavelength in vacuum.
        grid: where it runs.
    """

    medium: float
    direction: tuple[float, float]
    wavelength: float
    grid: Grid

    @cached_property
    def vertical(self) -> float:
        """The true kz in units of k0."""
        if self.direction == (0, 0):
            return self.medium
        return math.sqrt(self.medium**2 - math.hypot(*self.direction) ** 2)

    @cached_property
    def index(self) -> float:
        """The refractive index that the medium needs on the grid."""
        if self.direction == (0, 0):
            return self._steepness
        across = (self._difference(k, axis) for axis, k in enumerate(self.direction))
        return math.hypot(self._steepness, *across)

    @property
    def admittances(self) -> tuple[float, float]:
        """H over E across the plane of incidence, and in it (transverse parts), each over n' of the grid."""
        return self._steepness / self.index, self.index / self._steepness

    @property
    def powers(self) -> tuple[float, float]:
        """Powers of the numerical wave over those of the true one, for two polarisations.

        For E across the plane of incidence, and for transverse E in it; see :func:`numerical_power`.
        """
        if self.direction == (0, 0):
            power = numerical_power(self.medium, self.wavelength, self.grid.pixel)
            return power, power
        flux = math.cos(self.vertical * math.pi * self.grid.pixel / self.wavelength)
        across = self._steepness * flux / self.vertical
        return across, self.index**2 / self._steepness * flux / (self.medium**2 / self.vertical)

    @cached_property
    def _steepness(self) -> float:
        """The finite difference along z that takes the place of kz, in units of the one that does of k0."""
        return compensated_index(self.vertical, self.wavelength, self.grid.pixel)

    def _difference(self, k: float, axis: int) -> float:
        """The finite difference along x or y that takes the place of a wave number, in the same units."""
        width = self.grid.widths[axis]
        unit = math.sin(COURANT * math.pi * self.grid.pixel / self.wavelength) / COURANT
        return math.sin(k * math.pi * width / self.wavelength) * (self.grid.pixel / width) / unit
