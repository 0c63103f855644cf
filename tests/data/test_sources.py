"""Where near fields come from: folders, files, compact files and what comes with metagen."""

import coupled_dipoles
import numpy as np
import pytest

import metagen as mg
from metagen import datasets
from metagen.base.errors import FormatError, InputError
from metagen.data.sources import by_wavelength, only, read_near_fields
from metagen.device.layout import random_layout


@pytest.fixture(scope="module")
def dataset():
    return coupled_dipoles.dataset(count=11)


def test_compact_files_folders_and_files_give_the_same_near_fields(tmp_path):
    """But for what the compact form leaves out: 2e-4 by default, and more of it in some layouts."""
    layouts = [random_layout(mg.Platform(), 6, seed) for seed in (1, 2)]
    nears = [coupled_dipoles.near_field(layout, nm) for layout in layouts for nm in (0.633, 0.4)]
    (tmp_path / "raw").mkdir()
    for number, near in enumerate(nears):
        near.save(tmp_path / "raw" / f"{number}.h5")
    from_folder = by_wavelength([tmp_path / "raw"])
    datasets.pack(from_folder, tmp_path / "all.h5")
    assert [each.wavelength for each in from_folder] == [0.633, 0.4]
    assert [near.hash for near in read_near_fields([tmp_path / "raw" / "1.h5"])] == [nears[1].hash]
    for raw, packed in zip(from_folder, by_wavelength([tmp_path / "all.h5"]), strict=True):
        for one, other in zip(raw.near_fields, packed.near_fields, strict=True):
            assert one.layout.hash == other.layout.hash
            assert np.linalg.norm(one.field - other.field) < 0.03 * np.linalg.norm(one.field)


def test_a_damaged_file_is_refused_by_name_and_a_folder_is_not_taken_for_a_shipped_data_set(
    tmp_path, monkeypatch
):
    coupled_dipoles.near_field(random_layout(mg.Platform(), 6, 1)).save(tmp_path / "whole.h5")
    (tmp_path / "short.h5").write_bytes((tmp_path / "whole.h5").read_bytes()[:4000])
    with pytest.raises(FormatError, match=r"short\.h5: damaged"):
        list(read_near_fields([tmp_path / "short.h5"]))
    with pytest.warns(UserWarning, match=r"left out: .*short\.h5: damaged"):
        assert [near.layout.name for near in read_near_fields([tmp_path])] == ["random-s1"]
    (tmp_path / "sin-lenses").mkdir()
    (tmp_path / "whole.h5").rename(tmp_path / "sin-lenses" / "whole.h5")
    monkeypatch.chdir(tmp_path)
    assert [near.layout.name for near in read_near_fields(["sin-lenses"])] == ["random-s1"]


def test_a_name_that_is_neither_a_file_nor_shipped_is_refused_with_what_is_shipped():
    with pytest.raises(InputError, match="sin-lenses"):
        list(read_near_fields(["no-such-data"]))


def test_of_a_campaign_under_way_the_finished_layouts_are_taken(dataset):
    assert only(dataset, ["random-s2", "lens-f10", "smooth-20"]).names == ("smooth-20", "random-s2")
    with pytest.raises(InputError, match="at least 2"):
        only(dataset, ["random-s2", "lens-f10"])


def test_a_simulation_that_is_there_twice_counts_once(tmp_path):
    near = coupled_dipoles.near_field(random_layout(mg.Platform(), 6, 1))
    for folder in ("near-fields", "verification"):
        near.save(tmp_path / folder / "one.h5")
    (data,) = by_wavelength([tmp_path / "near-fields", tmp_path / "verification"])
    assert len(data.near_fields) == 1


def test_layouts_and_devices_in_a_folder_of_near_fields_are_passed_over(dataset, tmp_path):
    """As the closed loop leaves them side by side."""
    near = dataset.near_fields[0]
    near.save(tmp_path / "near.h5")
    near.layout.save(tmp_path / "round-1.h5")
    assert [each.hash for each in read_near_fields([tmp_path])] == [near.hash]
    (tmp_path / "near.h5").unlink()
    with pytest.raises(InputError, match="no near field"):
        list(read_near_fields([tmp_path]))
