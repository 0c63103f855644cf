"""The recipes of forward designs run, and their devices do what they say."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

import metagen as mg
from metagen import forward
from metagen.propagation import focal_plane

RECIPES = Path(__file__).parents[2] / "design"


@pytest.mark.slow
@pytest.mark.end_to_end
def test_the_lens_of_two_polarisations_sends_each_to_its_own_focus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = runpy.run_path(str(RECIPES / "two_polarisations.py"), run_name="__main__")
    layout = mg.Layout.load("two_polarisations-start.h5")
    library = mg.rcwa.Library.compute(layout.platform, recipe["aims"][0].light, recipe["sampling"])
    foci = torch.tensor([-recipe["ASIDE"], recipe["ASIDE"]], dtype=torch.float64)
    for aim, own in zip(recipe["aims"], (1, 0), strict=True):
        field = forward.local_field(layout, aim.light, library)
        wave = torch.from_numpy(field.field)
        middle = torch.zeros(1, dtype=torch.float64)
        plane = focal_plane(wave, field.sample_spacing, 0.66, recipe["FOCAL_LENGTH"], foci, middle, padding=4)
        intensity = plane.abs().square().sum(0)[:, 0].numpy()
        # A lens of 31² pillars of 0.4 µm that used all light would reach (D²/λf)² = 540 times 1.46 · cos θ.
        assert intensity[own] > 0.35 * 540 * 1.46
        assert intensity[1 - own] < 0.05 * intensity[own]
    assert not np.allclose(layout["length"], layout["width"])
