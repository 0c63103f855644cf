"""How finely a simulation is computed: nothing here belongs to the device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from metagen.base.errors import InputError
from metagen.base.validation import Positive, checked
from metagen.device.platform import Platform

COURANT = 0.5

Fraction = Annotated[float, Field(ge=-1, le=2)]


@checked
class Numerics:
    """Settings of one FDTD simulation.

    Attributes:
        wavelength: wavelength in vacuum.
        pixels_per_period: grid cells per lattice constant.
        pillar_compensation: how much of the compensation of numerical dispersion the index of a pillar gets
            (cover and substrate get all of it): the fraction for radius 0 and that for a radius of half the
            period, linear between. The thicker the pillar, the more of its mode travels along z inside it.
            Found by comparison with RCWA on periodic cells.
        pml: thickness of the absorbing layers.
        margin: width of the bare substrate between the outermost cells and the absorbing layers.
        substrate_gap: distance from the source plane to the pillar base; at 0 the source would sit in the
            strongest near field.
        cover_gap: distance from the monitor plane to the absorbing layer.
        decay: stop when the norm of the monitored fields changes by less than this fraction between checks.
        max_time: stop at this time (in units of µm / c) in any case, and report it.
    """

    wavelength: Positive
    pixels_per_period: Annotated[int, Field(ge=4, le=200)]
    pillar_compensation: tuple[Fraction, Fraction] = (0.5, 0.5)
    pml: Positive = 0.3
    margin: Positive = 0.1
    substrate_gap: Positive = 0.1
    cover_gap: Positive = 0.1
    decay: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    max_time: Positive = 150.0


def compensated_index(index: float, wavelength: float, pixel: float) -> float:
    """The index whose numerical plane wave along a grid axis has the wavenumber of the true one.

    From the one-dimensional dispersion relation of Yee's scheme, sin(ωΔt/2)/Δt = c·sin(kΔx/2)/(n'Δx), solved
    for n' at k = nω/c.
    """
    phase = math.pi * pixel / wavelength
    return math.sin(index * phase) / (math.sin(COURANT * phase) / COURANT)


def numerical_power(index: float, wavelength: float, pixel: float) -> float:
    """Power of a unit-amplitude numerical plane wave, over that of the true wave, in a compensated medium.

    E and H sit half a pixel apart in Yee's scheme; the flux that it conserves is n'·cos(kΔx/2)·|E|² at the
    places of E. Amplitudes in two media are comparable only after dividing by the root of this.
    """
    phase = math.pi * pixel / wavelength
    return compensated_index(index, wavelength, pixel) * math.cos(index * phase) / index


@dataclass(frozen=True)
class Grid:
    """Where things are on the grid, in whole pixels; z planes count from the bottom of the cell.

    Meep has no unit of length; the pixel is ours, so that every plane has an integer coordinate and nothing
    is left to rounding. ``pixel`` is its size in micrometres. The pillar base lies on a grid plane, and so do
    source and monitor planes. Lateral and vertical pixel counts are even, because Meep rounds an odd count
    and shifts everything by half a pixel.
    """

    pixel: float
    lateral: int
    vertical: int
    pml: int
    source: int
    base: int
    monitor: int

    @property
    def voxels(self) -> int:
        """Voxels of the whole cell, not reduced by symmetry."""
        return self.lateral**2 * self.vertical

    def z(self, plane: float) -> float:
        """Meep's z coordinate (origin at the centre of the cell, in pixels) of a grid plane."""
        return plane - self.vertical / 2


STENCIL = 4
"""Grid planes around the monitor from which the field at the exact monitor height is interpolated."""


def coarsest(platform: Platform, wavelength: float) -> int:
    """The fewest pixels per period that give the wavelength in the densest medium four pixels."""
    media = platform.at(wavelength)
    densest = max(media.lossless_pillar, media.substrate, media.cover)
    return math.ceil(4 * densest * platform.period / wavelength)


def grid_for(platform: Platform, numerics: Numerics, cells: int, periodic: bool) -> Grid:
    """Lay out the simulation cell for a lattice of ``cells`` × ``cells`` pillars.

    Raises:
        InputError: the wavelength in the densest medium has fewer than four pixels.
    """
    pixel = platform.period / numerics.pixels_per_period
    needed = coarsest(platform, numerics.wavelength)
    if numerics.pixels_per_period < needed:
        raise InputError(
            f"pixels_per_period = {numerics.pixels_per_period} is too coarse for wavelength "
            f"{numerics.wavelength}: use at least {needed}"
        )

    def pixels(length: float) -> int:
        return math.ceil(length / pixel - 1e-9)

    border = 0 if periodic else 2 * (pixels(numerics.margin) + pixels(numerics.pml))
    lateral = cells * numerics.pixels_per_period + border
    source = pixels(numerics.pml) + 1
    base = source + pixels(numerics.substrate_gap)
    monitor = base + math.floor((platform.height + numerics.wavelength / 2) / pixel + 1e-9)
    top = monitor + STENCIL + pixels(numerics.cover_gap) + pixels(numerics.pml)
    return Grid(
        pixel=pixel,
        lateral=lateral + lateral % 2,
        vertical=top + top % 2,
        pml=pixels(numerics.pml),
        source=source,
        base=base,
        monitor=monitor,
    )
