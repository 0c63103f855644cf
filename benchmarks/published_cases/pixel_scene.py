"""Meep on a layer of pixels, whose walls may lie anywhere in the voxels of the grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metagen.fdtd.engine import require_meep
from metagen.fdtd.scene import Scene

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PixelScene(Scene):
    """Pixels on a substrate; every component of the field meets its own mean permittivity of a voxel.

    The permittivity is averaged across the component first, then its inverse along it, as walls along the
    axes ask for. Meep averages as if one plane cut the voxel in two, but here a voxel holds several walls.

    Attributes:
        filled: [nx, ny] which pixels of the period are pillar.
    """

    filled: NDArray[np.bool_]

    def simulation(self) -> Any:
        """Build Meep's simulation object (nothing is computed yet)."""
        simulation = super().simulation()
        simulation.geometry = [*simulation.geometry, self._block()]
        return simulation

    def _block(self) -> Any:
        mp, grid = require_meep(), self.grid
        height = math.ceil(self.height / grid.pixel)
        return mp.Block(
            center=mp.Vector3(0, 0, grid.z(grid.base + height / 2)),
            size=mp.Vector3(
                mp.inf, mp.inf, height + 0.5
            ),  # a quarter beyond the first and the last half step
            material=self._material(height),
        )

    def _material(self, height: int) -> Callable[[Any], Any]:
        """Meep's medium at a point; Meep asks for points that are half steps of the grid."""
        mp, grid = require_meep(), self.grid
        stretched = np.array([1 / grid.stretch, grid.stretch, 1 / grid.stretch])
        media = self._permittivity(height) * stretched
        permeability = mp.Vector3(*stretched)
        along_x, along_y = grid.lateral
        base = grid.z(grid.base)

        def material(point: Any) -> Any:
            i, j = round(2 * point.x) + along_x, round(2 * point.y) + along_y
            here = media[i % (2 * along_x), j % (2 * along_y), round(2 * (point.z - base))]
            return mp.Medium(epsilon_diag=mp.Vector3(*here), mu_diag=permeability)

        return material

    def _permittivity(self, height: int) -> Array:
        """[2Nx, 2Ny, 2 height + 1, 3] seen by Ex, Ey and Ez, by half steps of the grid."""
        pillar, below, above = (
            index**2
            for index in (self.indices.pillar(0).real, self.indices.substrate.index, self.indices.cover.index)
        )
        pixels = np.where(self.filled, pillar, above)
        x, y = (shares(*counts) for counts in zip(self.grid.lateral, self.filled.shape, strict=True))
        under, inside, over = self._layers(height)
        mean = inside * pixels + under * below + over * above
        seen = (
            1 / (x @ (1 / (mean @ y.T))),
            1 / ((1 / (x @ mean)) @ y.T),
            1 / (inside / (x @ pixels @ y.T) + under / below + over / above),
        )
        return np.stack(seen, axis=-1).transpose(1, 2, 0, 3)

    def _layers(self, height: int) -> tuple[Array, Array, Array]:
        """[K, 1, 1] shares of substrate, pixels, cover in voxels about half steps upwards from the base."""
        middle = np.arange(2 * height + 1)[:, None, None] / 2
        under = np.clip(0.5 - middle, 0, 1)
        over = np.clip(middle + 0.5 - self.height / self.grid.pixel, 0, 1)
        return under, 1 - under - over, over


def shares(voxels: int, pixels: int) -> Array:
    """[2 · voxels, pixels] share of each pixel in a voxel, for voxels about every half step of a period."""
    middle = np.arange(2 * voxels)[:, None] / 2
    walls = np.arange(-pixels, 2 * pixels + 1) * voxels / pixels
    overlap = np.minimum(middle + 0.5, walls[1:]) - np.maximum(middle - 0.5, walls[:-1])
    return np.asarray(np.clip(overlap, 0, None).reshape(2 * voxels, 3, pixels).sum(axis=1))
