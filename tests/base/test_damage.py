"""Random damage to every kind of file that is read by its contents: refused, or of no consequence.

METAGEN_DAMAGES=1000 pytest tests/base/test_damage.py -s makes a thousand damages of each kind instead of a
few, and prints how many were refused.
"""

import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from forged import forged, forged_model

import metagen as mg
from metagen import surrogate
from metagen.base.contents import stored_hash
from metagen.base.errors import MetagenError
from metagen.base.memo import recall, store
from metagen.data import compact
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField, unfold_field
from metagen.design import Device
from metagen.design.model import model_hash
from metagen.device.layout import random_layout
from metagen.rcwa import Library
from metagen.surrogate import LinearSettings, TrainingSettings

DAMAGES = int(os.environ.get("METAGEN_DAMAGES", "40"))
BEFORE = Path(__file__).parents[1] / "reference" / "version-1"
"""Files of the release before, without a checksum of their bytes: HDF5 meets what is damaged in them."""
APART = DAMAGES if "METAGEN_DAMAGES" in os.environ else 3
"""So many damages of those, each of which starts a process."""
SECONDS, BYTES = 10, 2**30
"""What reading one damaged file may take, in time and in memory beside that of a whole one."""


def near_field(seed):
    layout = random_layout(mg.Platform(), 3, seed=seed)
    quadrant = np.random.default_rng(seed).normal(size=(6, 6, 3)).astype(np.complex64)
    return NearField(layout, 0.633, unfold_field(quadrant, 12), 4, {"pixels": 7}, {"ranks": 2}, "mirror-xy")


DATA = Dataset((near_field(1), near_field(2)))
LAYOUT = DATA.near_fields[0].layout
FINE = mg.Platform(period=0.25, radius_min=0.1, radius_max=0.11)


def save_model(path):
    recipe = TrainingSettings(model=LinearSettings(rank=2, powers=2))
    surrogate.save(surrogate.train(DATA, recipe, progress=False), path)


def recalled(path):
    if (found := recall(path, "key", list[float])) is None:
        raise MetagenError("forgotten")
    return found


def stored(load):
    """Read a file and give the hash of all that it holds."""

    def read(path):
        load(path)
        with h5py.File(path) as file:
            return stored_hash(file)

    return read


def hash_of_model(path):
    return model_hash(surrogate.load(path))


def hashes(path):
    return [near.hash for each in compact.load(path) for near in each.near_fields]


KINDS = {
    "layout.h5": (LAYOUT.save, stored(mg.Layout.load)),
    "device.h5": (Device(FINE, np.full((3, 3), 0.1), history=np.ones(2)).save, stored(Device.load)),
    "near-field.h5": (DATA.near_fields[0].save, stored(NearField.load)),
    "compact.h5": (lambda path: compact.pack([DATA], path), stored(compact.load)),
    "table.h5": (
        lambda path: mg.PhaseTable.compute(FINE, 0.4, orders=3).save(path),
        stored(mg.PhaseTable.load),
    ),
    "library.h5": (
        lambda path: Library.compute(FINE, mg.Illumination(0.4)).save(path),
        stored(Library.load),
    ),
    "model.safetensors": (save_model, hash_of_model),
    "result.json": (lambda path: store(path, "key", [1.5, 2.5], list[float]), recalled),
}
"""How to write a file, and how to read what it holds."""
OLD = {
    "layout.h5": lambda path: mg.Layout.load(path).hash,
    "near-field.h5": lambda path: NearField.load(path).hash,
    "device.h5": lambda path: Device.load(path).hash,
    "compact.h5": hashes,
    "model.safetensors": hash_of_model,
}
SLOW = ("library.h5",)


def slow_ones(kinds):
    return [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in kinds]


# What happens to files


def hurt(path, rng):
    """An accident of some kind: a bit or a range of bytes changes, goes, or comes."""
    content = path.read_bytes()
    changed, start = bytearray(content), rng.randrange(len(content))
    length = rng.choice((1, 8, 64, 512, 4096))
    match rng.randrange(7):
        case 0:
            changed[start] ^= 1 << rng.randrange(8)
        case 1:
            changed[start : start + length] = bytes(len(changed[start : start + length]))
        case 2:
            del changed[start:]
        case 3:
            del changed[start : start + length]
        case 4:
            changed[start:start] = rng.randbytes(length)
        case 5:
            changed += rng.randbytes(length)
        case _:
            other = rng.randrange(len(content))
            changed[start : start + length] = content[other : other + length]
    path.write_bytes(changed)


STRANGE = (
    0,
    -1,
    1,
    7,
    10**9,
    1e300,
    -1e300,
    float("nan"),
    float("inf"),
    "",
    "x",
    "[" * 2000,
    b"\xff",
    [],
    [1, 2],
)
"""Values that somebody may have put in the place of others."""


def renamed(path, rng):
    """Attributes or arrays get other names or values, by a program that knows nothing of our hashes."""
    with h5py.File(path, "a") as file:
        alter(file, rng)


def forge(path, rng):
    """The same by one that knows them."""
    if path.suffix == ".safetensors":
        forged_model(path, lambda text, weights: alter_model(text, weights, rng))
        return
    with forged(path) as file:
        alter(file, rng)


