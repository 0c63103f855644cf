"""The library: against direct solves, symmetry, gradients, and what is kept on disk."""

import math
import warnings

import numpy as np
import pytest
import torch

import metagen as mg
from metagen.base.errors import InputError
from metagen.rcwa import Library, LibrarySampling, LibraryWarning, PhaseTable
from metagen.rcwa.axes import axes_of
from metagen.rcwa.library import cache_path, tabulated
from metagen.rcwa.library_cells import LibraryCells

LATTICE = mg.Lattice.square(0.325)
MEDIA = {"height": 0.6, "pillar": 2.42, "substrate": 1.46}
FIN = mg.Platform(
    lattice=LATTICE, atom=mg.atoms.Rectangle(length=0.25, width=0.095, angle=(0, math.pi)), **MEDIA
)
LIGHT = mg.Illumination(0.532, "left")
QUICK = LibrarySampling(orders=5, tolerance=0.01)


@pytest.fixture(scope="module")
def turned():
    return Library.compute(FIN, LIGHT, QUICK)


@pytest.mark.cross_check
def test_between_its_samples_the_library_is_the_solver(turned):
    angles = np.random.default_rng(7).uniform(0, math.pi, 6)
    solved = mg.rcwa.solve(FIN, LIGHT, angle=angles, tolerance=2e-3)
    # The stated errors of the interpolation and of the truncation (corners converge slower than its estimate
    # assumes, hence twice), and the solver's own.
    allowed = turned.held_out_error + 2 * turned.truncation_error(angle=angles).max() + 2e-3
    assert np.abs(turned(angle=angles) - solved.jones).max() < allowed < 0.05
    assert turned.transmittance(angle=angles) == pytest.approx(solved.transmittance, abs=2 * allowed)


@pytest.mark.closed_form
def test_mirrors_and_turns_of_the_lattice_are_in_the_library(turned):
    angle, mirror, quarter = 0.41, np.diag([1, -1]), np.array([[0, -1], [1, 0]])
    here = turned(angle=angle)
    # To rounding: cells that a mirror or a turn makes of others are not solved again.
    assert np.abs(turned(angle=-angle) - mirror @ here @ mirror).max() < 1e-10
    assert np.abs(turned(angle=angle + math.pi) - here).max() < 1e-10
    assert np.abs(turned(angle=angle + math.pi / 2) - quarter @ here @ quarter.T).max() < 1e-10


@pytest.mark.closed_form
def test_mirrors_and_turns_make_four_cells_of_one():
    cells = LibraryCells(FIN, LIGHT, axes_of(FIN.atom), 4)
    one = np.array([[0.3]])
    images, values = cells.images(one), cells(one)
    # θ, −θ, and both turned by 90 degrees; other orders do not propagate.
    assert np.sort(images.ravel()) == pytest.approx(
        [0.3, math.pi / 2 - 0.3, math.pi / 2 + 0.3, math.pi - 0.3]
    )
    for image, value in zip(images, values, strict=True):
        assert np.abs(cells(image)[0] - value).max() < 1e-10


@pytest.mark.gradient
def test_the_gradient_is_that_of_finite_differences(turned):
    angle = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    turned(angle=angle)[0, 1].abs().square().backward()
    step = 1e-5
    ends = [abs(turned(angle=0.3 + sign * step)[0, 1]) ** 2 for sign in (1, -1)]
    # Central differences err by the square of the step.
    assert float(angle.grad) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)


@pytest.mark.closed_form
def test_conversion_is_that_of_the_jones_matrix(turned):
    jones = turned(angle=0.2)
    left, right = np.array([1, 1j]) / math.sqrt(2), np.array([1, -1j]) / math.sqrt(2)
    expected = abs(right.conj() @ jones @ left) ** 2 / MEDIA["substrate"]
    assert turned.conversion(angle=0.2) == pytest.approx(expected, rel=1e-12)


