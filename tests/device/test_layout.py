"""Platform and layout objects: what they accept, and that files give back what was saved."""

import h5py
import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import FormatError, InputError
from metagen.base.files import HASH, stored_hash
from metagen.device.layout import random_layout


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
    ("value", "reason"), [(np.nan, "finite"), (0.3, "half the"), (-0.1, "between 0"), (np.inf, "finite")]
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
    with pytest.raises(FormatError, match="not those that were written"):
        mg.Layout.load(tmp_path / "a.h5")


def test_text_that_is_no_json_is_a_damaged_file(layout, tmp_path):
    layout.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.attrs["provenance"] = "{"
        file.attrs[HASH] = stored_hash(file)
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
