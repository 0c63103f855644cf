"""Design rules: planted faults are found where they are, and KLayout's own checks find the same ones."""

import klayout.db as kdb
import numpy as np
import pytest
import torch
from work_of import work_of

import metagen as mg
from metagen.base.errors import InputError
from metagen.fab import DesignRules, LayoutFileOptions, Rule, check, plot_violations, write_gds
from metagen.fab.rules import NEIGHBOURS, gap

PLATFORM = mg.Platform()
DENSE = mg.Platform(radius_max=0.22)


def device(faults, count=9, base=0.1, platform=PLATFORM):
    """A uniform layout with some radii replaced."""
    radii = np.full((count, count), base)
    for site, radius in faults.items():
        radii[site] = radius
    return mg.Layout(platform, radii)


def only(violations):
    (violation,) = violations
    return violation


def places(positions):
    """Sets of the sites of each violation, so that the order of pairs does not matter."""
    return {frozenset((round(x, 4), round(y, 4)) for x, y in ends) for ends in positions}


def test_a_layout_within_the_rules_has_no_violations():
    rules = DesignRules(min_diameter=0.2, min_gap=0.2431, grid=1e-3, max_density=0.17)
    assert check(device({(2, 3): 0.0}), rules) == ()


@pytest.mark.closed_form
def test_a_thin_pillar_is_found_with_its_diameter_and_a_missing_one_is_not():
    found = only(check(device({(2, 3): 0.04, (5, 5): 0.0}), DesignRules(min_diameter=0.1, min_gap=0)))
    assert (found.rule, found.limit) == (Rule.MIN_DIAMETER, 0.1)
    np.testing.assert_allclose(found.positions, [[[-2 * 0.4431, -0.4431]]])
    np.testing.assert_allclose(found.values, [0.08])


@pytest.mark.closed_form
@pytest.mark.parametrize("step", [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)])
def test_a_narrow_gap_to_any_of_the_eight_neighbours_is_found_once(step):
    """Rules between the gap of the planted pair and that of every other pair."""
    other = (4 + step[0], 4 + step[1])
    layout = device({(4, 4): 0.2, other: 0.2}, base=0.0, platform=DENSE)
    expected = 0.4431 * np.hypot(*step) - 0.4
    x = layout.positions
    (inside, outside) = (DesignRules(min_diameter=0, min_gap=g) for g in (expected + 1e-6, expected - 1e-6))
    found = only(check(layout, inside))
    assert found.rule is Rule.MIN_GAP
    np.testing.assert_allclose(found.values, [expected])
    assert places(found.positions) == places([[(x[4], x[4]), (x[other[0]], x[other[1]])]])
    assert check(layout, outside) == ()


@pytest.mark.closed_form
def test_a_radius_off_the_grid_is_found_with_its_distance():
    found = only(check(device({(0, 8): 0.1003}), DesignRules(grid=1e-3)))
    assert found.rule is Rule.GRID
    np.testing.assert_allclose(found.values, [3e-4])
    assert repr(found).startswith("<grid: 1 radii lie off it, by up to 0.0003 at (")


@pytest.mark.cross_check
def test_the_density_of_every_window_agrees_with_a_direct_sum():
    rng = np.random.default_rng(4)
    layout = mg.Layout(PLATFORM, rng.uniform(0, 0.17, (12, 12)))
    cover = np.pi * (layout.radii / 0.4431) ** 2
    windows = np.lib.stride_tricks.sliding_window_view(cover, (4, 4)).mean(axis=(2, 3))
    limit = float(np.median(windows))
    found = only(
        check(
            layout,
            DesignRules(min_diameter=0, min_gap=0, max_density=limit, density_window=4 * 0.4431),
        )
    )
    np.testing.assert_allclose(found.values, windows[windows > limit])
    first = np.argwhere(windows > limit)[0]
    np.testing.assert_allclose(found.positions[0, 0], layout.positions[first] + 1.5 * 0.4431)


@pytest.mark.closed_form
def test_a_window_larger_than_the_device_is_the_device():
    found = only(check(device({}), DesignRules(min_gap=0, max_density=0.1, density_window=1000.0)))
    np.testing.assert_allclose(found.values, [np.pi * (0.1 / 0.4431) ** 2])
    np.testing.assert_allclose(found.positions, [[[0, 0]]], atol=1e-12)


@pytest.mark.cross_check
def test_the_optimiser_computes_the_same_gaps_on_tensors_with_gradients():
    radii = np.random.default_rng(1).uniform(0.05, 0.17, (5, 5))
    tensor = torch.tensor(radii, requires_grad=True)
    for step in NEIGHBOURS:
        gaps = gap(tensor, 0.4431, step)
        np.testing.assert_array_equal(gaps.detach().numpy(), gap(radii, 0.4431, step))
    gaps.sum().backward()
    assert tensor.grad[2, 2] == -2  # a pillar inside is in two diagonal pairs


@pytest.mark.closed_form
def test_radii_within_the_limits_of_the_rules_keep_them():
    rules = DesignRules(min_diameter=0.12, min_gap=0.15)
    low, high = rules.radius_limits(PLATFORM)
    assert (low, high) == (0.06, pytest.approx(0.14655))
    radii = np.random.default_rng(2).choice([low, high], (20, 20))
    assert check(mg.Layout(PLATFORM, radii), rules) == ()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: check(device({}), DesignRules(min_gap=0.5)), "min_gap.*period"),
        (lambda: DesignRules(min_diameter=0.3, min_gap=0.3).radius_limits(PLATFORM), "relax"),
        (lambda: DesignRules(min_gap=-1), "min_gap"),
        (lambda: DesignRules(max_density=1.5), "max_density"),
    ],
)
def test_rules_that_make_no_sense_are_refused(make, reason):
    with pytest.raises(InputError, match=reason):
        make()