@pytest.mark.cross_check
def test_circles_have_the_numbers_of_the_phase_table():
    platform = mg.Platform(radius_min=0.06, radius_max=0.14)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = PhaseTable.compute(platform, wavelength=0.633, orders=6, tolerance=1e-3)
    library = Library.compute(platform, mg.Illumination(0.633), LibrarySampling(orders=6, tolerance=1e-3))
    radii = np.linspace(0.06, 0.14, 31)
    # The same cells; the table extrapolates in the number of orders, and each is interpolated to 1e-3.
    allowed = 2e-3 + 1.1 * library.truncation_error(radius=radii).max()
    assert np.abs(library(radius=radii)[:, 0, 0] - table(radii)).max() < allowed < 0.05
    assert np.abs(library.transmittance(radius=radii) - table.transmittance(radii)).max() < 2 * allowed
    assert np.abs(library.reflectance(radius=radii) - table.reflectance(radii)).max() < 2 * allowed


@pytest.mark.closed_form
def test_energy_is_kept_also_in_oblique_light_with_other_orders():
    platform = mg.Platform(atom=mg.atoms.Circle(radius=(0.08, 0.1)), lattice=mg.Lattice.square(0.4431))
    light = mg.Illumination(0.5, "y", polar=0.2, azimuth=0.5)
    library = Library.compute(platform, light, LibrarySampling(orders=4, tolerance=1e-3))
    assert library.labels
    radii = np.linspace(0.08, 0.1, 5)
    total = library.transmittance(radius=radii) + library.reflectance(radius=radii)
    # The solver keeps energy at every truncation; the interpolation errs by 1e-3 in an amplitude near one.
    assert total == pytest.approx(np.ones(5), abs=2e-3)


def test_parameters_broadcast_together():
    atom = mg.atoms.Rectangle(length=(0.16, 0.18), width=(0.08, 0.1))
    platform = mg.Platform(lattice=LATTICE, atom=atom, **MEDIA)
    library = Library.compute(platform, mg.Illumination(0.532), QUICK)
    length, width = np.array([0.163, 0.178])[:, None], np.array([0.081, 0.09, 0.099])
    jones = library(length=length, width=width)
    assert jones.shape == (2, 3, 2, 2)
    solved = mg.rcwa.solve(platform, 0.532, length=length, width=width, tolerance=2e-3)
    assert (
        np.abs(jones - solved.jones).max()
        < QUICK.tolerance + 2 * library.truncation_error(length=length, width=width).max() + 2e-3
    )


@pytest.fixture(scope="module")
def fins():
    """Three resonances move through this range of lengths and widths."""
    atom = mg.atoms.Rectangle(length=(0.10, 0.26), width=(0.06, 0.15))
    platform = mg.Platform(lattice=LATTICE, atom=atom, **MEDIA)
    return Library.compute(platform, mg.Illumination(0.532), LibrarySampling(orders=3, tolerance=5e-3))


@pytest.mark.cross_check
def test_resonances_that_move_through_two_parameters_are_met_at_random_cells(fins):
    random = np.random.default_rng(11)
    length, width = random.uniform(0.10, 0.26, 100), random.uniform(0.06, 0.15, 100)
    solved = mg.rcwa.solve(fins.platform, 0.532, length=length, width=width, orders=3)
    # A grid of 33 × 33 cells, joined by polynomials, misses some by more than 1. The error is stated for 24
    # random cells and for the least certain ones; of 100 others some may be a little worse.
    assert fins.samples.cells < 300
    assert np.abs(fins(length=length, width=width) - solved.jones).max() < 2 * fins.sampling.tolerance
    assert np.abs(fins.reflected(length=length, width=width) - solved.jones_reflected).max() < 1e-2


