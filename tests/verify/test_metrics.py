"""Metrics: of ideal lenses, rings and beams whose numbers are known."""

import math

import numpy as np
import pytest
import torch

import metagen as mg
from metagen import metrics
from metagen.base.errors import InputError
from metagen.device.layout import random_layout
from metagen.propagation import coordinates
from metagen.surrogate import Domain, NetworkSettings
from metagen.surrogate.models import build

WAVELENGTH, SPACING, COUNT, FOCAL = 0.633, 0.05, 201, 30.0
SIDE = COUNT * SPACING
K = 2 * math.pi / WAVELENGTH
GRID = coordinates(COUNT, SPACING)
RHO = torch.hypot(GRID[:, None], GRID)


def wavefront(field, platform=None):
    return metrics.Wavefront(field[None], SPACING, WAVELENGTH, platform or mg.Platform())


def lens(amplitude=1.0):
    return amplitude * torch.exp(-1j * K * (torch.sqrt(RHO**2 + FOCAL**2) - FOCAL))


@pytest.mark.closed_form
def test_a_clear_window_transmits_the_ratio_of_the_indices():
    # |E| = 1 on both sides: power n_cover against n_substrate. The hole's edge diffracts a share of the order
    # of λ/(2π D)·8 = 2 % into waves near grazing and beyond.
    found = metrics.transmission(wavefront(torch.ones(COUNT, COUNT, dtype=torch.complex128)))
    assert found == pytest.approx(1 / 1.45, rel=0.02)


@pytest.mark.closed_form
def test_power_through_a_large_circle_is_the_power_transmitted():
    # A smooth beam has no edge: all of its power passes the circle at any distance (tail below 1e-6).
    beam = wavefront(torch.exp(-(RHO**2) / 1.5**2).to(torch.complex128))
    assert metrics._power_within(beam, 5.0, [4.9])[0] == pytest.approx(
        metrics.transmitted_power(beam), rel=1e-6
    )


@pytest.mark.closed_form
@pytest.mark.parametrize("width", [1.0, 9.8])
def test_power_through_a_square_of_a_beam_follows_from_its_width(width):
    waist = 1.5
    beam = torch.exp(-(RHO**2) / waist**2).to(torch.complex128)
    field = torch.stack([0.6 * beam, 0.8j * beam, 0 * beam])
    wave = metrics.Wavefront(field, SPACING, mg.Illumination(WAVELENGTH, (0.6, 0.8j)), mg.Platform())
    within = math.pi / 2 * waist**2 * math.erf(width / math.sqrt(2) / waist) ** 2
    # Ez is left out, of which (λ/2πw)² = 0.5 % of the power would come; the beam hardly widens in 0.1 µm.
    assert metrics.square_efficiency(wave, 0.1, width) == pytest.approx(within / SIDE**2 / 1.45, rel=0.01)


@pytest.mark.closed_form
def test_the_ideal_lens_has_strehl_one_at_any_brightness():
    assert metrics.strehl(wavefront(lens(0.3)), FOCAL) == pytest.approx(1, abs=1e-9)


@pytest.mark.closed_form
def test_aberrations_lower_strehl_as_marechal_says():
    # Phase noise of variance s² leaves exp(−s²) in the focus; 10 x 10-sample patches of it stay within the
    # lens's acceptance. 400 patches give the mean to 1/20 of s², of which two are allowed.
    rng = np.random.default_rng(0)
    noise = np.kron(rng.normal(scale=0.4, size=(21, 21)), np.ones((10, 10)))[:COUNT, :COUNT]
    aberrated = lens() * torch.exp(1j * torch.tensor(noise))
    ratio = metrics.intensity(wavefront(aberrated), torch.tensor([[0.0, 0.0, FOCAL]]))
    ideal = metrics.intensity(wavefront(lens()), torch.tensor([[0.0, 0.0, FOCAL]]))
    assert float(ratio / ideal) == pytest.approx(math.exp(-(0.4**2)), rel=0.016)


@pytest.mark.closed_form
def test_the_width_of_a_square_lenss_focus_is_0886_wavelengths_over_aperture():
    # sinc² is half at ±0.443; NA = 0.17, where the paraxial width is right to NA²/2 = 1.4 %.
    expected = 0.8859 * WAVELENGTH * FOCAL / SIDE
    assert metrics.fwhm(wavefront(lens()), FOCAL) == pytest.approx(expected, rel=0.015)


