"""Design rules of any shape: planted faults are found where they are, and KLayout finds the same ones."""

import math

import klayout.db as kdb
import numpy as np
import pytest
import shapely
import shapely.affinity
from many_atoms import HEXAGONAL, PLATFORMS, SQUARE, TURN, regions, some_layout
from work_of import work_of

import metagen as mg
from metagen.device.atoms import Circle, Cross, Ellipse, Fixed, LShape, Rectangle, Ring, Square
from metagen.device.lattice import Lattice
from metagen.fab import DesignRules, Rule, check, plot_violations, write_gds

WIDE_OPEN = Lattice.square(1.0)
FINS = mg.Platform(lattice=SQUARE, atom=Rectangle((0.1, 0.35), (0.05, 0.15), TURN))
NO_WIDTH = DesignRules(min_diameter=0.0, min_gap=0.0)


def fins(faults, count=7):
    """Fins of 0.2 × 0.1 along x, some of them replaced by (length, width, angle)."""
    values = np.tile([0.2, 0.1, 0.0], (count, count, 1, 1))
    for (i, j), fault in faults.items():
        values[i, j, 0] = fault
    return mg.Layout(FINS, values)


def only(violations):
    (violation,) = violations
    return violation


def found(layout, rule, **limits):
    given = {"min_diameter": 0.0, "min_gap": 0.0, **limits}
    return next((each for each in check(layout, DesignRules(**given)) if each.rule is rule), None)


U_SHAPE = ((0, 0), (0.3, 0), (0.3, 0.3), (0.22, 0.3), (0.22, 0.1), (0.1, 0.1), (0.1, 0.3), (0, 0.3))
WIDTHS = {
    "square": (Square((0.1, 0.4)), [0.2], 0.2, math.inf),
    "turned fin": (Rectangle((0.1, 0.4), (0.05, 0.2), TURN), [0.3, 0.07, 0.4], 0.07, math.inf),
    "ellipse": (Ellipse((0.1, 0.4), (0.05, 0.2), TURN), [0.3, 0.07, 0.4], 0.07, math.inf),
    "cross": (Cross((0.2, 0.4), (0.05, 0.15), TURN), [0.3, 0.07, 0.4], 0.07, math.inf),
    "L": (LShape((0.2, 0.4), (0.05, 0.15), TURN), [0.3, 0.07, 0.4], 0.07, math.inf),
    "ring": (Ring((0.12, 0.3), (0.02, 0.1)), [0.2, 0.06], 0.14, 0.12),
    "U": (Fixed((U_SHAPE, U_SHAPE)), [1], 0.08, 0.12),
    "circle": (Circle(0.1), [], 0.2, math.inf),
    "trapezoid": (Fixed((((-0.2, -0.05), (0.2, -0.08), (0.2, 0.08), (-0.2, 0.05)),)), [], 0.1, math.inf),
}


@pytest.mark.closed_form
@pytest.mark.parametrize(("atom", "values", "width", "notch"), WIDTHS.values(), ids=WIDTHS)
def test_the_narrowest_place_and_the_narrowest_notch_are_those_of_the_shape(atom, values, width, notch):
    """Outlines of curves are within 0.02 nm. Each rule just kept and just broken."""
    platform = mg.Platform(lattice=WIDE_OPEN, atom=atom)
    layout = mg.Layout(platform, np.array(values).reshape(1, 1, 1, -1), present=[[True]])
    assert found(layout, Rule.MIN_DIAMETER, min_diameter=width - 5e-5) is None
    thin = found(layout, Rule.MIN_DIAMETER, min_diameter=width + 5e-5)
    np.testing.assert_allclose(thin.values, [width], atol=4e-5)
    if math.isinf(notch):
        assert found(layout, Rule.MIN_GAP, min_gap=10.0) is None
    else:
        assert found(layout, Rule.MIN_GAP, min_gap=notch - 5e-5) is None
        narrow = found(layout, Rule.MIN_GAP, min_gap=notch + 5e-5)
        np.testing.assert_allclose(narrow.values, [notch], atol=4e-5)
        np.testing.assert_array_equal(narrow.positions, np.zeros((1, 2, 2)))


@pytest.mark.closed_form
def test_a_thin_fin_is_found_with_its_width_and_its_place():
    thin = found(fins({(2, 3): (0.2, 0.05, 0.7)}), Rule.MIN_DIAMETER, min_diameter=0.06)
    np.testing.assert_allclose(thin.values, [0.05])
    np.testing.assert_allclose(thin.positions, [[[-0.45, 0.0]]], atol=1e-12)


