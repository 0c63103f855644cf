"""Verification, the closed loop and comparisons in light of any polarisation."""

import math
import re
from dataclasses import replace
from pathlib import Path

import coupled_fins
import numpy as np
import pytest
from half_wave_plates import COUNT, DISTANCE, PLATFORM, WAVELENGTH, Plates, geometric_lens, near_field

import metagen as mg
from metagen.base.errors import MismatchError
from metagen.cli.design import _local
from metagen.data.dataset import Dataset
from metagen.design import (
    DesignSettings,
    Focus,
    Light,
    Line,
    OptimizerSettings,
    RandomStart,
    Ring,
    SquareEfficiency,
    model_hash,
    run,
)
from metagen.design.supply import lights_of, with_mirrored
from metagen.device.layout import random_layout
from metagen.fdtd import Beam, Numerics
from metagen.fdtd.campaign import Campaign
from metagen.forward.families import Random
from metagen.provenance.passport import passport
from metagen.surrogate import LPA, ClusterSettings, TrainingSettings, train
from metagen.surrogate.swapped import Swapped
from metagen.verify.cards import MetricCard, card_table, metric_cards
from metagen.verify.comparison import Candidate, compare_devices, comparison_table
from metagen.verify.refinement import RefineSettings, Retraining, refine
from metagen.verify.tables import describe_metrics
from metagen.verify.verification import near_fields_of, verify

X, Y, LEFT = (mg.Illumination(WAVELENGTH, name) for name in ("x", "y", "left"))
FOCUS = Focus(WAVELENGTH, DISTANCE, polarisation="left", analyser="right")
MODELS = [Plates("x"), Plates("y")]
LENS = geometric_lens(1)


@pytest.mark.closed_form
def test_x_and_y_simulations_verify_a_goal_in_circular_light_as_one_in_that_light_does():
    pair = verify(LENS, [near_field(LENS, light) for light in (X, Y)], [FOCUS], MODELS)
    single = verify(LENS, [near_field(LENS, LEFT)], [FOCUS], MODELS)
    assert pair.gap == pytest.approx(0, abs=1e-6)  # single precision
    assert pair.verified == pytest.approx(single.verified, rel=1e-6)
    assert pair.metrics[0].efficiency == pytest.approx(single.metrics[0].efficiency, rel=1e-6)


def test_a_comparison_names_the_light_and_the_analyser():
    goals = (FOCUS, replace(FOCUS, analyser="left"), replace(FOCUS, polarisation="x", analyser=None))
    fields = [near_field(LENS, light) for light in (X, Y)]
    (found,) = compare_devices(goals, [Candidate(LENS, MODELS, fields)])
    assert list(found.predicted) == list(found.verified)
    wanted, crossed = (f"goal: focus at 660 nm, left, seen through {name}" for name in ("right", "left"))
    assert found.predicted[wanted] > 0.5 > 1e5 * found.predicted[crossed]
    assert "focusing efficiency at 660 nm, left, seen through right" in found.whole
    assert "goal: focus at 660 nm" in found.whole


# What has to be simulated


def campaign(*lights):
    numerics = Numerics(wavelength=WAVELENGTH, pixels_per_period=12)
    beams = tuple(Beam(numerics, light) for light in lights)
    return Campaign(light=beams, layouts=(Random(family="random", count=5, seeds=(1,)),), platform=PLATFORM)


def test_circular_light_is_simulated_by_itself_or_as_x_and_y():
    assert [beam.light for beam in campaign(X, Y).light_of([LEFT, Y, X])] == [X, Y]
    assert [beam.light for beam in campaign(X, Y, LEFT).light_of([LEFT])] == [LEFT]
    assert [beam.light for beam in campaign(X, Y).light_of([Y])] == [Y]


def test_numerics_of_one_polarisation_serve_the_others_from_the_same_direction():
    assert campaign(X).light_of([LEFT, LEFT]) == list(campaign(X, Y).light)
    assert campaign(Y).light_of([X]) == [campaign(X).light[0]]


