"""From Meep's staggered grid to the sample points of a periodic cell, by Fourier series.

A periodic field on a grid is a finite Fourier series, which tells it at every point; under tilted light that
holds once the phase of the light is taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metagen.fdtd.engine import require_meep
from metagen.fdtd.grid import STENCIL
from metagen.fdtd.interpolation import STAGGER, Plane
from metagen.fdtd.scene import Scene, Source

ComplexArray = NDArray[np.complex128]
RealArray = NDArray[np.float64]


@dataclass(frozen=True)
class PeriodicMonitor:
    """DFT monitors of the three components over the whole cell, in a thin slab around the monitor plane.

    Attributes:
        scene: what is simulated.
        handles: Meep's monitor objects of Ex, Ey, Ez.
    """

    scene: Scene
    handles: tuple[Any, ...]

    @classmethod
    def add(cls, simulation: Any, scene: Scene) -> PeriodicMonitor:
        """Attach the monitors."""
        mp, grid = require_meep(), scene.grid
        middle = grid.z(grid.monitor - 1 + (STENCIL - 1) / 2)
        # Meep widens a region to the next grid points outside; ending it between two makes that unambiguous.
        size = mp.Vector3(grid.lateral[0] - 0.5, grid.lateral[1] - 0.5, STENCIL - 1.5)
        handles = tuple(
            simulation.add_dft_fields(
                [component],
                [grid.pixel / scene.wavelength],
                yee_grid=True,
                center=mp.Vector3(0, 0, middle),
                size=size,
            )
            for component in (mp.Ex, mp.Ey, mp.Ez)
        )
        return cls(scene, handles)

    def sample(self, simulation: Any, x: RealArray, y: RealArray) -> ComplexArray:
        """[X, Y, 3] field at points x [X], y [Y] (Meep's coordinates) and the exact monitor height."""
        mp = require_meep()
        planes = [
            self._component(simulation.get_dft_array(handle, which, 0), axis, (x, y))
            for axis, (handle, which) in enumerate(zip(self.handles, (mp.Ex, mp.Ey, mp.Ez), strict=True))
        ]
        return np.stack(planes, axis=-1)

    def _component(
        self, values: ComplexArray, axis: int, points: tuple[RealArray, RealArray]
    ) -> ComplexArray:
        stagger, lateral = STAGGER[axis], self.scene.grid.lateral
        plane = Plane.of(self.scene.indices.cover, self.scene.height).flatten(values, stagger[2])
        bloch = Source(self.scene.indices).bloch
        along_x, along_y = (
            _series(-lateral[i] / 2 - stagger[i], lateral[i], bloch[i], points[i]) for i in range(2)
        )
        field: ComplexArray = along_x @ plane[: lateral[0], : lateral[1]] @ along_y.T
        return field


def _series(first: float, count: int, bloch: float, points: RealArray) -> ComplexArray:
    """[M, count] from samples at first, first + 1, … of a quasi-periodic function to its values at points."""
    order = np.fft.fftfreq(count, 1 / count)
    positions = first + np.arange(count)
    distance = points[:, None] - positions
    periodic = np.exp(2j * np.pi * distance[..., None] * order / count).sum(-1) / count
    matrix: ComplexArray = periodic * np.exp(2j * np.pi * bloch * distance)
    return matrix