def alter(file, rng):
    items = [file]
    file.visititems(lambda _, item: items.append(item))
    item = rng.choice(items)
    if isinstance(item, h5py.Dataset) and rng.random() < 0.7:
        parent, name = item.parent, item.name
        values = np.asarray(item)
        del file[name]
        if (other := other_values(values, rng)) is not None:
            parent[rng.choice((name, name, name + "2"))] = other
    elif item.attrs and rng.random() < 0.9:
        name = rng.choice(sorted(item.attrs))
        value = item.attrs[name]
        del item.attrs[name]
        if rng.random() < 0.7:
            item.attrs[rng.choice((name, name, name.upper()))] = other_value(value, rng)
    elif item.name != "/":
        del file[item.name]


def other_values(values, rng):
    """An array in the place of another: of other values, another shape or another type."""
    flat = values.reshape(-1)
    scaled = values * float(rng.choice(("inf", "-1", "1e30"))) if values.dtype.kind in "fc" else values + 1
    same = np.full_like(values, rng.choice((0, 1, 3)))
    shorter = values[:-1] if values.ndim else values
    return rng.choice((None, shorter, values[..., None], flat, flat[:0], same, values.astype("S8"), scaled))


def other_value(value, rng):
    if not isinstance(value, str) or not value.startswith(("{", "[{")) or rng.random() < 0.3:
        return rng.choice(STRANGE)
    return json.dumps(other_json(json.loads(value), rng))


def other_json(value, rng):
    """A value in nested lists and tables becomes another."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    if not keys or rng.random() < 0.2:
        return rng.choice([each for each in STRANGE if not isinstance(each, bytes)])
    key = rng.choice(list(keys))
    if rng.random() < 0.2:
        del value[key]
    else:
        value[key] = other_json(value[key], rng)
    return value


def alter_model(text, weights, rng):
    if rng.random() < 0.3:
        name = rng.choice(sorted(weights))
        weights[name] = rng.choice((weights[name].double() * 2, weights[name][:0].clone(), torch.ones(3)))
    return json.dumps(other_json(json.loads(text), rng))


# The tests


def attempt(path, read, damage, must_equal, seeds, said):
    """Read damaged files one after the other, telling which one it is about to be, in another process."""
    meant, whole = read(path), path.read_bytes()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for seed in seeds:
        said.send((seed, "ended the process"))
        path.write_bytes(whole)
        damage(path, random.Random(seed))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # processor time; ends the process
        try:
            same = read(path) == meant or not must_equal
            said.send((seed, "read" if same else "other contents were read"))
        except MetagenError:
            said.send((seed, "refused"))
        except BaseException as error:
            said.send((seed, f"{type(error).__name__}: {error!s:.200}"))
        signal.setitimer(signal.ITIMER_PROF, 0)
    said.send((None, "done"))


def outcomes(path, read, damage, count, *, must_equal=True):
    """How often damaged files were refused and read; anything else fails."""
    found, fork = {}, multiprocessing.get_context("fork")
    heard, said = fork.Pipe(duplex=False)
    process = fork.Process(target=attempt, args=(path, read, damage, must_equal, range(count), said))
    process.start()
    said.close()
    try:
        while (message := heard.recv())[0] is not None:
            found[message[0]] = message[1]
    except EOFError:
        pass
    process.join()
    wrong = {seed: result for seed, result in found.items() if result not in ("refused", "read")}
    assert not wrong, f"status {process.exitcode}"
    assert len(found) == count
    print(path.name, damage.__name__, dict(Counter(found.values())))
    return Counter(found.values())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A file of some kind, made once."""
    known = {}

    def make(kind):
        if kind not in known:
            known[kind] = tmp_path_factory.mktemp("made") / kind
            KINDS[kind][0](known[kind])
        return known[kind]

    return make


@pytest.mark.parametrize("kind", slow_ones(KINDS))
def test_damage_to_a_file_is_refused_or_of_no_consequence(made, kind, tmp_path):
    path = Path(shutil.copy(made(kind), tmp_path))
    assert outcomes(path, KINDS[kind][1], hurt, DAMAGES)["refused"] > 0.8 * DAMAGES


@pytest.mark.parametrize("kind", slow_ones(kind for kind in KINDS if kind.endswith(".h5")))
def test_names_and_values_that_were_changed_are_refused(made, kind, tmp_path):
    path = Path(shutil.copy(made(kind), tmp_path))
    assert outcomes(path, KINDS[kind][1], renamed, DAMAGES)["refused"] > 0.9 * DAMAGES


@pytest.mark.parametrize("kind", slow_ones(kind for kind in KINDS if kind != "result.json"))
def test_what_nobody_wrote_ends_in_an_error_of_ours_though_its_hashes_are_right(made, kind, tmp_path):
    path = Path(shutil.copy(made(kind), tmp_path))
    assert outcomes(path, KINDS[kind][1], forge, DAMAGES, must_equal=False)["refused"] > 0.3 * DAMAGES


@pytest.mark.parametrize("kind", OLD)
def test_damage_to_a_file_of_the_release_before_is_refused_or_of_no_consequence(kind, tmp_path):
    path = Path(shutil.copy(BEFORE / kind, tmp_path))
    outcomes(path, OLD[kind], hurt, APART if kind.endswith(".h5") else DAMAGES)
