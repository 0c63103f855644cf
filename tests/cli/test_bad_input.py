"""What nobody should give to a command: each is refused with one clear line, at once, and nothing is written.

Items are a command line in a folder with the files of ``FILES``, and a part of the line that is to come out.
"""

import os
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

import metagen as mg
from metagen import cli
from metagen.data.nearfield import NearField
from metagen.design.device import Device
from metagen.device.layout import random_layout

ROOT = Path(__file__).parents[2]
SECONDS = 60
"""Far more than any of these takes; a hang ends here."""
GOAL = '[[goals]]\nkind = "focus"\nwavelength = 0.633\ndistance = 3.0\n'
DESIGN = f'name = "d"\ncount = 5\nmodels = ["sin-633"]\n[start]\nkind = "random"\nseed = 1\n{GOAL}'
CAMPAIGN = "[[light]]\nwavelength = 0.633\npixels_per_period = 8\n"
CAMPAIGN += '[[layouts]]\nfamily = "random"\ncount = 5\nseeds = [1]\n'
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{own}: &{own} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, own in zip("abcdefgh", "bcdefghi", strict=True)
)
TRAINING = '[model]\nkind = "linear"\n'
FILES = {
    "design.toml": DESIGN,
    "campaign.toml": CAMPAIGN,
    "training.toml": TRAINING,
    "deep.toml": f"a = {'[' * 5000}{']' * 5000}\n",
    "long.toml": "#" * 5 * 2**20,
    "digits.toml": DESIGN.replace("count = 5", f"count = {'9' * 10_000}"),
    "million.toml": DESIGN.replace("count = 5", "count = 1000000"),
    "wide.toml": DESIGN.replace("count = 5", "count = [40000, 40000]"),
    "inf.toml": DESIGN.replace("3.0", "inf"),
    "nan.toml": DESIGN.replace("3.0", "nan"),
    "evil.toml": DESIGN.replace('"d"', '"../../evil"'),
    "absolute.toml": DESIGN.replace('"d"', '"/tmp/evil"'),
    "long_name.toml": DESIGN.replace('"d"', f'"{"x" * 300}"'),
    "escape.toml": DESIGN.replace("count =", '"\\u001b[31mred\\nblue" = 1\ncount ='),
    "seed.toml": DESIGN.replace("seed = 1", f"seed = {'9' * 400}"),
    "boom.py": "x = 1\n1 / 0\n",
    "syntax.py": "def\n",
    "leaves.py": "import sys; sys.exit(0)\n",
    "no_settings.py": "x = 1\n",
    "many.toml": CAMPAIGN.replace("count = 5", "count = 1000000"),
    "seeds.toml": CAMPAIGN.replace("[1]", f"[{'1, ' * 20_000}1]"),
    "pixels.toml": CAMPAIGN.replace("= 8", "= 1000000"),
    "rank.toml": f"{TRAINING}rank = 1000000\n",
    "width.toml": f"{TRAINING}width = 1000001\n",
    "platform_laughs.toml": 'pillar = "laughs.yml"\n',
    "platform_cut.toml": 'pillar = "cut.yml"\n',
    "platform_huge.toml": 'pillar = "huge.yml"\n',
    "platform_pipe.toml": 'pillar = "pipe.yml"\n',
    "platform_nan.toml": "pillar = nan\n",
    "laughs.yml": f"{LAUGHS}DATA: *i\n",
    "cut.yml": "DATA:\n  - type: formula 1\n    wavelength_range: 0.3 2\n    coefficients: 0 1.0396 0.0",
    "huge.yml": "DATA:\n  - type: formula 5\n    wavelength_range: 0.3 2\n    coefficients: 1e999 0 0\n",
    "unit.toml": "database_unit = 1e-300\n",
    "text.toml": f'text = "{"A" * 10_000}"\n',
    "rules.toml": "grid = inf\n",
    "empty.h5": "",
    "text.h5": "a recipe that somebody may want to keep\n",
    "models/model-633.safetensors": "no model\n",
    "notes.html": "my notes\n",
    "notes.png": "my notes\n",
    "notes.gds": "my notes\n",
    "notes.json": "my notes\n",
    "no_picture.png": "hello",
}


