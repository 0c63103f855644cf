"""Near fields and gradients of the unit-cell solver."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import metagen as mg
from metagen.base.errors import InputError
from metagen.data.nearfield import quadrant_of, unfold_field
from metagen.rcwa import circle, cross, ellipse, make_cell, rectangle, ring, solve, solve_cell

PLATFORM = mg.Platform()


@pytest.mark.closed_form
def test_the_mean_of_the_near_field_is_the_zero_order():
    cell = solve(PLATFORM, 0.12, 0.633, orders=6)
    # 20 samples resolve all 6 orders, so that the mean is exact.
    field = cell.near_field(PLATFORM.height + 0.3165, samples=20)
    assert field[..., 0].mean() == pytest.approx(cell.t * np.exp(1j * np.pi), abs=1e-12)


@pytest.mark.closed_form
def test_the_near_field_has_the_mirror_signs_of_x_polarised_light():
    field = solve(PLATFORM, 0.12, 0.4, orders=5).near_field(0.7, samples=8)
    np.testing.assert_allclose(unfold_field(quadrant_of(field), 8), field, rtol=0, atol=1e-12)
    assert (np.abs(field).max((0, 1)) > 1e-3).all()


@pytest.mark.closed_form
def test_the_near_field_has_no_divergence():
    sample_spacing, z, samples = 0.4431 / 200, 0.70, 200
    cell = solve(PLATFORM, 0.12, 0.4, orders=4)
    below, at, above = (cell.near_field(z + step, samples) for step in (-sample_spacing, 0, sample_spacing))
    central = [np.roll(at[..., axis], -1, axis) - np.roll(at[..., axis], 1, axis) for axis in (0, 1)]
    divergence = (central[0] + central[1] + above[..., 2] - below[..., 2]) / (2 * sample_spacing)
    # Central differences at 200 points per period are wrong by (k·Δ)²/6 ≈ 0.3 % of the largest term.
    assert np.abs(divergence).max() < 5e-3 * np.abs(central[0] / (2 * sample_spacing)).max()


@pytest.mark.closed_form
@pytest.mark.parametrize("height", [0.0, PLATFORM.height], ids=["base", "top"])
def test_the_tangential_field_is_continuous_across_the_interfaces(height):
    cell = solve(PLATFORM, 0.12, 0.4, orders=6)
    below, above = (cell.near_field(height + step, samples=12) for step in (-1e-9, 1e-9))
    # Over 2e-9 the field itself changes by k·2e-9 ≈ 1e-7.
    np.testing.assert_allclose(below[..., :2], above[..., :2], rtol=0, atol=1e-6)


@pytest.mark.closed_form
def test_the_field_inside_the_pillars_obeys_the_wave_equation():
    # Homogeneous pillar: a cell filled with index 2 holds one standing wave.
    cell = solve_cell(
        make_cell(rectangle(0.4431, 0.4431), period=0.4431, height=0.633, pillar=2.0, substrate=1.45),
        0.5,
        orders=2,
    )
    heights = torch.linspace(0.05, 0.6, 7, dtype=torch.float64)
    field = torch.stack([cell.near_field(z, samples=1)[0, 0, 0] for z in heights])
    waves = torch.exp(2j * np.pi / 0.5 * 2.0 * heights[:, None] * torch.tensor([1, -1]))
    residual = field - waves @ torch.linalg.lstsq(waves, field[:, None]).solution[:, 0]
    assert residual.abs().max() < 1e-12


@pytest.mark.closed_form
def test_far_below_only_incident_and_reflected_waves_remain():
    cell = solve(PLATFORM, 0.12, 0.7, orders=4)
    field = cell.near_field(-3.0, samples=4)
    k = 2 * np.pi / 0.7 * 1.45
    # The slowest evanescent order in the substrate, κ = √((0.7/0.4431)² − 1.45²) = 0.63, fades to e⁻¹⁷.
    np.testing.assert_allclose(field[..., 0], np.exp(-3j * k) + cell.r * np.exp(3j * k), rtol=0, atol=1e-6)


SHAPES = {
    "circle": lambda a, b: circle(a),
    "ellipse": ellipse,
    "ring": ring,
    "rectangle": rectangle,
    "cross": cross,
}
VALUES = {
    "a": 0.17,
    "b": 0.09,
    "height": 0.633,
    "pillar": 2.0,
    "substrate": 1.45,
    "cover": 1.1,
    "wavelength": 0.55,
}


def observable(shape, a, b, wavelength, **media):
    cell = solve_cell(make_cell(shape(a, b), period=0.4431, **media), wavelength, orders=4)
    return cell.t.real + 2 * cell.t.imag + cell.transmittance + cell.reflected.power[..., 0]


def finite_difference(function, at):
    """Richardson's limit of central differences: its error is step⁶ times a seventh derivative."""
    table = []
    for step in (4e-4, 2e-4, 1e-4):
        table.append((function(at + step) - function(at - step)) / (2 * step))
    first, second = ((4 * fine - coarse) / 3 for coarse, fine in pairwise(table))
    return (16 * second - first) / 15


@pytest.mark.gradient
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", VALUES)
def test_gradients_are_those_of_finite_differences(shape, name):
    if shape is SHAPES["circle"] and name == "b":
        pytest.skip("a circle has one size")
    point = torch.tensor(VALUES[name], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(observable(shape, **{**VALUES, name: point}), point)

    def at(value):
        return observable(shape, **{**VALUES, name: value}).item()

    # 1e-6 is what is asked for; Richardson's limit and rounding leave less than 1e-7.
    assert gradient.item() == pytest.approx(finite_difference(at, VALUES[name]), rel=1e-6, abs=1e-8)


def test_a_plane_that_is_no_plane_of_all_cells_is_refused():
    cells = solve_cell(
        make_cell(circle(0.12), period=0.4431, height=[0.5, 0.7], pillar=2.0, substrate=1.45), 0.633, orders=2
    )
    with pytest.raises(InputError, match="one by one"):
        cells.near_field(0.6)
    assert cells.near_field(0.8, samples=2).shape == (2, 2, 2, 3)
    for z, samples, reason in ((np.nan, 2, "z is nan"), (0.8, 0, "samples")):
        with pytest.raises(InputError, match=reason):
            cells.near_field(z, samples)


@pytest.mark.gradient
def test_the_near_field_has_a_gradient():
    radius = torch.tensor(0.12, dtype=torch.float64, requires_grad=True)

    def intensity(r):
        return (solve(PLATFORM, r, 0.5, orders=4).near_field(0.9, samples=3).abs() ** 2)[0, 1, 0]

    (gradient,) = torch.autograd.grad(intensity(radius), radius)
    numeric = finite_difference(lambda r: intensity(torch.tensor(r, dtype=torch.float64)).item(), 0.12)
    assert gradient.item() == pytest.approx(numeric, rel=1e-6)
