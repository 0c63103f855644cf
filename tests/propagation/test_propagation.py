"""Propagation: against analytic beams, one method against the other, energy, gradients."""

import cmath
import math

import pytest
import torch

from metagen.base.errors import InputError
from metagen.propagation import (
    PointPropagator,
    angular_spectrum,
    attainable_intensity,
    axes,
    axial_section,
    coordinates,
    focal_flux,
    focal_plane,
    power,
    poynting,
    rayleigh_sommerfeld,
)

WAVELENGTH, SPACING, COUNT = 0.633, 0.05, 201
K = 2 * math.pi / WAVELENGTH
GRID = coordinates(COUNT, SPACING)
RHO = torch.hypot(GRID[:, None], GRID)
POINTS = torch.tensor([[0.0, 0.0, 10.0], [1.0, 0.5, 10.0], [-0.7, 2.0, 10.0]], dtype=torch.float64)
FOCAL = 10.0


def gaussian(waist, rho=RHO, z=0.0):
    """Paraxial Gaussian beam with its waist at z = 0 (Saleh and Teich, eq. 3.1-5), written with q."""
    q = 1 + 1j * z / (K * waist**2 / 2)
    return torch.exp(-(rho**2) / (waist**2 * q)) / q * cmath.exp(1j * K * z)


def lens(dtype=torch.complex128):
    return torch.exp(-1j * K * (torch.hypot(RHO, torch.tensor(FOCAL)) - FOCAL)).to(dtype)


def relative_l2(found, expected):
    return float((found - expected).abs().norm() / expected.abs().norm())


@pytest.mark.closed_form
@pytest.mark.parametrize("z", [2.0, 10.0])
def test_a_gaussian_beam_spreads_as_the_paraxial_formula_says(z):
    # The next order of the paraxial expansion is (z/z_R)/(k w)²·O(1) = 4e-3 at z = 10 for a waist of 1.5.
    expected = gaussian(1.5, z=z)
    assert relative_l2(angular_spectrum(gaussian(1.5), SPACING, WAVELENGTH, z), expected) < 6e-3


@pytest.mark.convergence
def test_the_paraxial_formula_is_approached_with_the_square_of_the_waist():
    errors = []
    for waist in (0.75, 1.5):
        z = K * waist**2 / 2
        found = rayleigh_sommerfeld(gaussian(waist), SPACING, WAVELENGTH, torch.tensor([[0.0, 0.0, z]]))
        errors.append(abs(complex(found[0]) - complex(gaussian(waist, torch.tensor(0.0), z))))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.2)


@pytest.mark.cross_check
def test_both_methods_agree_for_a_beam_that_stays_within_the_window():
    # What is left is the beam's tail at the window's edge, exp(-(5/1.5)²) = 1.5e-5, times the edge's share,
    # which is below a hundredth.
    beam = gaussian(1.5)
    by_points = rayleigh_sommerfeld(beam, SPACING, WAVELENGTH, POINTS)
    by_waves = focal_plane(beam, SPACING, WAVELENGTH, 10.0, POINTS[:, 0], POINTS[:, 1]).diagonal()
    assert float((by_points - by_waves).abs().max() / by_points.abs().max()) < 1e-7


@pytest.mark.closed_form
def test_a_tilted_beam_does_not_come_back_on_the_other_side():
    """A Gaussian of waist 4 µm at 20° has left the window 150 µm on; in too small a plane it comes back."""
    sample_spacing, distance = 0.2, 150.0
    x = coordinates(256, sample_spacing)
    waist, slope = torch.exp(-(x[:, None] ** 2 + x**2) / 4**2), math.sin(math.radians(20))
    beam = torch.polar(waist, 2 * math.pi / WAVELENGTH * slope * x[:, None].expand(-1, 256))
    power_here = float(beam.abs().square().sum())
    found, cut = (
        float(
            angular_spectrum(beam, sample_spacing, WAVELENGTH, distance, padding=padding).abs().square().sum()
        )
        for padding in (None, 2)
    )
    assert cut > 1e-2 * power_here
    # The beam's own tail is far smaller (the window ends 29 µm from its middle, it is 8 µm wide); what
    # is seen is the ringing of the waves that were left out: 2e-7 of the power.
    assert found < 1e-6 * power_here


