"""Platform and layout objects: what they accept, and that files give back what was saved."""

import math

import h5py
import numpy as np
import pytest
from forged import forged

import metagen as mg
from metagen.base.errors import FormatError, InputError
from metagen.device.layout import random_layout
from metagen.device.symmetry import Symmetry


@pytest.fixture
def layout():
    return random_layout(mg.Platform(), count=5, seed=3)


def test_the_default_platform_is_the_papers():
    platform = mg.Platform()
    assert (platform.period, platform.height, platform.pillar, platform.substrate) == (
        0.4431,
        0.633,
        2.0,
        1.45,
    )


def test_an_unknown_platform_key_is_named(tmp_path):
    path = tmp_path / "platform.toml"
    path.write_text("perod = 0.4\n")
    with pytest.raises(InputError, match="perod"):
        mg.Platform.load(path)


def test_radius_limits_over_half_the_period_are_refused():
    with pytest.raises(InputError, match="half"):
        mg.Platform(radius_max=0.3)


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, "finite"), (0.3, "half the"), (-0.1, "from 0"), (np.inf, "finite")]
)
def test_a_radius_that_no_pillar_can_have_is_refused_with_its_position(value, reason):
    radii = np.full((3, 3), 0.1)
    radii[1, 2] = value
    with pytest.raises(InputError, match=rf"\[1, 2\].*{reason}"):
        mg.Layout(mg.Platform(), radii)


@pytest.mark.closed_form
def test_the_lattice_is_centred_on_the_axis(layout):
    assert layout.positions.sum() == pytest.approx(0, abs=1e-12)
    assert layout.positions[1] - layout.positions[0] == pytest.approx(0.4431)


def test_a_random_layout_has_both_mirror_planes_and_depends_on_its_seed_only():
    one, two = (random_layout(mg.Platform(), 6, seed) for seed in (1, 2))
    assert one.has_mirror_planes
    assert one.hash == random_layout(mg.Platform(), 6, 1).hash != two.hash


def test_a_saved_layout_loads_equal(layout, tmp_path):
    layout.save(tmp_path / "a.h5")
    assert mg.Layout.load(tmp_path / "a.h5").hash == layout.hash


def test_a_layout_file_with_another_radius_than_was_written_is_refused(layout, tmp_path):
    layout.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["radii"][0, 0] += 1e-4
    with pytest.raises(FormatError, match="damaged or incomplete"):
        mg.Layout.load(tmp_path / "a.h5")


def test_text_that_is_no_json_is_a_damaged_file(layout, tmp_path):
    layout.save(tmp_path / "a.h5")
    with forged(tmp_path / "a.h5") as file:
        file.attrs["provenance"] = "{"
    with pytest.raises(FormatError, match="damaged"):
        mg.Layout.load(tmp_path / "a.h5")


