"""A name is a name and no path, wherever it comes from."""

import json
import socket

import gdstk
import numpy as np
import pytest

import metagen as mg
from metagen.base.atomic import tidy
from metagen.base.errors import InputError, MetagenError
from metagen.base.names import LONGEST, check_name, in_file_name, name_from, printable
from metagen.design import DesignSettings
from metagen.fab import read_gds, write_gds
from metagen.fdtd.campaign import Task
from metagen.fdtd.numerics import Numerics

PLATFORM = mg.Platform()
BAD = [
    "../../evil",
    "/tmp/evil",
    "a\\b",
    "",
    " ",
    ".hidden",
    "..",
    "a\nb",
    "\x1b[31m",
    "a\0",
    "µ" * 81,
    "x" * 161,
]
ODD = ["*", "[red]x", "$x^$", "a b", "lens f=5 (λ)", "?", "x" * LONGEST, "<b>", "-o", "~"]


def layout(name):
    return mg.Layout(PLATFORM, np.full((2, 2), 0.1), name=name)


@pytest.mark.parametrize("name", [*BAD, 3, None])
def test_what_is_no_name_is_refused_where_a_layout_is_made(name):
    with pytest.raises(InputError, match="name is ") as raised:
        layout(name)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_name_is_refused_in_a_design_file(tmp_path, name):
    text = 'name = NAME\ncount = 3\nmodels = ["sin-633"]\n[start]\nkind = "random"\nseed = 1\n'
    text += '[[goals]]\nkind = "focus"\nwavelength = 0.633\ndistance = 3.0\n'
    (tmp_path / "design.toml").write_text(text.replace("NAME", json.dumps(name)))
    with pytest.raises(InputError, match="name is "):
        DesignSettings.load(tmp_path / "design.toml")


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "..", "a\\b"])
def test_what_is_no_name_is_refused_in_the_label_of_a_drawn_layout(tmp_path, name):
    write_gds(layout("innocent"), tmp_path / "a.gds")
    library = gdstk.read_gds(tmp_path / "a.gds")
    for cell in library.cells:
        for label in cell.labels:
            label.text = label.text.replace('"innocent"', json.dumps(name))
    library.write_gds(tmp_path / "a.gds")
    with pytest.raises(MetagenError, match="name is "):
        read_gds(tmp_path / "a.gds", PLATFORM)


@pytest.mark.parametrize("name", ODD)
def test_any_name_gives_a_file_of_the_folder_whose_tidying_leaves_those_of_others(tmp_path, name):
    task = Task(layout(name), Numerics(0.633, 8))
    assert task.file_name == (tmp_path / task.file_name).name
    assert not set(task.file_name) & set("*?[]<>$/\\")
    others, own = (
        tmp_path / f".{file_name}.{socket.gethostname()}-x.partial"
        for file_name in (Task(layout("other"), task.beam).file_name, task.file_name)
    )
    for each in (others, own):
        each.touch()
    tidy(tmp_path / task.file_name)
    assert others.exists()
    assert not own.exists()


@pytest.mark.parametrize("text", ["../../evil", "\x1b[31mred", "...", "", "ü" * 300, "a/b\\c", "lens-f5"])
def test_a_name_is_made_of_any_text(text):
    assert check_name(name_from(text))
    assert name_from("lens-f5") == "lens-f5"


def test_two_names_of_one_layout_differ_in_their_files_only_where_both_are_odd():
    assert in_file_name("lens f=5 (λ), 60%") == "lens f=5 (λ), 60%"
    assert (
        in_file_name("a*b") == in_file_name("a?b") == "a_b"
    )  # the hash in a file's name tells devices apart


def test_control_characters_are_shown_and_not_obeyed():
    assert printable("a\x1b[31m\tb\nc\u202e") == "a\\x1b[31m\\tb\nc\\u202e"
