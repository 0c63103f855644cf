"""The media of a simulation as the grid needs them, numerical dispersion compensated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metagen.device.illumination import Illumination
from metagen.device.media import NEGLIGIBLE_LOSS, Media
from metagen.fdtd.dispersion import GridWave, compensated_index, conductivity, drude_pole
from metagen.fdtd.engine import require_meep
from metagen.fdtd.grid import COURANT, Grid
from metagen.fdtd.numerics import Numerics


@dataclass(frozen=True)
class Indices:
    """Refractive indices on the grid.

    Attributes:
        media: the true ones.
        light: what comes from the substrate.
        numerics: how much of the compensation pillars get.
        grid: the grid.
        spacing: side of a square with the area of the lattice that belongs to one pillar, in micrometres.
    """

    media: Media
    light: Illumination
    numerics: Numerics
    grid: Grid
    spacing: float

    @property
    def substrate(self) -> GridWave:
        """The substrate, fully compensated for the incident wave."""
        return self._wave(self.media.substrate)

    @property
    def cover(self) -> GridWave:
        """The cover, fully compensated for the zeroth transmitted order."""
        return self._wave(self.media.cover)

    def pillar(self, radius: float) -> complex:
        """The index of a pillar, compensated by the fraction that the numerics state for its size.

        Args:
            radius: radius of the circle that has the area of the pillar, in micrometres.
        """
        thin, thick = self.numerics.pillar_compensation
        fraction = thin + (thick - thin) * radius / (self.spacing / 2)
        index = self.media.pillar if self.media.pillar.imag > NEGLIGIBLE_LOSS else self.media.pillar.real
        full = compensated_index(index, self.media.wavelength, self.grid.pixel)
        return index + fraction * (full - index)

    def medium(self, index: complex) -> Any:
        """A medium of Meep with this index, which is real or complex, in the stretched coordinates."""
        permittivity = index * index
        if permittivity.real < COURANT**2 * (2 + self.grid.stretch**2):
            return self._with_pole(permittivity)
        lost = conductivity(permittivity, self._frequency) if permittivity.imag else 0
        return self._stretched(permittivity.real, D_conductivity=lost)

    def _with_pole(self, permittivity: complex) -> Any:
        """A medium in which Yee's scheme would be unstable without poles, such as a metal."""
        mp = require_meep()
        plasma, damping = drude_pole(permittivity, self._frequency)
        pole = mp.DrudeSusceptibility(frequency=plasma, gamma=damping, sigma_diag=self._diagonal(1.0))
        return self._stretched(1.0, E_susceptibilities=[pole])

    def _stretched(self, permittivity: float, **more: Any) -> Any:
        return require_meep().Medium(
            epsilon_diag=self._diagonal(permittivity), mu_diag=self._diagonal(1.0), **more
        )

    def _diagonal(self, value: float) -> Any:
        """A permittivity or a permeability in coordinates that are stretched along y."""
        stretch = self.grid.stretch
        return require_meep().Vector3(value / stretch, value * stretch, value / stretch)

    @property
    def _frequency(self) -> float:
        """Of the light, in units of c / pixel."""
        return self.grid.pixel / self.media.wavelength

    def _wave(self, medium: float) -> GridWave:
        kx, ky = self.light.direction.tolist()
        return GridWave(medium, (kx, ky), self.media.wavelength, self.grid)