def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(layout, tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    layout.save(path)
    before = path.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("metagen.device.layout.write_layout", full_disk)
    with pytest.raises(OSError, match="space"):
        layout.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


FINS = mg.Platform(
    lattice=mg.Lattice.rectangular(0.43, 0.5),
    atom=mg.atoms.Rectangle(length=0.41, width=0.085, angle=(0, math.pi)),
)
HEXAGONAL = mg.Platform(lattice=mg.Lattice.hexagonal(0.8), atom=mg.atoms.Circle((0.1, 0.275)))


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def fins(angle, **more):
    return mg.Layout(FINS, {"angle": angle}, **more)


def test_values_are_given_and_read_by_name_free_or_fixed(rng):
    angle = rng.uniform(0, math.pi, (4, 3))
    layout = fins(angle)
    assert layout.counts == (4, 3)
    assert layout.sides == pytest.approx((4 * 0.43, 3 * 0.5))
    np.testing.assert_array_equal(layout["angle"], angle)
    assert (layout["length"] == 0.41).all()
    with pytest.raises(InputError, match="no free parameter 'radius'"):
        _ = layout.radii


def test_a_site_without_a_pillar_is_another_device_than_one_at_angle_0(rng):
    angle, present = rng.uniform(0.1, 3, (3, 3)), np.ones((3, 3), dtype=bool)
    angle[1, 1], present[1, 1] = 0, False
    assert fins(angle, present=present).hash != fins(angle).hash
    assert fins(angle, present=present)["length"][1, 1] == 0


def test_a_layout_of_any_atom_and_lattice_loads_equal(rng, tmp_path):
    radii = rng.uniform(0.1, 0.2, (4, 3, 2))
    radii[0, 1, 1] = 0
    for layout in (fins(rng.uniform(0, 3, (4, 3))), mg.Layout(HEXAGONAL, radii)):
        layout.save(tmp_path / "a.h5")
        found = mg.Layout.load(tmp_path / "a.h5")
        assert found.hash == layout.hash
        np.testing.assert_array_equal(found.present, layout.present)


@pytest.mark.closed_form
def test_pillars_stand_where_the_lattice_says():
    layout = mg.Layout(HEXAGONAL, np.full((2, 1, 2), 0.2))
    expected = [[-0.4, 0], [0, 0.4 * math.sqrt(3)], [0.4, 0], [0.8, 0.4 * math.sqrt(3)]]
    np.testing.assert_allclose(layout.centres.reshape(-1, 2), expected, atol=1e-12)


def test_symmetry_comes_from_where_pillars_stand_and_how_a_mirror_turns_them():
    radial = np.arctan2(*np.meshgrid([-1, 0, 1], [-1, 0, 1]))
    assert fins(radial).symmetry == Symmetry.TWO_MIRRORS
    assert fins(np.full((3, 3), 0.3)).symmetry == Symmetry.HALF_TURN
    assert fins(np.full((3, 3), math.pi / 2)).symmetry == Symmetry.TWO_MIRRORS
    radii = np.full((3, 2, 2), 0.2)
    radii[-1, :, 1] = radii[:, -1, 1] = 0
    assert mg.Layout(HEXAGONAL, radii).symmetry == Symmetry.TWO_MIRRORS
    assert mg.Layout(HEXAGONAL, np.full((3, 2, 2), 0.2)).symmetry == Symmetry.NONE
    assert mg.Layout(mg.Platform(), np.full((4, 4), 0.1)).symmetry == Symmetry.ALL


@pytest.mark.parametrize(
    ("platform", "values", "reason"),
    [
        (FINS, {"length": np.ones((3, 3))}, "free parameters .* are angle"),
        (FINS, {"angle": np.full((3, 3), 45.0)}, "radians"),
        (HEXAGONAL, np.full((3, 3), 0.2), "S = 2 sites"),
        (HEXAGONAL, np.full((3, 3, 2), 0.45), "half the distance of neighbours, 0.4"),
        (mg.Platform(), np.full(3, 0.1), r"expected an array \[Nx, Ny\]"),
        (mg.Platform(), np.zeros((0, 3)), "expected an array"),
        (FINS, {"angle": np.full((3, 3), 1j)}, "angle is .*real numbers"),
        (FINS, {"angle": [["a"]]}, "angle is .*real numbers"),
        (FINS, {"angle": [[0.1], [0.1, 0.2]]}, "angle is .*real numbers"),
        (FINS, np.full((3, 3), 1j), "values is .*real numbers"),
        (FINS, {"angle": np.zeros((3, 3)), "radius": np.zeros((3, 3))}, "free parameters .* are angle"),
        (FINS, {"angle": np.full((3, 3), np.nan)}, r"angle\[0, 0\] is nan"),
    ],
)
def test_pillars_of_another_platform_or_none_are_refused(platform, values, reason):
    with pytest.raises(InputError, match=reason):
        mg.Layout(platform, values)


def test_a_mask_is_of_true_and_false():
    with pytest.raises(InputError, match="present holds other values"):
        mg.Layout(FINS, {"angle": np.zeros((2, 2))}, present=np.full((2, 2), 2))


def test_an_atom_with_several_free_parameters_needs_all_of_them_by_name():
    platform = mg.Platform(atom=mg.atoms.Rectangle((0.1, 0.2), (0.05, 0.1), (0, math.pi)))
    with pytest.raises(InputError, match="'length': …, 'width': …, 'angle': …"):
        mg.Layout(platform, np.full((3, 3), 0.1))
    with pytest.raises(InputError, match="one shape"):
        mg.Layout(platform, {"length": np.ones((2, 2)), "width": np.ones((3, 3)), "angle": 0.0})


def test_a_site_is_bare_where_any_length_of_its_pillar_is_0():
    platform = mg.Platform(atom=mg.atoms.Rectangle((0.1, 0.2), (0.05, 0.1), (0, math.pi)))
    layout = mg.Layout(platform, {"length": [[0.1, 0.0]], "width": 0.06, "angle": 0.3})
    assert layout.present.tolist() == [[[True], [False]]]
    assert layout["angle"].tolist() == [[0.3, 0.0]]
