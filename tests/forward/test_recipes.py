"""The recipes of the folder design run, and their devices do what they say."""

import math
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import metagen as mg
from metagen import forward
from metagen.data.nearfield import NearField
from metagen.design.settings import start_layout
from metagen.device.layout import random_layout
from metagen.device.sampling import sample_axes
from metagen.propagation import focal_plane
from metagen.verify.verification import Simulated, values

RECIPES = Path(__file__).parents[2] / "design"


def recipe(name, steps=3):
    """The names of a recipe, whose optimiser stops after a few steps."""
    found = runpy.run_path(str(RECIPES / name))
    inside = found["main"].__globals__ if "main" in found else found
    given = inside["settings"]
    few = replace(given, steps=steps) if hasattr(given, "steps") else None
    inside["settings"] = few or replace(given, optimizer=replace(given.optimizer, steps=steps))
    return inside


@pytest.fixture(scope="module")
def two():
    return recipe("two_polarisations.py")


@pytest.mark.slow
@pytest.mark.end_to_end
def test_the_forward_design_for_two_polarisations_sends_each_to_its_own_focus(two):
    platform = mg.surrogate.load("tio2-posts-660-x").platform
    layout = start_layout(two["settings"], platform)
    foci = torch.tensor([-two["ASIDE"], two["ASIDE"]], dtype=torch.float64)
    middle = torch.zeros(1, dtype=torch.float64)
    for light, own in (("x", 1), ("y", 0)):
        illumination = mg.Illumination(0.66, light)
        library = mg.rcwa.Library.compute(platform, illumination)  # kept on disk by the forward design
        field = forward.local_field(layout, illumination, library)
        wave = torch.from_numpy(field.field)
        plane = focal_plane(wave, field.sample_spacing, 0.66, two["FOCAL_LENGTH"], foci, middle, padding=4)
        intensity = plane.abs().square().sum(0)[:, 0].numpy()
        # A lens of 31² pillars of 0.4 µm that used all light would reach (D²/λf)² = 540 times 1.46 · cos θ.
        assert intensity[own] > 0.35 * 540 * 1.46
        assert intensity[1 - own] < 0.05 * intensity[own]
    assert not np.allclose(layout["length"], layout["width"])


@pytest.mark.slow
@pytest.mark.end_to_end
def test_the_lens_for_two_polarisations_is_designed_and_measured(two, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    two["main"]()
    start, device = (
        mg.Layout.load("two_polarisations-start.h5"),
        mg.design.Device.load("two_polarisations.h5"),
    )
    assert device.figure > device.history[0] > 0.3
    models = two["settings"].load_models()
    for layout in (start, device):
        own, astray = (values(goals, layout, models) for goals in (two["settings"].goals, two["astray"]))
        assert max(astray) < 0.1 * min(own)
    assert "x to that of y" in capsys.readouterr().out


@pytest.mark.closed_form
def test_a_plane_wave_in_the_direction_of_the_deflector_counts_in_full():
    found = recipe("deflector.py")
    layout = random_layout(mg.surrogate.load("tio2-posts-660-x").platform, 8, 1)
    angle, light = found["ANGLE"], found["LIGHT"]
    for direction, share in ((angle, 1.0), (-angle, 0.0)):
        x, y = sample_axes(layout.counts, layout.platform.lattice, 10)
        wave = np.exp(2j * math.pi / light.wavelength * math.sin(direction) * x)[:, None] * np.ones_like(y)
        along = np.array([math.cos(direction), 0, -math.sin(direction)])  # across the direction
        amplitude = math.sqrt(1.46 / math.cos(angle))  # all the power that arrives in the substrate
        near = NearField(layout, light, amplitude * wave[..., None] * along)
        (efficiency,) = values([found["efficiency"]], layout, [Simulated(near, components=3)])
        # The opposite direction is not quite orthogonal over 3.2 µm: (sinc of 3.3 periods)² is below 0.01.
        assert efficiency == pytest.approx(share, abs=1e-5 if share else 0.01)


@pytest.mark.slow
@pytest.mark.end_to_end
@pytest.mark.parametrize(("name", "file"), [("deflector.py", "deflector.h5"), ("hologram.py", "hologram.h5")])
def test_the_recipe_improves_its_forward_design(name, file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    recipe(name)["main"]()
    device = mg.design.Device.load(file)
    assert device.history[-1] > device.history[0] > 0.5
    assert f"{device.name} " in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.end_to_end
def test_the_lens_of_turned_fins_is_improved(tmp_path):
    settings = recipe("geometric_phase_lens.py")["settings"]
    device = mg.design.run(settings, tmp_path / "fins.h5", progress=False)
    assert device.figure > device.history[0] > 0.35


def test_a_lens_of_free_fins_starts_from_fins_of_one_size_that_turn_by_half_the_phase():
    settings = recipe("free_fins_lens.py")["settings"]
    platform = mg.surrogate.load(settings.models[0]).domain.platform
    start = start_layout(settings, platform)
    assert start.platform == platform
    assert np.ptp(start["length"]) == np.ptp(start["width"]) == 0
    fixed = replace(platform, atom=replace(platform.atom, length=0.37, width=0.12))
    light = mg.Illumination(0.66, "left")
    np.testing.assert_array_equal(start["angle"], mg.lens.focusing(fixed, 3.3863, light, 21)["angle"])
