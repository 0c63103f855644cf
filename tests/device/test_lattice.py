"""Lattices: their neighbours, symmetries and reciprocal vectors, and the files they are read from."""

import math
from dataclasses import asdict

import numpy as np
import pytest

from metagen.base.errors import InputError
from metagen.base.validation import load_toml, validate
from metagen.device.lattice import Lattice
from metagen.device.symmetry import Symmetry

SQUARE, RECTANGULAR, HEXAGONAL = Lattice.square(0.4), Lattice.rectangular(0.4, 0.6), Lattice.hexagonal(0.4)
PAIR = Lattice((0.8, 0.5), ((-0.25, 0.0), (0.25, 0.1)))
HALVED = Lattice((0.8, 0.5), ((0.0, 0.0), (0.5, 0.0)))
EACH = {"square": SQUARE, "rectangular": RECTANGULAR, "hexagonal": HEXAGONAL, "pair": PAIR, "halved": HALVED}
DIAGONALS = Symmetry.MIRROR_DIAGONAL | Symmetry.MIRROR_ANTIDIAGONAL
each_lattice = pytest.mark.parametrize("lattice", EACH.values(), ids=EACH)
EXACT = 1e-12
"""A few thousand roundings of numbers of order one."""


@each_lattice
def test_lattice_is_hashable_and_equal_to_its_copy(lattice):
    assert hash(lattice) == hash(Lattice(lattice.pitch, lattice.sites))
    assert validate(asdict(lattice), Lattice, "test") == lattice


@pytest.mark.closed_form
def test_hexagonal_sites_have_six_neighbours_at_one_distance():
    assert HEXAGONAL.spacing == pytest.approx(0.4, rel=EXACT, abs=0)
    around = HEXAGONAL.neighbours(0.4)
    angles = np.sort(np.degrees(np.arctan2(around[:, 1], around[:, 0])) % 360)
    assert angles == pytest.approx([0, 60, 120, 180, 240, 300], abs=1e-9)
    assert HEXAGONAL.area / 2 == pytest.approx(math.sqrt(3) / 2 * 0.4**2, rel=EXACT, abs=0)


@pytest.mark.closed_form
@pytest.mark.parametrize(
    ("lattice", "spacing"),
    [(SQUARE, 0.4), (RECTANGULAR, 0.4), (Lattice.rectangular(0.6, 0.4), 0.4), (PAIR, math.hypot(0.4, 0.05))],
)
def test_spacing_is_the_smallest_distance_between_sites(lattice, spacing):
    assert lattice.spacing == pytest.approx(spacing, rel=EXACT, abs=0)


@pytest.mark.cross_check
@each_lattice
def test_neighbours_are_those_of_many_cells(lattice):
    cells = np.stack(np.meshgrid(np.arange(-6, 7), np.arange(-6, 7)), -1).reshape(-1, 1, 2)
    sites = (cells * lattice.pitch + lattice.positions).reshape(-1, 2)
    vectors = (sites[None] - lattice.positions[:, None]).reshape(-1, 2)
    near = {tuple(v) for v in np.round(vectors, 9) + 0.0 if 0 < np.hypot(*v) <= 1.1}
    assert {tuple(v) for v in np.round(lattice.neighbours(1.1), 9) + 0.0} == near


@pytest.mark.closed_form
@pytest.mark.parametrize(
    ("lattice", "primitive"),
    [
        (SQUARE, [[0.4, 0], [0, 0.4]]),
        (RECTANGULAR, [[0.4, 0], [0, 0.6]]),
        (HEXAGONAL, [[0.4, 0], [0.2, 0.2 * math.sqrt(3)]]),
        (PAIR, [[0.8, 0], [0, 0.5]]),
        (HALVED, [[0.4, 0], [0, 0.5]]),
    ],
)
def test_primitive_vectors_are_the_textbook_ones(lattice, primitive):
    assert lattice.primitive == pytest.approx(np.array(primitive), abs=EXACT)