def picture(width, height):
    """A PNG that says it has so many pixels, and has none."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for name in ("pipe", "pipe.h5", "pipe.gds", "pipe.yml", "pipe.safetensors", "pipe.png"):
        os.mkfifo(folder / name)
    (folder / "folder.h5").mkdir()
    (folder / "bytes.toml").write_bytes(bytes(range(256)))
    (folder / "bomb.png").write_bytes(picture(40_000, 40_000))
    layout = random_layout(mg.Platform(), 5, seed=1)
    layout.save(folder / "lens.h5")
    random_layout(mg.Platform(), 5, seed=2).save(folder / "other.h5")
    Device(layout.platform, layout.values, "made", history=np.ones(3)).save(folder / "device.h5")
    NearField(layout, 0.633, np.ones((50, 50, 3), np.complex64)).save(folder / "near.h5")
    mg.fab.write_gds(layout, folder / "lens.gds")
    whole = (folder / "lens.gds").read_bytes()
    (folder / "cut.gds").write_bytes(whole[: len(whole) // 2])
    (folder / "cut.oas").write_bytes(b"%SEMI-OASIS\r\n" + bytes(300))
    return folder


LENS = "layout --wavelength=0.633 --focal-length=5 -o made.h5"
SMALL = f"{LENS} --count=5"
HOLOGRAM = "layout --wavelength=0.633 --count=5 --kind=hologram --width=3 --focal-length=5 -o made.h5"
VORTEX = "layout --wavelength=0.633 --count=5 --kind=vortex -o made.h5"
BAD = [
    # sizes and counts
    (f"{LENS} --count=1000000", r"1e\+12 sites takes 8\.38e\+04 GiB of memory at least, and .* GiB are free"),
    (f"{LENS} --count=40000", r"1\.6e\+09 sites takes"),
    (f"{LENS} --count=0", "it must be a whole number of cells"),
    (f"{LENS} --count=99999999999999999999", "it must be a whole number of cells"),
    ("design million.toml -o made.h5", r"1e\+12 sites takes"),
    ("design wide.toml -o made.h5", r"1\.6e\+09 sites takes"),
    ("status many.toml -o made", r"1e\+12 sites takes"),
    ("status seeds.toml -o made", "at most 10000 items"),
    ("status pixels.toml -o made", "pixels_per_period"),
    ("train rank.toml near.h5 -o made", "rank: Input should be less than or equal to"),
    ("train width.toml near.h5 -o made", "width: Input should be less than"),
    (
        "yield design.toml lens.h5 --samples=1000000000000",
        r"samples is 1e\+12: keeping .* takes 7\.45e\+03 GiB",
    ),
    ("handover near.h5 -o made --terms=1000000", "terms is 1000000"),
    ("validate campaign.toml --cells=100000000", "cells"),
    (f"{VORTEX} --charge={'9' * 400}", "charge is 9"),
    ("export lens.h5 -o made.gds --options text.toml", "at most 1000 characters"),
    # numbers
    ("layout --wavelength=nan --focal-length=5 --count=5 -o made.h5", "finite"),
    ("layout --wavelength=inf --focal-length=5 --count=5 -o made.h5", "finite"),
    (
        "layout --wavelength=0.633 --focal-length=1e308 --count=5 -o made.h5",
        "less than or equal to 1000000000",
    ),
    (f"{SMALL} --polar-deg=nan", "finite"),
    (f"{SMALL} --at nan 0", "finite"),
    (f"{SMALL} --y=lens\u00a0{'9' * 5000}", "finite"),
    ("design inf.toml -o made.h5", "distance: Input should be a finite number"),
    ("design nan.toml -o made.h5", "distance: Input should be a finite number"),
    ("design digits.toml -o made.h5", "not valid TOML: .*4300"),
    ("design seed.toml -o made.h5", "seed: Input should be less than"),
    ("train training.toml near.h5 -o made --seed=-1", "seed"),
    ("export lens.h5 -o made.gds --options unit.toml", "database_unit is 1e-300"),
    ("export lens.h5 -o made.gds --rules rules.toml", "finite"),
    ("table --wavelength=-1", "wavelength"),
    ("materials --wavelength=nan", "finite"),
    ("calibrate --wavelength=inf --error-target=0.1", "finite"),
    ("yield design.toml lens.h5 --samples=3 --noise=nan", "finite"),
    # names
    ("design evil.toml -o made.h5", "name is '../../evil'; it is no path"),
    ("design absolute.toml -o made.h5", "name is '/tmp/evil'; it is no path"),
    ("design long_name.toml -o made.h5", "it has 300 bytes, and must have 1 to 160"),
    ("design escape.toml -o made.h5", r"unknown key '.*x1b\[31mred.*nblue'"),
    (f"layout --wavelength=0.633 --focal-length=5 --count=5 -o {'x' * 300}.h5", "too long"),
    # files that are none
    ("design pipe -o made.h5", "pipe: is a pipe or a device"),
    ("design /dev/zero -o made.h5", "is a pipe or a device"),
    ("design . -o made.h5", "is a folder"),
    ("design nowhere.toml -o made.h5", "no such file"),
    (f"{SMALL} --platform=pipe", "is a pipe or a device"),
    (f"{SMALL} --platform=platform_pipe.toml", "no file"),
    (f"{HOLOGRAM} --image=pipe.png", "is a pipe or a device"),
    (f"{HOLOGRAM} --image=/dev/zero", "is a pipe or a device"),
    ("handover pipe.gds --model=sin-633 -o made", "is a pipe or a device"),
    ("passport pipe.gds", "is a pipe or a device"),
    ("passport pipe.h5", "pipe.h5"),
    ("check pipe.h5", "pipe.h5"),
    ("design design.toml -o made.h5 --model=pipe.safetensors", "neither a file nor the name"),
    ("pack pipe.h5 -o made.h5", "pipe.h5"),
    # contents
    ("design deep.toml -o made.h5", "nested too deeply"),
    ("design long.toml -o made.h5", "longer than 4 MiB"),
    ("design bytes.toml -o made.h5", "is no text in UTF-8"),
    ("design lens.h5 -o made.h5", "is no text in UTF-8"),
    ("design boom.py -o made.h5", "boom.py: line 2: the script fails with ZeroDivisionError"),
    ("design syntax.py -o made.h5", "the script fails with SyntaxError"),
    ("design leaves.py -o made.h5", "the script fails with SystemExit"),
    ("design no_settings.py -o made.h5", "must make DesignSettings of that name"),
    (f"{SMALL} --platform=platform_laughs.toml", "it refers to another place"),
    (f"{SMALL} --platform=platform_cut.toml", "ends within a line"),
    (f"{SMALL} --platform=platform_huge.toml", "finite number"),
    (f"{SMALL} --platform=platform_nan.toml", "finite number"),
    (f"{HOLOGRAM} --image=no_picture.png", "cannot be read as a picture"),
    (f"{HOLOGRAM} --image=bomb.png", "cannot be read as a picture"),
    ("handover cut.gds --model=sin-633 -o made", "damaged, incomplete"),
    ("handover cut.oas --model=sin-633 -o made", "damaged, incomplete"),
    ("check empty.h5", "empty.h5"),
    ("check lens.h5", "another kind of file"),
    ("export near.h5 -o made.gds", "another kind of file"),
    (f"status campaign.toml -o {'made' * 2000}", "cannot be looked at"),
    ("simulate campaign.toml -o made --task=1/0", "expected i/n"),
    (f"simulate campaign.toml -o made --task={'9' * 5000}/1", "expected i/n"),
    # outputs
    ("layout --wavelength=0.633 --focal-length=5 --count=5 -o near.h5", "another kind, 'metagen/near-field'"),
    (
        "layout --wavelength=0.633 --focal-length=5 --count=5 -o device.h5",
        "holds the optimised device 'made'",
    ),
    (
        "layout --wavelength=0.633 --focal-length=5 --count=5 -o device.h5 --force",
        "the optimised device 'made'",
    ),
    ("layout --wavelength=0.633 --focal-length=5 --count=5 -o text.h5 --force", "of another kind"),
    ("layout --wavelength=0.633 --focal-length=5 --count=5 -o folder.h5", "is a folder"),
    (f"{SMALL} --plot=lens.h5", "has to end in"),
    (f"{SMALL} --plot=notes.png", "of another kind"),
    ("design design.toml -o lens.h5", "lens.h5"),
    ("design design.toml -o text.h5", "text.h5"),
    ("design design.toml -o made.gds", "has to end in .h5"),
    ("pack near.h5 -o near.h5", "another kind, 'metagen/near-field'"),
    ("pack near.h5 -o lens.h5", "another kind, 'metagen/layout'"),
    ("pack near.h5 -o text.h5", "of another kind"),
    ("train training.toml near.h5 -o models", "made of other things"),
    ("train training.toml near.h5 -o lens.h5", "lens.h5"),
    ("export other.h5 -o lens.gds", "made of other things"),
    ("export lens.h5 -o notes.gds --force", "of another kind"),
    ("compare design.toml lens.h5 --report=notes.html", "of another kind"),
    ("compare design.toml lens.h5 --report=lens.h5", "has to end in .html"),
    ("yield design.toml lens.h5 --samples=3 --plot=notes.png", "of another kind"),
    ("yield design.toml lens.h5 --samples=3 --plot=lens.h5", "has to end in"),
    ("table --wavelength=0.633 --plot=notes.png", "of another kind"),
    ("table --wavelength=0.633 --plot=folder.h5", "is a folder"),
    ("validate campaign.toml --radius=0.1 -o notes.json", "of another kind"),
    ("validate campaign.toml --radius=0.1 -o lens.h5", "of another kind"),
]


def contents(folder):
    return {each: each.stat().st_mtime_ns for each in folder.rglob("*") if not each.is_dir()}


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize(("command", "message"), BAD, ids=[command[:60] for command, _ in BAD])
def test_bad_input_is_one_clear_line_and_nothing_is_written(folder, monkeypatch, capsys, command, message):
    monkeypatch.chdir(folder)
    before = contents(folder)
    monkeypatch.setattr(
        "sys.argv", ["metagen", *(each.replace("\u00a0", " ") for each in command.split(" "))]
    )
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    lines = [each for each in said.splitlines() if not each.startswith("warning: ")]
    assert ended.value.code in (1, 2)
    if ended.value.code == 1:  # otherwise Typer says in a box what was wrong with an option
        (line,) = lines
        assert line.startswith("error: ")
    assert re.search(message, said)
    assert "Traceback" not in said
    assert contents(folder) == before