@pytest.mark.cross_check
def test_a_plane_too_large_to_be_transformed_as_a_whole_gives_the_same_light(monkeypatch):
    x = torch.linspace(-1, 1, 5, dtype=torch.float64)
    asked = [
        lambda: focal_plane(lens(), SPACING, WAVELENGTH, 10.0, x),
        lambda: focal_flux(lens(), SPACING, WAVELENGTH, 10.0, x),
        lambda: axial_section(lens(), SPACING, WAVELENGTH, torch.tensor([5.0, 10.0]), x),
        lambda: power(lens(), SPACING, WAVELENGTH),
    ]
    whole = [ask() for ask in asked]
    monkeypatch.setattr("metagen.propagation.spectrum.LARGEST_PLANE", COUNT + 1)
    for ask, expected in zip(asked, whole, strict=True):
        # Both are sums of the same numbers in another order: rounding of the field's precision.
        assert torch.allclose(ask(), expected, rtol=1e-9, atol=1e-12)
    with pytest.raises(InputError, match="too large to be computed as a whole"):
        angular_spectrum(lens(), SPACING, WAVELENGTH, 10.0, padding=3)


@pytest.mark.convergence
def test_both_methods_agree_better_with_more_padding_for_a_lens_with_sharp_edges():
    # Waves off the sharp edge that the band limit leaves out are the difference; padding raises the limit. A
    # sharp edge has no order of its own, so the bounds are what was found, 8.5e-3 and 6.8e-4, rounded up.
    exact = rayleigh_sommerfeld(lens(), SPACING, WAVELENGTH, POINTS)
    errors = []
    for padding in (2, 4):
        plane = focal_plane(
            lens(), SPACING, WAVELENGTH, 10.0, POINTS[:, 0], POINTS[:, 1], padding=padding
        ).diagonal()
        errors.append(float((plane - exact).abs().max() / exact.abs().max()))
    assert errors[0] < 1e-2
    assert errors[1] < 1e-3
    assert errors[1] < errors[0] / 8


@pytest.mark.closed_form
def test_the_focus_of_a_square_lens_is_the_product_of_two_sincs():
    # Airy pattern of a square aperture of side D: sinc(D x/(λ f)) per axis. The kernel's 1/R² fall-off, which
    # the formula leaves out, takes 2·(D²/6)/f² = 5.2e-3 off the intensity at f = 8 D.
    side, focal = COUNT * SPACING, 80.0
    curved = torch.exp(-1j * K * (torch.hypot(RHO, torch.tensor(focal)) - focal))
    x = torch.linspace(-6, 6, 25, dtype=torch.float64)
    points = torch.stack([x, torch.zeros_like(x), torch.full_like(x, focal)], -1)
    found = rayleigh_sommerfeld(curved, SPACING, WAVELENGTH, points).abs() ** 2
    expected = (side**2 / (WAVELENGTH * focal)) ** 2 * torch.sinc(side * x / (WAVELENGTH * focal)) ** 2
    assert float((found - expected).abs().max() / expected.max()) < 6e-3


@pytest.mark.closed_form
def test_the_focus_of_a_round_lens_is_the_airy_pattern():
    # 2 J1(v)/v with v = k a x/f. The kernel's 1/R² fall-off takes a²/f² = 3.6e-3 off the intensity, and the
    # staircase edge moves the area by 1.4e-3, so the intensity by 2.8e-3.
    radius, focal = 4.8, 80.0
    curved = torch.exp(-1j * K * (torch.hypot(RHO, torch.tensor(focal)) - focal)) * (radius > RHO)
    x = torch.linspace(0.1, 6, 24, dtype=torch.float64)
    points = torch.stack([x, torch.zeros_like(x), torch.full_like(x, focal)], -1)
    v = K * radius * x / focal
    airy = (math.pi * radius**2 / (WAVELENGTH * focal) * 2 * torch.special.bessel_j1(v) / v) ** 2
    found = rayleigh_sommerfeld(curved, SPACING, WAVELENGTH, points).abs() ** 2
    assert float((found - airy).abs().max() / airy.max()) < 8e-3


