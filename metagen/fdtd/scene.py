"""The Meep simulation of pillars on a substrate: media, source, absorbers and mirrors."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metagen.fdtd.engine import require_meep
from metagen.fdtd.grid import COURANT, Grid
from metagen.fdtd.indices import Indices
from metagen.fdtd.solids import Extrusion, Pillar, is_prism

BANDWIDTH = 1.5
"""Width of the pulse's spectrum over its frequency: the shorter the pulse, the sooner the end."""
CUTOFF = 4.0
"""Half the length of the pulse in standard deviations. The incident wave is cut off alike."""

REFLECTION = 1e-15
"""Power that the absorbers would reflect at normal incidence on an infinitely fine grid (Meep's default)."""
SUBPIXEL_TOLERANCE = 1e-2
"""Tolerance of the share of a pillar in a voxel: a hundred times Meep's own, which takes a quarter off the
initialisation and changes the field by 2·10⁻⁷ (relative error)."""
PRISM_TOLERANCE = 1e-1
"""The same where there are prisms, which take longest: another quarter less, for 10⁻⁵ in the field."""


@dataclass(frozen=True)
class Source:
    """A sheet of current below the pillars, which sends the incident wave upwards.

    Attributes:
        indices: the media, and the light.
        absorbed: whether absorbers stand around the cell. The sheet goes on in them, with the phase at their
            complex coordinates, in which a tilted plane wave is still a solution: else it would have an edge
            where they begin.
    """

    indices: Indices
    absorbed: bool = False

    @property
    def bloch(self) -> tuple[float, float]:
        """Transverse wave vector of the light in Meep's units: 1/(2π pixels), in stretched coordinates."""
        widths = self.indices.grid.widths
        kx, ky = self.indices.light.direction.tolist()
        return kx * widths[0] / self.indices.media.wavelength, ky * widths[1] / self.indices.media.wavelength

    @property
    def currents(self) -> tuple[complex, complex]:
        """Amplitudes along x and y of the sheet whose wave has the polarisation of the light."""
        light, wave = self.indices.light, self.indices.substrate
        across, along = wave.admittances
        x, y = in_and_across(light.direction, along, across) @ light.jones
        return complex(x), complex(y) * self.indices.grid.stretch

    def meep(self, plane: float, width: tuple[float, float]) -> list[Any]:
        """Meep's sources on a plane (in Meep's z) of given widths in pixels."""
        mp = require_meep()
        frequency = self.indices.grid.pixel / self.indices.media.wavelength
        # Integrated: the source reaches into the absorbers, where anything else would make it non-uniform.
        pulse = mp.GaussianSource(frequency, fwidth=BANDWIDTH * frequency, cutoff=CUTOFF, is_integrated=True)
        return [
            mp.Source(
                pulse,
                component=component,
                center=mp.Vector3(0, 0, plane),
                size=mp.Vector3(*width, 0),
                amplitude=current,
                amp_func=self._phase,
            )
            for component, current in zip((mp.Ex, mp.Ey), self.currents, strict=True)
            if current
        ]

    @property
    def _phase(self) -> Callable[[Any], complex] | None:
        if self.indices.light.is_normal:
            return None
        kx, ky = self.bloch

        def phase(point: Any) -> complex:
            return cmath.exp(2j * math.pi * (kx * self._place(0, point.x) + ky * self._place(1, point.y)))

        return phase

    def _place(self, axis: int, x: float) -> complex:
        """A coordinate (in pixels), or what it is in the complex coordinates of the absorbers."""
        grid = self.indices.grid
        depth = 1 - (grid.lateral[axis] / 2 - abs(x)) / grid.pml
        if not self.absorbed or depth <= 0:
            return x
        # Meep's conductivity grows with the square of the depth; its integral is -ln(R)/4 over the layer.
        loss = -math.log(REFLECTION) / 4 * depth**3 * self.indices.media.wavelength / grid.pixel
        return x + 1j * math.copysign(loss / (2 * math.pi), x)


