"""The media of a simulation as the grid needs them, numerical dispersion compensated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metagen.base.errors import InputError
from metagen.device.illumination import Illumination
from metagen.device.media import NEGLIGIBLE_LOSS, Media
from metagen.fdtd.dispersion import GridWave, compensated_index, conductivity
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
        """A medium of Meep with this index, which is real or complex, in the stretched coordinates.

        Raises:
            InputError: Yee's scheme would be unstable in it.
        """
        mp = require_meep()
        permittivity = index * index
        self._check_stability(permittivity)
        stretch = self.grid.stretch
        diagonal = (1 / stretch, stretch, 1 / stretch)
        lost = conductivity(permittivity, self.grid.pixel / self.media.wavelength) if permittivity.imag else 0
        return mp.Medium(
            epsilon_diag=mp.Vector3(*(permittivity.real * part for part in diagonal)),
            mu_diag=mp.Vector3(*diagonal),
            D_conductivity=lost,
        )

    def _check_stability(self, permittivity: complex) -> None:
        least = COURANT**2 * (2 + self.grid.stretch**2)
        if permittivity.real < least:
            raise InputError(
                f"pillar has the index {self.media.pillar:g} at wavelength {self.media.wavelength:g}, whose "
                f"permittivity has the real part {(self.media.pillar**2).real:.3g}; Meep simulations are "
                f"stable above about {least:.3g} (a metal would need fitted poles): use metagen.rcwa"
            )

    def _wave(self, medium: float) -> GridWave:
        kx, ky = self.light.direction.tolist()
        return GridWave(medium, (kx, ky), self.media.wavelength, self.grid)