@pytest.mark.closed_form
def test_a_narrow_gap_between_fins_is_found_once_with_both():
    """Two fins end to end: 0.45 − 0.3/2 − 0.35/2. A fin at 90°, in its column: 0.45 − 0.2/2 − 0.1/2 = 0.3; in
    its row the neighbours lie along x: 0.45 − 0.1/2 − 0.2/2, too. All others: 0.45 − 0.2 = 0.25."""
    layout = fins({(2, 3): (0.3, 0.1, 0.0), (3, 3): (0.35, 0.1, 0.0)})
    narrow = found(layout, Rule.MIN_GAP, min_gap=0.13)
    np.testing.assert_allclose(narrow.values, [0.125])
    assert {tuple(np.round(end, 9)) for end in narrow.positions[0]} == {(-0.45, 0.0), (0.0, 0.0)}
    assert check(layout, DesignRules(min_diameter=0.1, min_gap=0.125)) == ()
    turned = fins({(2, 3): (0.2, 0.1, math.pi / 2)})
    assert len(found(turned, Rule.MIN_GAP, min_gap=0.26).values) == 7 * 6 - 2
    np.testing.assert_allclose(
        np.unique(np.round(found(turned, Rule.MIN_GAP, min_gap=0.31).values, 9)), [0.25, 0.3]
    )


@pytest.mark.closed_form
def test_what_is_off_the_grid_is_found_with_its_distance_whatever_its_angle():
    off = only(check(fins({(0, 6): (0.2, 0.1003, 0.7)}), DesignRules(min_diameter=0, min_gap=0, grid=1e-3)))
    np.testing.assert_allclose(off.values, [3e-4])
    assert str(off).startswith("grid: 1 pillars lie off it, by up to 0.0003 at (")


@pytest.mark.cross_check
@pytest.mark.parametrize("name", ["fins", "rings", "ellipses"])
def test_the_density_of_every_window_agrees_with_a_direct_sum(name):
    layout = some_layout(PLATFORMS[name], (9, 6))
    pitch = np.array(layout.platform.lattice.pitch)
    cover = np.zeros(layout.counts)
    for (i, j, _), body in regions(layout, 1e-5).items():
        cover[i, j] += body.area / np.prod(pitch)
    size = np.maximum(1, np.rint(1.5 / pitch)).astype(int)
    windows = np.lib.stride_tricks.sliding_window_view(cover, size).mean(axis=(2, 3))
    limit = float(np.median(windows))
    dense = found(layout, Rule.MAX_DENSITY, max_density=limit, density_window=1.5)
    np.testing.assert_allclose(dense.values, windows[windows > limit])
    first = np.argwhere(windows > limit)[0]
    centre = (first + (size - 1) / 2 - (np.array(layout.counts) - 1) / 2) * pitch
    np.testing.assert_allclose(dense.positions[0, 0], centre)


@pytest.mark.cross_check
@pytest.mark.parametrize("name", [name for name in PLATFORMS if name != "equal circles"])
def test_gaps_are_those_of_the_geometry_library_between_all_pairs(name):
    """Every pair of a small device, none left out by its distance; curves within 0.02 nm."""
    layout, limit = some_layout(PLATFORMS[name], (5, 4), seed=3), 0.2503
    bodies, pairs = list(regions(layout, 1e-5).values()), {}
    for i, one in enumerate(bodies):
        for j in range(i):
            gap = shapely.Polygon(one.exterior).distance(shapely.Polygon(bodies[j].exterior))
            if gap < limit:
                pairs[frozenset((i, j))] = gap
    narrow = found(layout, Rule.MIN_GAP, min_gap=limit)
    own = [place for place in narrow.positions if (place[0] == place[1]).all()]
    assert len(narrow.values) - len(own) == len(pairs) > 10
    np.testing.assert_allclose(np.sort(narrow.values[: len(pairs)]), np.sort(list(pairs.values())), atol=4e-5)


def klayout_region(path):
    layout = kdb.Layout()
    layout.read(str(path))
    region = kdb.Region(layout.top_cell().begin_shapes_rec(layout.find_layer(1, 0)))
    region.flatten()  # a copy of the polygons: the layout goes when this function returns
    return region.merged(), layout.dbu


def places_of(pairs, unit, layout):
    """Sets of the sites that edge pairs are nearest to."""
    centres = layout.centres[layout.present]
    middles = [
        [
            ((edge.p1.x + edge.p2.x) / 2 * unit, (edge.p1.y + edge.p2.y) / 2 * unit)
            for edge in (pair.first, pair.second)
        ]
        for pair in pairs
    ]
    found_at = set()
    for ends in middles:
        sites = [tuple(np.round(centres[np.hypot(*(centres - end).T).argmin()], 4)) for end in ends]
        found_at.add(frozenset(sites))
    return found_at


def our_places(violation):
    return {frozenset(tuple(np.round(end, 4)) for end in ends) for ends in violation.positions}


