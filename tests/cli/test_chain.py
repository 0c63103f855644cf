"""The command line from a lens to a verified device and its layout file, and what it refuses."""

import re
import shutil
from importlib.metadata import version
from pathlib import Path

import coupled_dipoles
import numpy as np
import pytest
from forged import forged

import metagen as mg
from metagen import cli
from metagen.base.errors import InputError
from metagen.data.nearfield import NearField, unfold_field
from metagen.design import Device
from metagen.device.layout import random_layout

ROOT = Path(__file__).parents[2]

CAMPAIGN = """
[[light]]
wavelength = 0.633
pixels_per_period = 8

[[layouts]]
family = "random"
count = 5
seeds = [1, 2, 3]
"""
TRAINING = """
held_out = ["random-s3"]
[model]
kind = "linear"
powers = 2
"""
DESIGN = """
name = "tiny"
count = 5
models = ["{folder}/model-633.safetensors"]
[start]
kind = "random"
seed = 1
[[goals]]
kind = "focus"
wavelength = {wavelength}
distance = 3.0
[optimizer]
steps = 5
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, metagen):
    """A folder with a campaign simulated and a model trained through the command line."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "campaign.toml").write_text(CAMPAIGN)
    (folder / "training.toml").write_text(TRAINING)
    (folder / "design.toml").write_text(DESIGN.format(folder=folder, wavelength=0.633))
    succeed(metagen("simulate", folder / "campaign.toml", "--output", folder / "fields"))
    shown = succeed(metagen("train", folder / "training.toml", folder / "fields", "--output", folder))
    assert "random-s3: " in shown  # the error on the layout that was held out
    return folder


def succeed(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def fail(result):
    assert result.returncode == 1
    assert "error: " in result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.end_to_end
@pytest.mark.meep
def test_a_device_is_designed_verified_and_exported(folder, tmp_path, metagen):
    device, gds = tmp_path / "tiny.h5", tmp_path / "tiny.gds"
    assert "figure of merit" in succeed(metagen("design", folder / "design.toml", "--output", device))
    campaign = f"--campaign={folder / 'campaign.toml'}"
    shown = succeed(metagen("verify", folder / "design.toml", device, campaign, "-o", tmp_path / "v"))
    assert "focus at 633 nm" in shown
    assert "25 pillars" in succeed(metagen("export", device, "--output", gds))
    back = mg.fab.read_gds(gds, mg.Platform())
    # The file holds radii in steps of 1 nm.
    np.testing.assert_allclose(back.radii, mg.Layout.load(device).radii, atol=0.5e-3 + 1e-9)


@pytest.mark.end_to_end
@pytest.mark.meep
def test_evaluate_prints_both_splits_and_both_baselines(folder, metagen):
    shown = succeed(metagen("evaluate", folder / "fields", f"--recipe={folder / 'training.toml'}"))
    for expected in ("random", "whole", "LPA, flat", "LPA, near-field", "linear"):
        assert expected in shown.replace("\n", " ")


@pytest.mark.meep
def test_a_wavelength_without_a_model_is_one_clear_error(folder, tmp_path, metagen):
    design = tmp_path / "design.toml"
    design.write_text(DESIGN.format(folder=folder, wavelength=0.4))
    assert "wavelength 0.4" in fail(metagen("design", design, "--output", tmp_path / "d.h5"))


@pytest.mark.meep
def test_a_model_file_cut_short_is_one_clear_error(folder, tmp_path, metagen):
    path = tmp_path / "model-633.safetensors"
    path.write_bytes((folder / "model-633.safetensors").read_bytes()[:2000])
    design = tmp_path / "design.toml"
    design.write_text(DESIGN.format(folder=tmp_path, wavelength=0.633))
    assert "damaged" in fail(metagen("design", design, "--output", tmp_path / "d.h5"))


@pytest.mark.end_to_end
def test_table_and_layout_agree_on_the_platform_file(tmp_path, metagen):
    platform = tmp_path / "platform.toml"
    platform.write_text("radius_max = 0.12\n")
    shown = succeed(
        metagen("table", "--wavelength=0.633", f"--platform={platform}", f"--plot={tmp_path / 'table.png'}")
    )
    assert "0.1200" in shown
    assert (tmp_path / "table.png").stat().st_size > 10_000
    lens = tmp_path / "lens.h5"
    succeed(metagen("layout", "--focal-length=5", "--count=7", f"--platform={platform}", f"--output={lens}"))
    assert mg.Layout.load(lens).radii.max() <= 0.12


@pytest.mark.parametrize(("radius", "reason"), [(np.nan, "finite"), (0.3, "half the distance of neighbours")])
def test_a_layout_with_an_impossible_radius_is_one_clear_error(tmp_path, metagen, radius, reason):
    path = tmp_path / "lens.h5"
    random_layout(mg.Platform(), 3, seed=1).save(path)
    with forged(path) as file:
        file["radii"][1, 1] = radius
    assert reason in fail(metagen("export", path, "--output", tmp_path / "lens.gds"))
    assert not (tmp_path / "lens.gds").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["export", "lens.h5", "--output=folder.gds"], "error: folder.gds: is there already, and is no file"),
        (
            ["table", "--wavelength=0.633", "--plot=table.foo"],
            "table.foo: the name of this file has to end in",
        ),
        (["calibrate", "--wavelength=nan", "--error-target=0.1"], "wavelength"),
        (["calibrate", "--wavelength=0.633", "--error-target=-1"], "error_target"),
        (["refine", "a.toml", "a.h5", "--campaign=a.toml", "--output=a"], "a.toml: cannot be read"),
    ],
)
def test_what_cannot_be_read_written_or_done_is_one_clear_error(
    tmp_path, metagen, monkeypatch, arguments, reason
):
    monkeypatch.chdir(tmp_path)
    Path("folder.gds").mkdir()
    random_layout(mg.Platform(), 3, seed=1).save("lens.h5")
    assert reason in fail(metagen(*arguments))


