"""Platforms made of materials, through the commands."""

import coupled_dipoles
import numpy as np
import pytest

import metagen as mg
from metagen.device.layout import unfold

TRAINING = """
held_out = ["falling"]
[model]
kind = "linear"
rank = 4
powers = 2
"""
DESIGN = """
name = "buried"
count = 3
models = ["{folder}/model-633.safetensors"]
[start]
kind = "random"
seed = 1
[[goals]]
kind = "focus"
wavelength = 0.633
distance = 3.0
[optimizer]
steps = 2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Near fields of devices in glass, made without Meep, and what to do with them."""
    folder = tmp_path_factory.mktemp("materials")
    (folder / "training.toml").write_text(TRAINING)
    (folder / "design.toml").write_text(DESIGN.format(folder=folder))
    platform = mg.Platform(cover="fused_silica", radius_min=0.1, radius_max=0.12)
    quadrant = np.linspace(0.1, 0.12, 9).reshape(3, 3)
    for name, part in (("rising", quadrant), ("falling", quadrant[::-1])):
        layout = mg.Layout(platform, unfold(part, 5), name=name)
        coupled_dipoles.near_field(layout, samples=2).save(folder / "fields" / f"{name}.h5")
    return folder


@pytest.mark.end_to_end
def test_devices_in_a_dispersive_cover_are_learned_evaluated_and_designed(folder, metagen):
    commands = [
        ("train", folder / "training.toml", folder / "fields", "--output", folder),
        ("evaluate", "--recipe", folder / "training.toml", folder / "fields"),
        ("design", folder / "design.toml", "--lpa", "--output", folder / "buried.h5"),
    ]
    shown = [metagen(*command) for command in commands]
    assert [each.returncode for each in shown] == [0, 0, 0], [each.stderr for each in shown]
    assert "LPA, flat" in shown[1].stdout
    assert mg.Layout.load(folder / "buried.h5").platform.cover == mg.materials.shipped("fused_silica")