@pytest.mark.closed_form
def test_the_efficiency_of_an_ideal_lens_is_the_encircled_energy_of_its_sincs():
    # Share of sinc²(x)·sinc²(y) within 1.5·0.8859, times what the aperture lets through. The band of 2 % is
    # that of the transmission of a hole (above), whose edge waves do not reach the focus.
    x = np.linspace(-1.4, 1.4, 801)
    X, Y = np.meshgrid(x, x)
    share = (np.sinc(X) * np.sinc(Y))[np.hypot(X, Y) < 1.5 * 0.8859] ** 2
    expected = share.sum() * (x[1] - x[0]) ** 2 / 1.45
    assert metrics.focusing_efficiency(wavefront(lens()), FOCAL) == pytest.approx(expected, rel=0.02)


@pytest.mark.closed_form
def test_the_annulus_ratio_of_a_gaussian_focus_is_that_of_its_integral():
    # Power within ρ is 1 − exp(−2ρ²/w²), w the width after a distance of 1; the paraxial formula leaves out
    # terms of 1/(k·2)² = 2.5e-3.
    beam = wavefront(torch.exp(-(RHO**2) / 2.0**2).to(torch.complex128))
    width = 2.0 * math.hypot(1, 1 / (K * 2.0**2 / 2))

    def within(rho):
        return 1 - math.exp(-2 * rho**2 / width**2)

    expected = (within(2.0) - within(1.0)) / within(1.0)
    assert metrics.annulus_ratio(beam, 1.0) == pytest.approx(expected, rel=4e-3)


@pytest.mark.cross_check
def test_the_depth_of_focus_of_a_round_lens_is_that_of_the_integral_over_its_radius():
    # On the axis the first Rayleigh–Sommerfeld integral has one dimension left. The staircase edge of the
    # sampled circle moves its area by 1.4e-3, and each end by as much; the ends here are those of a scan in
    # steps of 0.1, between which the metric interpolates.
    radius = 4.8
    rho = torch.linspace(0, radius, 2001, dtype=torch.float64)
    z = torch.linspace(8, 60, 521, dtype=torch.float64)
    R = torch.hypot(rho, z[:, None])
    kernel = (
        z[:, None] / R**2 * (1 / R - 1j * K) * torch.exp(1j * K * (R - torch.hypot(rho, torch.tensor(FOCAL))))
    )
    on_axis = torch.trapezoid(kernel * rho, rho).abs() ** 2
    above = z[on_axis > on_axis.max() / 2]
    found = metrics.depth_of_focus(wavefront(lens() * (radius > RHO)), z)
    assert found.complete
    assert found.start == pytest.approx(float(above[0]), abs=0.15)
    assert found.end == pytest.approx(float(above[-1]), abs=0.15)
    assert found.length == pytest.approx(found.end - found.start)


def test_a_depth_of_focus_that_leaves_the_scan_says_so():
    assert not metrics.depth_of_focus(wavefront(lens()), torch.tensor([29.0, 30.0, 31.0])).complete


@pytest.mark.closed_form
def test_a_dark_axis_has_no_focus():
    # A vortex has a zero on the axis: no width there, and no number is made up.
    angle = torch.atan2(GRID, GRID[:, None])
    found = metrics.focus_metrics(wavefront(lens() * torch.exp(1j * angle)), FOCAL)
    assert math.isnan(found.fwhm)
    assert math.isnan(found.efficiency)
    assert metrics.ring_metrics(wavefront(lens() * torch.exp(1j * angle)), FOCAL).ratio > 0


@pytest.mark.convergence
def test_metrics_do_not_depend_on_how_finely_the_field_is_sampled():
    # The same lens with samples half as far apart; the sampled aperture is the same square.
    sample_spacing = SPACING / 2
    x = coordinates(2 * COUNT, sample_spacing)
    fine = torch.exp(-1j * K * (torch.sqrt(x[:, None] ** 2 + x**2 + FOCAL**2) - FOCAL))
    finer = metrics.Wavefront(fine[None], sample_spacing, WAVELENGTH, mg.Platform())
    one = metrics.focus_metrics(wavefront(lens()), FOCAL)
    two = metrics.focus_metrics(finer, FOCAL)
    # The edge's own spectrum, in which 1e-3 of the power is, is sampled better; hardly any of it goes to the
    # focus.
    assert two.efficiency == pytest.approx(one.efficiency, rel=5e-5)
    assert two.fwhm == pytest.approx(one.fwhm, rel=1e-5)
    assert two.intensity == pytest.approx(one.intensity, rel=2e-6)


