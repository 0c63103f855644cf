"""Designs in light of any polarisation: half-wave plates whose angle is the phase of circular light."""

import math

import numpy as np
import pytest
import torch
from half_wave_plates import ANGLES, COUNT, DISTANCE, PLATFORM, WAVELENGTH, Plates, geometric_lens

import metagen as mg
from metagen.base.errors import InputError, MismatchError
from metagen.design import (
    DesignSymmetry,
    Efficiency,
    Focus,
    Light,
    OptimizerSettings,
    Ring,
    Trust,
    Uniformity,
    optimize,
)
from metagen.design.gaps import Gaps
from metagen.design.matched import matched
from metagen.design.settings import DesignSettings, start_layout

RIGHT_FOCUS = Focus(WAVELENGTH, DISTANCE, polarisation="left", analyser="right")


MODELS = [Plates("x"), Plates("y")]


def behind(layout):
    return Light.behind(layout, MODELS)


@pytest.mark.closed_form
def test_half_wave_plates_turn_left_light_into_right_light():
    light = behind(geometric_lens(1))
    wave = light[mg.Illumination(WAVELENGTH, "left")]
    points = RIGHT_FOCUS.points()
    torch.testing.assert_close(wave.analysed("right").intensity(points), wave.intensity(points))
    # Single precision: 1e-7 of the amplitude.
    assert float(wave.analysed("left").intensity(points)) < 1e-10 * float(wave.intensity(points))


@pytest.mark.closed_form
@pytest.mark.parametrize(("sense", "focused"), [(1, "left"), (-1, "right")])
def test_the_sense_of_rotation_decides_which_handedness_is_focused(sense, focused):
    light = behind(geometric_lens(sense))
    left, right = (
        float(light[mg.Illumination(WAVELENGTH, name)].relative_intensity(RIGHT_FOCUS.points()))
        for name in ("left", "right")
    )
    bright, dark = (left, right) if focused == "left" else (right, left)
    # Amplitude 1 in the cover is 1/1.45 of the incident power, of which obliquity takes a tenth.
    assert bright > 0.9 / 1.45 > 100 * dark


@pytest.mark.closed_form
def test_two_polarisations_at_right_angles_share_what_x_and_y_light_give():
    light, points = behind(geometric_lens(1)), RIGHT_FOCUS.points()
    pairs = [("x", "y"), ("left", "right")]
    sums = [
        sum(light[mg.Illumination(WAVELENGTH, name)].intensity(points) for name in pair) for pair in pairs
    ]
    torch.testing.assert_close(*sums)


def test_a_wavelength_alone_means_x_light():
    light = behind(geometric_lens(1))
    torch.testing.assert_close(
        light[WAVELENGTH].near_field, MODELS[0](torch.tensor(geometric_lens(1).values).float())
    )


def test_an_optimised_geometric_phase_reaches_that_of_the_formula():
    start = mg.Layout(PLATFORM, {"angle": np.random.default_rng(1).uniform(*ANGLES, (COUNT, COUNT))})
    settings = OptimizerSettings(steps=60, learning_rate=0.2, symmetry=DesignSymmetry.NONE)
    device = optimize(start, MODELS, RIGHT_FOCUS, settings, progress=False)
    with torch.no_grad():
        formula = float(RIGHT_FOCUS(behind(geometric_lens(1))))
    assert device.history[0] < 0.05
    # The formula is the optimum of phases alone, up to the obliquity of the rays at NA 0.8.
    assert device.figure > 0.99 * formula


def test_a_matched_start_in_circular_light_is_the_geometric_phase():
    start = matched(PLATFORM, [RIGHT_FOCUS], COUNT)
    light = behind(start)
    with torch.no_grad():
        reached, formula = float(RIGHT_FOCUS(light)), float(RIGHT_FOCUS(behind(geometric_lens(1))))
    # The start is for real fins, whose phase is not quite twice their angle: 1 % of a focus of plates.
    assert reached == pytest.approx(formula, rel=0.02)


