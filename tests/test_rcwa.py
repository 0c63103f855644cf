"""The unit-cell solver, fast path: against exact values, energy, symmetry and gradients."""

import numpy as np
import pytest
import torch

import metagen as mg
from metagen.errors import InputError
from metagen.nearfield import quadrant_of, sample_points, unfold_field
from metagen.rcwa import Factorisation, near_fields, solve

PLATFORM = mg.Platform()

LAURENT = [
    (0.633, -0.9821756022 - 0.5957385359j, 0.9100505633),
    (0.400, -0.0940718523 - 0.9951202661j, 0.8908531696),
]
"""Wavelength, t and total transmission at radius 0.15, Laurent rule, |m|, |n| ≤ 5: two other programs
agree on them to 1.5e-13; ten decimals are given here."""

CONVERGED = [
    (0.633, 0.05, 1.15983 + 0.23721j, 0.96654),
    (0.633, 0.10, 0.28107 + 1.14553j, 0.95947),
    (0.633, 0.15, -1.01856 - 0.53859j, 0.91555),
    (0.633, 0.20, 0.05326 - 1.10067j, 0.83746),
    (0.400, 0.05, -0.51645 - 1.00452j, 0.95880),
    (0.400, 0.10, -1.05383 + 0.34862j, 0.92898),
    (0.400, 0.15, -0.16828 - 0.95892j, 0.91242),
    (0.400, 0.20, 0.98158 + 0.16179j, 0.86940),
]
"""Wavelength, radius, t and total transmission from another program (normal-vector RCWA, up to 2401 orders,
extrapolated, partly cross-checked with a third one); stated tolerance 5e-4."""


@pytest.mark.parametrize(("wavelength", "t", "transmittance"), LAURENT)
def test_a_truncated_laurent_solve_equals_two_other_programs(wavelength, t, transmittance):
    cell = solve(PLATFORM, 0.15, wavelength, orders=5, factorisation=Factorisation.LAURENT)
    # 1e-10 is the last decimal of the published values.
    assert abs(cell.t - t) < 1e-10
    assert abs(cell.transmittance - transmittance) < 1e-10


@pytest.mark.parametrize(("wavelength", "radius", "t", "transmittance"), CONVERGED)
def test_the_default_orders_reach_the_converged_reference(wavelength, radius, t, transmittance):
    cell = solve(PLATFORM, radius, wavelength)
    # Truncation at 10 orders leaves up to 1.8e-3 (the reference has 5e-4 of its own).
    assert abs(cell.t - t) < 2.5e-3
    assert abs(cell.transmittance - transmittance) < 2.5e-3


@pytest.mark.parametrize("wavelength", [0.633, 0.4])
def test_lossless_cells_conserve_energy(wavelength):
    cell = solve(PLATFORM, np.array([0.05, 0.12, 0.2]), wavelength, orders=6)
    # Exact at every truncation but for rounding, which a pole of the tangent may amplify.
    np.testing.assert_allclose(cell.transmittance + cell.reflectance, 1, atol=1e-9)
    np.testing.assert_allclose(cell.transmitted.power.sum(-1), cell.transmittance, atol=1e-9)
    np.testing.assert_allclose(cell.reflected.power.sum(-1), cell.reflectance, atol=1e-9)


def test_without_a_pillar_the_interface_obeys_fresnel():
    cell = solve(PLATFORM, 0.0, 0.5, orders=3)
    k0 = 2 * np.pi / 0.5
    assert cell.t == pytest.approx(2 * 1.45 / 2.45 * np.exp(1j * k0 * PLATFORM.height), abs=1e-12)
    assert cell.r == pytest.approx(0.45 / 2.45, abs=1e-12)


def test_radius_and_wavelength_broadcast():
    radii, wavelengths = np.array([0.08, 0.15]), np.array([0.4, 0.5, 0.633])
    batch = solve(PLATFORM, radii[:, None], wavelengths[None, :], orders=4)
    assert batch.t.shape == (2, 3)
    single = solve(PLATFORM, 0.15, 0.5, orders=4)
    assert batch.t[1, 1] == pytest.approx(single.t, abs=1e-11)
    assert batch.transmitted.power.shape[:2] == (2, 3)


def test_the_mean_of_the_near_field_is_the_zero_order():
    cell = solve(PLATFORM, 0.12, 0.633, orders=6)
    # 20 samples resolve all 6 orders, so that the mean is exact.
    field = cell.near_field(PLATFORM.height + 0.3165, samples=20)
    assert field[..., 0].mean() == pytest.approx(cell.t * np.exp(1j * np.pi), abs=1e-12)


def test_the_near_field_has_the_mirror_signs_of_x_polarised_light():
    field = solve(PLATFORM, 0.12, 0.4, orders=5).near_field(0.7, samples=8)
    np.testing.assert_allclose(unfold_field(quadrant_of(field), 8), field, atol=1e-12)
    assert (np.abs(field).max((0, 1)) > 1e-3).all()


def test_the_near_field_has_no_divergence():
    pitch, z, samples = 0.4431 / 200, 0.70, 200
    cell = solve(PLATFORM, 0.12, 0.4, orders=4)
    below, at, above = (cell.near_field(z + step, samples) for step in (-pitch, 0, pitch))
    central = [np.roll(at[..., axis], -1, axis) - np.roll(at[..., axis], 1, axis) for axis in (0, 1)]
    divergence = (central[0] + central[1] + above[..., 2] - below[..., 2]) / (2 * pitch)
    # Central differences at 200 points per period are wrong by (k·pitch)²/6 ≈ 0.3 % of the largest term.
    assert np.abs(divergence).max() < 5e-3 * np.abs(central[0] / (2 * pitch)).max()


def test_near_fields_are_those_of_single_cells_at_the_monitor():
    radii = np.linspace(0.06, 0.16, 5)
    fields = near_fields(PLATFORM, radii, 0.633, samples=4, orders=3)
    assert fields.shape == (5, 4, 4, 3)
    alone = solve(PLATFORM, radii[3], 0.633, orders=3).near_field(0.633 + 0.633 / 2, samples=4)
    np.testing.assert_allclose(fields[3], alone, atol=1e-11)
    assert sample_points(1, 4, 0.4431)[0] == pytest.approx(-0.4431 * 3 / 8)


@pytest.mark.parametrize("variable", ["radius", "wavelength"])
def test_the_gradient_is_that_of_finite_differences(variable):
    values = {"radius": torch.tensor(0.12).double(), "wavelength": torch.tensor(0.45).double()}
    point = values[variable].requires_grad_()
    cell = solve(PLATFORM, **values, orders=5)
    (gradient,) = torch.autograd.grad(cell.t.real + cell.transmittance, point)
    step = 1e-5
    ends = [solve(PLATFORM, **{**values, variable: point.detach() + s}, orders=5) for s in (-step, step)]
    difference = [(end.t.real + end.transmittance).item() for end in ends]
    # Central differences: step² times a third derivative of order (2π·n/λ)³·h³, about 1e-6 relative.
    assert gradient.item() == pytest.approx((difference[1] - difference[0]) / (2 * step), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"radius": 0.3, "wavelength": 0.5}, "radius"),
        ({"radius": np.nan, "wavelength": 0.5}, "radius"),
        ({"radius": 0.1, "wavelength": 0.0}, "wavelength"),
        ({"radius": 0.1, "wavelength": 0.5, "orders": 0}, "orders"),
    ],
)
def test_impossible_input_is_refused_by_name(arguments, reason):
    with pytest.raises(InputError, match=reason):
        solve(PLATFORM, **arguments)
