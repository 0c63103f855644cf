"""Files: what was changed since it was written is refused, and what cannot be read is not called damaged."""

import errno
import fcntl
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from forged import forged_model
from safetensors.torch import load_file, safe_open, save_file

import metagen as mg
from metagen import surrogate
from metagen.base import checksum, files
from metagen.base.atomic import replacing
from metagen.base.checksum import BLOCK, block
from metagen.base.contents import HASH, stored_hash
from metagen.base.errors import AccessError, DamagedError, FormatError, InputError
from metagen.base.files import Schema, schema_of, writing_hdf5
from metagen.data import compact
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField, unfold_field
from metagen.design import Device
from metagen.device.layout import random_layout
from metagen.fdtd.claims import _set_aside, state_of
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


def test_a_file_that_another_program_changed_is_refused(hdf5):
    path, load = hdf5
    with h5py.File(path, "a") as file:
        file["more"] = 1
    with pytest.raises(DamagedError, match="damaged or incomplete"):
        load(path)


def test_any_flipped_byte_of_a_file_is_refused_and_hdf5_never_sees_it(hdf5, monkeypatch):
    path, load = hdf5
    content = path.read_bytes()
    assert content.startswith(b"metagen: HDF5 from byte 512 on")
    monkeypatch.setattr(h5py, "File", None)
    for position in [*range(9, BLOCK, 50), *range(BLOCK, len(content), len(content) // 50)]:
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(DamagedError):
            load(path)


def test_a_checksum_that_is_hardly_one_any_more_is_refused_too(tmp_path):
    LAYOUT.save(tmp_path / "a.h5")
    content = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(b"M" + content[1:])
    with pytest.raises(DamagedError, match="damaged at its beginning"):
        mg.Layout.load(tmp_path / "a.h5")


def rewritten(path):
    """The same contents, written by another program: without the checksum."""
    with h5py.File(path) as old, h5py.File(path.with_suffix(".copy"), "w") as new:
        for name in old:
            old.copy(name, new)
        new.attrs.update(old.attrs)
    return path.with_suffix(".copy").replace(path)


def test_a_file_that_another_program_wrote_again_is_compared_with_the_hash_of_its_contents(hdf5):
    path, load = hdf5
    rewritten(path)
    load(path)
    with h5py.File(path, "a") as file:
        file["more"] = 1
    with pytest.raises(DamagedError, match="not those that were written"):
        load(path)
    with h5py.File(path, "a") as file:
        del file["more"], file.attrs[HASH]
    with pytest.raises(DamagedError, match="has no content_hash"):
        load(path)


def make_link(file):
    file["more"] = h5py.ExternalLink("other.h5", "/field")


def make_soft_link(file):
    file["more"] = h5py.SoftLink("/field")


def make_external(file):
    file.create_dataset("more", (8,), "u1", external=[("other.bin", 0, 8)])


def make_virtual(file):
    virtual = h5py.VirtualLayout((2,), "u1")
    virtual[:] = h5py.VirtualSource("other.h5", "x", (2,))
    file.create_virtual_dataset("more", virtual)


def make_huge(file):
    file.create_dataset("more", (1 << 40,), "f8", chunks=(1 << 10,))


def make_loop(file):
    file["more"] = file["/"]


PARTS = [
    (make_link, "link to elsewhere"),
    (make_soft_link, "link to elsewhere"),
    (make_external, "stored in other files"),
    (make_virtual, "stored in other files"),
    (make_huge, "claims to be an array of shape"),
    (make_loop, "under another name, too"),
]


@pytest.mark.parametrize(("make", "reason"), PARTS)
@pytest.mark.parametrize("own_block", [True, False])
def test_what_is_not_in_the_file_itself_is_not_read(tmp_path, monkeypatch, make, reason, own_block):
    path = tmp_path / "layout.h5"
    LAYOUT.save(path)
    with h5py.File(path, "a") as file:
        make(file)
    content = path.read_bytes()
    path.write_bytes(block(memoryview(content)[BLOCK:]) + content[BLOCK:])
    if not own_block:
        monkeypatch.setattr(files, "is_verified", lambda *_: False)
    with pytest.raises(FormatError, match=reason):
        mg.Layout.load(path)


@pytest.mark.parametrize(
    ("work", "error", "reason"),
    [
        ("while True: pass", DamagedError, "does not end on it in 1 s"),
        ("import os; os.kill(os.getpid(), 11)", DamagedError, "crashed on it"),
        ("import time; time.sleep(60)", AccessError, "not read through in 2 s"),
    ],
)
def test_a_file_on_which_hdf5_hangs_or_crashes_is_refused(tmp_path, monkeypatch, work, error, reason):
    LAYOUT.save(tmp_path / "layout.h5")
    path, run = rewritten(tmp_path / "layout.h5"), subprocess.run
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\n{work}"
    monkeypatch.setattr(checksum, "LEAST_SECONDS", 0)
    monkeypatch.setattr(checksum, "PATIENCE", 2 if error is AccessError else 100)
    monkeypatch.setattr(
        subprocess, "run", lambda command, **options: run([command[0], "-c", limit], **options)
    )
    with pytest.raises(error, match=reason):
        mg.Layout.load(path)


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


def with_nan(_, weights):
    next(iter(weights.values())).flatten()[0] = float("nan")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_nan, "not finite"),
        (lambda text, _: text.replace('"rank": 2', '"rank": 1000000000'), "rank"),
        (lambda text, _: text.replace('"powers": 2', '"powers": 3'), "do not fit together"),
        (lambda text, _: "[" * 10000, "card is damaged"),
    ],
)
def test_a_model_with_impossible_weights_or_card_is_refused(tmp_path, change, reason):
    path = tmp_path / "model.safetensors"
    save_model(path)
    forged_model(path, change)
    with pytest.raises(FormatError, match=reason):
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


