"""From Yee's staggered points to the samples, and what is lost on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BarycentricInterpolator, make_interp_spline

from metagen.base.norms import relative_error
from metagen.device.platform import Platform
from metagen.device.sampling import SAMPLES, monitor_height, sample_points
from metagen.fdtd.dispersion import GridWave
from metagen.fdtd.grid import STENCIL, Grid, layout_grid
from metagen.fdtd.numerics import Numerics
from metagen.rcwa import near_fields

ComplexArray = NDArray[np.complex128]
RealArray = NDArray[np.float64]

STAGGER = ((0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5))
"""Position of Ex, Ey, Ez in a Yee cell, in pixels along x, y, z (towards smaller coordinates)."""
BORDER = 4
"""Pixels that the monitor extends beyond the outermost sample, for the spline."""
EXACT_SAMPLES = 48
"""Samples per cell of a field from RCWA, more than twice its orders: its Fourier series is then exact."""


@dataclass(frozen=True)
class Plane:
    """The monitor plane among the grid planes around it; lengths in pixels.

    Attributes:
        wavenumber: wavenumber of the outgoing plane wave, in radians per pixel.
        height: how far the monitor plane lies above the grid plane just below it.
    """

    wavenumber: float
    height: float

    @classmethod
    def of(cls, cover: GridWave, pillar_height: float) -> Plane:
        """The monitor plane of a simulation, from the outgoing wave of the zeroth order."""
        grid, wavelength = cover.grid, cover.wavelength
        # The grid's own wavenumber in the cover is the exact one: that is what the compensation is for.
        wavenumber = 2 * math.pi * cover.vertical / wavelength * grid.pixel
        height = monitor_height(pillar_height, wavelength) / grid.pixel - (grid.monitor - grid.base)
        return cls(wavenumber, height)

    def flatten(self, values: ComplexArray, stagger: float) -> ComplexArray:
        """[X, Y] field on the plane from [X, Y, Z] on the grid planes around it."""
        z = levels(values.shape[2], stagger)
        envelope = values * np.exp(-1j * self.wavenumber * (z - self.height))
        plane: ComplexArray = BarycentricInterpolator(z, envelope, axis=2)(self.height)
        return plane


def levels(count: int, stagger: float) -> RealArray:
    """[count] heights of the monitored planes above the grid plane just below the monitor, in pixels."""
    return np.arange(count) - 1 - stagger


def to_points(
    x: RealArray, y: RealArray, plane: ComplexArray, points: tuple[RealArray, RealArray]
) -> ComplexArray:
    """[M, N] field at lateral points, x [M] and y [N], from [X, Y] at x, y (quintic splines)."""
    return _spline(y, _spline(x, plane, points[0]).T, points[1]).T


def _spline(x: RealArray, values: ComplexArray, points: RealArray) -> ComplexArray:
    result: ComplexArray = make_interp_spline(x, values, k=5, axis=0)(points)
    return result


def interpolation_error(platform: Platform, numerics: Numerics, radius: float) -> float:
    """Relative error that interpolation adds to the true field of the periodic cell (all components).

    The field from RCWA stands in for Meep's: taken where Yee's points are, interpolated as Meep's would be,
    and compared with itself at the samples.
    """
    grid = layout_grid(platform, numerics, platform.lattice.pitch)
    cover = platform.at(numerics.wavelength).cover
    plane = Plane.of(GridWave(cover, (0.0, 0.0), numerics.wavelength, grid), platform.height)
    points = sample_points(1, SAMPLES, platform.period) / grid.pixel
    reach = math.ceil(points[-1]) + BORDER
    found = [
        to_points(*_yee_plane(platform, numerics, grid, plane, radius, axis, reach), (points, points))
        for axis in range(3)
    ]
    true = near_fields(platform, [radius], numerics.wavelength)[0]
    return relative_error(np.stack(found, -1), true)


def _yee_plane(
    platform: Platform, numerics: Numerics, grid: Grid, plane: Plane, radius: float, axis: int, reach: int
) -> tuple[RealArray, RealArray, ComplexArray]:
    x, y = (np.arange(-reach, reach + 1) - STAGGER[axis][i] for i in range(2))
    slices = []
    for level in levels(STENCIL, STAGGER[axis][2]):
        z = (grid.monitor - grid.base + level) * grid.pixel
        field = near_fields(platform, [radius], numerics.wavelength, EXACT_SAMPLES, z)[0, ..., axis]
        slices.append(_fourier(field, numerics.pixels_per_period, x, y))
    return x, y, plane.flatten(np.stack(slices, -1), STAGGER[axis][2])


def _fourier(cell: ComplexArray, period: int, x: RealArray, y: RealArray) -> ComplexArray:
    """[X, Y] field at coordinates in pixels, from [n, n] samples over one period."""
    count = len(cell)
    order = np.fft.fftfreq(count, 1 / count)
    first = (0.5 - count / 2) / count
    along = [np.exp(2j * np.pi * np.outer(c / period - first, order)) for c in (x, y)]
    result: ComplexArray = along[0] @ (np.fft.fft2(cell) / count**2) @ along[1].T
    return result
