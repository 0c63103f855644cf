"""Process errors: what is sampled is what was asked for, and the goals follow from the radii as they must."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import metagen as mg
from metagen import surrogate
from metagen.base.errors import InputError
from metagen.design import Disc, Focus, Light, Line, Ring
from metagen.design.optics import BySamples, Optics
from metagen.device.atoms import Rectangle
from metagen.device.atoms import Ring as RingAtom
from metagen.device.lattice import Lattice
from metagen.device.layout import random_layout
from metagen.fab import write_gds
from metagen.report.plot import tolerances
from metagen.surrogate import ClusterSettings, Domain
from metagen.surrogate.models import build
from metagen.verify.imperfection import ProcessErrors, imperfect, with_bias
from metagen.verify.tolerance import tolerance, tolerance_table
from metagen.verify.verification import values

PLATFORM = mg.Platform()
FOCUS = Focus(wavelength=0.633, distance=8.0)
RING = Ring(wavelength=0.400, distance=8.0, radius=1.5)
SLOPE = 2 * math.pi / 0.12
"""Phase per radius of the test model: one turn over the range of radii."""


@dataclass
class Delay:
    """A pillar delays the wave by an angle proportional to its radius, and that is all."""

    domain: Domain

    def __call__(self, radii):
        phase = SLOPE * (radii - 0.05)
        n = self.domain.samples
        cells = torch.polar((radii > 0).to(phase), phase)
        return cells.repeat_interleave(n, -2).repeat_interleave(n, -1).unsqueeze(-3)


def domain(wavelength, low=0.05, high=0.17):
    return Domain(wavelength=wavelength, radius_low=low, radius_high=high, platform=PLATFORM, samples=2)


RED, BLUE = Delay(domain(0.633)), Delay(domain(0.400))


def lens(count=15):
    """Mid-range radii, whose phase is that of a lens as far as half a turn reaches."""
    x = (np.arange(count) - (count - 1) / 2) * PLATFORM.period
    path = np.sqrt(x[:, None] ** 2 + x[None, :] ** 2 + 8.0**2) - 8.0
    return mg.Layout(PLATFORM, 0.14 - 2 * np.pi / 0.633 * path / SLOPE % 0.06, name="lens")


def radii_of(copies):
    """[B, N, N] radii of all copies."""
    return np.concatenate([each.values[..., 0, 0] for each in copies])


@pytest.fixture(scope="module")
def cluster():
    """A model of modes with random weights, on which the light of one device is folded at mirror planes."""
    torch.manual_seed(0)
    model = build(domain(0.633), ClusterSettings(rank=3, width=3, pair_width=3))
    model.weights.normal_()
    model.basis.modes.normal_()
    return model


@pytest.mark.cross_check
@pytest.mark.parametrize(
    "goal", [FOCUS, Ring(0.633, 8.0), Disc(0.633, 8.0, 1.0), Line(0.633, (6.0, 8.0))], ids=lambda g: g.kind
)
def test_goals_of_many_devices_at_once_are_those_of_each_alone(goal, cluster):
    """Single precision sums in another order: 1e-5 of values of order one. Each model in turn."""
    layouts = [random_layout(PLATFORM, 6, seed).radii for seed in range(3)]
    layouts.append(
        np.random.default_rng(1).uniform(0.05, 0.17, (6, 6))
    )  # no mirror planes, beside three with
    stack = torch.tensor(np.array(layouts), dtype=torch.float32)
    for model in (RED, cluster):
        with torch.no_grad():
            together = goal(Light([Optics(model)], stack))
            alone = [goal(Light([Optics(model)], each)) for each in stack]
        torch.testing.assert_close(together, torch.stack(alone), rtol=1e-5, atol=0)


@pytest.mark.closed_form
def test_radii_have_the_spread_that_was_asked_for():
    """Standard errors of a standard deviation from M numbers are 1/√(2M): 5 of them here."""
    layout, errors = lens(20), ProcessErrors(noise=0.003, bias=0.005)
    radii = radii_of(imperfect(layout, errors, 1000, seed=1)) - layout.radii
    common = radii.mean(axis=(1, 2))
    own = radii - common[:, None, None]
    assert own.std() == pytest.approx(0.003, rel=5 / math.sqrt(2 * radii.size) + 1 / layout.radii.size)
    assert common.std() == pytest.approx(0.005, rel=5 / math.sqrt(2 * 1000))


@pytest.mark.closed_form
def test_pillars_are_missing_as_often_as_was_asked_for_and_gaps_stay_gaps():
    radii = np.full((20, 20), 0.1)
    radii[3, 4] = 0
    errors = ProcessErrors(noise=0.0, bias=0.0, missing=0.01)
    copies = radii_of(imperfect(mg.Layout(PLATFORM, radii), errors, 500, seed=2))
    assert (copies[:, 3, 4] == 0).all()
    lost = (np.delete(copies.reshape(500, -1), 3 * 20 + 4, axis=1) == 0).mean()
    assert lost == pytest.approx(0.01, abs=5 * math.sqrt(0.01 / (399 * 500)))


def test_equal_seeds_give_equal_copies_and_each_error_has_its_own_stream():
    layout = lens()
    one = tolerance([FOCUS], layout, [RED], ProcessErrors(), samples=40, seed=5)
    two = tolerance([FOCUS], layout, [RED], ProcessErrors(), samples=40, seed=5)
    other = tolerance([FOCUS], layout, [RED], ProcessErrors(), samples=40, seed=6)
    np.testing.assert_array_equal(one.samples.values, two.samples.values)
    assert not np.array_equal(one.samples.values, other.samples.values)
    with_gaps = radii_of(imperfect(layout, ProcessErrors(missing=0.1), 5, seed=5))
    without = radii_of(imperfect(layout, ProcessErrors(), 5, seed=5))
    np.testing.assert_array_equal(with_gaps[with_gaps > 0], without[with_gaps > 0])


@pytest.mark.closed_form
def test_without_errors_every_copy_is_the_device():
    layout, goals, models = lens(), [FOCUS, RING], [RED, BLUE]
    found = tolerance(goals, layout, models, ProcessErrors(noise=0.0, bias=0.0), samples=3)
    expected = values(goals, layout, models)
    np.testing.assert_allclose(found.nominal, expected, rtol=1e-6)
    np.testing.assert_allclose(found.samples.values, [expected] * 3, rtol=1e-5)
    np.testing.assert_array_equal(found.share_keeping(0.99), [1, 1, 1])
    assert found.samples.clamped == 0


@pytest.mark.closed_form
def test_phase_noise_lowers_a_focus_as_marechal_says():
    """Independent phases of variance s² leave exp(−s²) of the intensity (A. Maréchal, 1947; J. W. Goodman,
    Statistical Optics), and (1 − exp(−s²))/M of it are scattered into any direction by M pillars."""
    layout = lens()
    errors = ProcessErrors(noise=0.008, bias=0.0)
    found = tolerance([FOCUS], layout, [RED], errors, samples=400, seed=1)
    left = math.exp(-((SLOPE * 0.008) ** 2))
    power = float((np.abs(weights_of(layout)) ** 2).sum() / np.abs(weights_of(layout).sum()) ** 2)
    expected = left + (1 - left) * power
    mean = found.samples.values.mean() / found.nominal[0]
    error = found.samples.values.std() / found.nominal[0] / math.sqrt(400)
    assert mean == pytest.approx(expected, abs=5 * error)
    assert left < 0.85


def weights_of(layout):
    """What each pillar adds to the field at the focus."""
    probe = torch.eye(layout.radii.size).reshape(-1, layout.count, layout.count)
    fields = BySamples(RED).propagator(FOCUS.points(), layout.counts)
    plane = RED(torch.tensor(layout.radii, dtype=torch.float32))
    masks = probe.repeat_interleave(2, -2).repeat_interleave(2, -1)
    return fields(plane * masks).numpy()


@pytest.mark.closed_form
def test_a_shift_of_all_radii_only_turns_the_phase_of_this_model():
    """... and a common phase does no harm: the bias curve is flat, and bias alone keeps every device."""
    found = tolerance([FOCUS], lens(), [RED], ProcessErrors(noise=0.0, bias=0.002), samples=20)
    np.testing.assert_allclose(found.shifted, found.nominal[None].repeat(len(found.shifts), 0), rtol=1e-5)
    assert found.share_keeping(0.999)[0] == 1
    np.testing.assert_allclose(found.shifts[[0, 6, 12]], [-0.006, 0, 0.006], rtol=0, atol=1e-15)


@pytest.mark.closed_form
def test_missing_pillars_take_their_light_away():
    """A share q of the pillars missing leaves (1 − q)² of a focus, to which 1/M of the rest is added."""
    errors = ProcessErrors(noise=0.0, bias=0.0, missing=0.05)
    found = tolerance([FOCUS], lens(), [RED], errors, samples=300, seed=3)
    mean = found.samples.values.mean() / found.nominal[0]
    power = float((np.abs(weights_of(lens())) ** 2).sum() / np.abs(weights_of(lens()).sum()) ** 2)
    expected = 0.95**2 + 0.95 * 0.05 * power
    error = found.samples.values.std() / found.nominal[0] / math.sqrt(300)
    assert mean == pytest.approx(expected, abs=5 * error)


@pytest.mark.closed_form
def test_radii_that_the_models_do_not_know_are_moved_to_the_nearest_and_counted():
    """A uniform device at the upper limit: half of all errors lead beyond it."""
    layout = mg.Layout(PLATFORM, np.full((20, 20), 0.17))
    narrow = Delay(domain(0.400, low=0.10))
    errors = ProcessErrors(noise=0.003, bias=0.0)
    found = tolerance([FOCUS, RING], layout, [RED, narrow], errors, samples=100, seed=4)
    assert found.samples.clamped == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(400 * 100))
    assert f"{found.samples.clamped:.1%} of the radii left" in tolerance_table(found, 0.9).note


def test_the_table_and_the_picture_show_every_goal():
    found = tolerance([FOCUS, RING], lens(), [RED, BLUE], ProcessErrors(), samples=30)
    table = tolerance_table(found, 0.8)
    with pytest.raises(InputError, match=r"keep is 80; it is a share"):
        tolerance_table(found, 80)
    assert [row[0] for row in table.rows] == ["focus at 633 nm", "ring at 400 nm", "the worst of them"]
    assert table.columns[-1] == "keep 80%"
    assert all(len(axes.lines) >= 2 for axes in tolerances(found).axes)


@pytest.mark.parametrize("wrong", [{"noise": -0.001}, {"bias": -1.0}, {"missing": 1.0}, {"missing": -0.1}])
def test_errors_that_no_process_has_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        ProcessErrors(**wrong)


def test_no_samples_and_a_device_that_the_model_does_not_know_are_refused(cluster):
    with pytest.raises(InputError, match="samples is 0"):
        tolerance([FOCUS], lens(), [RED], ProcessErrors(), samples=0)
    with pytest.raises(InputError, match="the model knows"):
        tolerance([FOCUS], mg.Layout(PLATFORM, np.full((6, 6), 0.2)), [cluster], ProcessErrors(), samples=1)


DESIGN = """
name = "tiny"
count = 6
models = ["{folder}/model.safetensors"]
[start]
kind = "random"
seed = 1
[[goals]]
kind = "focus"
wavelength = 0.633
distance = 3.0
"""


@pytest.mark.end_to_end
def test_the_command_takes_a_layout_file_and_draws(tmp_path, metagen, cluster):
    surrogate.save(cluster, tmp_path / "model.safetensors")
    (tmp_path / "design.toml").write_text(DESIGN.format(folder=tmp_path))
    write_gds(random_layout(PLATFORM, 6, 1), tmp_path / "tiny.gds")
    picture = tmp_path / "yield.png"
    result = metagen(
        "yield", tmp_path / "design.toml", tmp_path / "tiny.gds", "--samples=50", "--plot", picture
    )
    assert result.returncode == 0, result.stderr
    assert "focus at 633 nm" in result.stdout
    assert picture.stat().st_size > 10_000


TURN = (0.0, math.pi)
FIN_CELL = {"lattice": Lattice.square(0.45), "height": 0.6}
FINS = mg.Platform(atom=Rectangle((0.2, 0.35), (0.06, 0.15), TURN), **FIN_CELL)
TURNED = mg.Platform(atom=Rectangle(0.35, 0.1, TURN), **FIN_CELL)
RINGS = mg.Platform(atom=RingAtom((0.12, 0.2), (0.02, 0.1)), **FIN_CELL)


@dataclass
class GeometricPhase:
    """A half-wave plate at angle θ turns the phase of circular light by 2θ; a bare site passes nothing."""

    domain: Domain

    def __call__(self, values, present=None):
        phase = 2 * values
        there = torch.ones_like(phase) if present is None else present[..., 0].to(phase)
        n, m = self.domain.cell_samples
        cells = torch.polar(there, phase)
        return cells.repeat_interleave(n, -2).repeat_interleave(m, -1).unsqueeze(-3)


def fins(platform, count=15):
    """Values in the middle of their limits, and one site without a pillar."""
    middle = [(p.low + p.high) / 2 for p in platform.atom.parameters]
    present = np.ones((count, count, 1), dtype=bool)
    present[2, 3] = False
    return mg.Layout(platform, np.tile(middle, (count, count, 1, 1)), "fins", present=present)


@pytest.mark.closed_form
@pytest.mark.parametrize(
    ("platform", "growth"), [(FINS, [2, 2, 0]), (RINGS, [1, -1])], ids=["length and width", "both radii"]
)
def test_every_length_has_its_noise_and_walls_move_together(platform, growth):
    """Standard errors as above. A wall that moves by b makes a side 2·b longer, and a hole b smaller."""
    layout = fins(platform)
    errors = ProcessErrors(noise=0.003, bias=0.002)
    copies = np.concatenate([each.values for each in imperfect(layout, errors, 2000, seed=1)])
    shifts = (copies - layout.values)[:, layout.present]
    common = shifts.mean(axis=1)
    own = shifts - common[:, None]
    for column, change in enumerate(growth):
        assert common[:, column].std() == pytest.approx(
            abs(change) * 0.002, rel=5 / math.sqrt(2 * 2000) + 0.01
        )
        if change:
            rounding = 5 / math.sqrt(2 * own[..., column].size) + 1 / own.shape[1]
            assert own[..., column].std() == pytest.approx(0.003, rel=rounding)
    signs = np.sign(np.corrcoef(common[:, : len(platform.atom.growth)].T)[0])
    np.testing.assert_array_equal(signs, np.sign(growth[:2]) * np.sign(growth[0]))
    np.testing.assert_allclose(
        with_bias(layout, 0.004)[layout.present][0] - layout.values[layout.present][0],
        0.004 * np.array(growth),
    )


@pytest.mark.closed_form
def test_pillars_turn_by_the_rotation_error_and_stay_within_one_period():
    layout, errors = fins(FINS, 10), ProcessErrors(noise=0, bias=0, rotation=0.02)
    copies = np.concatenate([each.values for each in imperfect(layout, errors, 500, seed=1)])
    turned = (copies - layout.values)[:, layout.present][..., 2]
    assert turned.std() == pytest.approx(0.02, rel=5 / math.sqrt(2 * turned.size))
    at_zero = layout.with_values(np.where(np.arange(3) == 2, 0.0, layout.values), present=layout.present)
    angles = np.concatenate([each.values for each in imperfect(at_zero, errors, 5, seed=1)])[..., 2]
    assert ((angles >= 0) & (angles < math.pi)).all()
    assert (angles > 3).any()


@pytest.mark.closed_form
def test_rotation_errors_lower_a_geometric_focus_as_marechal_says():
    """The phase of a fin is twice its angle: variance 4σ². What is left goes as above."""
    x = (np.arange(15) - 7) * 0.45
    path = np.sqrt(x[:, None] ** 2 + x[None, :] ** 2 + 8.0**2) - 8.0
    lens = mg.Layout(TURNED, {"angle": -np.pi / 0.633 * path % np.pi}, "lens")
    model = GeometricPhase(Domain(illumination=0.633, known=(TURN,), platform=TURNED, samples=2))
    errors = ProcessErrors(noise=0.0, bias=0.0, rotation=0.15)
    found = tolerance([FOCUS], lens, [model], errors, samples=400, seed=1)
    left = math.exp(-((2 * 0.15) ** 2))
    mean = found.samples.values.mean() / found.nominal[0]
    error = found.samples.values.std() / found.nominal[0] / math.sqrt(400)
    # All pillars add about as much to the focus, so that 1/225 of what is lost comes back, within 1e-4.
    assert mean == pytest.approx(left + (1 - left) / 225, abs=5 * error + 1e-4)
    assert found.samples.clamped == 0
    table = tolerance_table(found, 0.9)
    assert "lengths with a standard deviation of 0 nm per pillar" in table.note
    assert "angles of 8.59437°" in table.note
    assert all(len(axes.lines) >= 1 for axes in tolerances(found).axes)


@pytest.mark.closed_form
def test_missing_fins_are_told_to_the_model_where_no_length_says_so():
    model = GeometricPhase(Domain(illumination=0.633, known=(TURN,), platform=TURNED, samples=2))
    layout = mg.Layout(TURNED, {"angle": np.full((15, 15), 0.5)})
    errors = ProcessErrors(noise=0.0, bias=0.0, missing=0.05)
    found = tolerance([Focus(0.633, 200.0)], layout, [model], errors, samples=300, seed=3)
    mean = found.samples.values.mean() / found.nominal[0]
    error = found.samples.values.std() / found.nominal[0] / math.sqrt(300)
    # Far off, all pillars add the same to the focus: (1 − q)² + q·(1 − q)/225.
    assert mean == pytest.approx(0.95**2 + 0.95 * 0.05 / 225, abs=5 * error)


@pytest.mark.parametrize(
    ("platform", "errors", "reason"),
    [
        (TURNED, {"noise": 0.003, "bias": 0.0}, "fixed length and width, so that no model knows others"),
        (RINGS, {"rotation": 0.01}, "have no free angle"),
        (PLATFORM, {"rotation": 0.01}, "have no free angle"),
        (
            FINS,
            {"noise": 3.0},
            r"at most half the period, 0\.225 \(lengths are micrometres: 3 nm is 0\.003\)",
        ),
    ],
    ids=["fixed sides", "rings", "circles", "nanometres"],
)
def test_errors_that_the_parameters_cannot_express_are_refused(platform, errors, reason):
    with pytest.raises(InputError, match=reason):
        next(imperfect(fins(platform), ProcessErrors(**errors), 1, seed=0))