def in_and_across(direction: NDArray[np.float64], along: float, across: float) -> NDArray[np.float64]:
    """[2, 2] matrix over (x, y) that multiplies by ``along`` in the plane of incidence, by ``across`` else.

    At normal incidence x counts as in the plane.
    """
    length = float(np.hypot(*direction))
    unit = direction / length if length else np.array([1.0, 0.0])
    projection = np.outer(unit, unit)
    return np.asarray(along * projection + across * (np.eye(2) - projection))


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that one simulation needs, before Meep has seen it.

    Attributes:
        indices: the media on the grid, and the light.
        height: height of the pillars.
        pillars: the pillars on the substrate, of one period if it is periodic.
        periodic: whether the cell repeats without end; else there are absorbers around it.
        mirrors: whether the mirrors x → −x and y → −y are used.
    """

    indices: Indices
    height: float
    pillars: tuple[Pillar, ...]
    periodic: bool
    mirrors: tuple[bool, bool]

    @property
    def grid(self) -> Grid:
        """The grid that the scene is simulated on."""
        return self.indices.grid

    @property
    def wavelength(self) -> float:
        """Wavelength in vacuum."""
        return self.indices.media.wavelength

    @property
    def is_along_x(self) -> bool:
        """Whether the light is polarised more along x than along y; with mirrors it is along one of them."""
        return bool(abs(self.indices.light.jones[0]) > abs(self.indices.light.jones[1]))

    def simulation(self) -> Any:
        """Build Meep's simulation object (nothing is computed yet)."""
        mp = require_meep()
        directions = (mp.Z,) if self.periodic else (mp.Z, mp.X, mp.Y)
        background = self.indices.medium(self.indices.cover.index)
        geometry = [self._substrate(), *self._solids(background)]
        return _simulation(self.indices, directions, background, geometry, self._mirrors())

    def _solids(self, cover: Any) -> list[Any]:
        extrusion = Extrusion(self.grid, self.height)
        return [
            solid
            for pillar in self.pillars
            if self._is_needed(pillar)
            for solid in extrusion.solids(
                pillar.shape, pillar.site, self.indices.medium(self.indices.pillar(pillar.radius)), cover
            )
        ]

    def _is_needed(self, pillar: Pillar) -> bool:
        """Meep fills in the mirrored half-planes; pillars that do not reach the rest would cost time."""
        if not pillar.radius > 0:
            return False
        nearest = self.grid.at(np.array(pillar.site)) + float(pillar.shape.reach) / self.grid.pixel
        return self.periodic or bool((nearest > -1)[list(self.mirrors)].all())

    def _substrate(self) -> Any:
        mp, grid = require_meep(), self.grid
        return mp.Block(
            center=mp.Vector3(0, 0, grid.z(grid.base / 2)),
            size=mp.Vector3(mp.inf, mp.inf, grid.base),
            material=self.indices.medium(self.indices.substrate.index),
        )

    def _mirrors(self) -> list[Any]:
        """Meep's mirrors; with them the light is polarised along x or y."""
        mp = require_meep()
        phases = ((mp.X, -1 if self.is_along_x else 1), (mp.Y, 1 if self.is_along_x else -1))
        return [
            mp.Mirror(axis, phase=phase)
            for (axis, phase), used in zip(phases, self.mirrors, strict=True)
            if used
        ]


def incident_simulation(indices: Indices) -> Any:
    """Meep's simulation of the source in substrate alone; the grid of the indices is one pixel wide."""
    mp = require_meep()
    return _simulation(indices, (mp.Z,), indices.medium(indices.substrate.index), [], [])


def _simulation(
    indices: Indices, absorbed: tuple[Any, ...], background: Any, geometry: list[Any], mirrors: list[Any]
) -> Any:
    mp, grid = require_meep(), indices.grid
    source = Source(indices, absorbed=mp.X in absorbed)
    return mp.Simulation(
        cell_size=mp.Vector3(*grid.lateral, grid.vertical),
        resolution=1,
        Courant=COURANT,
        boundary_layers=[mp.PML(grid.pml, direction=axis, R_asymptotic=REFLECTION) for axis in absorbed],
        default_material=background,
        geometry=geometry,
        sources=source.meep(grid.z(grid.source), grid.lateral),
        k_point=mp.Vector3(*source.bloch),
        symmetries=mirrors,
        split_chunks_evenly=False,
        subpixel_tol=PRISM_TOLERANCE if any(map(is_prism, geometry)) else SUBPIXEL_TOLERANCE,
    )
