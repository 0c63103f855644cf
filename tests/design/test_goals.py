"""Goals against the metrics that they stand for, their combinations, and starts matched to them."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from delays import HIGH, LOW, PLATFORM, Delay, DelayTable, Painted, domain

import metagen as mg
from metagen import metrics
from metagen.base.errors import InputError
from metagen.base.validation import checked
from metagen.design import (
    Disc,
    Efficiency,
    Focus,
    Light,
    Line,
    OptimizerSettings,
    Ring,
    RingRatio,
    SideLobes,
    Spots,
    SquareEfficiency,
    Sum,
    Trust,
    Uniformity,
    WorstOf,
    matched,
    optimize,
    power_mean,
    worst_of,
)
from metagen.design.goal import Aimed
from metagen.design.optics import Optics
from metagen.design.questions import DepthAlongAxis, FocusOnAxis, RingAroundAxis, SquareOnAxis
from metagen.device.layout import random_layout
from metagen.propagation import coordinates
from metagen.verify.verification import metrics_of_goals

FOCUS = Focus(0.633, 4.0)


def light_of(field):
    return Light([Optics(Painted(field))], torch.full((21, 21), 0.1))


def beam(waist, ring=0.0):
    """[105, 105] a Gaussian ring (a spot for radius 0) on the monitor plane, and its wavefront."""
    x = coordinates(21 * 5, PLATFORM.period / 5)
    rho = torch.hypot(x[:, None], x)
    field = torch.exp(-(((rho - ring) / waist) ** 2)).to(torch.complex128)
    return field, metrics.Wavefront(field[None], PLATFORM.period / 5, 0.633, PLATFORM)


@pytest.fixture
def start():
    return random_layout(PLATFORM, 7, seed=1)


# Goals are what they say


@pytest.mark.closed_form
def test_a_perfect_lens_without_reflection_has_a_relative_intensity_of_one():
    # The incident power is n_substrate per area, so its amplitude behind is √1.45. What is missing to 1 is
    # the gain of an uneven amplitude, which the divisor allows: 1.5 % at NA 0.36.
    x = coordinates(21 * 5, PLATFORM.period / 5)
    path = torch.sqrt(x[:, None] ** 2 + x**2 + 12.0**2)
    field = math.sqrt(1.45) * torch.exp(-2j * math.pi / 0.633 * path)
    light = light_of(field)
    assert 0.98 < float(Focus(0.633, 12.0)(light)) < 1
    assert float(Line(0.633, (12.0,))(light)) == pytest.approx(float(Focus(0.633, 12.0)(light)))


@pytest.mark.cross_check
def test_a_ring_of_a_round_field_is_its_intensity_at_that_radius():
    x = coordinates(21 * 5, PLATFORM.period / 5)
    field = torch.exp(-(x[:, None] ** 2 + x**2) / 0.8**2).to(torch.complex128)
    wave = light_of(field)[0.633]
    ring = Ring(0.633, 3.0, radius=0.7)
    expected = wave.plane(3.0, torch.tensor([0.7], dtype=torch.float64), torch.zeros(1))
    # One integral against the other, for a beam that stays within the window: single precision.
    assert float(wave.intensity(ring.points()).mean()) == pytest.approx(float(expected), rel=1e-4)


def test_the_worst_goal_counts(start):
    ring = Ring(0.400, 4.0, radius=0.8)
    optics = [Optics(Delay(domain())), Optics(Delay(domain(0.400), turns=1.7))]
    light = Light(optics, torch.tensor(start.radii, dtype=torch.float32))
    assert float(worst_of(FOCUS, ring)(light)) == min(float(FOCUS(light)), float(ring(light)))


@pytest.mark.cross_check
def test_a_disc_of_a_round_field_holds_the_power_of_its_flux():
    # The mean intensity over a disc against its finely sampled mean: 400 points on the spiral integrate it to
    # their number's inverse.
    x = coordinates(21 * 5, PLATFORM.period / 5)
    field = torch.exp(-(x[:, None] ** 2 + x**2) / 0.8**2).to(torch.complex128)
    wave = light_of(field)[0.633]
    disc = Disc(0.633, 3.0, radius=0.7, count=400)
    fine = coordinates(201, 0.007)
    inside = torch.hypot(fine[:, None], fine) < 0.7
    expected = wave.plane(3.0, fine)[inside].mean()
    assert float(wave.intensity(disc.points()).mean()) == pytest.approx(float(expected), rel=2.5e-3)


@pytest.mark.closed_form
def test_a_line_is_the_geometric_mean_of_its_points(start):
    light = Light([Optics(Delay(domain()))], torch.tensor(start.radii, dtype=torch.float32))
    line = Line(0.633, (3.0, 4.0, 6.0))
    expected = light[0.633].relative_intensity(line.points()).log().mean().exp()
    assert float(line(light)) == pytest.approx(float(expected), rel=1e-6)
    assert line(light) < light[0.633].relative_intensity(line.points()).mean()


# Goals are the metrics


@pytest.mark.cross_check
def test_efficiency_is_the_share_of_the_power_within_the_circle():
    # The 256 points of the spiral integrate a focus to better than 0.5 %. The rim of the lens is seen at 0.75
    # of a right angle's sine: were its waves counted with the power of upright ones, it were a quarter more.
    _, wave = beam(1.2)
    wave = metrics.ideal_lens(wave, 4.0)
    goal = Efficiency(0.633, 4.0, 1.5 * metrics.fwhm(wave, 4.0), count=256)
    reached = float(goal(light_of(wave.field[0])))
    assert reached == pytest.approx(metrics.focusing_efficiency(wave, 4.0), rel=5e-3)


@pytest.mark.cross_check
def test_square_efficiency_is_the_share_of_the_power_within_the_square():
    # Eight points along a side, 0.16 µm apart, integrate a focus of 0.45 µm to 0.5 %.
    wave = metrics.ideal_lens(beam(1.2)[1], 4.0)
    goal, light = SquareEfficiency(0.633, 4.0, 1.26), light_of(wave.field[0])
    reached = float(goal(light))
    assert reached == pytest.approx(metrics.square_efficiency(wave, 4.0, 1.26), rel=5e-3)
    assert reached > 0.3 > 100 * float(replace(goal, x=3.0)(light))


@pytest.mark.cross_check
def test_the_flux_at_points_is_that_of_the_plane():
    field, wave = beam(0.4)
    x = torch.tensor([-0.8, 0.0, 0.5], dtype=torch.float64)
    points = torch.stack([x, 0 * x, 0 * x + 3.0], dim=1)
    plane = mg.propagation.focal_flux(field, wave.sample_spacing, 0.633, 3.0, x, 0 * x[:1], padding=8)[:, 0]
    # The slope is taken over 1/200 of a wavelength (1.6e-4); the rest is the spectrum's finite plane.
    assert light_of(field)[0.633].flux(points).tolist() == pytest.approx(plane.tolist(), rel=1e-3)


@pytest.mark.cross_check
def test_efficiency_of_a_ring_and_ring_ratio_are_those_of_the_metrics():
    # As above; the middle of the ring is nearly dark, and what the spiral misses there counts more.
    field, wave = beam(0.8, ring=1.5)
    expected = metrics.ring_metrics(wave, 0.5)
    ring = Efficiency(0.633, 0.5, radius=2.0, inner=1.0, count=256)
    ratio = RingRatio(0.633, 0.5, count=256)
    assert float(ring(light_of(field))) == pytest.approx(expected.efficiency, rel=5e-3)
    assert float(ratio(light_of(field))) == pytest.approx(expected.ratio, rel=0.01)


@pytest.mark.closed_form
def test_side_lobes_compare_the_focus_with_what_is_around_it():
    field, _ = beam(0.6)
    light = light_of(field)
    dark = SideLobes(0.633, 2.0, inner=0.5, outer=3.0, count=1)
    focus, other = light[0.633].intensity(dark.points())
    assert float(dark(light)) == pytest.approx(float(1 / (1 + other / focus)))
    # With many points the brightest lead: it lies at the inner circle of this beam.
    many = replace(dark, count=200)
    edge = light[0.633].intensity(torch.tensor([[0.5, 0.0, 2.0]], dtype=torch.float64))
    assert 0.4 * float(edge / focus) < float(1 / many(light)) - 1 < float(edge / focus)


@pytest.mark.closed_form
def test_uniformity_is_one_for_equal_points_only():
    field, _ = beam(1.0)
    even = Uniformity(of=Ring(0.633, 2.0, radius=0.7))
    uneven = Uniformity(of=Line(0.633, (0.5, 4.0)))
    light = light_of(field)
    # The beam is sampled so finely that the square grid leaves no trace: single precision.
    assert float(even(light)) == pytest.approx(1, abs=1e-6)
    found = light[0.633].intensity(uneven.points())
    assert float(uneven(light)) == pytest.approx(float(2 / (1 / found).sum() / found.mean()))
    assert float(uneven(light)) < 0.95


@pytest.mark.cross_check
def test_spots_off_the_axis_are_the_intensity_there():
    field, _ = beam(1.0)
    light = light_of(field)
    spots = Spots(0.633, ((0.4, -0.3, 3.0), (-0.2, 0.1, 2.0)), exponent=1.0)
    expected = light[0.633].relative_intensity(spots.points()).mean()
    assert float(spots(light)) == pytest.approx(float(expected))


@pytest.mark.closed_form
@pytest.mark.parametrize(
    ("exponent", "expected"),
    [(1, 7 / 3), (0, 2.0), (-1, 12 / 7), (-300, 3 ** (1 / 300)), (300, 4 / 3 ** (1 / 300))],
)
def test_power_means_are_the_known_ones(exponent, expected):
    # Of three numbers only the extreme one counts at ±300: the others' powers are below 2⁻³⁰⁰ of its own.
    values = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    assert float(power_mean(values, exponent)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda: RingRatio(0.4, 5.0, radius=0.5, half_width=0.5), "half_width"),
        (lambda: Efficiency(0.4, 5.0, radius=1.0, inner=1.0), "inner"),
        (lambda: SideLobes(0.4, 5.0, inner=2.0, outer=1.0), "inner"),
        (lambda: Focus(0.4, 5.0, target=0.0), "target"),
        (lambda: WorstOf(()), "no goals"),
        (lambda: Sum(()), "no parts"),
        (lambda: worst_of(FOCUS, sharpness=0.0), "sharpness"),
    ],
)
def test_a_goal_that_makes_no_sense_is_refused(wrong, reason):
    with pytest.raises(InputError, match=reason):
        wrong()


@pytest.mark.gradient
@pytest.mark.parametrize(
    "goal",
    [
        Efficiency(0.633, 4.0, 1.0, count=5),
        SquareEfficiency(0.633, 4.0, 1.0, x=0.2, count=3),
        RingRatio(0.633, 4.0, count=5),
        SideLobes(0.633, 4.0, inner=0.5, outer=2.0, count=5),
        Uniformity(of=Ring(0.633, 4.0, radius=0.8, count=5)),
        Spots(0.633, ((0.4, -0.3, 3.0), (-0.2, 0.1, 4.0))),
        worst_of(FOCUS, Ring(0.633, 4.0, radius=0.8, count=5), sharpness=4.0),
    ],
    ids=lambda goal: getattr(goal, "kind", "worst of"),
)
def test_the_gradient_of_a_goal_equals_finite_differences(goal):
    torch.set_default_dtype(torch.float64)
    try:
        optics = [Optics(Delay(domain()))]
        radii = torch.tensor(random_layout(PLATFORM, 3, seed=0).radii, requires_grad=True)
        # Radii are of order 0.1: the step is small against them, and the goals are smooth on its scale, so
        # that the rounding of numbers of order 1 over the step is left, 1e-8.
        assert torch.autograd.gradcheck(
            lambda r: goal(Light(optics, r)), radii, eps=1e-7, atol=1e-7, rtol=1e-5
        )
    finally:
        torch.set_default_dtype(torch.float32)


# Combinations


@pytest.mark.closed_form
def test_goals_are_weighed_by_their_targets():
    light = light_of(beam(0.8)[0])
    value = float(FOCUS(light))
    easy, hard = replace(FOCUS, target=value / 2), replace(FOCUS, target=value * 4)
    assert float(worst_of(easy, hard)(light)) == pytest.approx(0.25)
    assert float(easy(light)) == value


@pytest.mark.closed_form
def test_the_smooth_worst_of_lets_all_goals_count_and_nears_the_worst():
    light = light_of(beam(0.8)[0])
    value = float(FOCUS(light))
    goals = [replace(FOCUS, target=value / share) for share in (1.0, 2.0)]
    means = [float(worst_of(*goals, sharpness=s)(light)) for s in (1, 4, 300)]
    # Harmonic mean of 1 and 2, then ever nearer to 1; 2^(1/300) is 0.2 % above.
    assert means[0] == pytest.approx(4 / 3, rel=1e-5)
    assert means[0] > means[1] > means[2] == pytest.approx(1, rel=3e-3)


@dataclass
class Doubtful(Delay):
    """Knows thin pillars well and thick ones badly."""

    def expected_error(self, radii):
        return ((radii - LOW) / (HIGH - LOW)) ** 2


def test_the_trust_penalty_keeps_a_device_where_the_model_knows_itself_to_be_right():
    start = random_layout(PLATFORM, 7, seed=1)
    model = Doubtful(domain())
    plain = optimize(start, [model], FOCUS, OptimizerSettings(steps=40), progress=False)
    careful = Sum((FOCUS, Trust(0.633, weight=5.0)))
    trusted = optimize(start, [model], careful, OptimizerSettings(steps=40), progress=False)
    errors = [float(model.expected_error(torch.tensor(each.radii)).mean()) for each in (plain, trusted)]
    assert errors[1] < 0.5 * errors[0]
    expected = Light([Optics(model)], torch.tensor(trusted.radii).float())
    assert float(careful(expected)) == pytest.approx(float(FOCUS(expected)) - 5 * errors[1], rel=1e-4)


def test_a_model_that_does_not_know_its_error_cannot_be_trusted_by_degrees():
    light = Light([Optics(Delay(domain()))], torch.full((5, 5), 0.1))
    with pytest.raises(InputError, match="no expected_error"):
        Trust(0.633)(light)


# One's own


@checked
class Twin(Aimed):
    """A goal as a user writes one: equal foci on either side of the axis."""

    wavelength: float
    apart: float

    def points(self):
        return torch.tensor([[x, 0.0, 4.0] for x in (-self.apart, self.apart)], dtype=torch.float64)

    @property
    def question(self):
        return RingAroundAxis(4.0, self.apart, 0.3)

    def __call__(self, light):
        return light[self.wavelength].relative_intensity(self.points()).amin(-1)


def test_a_goal_of_ones_own_is_designed_for_started_from_and_measured():
    goal, model = Twin(0.633, 0.8), Delay(domain())
    start = matched(PLATFORM, [goal], 9, {0.633: DelayTable()})
    device = optimize(start, [model], worst_of(goal), OptimizerSettings(steps=5), progress=False)
    assert (
        device.figure >= device.history[0] > float(goal(Light.behind(random_layout(PLATFORM, 9, 1), [model])))
    )
    (found,) = metrics_of_goals([goal], device, [model])
    assert found == metrics.ring_metrics(metrics.Wavefront.predicted(model, device), 4.0, 0.8, 0.3)


def test_what_a_goal_asks_to_be_measured_is_about_its_own_place():
    """Off the axis no metric is about it; equal questions are equal, so that they are asked once."""
    assert Focus(0.633, 4.0).question == Efficiency(0.633, 4.0, 1.0).question == FocusOnAxis(4.0)
    assert Efficiency(0.633, 4.0, 1.0, inner=0.5).question == RingAroundAxis(4.0, 0.75, 0.25)
    assert Line(0.633, (6.0, 3.0)).question == DepthAlongAxis(3.0, 6.0)
    assert SquareEfficiency(0.633, 4.0, 1.26).question == SquareOnAxis(4.0, 1.26)
    assert SquareEfficiency(0.633, 4.0, 1.26, y=0.1).question is None
    assert Focus(0.633, 4.0, x=0.5).question is Efficiency(0.633, 4.0, 1.0, y=0.5).question is None


# Starts


@pytest.mark.cross_check
def test_a_start_matched_to_one_focus_is_the_forward_lens():
    # Both take the nearest phasor; they differ by the steps of radius (1/400 turn, which costs the square of
    # 4.5 mrad rms) and by the common phase, which costs nothing here.
    table = DelayTable()
    start = matched(PLATFORM, [FOCUS], 9, {0.633: table})
    lens = mg.lens.focusing(PLATFORM, 4.0, 0.633, 9, table)
    model = Optics(Delay(domain()))
    reached = [float(FOCUS(Light([model], torch.tensor(each.radii).float()))) for each in (start, lens)]
    assert reached[0] == pytest.approx(reached[1], rel=1e-4)
    assert start.has_mirror_planes


@dataclass(frozen=True)
class Steeper(DelayTable):
    """The phase table of a delay of 2.6 turns."""

    wavelength: float = 0.4

    def __call__(self, radius):
        return np.exp(2j * np.pi * 2.6 * (radius - LOW) / (HIGH - LOW))


def test_a_start_matched_to_two_wavelengths_serves_both():
    goals = (Focus(0.633, 8.0), Ring(0.4, 8.0, radius=1.0))
    start = matched(PLATFORM, goals, 21, {0.633: DelayTable(), 0.4: Steeper()})
    optics = [Optics(Delay(domain())), Optics(Delay(domain(0.4), turns=2.6))]
    lens = mg.lens.focusing(PLATFORM, 8.0, 0.633, 21, DelayTable())
    served, alone = (
        [float(goal(Light(optics, torch.tensor(each.radii).float()))) for goal in goals]
        for each in (start, lens)
    )
    # The lens gives nearly nothing to the ring; a shared device gives each about the half.
    assert min(served) > 5 * min(alone)
    assert min(served) > 0.1


def test_a_start_matched_to_a_line_spreads_the_light_along_it():
    goal = Line(0.633, tuple(np.linspace(8.0, 24.0, 9)))
    start = matched(PLATFORM, [goal], 31, {0.633: DelayTable()})
    lens = mg.lens.focusing(PLATFORM, 12.0, 0.633, 31, DelayTable())
    optics = [Optics(Delay(domain()))]
    spread, focused = (float(goal(Light(optics, torch.tensor(each.radii).float()))) for each in (start, lens))
    assert spread > 1.5 * focused


def test_a_matched_start_needs_goals_with_the_mirror_planes():
    with pytest.raises(InputError, match="mirror image"):
        matched(PLATFORM, [Focus(0.633, 4.0, x=0.5)], 5, {0.633: DelayTable()})
    with pytest.raises(InputError, match="efficiency"):
        matched(PLATFORM, [Efficiency(0.633, 4.0, 1.0, inner=0.5, x=0.5)], 5, {0.633: DelayTable()})
    with pytest.raises(InputError, match="empty"):
        matched(PLATFORM, [], 5)
    pairs = Spots(0.633, ((0.5, 0.0, 4.0), (-0.5, 0.0, 4.0)))
    assert matched(PLATFORM, [pairs, Disc(0.633, 4.0, 0.5)], 5, {0.633: DelayTable()}).has_mirror_planes


def test_distances_of_goals_are_those_from_the_monitor_plane():
    for goal in (Efficiency(0.4, 7.0, 1.0), RingRatio(0.4, 7.0), SideLobes(0.4, 7.0, 0.5, 1.0)):
        assert set(goal.points()[:, 2].tolist()) == {7.0}
    assert math.isclose(float(Efficiency(0.4, 7.0, 1.0, x=2.0).points()[:, 0].mean()), 2.0, abs_tol=0.1)
