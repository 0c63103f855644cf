"""Inverse design on small models whose answer is known."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from delays import HIGH, LOW, PLATFORM, Delay, DelayTable, domain

import metagen as mg
from metagen.base.errors import InputError, MismatchError
from metagen.design import (
    DesignSymmetry,
    Device,
    Focus,
    Light,
    Line,
    NotFiniteError,
    OptimizerSettings,
    Ring,
    optimize,
    worst_of,
)
from metagen.design.optics import Optics
from metagen.design.settings import DesignSettings
from metagen.design.variables import Limits, Variables
from metagen.device.layout import random_layout
from metagen.surrogate import Domain, NetworkSettings
from metagen.surrogate.models import build

RECIPES = Path(__file__).parents[2] / "design"


@pytest.fixture
def red():
    return Delay(domain())


@pytest.fixture
def blue():
    return Delay(domain(0.400), turns=1.7)


@pytest.fixture
def start():
    return random_layout(PLATFORM, 7, seed=1)


FOCUS, RING = Focus(0.633, 4.0), Ring(0.400, 4.0, radius=0.8)
SHORT = OptimizerSettings(steps=30, save_every=5)


def interrupted_at(evaluation, objective, interrupt):
    """The objective, but ``interrupt()`` is called at one of its evaluations (and not again)."""
    calls = []

    def interrupted(light):
        calls.append(None)
        if len(calls) == evaluation:
            interrupt()
        return objective(light)

    return interrupted


def stop():
    raise KeyboardInterrupt


def test_a_wavelength_without_a_model_is_named(red, start):
    with pytest.raises(MismatchError, match=r"wavelength 0\.4, the models predict wavelength 0\.633"):
        optimize(start, [red], RING, SHORT, progress=False)


@pytest.mark.gradient
@pytest.mark.parametrize("symmetry", list(DesignSymmetry))
def test_the_gradient_of_the_whole_chain_equals_finite_differences(red, blue, symmetry):
    torch.set_default_dtype(torch.float64)
    try:
        layout = mg.lens.focusing(PLATFORM, 4.0, 0.633, 5, DelayTable())
        variables = Variables.of(layout, [Limits(LOW, HIGH)], symmetry)
        optics = [Optics(red), Optics(blue)]

        def chain(u):
            light = Light(optics, variables.values(u))
            return FOCUS(light) * RING(light) + Line(0.633, (3.0, 4.0))(light)

        # The figures are of order 0.1 and smooth: differences over 1e-6 are right to 1e-9.
        assert torch.autograd.gradcheck(chain, variables.start().requires_grad_(), atol=1e-8, rtol=1e-5)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.cross_check
def test_a_lens_of_another_focal_length_becomes_as_good_as_the_one_designed_for_it(red):
    # With a phase per pillar and nothing else, the forward lens is the optimum up to its staircase.
    near, far = (mg.lens.focusing(PLATFORM, f, 0.633, 7, DelayTable()) for f in (4.0, 12.0))
    forward = float(FOCUS(Light([Optics(red)], torch.tensor(near.radii, dtype=torch.float32))))
    device = optimize(far, [red], FOCUS, OptimizerSettings(steps=150), progress=False)
    assert device.history[0] < 0.8 * forward
    assert device.figure > 0.99 * forward


def test_the_worst_of_two_goals_improves_and_the_best_device_is_returned(red, blue, start):
    goal = worst_of(FOCUS, RING)
    device = optimize(start, [red, blue], goal, OptimizerSettings(steps=60), progress=False)
    light = Light([Optics(red), Optics(blue)], torch.tensor(device.radii, dtype=torch.float32))
    assert device.figure == device.history.max() > 1.5 * device.history[0]
    assert device.figure == pytest.approx(float(goal(light)), rel=1e-4)
    assert device.has_mirror_planes
    assert device.finished
    assert len(device.history) == 61


def test_limits_gap_and_grid_are_kept(red, start):
    settings = OptimizerSettings(
        steps=40, learning_rate=1.0, minimum_gap=0.13, grid=0.002, symmetry=DesignSymmetry.FOURFOLD
    )
    square = mg.lens.focusing(PLATFORM, 4.0, 0.633, 7, DelayTable())
    device = optimize(square, [red], lambda light: -FOCUS(light), settings, progress=False)
    radii = device.radii
    assert radii.min() >= LOW
    assert radii.max() <= (PLATFORM.period - 0.13) / 2
    assert np.abs(np.rint(radii / 0.002) - radii / 0.002).max() < 1e-9
    np.testing.assert_array_equal(radii, radii.T)


def test_a_design_keeps_to_limits_that_are_narrower_than_those_of_the_model(red, start):
    settings = OptimizerSettings(steps=5, learning_rate=1.0, limits={"radius": (0.09, 0.11)})
    radii = optimize(start, [red], FOCUS, settings, progress=False).radii
    assert radii.min() >= 0.09
    assert radii.max() <= 0.11
    assert radii.std() > 0.002
    with pytest.raises(InputError, match="no free parameter 'length'"):
        optimize(start, [red], FOCUS, OptimizerSettings(limits={"length": (0, 1)}), progress=False)
    with pytest.raises(InputError, match="leave nothing to design"):
        optimize(start, [red], FOCUS, OptimizerSettings(limits={"radius": (0.4, 0.5)}), progress=False)


def test_going_on_with_a_bias_makes_a_device_better_at_its_worst_bias(start):
    # Pillars whose phase grows with the square of the radius: a bias shifts large ones more than small ones,
    # by up to a third of a turn here, which a device tuned for no bias is not made for.
    wide = Domain(wavelength=0.633, radius_low=LOW - 0.01, radius_high=HIGH + 0.01, samples=2)
    model = Delay(wide, turns=0.0, bend=2.0)

    def worst_bias(device):
        radii = torch.tensor(device.radii, dtype=torch.float32)
        return min(float(FOCUS(Light([Optics(model)], radii + bias))) for bias in (-0.01, 0, 0.01))

    plain = optimize(start, [model], FOCUS, OptimizerSettings(steps=80), progress=False)
    robust = optimize(plain, [model], FOCUS, OptimizerSettings(steps=80, edge_bias=0.01), progress=False)
    assert robust.figure == pytest.approx(worst_bias(robust), rel=1e-4)
    assert worst_bias(robust) > 1.1 * worst_bias(plain)
    assert float(FOCUS(Light([Optics(model)], torch.tensor(robust.radii).float()))) < plain.figure


def test_a_bias_asks_for_no_radius_that_the_models_do_not_know(red, start):
    """And it takes no radius from the design: those at the end of the range stay there."""
    asked = []

    def objective(light):
        asked.append(light[0.633]._pillars.values.detach())
        return FOCUS(light)

    settings = OptimizerSettings(steps=20, learning_rate=1.0, edge_bias=0.01)
    device = optimize(start, [red], objective, settings, progress=False)
    assert min(float(radii.min()) for radii in asked) >= LOW - 1e-7
    assert max(float(radii.max()) for radii in asked) <= HIGH + 1e-7
    assert device.radii.min() < LOW + 0.01
    assert device.radii.max() > HIGH - 0.01


def test_no_room_between_the_limits_is_an_error(red, start):
    with pytest.raises(InputError, match=r"min_gap 0\.36"):
        optimize(start, [red], FOCUS, OptimizerSettings(minimum_gap=0.36), progress=False)


def test_a_start_without_the_symmetry_is_refused(red, start):
    with pytest.raises(InputError, match="fourfold"):
        optimize(start, [red], FOCUS, OptimizerSettings(symmetry=DesignSymmetry.FOURFOLD), progress=False)


def test_a_start_without_pillars_is_refused(red):
    empty = mg.Layout(PLATFORM, np.zeros((5, 5)))
    with pytest.raises(InputError, match="has no pillars"):
        optimize(empty, [red], FOCUS, SHORT, progress=False)


def test_the_same_design_twice_is_the_same_device(red, start):
    one, two = (optimize(start, [red], FOCUS, SHORT, progress=False) for _ in range(2))
    assert one.hash == two.hash
    np.testing.assert_array_equal(one.history, two.history)


def test_a_killed_design_resumes_to_the_same_device(red, start, tmp_path):
    # What a kill at evaluation 18 leaves is the file of evaluation 15; it is set aside at that moment.
    path, left = tmp_path / "device.h5", tmp_path / "left.h5"
    objective = interrupted_at(18, FOCUS, lambda: shutil.copy(path, left))
    whole = optimize(start, [red], objective, SHORT, path=path, progress=False)
    assert len(Device.load(left).history) == 15
    assert not Device.load(left).finished
    resumed = optimize(start, [red], objective, SHORT, path=left, progress=False)
    assert resumed.hash == whole.hash
    np.testing.assert_array_equal(resumed.history, whole.history)


def test_a_design_for_functions_of_ones_own_goes_on_in_another_process(red, start, tmp_path):
    """There the functions lie at other addresses."""

    def made():
        def own(light):
            return FOCUS(light)

        return worst_of(own, FOCUS)

    path = tmp_path / "device.h5"
    first = optimize(start, [red], made(), SHORT, path=path, progress=False)
    assert optimize(start, [red], made(), SHORT, path=path, progress=False).hash == first.hash
    assert " at 0x" not in first.provenance["objective"]


def test_a_plain_layout_is_not_taken_for_an_optimisation_under_way(red, start, tmp_path):
    start.save(tmp_path / "start.h5")
    with pytest.raises(InputError, match="choose another path"):
        optimize(start, [red], FOCUS, SHORT, path=tmp_path / "start.h5", progress=False)
    assert mg.Layout.load(tmp_path / "start.h5").hash == start.hash


def test_a_finished_design_is_not_done_again(red, start, tmp_path):
    path = tmp_path / "device.h5"
    first = optimize(start, [red], FOCUS, SHORT, path=path, progress=False)
    before = path.stat().st_mtime_ns
    again = optimize(start, [red], FOCUS, SHORT, path=path, progress=False)
    assert again.hash == first.hash
    assert path.stat().st_mtime_ns == before


def test_ctrl_c_leaves_the_best_device_on_disk_and_returns_it(red, start, tmp_path):
    path = tmp_path / "device.h5"
    objective = interrupted_at(13, FOCUS, stop)
    device = optimize(start, [red], objective, SHORT, path=path, progress=False)
    assert len(device.history) == 12
    assert not device.finished
    assert mg.Layout.load(path).hash == device.hash
    assert device.figure == device.history.max()


def test_ctrl_c_before_the_first_step_stops(red, start):
    with pytest.raises(KeyboardInterrupt):
        optimize(start, [red], interrupted_at(1, FOCUS, stop), SHORT, progress=False)


def test_a_nan_stops_the_design_with_the_last_good_device_on_disk(red, start, tmp_path):
    calls = []

    def sick(light):
        calls.append(None)
        return FOCUS(light) * (math.nan if len(calls) == 9 else 1)

    path = tmp_path / "device.h5"
    with pytest.raises(NotFiniteError, match="step 8: the figure of merit is nan") as caught:
        optimize(start, [red], sick, SHORT, path=path, progress=False)
    assert len(caught.value.device.history) == 8
    assert Device.load(path).hash == caught.value.device.hash


def test_a_file_of_another_design_is_not_overwritten(red, blue, start, tmp_path):
    path = tmp_path / "device.h5"
    optimize(start, [red], FOCUS, SHORT, path=path, progress=False)
    before = path.read_bytes()
    for models, goal in (([red], Focus(0.633, 5.0)), ([red, blue], FOCUS)):
        with pytest.raises(MismatchError, match="another optimisation"):
            optimize(start, models, goal, SHORT, path=path, progress=False)
    assert path.read_bytes() == before


def test_a_device_saves_and_loads_with_its_history(red, start, tmp_path):
    device = optimize(start, [red], FOCUS, SHORT, progress=False)
    device.save(tmp_path / "a.h5")
    loaded = Device.load(tmp_path / "a.h5")
    assert loaded.hash == device.hash
    np.testing.assert_array_equal(loaded.history, device.history)
    assert loaded.provenance["start"] == start.name


def test_an_objective_that_is_no_number_is_named(red, start):
    with pytest.raises(InputError, match="one real number"):
        optimize(
            start,
            [red],
            lambda light: light[0.633].intensity(FOCUS.points()).repeat(2),
            SHORT,
            progress=False,
        )


def test_models_must_fit_the_layout_and_each_other(red, start):
    other = Delay(Domain(wavelength=0.4, radius_low=LOW, radius_high=HIGH, platform=mg.Platform(height=0.7)))
    with pytest.raises(MismatchError, match="different platforms"):
        optimize(start, [red, other], FOCUS, SHORT, progress=False)
    with pytest.raises(MismatchError, match="trained for the layout"):
        optimize(start, [other], RING, SHORT, progress=False)
    with pytest.raises(InputError, match="one model per wavelength"):
        optimize(start, [red, red], FOCUS, SHORT, progress=False)


# Design files


def test_the_demo_file_is_a_multiplexed_device_of_the_demo_size():
    settings = DesignSettings.load(RECIPES / "demo.toml")
    assert settings.count == 21
    assert {goal.kind for goal in settings.goals} == {"focus", "ring"}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("steps", "stepz", "stepz"),
        ('kind = "ring"', 'kind = "rung"', "rung"),
        ("count = 21", "count = 0", "count"),
        ("distance = 12.0", "distance = nan", "distance"),
    ],
)
def test_a_wrong_entry_of_a_design_file_is_named(tmp_path, old, new, reason):
    text = (RECIPES / "demo.toml").read_text()
    assert old in text
    path = tmp_path / "design.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=reason):
        DesignSettings.load(path)


def test_a_design_file_is_run_with_models_from_files(tmp_path):
    names = []
    for wavelength in (0.633, 0.400):
        model = build(domain(wavelength), NetworkSettings(rank=3, hidden=(8,)))
        model.basis.modes_parts.normal_(generator=torch.Generator().manual_seed(0))
        names.append(str(tmp_path / f"{wavelength}.safetensors"))
        mg.surrogate.save(model, names[-1])
    path = tmp_path / "design.toml"
    path.write_text(f"""
        name = "tiny"
        count = 7
        models = {names}
        [start]
        kind = "random"
        seed = 1
        [[goals]]
        kind = "focus"
        wavelength = 0.633
        distance = 4.0
        [[goals]]
        kind = "line"
        wavelength = 0.400
        distances = [3.0, 4.0]
        [optimizer]
        steps = 5
        symmetry = "none"
    """)
    device = mg.design.run(DesignSettings.load(path), tmp_path / "device.h5", progress=False)
    assert mg.Layout.load(tmp_path / "device.h5").hash == device.hash
    assert device.name == "tiny"
    assert len(device.history) == 6
