"""Files: what was changed since it was written is refused, and what cannot be read is not called damaged."""

import errno
import fcntl
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.torch import load_file, safe_open, save_file

import metagen as mg
from metagen import surrogate
from metagen.base.errors import AccessError, DamagedError, FormatError
from metagen.base.files import HASH, Schema, schema_of, stored_hash, writing_hdf5
from metagen.data import compact
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField, unfold_field
from metagen.data.sources import read_near_fields
from metagen.design import Device
from metagen.device.layout import random_layout
from metagen.fdtd.numerics import Numerics
from metagen.fdtd.task import Task
from metagen.surrogate import LinearSettings, TrainingSettings

BEFORE = Path(__file__).parents[1] / "reference" / "version-1"
"""Files that the release before wrote, which had no hash of all their contents."""
LAYOUT = random_layout(mg.Platform(), 3, seed=1)
TASK = Task(LAYOUT, Numerics(wavelength=0.633, pixels_per_period=8))


def near_field(layout):
    quadrant = np.random.default_rng(0).normal(size=(6, 6, 3)).astype(np.complex64)
    field = unfold_field(quadrant, 12)
    return NearField(layout, 0.633, field, 4, {"pixels": 7}, {"ranks": 2}, "mirror-xy")


DATA = Dataset((near_field(LAYOUT), near_field(random_layout(mg.Platform(), 3, seed=2))))


def save_device(path):
    Device(LAYOUT.platform, LAYOUT.radii, "device", {}, history=np.array([1.0, 2.0])).save(path)


def save_model(path):
    recipe = TrainingSettings(model=LinearSettings(rank=2, powers=2))
    surrogate.save(surrogate.train(DATA, recipe, progress=False), path)


def save_table(path):
    platform = mg.Platform(period=0.25, radius_min=0.1, radius_max=0.11)
    mg.PhaseTable.compute(platform, 0.4, orders=3).save(path)


HDF5 = {
    "layout": (LAYOUT.save, mg.Layout.load),
    "device": (save_device, Device.load),
    "near-field": (near_field(LAYOUT).save, NearField.load),
    "compact": (lambda path: compact.pack([DATA], path), compact.load),
    "table": (save_table, mg.PhaseTable.load),
}


@pytest.fixture(params=HDF5)
def hdf5(request, tmp_path):
    save, load = HDF5[request.param]
    save(tmp_path / "file.h5")
    return tmp_path / "file.h5", load


def named(file):
    """Every group and array of a file."""
    found = [file]
    file.visititems(lambda _, item: found.append(item))
    return found


def change(item, name):
    value = item.attrs[name]
    item.attrs[name] = f"{value} " if isinstance(value, str) else value + 1


def test_a_file_of_which_any_attribute_or_array_was_changed_is_refused(hdf5, tmp_path):
    """Also names and provenance, which no later step would miss."""
    path, load = hdf5
    load(path)
    with h5py.File(path) as file:
        places = [(item.name, name) for item in named(file) for name in item.attrs]
        places += [(item.name, None) for item in named(file) if isinstance(item, h5py.Dataset)]
    assert len(places) > 10
    for place, name in places:
        changed = shutil.copy(path, tmp_path / "changed.h5")
        with h5py.File(changed, "a") as file:
            if name is not None:
                change(file[place], name)
            else:
                values = np.asarray(file[place])
                values.flat[0] = not values.flat[0] if values.dtype == bool else values.flat[0] + 1
                file[place][...] = values
        with pytest.raises(FormatError):
            load(changed)


def test_a_file_that_lost_a_part_or_its_hash_is_refused(hdf5):
    path, load = hdf5
    with h5py.File(path, "a") as file:
        file["more"] = 1
    with pytest.raises(DamagedError, match="not those that were written"):
        load(path)
    with h5py.File(path, "a") as file:
        del file.attrs[HASH]
    with pytest.raises(DamagedError, match="has no content_hash"):
        load(path)


def test_any_flipped_byte_of_a_model_file_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path)
    content = path.read_bytes()
    for position in range(0, len(content), 7):
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(FormatError):
            surrogate.load(path)


def test_a_model_file_without_a_hash_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path)
    with safe_open(path, framework="pt") as file:
        text = file.metadata()["metagen"]
    save_file(load_file(path), path, {"metagen": text})
    with pytest.raises(DamagedError, match="not those that were written"):
        surrogate.load(path)


# Files of the release before


def without_hash(path):
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            text = file.metadata()["metagen"]
        save_file(load_file(path), path, {"metagen": text})
        return
    with h5py.File(path, "a") as file:
        for item in named(file):
            item.attrs.pop(HASH, None)


