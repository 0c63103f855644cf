"""How commands end: stopped at any moment, where nothing can show what they print, or by a script."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import coupled_dipoles
import pytest

from metagen.base.errors import InputError
from metagen.data.nearfield import NearField
from metagen.design import DesignSettings, Device

ROOT = Path(__file__).parents[2]
BEGIN = "import os, signal, sys\n"
RUN = "from metagen.cli import main\nmain()\n"
AT_IMPORT = """
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""
AT_WRITING = """
sync, asked = os.fsync, []
def fsync(file):
    if not asked:
        asked.append(file)
        os.kill(os.getpid(), signal.SIGTERM)
    sync(file)

os.fsync = fsync
"""
"""Asks the process to end when the first file is complete and does not have its name yet."""
DESIGN = """
name = "tiny"
count = 5
models = ["model-633.safetensors"]
[start]
kind = "random"
seed = 1
[[goals]]
kind = "focus"
wavelength = 0.633
distance = 3.0
[optimizer]
steps = 8
save_every = 3
"""
CAMPAIGN = """
[[light]]
wavelength = 0.633
pixels_per_period = 8
[[layouts]]
family = "random"
count = 1
seeds = [1, 2]
"""
WRITE = {
    "table": (["table", "--wavelength=0.633", "--plot=made.png"], "made.png"),
    "layout": (["layout", "--focal-length=5", "--count=5", "--output=made.h5"], "made.h5"),
    "export": (["export", "known.h5", "--output=made.gds"], "made.gds"),
    "pack": (["pack", "fields", "--output=made.h5"], "made.h5"),
    "train": (["train", "recipe.toml", "fields", "--output=made"], "made/model-633.safetensors"),
    "design": (["design", "design.toml", "--output=made.h5"], "made.h5"),
    "compare": (["compare", "design.toml", "known.h5", "--report=made.html"], "made.html"),
    "yield": (["yield", "design.toml", "known.h5", "--samples=20", "--plot=made.png"], "made.png"),
    "handover": (["handover", "fields/random-s1.h5", "--terms=2", "--output=made"], "made-633nm.DAT"),
}
"""Commands that write, and a file that each makes."""


