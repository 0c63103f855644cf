"""The library: against direct solves, symmetry, gradients, and what is kept on disk."""

import math
import warnings

import numpy as np
import pytest
import torch

import metagen as mg
from metagen.base.errors import InputError
from metagen.rcwa import Library, LibrarySampling, LibraryWarning, PhaseTable
from metagen.rcwa.library import cache_path, tabulated

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
    allowed = turned.held_out_error + 2 * turned.truncation_error + 2e-3
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


def test_symmetry_saves_cells(monkeypatch):
    from metagen.rcwa import library_cells

    solved = []
    solve = library_cells.solve

    def counting(platform, light, *, angle, **given):
        solved.extend(np.ravel(angle))
        return solve(platform, light, angle=angle, **given)

    monkeypatch.setattr(library_cells, "solve", counting)
    cells = library_cells.LibraryCells(FIN, LIGHT, mg.rcwa.axes.axes_of(FIN.atom), 4)
    cells(np.arange(8)[:, None] * math.pi / 8)
    # Of eight angles over half a turn those at 0, π/8 and π/4 are all there are, at two truncations each.
    assert len(solved) - 1 == 3 * 2


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
    allowed = 2e-3 + 1.1 * library.truncation_error
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


def test_two_parameters_are_joined_on_a_grid():
    atom = mg.atoms.Rectangle(length=(0.16, 0.18), width=(0.08, 0.1))
    platform = mg.Platform(lattice=LATTICE, atom=atom, **MEDIA)
    library = Library.compute(platform, mg.Illumination(0.532), QUICK)
    length, width = np.array([0.163, 0.178])[:, None], np.array([0.081, 0.09, 0.099])
    jones = library(length=length, width=width)
    assert jones.shape == (2, 3, 2, 2)
    solved = mg.rcwa.solve(platform, 0.532, length=length, width=width, tolerance=2e-3)
    assert np.abs(jones - solved.jones).max() < QUICK.tolerance + 2 * library.truncation_error + 2e-3


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
    assert again.resonances == turned.resonances


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
