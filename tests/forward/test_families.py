"""Families of layouts: symmetric, within limits, repeatable, and as random as they say."""

import math

import numpy as np
import pytest

from metagen import Illumination, Lattice, Platform, atoms
from metagen.base.errors import InputError
from metagen.device.layout import random_layout
from metagen.fdtd.campaign import Campaign
from metagen.forward.families import Focusing, Perturbed, Random, Smooth, perturbed, smooth_layout
from metagen.forward.lens import focusing

COMMON = {"count": 9, "seeds": (1, 2)}
LENSES = {"wavelength": 0.633, "focal_lengths": (5.0, 8.0)}
FAMILIES = [
    Random("random", **COMMON),
    Smooth("smooth", correlation_lengths=(1.0, 3.0), **COMMON),
    Focusing("focusing", count=9, **LENSES),
    Perturbed("perturbed", spread=0.01, **COMMON, **LENSES),
]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.family)
def test_layouts_have_mirror_planes_keep_the_limits_differ_and_repeat(family):
    platform = Platform()
    layouts = list(family.layouts(platform))
    assert len({layout.hash for layout in layouts}) == len({layout.name for layout in layouts})
    assert len({layout.name for layout in layouts}) == len(layouts) >= 2
    for layout in layouts:
        assert layout.count == 9
        assert layout.has_mirror_planes
        assert layout.radii.min() >= platform.radius_min
        assert layout.radii.max() <= platform.radius_max
    assert [layout.hash for layout in family.layouts(platform)] == [layout.hash for layout in layouts]


