"""Commands from a device to the fab, as a user types them."""

import gdstk
import numpy as np
import pytest
from many_atoms import PLATFORMS, some_layout

import metagen as mg
from metagen.device.layout import random_layout

OPTIONS = """
pillar_layer = [5, 1]
grid = 0.002
bias = 0.004
tone = "holes"
"""
CAMPAIGN = """
[[light]]
wavelength = 0.633
pixels_per_period = 8
[[layouts]]
family = "random"
count = 5
seeds = [1]
"""
GOAL = """
name = "tiny"
count = 5
models = ["none"]
[start]
kind = "random"
seed = 1
[[goals]]
kind = "focus"
wavelength = 0.633
distance = 3.0
"""


@pytest.mark.end_to_end
@pytest.mark.parametrize("suffix", [".gds", ".oas"])
def test_export_draws_as_its_options_say_and_reads_that_back(tmp_path, metagen, suffix):
    layout = random_layout(mg.Platform(), 7, seed=1)
    layout.save(tmp_path / "a.h5")
    (tmp_path / "export.toml").write_text(OPTIONS)
    out = tmp_path / f"a{suffix}"
    result = metagen("export", tmp_path / "a.h5", "--output", out, "--options", tmp_path / "export.toml")
    assert result.returncode == 0, result.stderr
    (label,) = mg.fab.device_labels(out).values()
    assert (label.layer, label.grid, label.bias, label.tone) == ((5, 1), 0.002, 0.004, mg.fab.Tone.HOLES)
    moved = mg.fab.load_device(out, layout.platform).radii - layout.radii
    assert 0.5e-3 < np.abs(moved).max() <= 1e-3 + 1e-9  # half a step of 2 nm


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", ["fins", "rings", "a list"])
def test_export_of_any_shape_checks_its_rules_and_reads_it_back(tmp_path, metagen, name):
    some_layout(PLATFORMS[name]).save(tmp_path / "a.h5")
    rules, out = tmp_path / "rules.toml", tmp_path / "a.gds"
    rules.write_text("min_diameter = 0.3\n")
    refused = metagen("export", tmp_path / "a.h5", "-o", out, "--rules", rules)
    assert refused.returncode == 1
    assert "minimum diameter 0.3: " in refused.stderr
    assert not out.exists()
    result = metagen("export", tmp_path / "a.h5", "-o", out)
    assert result.returncode == 0, result.stderr
    differ = {
        "fins": "values of width differ by at most 0.0099 nm",
        "rings": "values of outer",
        "a list": "all pillars are there",
    }
    assert differ[name] in result.stdout
    passport = metagen("passport", out)
    assert passport.returncode == 0, passport.stdout + passport.stderr
    assert "a.h5: device" in passport.stdout


def test_an_unknown_option_is_one_clear_error(tmp_path, metagen):
    random_layout(mg.Platform(), 3, seed=1).save(tmp_path / "a.h5")
    (tmp_path / "export.toml").write_text("gird = 0.001")
    result = metagen(
        "export", tmp_path / "a.h5", "-o", tmp_path / "a.gds", "--options", tmp_path / "export.toml"
    )
    assert result.returncode == 1
    assert "unknown key 'gird'" in result.stderr
    assert not (tmp_path / "a.gds").exists()


def two_devices_on_another_layer(path):
    """As another program draws them: no label, layer 5/3, two cells at the top."""
    library = gdstk.Library(precision=1e-12)
    for name, radius in (("A", 0.1), ("B", 0.12)):
        cell = library.new_cell(name)
        circle = gdstk.ellipse((0, 0), radius, tolerance=1e-4, layer=5, datatype=3)
        circle.repetition = gdstk.Repetition(columns=5, rows=5, spacing=(0.4431, 0.4431))
        cell.add(circle)
    library.write_gds(path)
    return path


@pytest.mark.parametrize("command", ["yield", "handover", "verify"])
def test_layer_and_cell_of_a_drawn_layout_are_options_of_every_command_that_reads_one(
    tmp_path, metagen, command
):
    drawn = two_devices_on_another_layer(tmp_path / "mask.gds")
    design, campaign = tmp_path / "design.toml", tmp_path / "campaign.toml"
    design.write_text(GOAL.replace('"none"', '"sin-633"'))
    campaign.write_text(CAMPAIGN)
    arguments = {
        "yield": ["yield", design, drawn, "--samples", "2"],
        "handover": ["handover", drawn, "--model", "sin-633", "--output", tmp_path / "out", "--terms", "2"],
        "verify": ["verify", design, drawn, "--campaign", campaign, "--output", tmp_path / "fields"],
    }[command]
    assert "--cell NAME" in metagen(*arguments).stderr
    assert "--layer 5 0" in metagen(*arguments, "--cell", "B").stderr
    assert "no cell 'C'" in metagen(*arguments, "--layer", "5", "3", "--cell", "C").stderr
    if command != "verify":  # which would start Meep
        result = metagen(*arguments, "--layer", "5", "3", "--cell", "B")
        assert result.returncode == 0, result.stderr


def test_the_hand_over_of_a_drawn_layout_without_a_model_says_what_is_missing(tmp_path, metagen):
    drawn = two_devices_on_another_layer(tmp_path / "mask.gds2.gz")
    result = metagen("handover", drawn, "--output", tmp_path / "out")
    assert result.returncode == 1
    assert "a drawn layout holds no near field; of a layout, give the --model" in result.stderr


@pytest.mark.end_to_end
@pytest.mark.meep
def test_verify_simulates_the_file_and_the_passport_leads_from_the_field_to_it(tmp_path, metagen):
    layout = random_layout(mg.Platform(), 5, seed=4)
    mg.fab.write_gds(layout, tmp_path / "device.gds")
    layout.save(tmp_path / "device.h5")
    (tmp_path / "campaign.toml").write_text(CAMPAIGN)
    (tmp_path / "design.toml").write_text(GOAL)
    result = metagen(
        "verify",
        tmp_path / "design.toml",
        tmp_path / "device.gds",
        f"--campaign={tmp_path / 'campaign.toml'}",
        f"--output={tmp_path / 'verified'}",
    )
    assert result.returncode == 0, result.stderr
    assert "focus at 633 nm" in result.stdout
    (near,) = (tmp_path / "verified").glob("*.h5")
    simulated = mg.NearField.load(near).layout
    assert simulated.hash == mg.fab.read_gds(tmp_path / "device.gds", mg.Platform()).hash != layout.hash
    chain = metagen("passport", near, "--in", tmp_path)
    assert chain.returncode == 0, chain.stdout
    assert "device.gds: layout file" in chain.stdout
    assert "device.h5: device" in chain.stdout
