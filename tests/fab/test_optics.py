"""Hand-over to ray tracers: the phase of a known lens, and rays through the file that meet at its focus."""

import math

import numpy as np
import pytest
import torch

import metagen as mg
from metagen.base.errors import InputError
from metagen.data.nearfield import NearField
from metagen.device.layout import random_layout
from metagen.device.sampling import sample_axes
from metagen.fab.optics import PhaseMap, fit_radial, fit_table, write_csv, write_grid_phase
from metagen.propagation import rayleigh_sommerfeld

PERIOD, WAVELENGTH = 0.4431, 0.633
WAVENUMBER = 2 * math.pi / WAVELENGTH


def lens_phase(focal_length, count=61, samples=1, index=1.0):
    """Phase of a perfect lens in the convention exp(−iωt), on the samples of a device."""
    sample_spacing = PERIOD / samples
    x = (np.arange(count * samples) - (count * samples - 1) / 2) * sample_spacing
    return lens_at(focal_length, x[:, None], x, index)


def lens_at(focal_length, x, y, index=1.0):
    path = np.sqrt(x**2 + y**2 + focal_length**2) - abs(focal_length)
    return -math.copysign(index * WAVENUMBER, focal_length) * path


def phase_map(phase, amplitude=1.0, index=1.0):
    return PhaseMap(amplitude * np.exp(1j * phase), (PERIOD, PERIOD), WAVELENGTH, index)


@pytest.mark.closed_form
def test_this_phase_focuses_where_it_should_in_our_own_propagation():
    """Ties the sign of the files to the fields of this package: one cell beside the focus is much darker."""
    field = torch.tensor(np.exp(1j * lens_phase(30.0)), dtype=torch.complex64)
    points = torch.tensor([[0, 0, 30.0], [0, 0, 15.0], [0, 0, 60.0], [4 * PERIOD, 0, 30.0]])
    found = rayleigh_sommerfeld(field, PERIOD, WAVELENGTH, points.double()).abs() ** 2
    assert (found[0] > 30 * found[1:]).all()


@pytest.mark.closed_form
@pytest.mark.parametrize("focal_length", [20.0, 100.0, -30.0])
def test_the_fit_is_the_phase_of_the_lens(focal_length):
    """The numerical aperture at the corners is 0.69 at 20 µm, where the series of the lens in ρ² falls by
    about 0.2 per term: six terms leave 0.2⁶ of its 66 rad, and least squares a fortieth of that, 1e-4 rad at
    most and 1e-5 in the mean. The constant phase is free."""
    phase = lens_phase(focal_length)
    fit = fit_radial(phase_map(phase + 1.7), terms=6)
    assert np.abs(fit.phase - phase - np.mean(fit.phase - phase)).max() < 2e-4
    assert fit.focal_length == pytest.approx(focal_length, rel=1e-3)  # sought in steps of 0.01 rad
    assert fit.rms < 2e-5
    assert fit.overlap > 1 - 2e-5**2
    assert fit.jumps == 0
    assert math.copysign(1, fit.coefficients[0]) == -math.copysign(1, focal_length)


@pytest.mark.closed_form
def test_a_quadratic_phase_has_one_coefficient():
    """... −k·R²/(2f), the Binary 2 surface of a thin lens; behind it a medium of index 1.5."""
    x = (np.arange(41) - 20) * PERIOD
    square = x[:, None] ** 2 + x[None, :] ** 2
    fit = fit_radial(phase_map(-1.5 * WAVENUMBER * square / (2 * 80.0), index=1.5), terms=3)
    expected = -1.5 * WAVENUMBER * square.max() / (2 * 80.0)
    np.testing.assert_allclose(fit.coefficients, [expected, 0, 0], rtol=0, atol=1e-6)
    assert fit.radius == pytest.approx(math.sqrt(square.max()))


