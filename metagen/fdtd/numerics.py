"""How finely a simulation is computed: nothing here belongs to the device."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from metagen.base.validation import Positive, checked

Fraction = Annotated[float, Field(ge=-1, le=2)]


@checked
class Numerics:
    """Settings of one FDTD simulation.

    Attributes:
        wavelength: wavelength in vacuum.
        pixels_per_period: grid cells per lattice constant (the side of the cell along x).
        pillar_compensation: how much of the compensation of numerical dispersion the index of a pillar gets
            (cover and substrate get all of it): the fraction for radius 0 and that for a radius of half the
            period, linear between. The thicker the pillar, the more of its mode travels along z inside it.
            For other shapes the radius is that of the circle of equal area, and the period that of a square
            lattice with as many pillars per area. Found by comparison with RCWA on periodic cells.
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
