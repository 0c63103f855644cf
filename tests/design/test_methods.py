"""L-BFGS, schedules and several starts; what holds of every method: determinism and going on after a kill."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from delays import HIGH, LOW, PLATFORM, Delay, DelayTable, domain

import metagen as mg
from metagen.base.errors import InputError, MismatchError
from metagen.design import Device, Focus, Light, Line, OptimizerSettings, OverBias, Ring, optimize, worst_of
from metagen.design.methods import Schedule
from metagen.design.optics import Optics
from metagen.design.settings import DesignSettings, start_layouts
from metagen.device.layout import random_layout
from metagen.surrogate import Domain

FOCUS, RING = Focus(0.633, 4.0), Ring(0.400, 4.0, radius=0.8)
LBFGS = OptimizerSettings(steps=25, method="lbfgs", save_every=4)


@pytest.fixture
def models():
    return [Delay(domain()), Delay(domain(0.400), turns=1.7)]


@pytest.fixture
def start():
    return random_layout(PLATFORM, 7, seed=1)


def smooth(light):
    return worst_of(FOCUS, RING, sharpness=4.0)(light)


@pytest.mark.cross_check
def test_lbfgs_never_goes_downhill_and_reaches_what_adam_reaches(models, start):
    fast = optimize(start, models, smooth, LBFGS, progress=False)
    slow = optimize(start, models, smooth, OptimizerSettings(steps=200), progress=False)
    assert np.all(np.diff(fast.history) >= 0)
    assert fast.figure > 0.95 * slow.figure > 1.5 * fast.history[0]


def test_lbfgs_killed_in_the_middle_of_a_step_goes_on_to_the_same_device(models, start, tmp_path):
    """The file of step 8 is set aside at evaluation 15, somewhere in the line search of a later step."""
    path, left = tmp_path / "device.h5", tmp_path / "left.h5"
    calls = []

    def objective(light):
        calls.append(None)
        if len(calls) == 15:
            shutil.copy(path, left)
        return smooth(light)

    whole = optimize(start, models, objective, LBFGS, path=path, progress=False)
    assert 0 < len(Device.load(left).history) < len(whole.history)
    resumed = optimize(start, models, objective, LBFGS, path=left, progress=False)
    assert resumed.hash == whole.hash
    np.testing.assert_array_equal(resumed.history, whole.history)


def test_a_design_that_began_at_a_figure_of_zero_goes_on_to_the_same_device(models, start, tmp_path):
    """The optimiser sees figures in units of the first one; of zero there is no unit but 1, also later."""
    left, calls = tmp_path / "left.h5", []

    def objective(light):
        calls.append(float(FOCUS(light).detach()))
        if len(calls) == 10:
            shutil.copy(tmp_path / "whole.h5", left)
        return 1e3 * (FOCUS(light) - calls[0])

    settings = OptimizerSettings(steps=12, save_every=4)
    whole = optimize(start, models, objective, settings, path=tmp_path / "whole.h5", progress=False)
    resumed = optimize(start, models, objective, settings, path=left, progress=False)
    assert whole.history[0] == 0 < whole.figure
    np.testing.assert_array_equal(resumed.history, whole.history)


def test_lbfgs_asks_for_no_device_twice(models, start):
    seen = []

    def objective(light):
        seen.append(light[0.633]._pillars.values.detach().numpy().tobytes())
        return smooth(light)

    optimize(start, models, objective, LBFGS, progress=False)
    assert len(set(seen)) == len(seen) >= 26


def test_lbfgs_on_a_grid_is_refused():
    with pytest.raises(InputError, match="nothing smooth"):
        OptimizerSettings(method="lbfgs", grid=0.001)


def test_schedules_begin_alike_and_end_apart():
    assert Schedule.COSINE.factor(0) == Schedule.CONSTANT.factor(0) == 1
    assert Schedule.COSINE.factor(1) == pytest.approx(0)
    assert Schedule.CONSTANT.factor(1) == 1


def test_a_constant_step_ends_less_settled_than_one_that_falls(models, start):
    """Adam's step has about its full length until the end: the figures of the last ten steps scatter."""
    ends = []
    for schedule in Schedule:
        settings = OptimizerSettings(steps=60, learning_rate=0.3, schedule=schedule)
        device = optimize(start, models, worst_of(FOCUS, RING), settings, progress=False)
        ends.append(np.abs(np.diff(device.history[-10:])).max())
    assert ends[0] < 0.2 * ends[1]


def lens(focal_length):
    return mg.lens.focusing(PLATFORM, focal_length, 0.633, 7, DelayTable())


def test_of_several_starts_the_best_goes_on(models, tmp_path):
    settings = OptimizerSettings(steps=10, trial_steps=5)
    starts = [lens(30.0), lens(4.0), lens(1.0)]
    path = tmp_path / "device.h5"
    device = optimize(starts, models[:1], FOCUS, settings, path=path, progress=False)
    short = replace(settings, steps=5)
    tried = [optimize(start, models[:1], FOCUS, short, progress=False) for start in starts]
    best = max(tried, key=lambda each: each.figure)
    assert best.name == "lens-f4-designed"
    assert device.provenance["start_hash"] == best.hash
    assert device.history[0] == pytest.approx(best.figure, rel=1e-4)
    # What the trial gained is part of the gain: the first figure is that of the lens itself.
    assert float(device.provenance["first_figure"]) == best.history[0] <= device.history[0]