@pytest.mark.parametrize(
    ("known", "asked", "advice"),
    [
        (
            Y,
            mg.Illumination(0.5, "y"),
            r'\(y\).*add \[\[light\]\] with wavelength = 0\.5, polarisation = "y"$',
        ),
        (Y, mg.Illumination(0.5, "right"), r'wavelength = 0\.5, polarisation = "x"$'),
        (X, replace(Y, polar=math.radians(15)), r'polarisation = "y", polar_deg = 15$'),
    ],
)
def test_a_campaign_without_the_light_says_what_to_add(known, asked, advice):
    with pytest.raises(MismatchError, match=advice):
        campaign(known).light_of([asked])


def test_the_loop_simulates_what_its_models_predict():
    """A model is corrected by a simulation in its own light: one in left light serves neither x nor y."""
    assert lights_of([FOCUS, replace(FOCUS, analyser=None)], MODELS) == [X, Y]
    assert lights_of([replace(FOCUS, polarisation="y")], MODELS) == [Y]


# The loop


def test_the_loop_closes_the_gap_in_circular_light(tmp_path):
    """In nature plates stand up to 0.25 rad elsewhere than the models think; a correction is exact about the
    last device, and the next one is 0.1 rad from it at most."""
    settings = DesignSettings(
        name="plates",
        count=COUNT,
        start=RandomStart(seed=1),
        models=("x", "y"),
        goals=(FOCUS,),
        optimizer=OptimizerSettings(symmetry="none"),
    )
    loop = RefineSettings(rounds=2, steps=20, learning_rate=0.005)

    def simulate(layout):
        return [near_field(layout, light, error=0.25) for light in (X, Y)]

    found = refine(LENS, MODELS, settings, simulate, tmp_path, loop, progress=False)
    assert found[0].verification.gap > 0.1
    assert found[-1].verification.gap < 0.02


# Models of trained light, and of its mirror image


RECIPE = TrainingSettings(
    model=ClusterSettings(rank=4, width=3, powers=2, pair_width=3, pair_powers=1), components=3
)
FINS = [mg.Illumination(0.633, name) for name in "xy"]


@pytest.fixture(scope="module")
def data():
    """Fins in x light."""
    return coupled_fins.dataset(light=FINS[0], count=7, seeds=(1, 2, 3))


@pytest.fixture(scope="module")
def along_x(data):
    return train(data, RECIPE, progress=False)


@pytest.fixture
def settings(along_x, tmp_path):
    """A design for circular light that names the x model alone."""
    mg.surrogate.save(along_x, tmp_path / "fins-x.safetensors")
    return DesignSettings(
        name="fins",
        count=7,
        start=RandomStart(seed=1),
        models=(str(tmp_path / "fins-x.safetensors"),),
        goals=(Focus(0.633, 3.0, polarisation="left", analyser="right"),),
        optimizer=OptimizerSettings(steps=3),
    )


def test_the_y_model_of_a_design_in_circular_light_is_made_of_the_x_model(settings, data, tmp_path):
    models = settings.load_models()
    assert [each.domain.illumination for each in models] == FINS
    device = run(settings, tmp_path / "device.h5", progress=False)
    assert device.figure > device.history[0]
    assert "wavelength 0.633, polarisation y" in device.provenance["models"]
    for near in data.near_fields:
        near.save(tmp_path / f"{near.layout.name}.h5")
    assert passport(tmp_path / "device.h5").is_complete
    # The mirror image of the device in the light that the mirror makes of left light, which is right light.
    image = mg.Layout(device.platform, {"angle": (math.pi / 2 - device["angle"].T) % math.pi})
    mirrored = replace(settings.goals[0], polarisation="right", analyser="left")
    found = [
        float(goal(Light.behind(layout, models)).detach())
        for goal, layout in ((settings.goals[0], device), (mirrored, image))
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-4)  # single precision


def test_no_model_is_made_that_no_goal_needs(settings, along_x):
    assert with_mirrored([along_x], [Focus(0.633, 3.0)]) == [along_x]
    with_mirrored([along_x], [Focus(0.5, 3.0, polarisation="y")])
    lonely = replace(settings, goals=(Focus(0.633, 3.0, polarisation="y"),)).load_models()
    assert len(lonely) == 2