def test_rules_load_from_toml_and_an_unknown_key_is_named(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text("min_gap = 0.08\ngrid = 0.001\n")
    assert DesignRules.load(path) == DesignRules(min_gap=0.08, grid=1e-3)
    path.write_text("min_gab = 0.08\n")
    with pytest.raises(InputError, match="min_gab"):
        DesignRules.load(path)


def klayout_region(path):
    layout = kdb.Layout()
    layout.read(str(path))
    region = kdb.Region(layout.top_cell().begin_shapes_rec(layout.find_layer(1, 0)))
    region.flatten()  # a copy of the polygons: the layout goes when this function returns
    return region, layout.dbu


def sites_near(points, layout):
    """Lattice site (rounded position) nearest to each point."""
    index = np.rint(np.array(points) / 0.4431 + (layout.count - 1) / 2).astype(int)
    return frozenset((round(layout.positions[i], 4), round(layout.positions[j], 4)) for i, j in index)


def edge_middle(edge, unit):
    return ((edge.p1.x + edge.p2.x) / 2 * unit, (edge.p1.y + edge.p2.y) / 2 * unit)


def faulty_layout():
    """Random radii that break both rules here and there, no closer to a limit than 2 nm.

    Polygons stray from their circles by 0.1 nm (the tolerance of the file), so that a check of polygons and
    one of circles may differ nearer to the limit.
    """
    rng = np.random.default_rng(7)
    radii = rng.choice([0.042, 0.06, 0.1, 0.15, 0.19, 0.21], (15, 15), p=[0.05, 0.3, 0.3, 0.25, 0.05, 0.05])
    return mg.Layout(DENSE, radii)


RULES = DesignRules(min_diameter=0.09, min_gap=0.085)


@pytest.mark.cross_check
def test_klayout_finds_the_same_thin_pillars(tmp_path):
    """The width of a circle is between opposite sides of its polygon; KLayout would by default also take the
    chord between sides a quarter turn apart for a width."""
    layout = faulty_layout()
    write_gds(layout, tmp_path / "a.gds")
    region, unit = klayout_region(tmp_path / "a.gds")
    pairs = region.width_check(round(RULES.min_diameter / unit), ignore_angle=5).each()
    klayout = {
        sites_near([edge_middle(pair.first, unit), edge_middle(pair.second, unit)], layout) for pair in pairs
    }
    ours = next(v for v in check(layout, RULES) if v.rule is Rule.MIN_DIAMETER)
    assert places(ours.positions) == klayout
    assert len(klayout) > 3


@pytest.mark.cross_check
def test_klayout_finds_the_same_narrow_gaps(tmp_path):
    layout = faulty_layout()
    write_gds(layout, tmp_path / "a.gds")
    region, unit = klayout_region(tmp_path / "a.gds")
    pairs = region.space_check(round(RULES.min_gap / unit), metrics=kdb.Region.Euclidian).each()
    klayout = {
        sites_near([edge_middle(pair.first, unit), edge_middle(pair.second, unit)], layout) for pair in pairs
    }
    ours = next(v for v in check(layout, RULES) if v.rule is Rule.MIN_GAP)
    assert places(ours.positions) == klayout
    assert len(klayout) > 3


@pytest.mark.cross_check
def test_klayout_finds_the_same_narrow_diagonal_gaps(tmp_path):
    """Only diagonal neighbours of a chequered layout face each other; radii as large as a site may hold."""
    radii = np.where(np.indices((8, 8)).sum(axis=0) % 2, 0.0, 0.16)
    radii[3, 3] = radii[4, 4] = radii[2, 6] = radii[3, 5] = 0.22
    layout = mg.Layout(DENSE, radii)
    rules = DesignRules(min_gap=0.2)
    write_gds(layout, tmp_path / "a.gds", LayoutFileOptions(outline=False))
    region, unit = klayout_region(tmp_path / "a.gds")
    pairs = region.space_check(round(rules.min_gap / unit), metrics=kdb.Region.Euclidian).each()
    klayout = {
        sites_near([edge_middle(pair.first, unit), edge_middle(pair.second, unit)], layout) for pair in pairs
    }
    found = only(check(layout, rules))
    assert places(found.positions) == klayout
    assert len(klayout) == 3


def test_the_picture_shows_every_violation(tmp_path):
    layout = device({(2, 3): 0.04, (4, 4): 0.2, (4, 5): 0.2}, platform=DENSE)
    violations = check(layout, DesignRules(min_gap=0.1))
    figure = plot_violations(layout, violations)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["minimum diameter 0.1 µm: 1", "minimum gap 0.1 µm: 1"]
    figure.savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0


def work_of_check(count):
    """How many lines of Python a check executes, and how many bytes it has in use at the most."""
    layout = mg.Layout(PLATFORM, np.random.default_rng(0).uniform(0.05, 0.17, (count, count)))
    rules = DesignRules(min_gap=0.12, max_density=0.3, grid=1e-3)
    return work_of(lambda: check(layout, rules))


def test_the_work_of_a_check_grows_no_faster_than_the_pillars():
    """Pillars are never looped over one by one, and sixteen times the pillars need arrays sixteen times as
    large; a tenth is left for the shares of pillars that break a rule, which differ."""
    (few, small), (many, large) = work_of_check(75), work_of_check(300)
    assert many == few > 30
    assert large < 1.1 * 16 * small