@pytest.mark.closed_form
def test_the_axis_behind_a_round_hole_follows_the_exact_formula():
    # Behind a round hole of radius a the first Rayleigh–Sommerfeld integral is, on the axis,
    # exp(ikz) − (z/R) exp(ikR) with R² = z² + a² (Osterberg and Smith 1961). The staircase edge moves the
    # second term's phase by up to k·Δ·a/R = 0.28, averaged over the circumference to about 0.02.
    radius, z = 4.0, 6.0
    distance = math.hypot(z, radius)
    exact = cmath.exp(1j * K * z) - z / distance * cmath.exp(1j * K * distance)
    hole = (radius > RHO).to(torch.complex128)
    found = rayleigh_sommerfeld(hole, SPACING, WAVELENGTH, torch.tensor([[0.0, 0.0, z]]))
    assert abs(complex(found[0]) - exact) < 0.02


@pytest.mark.closed_form
def test_a_plane_wave_in_a_periodic_window_keeps_its_amplitude_and_turns_its_phase():
    # Without padding the window is periodic, and the uniform field is one plane wave: exact to rounding.
    wave = torch.ones(16, 16, dtype=torch.complex128)
    found = angular_spectrum(wave, SPACING, WAVELENGTH, 3.7, index=1.5, padding=1)
    assert relative_l2(found, wave * cmath.exp(1j * 1.5 * K * 3.7)) < 1e-12


@pytest.mark.closed_form
def test_propagating_there_and_back_restores_a_beam():
    beam = gaussian(1.0)
    back = angular_spectrum(angular_spectrum(beam, SPACING, WAVELENGTH, 3.0), SPACING, WAVELENGTH, -3.0)
    # The tail that left the window on the way is lost: w(3) = 1.17, exp(-(5/1.17)²) = 1.2e-8.
    assert relative_l2(back, beam) < 1.2e-8


@pytest.mark.closed_form
def test_no_distance_changes_nothing():
    assert relative_l2(angular_spectrum(lens(), SPACING, WAVELENGTH, 0.0), lens()) < 1e-12


@pytest.mark.closed_form
def test_evanescent_waves_fade_in_either_direction():
    # One wave with kx = 2k fades as exp(−√3 k |z|); the window holds whole periods of it.
    sample_spacing = WAVELENGTH / 16
    x = coordinates(64, sample_spacing)
    wave = torch.exp(2j * K * x)[:, None].expand(64, 64)
    for z in (0.2, -0.2):
        found = angular_spectrum(wave, sample_spacing, WAVELENGTH, z, padding=1)
        assert float(found.abs().max()) == pytest.approx(math.exp(-math.sqrt(3) * K * 0.2), rel=1e-9)


@pytest.mark.closed_form
def test_free_space_conserves_power():
    # A beam that fits the window: the only loss is the tail that leaves it, exp(-2(5/1.65)²) = 1e-8.
    beam = gaussian(1.5)
    before = power(beam, SPACING, WAVELENGTH)
    after = power(angular_spectrum(beam, SPACING, WAVELENGTH, 5.0), SPACING, WAVELENGTH)
    assert float(after / before) == pytest.approx(1, abs=1e-8)


@pytest.mark.closed_form
def test_the_flux_sums_to_the_power():
    beam = gaussian(1.5)
    flux = focal_flux(beam, SPACING, WAVELENGTH, 5.0, GRID)
    # As above.
    assert float(flux.sum() * SPACING**2 / power(beam, SPACING, WAVELENGTH)) == pytest.approx(1, abs=1e-8)


@pytest.mark.closed_form
def test_the_power_of_a_plane_wave_is_index_times_area_and_its_cosine():
    # Window of whole periods, so each field is one plane wave: exact.
    sample_spacing = WAVELENGTH / 16
    x = coordinates(64, sample_spacing)
    area = (64 * sample_spacing) ** 2
    straight = torch.ones(64, 64, dtype=torch.complex128)
    oblique = torch.exp(1j * 0.5 * K * x)[:, None].expand(64, 64)
    evanescent = torch.exp(2j * K * x)[:, None].expand(64, 64)
    found = power(torch.stack([straight, oblique, evanescent]), sample_spacing, WAVELENGTH, padding=1) / area
    torch.testing.assert_close(found, torch.tensor([1, math.sqrt(0.75), 0], dtype=torch.float64))
    assert float(power(straight, sample_spacing, WAVELENGTH, index=1.45, padding=1)) == pytest.approx(
        1.45 * area
    )


