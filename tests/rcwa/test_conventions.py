"""The conventions of light and orders, each by what it means in physics."""

import math

import numpy as np
import pytest

from metagen.device.illumination import Illumination
from metagen.device.lattice import Lattice
from metagen.rcwa import circle, make_cell, solve_cell

pytestmark = pytest.mark.closed_form

SILICA = 1.46
TITANIA = {"height": 0.6, "pillar": 2.4, "substrate": SILICA}


@pytest.mark.parametrize(("name", "momentum"), [("left", 1), ("right", -1)])
def test_left_light_carries_one_unit_of_angular_momentum_along_z(name, momentum):
    """Behind a pillar that four turns leave as it is: to turn such a field by α is to multiply it by
    exp(−iα·Jz). Ez, which has no spin, shows it as a vortex around the axis."""
    cell = make_cell(circle(0.12), lattice=Lattice.square(0.4), **TITANIA)
    field = solve_cell(cell, Illumination(0.532, name), orders=4, given_tensors=False).near_field(0.75)
    # Where a quarter turn brings a point from: (x, y) comes from (y, −x).
    ex, ey, ez = np.moveaxis(field.transpose(1, 0, 2)[::-1], -1, 0)
    turned = np.stack([-ey, ex, ez], -1)
    # Rounding: the symmetry holds at every truncation.
    np.testing.assert_allclose(turned, np.exp(-0.5j * math.pi * momentum) * field, rtol=0, atol=1e-10)
    around = field[[5, 4, 4, 5, 5], [5, 5, 4, 4, 5], 2]
    assert np.angle(around[1:] / around[:-1]).sum() == pytest.approx(2 * math.pi * momentum)


@pytest.mark.parametrize(("order", "azimuth_deg"), [((0, 1), -90), ((1, 0), 150), ((1, 1), -150)])
def test_an_order_opens_first_for_light_that_is_tilted_against_it(order, azimuth_deg):
    """Order (m, n) adds m·b1 + n·b2 to the wave vector; all three have the length 4π/(√3·spacing)."""
    lattice, polar = Lattice.hexagonal(0.4), 0.3
    added = np.array(order) @ lattice.reciprocal
    assert np.degrees(math.atan2(added[1], added[0])) == pytest.approx((azimuth_deg + 360) % 360 - 180)
    # It propagates in the substrate below this wavelength; its neighbours, 60 degrees away, not yet.
    cutoff = (SILICA + math.sin(polar)) * math.sqrt(3) / 2 * 0.4
    for factor, expected in ((1.01, {(0, 0)}), (0.99, {(0, 0), order})):
        light = Illumination(factor * cutoff, polar=polar, azimuth=math.radians(azimuth_deg))
        reflected = solve_cell(make_cell(circle(0.1), lattice=lattice, **TITANIA), light, orders=3).reflected
        assert set(zip(reflected.m, reflected.n, strict=True)) == expected