def faulty_fins(platform, seed=7):
    """Fins of a few sizes at any angle: some are too thin, some too close; none is within 2 nm of a limit."""
    random = np.random.default_rng(seed)
    shape = (11, 9, len(platform.lattice.sites))
    sizes = np.array([(0.2, 0.1), (0.3, 0.12), (0.34, 0.09), (0.25, 0.055)])
    values = np.empty((*shape, 3))
    values[..., :2] = sizes[random.choice(4, shape, p=[0.5, 0.2, 0.2, 0.1])]
    values[..., 2] = random.uniform(0, math.pi, shape)
    return mg.Layout(platform, values, present=random.random(shape) > 0.1)


RULES = DesignRules(min_diameter=0.075, min_gap=0.13)
NEAR = 1e-4
"""Gaps this close to the limit are left out: the file rounds sides to 0.02 nm and angles to 0.01°."""


@pytest.mark.cross_check
@pytest.mark.parametrize("lattice", [SQUARE, HEXAGONAL], ids=["square", "hexagonal"])
def test_klayout_finds_the_same_thin_fins_and_the_same_narrow_gaps(tmp_path, lattice):
    layout = faulty_fins(mg.Platform(lattice=lattice, atom=Rectangle((0.1, 0.35), (0.05, 0.15), TURN)))
    write_gds(layout, tmp_path / "a.gds")
    region, unit = klayout_region(tmp_path / "a.gds")
    thin = region.width_check(round(RULES.min_diameter / unit), ignore_angle=5).each()
    ours = found(layout, Rule.MIN_DIAMETER, min_diameter=RULES.min_diameter)
    assert our_places(ours) == places_of(thin, unit, layout)
    assert len(ours.values) > 5
    close = region.isolated_check(round(RULES.min_gap / unit), metrics=kdb.Region.Euclidian, ignore_angle=90)
    narrow = found(layout, Rule.MIN_GAP, min_gap=RULES.min_gap)
    assert np.abs(narrow.values - RULES.min_gap).min() > NEAR
    assert our_places(narrow) == places_of(close.each(), unit, layout)
    assert len(narrow.values) > 5


@pytest.mark.cross_check
def test_klayout_finds_the_same_narrow_walls_and_holes_of_rings(tmp_path):
    platform = mg.Platform(lattice=HEXAGONAL, atom=Ring((0.12, 0.2), (0.02, 0.1)))
    random = np.random.default_rng(2)
    outer, inner = random.choice([0.14, 0.19], (8, 6, 2)), random.choice([0.03, 0.06, 0.09], (8, 6, 2))
    layout = mg.Layout(platform, {"outer": outer, "inner": inner})
    write_gds(layout, tmp_path / "a.gds")
    region, unit = klayout_region(tmp_path / "a.gds")
    thin = region.width_check(round(0.07 / unit), ignore_angle=5).each()
    ours = found(layout, Rule.MIN_DIAMETER, min_diameter=0.07)
    assert our_places(ours) == places_of(thin, unit, layout)
    holes = region.notch_check(round(0.08 / unit), ignore_angle=5).each()
    ours = found(layout, Rule.MIN_GAP, min_gap=0.08)
    own = {
        frozenset(tuple(np.round(end, 4)) for end in ends)
        for ends in ours.positions
        if (ends[0] == ends[1]).all()
    }
    assert own == places_of(holes, unit, layout)
    assert len(own) > 5


def test_the_picture_of_any_shape_shows_every_violation(tmp_path):
    layout = faulty_fins(FINS)
    figure = plot_violations(layout, check(layout, RULES))
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert [label.split(" µm")[0] for label in labels] == ["minimum diameter 0.075", "minimum gap 0.13"]
    figure.savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0


def work_of_check(count):
    """How many lines of Python a check executes, and how many bytes it has in use at the most."""
    layout = some_layout(FINS, (count, count), empty=0.1)
    return work_of(lambda: check(layout, RULES))


def test_the_work_of_a_check_grows_no_faster_than_the_pillars():
    """Sixteen times the pillars: Python loops over parts of them, of fixed size; arrays grow as the pillars,
    and a tenth is left for what is found, which differs."""
    work_of_check(10)
    (few, small), (many, large) = work_of_check(60), work_of_check(240)
    assert many < 16 * few
    assert large < 1.1 * 16 * small


@pytest.mark.parametrize("name", ["fins", "rings", "a list", "circles, hexagonal"])
def test_a_layout_without_pillars_breaks_no_rule(name):
    empty = some_layout(PLATFORMS[name], empty=1.0)
    assert not empty.present.any()
    assert check(empty, DesignRules(min_diameter=0.1, min_gap=0.1, grid=0.001, max_density=0.5)) == ()
