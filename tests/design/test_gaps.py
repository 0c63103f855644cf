"""Gaps between pillars, against the exact distance of their outlines, and their gradient."""

import math

import half_wave_plates
import numpy as np
import pytest
import shapely
import torch

import metagen as mg
from metagen.design.device import Device
from metagen.design.gaps import DIRECTIONS, Gaps, warn_of_narrow_gaps

PLATFORM = mg.Platform(
    lattice=mg.Lattice.hexagonal(0.5),
    atom=mg.atoms.Rectangle(length=(0.2, 0.35), width=(0.08, 0.15), angle=(0, math.pi)),
)


@pytest.fixture
def layout():
    rng = np.random.default_rng(2)
    shape = (3, 2, 2)
    values = {"length": rng.uniform(0.2, 0.35, shape), "width": 0.1, "angle": rng.uniform(0, math.pi, shape)}
    return mg.Layout(PLATFORM, values, present=rng.random(shape) < 0.8)


@pytest.mark.cross_check
def test_gaps_are_the_distances_of_the_outlines(layout):
    found = Gaps(layout, least=0.1)
    centres, values = layout.centres[layout.present], torch.tensor(layout.values[layout.present])
    outlines = [
        shapely.Polygon(PLATFORM.atom.shape(value).outline(1e-4)[0] + centre)
        for value, centre in zip(values, centres, strict=True)
    ]
    exact = [shapely.distance(outlines[i], outlines[j]) for i, j in found._pairs.tolist()]
    gaps = found.between(torch.tensor(layout.values)).numpy()
    assert len(exact) > 10
    # The best direction is missed by half a step, seen from either end of an edge of 0.35 at most.
    slack = 0.35 * math.sin(math.pi / DIRECTIONS)
    assert (gaps <= np.array(exact) + 1e-12).all()
    assert (gaps >= np.array(exact) - slack).all()


@pytest.mark.gradient
def test_the_penalty_has_the_gradient_of_finite_differences(layout):
    gaps = Gaps(layout, least=0.25)
    values = torch.tensor(layout.values)
    assert float(gaps.penalty(values)) > 0
    assert torch.autograd.gradcheck(gaps.penalty, values.requires_grad_(), atol=1e-6)


def test_there_is_no_penalty_where_all_gaps_suffice(layout):
    gaps = Gaps(layout, least=1e-3)
    assert float(gaps.penalty(torch.tensor(layout.values))) == 0


def test_the_end_of_a_design_names_the_narrowest_gap_exactly():
    fins = mg.Platform(
        lattice=mg.Lattice.square(0.5),
        atom=mg.atoms.Rectangle(length=(0.2, 0.45), width=0.1, angle=(0, math.pi)),
    )
    length = np.full((3, 3), 0.3)
    length[:2, 1] = 0.42  # their ends, at 0.21 from their sites, are 0.08 apart; with their neighbours 0.14
    close = mg.Layout(fins, {"length": length, "angle": np.zeros((3, 3))}, name="crowd")
    with pytest.warns(
        UserWarning, match=r"'crowd'.*\(-0.5000, 0.0000\) and \(0.0000, 0.0000\) are 0.0800 apart"
    ):
        warn_of_narrow_gaps(close, 0.1)


@pytest.mark.filterwarnings("error")
def test_nothing_is_said_of_gaps_that_suffice(layout):
    warn_of_narrow_gaps(layout, 1e-3)


def test_a_design_that_cannot_keep_the_gap_is_written_all_the_same_and_says_so(tmp_path):
    """Plates 0.38 long, 0.43 apart: none can be turned so that it is 0.3 away from all its neighbours."""
    models = [half_wave_plates.Plates(name) for name in "xy"]
    goal = mg.design.Focus(wavelength=half_wave_plates.WAVELENGTH, distance=4.0, polarisation="left")
    settings = mg.design.OptimizerSettings(steps=1, symmetry="none", minimum_gap=0.3)
    start, path = half_wave_plates.geometric_lens(1), tmp_path / "device.h5"
    with pytest.warns(UserWarning, match=r"are 0\.\d+ apart; .* below minimum_gap, 0\.3; optimise with more"):
        device = mg.design.optimize(
            start, models, mg.design.worst_of(goal), settings, path=path, progress=False
        )
    assert Device.load(path).hash == device.hash