def test_a_design_file_says_its_light_and_aperture(tmp_path):
    path = tmp_path / "design.toml"
    path.write_text(
        'name = "round"\ncount = [9, 7]\naperture = "circle"\nmodels = ["x.safetensors"]\n'
        'start = {kind = "random", seed = 1}\n'
        '[[goals]]\nkind = "focus"\nwavelength = 0.66\ndistance = 4.0\npolarisation = "left"\n'
        'polar_deg = 10\nanalyser = "right"\n'
    )
    settings = DesignSettings.load(path)
    goal = settings.goals[0]
    assert goal.illumination == mg.Illumination(0.66, "left", polar=math.radians(10))
    assert goal.analyser == "right"
    start = start_layout(settings, PLATFORM)
    assert start.counts == (9, 7)
    assert not start.present[0, 0, 0]


def test_efficiencies_are_shares_of_the_incident_power_in_any_light():
    wide = Efficiency(WAVELENGTH, 0.5, radius=20.0, count=4000, polarisation="left")
    analysed = Efficiency(WAVELENGTH, 0.5, radius=20.0, count=4000, polarisation="left", analyser="right")
    plates = mg.Layout(PLATFORM, {"angle": np.full((COUNT, COUNT), 0.4)})
    with torch.no_grad():
        whole, right = (float(goal(behind(plates))) for goal in (wide, analysed))
    # Amplitude 1 everywhere behind the plates: cover over substrate index, but for the sum over 4000 points.
    assert whole == pytest.approx(1 / 1.45, rel=0.05)
    assert right == pytest.approx(whole, rel=1e-5)


def test_gaps_that_are_too_small_cost_and_are_opened():
    crowded = mg.Platform(
        lattice=mg.Lattice.square(0.43), atom=mg.atoms.Rectangle(length=(0.2, 0.4), width=0.1, angle=ANGLES)
    )
    start = mg.Layout(crowded, {"length": np.full((4, 4), 0.39), "angle": np.zeros((4, 4))})
    gaps = Gaps(start, least=0.08)
    values = torch.tensor(start.values, requires_grad=True)
    assert float(gaps.between(values).detach().min()) == pytest.approx(0.04, abs=1e-9)
    descent = torch.optim.Adam([values], lr=0.01)
    for _ in range(50):
        descent.zero_grad()
        gaps.penalty(values).backward()
        descent.step()
    # The penalty falls with the square of what is missing: at 0.075 it is 0.4 % of a pair that touches.
    assert float(gaps.between(values).detach().min()) > 0.075


@pytest.mark.parametrize(
    ("make", "error", "reason"),
    [
        (lambda: behind(geometric_lens(1))[0.5], MismatchError, "wavelength 0.66, polarisation y"),
        (lambda: Focus(0.66, 1.0, polarisation="z"), InputError, "known: x, y, left, right"),
        (lambda: Focus(0.66, 1.0, polar=45.0), InputError, "radians"),
        (
            lambda: Light.behind(geometric_lens(1), MODELS[:1])[mg.Illumination(0.66, "left")],
            MismatchError,
            "polarisation left",
        ),
        (
            lambda: Light.behind(geometric_lens(1), [Plates("x", 1)])[0.66].analysed("y"),
            InputError,
            "components = 3",
        ),
        (lambda: optimize(geometric_lens(1), [MODELS[0]] * 2, RIGHT_FOCUS), InputError, "one model per"),
        (lambda: Uniformity(Ring(0.66, 1.0), polarisation="y"), InputError, "another goal"),
        (
            lambda: optimize(
                geometric_lens(1),
                MODELS,
                RIGHT_FOCUS,
                OptimizerSettings(edge_bias=0.01, symmetry=DesignSymmetry.NONE),
                progress=False,
            ),
            InputError,
            "one length, width of a rectangle only",
        ),
        (lambda: OptimizerSettings(radius_bias=0.01), InputError, "called 'edge_bias' now"),
    ],
)
def test_light_that_nobody_can_give_is_refused(make, error, reason):
    with pytest.raises(error, match=reason):
        make()


def test_a_penalty_on_expected_errors_is_of_some_light():
    light = mg.Illumination(WAVELENGTH, "left")
    assert Trust.of(light, 2.0).illumination == light