@pytest.mark.closed_form
@pytest.mark.parametrize("pillars", [3, 6])
@pytest.mark.parametrize("count", [400, 401])
def test_a_smooth_layout_has_the_correlation_length_that_it_states(pillars, count):
    platform = Platform()
    correlations = []
    for seed in range(8):
        layout = smooth_layout(platform, count, pillars * platform.period, seed)
        # One quadrant, or the mirror planes would correlate what is far apart.
        radii = layout.radii[count // 2 + 20 : -20, count // 2 + 20 : -20]
        field = radii - radii.mean()
        correlations.append(np.mean(field[pillars:] * field[:-pillars]) / np.mean(field**2))
    # 8 × 160² sites hold some 8 × (160 / 6)² ≈ 5700 independent ones, and ranks instead of Gaussian values
    # change the correlation by 0.02.
    assert np.mean(correlations) == pytest.approx(np.exp(-1), abs=0.04)


@pytest.mark.closed_form
def test_the_radii_of_a_smooth_layout_are_spread_evenly():
    platform = Platform()
    radii = smooth_layout(platform, 40, 2.0, seed=1).radii
    counts, _ = np.histogram(radii, bins=10, range=(platform.radius_min, platform.radius_max))
    np.testing.assert_array_equal(counts, 160)


@pytest.mark.closed_form
def test_perturbed_lenses_deviate_by_the_spread():
    platform = Platform()
    (lens,) = Focusing("focusing", 61, 0.633, (20.0,)).layouts(platform)
    (moved,) = Perturbed("perturbed", 61, 0.633, (20.0,), 0.004, (1,)).layouts(platform)
    far = (lens.radii > platform.radius_min + 0.016) & (lens.radii < platform.radius_max - 0.016)
    deviation = (moved.radii - lens.radii)[far]
    # A few hundred independent deviations, none of them clipped: 10 % is three standard errors.
    assert deviation.std() == pytest.approx(0.004, rel=0.1)


def test_the_radii_of_a_seed_are_those_of_earlier_releases():
    """Names of near-field files and of shipped data stand for these very numbers."""
    platform = Platform()
    drawn = random_layout(platform, 5, 0)
    smooth = smooth_layout(platform, 5, 1.0, 3)
    moved = perturbed(drawn, 0.01, 2)
    assert drawn.radii[2, 2:].tolist() == [0.12643540247857454, 0.08237440565166444, 0.05491682287234337]
    assert smooth.radii[0, :3].tolist() == [0.15000000000000002, 0.07, 0.05666666666666667]
    assert moved.radii[1, :3].tolist() == [0.17, 0.16558950253124174, 0.05]


HEXAGONAL_FINS = Platform(
    lattice=Lattice.hexagonal(0.5), atom=atoms.Ellipse((0.05, 0.2), 0.1, (0, math.pi)), height=0.6
)


@pytest.mark.closed_form
def test_smooth_fins_on_a_hexagonal_lattice_turn_slowly_and_take_all_angles_alike():
    layouts = [smooth_layout(HEXAGONAL_FINS, 300, 6 * 0.5, seed) for seed in range(6)]
    middle = [layout["angle"][170:-20, 106:-12] for layout in layouts]
    turned = np.array([np.mean(np.exp(2j * (each[6:] - each[:-6]))) for each in middle])
    # Angles of Gaussian vectors of correlation ρ: ⟨exp i(φ − φ')⟩ = (π/4)·ρ·(1 + ρ²/8 + …), with ρ = 1/e. Six
    # fields hold some 2000 independent ones.
    assert turned.mean() == pytest.approx(math.pi / 4 / math.e * (1 + math.exp(-2) / 8), abs=0.04)
    counts, _ = np.histogram(np.concatenate([each["angle"][each.present] for each in layouts]), bins=6)
    assert counts.max() / counts.min() < 1.1
    for layout in layouts:
        assert layout.has_mirror_planes


@pytest.mark.closed_form
def test_angles_and_lengths_are_moved_by_deviations_of_their_own():
    start = smooth_layout(HEXAGONAL_FINS, 60, 4.0, 1)
    moved = perturbed(start, 0.002, 1, angle_spread=0.05)
    assert moved.has_mirror_planes
    off_lines = (np.abs(start.centres) > 0.01).all(-1) & start.present
    inside = off_lines & (start["length"] > 0.06) & (start["length"] < 0.19)
    # 2000 deviations, in mirror images of four: 10 % is three standard errors.
    turns = np.angle(np.exp(2j * (moved["angle"] - start["angle"])))[off_lines] / 2
    assert turns.std() == pytest.approx(0.05, rel=0.1)
    assert (moved["length"] - start["length"])[inside].std() == pytest.approx(0.002, rel=0.1)


@pytest.mark.closed_form
@pytest.mark.parametrize("aperture", ["rectangle", "circle"])
def test_a_lens_of_fins_to_learn_from_is_a_quadrant_of_the_lens_and_its_mirror_images(aperture):
    fins = Platform(lattice=Lattice.square(0.43), atom=atoms.Rectangle(0.41, 0.085, (0, math.pi)), height=0.6)
    family = Focusing("focusing", 11, 0.66, (4.0,), "left", aperture)
    (layout,) = family.layouts(fins)
    lens = focusing(fins, 4.0, Illumination(0.66, "left"), 11, aperture=aperture)
    assert layout.has_mirror_planes
    assert not lens.has_mirror_planes
    assert layout.name == f"{lens.name}-left"
    np.testing.assert_array_equal(layout["angle"][6:, 6:], lens["angle"][6:, 6:])
    unlike = np.sin(layout["angle"][:5, 6:] + lens["angle"][:5, 6:])
    np.testing.assert_allclose(unlike, 0, atol=1e-12)  # turned the other way


@pytest.mark.parametrize("count", [0, "many", [9, 7, 3]])
def test_an_impossible_count_is_one_clear_error(count):
    with pytest.raises(InputError) as raised:
        Random("random", count, (1,))
    assert str(raised.value).startswith(f"Random: count is {count!r}; it must be a whole number of cells")
    assert len(str(raised.value).splitlines()) == 1


def test_a_deviation_that_moves_nothing_is_refused():
    fins = Platform(lattice=Lattice.square(0.43), atom=atoms.Rectangle(0.4, 0.1, (0, math.pi)), height=0.6)
    with pytest.raises(InputError, match="move no free parameter"):
        perturbed(random_layout(fins, 4, 1), 0.01, seed=1)


def test_a_campaign_file_names_every_family_in_one_entry(tmp_path):
    path = tmp_path / "campaign.toml"
    path.write_text("""
light = [{wavelength = 0.633, pixels_per_period = 8}]
layouts = [
    {family = "focusing", count = 9, wavelength = 0.633, focal_lengths = [5.0, 8.0]},
    {family = "random", count = 9, seeds = [1, 2]},
    {family = "smooth", count = 9, correlation_lengths = [1.0, 2.0], seeds = [1, 2]},
    {family = "perturbed", count = 9, wavelength = 0.633, focal_lengths = [5.0], spread = 0.01, seeds = [1]},
]
""")
    tasks = Campaign.load(path).tasks()
    assert len({task.file_name for task in tasks}) == len(tasks) == 2 + 2 + 4 + 1