@pytest.mark.parametrize("output", ["lens.h5", "lens.dxf", "lens"])
def test_an_export_never_writes_over_its_layout_or_in_a_format_that_it_does_not_know(
    tmp_path, metagen, output
):
    layout = random_layout(mg.Platform(), 3, seed=1)
    layout.save(tmp_path / "lens.h5")
    message = fail(metagen("export", tmp_path / "lens.h5", "--output", tmp_path / output))
    assert "the ending says what to write; allowed are .gds, .gds2, .gdsii, .oas, .oasis" in message
    assert mg.Layout.load(tmp_path / "lens.h5").hash == layout.hash


def test_an_export_checks_the_rules_on_the_radii_that_the_file_has(tmp_path, metagen):
    lens, drawn, rules = tmp_path / "lens.h5", tmp_path / "lens.gds", tmp_path / "rules.toml"
    mg.Layout(mg.Platform(), np.full((3, 3), 0.1003)).save(lens)
    rules.write_text("grid = 0.001\n")
    succeed(metagen("export", lens, "--output", drawn, "--rules", rules))  # rounded to 0.100
    rules.write_text("grid = 0.003\n")
    assert "9 radii lie off it" in fail(metagen("export", lens, "--output", drawn, "--rules", rules))


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("lens.toml", "has to end in .h5"),
        ("lens", "is a folder"),
        ("fields.h5", "is there already and of another kind, 'metagen/near-field'"),
    ],
)
def test_a_layout_is_not_written_where_it_would_be_lost_or_another_file_be(tmp_path, metagen, output, reason):
    (tmp_path / "lens").mkdir()
    layout = random_layout(mg.Platform(), 3, seed=1)
    NearField(layout, 0.633, np.ones((30, 30, 3), np.complex64)).save(tmp_path / "fields.h5")
    message = fail(metagen("layout", "--focal-length=5", "--count=3", "--output", tmp_path / output))
    assert reason in message
    assert NearField.load(tmp_path / "fields.h5").layout.hash == layout.hash


def test_a_file_where_a_folder_is_needed_is_said_to_be_one(tmp_path, metagen):
    (tmp_path / "lens").write_text("")
    message = fail(metagen("layout", "--focal-length=5", "--count=3", "--output", tmp_path / "lens" / "a.h5"))
    assert "is a file where a folder is needed" in message


def test_a_design_does_not_call_a_layout_damaged(tmp_path):
    random_layout(mg.Platform(), 3, seed=1).save(tmp_path / "lens.h5")
    with pytest.raises(InputError, match=r"lens\.h5 is a plain layout, and no designed device"):
        Device.load(tmp_path / "lens.h5")


def test_a_layout_is_not_written_under_the_name_of_a_drawing(tmp_path, metagen):
    message = fail(metagen("layout", "--focal-length=5", "--count=3", "--output", tmp_path / "lens.gds"))
    assert "metagen export" in message
    assert not (tmp_path / "lens.gds").exists()


def test_a_comparison_says_of_which_device_there_is_no_near_field(tmp_path, metagen):
    near = NearField(random_layout(mg.Platform(), 3, seed=1), 0.633, np.ones((30, 30, 3), dtype=np.complex64))
    near.save(tmp_path / "fields" / "near.h5")
    random_layout(mg.Platform(), 3, seed=2).save(tmp_path / "other.h5")
    (tmp_path / "design.toml").write_text(DESIGN.format(folder=tmp_path, wavelength=0.633))
    done = metagen(
        *("compare", tmp_path / "design.toml", tmp_path / "other.h5"),
        *("--near-fields", tmp_path / "fields", "--model", "sin-633"),
    )
    assert "none of the near fields is of the device random-s2" in done.stderr