def test_several_starts_leave_one_file_and_are_not_tried_again(models, tmp_path, monkeypatch):
    settings, path = OptimizerSettings(steps=10, trial_steps=5), tmp_path / "device.h5"
    starts = [lens(30.0), lens(4.0)]
    device = optimize(starts, models[:1], FOCUS, settings, path=path, progress=False)
    assert list(tmp_path.iterdir()) == [path]
    monkeypatch.setattr("metagen.design.starts.climb", None)
    again = optimize(starts, models[:1], FOCUS, settings, path=path, progress=False)
    assert again.hash == device.hash


def test_a_device_of_other_starts_is_not_taken_for_the_result(models, tmp_path):
    settings, path = OptimizerSettings(steps=4, trial_steps=2), tmp_path / "device.h5"
    optimize([lens(30.0), lens(4.0)], models[:1], FOCUS, settings, path=path, progress=False)
    with pytest.raises(MismatchError, match="another optimisation"):
        optimize([lens(8.0), lens(6.0)], models[:1], FOCUS, settings, path=path, progress=False)


def test_ctrl_c_while_starts_are_tried_stops(models, tmp_path):
    calls = []

    def interrupted(light):
        calls.append(None)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return FOCUS(light)

    settings = OptimizerSettings(steps=10, trial_steps=5)
    path = tmp_path / "device.h5"
    with pytest.raises(KeyboardInterrupt):
        optimize([lens(4.0), lens(8.0)], models[:1], interrupted, settings, path=path, progress=False)
    device = optimize([lens(4.0), lens(8.0)], models[:1], interrupted, settings, path=path, progress=False)
    plain = optimize([lens(4.0), lens(8.0)], models[:1], interrupted, settings, progress=False)
    assert device.hash == plain.hash


def test_no_start_is_an_error(models):
    with pytest.raises(InputError, match="no layout"):
        optimize([], models, FOCUS, progress=False)


@pytest.mark.cross_check
def test_the_mean_over_biases_is_their_mean(start):
    """And a device tuned for the mean is better at it than one tuned for the worst."""
    wide = Domain(wavelength=0.633, radius_low=LOW - 0.01, radius_high=HIGH + 0.01, samples=2)
    model = Delay(wide, turns=0.0, bend=2.0)

    def over_biases(device):
        radii = torch.tensor(device.radii, dtype=torch.float32)
        return np.array([float(FOCUS(Light([Optics(model)], radii + bias))) for bias in (-0.01, 0, 0.01)])

    devices = [
        optimize(
            start,
            [model],
            FOCUS,
            OptimizerSettings(steps=80, edge_bias=0.01, over_bias=kind),
            progress=False,
        )
        for kind in OverBias
    ]
    worst, mean = map(over_biases, devices)
    assert devices[1].figure == pytest.approx(mean.mean(), rel=1e-4)
    assert mean.mean() > worst.mean()


def test_a_design_file_may_name_several_starts_and_weigh_its_goals(tmp_path):
    path = tmp_path / "design.toml"
    path.write_text("""
        name = "tiny"
        count = 7
        models = ["a"]
        sharpness = 4.0
        trust = 0.5
        [[start]]
        kind = "random"
        seed = 1
        [[start]]
        kind = "random"
        seed = 2
        [[goals]]
        kind = "efficiency"
        wavelength = 0.633
        distance = 4.0
        radius = 1.0
        target = 0.3
        [[goals]]
        kind = "uniformity"
        of = { kind = "line", wavelength = 0.4, distances = [3.0, 4.0] }
    """)
    settings = DesignSettings.load(path)
    assert [layout.name for layout in start_layouts(settings, PLATFORM)] == ["random-s1", "random-s2"]
    worst, *penalties = settings.objective.parts
    assert [goal.target for goal in worst.goals] == [0.3, 1.0]
    assert [penalty.wavelength for penalty in penalties] == [0.633, 0.4]


@pytest.mark.closed_form
def test_a_line_has_the_mean_that_it_is_given(models, start):
    light = Light([Optics(models[0])], torch.tensor(start.radii).float())
    points = Line(0.633, (3.0, 4.0))
    found = light[0.633].relative_intensity(points.points())
    assert float(Line(0.633, (3.0, 4.0), exponent=-1.0)(light)) == pytest.approx(float(2 / (1 / found).sum()))


@pytest.mark.parametrize("text", ["", "settings = 3"])
def test_a_script_without_settings_is_named(tmp_path, text):
    path = tmp_path / "design.py"
    path.write_text(text)
    with pytest.raises(InputError, match="settings"):
        DesignSettings.load(path)
    with pytest.raises(InputError, match="no such file"):
        DesignSettings.load(tmp_path / "other.py")
