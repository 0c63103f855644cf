"""Platforms: any lattice and atom, the short form for circles on a square lattice, files and hashes."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest

import metagen as mg
from metagen.base.errors import InputError
from metagen.base.validation import plain, validate
from metagen.device.atoms import Circle, Rectangle
from metagen.device.lattice import Lattice
from metagen.device.platform import difference
from metagen.surrogate.domain import Domain

FINS = mg.Platform(
    lattice=Lattice.hexagonal(0.4),
    atom=Rectangle((0.15, 0.35), 0.09, (0.0, math.pi)),
    height=0.6,
    pillar="titanium_dioxide",
    substrate="fused_silica",
)
FINS_FILE = """
height = 0.6
pillar = "titanium_dioxide"
substrate = "fused_silica"
[lattice]
kind = "hexagonal"
spacing = 0.4
[atom]
kind = "rectangle"
length = [0.15, 0.35]
width = 0.09
angle_deg = [0, 180]
"""


def test_platform_of_any_lattice_and_atom_is_read_from_a_file(tmp_path):
    path = tmp_path / "fins.toml"
    path.write_text(FINS_FILE)
    assert mg.Platform.load(path) == FINS


def test_short_form_is_circles_on_a_square_lattice():
    short = mg.Platform(period=0.5, radius_min=0.06, radius_max=0.2)
    assert short == mg.Platform(lattice=Lattice.square(0.5), atom=Circle((0.06, 0.2)))
    assert (short.period, short.radius_min, short.radius_max) == (0.5, 0.06, 0.2)


def test_hash_of_circles_is_that_of_the_files_that_are_shipped():
    """Written down before there were other shapes; models, layouts and caches know their platform by it."""
    assert mg.Platform().hash == "896750408397bbaf6373500702ef91ed2ec6a448694875fb100a7f3afd48437f"
    one = mg.Platform(period=1, radius_min=0.1, radius_max=0.5)
    assert one.hash == "f1b0b30fb2f05e99d6fdb56a49469ab90f9d5838a964871c682e7a82a12cf540"


def test_circles_are_written_and_printed_in_the_short_form():
    assert list(mg.Platform().described) == [
        "period", "height", "pillar", "substrate", "cover", "radius_min", "radius_max"
    ]  # fmt: skip
    assert repr(mg.Platform()) == (
        "Platform(period=0.4431, height=0.633, pillar=2.0, substrate=1.45, cover=1.0, radius_min=0.05, "
        "radius_max=0.17)"
    )


@pytest.mark.parametrize(
    "platform",
    [
        mg.Platform(),
        FINS,
        mg.Platform(lattice=Lattice.hexagonal(0.45)),
        mg.Platform(atom=Circle(0.1)),
    ],
)
def test_description_is_read_back(platform):
    again = validate(json.loads(json.dumps(platform.described)), mg.Platform, source="test")
    assert again == platform
    assert again.hash == platform.hash


def test_platform_within_another_object_is_read_back():
    domain = Domain(illumination=0.6, known=((0.2, 0.3), (0.0, 1.0)), platform=FINS)
    assert validate(json.loads(json.dumps(plain(domain))), Domain, source="test") == domain


def test_platforms_of_other_lattices_and_atoms_have_other_hashes():
    assert len({each.hash for each in (FINS, replace(FINS, lattice=Lattice.square(0.5)), mg.Platform())}) == 3


def test_short_keys_change_circles():
    changed = replace(mg.Platform(), radius_max=0.2, height=0.7)
    assert changed == mg.Platform(radius_max=0.2, height=0.7)
    assert replace(changed, period=0.5).radius_max == 0.2


@pytest.mark.parametrize("name", ["period", "radius_min", "radius_max"])
@pytest.mark.parametrize(
    "platform", [FINS, mg.Platform(lattice=Lattice.hexagonal(0.45)), mg.Platform(atom=Circle(0.1))]
)
def test_short_attributes_of_other_platforms_are_refused(platform, name):
    with pytest.raises(InputError, match=f"{name} is for circles of free radius on a square lattice"):
        getattr(platform, name)


def test_difference_names_what_changed():
    assert difference(mg.Platform(), mg.Platform(radius_max=0.2)) == "radius_max 0.2 instead of 0.17"
    assert difference(FINS, replace(FINS, height=0.7)) == "height 0.7 instead of 0.6"
    assert "atom Rectangle" in difference(mg.Platform(), FINS)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"period": 0.4, "lattice": {"kind": "square", "period": 0.4}},
            "period: these are for circles",
        ),
        ({"radius_max": 0.1, "atom": {"kind": "circle", "radius": 0.1}}, "radius_max: these are for circles"),
        ({"radius_max": 0.3}, r"test: radius limits 0\.05 \.\. 0\.3"),
        ({"period": -1}, "test: period: Input should be greater than 0, got -1"),
        ({"period": "wide"}, "test: period: Input should be a valid number"),
        ({"raduis_max": 0.1}, "did you mean 'radius_max'"),
        ({"atom": {"kind": "rectangle", "length": 0.5, "width": 0.1}}, r"length 0\.5, width 0\.1 overlap"),
        ({"atom": {"kind": "rectangle", "length": 0.3}}, "test: atom rectangle: 'width' is missing"),
        ({"atom": 3}, "give a table with 'kind'"),
        ({"lattice": {"kind": "square", "period": 443.1}}, "height is 0.633 and the period 443.1"),
        ({"lattice": 0.4}, "lattice"),
    ],
)
def test_impossible_platforms_are_refused(values, said):
    with pytest.raises(InputError, match=said):
        validate(values, mg.Platform, source="test")


def test_one_array_is_no_layout_of_a_meta_atom_with_several_parameters():
    with pytest.raises(InputError, match="give one array each"):
        mg.Layout(FINS, [[0.1]])


def test_platforms_of_circles_are_made_without_torch():
    code = "import sys, metagen as mg; mg.Platform(radius_max=0.2); print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