# Files that cannot be read or written now


def test_a_file_that_another_program_has_locked_is_read_all_the_same(hdf5):
    """Files are replaced as a whole and never changed, so that nobody needs to wait for a lock."""
    path, load = hdf5
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        load(path)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_near_field_that_the_system_does_not_give_is_neither_damaged_nor_missing(
    tmp_path, monkeypatch, number
):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    path = tmp_path / TASK.file_name
    near_field(LAYOUT).save(path)
    monkeypatch.setattr(Path, "open", refuse)
    for read in (NearField.load, schema_of, lambda _: TASK.is_done(tmp_path)):
        with pytest.raises(AccessError, match=f"cannot be read now .{os.strerror(number)}"):
            read(path)


@contextmanager
def no_file_over(size):
    """As on a full disk: the system refuses to write beyond some bytes."""
    before, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, action)


@pytest.mark.parametrize("kind", [*HDF5, "model"])
def test_a_disk_that_gets_full_is_one_error_and_leaves_what_was_there(tmp_path, kind):
    save = save_model if kind == "model" else HDF5[kind][0]
    save(tmp_path / "file.h5")
    before = (tmp_path / "file.h5").read_bytes()
    with no_file_over(1000), pytest.raises(AccessError, match=r"file\.h5: cannot be written"):
        save(tmp_path / "file.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["file.h5"]
    assert (tmp_path / "file.h5").read_bytes() == before


def test_what_a_killed_process_left_is_removed_by_the_next_write_and_nothing_else(tmp_path):
    path = tmp_path / "a.h5"
    code = (
        "import os, sys\nfrom metagen.base.atomic import replacing\n"
        "with replacing(sys.argv[1]) as partial:\n    print(partial, flush=True)\n    sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        partial = Path(writer.stdout.readline().strip())
        LAYOUT.save(path)
        assert partial.exists()
        writer.kill()
    LAYOUT.save(path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.h5"]


def test_a_replaced_file_keeps_its_permissions_and_a_link_stays_one(tmp_path):
    LAYOUT.save(tmp_path / "a.h5")
    (tmp_path / "a.h5").chmod(0o640)
    (tmp_path / "link.h5").symlink_to("a.h5")
    random_layout(mg.Platform(), 3, seed=5).save(tmp_path / "link.h5")
    assert (tmp_path / "link.h5").is_symlink()
    assert (tmp_path / "a.h5").stat().st_mode & 0o777 == 0o640
    assert mg.Layout.load(tmp_path / "a.h5").name == "random-s5"


@pytest.mark.parametrize("path", ["", "/", "folder", "pipe", "/dev/null"])
def test_what_is_no_regular_file_is_not_replaced(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"is a folder|is no regular file"), replacing(path):
        pass
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_name_as_long_as_the_file_system_allows_is_written_and_a_longer_one_refused(tmp_path):
    LAYOUT.save(tmp_path / ("ä" * 126 + ".h5"))
    with pytest.raises(AccessError, match=r"too long.*shorter name"):
        LAYOUT.save(tmp_path / ("ä" * 127 + ".h5"))


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, "half"])
def test_a_near_field_that_was_read_and_is_not_whole_is_to_be_made_again(tmp_path, content):
    path = tmp_path / TASK.file_name
    assert not TASK.is_done(tmp_path)
    near_field(LAYOUT).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content == "half" else content)
    assert not TASK.is_done(tmp_path)


def test_the_state_of_a_simulation_is_never_missing_where_nobody_could_look(tmp_path, monkeypatch):
    path = tmp_path / TASK.file_name
    assert state_of(TASK, tmp_path) == ("missing", "")
    near_field(LAYOUT).save(path)
    assert state_of(TASK, tmp_path)[0] == "damaged"  # of other numerics
    path.write_bytes(path.read_bytes()[:700])
    assert state_of(TASK, tmp_path) == ("damaged", "to be made again")
    refused = OSError(errno.EACCES, os.strerror(errno.EACCES))
    monkeypatch.setattr(Path, "stat", lambda *_, **__: (_ for _ in ()).throw(refused))
    state, reason = state_of(TASK, tmp_path)
    assert state == "unknown"
    assert reason.startswith(f"{path}: cannot be read now")


def test_damaged_files_are_set_aside_under_names_of_their_own(tmp_path):
    for content in "ab":
        (tmp_path / "field.h5").write_text(content)
        _set_aside(tmp_path / "field.h5")
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["b", "a"]
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["field.1.damaged", "field.damaged"]


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
