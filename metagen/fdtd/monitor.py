"""From Meep's staggered grid to the sample points: no averaging, so that no amplitude is lost.

Meep can average every component to the voxel centres; a wave then loses cos(k·Δ/2) per averaged axis (6 % of
the amplitude at 10 pixels per period). Here the components are kept where Yee's scheme has them, and
interpolated: along z over four planes after removing the phase of the outgoing plane wave, laterally by
quintic splines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BarycentricInterpolator, make_interp_spline

from metagen.fdtd.engine import meep
from metagen.fdtd.numerics import STENCIL, Grid
from metagen.nearfield import MIRROR_X, MIRROR_Y

ComplexArray = NDArray[np.complex128]

STAGGER = ((0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5))
"""Position of Ex, Ey, Ez in a Yee cell, in pixels along x, y, z."""
BORDER = 4
"""Pixels that the monitor extends beyond the outermost sample, for the spline."""


@dataclass(frozen=True)
class Monitor:
    """DFT monitors of the three components in a thin slab around the monitor plane.

    Attributes:
        grid: of the simulation.
        height: exact height of the wanted plane above grid plane ``grid.monitor``, in pixels (0 ≤ height < 1).
        first, last: lateral extent in pixels from the axis (``first`` is 0 when mirrors are used).
        mirrors: whether only the quadrant x, y ≥ 0 is monitored.
        handles: Meep's monitor objects of Ex, Ey, Ez.
    """

    grid: Grid
    height: float
    first: int
    last: int
    mirrors: bool
    handles: tuple[Any, Any, Any]

    @classmethod
    def add(cls, simulation: Any, grid: Grid, frequency: float, height: float, half_width: float, mirrors: bool) -> Monitor:
        """Attach the monitors; ``half_width`` is the largest sample coordinate, in pixels."""
        mp = meep()
        last = min(int(np.ceil(half_width)) + BORDER, grid.lateral // 2)
        first = 0 if mirrors else -last
        low, high = grid.monitor - 1, grid.monitor + STENCIL - 2
        # Meep widens a region to the next grid points outside; ending it between two makes that unambiguous.
        centre, size = (first + last) / 2 * grid.pixel, (last - first - 0.5) * grid.pixel
        where = {
            "center": mp.Vector3(centre, centre, (grid.z(low) + grid.z(high)) / 2),
            "size": mp.Vector3(size, size, (high - low - 0.5) * grid.pixel),
        }
        handles = tuple(
            simulation.add_dft_fields([component], [frequency], yee_grid=True, **where)
            for component in (mp.Ex, mp.Ey, mp.Ez)
        )
        return cls(grid, height, first, last, mirrors, handles)  # type: ignore[arg-type]

    def sample(self, simulation: Any, points: NDArray[np.float64], wavenumber: float) -> ComplexArray:
        """[M, M, 3] field at the lateral ``points`` (pixels from the axis) and the exact monitor height.

        Args:
            simulation: after its run.
            points: [M] coordinates along either axis, symmetric about 0 when mirrors are used.
            wavenumber: of the outgoing plane wave, in radians per pixel.
        """
        mp = meep()
        planes = [
            self._component(simulation.get_dft_array(handle, which, 0), axis, points, wavenumber)
            for axis, (handle, which) in enumerate(zip(self.handles, (mp.Ex, mp.Ey, mp.Ez), strict=True))
        ]
        return np.stack(planes, axis=-1)

    def _component(
        self, values: ComplexArray, axis: int, points: NDArray[np.float64], wavenumber: float
    ) -> ComplexArray:
        stagger = STAGGER[axis]
        x, y = (self._coordinates(stagger[i], values.shape[i]) for i in range(2))
        z = np.arange(values.shape[2]) - 1 - stagger[2]
        envelope = values * np.exp(-1j * wavenumber * (z - self.height))
        plane: ComplexArray = BarycentricInterpolator(z, envelope, axis=2)(self.height)
        if self.mirrors:
            x, plane = _unfold(x, plane, int(MIRROR_X[axis]))
            y, plane_y = _unfold(y, plane.T, int(MIRROR_Y[axis]))
            plane = plane_y.T
        return _spline(y, _spline(x, plane, points).T, points).T

    def _coordinates(self, stagger: float, count: int) -> NDArray[np.float64]:
        return self.first - stagger + np.arange(count)


def _unfold(
    x: NDArray[np.float64], values: ComplexArray, sign: int
) -> tuple[NDArray[np.float64], ComplexArray]:
    """Continue samples at x ≥ 0 to negative x with the given parity."""
    positive = x > 0
    on_axis = x == 0
    mirrored = sign * values[positive][::-1]
    kept = on_axis | positive
    return np.concatenate([-x[positive][::-1], x[kept]]), np.concatenate([mirrored, values[kept]])


def _spline(x: NDArray[np.float64], values: ComplexArray, points: NDArray[np.float64]) -> ComplexArray:
    result: ComplexArray = make_interp_spline(x, values, k=5, axis=0)(points)
    return result