LOAD = {
    "layout.h5": mg.Layout.load,
    "device.h5": Device.load,
    "near-field.h5": NearField.load,
    "compact.h5": compact.load,
    "model.safetensors": surrogate.load,
}


@pytest.mark.parametrize("name", LOAD)
def test_a_file_of_the_release_before_loads_with_and_without_its_hash(name, tmp_path):
    path = Path(shutil.copy(BEFORE / name, tmp_path))
    LOAD[name](path)
    without_hash(path)
    LOAD[name](path)


def test_what_a_file_of_the_release_before_holds_is_what_was_written():
    assert mg.Layout.load(BEFORE / "layout.h5").hash == LAYOUT.hash
    near = NearField.load(BEFORE / "near-field.h5")
    assert near.layout.hash == LAYOUT.hash
    (packed, _) = compact.load(BEFORE / "compact.h5")[0].near_fields
    assert packed.provenance["raw_hash"] == near.hash
    assert surrogate.load(BEFORE / "model.safetensors").card.near_fields[0] == near.hash


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("layout.h5", "radii"),
        ("device.h5", "radii"),
        ("near-field.h5", "field"),
        ("near-field.h5", "layout/radii"),
        ("compact.h5", "wavelengths/0.633000/basis"),
        ("compact.h5", f"layouts/{LAYOUT.hash}/radii"),
    ],
)
def test_a_file_of_the_release_before_is_compared_with_the_hash_that_it_has(name, place, tmp_path):
    path = shutil.copy(BEFORE / name, tmp_path)
    with h5py.File(path, "a") as file:
        file[place][0, 0] += 1e-3
    with pytest.raises(DamagedError, match="not those that were written"):
        LOAD[name](path)


# Files that cannot be read now


@pytest.fixture
def held(hdf5):
    """A file that another program has open for writing: that takes the lock which HDF5 asks for."""
    path, load = hdf5
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path, load


def test_a_file_that_another_program_holds_is_not_called_damaged(held):
    path, load = held
    for read in (load, schema_of, lambda path: list(read_near_fields([path]))):
        with pytest.raises(AccessError, match="HDF5_USE_FILE_LOCKING") as raised:
            read(path)
        assert "damaged" not in str(raised.value)
        assert os.strerror(errno.EAGAIN) in str(raised.value)


def refuse(number):
    """As HDF5 does where the system refuses a lock or a read."""

    def file(*_, **__):
        raise OSError(number, f"Unable to synchronously open file (unable to lock file, errno = {number})")

    return file


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EAGAIN, errno.EACCES, errno.ENOSYS, errno.EIO])
def test_a_near_field_on_a_file_system_without_locks_is_neither_damaged_nor_missing(
    tmp_path, monkeypatch, number
):
    path = tmp_path / TASK.file_name
    near_field(LAYOUT).save(path)
    monkeypatch.setattr(h5py, "File", refuse(number))
    for read in (NearField.load, lambda _: TASK.is_done(tmp_path)):
        with pytest.raises(AccessError, match="HDF5_USE_FILE_LOCKING"):
            read(path)


def test_a_file_system_without_locks_is_named_on_writing_too(tmp_path, monkeypatch):
    monkeypatch.setattr(h5py, "File", refuse(errno.ENOLCK))
    with pytest.raises(AccessError, match="HDF5_USE_FILE_LOCKING"):
        LAYOUT.save(tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_not_taken_for_one_without_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(h5py, "File", refuse(errno.ENOSPC))
    with pytest.raises(OSError, match="28"):
        LAYOUT.save(tmp_path / "a.h5")


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, "half"])
def test_a_near_field_that_was_read_and_is_not_whole_is_to_be_made_again(tmp_path, content):
    path = tmp_path / TASK.file_name
    assert not TASK.is_done(tmp_path)
    near_field(LAYOUT).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content == "half" else content)
    assert not TASK.is_done(tmp_path)


def test_a_near_field_of_a_later_release_is_not_taken_for_damaged(tmp_path):
    with writing_hdf5(tmp_path / TASK.file_name, Schema("metagen/near-field", version=99, before=98)):
        pass
    with pytest.raises(FormatError, match="version is 99") as raised:
        TASK.is_done(tmp_path)
    assert not isinstance(raised.value, DamagedError)


def test_the_hash_tells_apart_what_stands_in_another_place(tmp_path):
    """The same values under other names are other contents."""
    hashes = set()
    for place in ("a", "b", "a/a"):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file[place] = 1.0
            hashes.add(stored_hash(file))
    assert len(hashes) == 3
