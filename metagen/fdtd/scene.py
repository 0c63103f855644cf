"""The Meep simulation of a layout: media, pillars, source, absorbers and symmetries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from metagen.fdtd.engine import require_meep
from metagen.fdtd.numerics import COURANT, Grid, Numerics, compensated_index
from metagen.layout import Layout
from metagen.platform import Platform


@dataclass(frozen=True)
class Indices:
    """Refractive indices as the grid needs them, numerical dispersion compensated."""

    pillar: float
    substrate: float
    cover: float

    @classmethod
    def compensated(cls, platform: Platform, numerics: Numerics, pixel: float) -> Indices:
        """Compensate cover and substrate fully, pillars by the fraction that ``numerics`` states."""

        def full(index: float) -> float:
            return compensated_index(index, numerics.wavelength, pixel)

        pillar = platform.pillar + numerics.pillar_compensation * (full(platform.pillar) - platform.pillar)
        return cls(pillar, full(platform.substrate), full(platform.cover))


@dataclass(frozen=True)
class Scene:
    """Everything that one simulation needs, before Meep has seen it."""

    layout: Layout
    numerics: Numerics
    grid: Grid
    periodic: bool
    mirrors: bool

    def simulation(self) -> Any:
        """Build Meep's simulation object (nothing is computed yet)."""
        mp = require_meep()
        indices = Indices.compensated(self.layout.platform, self.numerics, self.grid.pixel)
        return _simulation(
            self.numerics,
            self.grid,
            width=self.grid.lateral,
            lateral_pml=not self.periodic,
            mirrors=self.mirrors,
            background=indices.cover,
            geometry=[_substrate(self.grid, indices.substrate), *self._pillars(mp, indices.pillar)],
        )

    def _pillars(self, mp: Any, index: float) -> list[Any]:
        platform, positions = self.layout.platform, self.layout.positions
        material = mp.Medium(index=index)
        centre = self.grid.z(self.grid.base) + platform.height / 2
        sites = np.argwhere(self.layout.radii > 0)
        if (
            self.mirrors
        ):  # Meep fills in the mirrored half-planes; pillars that do not reach the quadrant cost time
            nearest = positions[sites] + self.layout.radii[*sites.T][:, None]
            sites = sites[(nearest > -self.grid.pixel).all(axis=1)]
        return [
            mp.Cylinder(
                radius=self.layout.radii[i, j],
                height=platform.height,
                center=mp.Vector3(positions[i], positions[j], centre),
                material=material,
            )
            for i, j in sites
        ]


def incident_simulation(platform: Platform, numerics: Numerics, grid: Grid) -> Any:
    """The same source in substrate alone, one pixel wide, on the same z grid."""
    indices = Indices.compensated(platform, numerics, grid.pixel)
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
    side = width * grid.pixel
    absorbers = [mp.PML(grid.pml * grid.pixel, direction=mp.Z)]
    if lateral_pml:
        absorbers += [mp.PML(grid.pml * grid.pixel, direction=axis) for axis in (mp.X, mp.Y)]
    frequency = 1 / numerics.wavelength
    # Integrated: the source reaches into the absorbers, where anything else would make it non-uniform.
    pulse = mp.GaussianSource(frequency, fwidth=frequency, is_integrated=True)
    source = mp.Source(
        pulse,
        component=mp.Ex,
        center=mp.Vector3(0, 0, grid.z(grid.source)),
        size=mp.Vector3(side, side, 0),
    )
    return mp.Simulation(
        cell_size=mp.Vector3(side, side, grid.vertical * grid.pixel),
        resolution=grid.resolution,
        Courant=COURANT,
        boundary_layers=absorbers,
        default_material=mp.Medium(index=background),
        geometry=geometry,
        sources=[source],
        k_point=mp.Vector3(),
        symmetries=[mp.Mirror(mp.X, phase=-1), mp.Mirror(mp.Y, phase=1)] if mirrors else [],
        split_chunks_evenly=False,
    )


def _substrate(grid: Grid, index: float) -> Any:
    mp = require_meep()
    thickness = grid.base * grid.pixel
    return mp.Block(
        center=mp.Vector3(0, 0, grid.z(0) + thickness / 2),
        size=mp.Vector3(mp.inf, mp.inf, thickness),
        material=mp.Medium(index=index),
    )