@pytest.mark.closed_form
def test_the_fit_bears_noise_and_uneven_amplitude():
    """Phase noise of 0.5 rad on 61² cells: the focal length to a per cent, and a residual of that size."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.5, (61, 61))
    fit = fit_radial(phase_map(lens_phase(60.0) + noise, rng.uniform(0.3, 1, (61, 61))))
    assert fit.focal_length == pytest.approx(60.0, rel=0.01)
    assert fit.rms == pytest.approx(0.5, rel=0.05)
    # Independent phases of variance s² leave exp(−s²) in the wave; uneven amplitude ⟨a⟩²/⟨a²⟩ of that. The
    # standard error of such a square of a mean over 61² cells is 0.008.
    amplitude = 0.65**2 / (0.65**2 + 0.7**2 / 12)
    assert fit.overlap == pytest.approx(math.exp(-0.25) * amplitude, abs=0.025)


@pytest.mark.closed_form
def test_the_map_is_the_mean_over_each_cell():
    field = np.arange(36, dtype=np.complex64).reshape(6, 6)
    seen = PhaseMap.of(field[None], 3, mg.Platform(), mg.Illumination(WAVELENGTH))
    np.testing.assert_allclose(seen.values, [[field[:3, :3].mean(), field[:3, 3:].mean()],
                                             [field[3:, :3].mean(), field[3:, 3:].mean()]])  # fmt: skip


@pytest.mark.closed_form
@pytest.mark.parametrize("lattice", [mg.Lattice.hexagonal(0.4), mg.Lattice.rectangular(0.5, 0.35)])
def test_any_lattice_and_light_give_the_phase_that_the_device_adds(lattice):
    """A lens in tilted light that arrives left and leaves right: of that the left part is nothing.

    Averaging over a cell shifts the phase by its curvature times p²/24 on each axis: 2 mrad for the longest
    side, 0.7 µm, apart from a constant, where the curvature falls by a third."""
    light = mg.Illumination(WAVELENGTH, "left", 0.2, 0.7)
    platform = mg.Platform(lattice=lattice, atom=mg.atoms.Rectangle(0.3, 0.1, (0.0, math.pi)))
    x, y = sample_axes((31, 22), lattice, 8)
    phase = lens_at(30.0, x[:, None], y)
    kx, ky = light.wave_vector
    along = np.exp(1j * (phase + kx * x[:, None] + ky * y))
    right = mg.Illumination(WAVELENGTH, "right").jones
    field = (np.append(right, 0)[:, None, None] * along).astype(np.complex64)
    fit = fit_radial(PhaseMap.of(field, 8, platform, light), terms=5)
    assert fit.focal_length == pytest.approx(30.0, rel=2e-3)
    wanted = lens_at(30.0, *np.meshgrid(*fit.map.axes, indexing="ij"))
    assert np.ptp(fit.device_phase - wanted) < 3e-3
    assert (fit.map.light, fit.map.seen) == ("left from 11.4592° at azimuth 40.107°", "right")
    assert np.abs(PhaseMap.of(field, 8, platform, light, "left").values).max() < 1e-6


def test_one_component_is_not_enough_for_an_analyser():
    with pytest.raises(
        InputError, match=r"component along the light \(x\), and analyser is left.*components = 3"
    ):
        PhaseMap.of(np.ones((1, 6, 6), np.complex64), 3, mg.Platform(), mg.Illumination(0.6), "left")


def read_grid_phase(path):
    """A .DAT file as its documentation says: the header in a dict, [nx, ny] phase with increasing x and y."""
    first, *lines = path.read_text().splitlines()
    nx, ny, delx, dely, unit, xdec, ydec = first.split()
    header = {"nx": int(nx), "ny": int(ny), "delx": float(delx), "dely": float(dely)}
    assert (unit, xdec, ydec) == ("0", "0", "0")  # millimetres, centred
    rows = np.array([[float(value) for value in line.split()] for line in lines])
    assert rows.shape == (int(nx) * int(ny), 5)
    assert not rows[:, 1:].any()  # the program derives the slopes itself
    return header, rows[:, 0].reshape(int(ny), int(nx))[::-1].T


@pytest.mark.closed_form
def test_rays_through_the_written_file_meet_at_the_focus(tmp_path):
    """A ray at x leaves with the direction cosine (λ/2π)·dφ/dx. Central differences of the phase are off by
    p²·φ‴/6, which moves the crossing by p²/2f² = 1.1e-4 of the focal length at most."""
    focal_length = 30.0
    write_grid_phase(fit_radial(phase_map(lens_phase(focal_length) - 2.0), 6), tmp_path / "lens.DAT")
    header, phase = read_grid_phase(tmp_path / "lens.DAT")
    assert header == {"nx": 61, "ny": 61, "delx": PERIOD / 1000, "dely": PERIOD / 1000}
    x = (np.arange(61) - 30) * header["delx"] * 1000
    middle = phase[:, 30]
    cosine = (middle[2:] - middle[:-2]) / (x[2:] - x[:-2]) / WAVENUMBER
    heights, cosine = x[1:-1][np.abs(x[1:-1]) > 1], cosine[np.abs(x[1:-1]) > 1]
    crossing = -heights * np.sqrt(1 - cosine**2) / cosine
    np.testing.assert_allclose(crossing, focal_length, rtol=1.2e-4)


def test_the_file_begins_at_the_corner_of_negative_x_and_positive_y_and_runs_along_x(tmp_path):
    x = (np.arange(7) - 3) * PERIOD
    tilt = 0.5 * x[:, None] + 0.2 * x[None, :]
    fit = fit_radial(phase_map(tilt), terms=1)
    write_grid_phase(fit, tmp_path / "tilt.DAT")
    written = np.loadtxt(tmp_path / "tilt.DAT", skiprows=1)[:, 0]
    # Values are written with nine digits.
    assert written[1] - written[0] == pytest.approx(0.5 * PERIOD, abs=1e-8)  # a step along +x
    assert written[7] - written[0] == pytest.approx(-0.2 * PERIOD, abs=1e-8)  # the next row is at lower y
    np.testing.assert_allclose(read_grid_phase(tmp_path / "tilt.DAT")[1], fit.device_phase, rtol=1e-8)


def test_the_table_of_cells_holds_amplitude_phase_and_conventions(tmp_path):
    amplitude = np.linspace(0.5, 1, 9)[:, None] * np.ones((9, 9))
    fit = fit_radial(phase_map(lens_phase(20.0, 9), amplitude))
    write_csv(fit, tmp_path / "lens.csv")
    rows = np.loadtxt(tmp_path / "lens.csv", delimiter=",")
    values = rows[:, 2] * np.exp(1j * (rows[:, 3] + fit.piston))
    np.testing.assert_allclose(values.reshape(9, 9), fit.map.values, atol=1e-7)
    np.testing.assert_allclose(rows[:, 0].reshape(9, 9)[:, 0], fit.map.axes[0], atol=1e-8)
    head = (tmp_path / "lens.csv").read_text().split("x_um")[0]
    for said in ("exp(-i omega t)", "0.633", "radial fit", "half a wavelength above"):
        assert said in head


@pytest.mark.closed_form
def test_steps_over_half_a_turn_are_counted():
    """A device of alternating cells has no slope at all."""
    board = 3.0 * (np.indices((8, 8)).sum(0) % 2)
    assert fit_radial(phase_map(board), terms=1).jumps == 0  # 3.0 rad < π
    rng = np.random.default_rng(1)
    assert fit_radial(phase_map(rng.uniform(-np.pi, np.pi, (30, 30))), terms=1).jumps > 0.1


def test_the_file_of_a_device_that_is_no_square_has_its_counts_and_pitches(tmp_path):
    values = np.exp(0.3j * (np.arange(9)[:, None] + 2 * np.arange(6)))
    fit = fit_radial(PhaseMap(values, (0.4, 0.6), WAVELENGTH))
    write_grid_phase(fit, tmp_path / "a.DAT")
    header, phase = read_grid_phase(tmp_path / "a.DAT")
    assert header == {"nx": 9, "ny": 6, "delx": pytest.approx(4e-4), "dely": pytest.approx(6e-4)}
    np.testing.assert_allclose(np.exp(1j * (phase + fit.piston)), values, atol=1e-7)
    write_csv(fit, tmp_path / "a.csv")
    x, y, *_ = np.loadtxt(tmp_path / "a.csv", delimiter=",").T
    np.testing.assert_allclose((x[0], y[0], x[-1], y[1] - y[0]), (-1.6, -1.5, 1.6, 0.6))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: fit_radial(phase_map(lens_phase(20.0, 9)), terms=5), "terms is 5"),
        (lambda: fit_radial(phase_map(lens_phase(20.0, 9)), terms=0), "terms is 0"),
        (lambda: write_grid_phase(fit_radial(phase_map(lens_phase(20.0, 9))), "lens.txt"), "DAT"),
        (lambda: write_grid_phase(fit_radial(phase_map(lens_phase(20.0, 4)), 1), "a.DAT"), "at least 5"),
    ],
)
def test_what_cannot_be_handed_over_is_refused(make, reason):
    with pytest.raises(InputError, match=reason):
        make()


@pytest.mark.end_to_end
def test_the_command_hands_over_the_other_handedness_of_turned_fins_by_a_model_of_linear_light(
    tmp_path, metagen
):
    platform = mg.surrogate.load("tio2-fins-660-x").platform
    x = (np.arange(15) - 7) * platform.lattice.pitch[0]
    phase = lens_at(15.0, x[:, None], x) * WAVELENGTH / 0.66
    mg.Layout(platform, {"angle": phase / 2 % math.pi}).save(tmp_path / "fins.h5")
    out = ["--model", "tio2-fins-660-x", "--polarisation", "left", "--output", tmp_path / "fins"]
    result = metagen("handover", tmp_path / "fins.h5", *out)
    assert result.returncode == 0, result.stderr
    assert "what is polarised right" in (tmp_path / "fins-660nm-left.csv").read_text()
    _, found = read_grid_phase(tmp_path / "fins-660nm-left.DAT")
    # The model's fins are coupled to their neighbours, so that they miss the phase of single ones a little.
    assert np.std(found - phase) < 0.1


@pytest.mark.end_to_end
def test_the_command_hands_over_a_near_field(tmp_path, metagen):
    layout = random_layout(mg.Platform(), 21, seed=1)
    field = np.zeros((210, 210, 3), dtype=np.complex64)
    field[..., 0] = np.exp(1j * lens_phase(20.0, 21, samples=10))
    NearField(layout, WAVELENGTH, field).save(tmp_path / "near.h5")
    result = metagen("handover", tmp_path / "near.h5", "--output", tmp_path / "out" / "lens")
    assert result.returncode == 0, result.stderr
    assert "Binary 2" in result.stdout
    light = mg.Illumination(WAVELENGTH)
    fit = fit_radial(PhaseMap.of(np.moveaxis(field, -1, 0), 10, mg.Platform(), light))
    assert f"{fit.coefficients[0]:.9g}" in result.stdout.replace("\n", "")
    assert fit_table(fit).rows[1][1] == f"{fit.coefficients[0]:.9g}"
    _, phase = read_grid_phase(tmp_path / "out" / "lens-633nm.DAT")
    # Averaging over a cell shifts the phase by its curvature along x and y times p²/24: 8 mrad in the middle
    # and, as the curvature falls, 1 mrad less at the corners.
    wanted = lens_phase(20.0, 21)
    assert np.abs(phase - wanted - np.mean(phase - wanted)).max() < 1e-3
    assert (tmp_path / "out" / "lens-633nm.csv").exists()
