"""The grid: how many pixels there are, and which planes lie where."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.device.platform import Platform
from metagen.fdtd.numerics import Numerics

COURANT = 0.5
STENCIL = 4
"""Grid planes around the monitor from which the field at the exact monitor height is interpolated."""
PER_WAVELENGTH = 4
"""Pixels per wavelength in the densest medium that there must be."""
ROUNDING = 1e-9
"""Counts of pixels that differ less are equal."""


@dataclass(frozen=True)
class Grid:
    """Where things are on the grid, in whole pixels; z planes count from the bottom of the cell.

    Meep has no unit of length; the pixel is ours, so that every plane has an integer coordinate and nothing
    is left to rounding. The pillar base lies on a grid plane, and so do source and monitor planes. All counts
    are even, because Meep rounds an odd count and shifts everything by half a pixel.

    Meep's voxels are cubes. A cell whose sides are not both whole numbers of pixels is simulated with y
    stretched and media that make up for it: Yee's scheme on voxels that are a little narrower along y.

    Attributes:
        pixel: size of a voxel in micrometres.
        lateral: pixels along x and y.
        vertical: pixels along z.
        pml: thickness of the absorbing layers.
        source, base, monitor: planes of the source, the pillar base, and just below the monitor.
        stretch: of lengths along y.
    """

    pixel: float
    lateral: tuple[int, int]
    vertical: int
    pml: int
    source: int
    base: int
    monitor: int
    stretch: float = 1.0

    @property
    def voxels(self) -> int:
        """Voxels of the whole cell, not reduced by symmetry."""
        return self.lateral[0] * self.lateral[1] * self.vertical

    @property
    def widths(self) -> tuple[float, float]:
        """True widths of a voxel along x and y, in micrometres."""
        return self.pixel, self.pixel / self.stretch

    def z(self, plane: float) -> float:
        """Meep's z coordinate (origin at the centre of the cell, in pixels) of a grid plane."""
        return plane - self.vertical / 2

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Meep's coordinates [..., 2] of points x, y in micrometres."""
        return np.asarray(points / self.pixel * (1.0, self.stretch))


def coarsest(platform: Platform, wavelength: float) -> int:
    """Pixels per period with which the wavelength in the densest medium has four pixels."""
    media = platform.at(wavelength)
    densest = max(media.pillar.real, media.substrate, media.cover)
    return math.ceil(PER_WAVELENGTH * densest * platform.period / wavelength)


def layout_grid(platform: Platform, numerics: Numerics, count: int) -> Grid:
    """Lay out the simulation cell for ``count`` × ``count`` pillars with bare substrate around them.

    Raises:
        InputError: the wavelength in the densest medium has fewer than four pixels.
    """
    _check_resolution(platform, numerics)
    pixel = platform.period / numerics.pixels_per_period
    border = 2 * (_pixels(numerics.margin, pixel) + _pixels(numerics.pml, pixel))
    lateral = _even(count * numerics.pixels_per_period + border)
    return _with_planes(platform.height, numerics, pixel, (lateral, lateral), 1.0)


def periodic_grid(platform: Platform, numerics: Numerics, sides: tuple[float, float]) -> Grid:
    """Lay out the simulation cell for one period, of given sides, of a structure without end.

    The side along x is the next even number of pixels; that along y too, with a stretch.

    Raises:
        InputError: the wavelength in the densest medium has fewer than four pixels.
    """
    _check_resolution(platform, numerics)
    along_x = _even(_pixels(sides[0], platform.period / numerics.pixels_per_period))
    pixel = sides[0] / along_x
    along_y = _even(_pixels(sides[1], pixel))
    stretch = along_y / (sides[1] / pixel)
    exact = abs(stretch - 1) < ROUNDING
    return _with_planes(platform.height, numerics, pixel, (along_x, along_y), 1.0 if exact else stretch)


def _check_resolution(platform: Platform, numerics: Numerics) -> None:
    needed = coarsest(platform, numerics.wavelength)
    if numerics.pixels_per_period < needed:
        raise InputError(
            f"pixels_per_period = {numerics.pixels_per_period} is too coarse for wavelength "
            f"{numerics.wavelength}: use at least {needed}"
        )


def _with_planes(
    height: float, numerics: Numerics, pixel: float, lateral: tuple[int, int], stretch: float
) -> Grid:
    pml = _pixels(numerics.pml, pixel)
    source = pml + 1
    base = source + _pixels(numerics.substrate_gap, pixel)
    monitor = base + math.floor((height + numerics.wavelength / 2) / pixel + ROUNDING)
    top = monitor + STENCIL + _pixels(numerics.cover_gap, pixel) + pml
    return Grid(pixel, lateral, _even(top), pml, source, base, monitor, stretch)


def _pixels(length: float, pixel: float) -> int:
    return math.ceil(length / pixel - ROUNDING)


def _even(count: int) -> int:
    return count + count % 2