@pytest.mark.cross_check
def test_a_resonance_is_where_the_transmission_of_direct_solves_is_least(fins):
    places = {}
    for width in (0.09, 0.1):
        sharpest = max(fins.resonances(width=width), key=lambda found: found.strength)
        low, high = sharpest.value - 2 * sharpest.half_width, sharpest.value + 2 * sharpest.half_width
        length = np.linspace(low, high, 81)
        solved = mg.rcwa.solve(fins.platform, 0.532, length=length, width=width, orders=3)
        places[width] = length[np.abs(solved.t).argmin()]
        # The pole; the least transmission is close to it, and shifted by what else is transmitted (Fano).
        assert abs(places[width] - sharpest.value) < sharpest.half_width
    assert places[0.1] < places[0.09] - 0.01
    assert 0.02 < fins.resonant_share < 0.3


@pytest.mark.gradient
def test_the_gradient_on_a_resonance_is_that_of_finite_differences(fins):
    (first, *_) = fins.resonances(width=0.1)
    length = torch.tensor(first.value + first.half_width, dtype=torch.float64, requires_grad=True)
    fins(length=length, width=0.1)[0, 0].abs().square().backward()
    step = 1e-3 * first.half_width
    ends = [abs(fins(length=length.item() + sign * step, width=0.1)[0, 0]) ** 2 for sign in (1, -1)]
    # Central differences err by the square of the step over the half width.
    assert float(length.grad) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5)


@pytest.mark.cross_check
def test_the_truncation_error_is_the_step_of_the_extrapolation(fins):
    at = {"length": 0.12, "width": 0.07}
    coarse, fine = (mg.rcwa.solve(fins.platform, 0.532, **at, orders=orders).jones for orders in (2, 3))
    ratio = (2.5 / 3.5) ** 3
    step = np.abs((fine - coarse) * ratio / (1 - ratio)).max()
    # Both are interpolated to the tolerance or better, and the ratio multiplies that by 0.57 each.
    assert fins.truncation_error(**at) == pytest.approx(step, abs=1.2 * fins.sampling.tolerance)
    typical, worst = fins.truncation_errors
    assert 0 < typical < 0.1 * worst


@pytest.mark.cross_check
def test_one_file_serves_all_polarisations(monkeypatch):
    platform = mg.Platform(atom=mg.atoms.Circle(radius=(0.08, 0.1)), lattice=mg.Lattice.square(0.4431))
    sampling = LibrarySampling(orders=4, tolerance=1e-4)
    of_x = Library.compute(platform, mg.Illumination(0.5, "x", polar=0.2, azimuth=0.5), sampling)
    monkeypatch.setattr("metagen.rcwa.library._computed", None)
    for polarisation in ("x", "y", "left", "right"):
        light = mg.Illumination(0.5, polarisation, polar=0.2, azimuth=0.5)
        library = Library.compute(platform, light, sampling)
        assert library.light == light
        solved = mg.rcwa.solve(platform, light, radius=0.087, orders=4)
        # Amplitudes near one to 1e-4, so powers to 2e-4.
        assert library.transmittance(radius=0.087) == pytest.approx(solved.transmittance, abs=2e-4)
        assert library.reflectance(radius=0.087) == pytest.approx(solved.reflectance, abs=2e-4)
        assert np.array_equal(library(radius=0.087), of_x(radius=0.087))
        again = of_x.polarised(polarisation)
        assert np.array_equal(again.order_powers(radius=0.087), library.order_powers(radius=0.087))


@pytest.mark.cross_check
def test_three_parameters_are_as_good_as_is_said():
    atom = mg.atoms.Rectangle(length=(0.15, 0.18), width=(0.08, 0.1), angle=(0.1, 0.5))
    platform = mg.Platform(lattice=LATTICE, atom=atom, **MEDIA)
    library = Library.compute(platform, LIGHT, LibrarySampling(orders=3, tolerance=0.01))
    random = np.random.default_rng(3)
    given = {p.name: random.uniform(p.low, p.high, 20) for p in atom.parameters}
    solved = mg.rcwa.solve(platform, LIGHT, orders=3, **given)
    # The tolerance was met at 24 random cells and at the least certain ones.
    assert np.abs(library(**given) - solved.jones).max() < 0.01
    assert library.held_out_error <= 0.01


