"""Light: its direction, its Jones vector, what mirrors do to it, and files."""

import math

import numpy as np
import pytest

from metagen.base.errors import InputError
from metagen.base.validation import load_toml, validate
from metagen.device.illumination import Illumination
from metagen.device.symmetry import Symmetry

HALF = math.sqrt(0.5)
DIAGONALS = Symmetry.MIRROR_DIAGONAL | Symmetry.MIRROR_ANTIDIAGONAL | Symmetry.HALF_TURN
TURNS = Symmetry.HALF_TURN | Symmetry.QUARTER_TURN


def test_light_is_x_polarised_and_comes_along_z_unless_told_otherwise():
    light = Illumination(0.633)
    assert light.jones.tolist() == [1, 0]
    assert light.is_normal
    assert light.wave_vector.tolist() == [0, 0]


@pytest.mark.closed_form
def test_transverse_wave_vector_is_that_in_vacuum():
    light = Illumination(0.5, polar=math.radians(30), azimuth=math.radians(60))
    expected = 2 * math.pi / 0.5 * 0.5 * np.array([0.5, math.sqrt(3) / 2])
    assert light.wave_vector == pytest.approx(expected, rel=1e-15, abs=0)
    assert not light.is_normal


@pytest.mark.closed_form
@pytest.mark.parametrize("name", ["left", "right"])
def test_field_of_circular_light_turns_with_its_angular_momentum(name):
    """With exp(−iωt), (1, ±i) turns counterclockwise (+) seen against the light: Lz = ±1 along +z."""
    ex, ey = Illumination(0.5, name).jones
    assert abs(ex) ** 2 + abs(ey) ** 2 == pytest.approx(1, rel=1e-15, abs=0)
    spin = float(np.imag(np.conj(ex) * ey - np.conj(ey) * ex))
    assert spin == pytest.approx(1 if name == "left" else -1, rel=1e-15, abs=0)
    quarter = np.exp(-1j * math.pi / 2)
    now, later = (np.real([factor * ex, factor * ey]) for factor in (1, quarter))
    assert now[0] * later[1] - now[1] * later[0] == pytest.approx(spin / 2, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("vector", "name"),
    [((1, 0), "x"), ((0, 1), "y"), ((HALF, 1j * HALF), "left"), ((HALF, -1j * HALF), "right")],
)
def test_named_vectors_turn_into_their_names(vector, name):
    assert Illumination(0.5, vector) == Illumination(0.5, name)


@pytest.mark.closed_form
@pytest.mark.parametrize(
    ("light", "expected"),
    [
        (Illumination(0.5), Symmetry.TWO_MIRRORS),
        (Illumination(0.5, "y"), Symmetry.TWO_MIRRORS),
        (Illumination(0.5, "left"), TURNS),
        (Illumination(0.5, (HALF, HALF)), DIAGONALS),
        (Illumination(0.5, (0.6, 0.8)), Symmetry.HALF_TURN),
        (Illumination(0.5, "x", polar=0.3), Symmetry.MIRROR_Y),
        (Illumination(0.5, "y", polar=0.3), Symmetry.MIRROR_Y),
        (Illumination(0.5, "y", polar=0.3, azimuth=math.pi / 2), Symmetry.MIRROR_X),
        (Illumination(0.5, "left", polar=0.3), Symmetry.NONE),
    ],
)
def test_symmetry_is_what_keeps_the_light(light, expected):
    assert light.symmetry == expected


def test_angles_in_files_may_be_degrees(tmp_path):
    path = tmp_path / "light.toml"
    path.write_text('wavelength = 0.94\npolarisation = "left"\npolar_deg = 15\nazimuth_deg = 90')
    assert load_toml(path, Illumination) == Illumination(0.94, "left", math.radians(15), math.pi / 2)


def test_vectors_in_files_are_real_and_imaginary_parts(tmp_path):
    path = tmp_path / "light.toml"
    path.write_text("wavelength = 0.94\npolarisation = [[0.6, 0.0], [0.0, -0.8]]")
    assert load_toml(path, Illumination) == Illumination(0.94, (0.6, -0.8j))


@pytest.mark.parametrize("polarisation", ["x", "right", (0.6, -0.8j), (HALF * 1j, HALF)])
def test_description_is_read_back(polarisation):
    light = Illumination(0.94, polarisation, polar=0.2, azimuth=-1.0)
    assert validate(light.described, Illumination, "test") == light


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"polarisation": "z"}, "known: x, y, left, right"),
        ({"polarisation": (1, 1)}, "of norm 1.414213562; divide"),
        ({"polarisation": (1, 0, 0)}, "two complex numbers"),
        ({"polarisation": 3}, "two complex numbers"),
        ({"polarisation": (math.nan, 1)}, "norm nan"),
        ({"polar": math.pi / 2}, "polar is 1.5708; it must be from 0 to below π/2"),
        ({"polar": -0.1}, "polar is -0.1; it must be from 0"),
        ({"polar": 15}, r"polar is 15, more than a whole turn.* math\.radians\(15\), or polar_deg"),
        ({"azimuth": -90}, "azimuth is -90, more than a whole turn"),
        ({"polar": 0.1, "polar_deg": 3}, "give one of them"),
        ({"polar_deg": "3"}, "number of degrees"),
        ({"wavelength": 0}, "greater than 0"),
        ({"colour": 1}, "unknown key 'colour'"),
    ],
)
def test_impossible_light_is_refused(values, said):
    with pytest.raises(InputError, match=said):
        validate({"wavelength": 0.5, **values}, Illumination, "light.toml")


@pytest.mark.closed_form
def test_power_of_tilted_light_follows_from_its_angle_in_the_substrate():
    index, polar = 1.45, 0.5
    cosine = math.sqrt(1 - (math.sin(polar) / index) ** 2)
    across = Illumination(0.633, "y", polar=polar)
    along = Illumination(0.633, "x", polar=polar)
    assert across.flux(index) == pytest.approx(index * cosine)
    # Its transverse part is 1, so the field is 1/cos θ long.
    assert along.flux(index) == pytest.approx(index / cosine)
    assert Illumination(0.633).flux(index) == index


def test_light_is_like_itself_whatever_its_phase():
    left = Illumination(0.633, "left")
    assert left.is_like(Illumination(0.633 + 1e-9, (math.sqrt(0.5) * 1j, -math.sqrt(0.5))))
    for other in (
        Illumination(0.633, "right"),
        Illumination(0.634, "left"),
        Illumination(0.633, "left", polar=0.1),
    ):
        assert not left.is_like(other)
