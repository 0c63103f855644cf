"""The grid: how many pixels there are, and which planes lie where."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.device.media import Media
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
        stretch: factor by which lengths along y are stretched.
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
    return _coarsest(platform.at(wavelength), platform.lattice.pitch[0])


def layout_grid(platform: Platform, numerics: Numerics, sides: tuple[float, float]) -> Grid:
    """Lay out the simulation cell for an aperture with bare substrate around it.

    Args:
        platform: lattice, height and media.
        numerics: resolution and distances.
        sides: of the aperture along x and y, in micrometres.

    Raises:
        InputError: the wavelength in the densest medium has fewer than four pixels.
    """
    pixel = pixel_size(platform.lattice.pitch[0], platform.at(numerics.wavelength), numerics)
    border = 2 * (_pixels(numerics.margin, pixel) + _pixels(numerics.pml, pixel))
    along_x, along_y = (_even(_pixels(side, pixel) + border) for side in sides)
    return _with_planes(platform.height, numerics, pixel, (along_x, along_y), 1.0)


def periodic_grid(
    pitch: tuple[float, float], largest: float, height: float, numerics: Numerics
) -> tuple[Grid, tuple[int, int]]:
    """Lay out the simulation cell for pillars without end.

    Sides that are an odd whole number of pixels are doubled; others are the next even number of pixels, x by
    its choice of the pixel and y by its stretch.

    Args:
        pitch: sides of one period along x and y.
        largest: size of a pixel that is not exceeded.
        height: height of the pillars.
        numerics: distances.

    Returns:
        The grid, and how many periods along x and y it holds.
    """
    periods = _periods(pitch[0] / largest), _periods(pitch[1] / largest)
    sides = periods[0] * pitch[0], periods[1] * pitch[1]
    along_x = _even(_pixels(sides[0], largest))
    pixel = sides[0] / along_x
    along_y = _even(_pixels(sides[1], pixel))
    stretch = along_y / (sides[1] / pixel)
    exact = 1.0 if abs(stretch - 1) < ROUNDING else stretch
    return _with_planes(height, numerics, pixel, (along_x, along_y), exact), periods


def _coarsest(media: Media, period: float) -> int:
    densest = max(media.pillar.real, media.substrate, media.cover)
    return math.ceil(PER_WAVELENGTH * densest * period / media.wavelength)


def pixel_size(period: float, media: Media, numerics: Numerics) -> float:
    """The size of a pixel that numerics state for a period, in micrometres.

    Raises:
        InputError: the wavelength in the densest medium has fewer than four pixels.
    """
    needed = _coarsest(media, period)
    if numerics.pixels_per_period < needed:
        raise InputError(
            f"pixels_per_period = {numerics.pixels_per_period} is too coarse for wavelength "
            f"{numerics.wavelength}: use at least {needed}"
        )
    return period / numerics.pixels_per_period


def _periods(pixels: float) -> int:
    """One, or two where one would be an odd whole number of pixels."""
    whole = round(pixels)
    return 2 if abs(pixels - whole) < ROUNDING * pixels and whole % 2 else 1


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