def test_models_are_trained_again_on_near_fields_in_their_own_light(data, along_x, tmp_path):
    """The image of a model in the mirror is that of the model which was trained again."""
    in_y = Dataset(tuple(coupled_fins.near_field(layout, FINS[1]) for layout in data.layouts))
    along_y = train(in_y, RECIPE, progress=False)
    device = random_layout(coupled_fins.TURNED, 7, seed=8)
    seen = [coupled_fins.near_field(device, light) for light in FINS]
    retrain = Retraining([data, in_y], tmp_path)
    x, y, image = (retrain(model, seen) for model in (along_x, along_y, Swapped(along_x)))
    assert [each.domain.illumination for each in (x, y, image)] == [*FINS, FINS[1]]
    assert {path.name for path in tmp_path.iterdir()} == {
        "model-633-round1.safetensors",
        "model-633-y-round1.safetensors",
    }
    assert "random-s8" in y.card.layouts
    assert model_hash(image) == model_hash(Swapped(x)) != model_hash(Swapped(along_x))


def test_a_device_with_empty_sites_is_read_as_it_was_written(settings, tmp_path):
    made = run(replace(settings, aperture="circle"), tmp_path / "round.h5", progress=False)
    read = mg.design.Device.load(tmp_path / "round.h5")
    np.testing.assert_array_equal(read.present, made.present)
    assert not read.present.all()
    assert read.hash == made.hash


# Efficiency into a square, and what the metrics are


SQUARE = SquareEfficiency(WAVELENGTH, DISTANCE, 1.26, polarisation="left")


@pytest.mark.closed_form
def test_power_into_a_square_by_polarisation_adds_up_to_all_of_it():
    """Right light, as the plates make it of left light, is half along x and half along y."""
    fields = [near_field(LENS, light) for light in (X, Y)]
    parts = [replace(SQUARE, analyser=name) for name in ("x", "y")]
    whole, *shares = (reached.verified for reached in verify(LENS, fields, [SQUARE, *parts]).goals)
    assert sum(shares) == pytest.approx(whole, rel=1e-5)  # single precision
    assert shares[0] == pytest.approx(shares[1], rel=0.01)


def test_every_metric_that_is_printed_has_a_card_with_its_five_parts():
    goals = (
        FOCUS,
        SQUARE,
        Ring(WAVELENGTH, DISTANCE, polarisation="left"),
        Line(WAVELENGTH, (3.0, 5.0), polarisation="left"),
    )
    fields = [near_field(LENS, light) for light in (X, Y)]
    cards = metric_cards(goals, [LENS])
    known = {f"{card.metric} at {card.illumination}" for card in cards}
    (found,) = compare_devices(goals, [Candidate(LENS, (), fields)])
    goals_own = [name for name in found.whole if name.startswith(("goal", "mean intensity", "worst"))]
    assert {name.replace(" (µm)", "") for name in found.whole} - set(goals_own) == known
    for metrics in verify(LENS, fields, goals).metrics:
        words = [re.sub(r" [\d.–%]+( µm)?", "", part) for part in describe_metrics(metrics).split(", ")]
        assert {word for word in words if not word.startswith("3")} <= {card.metric for card in cards}
    (square,) = (card for card in cards if card.metric == "square efficiency")
    assert square == MetricCard(
        "square efficiency",
        "layout (9.03 × 9.03 µm)",
        "660 nm, left",
        "Poynting's power",
        "incident power",
        "square of 1.26 µm at 4 µm",
    )
    table = card_table(cards)
    assert "layout (9.03 × 9.03 µm)" in table.note
    assert all(len(row) == len(table.columns) and all(row) for row in table.rows)


def test_a_report_shows_the_light_that_each_goal_looks_at(tmp_path):
    from metagen.report.devices import write_device_report

    goals = (FOCUS, replace(FOCUS, polarisation="right"))
    settings = DesignSettings(
        name="plates", count=COUNT, start=RandomStart(seed=1), models=("x",), goals=goals
    )
    candidates = [Candidate(LENS, MODELS, [near_field(LENS, LEFT)])]
    table = comparison_table(compare_devices(goals, candidates))
    write_device_report(tmp_path / "report.html", settings, candidates, table)
    page = (tmp_path / "report.html").read_text()
    assert page.count("Light at 660 nm, left, seen through right: focus") == 2  # contents, and its section
    assert page.count("Light at 660 nm, right, seen through right: focus") == 2
    assert "layout, Meep" in page
    assert "layout, predicted" in page
    assert "What the metrics are" in page


