"""What commands replace: what was made of the same things, the rest with --force; one maker at a time."""

import multiprocessing

import numpy as np
import pytest

import metagen as mg
from metagen import cli
from metagen.base.claims import making
from metagen.base.errors import MismatchError
from metagen.data.nearfield import NearField
from metagen.device.layout import random_layout
from metagen.fab import device_labels


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command in this process and in an empty folder: its exit status and its errors."""
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments):
        monkeypatch.setattr("sys.argv", ["metagen", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, capsys.readouterr().err

    return run_command


def field(seed, path):
    layout = random_layout(mg.Platform(), 5, seed=seed)
    NearField(layout, 0.633, np.full((50, 50, 3), 0.1 * seed, np.complex64)).save(path)


def test_an_export_replaces_that_of_the_same_device_and_of_others_with_force(run, tmp_path):
    layouts = [random_layout(mg.Platform(), 5, seed=seed) for seed in (1, 2)]
    for name, each in zip(("one.h5", "two.h5"), layouts, strict=True):
        each.save(tmp_path / name)
    assert run("export", "one.h5", "-o", "a.gds")[0] == 0
    assert run("export", "one.h5", "-o", "a.gds")[0] == 0
    status, said = run("export", "two.h5", "-o", "a.gds")
    assert (status, said.count("\n")) == (1, 1)
    assert "a.gds: is there already, and was made of other things" in said
    assert [each.hash for each in device_labels(tmp_path / "a.gds").values()] == [layouts[0].hash]
    assert run("export", "two.h5", "-o", "a.gds", "--force")[0] == 0
    assert [each.hash for each in device_labels(tmp_path / "a.gds").values()] == [layouts[1].hash]


@pytest.mark.parametrize("command", [("pack", "-o", "a.h5"), ("handover", "-o", "a", "--terms=2")])
def test_other_near_fields_replace_a_file_with_force_only(run, tmp_path, command):
    name, *options = command
    for seed in (1, 2):
        field(seed, tmp_path / f"{seed}.h5")
    assert run(name, "1.h5", *options)[0] == 0
    assert run(name, "1.h5", *options)[0] == 0
    before = {each: each.read_bytes() for each in tmp_path.iterdir()}
    if name == "pack":
        status, said = run(name, "2.h5", *options)
        assert status == 1
        assert "--force" in said
        assert {each: each.read_bytes() for each in tmp_path.iterdir()} == before
    assert run(name, "2.h5", *options, "--force")[0] == 0


def hold(path, what, begun, ended):
    with making(path, what):
        begun.set()
        ended.wait(60)


def test_the_second_of_two_different_makers_of_a_file_is_told_and_the_same_is_let_in(tmp_path):
    context = multiprocessing.get_context("fork")
    begun, ended = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path / "a.h5", "design-1", begun, ended))
    other.start()
    try:
        assert begun.wait(60)
        with making(tmp_path / "a.h5", "design-1"):
            pass
        with (
            pytest.raises(
                MismatchError, match=rf"a\.h5: something else is being made there .*process {other.pid}"
            ),
            making(tmp_path / "a.h5", "design-2"),
        ):
            pytest.fail("it was let in")
    finally:
        ended.set()
        other.join()
    with making(tmp_path / "a.h5", "design-2"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_second_design_into_one_file_is_told_before_it_begins(tmp_path):
    start, models = random_layout(mg.Platform(), 3, seed=1), [mg.surrogate.load("sin-633")]
    goal = mg.design.Focus(wavelength=0.633, distance=3.0)
    with (
        making(tmp_path / "a.h5", "another"),
        pytest.raises(MismatchError, match="something else is being made"),
    ):
        mg.design.optimize(start, models, goal, path=tmp_path / "a.h5", progress=False)
    assert not (tmp_path / "a.h5").exists()
