"""From Meep's staggered grid to the sample points, without averaging, which would lose amplitude.

Meep can average every component to the voxel centres; a wave then loses cos(k·Δ/2) per averaged axis (6 % of
the amplitude at 10 pixels per period). Here the components are kept where Yee's scheme has them, and
interpolated: along z over four planes after removing the phase of the outgoing plane wave, laterally by
quintic splines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metagen.device.sampling import mirror_signs
from metagen.device.symmetry import Symmetry
from metagen.fdtd.engine import require_meep
from metagen.fdtd.grid import STENCIL
from metagen.fdtd.interpolation import BORDER, STAGGER, Plane, to_points
from metagen.fdtd.scene import Scene

ComplexArray = NDArray[np.complex128]
RealArray = NDArray[np.float64]


@dataclass(frozen=True)
class Monitor:
    """DFT monitors of the three components in a thin slab around the monitor plane.

    Attributes:
        scene: what is simulated.
        last: pixels from the axis to the end of the monitor along x and y. It begins at −last; with a mirror
            at 0, because the half behind it determines the other.
        handles: Meep's monitor objects of Ex, Ey, Ez.
    """

    scene: Scene
    last: tuple[int, int]
    handles: tuple[Any, ...]

    @classmethod
    def add(cls, simulation: Any, scene: Scene, reach: tuple[float, float]) -> Monitor:
        """Attach the monitors; ``reach`` are the largest sample coordinates x and y, in pixels."""
        mp, grid = require_meep(), scene.grid
        last_x, last_y = (
            min(math.ceil(farthest) + BORDER, count // 2)
            for farthest, count in zip(reach, grid.lateral, strict=True)
        )
        first_x, first_y = _firsts(scene.mirrors, (last_x, last_y))
        low, high = grid.monitor - 1, grid.monitor + STENCIL - 2
        # Meep widens a region to the next grid points outside; ending it between two makes that unambiguous.
        centre_z, size_z = (grid.z(low) + grid.z(high)) / 2, high - low - 0.5
        handles = tuple(
            simulation.add_dft_fields(
                [component],
                [grid.pixel / scene.wavelength],
                yee_grid=True,
                center=mp.Vector3((first_x + last_x) / 2, (first_y + last_y) / 2, centre_z),
                size=mp.Vector3(last_x - first_x - 0.5, last_y - first_y - 0.5, size_z),
            )
            for component in (mp.Ex, mp.Ey, mp.Ez)
        )
        return cls(scene, (last_x, last_y), handles)

    def sample(self, simulation: Any, x: RealArray, y: RealArray) -> ComplexArray:
        """[X, Y, 3] field at lateral points (in pixels from the axis) and the exact monitor height.

        Args:
            simulation: after its run.
            x, y: [X], [Y] coordinates, each symmetric about 0 when mirrors are used.
        """
        mp = require_meep()
        planes = [
            self._component(simulation.get_dft_array(handle, which, 0), axis, (x, y))
            for axis, (handle, which) in enumerate(zip(self.handles, (mp.Ex, mp.Ey, mp.Ez), strict=True))
        ]
        return np.stack(planes, axis=-1)

    def _component(
        self, values: ComplexArray, axis: int, points: tuple[RealArray, RealArray]
    ) -> ComplexArray:
        stagger = STAGGER[axis]
        plane = Plane.of(self.scene.indices.cover, self.scene.height).flatten(values, stagger[2])
        x, y = (self._coordinates(i, stagger[i], values.shape[i]) for i in range(2))
        light = self.scene.indices.light
        if self.scene.mirrors[0]:
            x, plane = _unfold(x, plane, int(mirror_signs(light, Symmetry.MIRROR_X)[axis]))
        if self.scene.mirrors[1]:
            y, plane_y = _unfold(y, plane.T, int(mirror_signs(light, Symmetry.MIRROR_Y)[axis]))
            plane = plane_y.T
        return to_points(x, y, plane, points)

    def _coordinates(self, axis: int, stagger: float, count: int) -> RealArray:
        return _firsts(self.scene.mirrors, self.last)[axis] - stagger + np.arange(count)


def _firsts(mirrors: tuple[bool, bool], last: tuple[int, int]) -> tuple[int, int]:
    """Pixels from the axis to where the monitor begins along x and y."""
    x, y = (0 if used else -end for used, end in zip(mirrors, last, strict=True))
    return x, y


def _unfold(
    x: NDArray[np.float64], values: ComplexArray, sign: int
) -> tuple[NDArray[np.float64], ComplexArray]:
    """Continue samples at x ≥ 0 to negative x with the given parity."""
    positive = x > 0
    on_axis = x == 0
    mirrored = sign * values[positive][::-1]
    kept = on_axis | positive
    return np.concatenate([-x[positive][::-1], x[kept]]), np.concatenate([mirrored, values[kept]])