@pytest.mark.cross_check
@each_lattice
def test_harmonics_of_the_lattice_are_those_of_the_primitive_reciprocal_lattice(lattice):
    m, n = np.meshgrid(np.arange(-5, 6), np.arange(-5, 6), indexing="ij")
    vectors = 2 * math.pi * np.stack([m / lattice.pitch[0], n / lattice.pitch[1]], -1)
    orders = vectors @ lattice.primitive.T / (2 * math.pi)
    assert np.array_equal(lattice.has_harmonic(m, n), (np.abs(orders - np.rint(orders)) < 1e-9).all(-1))
    assert orders @ lattice.reciprocal == pytest.approx(vectors, abs=1e-10)


@pytest.mark.closed_form
def test_half_of_the_harmonics_of_a_hexagonal_cell_exist():
    m, n = np.meshgrid(np.arange(-5, 6), np.arange(-5, 6), indexing="ij")
    assert np.array_equal(HEXAGONAL.has_harmonic(m, n), (m + n) % 2 == 0)


@pytest.mark.closed_form
@pytest.mark.parametrize(
    ("lattice", "expected"),
    [
        (SQUARE, Symmetry.ALL),
        (RECTANGULAR, Symmetry.TWO_MIRRORS),
        (HEXAGONAL, Symmetry.TWO_MIRRORS),
        (PAIR, Symmetry.NONE),
        (Lattice((0.8, 0.5), ((-0.25, 0.0), (0.25, 0.0))), Symmetry.TWO_MIRRORS),
        (Lattice((0.8, 0.5), ((-0.25, -0.05), (0.25, 0.05))), Symmetry.HALF_TURN),
        (Lattice((0.5, 0.5), ((0.1, 0.1), (-0.1, -0.1))), Symmetry.HALF_TURN | DIAGONALS),
        (Lattice((0.5, 0.5), ((0.1, 0.1), (0.3, 0.3))), Symmetry.MIRROR_DIAGONAL),
    ],
)
def test_symmetry_is_that_of_the_sites(lattice, expected):
    assert lattice.symmetry == expected


@pytest.mark.parametrize(
    ("text", "lattice"),
    [
        ('kind = "square"\nperiod = 0.4', SQUARE),
        ('kind = "rectangular"\npitch = [0.4, 0.6]', RECTANGULAR),
        ('kind = "hexagonal"\nspacing = 0.4', HEXAGONAL),
        ("pitch = [0.8, 0.5]\nsites = [[-0.25, 0.0], [0.25, 0.1]]", PAIR),
    ],
)
def test_lattice_is_read_from_a_file(tmp_path, text, lattice):
    path = tmp_path / "lattice.toml"
    path.write_text(text)
    assert load_toml(path, Lattice) == lattice


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "square", "period": 0.0}, "period is 0; it must be positive"),
        ({"kind": "square", "period": "0.4"}, "one length in micrometres"),
        ({"kind": "square", "spacing": 0.4}, "'kind' and 'period'"),
        ({"kind": "triangular", "spacing": 0.4}, "known: square, rectangular, hexagonal"),
        ({"kind": "rectangular", "pitch": [0.4]}, "pitch"),
        ({"spacing": 0.4}, r"lattice has no kind, only \['spacing'\]; known: square"),
        (0.4, r"lattice is 0.4; give metagen\.Lattice\.square"),
        ({"pitch": [0.4, 0.4], "sites": []}, "one site at least"),
        ({"pitch": [0.4, 0.4], "sites": [[0, 0], [1, 0]]}, "same position"),
        ({"pitch": [0.4, math.inf]}, "finite"),
    ],
)
def test_impossible_lattices_are_refused(values, said):
    with pytest.raises(InputError, match=said):
        validate(values, Lattice, "test.toml")


def test_impossible_lattices_are_refused_in_python_too():
    with pytest.raises(InputError, match=r"spacing is -0\.4; it must be positive"):
        Lattice.hexagonal(-0.4)


def test_several_pillars_per_cell_are_read_from_a_file_by_their_places():
    found = validate({"pitch": [0.6, 0.4], "sites": [[0, 0], [0.5, 0.5]]}, Lattice, source="")
    assert found == Lattice((0.6, 0.4), ((0.0, 0.0), (0.5, 0.5)))
    with pytest.raises(InputError, match="'pitch' and 'sites'"):
        validate({"kind": "rectangular", "pitch": [0.6, 0.4], "sites": [[0, 0]]}, Lattice, source="")