@pytest.mark.closed_form
def test_vector_power_is_the_flux_of_poyntings_vector():
    # A wave at the angle θ in the xz plane, polarised in it with |E| = 1: flux cosθ; Ex alone sees cos³θ.
    sample_spacing = WAVELENGTH / 16
    x = coordinates(64, sample_spacing)
    wave = torch.exp(1j * 0.5 * K * x)[:, None].expand(64, 64)
    cosine = math.sqrt(0.75)
    found = power(torch.stack([cosine * wave, 0 * wave, -0.5 * wave]), sample_spacing, WAVELENGTH, padding=1)
    area = (64 * sample_spacing) ** 2
    assert float(found.sum() / area) == pytest.approx(cosine)
    assert float(found[0] / area) == pytest.approx(cosine**3)


@pytest.mark.cross_check
def test_the_zoomed_plane_holds_the_samples_of_the_plain_one():
    plane = angular_spectrum(lens(), SPACING, WAVELENGTH, FOCAL)
    zoomed = focal_plane(lens(), SPACING, WAVELENGTH, FOCAL, GRID[90:111], GRID[50:60])
    torch.testing.assert_close(zoomed, plane[90:111, 50:60])


@pytest.mark.cross_check
def test_a_section_is_the_middle_of_the_planes_that_it_cuts():
    distances = torch.tensor([4.0, 9.0])
    section = axial_section(lens(), SPACING, WAVELENGTH, distances, GRID[80:121], padding=3)
    for row, distance in zip(section, distances, strict=True):
        plane = angular_spectrum(lens(), SPACING, WAVELENGTH, float(distance), padding=3)
        torch.testing.assert_close(row, plane[80:121, COUNT // 2])


@pytest.mark.closed_form
def test_a_field_of_any_shape_and_parity_stays_centred():
    # A symmetric field on an even and odd window must stay symmetric.
    x, y = coordinates(40, SPACING), coordinates(51, SPACING)
    beam = torch.exp(-(x[:, None] ** 2) / 0.3 - y**2 / 0.5).to(torch.complex128)
    found = angular_spectrum(beam, SPACING, WAVELENGTH, 2.0)
    torch.testing.assert_close(found, found.flip(-1))
    torch.testing.assert_close(found, found.flip(-2))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_leading_dimensions_are_a_batch_and_precision_is_kept(dtype):
    fields = torch.stack([lens(dtype), gaussian(1.5).to(dtype)]).reshape(2, 1, COUNT, COUNT)
    planes = angular_spectrum(fields, SPACING, WAVELENGTH, 5.0)
    at_points = rayleigh_sommerfeld(fields, SPACING, WAVELENGTH, POINTS)
    assert planes.shape == fields.shape
    assert at_points.shape == (2, 1, 3)
    assert planes.dtype == at_points.dtype == dtype
    # Sums of 40,401 samples in another order: rounding of single precision, times the root of their number.
    assert relative_l2(planes[1, 0], angular_spectrum(fields[1, 0], SPACING, WAVELENGTH, 5.0)) < 2e-5
    assert relative_l2(at_points[0, 0], rayleigh_sommerfeld(fields[0, 0], SPACING, WAVELENGTH, POINTS)) < 2e-5


@pytest.mark.cross_check
def test_single_precision_loses_no_phase():
    # The phase at z = 300 is 3000 rad, of which single precision would round 1e-4; ours is double.
    exact = rayleigh_sommerfeld(lens(), SPACING, WAVELENGTH, POINTS * torch.tensor([1, 1, 30]))
    found = rayleigh_sommerfeld(lens(torch.complex64), SPACING, WAVELENGTH, POINTS * torch.tensor([1, 1, 30]))
    assert relative_l2(found, exact) < 1e-5


@pytest.mark.cross_check
def test_the_sum_over_points_does_not_depend_on_how_it_is_cut(monkeypatch):
    whole = rayleigh_sommerfeld(lens(), SPACING, WAVELENGTH, POINTS)
    monkeypatch.setattr("metagen.propagation.points.CHUNK", 3 * COUNT * 7)
    torch.testing.assert_close(rayleigh_sommerfeld(lens(), SPACING, WAVELENGTH, POINTS), whole)


@pytest.mark.gradient
@pytest.mark.parametrize(
    "intensity",
    [
        lambda field: rayleigh_sommerfeld(field, 0.1, WAVELENGTH, POINTS[:2]).abs().square().sum(),
        lambda field: angular_spectrum(field, 0.1, WAVELENGTH, 2.0).abs().square()[3:5].sum(),
        lambda field: focal_flux(field, 0.1, WAVELENGTH, 2.0, torch.tensor([0.0, 0.3])).sum(),
        lambda field: power(field, 0.1, WAVELENGTH),
    ],
    ids=["points", "planes", "flux", "power"],
)
def test_gradients_equal_finite_differences(intensity):
    generator = torch.Generator().manual_seed(0)
    field = torch.randn(8, 8, dtype=torch.complex128, generator=generator, requires_grad=True)
    # Intensities are quadratic in the field, so that central differences are exact but for rounding; the
    # gradients are as small as 1e-4.
    assert torch.autograd.gradcheck(intensity, field, eps=1e-3, atol=1e-12, rtol=1e-7)


@pytest.mark.closed_form
def test_a_lens_attains_nearly_the_largest_intensity_that_a_field_can_make():
    # Cauchy and Schwarz: the bound is reached by the conjugate kernel; a lens of even amplitude reaches
    # (mean |K|)²/mean |K|² of it, which for this aperture (NA 0.45) is within 2 % of one.
    bound = attainable_intensity((COUNT, COUNT), SPACING, WAVELENGTH, POINTS[:1])
    share = float(rayleigh_sommerfeld(lens(), SPACING, WAVELENGTH, POINTS[:1]).abs()[0] ** 2) / bound
    assert 0.98 < share < 1


@pytest.mark.closed_form
def test_no_random_field_beats_the_attainable_intensity_and_the_best_one_reaches_it():
    points = POINTS * torch.tensor([1, 1, 0.1])
    bound = attainable_intensity((20, 20), 0.1, WAVELENGTH, points)
    weights = PointPropagator.for_samples(20, 0.1, WAVELENGTH, points, dtype=torch.complex128).weights
    best = torch.linalg.svd(weights.flatten(1), full_matrices=False).Vh[0].conj().reshape(20, 20) * 20
    generator = torch.Generator().manual_seed(0)
    others = torch.randn(50, 20, 20, dtype=torch.complex128, generator=generator)
    others = others * 20 / others.flatten(1).norm(dim=1)[:, None, None]
    mean = (
        rayleigh_sommerfeld(torch.cat([best[None], others]), 0.1, WAVELENGTH, points).abs().square().mean(-1)
    )
    assert float(mean[0]) == pytest.approx(bound)
    assert (mean[1:] < bound).all()


@pytest.mark.cross_check
@pytest.mark.parametrize("chunk", [1 << 22, 500])
def test_the_compressed_propagator_is_the_full_one(chunk, monkeypatch):
    monkeypatch.setattr("metagen.propagation.points.CHUNK", chunk)
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(4, 5, 5, dtype=torch.complex128, generator=generator)
    coefficients = torch.randn(2, 6, 6, 4, dtype=torch.complex128, generator=generator)
    field = torch.einsum("bijr,rac->biajc", coefficients, basis).reshape(2, 30, 30)
    fast = PointPropagator.for_basis(basis, 6, 0.4431, WAVELENGTH, POINTS)(coefficients)
    torch.testing.assert_close(fast, rayleigh_sommerfeld(field, 0.04431 * 2, WAVELENGTH, POINTS))
    kept = PointPropagator.for_samples(30, 0.04431 * 2, WAVELENGTH, POINTS, dtype=torch.complex128)(field)
    torch.testing.assert_close(fast, kept)


@pytest.mark.cross_check
@pytest.mark.parametrize("count", [1, 4, 5])
@pytest.mark.parametrize("mirror", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_one_quadrant_of_a_symmetric_device_gives_the_field_of_the_whole(count, mirror):
    # Modes cos(ax)·sin(by) and the like have all four parities; those of the coefficients make up the rest.
    x = coordinates(6, 0.4431 / 6)
    across = torch.stack([torch.cos(2 * x), torch.sin(3 * x)])
    along = torch.stack([torch.cos(x), torch.sin(4 * x)])
    basis = torch.einsum("ax,by->abxy", across, along).flatten(0, 1).to(torch.complex128)
    parity = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * torch.tensor(mirror)
    generator = torch.Generator().manual_seed(0)
    anything = torch.randn(count, count, 4, dtype=torch.complex128, generator=generator)
    half = anything + parity[:, 0] * anything.flip(0)
    coefficients = half + parity[:, 1] * half.flip(1)
    points = torch.cat([POINTS, POINTS * torch.tensor([-1, 1, 1])])
    whole = PointPropagator.for_basis(basis, count, 0.4431, WAVELENGTH, points)
    folded = PointPropagator.for_basis(basis, count, 0.4431, WAVELENGTH, points, mirror=mirror)
    torch.testing.assert_close(folded(coefficients[count // 2 :, count // 2 :]), whole(coefficients))
    assert folded.weights.numel() * 4 <= whole.weights.numel() * (1 + 1 / count) ** 2


@pytest.fixture
def beam():
    """A tilted beam on a rectangular grid of samples; the sides of a sample are (0.08, 0.11)."""
    x, y = axes((90, 70), (0.08, 0.11))
    size = torch.exp(-((x[:, None] - 0.3) ** 2) / 1.1 - (y + 0.4) ** 2 / 0.9)
    return torch.polar(size, 1.2 * x[:, None] + 0.7 * y)


@pytest.mark.cross_check
def test_on_a_rectangular_grid_all_ways_lead_to_the_same_field(beam):
    spacing = (0.08, 0.11)
    sums = rayleigh_sommerfeld(beam, spacing, WAVELENGTH, POINTS)
    x, y = POINTS[:, 0], POINTS[:, 1]
    for i, (point, z) in enumerate(zip(sums, POINTS[:, 2], strict=True)):
        plane = focal_plane(beam, spacing, WAVELENGTH, float(z), x[i : i + 1], y[i : i + 1])
        # The beam has faded to 1e-6 at the edge, and the angular spectrum is right to 1 % or better.
        torch.testing.assert_close(plane[0, 0], point, rtol=0, atol=0.01 * float(sums.abs().max()))
    kept = PointPropagator.for_samples((90, 70), spacing, WAVELENGTH, POINTS, dtype=torch.complex128)(beam)
    cells = beam.reshape(18, 5, 10, 7).swapaxes(1, 2).flatten(-2)
    basis = torch.eye(35, dtype=torch.complex128).reshape(35, 5, 7)
    by_cells = PointPropagator.for_basis(basis, (18, 10), (0.4, 0.77), WAVELENGTH, POINTS)(cells)
    torch.testing.assert_close(kept, sums)
    torch.testing.assert_close(by_cells, sums)


@pytest.mark.closed_form
@pytest.mark.parametrize("polarisation", [(1, 0), (0, 1), (0.6, 0.8j)])
def test_poyntings_vector_of_a_wide_tilted_beam_is_that_of_a_plane_wave(polarisation):
    index, kx, ky = 1.3, 2.0, -1.5
    k = index * K
    kz = math.sqrt(k**2 - kx**2 - ky**2)
    ez = -(kx * polarisation[0] + ky * polarisation[1]) / kz
    x, y = axes((500, 300), (0.08, 0.1))
    wide = torch.exp(-((x[:, None] / 10) ** 2) - (y / 8) ** 2)
    wave = torch.polar(wide, kx * x[:, None] + ky * y)
    field = torch.stack([part * wave for part in (*polarisation, ez)])
    centre = torch.tensor([0.01], dtype=torch.float64)
    found = float(poynting(field, (0.08, 0.1), WAVELENGTH, 0.01, centre, centre, index, padding=1)[0, 0])
    expected = (abs(polarisation[0]) ** 2 + abs(polarisation[1]) ** 2 + abs(ez) ** 2) * kz / K
    # The angle varies over the beam by about 1/(k·10 µm) = 0.8 %, which counts squared.
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.closed_form
def test_poyntings_vector_over_a_whole_plane_is_the_power():
    x, y = axes((200, 180), (0.08, 0.1))
    beams = [torch.exp(-(((x[:, None] - a) / 1.2) ** 2) - ((y + a) / 1.5) ** 2) for a in (0.0, 0.3)]
    ex, ey = (torch.polar(beam, 3.0 * x[:, None] - y) for beam in beams)
    field = torch.stack([ex, ey, _longitudinal(ex, ey)])
    window = coordinates(401, 0.06)
    flux = poynting(field, (0.08, 0.1), WAVELENGTH, 2.0, window, window)
    assert float(flux.sum()) * 0.06**2 == pytest.approx(
        float(power(field, (0.08, 0.1), WAVELENGTH).sum()), rel=1e-3
    )


def _longitudinal(ex, ey):
    """Ez of fields on samples (0.08, 0.1), from div E = 0 for waves along +z."""
    kx, ky = (
        2 * math.pi * torch.fft.fftfreq(n, d).double() for n, d in zip(ex.shape, (0.08, 0.1), strict=True)
    )
    kz = torch.sqrt((K**2 - kx[:, None] ** 2 - ky**2).to(torch.complex128))
    return torch.fft.ifft2(-(kx[:, None] * torch.fft.fft2(ex) + ky * torch.fft.fft2(ey)) / kz)


@pytest.mark.closed_form
def test_power_does_not_depend_on_the_grid(beam):
    finer = torch.nn.functional.interpolate(
        torch.view_as_real(beam).movedim(-1, 0)[None], size=(180, 70), mode="bicubic", align_corners=False
    )[0]
    found = power(torch.complex(finer[0], finer[1]), (0.04, 0.11), WAVELENGTH)
    # Bicubic interpolation of a beam 1 µm wide on samples of 0.08 µm is right to about (0.08)³.
    assert float(found) == pytest.approx(float(power(beam, (0.08, 0.11), WAVELENGTH)), rel=2e-3)


@pytest.mark.convergence
def test_the_sum_over_points_is_the_integral_from_one_sample_on():
    """A beam half a wavelength wide has evanescent waves; its plane waves, summed, are exact for them."""
    x = coordinates(401, SPACING)
    beam = torch.exp(-(x[:, None] ** 2 + x**2) / 0.3**2).to(torch.complex128)
    centre = torch.zeros(1, dtype=torch.float64)
    errors = []
    for spacings in (1.0, 1.5, 2.0):
        distance = spacings * SPACING
        point = torch.tensor([[0.0, 0.0, distance]], dtype=torch.float64)
        exact = focal_plane(beam, SPACING, WAVELENGTH, distance, centre)[0]
        found = rayleigh_sommerfeld(beam, SPACING, WAVELENGTH, point)
        errors.append(float((found - exact).abs() / exact.abs()))
        with pytest.raises(InputError, match="focal_plane"):
            rayleigh_sommerfeld(beam, SPACING, WAVELENGTH, 0.4 * point)
    # As documented.
    assert errors[0] < 0.01
    assert errors[2] < 3e-5
    # The sum over samples aliases the kernel's spectrum, exp(−2πz/Δ) but for slower factors of z.
    assert math.log(errors[0] / errors[2]) == pytest.approx(2 * math.pi, rel=0.05)


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"complex \[\.\.\., X, Y\]"):
        angular_spectrum(torch.ones(4, 4), SPACING, WAVELENGTH, 1.0)
    with pytest.raises(InputError, match="wavelength is 0"):
        angular_spectrum(lens(), SPACING, 0.0, 1.0)
    with pytest.raises(InputError, match="every z at least the sample_spacing"):
        rayleigh_sommerfeld(lens(), SPACING, WAVELENGTH, -POINTS)
    for make in (PointPropagator.for_samples, lambda *of: attainable_intensity((8, 8), *of[1:])):
        with pytest.raises(InputError, match="at least one point"):
            make(8, SPACING, WAVELENGTH, POINTS[:0])
    with pytest.raises(InputError, match="wavelength is 0"):
        attainable_intensity((8, 8), SPACING, 0.0, POINTS)
    with pytest.raises(InputError, match="distance is nan"):
        angular_spectrum(lens(), SPACING, WAVELENGTH, math.nan)
    with pytest.raises(InputError, match="this propagator was made for"):
        PointPropagator.for_samples(8, SPACING, WAVELENGTH, POINTS)(lens())