def test_a_choice_of_shapes_is_a_list_of_their_cells():
    square, bar = (mg.atoms.Rectangle(length=a, width=b) for a, b in ((0.1, 0.1), (0.2, 0.08)))
    corners = [
        [(-a / 2, -b / 2), (a / 2, -b / 2), (a / 2, b / 2), (-a / 2, b / 2)]
        for a, b in ((square.length, square.width), (bar.length, bar.width))
    ]
    platform = mg.Platform(lattice=LATTICE, atom=mg.atoms.Fixed(polygons=corners), **MEDIA)
    library = Library.compute(platform, mg.Illumination(0.532), LibrarySampling(orders=3))
    solved = mg.rcwa.solve(platform, 0.532, choice=np.array([0, 1]), orders=3)
    # They are solved, not interpolated.
    assert np.abs(library(choice=np.array([0, 1])) - solved.jones).max() < 1e-12
    assert (library.samples.cells, library.held_out_error, library.resonances()) == (2, 0, ())


def test_a_library_that_misses_its_tolerance_says_so_and_where():
    atom = mg.atoms.Rectangle(length=(0.15, 0.28), width=0.095, angle=(0, math.pi))
    platform = mg.Platform(lattice=LATTICE, atom=atom, **MEDIA)
    with pytest.warns(LibraryWarning, match=r"right to .* only.* worst at length 0\.\d+, angle"):
        library = Library.compute(platform, LIGHT, LibrarySampling(orders=3, tolerance=1e-4, cells=40))
    assert library.held_out_error > 1e-4 > 0
    assert library.samples.cells < 40 + 17


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "the library has angle"),
        ({"radius": 0.1}, "the library has angle"),
        ({"angle": 0.1, "length": 0.2}, "the library has angle"),
    ],
)
def test_parameters_are_those_of_the_library(turned, given, message):
    with pytest.raises(InputError, match=message):
        turned(**given)


def test_a_parameter_outside_its_limits_is_refused():
    atom = mg.atoms.Rectangle(length=0.2, width=0.095, angle=(0, 0.5))
    platform = mg.Platform(lattice=LATTICE, atom=atom, **MEDIA)
    library = Library.compute(platform, LIGHT, LibrarySampling(orders=3, tolerance=0.1))
    with pytest.raises(InputError, match=r"angle is 30; the library covers 0 \.\. 0\.5 \(radians\)"):
        library(angle=30.0)


def test_a_library_needs_a_free_parameter():
    fixed = mg.Platform(lattice=LATTICE, atom=mg.atoms.Rectangle(length=0.2, width=0.1), **MEDIA)
    with pytest.raises(InputError, match="0 free parameters"):
        Library.compute(fixed, LIGHT)


def test_what_was_computed_is_read_again(turned, monkeypatch):
    monkeypatch.setattr("metagen.rcwa.library._computed", None)
    again = Library.compute(FIN, LIGHT, QUICK)
    assert np.array_equal(again(angle=0.3), turned(angle=0.3))
    assert again.resonances() == turned.resonances()


def test_a_damaged_or_foreign_file_in_the_cache_is_computed_anew(turned, monkeypatch):
    path = cache_path(FIN, LIGHT, QUICK)
    whole = path.read_bytes()
    calls = []
    monkeypatch.setattr("metagen.rcwa.library._computed", lambda *_: calls.append(None) or turned)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    path.write_bytes(damaged)
    Library.compute(FIN, LIGHT, QUICK)
    other = LibrarySampling(orders=5, tolerance=0.02)
    cache_path(FIN, LIGHT, other).write_bytes(whole)
    Library.compute(FIN, LIGHT, other)
    assert len(calls) == 2


def test_circles_in_light_along_x_keep_the_phase_table():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert isinstance(tabulated(mg.Platform(), mg.Illumination(0.633)), PhaseTable)
