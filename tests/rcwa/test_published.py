"""Published results, the smaller ones and coarser than `benchmarks/published.py` computes them."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from published_cases import cylinders, fins, grating, library, metagrating, posts
from published_cases.grating_in_meep import meep
from published_cases.patterns import Pattern, pattern_files
from published_cases.ringing import limit

from metagen.base.errors import InputError
from metagen.device import Illumination, Lattice
from metagen.device.shapes import Polygon
from metagen.rcwa import make_cell, solve_cell

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "published.py"
PIXELS = 37
BARS = ((0, 9), (28, 34))
"""First pixel and the one after the last of every bar of a line grating."""


@pytest.fixture
def file(tmp_path):
    """Write a file of a folder of patterns: ``file(text)`` gives its path."""

    def write(text, name="device1.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def line_grating(columns=1, gap="0", silicon="1", separator=","):
    filled = [any(first <= i < end for first, end in BARS) for i in range(PIXELS)]
    return "\n".join(separator.join([silicon if each else gap] * columns) for each in filled)


def power_of_bars(orders):
    """The same grating, of bars whose outlines have exact Fourier transforms."""
    pitch, half = grating.PITCH, grating.PITCH[1] / 2
    middles = [(first + end) / 2 / PIXELS - 0.5 for first, end in BARS]
    widths = [(end - first) / PIXELS * pitch[0] / 2 for first, end in BARS]
    bars = tuple(Polygon([(-x, -half), (x, -half), (x, half), (-x, half)]) for x in widths)
    cell = make_cell(
        bars,
        lattice=Lattice(pitch, tuple((x, 0.0) for x in middles)),
        height=grating.HEIGHT,
        pillar=grating.SILICON,
        substrate=grating.SILICA,
    )
    channels = solve_cell(cell, Illumination(grating.WAVELENGTH), orders=(orders, 1)).transmitted
    wanted = [order == (1, 0) for order in zip(channels.m, channels.n, strict=True)]
    return float(channels.power[wanted].sum())


@pytest.mark.cross_check
def test_p1_pixels_of_one_column_are_the_bars_that_they_make_up(file):
    """Both are the same truncated problem, with other Fourier transforms: 1e-8 leaves room for rounding."""
    pattern = Pattern.read(file(line_grating()))
    assert metagrating.rcwa_with(pattern, (12, 0)) == pytest.approx(power_of_bars(12), abs=1e-8)


@pytest.mark.parametrize(
    "text",
    [
        line_grating(columns=3),
        line_grating(gap="0.0", silicon="255"),
        line_grating(columns=2, separator=" ; "),
        line_grating(columns=2, separator="\t") + "\n\n",
    ],
    ids=["columns", "other numbers", "semicolons", "tabs"],
)
def test_p1_one_pattern_may_be_written_in_several_ways(file, text):
    plain = Pattern.read(file(line_grating()))
    other = Pattern.read(file(text, "device2.csv"))
    assert other.is_line_grating
    np.testing.assert_array_equal(other.filled[:, :1], plain.filled)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("0,1\n1\n", "rows have 1 or 2 values"),
        ("0,1\n1,silicon\n", "holds 'silicon'"),
        ("0,1\n1,nan\n", "holds 'nan'"),
        ("0,1\n1,0.5\n", "holds 3 different values"),
        ("0,1,1\n0,1,1\n", "all rows are equal"),
    ],
)
def test_p1_a_file_that_is_no_pattern_is_refused_by_its_name(file, text, message):
    with pytest.raises(InputError, match=f"device1.csv: .*{message}"):
        Pattern.read(file(text))


def test_p1_a_folder_without_patterns_is_refused(tmp_path):
    with pytest.raises(InputError, match="no device"):
        pattern_files(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        pattern_files(tmp_path / "nowhere")


@pytest.mark.parametrize("shift", range(4))
def test_p1_a_mirror_along_y_is_found_wherever_it_is(shift):
    """Of four pixels: in the middle of one, and between two."""
    for columns in ([1, 0, 0, 0], [1, 1, 0, 0]):
        filled = np.roll(np.array([columns, [0] * 4], dtype=bool), shift, axis=1)
        moved = Pattern("device", filled).mirrored_along_y
        np.testing.assert_array_equal(moved, moved[:, ::-1])
        assert moved.sum() == 2 * filled.sum()
    assert Pattern("device", np.array([[1, 1, 0, 1, 0, 0], [0] * 6], dtype=bool)).mirrored_along_y is None


@pytest.mark.end_to_end
def test_p1_the_command_prints_a_line_per_pattern_and_one_per_bad_file(file):
    folder = file(line_grating()).parent
    file("0,1\n", "device2.csv")
    command = [sys.executable, BENCHMARK, "metagrating", "--patterns", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == f"device1 {power_of_bars(metagrating.LINE_ORDERS[0]):.4f}\n"
    assert done.stderr.startswith(f"error: {folder / 'device2.csv'}: ")
    assert done.stderr.count("\n") == 1
    assert done.returncode == 1


@pytest.mark.meep
@pytest.mark.slow
@pytest.mark.cross_check
def test_p1_meep_agrees_on_walls_that_lie_inside_voxels(file):
    """A pixel is a little over two voxels. Measured: 0.003 apart; RCWA is off by 2e-4, Meep by the rest."""
    pattern = Pattern.read(file(line_grating()))
    assert meep(pattern) == pytest.approx(metagrating.rcwa(pattern), abs=0.005)


@pytest.mark.closed_form
def test_p1_the_limit_of_what_still_rings_is_found():
    """Exact for few resonances: 1e-9 is what least squares leave of rounding."""
    times = np.arange(60)[:, None]
    rates, parts = np.array([-0.01 + 0.2j, -0.03 - 0.5j, -0.1]), np.array([[0.3, -0.1j], [0.2, 0.2], [1j, 2]])
    end = np.array([0.5 - 0.2j, 0.1j])
    history = end + np.exp(times * rates) @ parts
    np.testing.assert_allclose(limit(history), end, rtol=0, atol=1e-9)


@pytest.mark.closed_form
def test_p3_an_i_beam_delays_light_as_in_print():
    """The paper's index at 450 nm is not given: 0.02 more or less moves these phases by 0.1 rad."""
    atoms = (0, 3)
    amplitudes = library.circular(0.450, orders=6, atoms=atoms)
    assert np.abs(library.differences(0.450, amplitudes, atoms)).max() < 0.2


@pytest.mark.closed_form
def test_p4_posts_of_high_transmission_have_all_phases():
    """Every tenth of a radian would need more diameters; here neighbours are up to half a radian apart."""
    found = posts.posts(3.43, count=36, orders=6)
    assert found.good.mean() > 0.9
    assert found.gap < math.pi / 4


@pytest.mark.closed_form
def test_p5_a_fin_converts_handedness_as_in_print():
    """The printed 0.95 has two digits; the angle in the lattice moves it by 0.01."""
    fin = fins.FINS[1]
    found = fin.conversion(fin.lattices["square"], (0, 45))
    np.testing.assert_allclose(found, fins.PUBLISHED, rtol=0, atol=0.015)


@pytest.mark.cross_check
def test_p9_another_program_finds_the_same_power():
    """fmmax still moves by 5e-5 at its last truncation, and this coarse one is off by 1e-4."""
    assert cylinders.power(8) == pytest.approx(cylinders.FMMAX, abs=2e-4)
