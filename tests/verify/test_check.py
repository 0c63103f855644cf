"""What `metagen check` allows: light that is collected from beside a device, and no wrong normalisation."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import metagen as mg
from metagen.base.errors import FormatError
from metagen.data.nearfield import NearField
from metagen.device import Illumination
from metagen.fdtd import Numerics, simulate
from metagen.verify.check import check_file, largest_transmission
from metagen.verify.metrics import Wavefront, transmission

PLATFORM = mg.Platform()
TOO_LARGE = math.sqrt(1.45)
"""A field over the amplitude of a wave of equal power in vacuum instead of the substrate."""


def flat(count, platform=PLATFORM, light=0.633):
    field = torch.ones(1, 10 * count, 10 * count, dtype=torch.complex128)
    return Wavefront(field, platform.lattice.pitch[0] / 10, light, platform)


@pytest.mark.closed_form
def test_a_device_collects_from_a_rim_of_the_reduced_wavelength():
    rim = 0.633 / (2 * math.pi)
    for count in (1, 5, 113):
        side = count * PLATFORM.period
        assert largest_transmission(flat(count)) == pytest.approx((1 + 2 * rim / side) ** 2, rel=1e-12)
    assert largest_transmission(flat(113)) < 1.01


@pytest.mark.closed_form
def test_the_rim_is_that_of_the_largest_gain_of_an_antenna():
    """(kR)² + 2kR, as an area: D λ²/4π = π(R + 1/k)² − π/k²."""
    radius, k = 3.0, 2 * math.pi / 0.633
    area = ((k * radius) ** 2 + 2 * k * radius) * 0.633**2 / (4 * math.pi)
    assert area == pytest.approx(math.pi * (radius + 1 / k) ** 2 - math.pi / k**2, rel=1e-12)


@pytest.mark.closed_form
def test_oblique_light_sees_the_sides_of_a_device():
    upright, tilted = (flat(5, light=Illumination(0.633, "x", polar)) for polar in (0.0, 0.5))
    sine = math.sin(0.5) / 1.45
    height = PLATFORM.height + 0.633 / 2
    seen = height * sine / math.sqrt(1 - sine**2) / (5 * PLATFORM.period)
    assert largest_transmission(tilted) - largest_transmission(upright) == pytest.approx(seen, rel=1e-12)


@pytest.mark.parametrize("count", [9, 113])
def test_a_wrong_normalisation_of_a_good_device_is_noticed(count):
    """An even field with 0.9 of the power; what is missing of that is lost at the edge."""
    wave = flat(count)
    wave = replace(wave, field=wave.field * math.sqrt(0.9 * 1.45))
    passed = transmission(wave)
    assert 0.8 < passed < largest_transmission(wave)
    wrong = replace(wave, field=wave.field * TOO_LARGE)
    assert transmission(wrong) > largest_transmission(wrong)


def test_a_file_of_a_field_that_is_too_large_is_refused(tmp_path):
    layout = mg.Layout(PLATFORM, np.full((5, 5), 0.1))
    NearField(layout, 0.633, np.full((50, 50, 3), 1.0, np.complex64)).save(tmp_path / "a.h5")
    with pytest.raises(FormatError, match=r"a\.h5: transmission is \d\.\d+, and no device of this size"):
        check_file(tmp_path / "a.h5")


@pytest.mark.meep
@pytest.mark.slow
@pytest.mark.cross_check
@pytest.mark.parametrize(("count", "expected"), [(2, 1.39), (3, 1.26), (5, 1.14)])
def test_equal_pillars_pass_more_than_falls_on_them_and_less_than_the_bound(count, expected, tmp_path):
    """At 12 pixels per period; the numbers are of one run, to the digits in which it is converged."""
    layout = mg.Layout(PLATFORM, np.full((count, count), 0.1))
    near = simulate(layout, Numerics(wavelength=0.633, pixels_per_period=12))
    wave = Wavefront.of(near)
    passed = transmission(wave)
    assert passed == pytest.approx(expected, abs=0.02)
    assert 1 < passed < largest_transmission(wave) < TOO_LARGE**2 * passed
    near.save(tmp_path / "near.h5")
    assert check_file(tmp_path / "near.h5")[1] == pytest.approx(passed)