# With Meep


FINS_CAMPAIGN = """
    [platform]
    height = 0.6
    pillar = 2.4
    substrate = 1.46
    [platform.lattice]
    kind = "square"
    period = 0.43
    [platform.atom]
    kind = "rectangle"
    length = 0.41
    width = 0.085
    angle_deg = [0, 180]
    [[light]]
    wavelength = 0.66
    pixels_per_period = 10
    polarisation = {names}
    [[layouts]]
    family = "random"
    count = 5
    seeds = [1]
"""
FINS_DESIGN = """
    name = "fins"
    count = 5
    models = ["fins-x.safetensors"]
    start = { kind = "random", seed = 1 }
    [[goals]]
    kind = "square efficiency"
    wavelength = 0.66
    distance = 1.5
    width = 1.0
    polarisation = "left"
    [[goals]]
    kind = "focus"
    wavelength = 0.66
    distance = 1.5
    polarisation = "left"
    analyser = "right"
"""


@pytest.fixture
def fins(tmp_path, monkeypatch):
    """Files for the command line, in the working folder: fins, what they are for, and campaigns."""
    monkeypatch.chdir(tmp_path)
    for name, names in (("x", '"x"'), ("pair", '["x", "y"]'), ("left", '"left"')):
        Path(f"{name}.toml").write_text(FINS_CAMPAIGN.format(names=names))
    Path("design.toml").write_text(FINS_DESIGN)
    made = random_layout(Campaign.load("x.toml").platform, 5, seed=1)
    made.save("fins.h5")
    return made


def test_a_campaign_that_lacks_light_is_refused_before_anything_is_simulated(fins, metagen):
    other = Path("x.toml").read_text().replace("wavelength = 0.66", "wavelength = 0.7")
    Path("other.toml").write_text(other)
    done = metagen("verify", "design.toml", "fins.h5", "--campaign=other.toml", "--output=verified")
    assert done.returncode == 1
    assert 'add [[light]] with wavelength = 0.66, polarisation = "x"' in done.stderr
    assert not Path("verified").exists()


@pytest.mark.end_to_end
@pytest.mark.slow
@pytest.mark.meep
def test_fins_are_verified_in_left_light_by_two_simulations_as_by_one(fins, metagen):
    """Maxwell's equations are linear; runs end when their fields change by 1e-3 or less between checks."""
    goals = DesignSettings.load("design.toml").goals
    found = []
    for name in ("pair", "left"):
        done = metagen("verify", "design.toml", "fins.h5", f"--campaign={name}.toml", f"--output={name}")
        assert done.returncode == 0, done.stderr
        fields = near_fields_of(fins, [Path(name)])
        found.append(verify(fins, fields, goals))
        assert f"{found[-1].goals[0].verified:.3g}" in done.stdout
        assert "square of 1 µm" in done.stdout  # the table breaks the line behind it
    names = [path.name for path in Path().glob("*/*-660nm-*.h5")]
    kinds = [next((each for each in ("-y-", "-left-") if each in name), "x") for name in names]
    assert sorted(kinds) == ["-left-", "-y-", "x"]
    for two, one in zip(*(each.goals for each in found), strict=True):
        assert two.verified == pytest.approx(one.verified, rel=2e-3)
    for two, one in zip(*(each.metrics for each in found), strict=True):
        assert two.transmission == pytest.approx(one.transmission, rel=2e-3)


def test_the_local_approximation_has_all_components_where_light_along_x_and_y_is_added(monkeypatch):
    monkeypatch.setattr(LPA, "compute", lambda domain, _: domain)
    assert [domain.components for domain in _local(MODELS)] == [3, 3]
    assert [domain.components for domain in _local(MODELS[:1])] == [1]
