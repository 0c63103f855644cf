"""Platform, layout and near-field objects: what they accept, and that files give back what was saved."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import FormatError, InputError
from metagen.base.files import HASH, stored_hash
from metagen.data.nearfield import NearField, quadrant_of, unfold_field
from metagen.device.layout import random_layout


@pytest.fixture
def layout():
    return random_layout(mg.Platform(), count=5, seed=3)


@pytest.fixture
def near(layout):
    rng = np.random.default_rng(0)
    quadrant = rng.normal(size=(10, 10, 3)) + 1j * rng.normal(size=(10, 10, 3))
    field = unfold_field(quadrant.astype(np.complex64), side=20)
    return NearField(layout, 0.633, field, samples=4, numerics={"pixels": 7}, symmetry="mirror-xy")


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
    ("value", "reason"), [(np.nan, "finite"), (0.3, "half the"), (-0.1, "between 0"), (np.inf, "finite")]
)
def test_a_radius_that_no_pillar_can_have_is_refused_with_its_position(value, reason):
    radii = np.full((3, 3), 0.1)
    radii[1, 2] = value
    with pytest.raises(InputError, match=rf"\[1, 2\].*{reason}"):
        mg.Layout(mg.Platform(), radii)


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


def test_a_near_field_is_stored_as_a_quadrant_and_loads_whole(near, tmp_path):
    near.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["field"].shape == (10, 10, 3)
    loaded = NearField.load(tmp_path / "a.h5")
    np.testing.assert_array_equal(loaded.field, near.field)
    assert loaded.hash == near.hash


def test_a_field_without_the_symmetry_that_it_is_said_to_have_is_not_halved(near, tmp_path):
    field = near.field.copy()
    field[:3] *= 1.01
    with pytest.raises(InputError, match="symmetry to 'none'"):
        replace(near, field=field).save(tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("values", "reason"), [({"wavelength": np.nan}, "wavelength"), ({"samples": 0}, "sample")]
)
def test_a_near_field_of_no_light_or_no_samples_is_refused(near, values, reason):
    with pytest.raises(InputError, match=reason):
        replace(near, **values)


@pytest.mark.parametrize("side", [6, 7])
def test_unfolding_gives_back_a_field_with_the_mirror_signs(side):
    x = np.arange(side) - (side - 1) / 2
    X, Y = np.meshgrid(x, x, indexing="ij")
    whole = np.stack([np.cos(X) * np.cos(Y), np.sin(X) * np.sin(Y), np.sin(X) * np.cos(Y)], -1)
    whole = whole.astype(np.complex64)
    np.testing.assert_allclose(unfold_field(quadrant_of(whole), side), whole, atol=1e-7)


def test_a_file_cut_short_is_refused(near, tmp_path):
    path = tmp_path / "a.h5"
    near.save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FormatError, match="damaged"):
        NearField.load(path)


def test_a_layout_file_with_another_radius_than_was_written_is_refused(layout, tmp_path):
    layout.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["radii"][0, 0] += 1e-4
    with pytest.raises(FormatError, match="not those that were written"):
        mg.Layout.load(tmp_path / "a.h5")


def test_text_that_is_no_json_is_a_damaged_file(layout, tmp_path):
    layout.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.attrs["provenance"] = "{"
        file.attrs[HASH] = stored_hash(file)
    with pytest.raises(FormatError, match="damaged"):
        mg.Layout.load(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("schema_version", 99, "version"),
        ("schema", "metagen/layout", "schema"),
        ("time_convention", "exp(+i omega t)", "time_convention"),
        ("length_unit", "nm", "length_unit"),
    ],
)
def test_a_file_of_another_schema_or_convention_is_refused(near, tmp_path, attribute, value, reason):
    path = tmp_path / "a.h5"
    near.save(path)
    with h5py.File(path, "a") as file:
        file.attrs[attribute] = value
    with pytest.raises(FormatError, match=reason):
        NearField.load(path)


def test_an_unknown_symmetry_is_refused(near, tmp_path):
    near.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.attrs["symmetry"] = "fourfold"
        file.attrs[HASH] = stored_hash(file)
    with pytest.raises(FormatError, match="symmetry is 'fourfold'"):
        NearField.load(tmp_path / "a.h5")


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