def command(*arguments, before="", **options):
    """Run metagen in a process that first does something else."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-c", BEGIN + before + RUN, *map(str, arguments)],
        env={name: value for name, value in environment.items() if value is not None},
        text=True,
        check=False,
        **({"capture_output": True} | options),
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with near fields, a model, a layout and recipes."""
    folder = tmp_path_factory.mktemp("prepared")
    dataset = coupled_dipoles.dataset(count=5)
    for near in dataset.near_fields:
        near.save(folder / "fields" / f"{near.layout.name}.h5")
    (folder / "recipe.toml").write_text('[model]\nkind = "linear"\npowers = 2\n')
    (folder / "design.toml").write_text(DESIGN)
    (folder / "campaign.toml").write_text(CAMPAIGN)
    dataset.layouts[0].save(folder / "known.h5")
    done = command("train", "recipe.toml", "fields", "--output=.", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def folder(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "work")
    return tmp_path / "work"


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def one_line(stderr, beginning):
    """Check that a command has said one thing, besides warnings and progress, and no traceback."""
    said = [line for line in stderr.replace("\r", "\n").splitlines() if line.startswith(beginning)]
    assert len(said) == 1, stderr
    assert "Traceback" not in stderr
    return said[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITE)
def test_a_command_that_is_asked_to_end_while_it_writes_leaves_nothing_half_written(folder, name):
    arguments, made = WRITE[name]
    before = names(folder)
    stopped = command(*arguments, before=AT_WRITING, cwd=folder, env={"METAGEN_CACHE": str(folder / "cache")})
    assert stopped.returncode == 128 + signal.SIGTERM, stopped.stderr
    one_line(stopped.stderr, "stopped: what was finished is on disk")
    left = [each for each in names(folder) if each not in before and not each.startswith("cache/")]
    if name == "design":  # what can go on is kept
        assert left == [made]
        assert not Device.load(folder / made).finished
    else:
        assert left == []
    assert not [each for each in names(folder) if each.endswith(".partial")]
    again = command(*arguments, cwd=folder)
    assert again.returncode == 0, again.stderr
    assert (folder / made).exists()


@pytest.mark.slow
def test_a_stopped_design_ends_with_the_device_of_an_undisturbed_one(folder):
    arguments, made = WRITE["design"]
    command(*arguments, before=AT_WRITING, cwd=folder)
    command(*arguments, cwd=folder)
    went_on = Device.load(folder / made)
    (folder / made).unlink()
    command(*arguments, cwd=folder)
    assert went_on.hash == Device.load(folder / made).hash


@pytest.mark.slow
@pytest.mark.meep
def test_a_stopped_campaign_keeps_no_lock_and_goes_on(folder):
    arguments = ["simulate", "campaign.toml", "--output=made"]
    stopped = command(*arguments, before=AT_WRITING, cwd=folder)
    assert stopped.returncode == 128 + signal.SIGTERM, stopped.stderr
    one_line(stopped.stderr, "stopped: what was finished is on disk")
    assert not [each for each in names(folder / "made") if each.endswith((".partial", ".h5"))]
    shown = command("status", "campaign.toml", "--output=made", cwd=folder).stdout
    assert "running" not in shown
    assert command(*arguments, cwd=folder).returncode == 0
    assert len([NearField.load(path) for path in (folder / "made").glob("*.h5")]) == 2


@pytest.mark.parametrize("module", ["typer", "metagen.cli.app", "numpy", "torch._C"])
def test_ctrl_c_during_imports_ends_with_one_line(tmp_path, module):
    ended = command(
        "layout", "--focal-length=5", "--count=5", "--output=made.h5",
        before=AT_IMPORT.format(module=module), cwd=tmp_path,
    )  # fmt: skip
    assert ended.returncode == 130, ended.stderr
    assert one_line(ended.stderr, "interrupted") == ended.stderr.strip()
    assert names(tmp_path) == []


def test_a_closed_output_is_said_and_no_file_takes_its_number(tmp_path):
    """Else what a library prints would go into the next file that is opened."""
    ended = command(
        "table",
        "--wavelength=0.633",
        "--plot=table.png",
        cwd=tmp_path,
        preexec_fn=lambda: os.close(1),
        capture_output=False,
        stderr=subprocess.PIPE,
    )
    assert ended.returncode == 0
    one_line(ended.stderr, "warning: standard output is closed")
    assert (tmp_path / "table.png").exists()


@pytest.mark.parametrize(
    "arguments", [["materials"], ["--version"], ["layout", "--count=3", "--output=a.h5"]]
)
def test_a_reader_that_went_away_ends_a_command_without_a_word(tmp_path, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    if arguments[0] == "layout":
        arguments = [*arguments, "--focal-length=5"]
    ended = command(*arguments, cwd=tmp_path, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert ended.returncode == 1
    assert ended.stderr == ""


def test_a_terminal_without_greek_letters_gets_plain_ones(tmp_path):
    ended = command("table", "--wavelength=0.633", env={"PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 0, ended.stderr
    assert "Phase table at 0.633 um" in ended.stdout
    assert "phase / 2pi" in ended.stdout
    assert (ended.stdout + ended.stderr).isascii()


def test_zero_ranks_are_refused(tmp_path):
    ended = command("demo", "--ranks=0", "--output", tmp_path / "demo", cwd=ROOT)
    assert ended.returncode == 2
    assert "--ranks" in ended.stderr
    assert names(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "unwritable"])
def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, kind):
    (tmp_path / "file").write_text("mine")
    place = {"file": tmp_path / "file", "unwritable": Path("/proc/metagen")}[kind]
    ended = command("table", "--wavelength=0.7", env={"METAGEN_CACHE": str(place)})
    assert ended.returncode == 0, ended.stderr
    assert "Phase table at 0.7" in ended.stdout
    assert str(place) in one_line(ended.stderr, f"warning: {place}: results cannot be kept there")
    assert (tmp_path / "file").read_text() == "mine"


def test_no_home_is_needed(tmp_path):
    (tmp_path / "campaign.toml").write_text(CAMPAIGN)
    without = {"HOME": None, "METAGEN_CACHE": None}
    ended = command("status", "campaign.toml", "--output=fields", cwd=tmp_path, env=without)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_somebody_who_may_write_nothing_but_a_folder_of_his_own_can_work(tmp_path):
    """An installation that others share is read-only for its users."""
    nobody = pwd.getpwnam("nobody").pw_uid
    own = Path("/tmp") / f"metagen-nobody-{os.getpid()}"
    own.mkdir()
    try:
        os.chown(own, nobody, nobody)
        without = {"HOME": "/nonexistent", "METAGEN_CACHE": None}
        arguments = ["layout", "--focal-length=5", "--count=3", "--output=a.h5"]
        ended = command(*arguments, cwd=own, user=nobody, env=without)
        assert ended.returncode == 0, ended.stderr
        assert "Traceback" not in ended.stderr
        assert (own / "a.h5").exists()
    finally:
        shutil.rmtree(own)


SCRIPTS = {
    "import sys\n\nsys.exit(0)\n": r"line 3: the script fails with SystemExit: 0",
    "a = 1\nraise ValueError('no such lens')\n": r"line 2: the script fails with ValueError: no such lens",
    "a = 1\nb = = 2\n": r"SyntaxError: invalid syntax \(design.py, line 2\)",
    "import metagen as mg\nmg.lens.focusing(mg.Platform(), -1.0, 0.633, 5)\n": r"focal_length",
    "import no_such_package\n": r"line 1: the script fails with ModuleNotFoundError",
    "settings = 5\n": r"settings",
}


@pytest.mark.parametrize("text", SCRIPTS, ids=range(len(SCRIPTS)))
def test_a_script_that_fails_is_named_with_its_line(tmp_path, text):
    path = tmp_path / "design.py"
    path.write_text(text)
    with pytest.raises(InputError, match=SCRIPTS[text]) as refused:
        DesignSettings.load(path)
    assert "\n" not in str(refused.value)


def test_a_script_that_leaves_is_an_error_of_the_command(tmp_path):
    (tmp_path / "design.py").write_text("import sys\nprint('hello')\nsys.exit(0)\n")
    ended = command("design", "design.py", "--output=device.h5", cwd=tmp_path)
    assert ended.returncode == 1
    one_line(ended.stderr, "error: design.py: line 3: ")
    assert ended.stdout == "hello\n"


@pytest.mark.parametrize("name", ["design", "verify", "compare", "refine", "yield"])
def test_the_help_says_that_scripts_are_code(name):
    shown = command(name, "--help", env={"COLUMNS": "200"}).stdout
    assert "runs with your rights" in " ".join(shown.replace("│", " ").split())
