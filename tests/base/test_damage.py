"""Random damage to every kind of file that is read by its contents: refused, or of no consequence.

METAGEN_DAMAGES=1000 pytest tests/base/test_damage.py makes a thousand damages of each kind instead of a few.
"""

import os
import random
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

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
APART = max(3, DAMAGES // 10)
"""So many damages of those, each of which starts a process."""


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


def load_memo(path):
    if (found := recall(path, "key", list[float])) is None:
        raise MetagenError("forgotten")
    return found


def contents(path):
    with h5py.File(path) as file:
        return stored_hash(file)


KINDS = {
    "layout.h5": (LAYOUT.save, mg.Layout.load, contents),
    "device.h5": (Device(FINE, np.full((3, 3), 0.1), history=np.ones(2)).save, Device.load, contents),
    "near-field.h5": (DATA.near_fields[0].save, NearField.load, contents),
    "compact.h5": (lambda path: compact.pack([DATA], path), compact.load, contents),
    "table.h5": (
        lambda path: mg.PhaseTable.compute(FINE, 0.4, orders=3).save(path),
        mg.PhaseTable.load,
        contents,
    ),
    "library.h5": (
        lambda path: Library.compute(FINE, mg.Illumination(0.4)).save(path),
        Library.load,
        contents,
    ),
    "model.safetensors": (save_model, surrogate.load, lambda path: model_hash(surrogate.load(path))),
    "result.json": (lambda path: store(path, "key", [1.5, 2.5], list[float]), load_memo, load_memo),
}


SLOW = ("library.h5",)


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in KINDS],
)
def made(request, tmp_path_factory):
    save, load, what = KINDS[request.param]
    path = tmp_path_factory.mktemp("made") / request.param
    save(path)
    return path, load, what


def damaged(content, rng):
    """The content of a file after one accident of some kind."""
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
    return bytes(changed)


def check(path, load, what, count, seed):
    """Damage a file again and again; count how often it was refused."""
    content, meant, rng, refused = path.read_bytes(), what(path), random.Random(seed), 0
    hurt = path.with_name(f"hurt-{path.name}")
    for _ in range(count):
        hurt.write_bytes(damaged(content, rng))
        try:
            load(hurt)
        except MetagenError:
            refused += 1
        else:
            assert what(hurt) == meant
    return refused


def test_damage_to_a_file_is_refused_or_of_no_consequence(made):
    path, load, what = made
    assert check(path, load, what, DAMAGES, seed=1) > 0.8 * DAMAGES


@pytest.mark.parametrize(
    ("name", "load", "what"),
    [
        ("layout.h5", mg.Layout.load, lambda path: mg.Layout.load(path).hash),
        ("near-field.h5", NearField.load, lambda path: NearField.load(path).hash),
    ],
)
def test_damage_to_a_file_of_the_release_before_ends_in_an_error_or_nowhere(tmp_path, name, load, what):
    check(Path(shutil.copy(BEFORE / name, tmp_path)), load, what, APART, seed=2)
