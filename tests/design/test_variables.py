"""Variables of a design: which sites share a radius, limits and grids."""

import numpy as np
import pytest
import torch
from delays import HIGH, LOW, PLATFORM

from metagen.design import EqualRadii
from metagen.design.variables import Limits, Variables, orbits
from metagen.device.layout import random_layout


@pytest.fixture
def start():
    return random_layout(PLATFORM, 7, seed=1)


@pytest.mark.closed_form
def test_symmetry_shares_one_radius_among_equal_sites():
    assert orbits(7, EqualRadii.NONE).max() + 1 == 49
    assert orbits(7, EqualRadii.MIRROR).max() + 1 == 16
    assert orbits(7, EqualRadii.FOURFOLD).max() + 1 == 10
    assert orbits(6, EqualRadii.MIRROR).max() + 1 == 9


def test_variables_start_at_the_layout(start):
    variables = Variables.of(start, Limits(LOW, HIGH), EqualRadii.MIRROR)
    found = variables.exact(variables.start(start))
    inside = np.clip(start.radii, LOW + 0.0012, HIGH - 0.0012)
    np.testing.assert_allclose(found, inside, rtol=0, atol=1e-7)


def test_radii_on_a_grid_keep_the_gradient_of_smooth_ones(start):
    plain = Variables.of(start, Limits(LOW, HIGH), EqualRadii.MIRROR)
    gridded = Variables.of(start, Limits(LOW, HIGH, grid=0.005), EqualRadii.MIRROR)
    gradients = []
    for variables in (plain, gridded):
        u = plain.start(start).double().requires_grad_()
        (gradient,) = torch.autograd.grad(variables.radii(u).sum(), u)
        gradients.append(gradient)
    torch.testing.assert_close(*gradients)
    assert gradients[0].min() > 0
    steps = gridded.exact(gridded.start(start)) / 0.005
    np.testing.assert_allclose(steps, np.rint(steps), rtol=0, atol=1e-9)