@pytest.mark.closed_form
def test_a_simulated_near_field_is_measured_with_all_components():
    layout = random_layout(mg.Platform(), 5, seed=0)
    field = np.ones((20, 20, 3), np.complex64) * np.array([1, 0.5, 0], np.complex64)
    near = mg.NearField(layout, WAVELENGTH, field, samples=4)
    whole = metrics.Wavefront.of(near)
    only_x = metrics.Wavefront(whole.field[:1], whole.sample_spacing, whole.wavelength, whole.platform)
    # |Ey|² adds a quarter to the power of every plane wave: exact to single precision.
    assert metrics.transmission(whole) == pytest.approx(1.25 * metrics.transmission(only_x), rel=1e-5)


@pytest.mark.parametrize("components", [1, 3])
def test_a_prediction_is_measured_with_the_components_that_the_model_knows(components):
    layout = random_layout(mg.Platform(), 5, seed=0)
    domain = Domain(wavelength=WAVELENGTH, radius_low=0.05, radius_high=0.17, components=components)
    model = build(domain, NetworkSettings(rank=2, hidden=(4,)))
    model.basis.modes_parts.normal_(generator=torch.Generator().manual_seed(0))
    found = metrics.Wavefront.predicted(model, layout)
    assert found.field.shape == (components, 50, 50)
    torch.testing.assert_close(found.field, model(torch.tensor(layout.radii, dtype=torch.float32)))


class Bright:
    """A model that predicts the same amplitude everywhere."""

    domain = Domain(wavelength=WAVELENGTH, radius_low=0.05, radius_high=0.17)

    def __init__(self, amplitude):
        self.amplitude = amplitude

    def __call__(self, radii):
        return torch.full((1, *(10 * side for side in radii.shape)), self.amplitude, dtype=torch.complex64)


def test_a_prediction_of_more_power_than_falls_on_a_device_is_warned_of(recwarn):
    layout = random_layout(mg.Platform(), 21, seed=0)
    metrics.warn_if_active(Bright(1.2), layout)  # 1.2² / 1.45 of the power: 0.99 before the cut of the edge
    assert not recwarn
    with pytest.warns(UserWarning, match=r"'random-s0' passes 1\.2\d of the power that falls on it"):
        metrics.warn_if_active(Bright(1.35), layout)  # 1.35² / 1.45 = 1.26, of which the edge costs 2 %


@pytest.mark.cross_check
@pytest.mark.parametrize(("count", "distance"), [(50, 10.0), (80, 20.0)])
def test_the_focus_of_a_small_aperture_far_away_is_that_of_the_integral(count, distance):
    """Diffraction spreads the light over more than the aperture: it must not come back as an alias."""
    x = coordinates(count, SPACING)
    path = torch.sqrt(x[:, None] ** 2 + x**2 + distance**2) - distance
    wave = metrics.Wavefront(torch.exp(-1j * K * path)[None], SPACING, WAVELENGTH, mg.Platform())
    cut = torch.linspace(0, 2 * WAVELENGTH * distance / wave.sides[0], 101, dtype=torch.float64)
    points = torch.stack([cut, 0 * cut, 0 * cut + distance], 1)
    exact = metrics.intensity(wave, points)
    found = metrics.plane_intensity(wave, distance, cut, torch.zeros(1, dtype=torch.float64))[:, 0]
    # 1 % of the amplitude (SPREADS) is 2 % of the intensity.
    assert float((found - exact).abs().max() / exact[0]) < 0.02
    half = float(np.interp(0.5, (exact / exact[0]).numpy()[50::-1], cut.numpy()[50::-1]))
    assert metrics.fwhm(wave, distance) == pytest.approx(2 * half, rel=0.02)
    # Within 1.5 FWHM of a square aperture's focus are 82 % of the power at a small angle; less of what is
    # transmitted here, as the focus of so small an aperture lies before the focal length.
    share = metrics.focusing_efficiency(wave, distance) / metrics.transmission(wave)
    assert 0.7 < share < 0.9


def test_a_plane_too_far_away_to_be_measured_is_refused():
    with pytest.raises(InputError, match="nearer plane"):
        metrics.fwhm(wavefront(lens()), 1e5)
    with pytest.raises(InputError, match="nearer plane"):
        metrics.annulus_ratio(wavefront(lens()), FOCAL, radius=1e3)


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"\[C, X, Y\]"):
        metrics.Wavefront(lens(), SPACING, WAVELENGTH, mg.Platform())
    with pytest.raises(InputError, match="half_width is 2"):
        metrics.annulus_ratio(wavefront(lens()), FOCAL, radius=1.5, half_width=2.0)
