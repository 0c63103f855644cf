"""Files with damaged bytes: an error of ours, or what a whole file may say, and nothing else.

Text carries no hash: a digit that was changed gives another setting, which is allowed where it is one. Each
file is read in a process of its own share of memory and time, which tells what it was reading when it ends.
METAGEN_FUZZ says how many files of each kind are tried; `METAGEN_FUZZ=1000 pytest tests/cli/test_fuzz.py`.
"""

import math
import multiprocessing
import os
import random
import resource
import signal
import struct
from pathlib import Path

import gdstk
import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import MetagenError
from metagen.base.validation import load_toml
from metagen.design import DesignSettings
from metagen.device.materials import read_yaml
from metagen.fab import LayoutFileOptions, device_labels, load_device, write_gds, write_oasis
from metagen.fdtd.campaign_file import CampaignFile
from metagen.surrogate import TrainingSettings

COUNT = int(os.environ.get("METAGEN_FUZZ", "25"))
SECONDS, BYTES = 10, 2**30
"""Longest time, and most memory, that one file may take."""
REPOSITORY = Path(__file__).parents[2]
PLATFORM = mg.Platform()
FINS = """
height = 0.6
pillar = "titanium_dioxide"
substrate = 1.46
[lattice]
kind = "square"
period = 0.43
[atom]
kind = "rectangle"
length = [0.2, 0.41]
width = 0.085
angle_deg = [0, 180]
"""


def foreign(path):
    """What other programs draw: cells, arrays, magnified and turned ones, a path, a text, another layer."""
    library = gdstk.Library(precision=1e-12)
    unit, row, top = (library.new_cell(name) for name in ("UNIT", "ROW", "TOP"))
    unit.add(gdstk.ellipse((0, 0), 0.1, tolerance=1e-3, layer=1))
    row.add(gdstk.Reference(unit, (0, 0), columns=4, rows=1, spacing=(0.4431, 0.4431)))
    for i in range(3):
        top.add(gdstk.Reference(row, (0, i * 0.4431)))
    top.add(
        gdstk.Reference(unit, (0, 3 * 0.4431), rotation=math.pi / 2, magnification=1.1, x_reflection=True)
    )
    top.add(gdstk.FlexPath([(0, 0), (1, 1)], 0.1, layer=7), gdstk.Label("lens", (0, 0), layer=63))
    top.add(gdstk.rectangle((-1, -1), (3, 3), layer=10))
    library.write_oas(path) if path.suffix == ".oas" else library.write_gds(path)


def own(path):
    layout = mg.Layout(PLATFORM, np.linspace(0.06, 0.16, 36).reshape(6, 6), name="lens")
    (write_oasis if path.suffix == ".oas" else write_gds)(layout, path, LayoutFileOptions(text="A"))


def text_of(*parts):
    return lambda path: path.write_text("".join(parts), encoding="utf-8")


def recipe(*parts):
    return text_of((REPOSITORY.joinpath(*parts)).read_text(encoding="utf-8"))


def drawn(path):
    device_labels(path)
    load_device(path, PLATFORM)


KINDS = {
    "own.gds": (own, drawn),
    "foreign.gds": (foreign, drawn),
    "own.oas": (own, drawn),
    "foreign.oas": (foreign, drawn),
    "campaign.toml": (
        recipe("simulations", "tio2_fins_660.toml"),
        lambda path: load_toml(path, CampaignFile),
    ),
    "design.toml": (recipe("design", "demo.toml"), DesignSettings.load),
    "training.toml": (recipe("training", "paper_linear.toml"), TrainingSettings.load),
    "platform.toml": (text_of(FINS), lambda path: mg.Platform.load(path).at(0.633)),
    "formula.yml": (
        recipe("metagen", "device", "materials", "fused_silica.yml"),
        lambda p: read_yaml(p).index(0.633),
    ),
    "table.yml": (recipe("metagen", "device", "materials", "gold.yml"), lambda p: read_yaml(p).index(0.633)),
}


def damaged(data, seed):
    """The bytes with one to three changes: some replaced, removed, repeated, put in, or cut off."""
    random_of, data = random.Random(seed), bytearray(data)
    for _ in range(random_of.randint(1, 3)):
        at = random_of.randrange(len(data) + 1)
        length = random_of.choice([1, 1, 2, 4, 8, random_of.randrange(64)])
        part = data[at : at + length]
        match random_of.randrange(7):
            case 0:
                data[at : at + length] = random_of.randbytes(len(part))
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = part * random_of.choice([1, 2, 1000])
            case 3:
                data[at:at] = random_of.randbytes(length)
            case 4:
                data[at : at + 2] = struct.pack(">H", random_of.choice([0, 1, 4, 40000, 65535]))
            case 5:
                data[at:at] = random_of.choice(
                    [b"[" * 3000, b"-", b"9" * 20, b"nan", b"1e999", b'"', b"\0", b"="]
                )
            case 6:
                del data[max(at, 1) :]
    return bytes(data)


def attempt(kind, folder, seeds, said):
    """Read damaged files one after the other, telling which one it is about to be, in another process."""
    make, read = KINDS[kind]
    path = folder / kind
    make(path)
    whole = path.read_bytes()
    read(path)  # what it imports and remembers is no part of what a damaged file takes
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for seed in seeds:
        said.send((seed, "begun"))
        path.write_bytes(damaged(whole, seed))
        signal.alarm(SECONDS)  # ends the process
        try:
            read(path)
            said.send((seed, "read"))
        except MetagenError as error:
            said.send(
                (seed, "refused" if str(error) and len(str(error)) < 5000 else f"message: {error!s:.200}")
            )
        except BaseException as error:
            said.send((seed, f"{type(error).__name__}: {error!s:.200}"))
        signal.alarm(0)
    said.send((None, "done"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused_or_read_and_nothing_else(kind, tmp_path):
    outcomes = {}
    heard, said = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=attempt, args=(kind, tmp_path, range(COUNT), said)
    )
    process.start()
    said.close()
    try:
        while (message := heard.recv())[0] is not None:
            outcomes[message[0]] = message[1]
    except EOFError:
        pass
    process.join()
    wrong = {seed: what for seed, what in outcomes.items() if what not in ("refused", "read")}
    assert not wrong, f"status {process.exitcode}"
    assert len(outcomes) == COUNT
    assert "refused" in outcomes.values()
    print(kind, {what: list(outcomes.values()).count(what) for what in set(outcomes.values())})
