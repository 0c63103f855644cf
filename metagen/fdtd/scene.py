"""The Meep simulation of a layout: media, pillars, source, absorbers and symmetries."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from metagen.device.layout import Layout
from metagen.device.media import Media
from metagen.device.platform import Platform
from metagen.fdtd.engine import require_meep
from metagen.fdtd.numerics import COURANT, Grid, Numerics, compensated_index

BANDWIDTH = 1.5
"""Width of the pulse's spectrum over its frequency; a wide one means a short pulse and a short simulation."""
CUTOFF = 4.0
"""Half the length of the pulse in standard deviations; the normalisation uses a pulse cut off alike."""

SUBPIXEL_TOLERANCE = 1e-2
"""How exactly Meep computes the share of a pillar in a voxel. A hundred times its own tolerance saves a
quarter of the initialisation and changes the field by 2·10⁻⁷ (relative error)."""


@dataclass(frozen=True)
class Indices:
    """Refractive indices for the grid, changed so that they compensate its numerical dispersion."""

    platform: Platform
    numerics: Numerics
    pixel: float

    @cached_property
    def media(self) -> Media:
        """The true indices."""
        return self.platform.at(self.numerics.wavelength)

    @property
    def substrate(self) -> float:
        """Index of the substrate, fully compensated."""
        return self._full(self.media.substrate)

    @property
    def cover(self) -> float:
        """Index of the cover, fully compensated."""
        return self._full(self.media.cover)

    def pillar(self, radius: float) -> float:
        """Index of a pillar, compensated by the fraction that the numerics state for its radius (µm)."""
        thin, thick = self.numerics.pillar_compensation
        fraction = thin + (thick - thin) * radius / (self.platform.period / 2)
        index = self.media.lossless_pillar
        return index + fraction * (self._full(index) - index)

    def _full(self, index: float) -> float:
        return compensated_index(index, self.numerics.wavelength, self.pixel)


@dataclass(frozen=True)
class Scene:
    """Everything that one simulation needs, checked and laid out before Meep is started."""

    layout: Layout
    numerics: Numerics
    grid: Grid
    periodic: bool
    mirrors: bool

    def simulation(self) -> Any:
        """Build Meep's simulation object (nothing is computed yet)."""
        indices = Indices(self.layout.platform, self.numerics, self.grid.pixel)
        return _simulation(
            self.numerics,
            self.grid,
            width=self.grid.lateral,
            lateral_pml=not self.periodic,
            mirrors=self.mirrors,
            background=indices.cover,
            geometry=[_substrate(self.grid, indices.substrate), *self._pillars(indices)],
        )

    def _pillars(self, indices: Indices) -> list[Any]:
        mp = require_meep()
        positions, radii = self.layout.positions / self.grid.pixel, self.layout.radii / self.grid.pixel
        height = self.layout.platform.height / self.grid.pixel
        centre = self.grid.z(self.grid.base) + height / 2
        sites = np.argwhere(radii > 0)
        if (
            self.mirrors
        ):  # Meep fills in the mirrored half-planes; pillars that do not reach the quadrant cost time
            nearest = positions[sites] + radii[*sites.T][:, None]
            sites = sites[(nearest > -1).all(axis=1)]
        return [
            mp.Cylinder(
                radius=radii[i, j],
                height=height,
                center=mp.Vector3(positions[i], positions[j], centre),
                material=mp.Medium(index=indices.pillar(self.layout.radii[i, j])),
            )
            for i, j in sites
        ]


def incident_simulation(platform: Platform, numerics: Numerics, grid: Grid) -> Any:
    """Meep's simulation of the incident wave alone: the same source in bare substrate, one pixel wide."""
    indices = Indices(platform, numerics, grid.pixel)
    return _simulation(
        numerics,
        grid,
        width=1,
        lateral_pml=False,
        mirrors=False,
        background=indices.substrate,
        geometry=[],
    )


def _simulation(
    numerics: Numerics,
    grid: Grid,
    *,
    width: int,
    lateral_pml: bool,
    mirrors: bool,
    background: float,
    geometry: list[Any],
) -> Any:
    mp = require_meep()
    absorbers = [mp.PML(grid.pml, direction=mp.Z)]
    if lateral_pml:
        absorbers += [mp.PML(grid.pml, direction=axis) for axis in (mp.X, mp.Y)]
    frequency = grid.pixel / numerics.wavelength
    # Integrated: the source reaches into the absorbers, where anything else would make it non-uniform.
    pulse = mp.GaussianSource(frequency, fwidth=BANDWIDTH * frequency, cutoff=CUTOFF, is_integrated=True)
    source = mp.Source(
        pulse,
        component=mp.Ex,
        center=mp.Vector3(0, 0, grid.z(grid.source)),
        size=mp.Vector3(width, width, 0),
    )
    return mp.Simulation(
        cell_size=mp.Vector3(width, width, grid.vertical),
        resolution=1,
        Courant=COURANT,
        boundary_layers=absorbers,
        default_material=mp.Medium(index=background),
        geometry=geometry,
        sources=[source],
        k_point=mp.Vector3(),
        symmetries=[mp.Mirror(mp.X, phase=-1), mp.Mirror(mp.Y, phase=1)] if mirrors else [],
        split_chunks_evenly=False,
        subpixel_tol=SUBPIXEL_TOLERANCE,
    )


def _substrate(grid: Grid, index: float) -> Any:
    mp = require_meep()
    return mp.Block(
        center=mp.Vector3(0, 0, grid.z(grid.base / 2)),
        size=mp.Vector3(mp.inf, mp.inf, grid.base),
        material=mp.Medium(index=index),
    )