def test_a_report_of_a_folder_without_a_demo_says_how_to_make_one(tmp_path, metagen):
    root = Path(__file__).parents[2]
    assert "holds no finished demo; run: metagen demo" in fail(metagen("report", tmp_path, "--recipes", root))


def test_the_version_is_that_of_the_package(metagen):
    assert succeed(metagen("--version")) == f"metagen {version('metagen')}\n"


def test_an_interrupt_ends_with_a_line_and_the_status_of_shells(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("metagen.forward.lens.focusing", interrupted)
    monkeypatch.setattr("sys.argv", ["metagen", "layout", "--focal-length=5", "--output=lens.h5"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert "interrupted: what was finished is on disk" in capsys.readouterr().err


def test_an_interrupted_training_ends_the_command_with_the_best_model_on_disk(tmp_path, monkeypatch):
    """Otherwise the next wavelength would be trained, and a chain of jobs would design with half a model."""
    monkeypatch.chdir(tmp_path)
    dataset = coupled_dipoles.dataset(count=5)
    for near in dataset.near_fields:
        near.save(tmp_path / "fields" / f"{near.layout.name}.h5")
    (tmp_path / "recipe.toml").write_text('[model]\nkind = "network"\nrank = 4\nhidden = [8]\n')

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("metagen.surrogate.descent._epoch", interrupted)
    monkeypatch.setattr("sys.argv", ["metagen", "train", "recipe.toml", "fields", "--output=models"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert (tmp_path / "models" / "model-633.safetensors").exists()


def test_more_light_than_came_in_is_not_accepted(tmp_path, metagen):
    layout = random_layout(mg.Platform(), 3, seed=1)
    quadrant = np.full((15, 15, 3), 3.0, dtype=np.complex64)
    NearField(layout, 0.633, unfold_field(quadrant, 30), symmetry="mirror-xy").save(tmp_path / "a.h5")
    assert "transmission" in fail(metagen("check", tmp_path / "a.h5"))


def test_the_demo_outside_a_checkout_says_where_to_run_it(tmp_path, metagen):
    assert "checkout" in fail(metagen("demo", "--output", tmp_path, "--recipes", tmp_path))


@pytest.mark.end_to_end
@pytest.mark.slow
@pytest.mark.meep
@pytest.mark.mpi
def test_the_demo_runs_and_its_second_run_redoes_only_what_has_changed(tmp_path, metagen):
    recipes, run = tmp_path / "recipes", tmp_path / "runs" / "demo"
    for name in ("simulations", "training", "design"):
        shutil.copytree(ROOT / name, recipes / name)
    shrink(recipes)
    arguments = ("demo", "--output", run, "--recipes", recipes)
    shown = succeed(metagen(*arguments))
    assert "report.html" in shown
    page = (run / "report.html").read_text()
    # Layouts, errors, history, light: each stage has its picture.
    assert page.count('<div class="figure">') >= 4
    # The plotting library inside the page names an address that it would load formulas from; there are none.
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert 'src="http' not in markup
    assert 'href="http' not in markup

    before = stamps(run)
    succeed(metagen(*arguments))
    remade = {path.name for path, stamp in stamps(run).items() if before.get(path) != stamp}
    assert remade == {"report.html", "overview.png", "start.h5", "multiplexed.gds", "multiplexed.oas"}

    design = recipes / "design" / "demo.toml"
    design.write_text(design.read_text().replace("steps = 4", "steps = 5"))
    succeed(metagen(*arguments))
    after = stamps(run)
    kept = [path for path in before if path.suffix in (".json", ".safetensors") or "near-fields" in str(path)]
    assert len(kept) >= 8
    assert all(after[path] == before[path] for path in kept)
    assert after[run / "multiplexed.h5"] != before[run / "multiplexed.h5"]
    assert len(list(run.glob("multiplexed-before-*.h5"))) == 1


def shrink(recipes):
    """The same recipes on devices of 5 × 5 pillars."""
    campaign, design = recipes / "simulations" / "demo.toml", recipes / "design" / "demo.toml"
    text = (
        campaign.read_text().replace("count = 21", "count = 5").replace("6.0, 10.0, 15.0, 25.0", "6.0, 10.0")
    )
    campaign.write_text(text)
    assert "[6.0, 10.0]" in text
    text = design.read_text().replace("count = 21", "count = 5").replace("steps = 300", "steps = 4")
    assert "steps = 4" in text
    design.write_text(text)


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
