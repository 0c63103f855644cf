"""Circles that other programs drew are read to half a grid step; other shapes are refused."""

import gdstk
import klayout.db as kdb
import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import FormatError
from metagen.device.layout import cell_centres
from metagen.fab import load_device, read_gds
from metagen.fab.roundness import fit_circles

GRIDS = [0.001, 0.0005]
COUNTS = [48, 64, 100, 128]
PERIOD = 0.443
"""A whole number of steps of either grid, so that KLayout can hold an array of this pitch."""
PLATFORM = mg.Platform(period=PERIOD)


def inscribed(radius, count):
    """Radius of the circle that has the area of a regular polygon inscribed in another one."""
    angle = 2 * np.pi / count
    return radius * np.sqrt(np.sin(angle) / angle)


def klayout_circle(centre, radius, count, grid):
    """As KLayout rounds an ellipse to its grid, without the vertices on a line with their neighbours."""
    (x, y), r = centre, radius
    return kdb.DPolygon.ellipse(kdb.DBox(x - r, y - r, x + r, y + r), count).to_itype(grid)


def random_circles(number, seed=1):
    rng = np.random.default_rng(seed)
    return list(zip(rng.uniform(-20, 20, (number, 2)), rng.uniform(0.05, 0.17, number), strict=True))


def box_around(circle):
    return kdb.Region(circle.bbox().enlarged(50, 50))


def line_through(circle):
    """Everything on one side of a slanted line through the circle."""
    box = circle.bbox().enlarged(50, 50)
    x, height = box.center(), box.height()
    points = [box.p1, kdb.Point(box.right, box.bottom)]
    points += [kdb.Point(box.right, x.y + height // 7), kdb.Point(box.left, x.y - height // 9)]
    return kdb.Region(kdb.Polygon(points))


OPERATIONS = {
    "as drawn": lambda circle: circle,
    "merged": lambda circle: circle.merged(),
    "and": lambda circle: circle & box_around(circle),
    "cut and merged": lambda circle: (
        (circle & line_through(circle)) + (circle - line_through(circle))
    ).merged(),
    "xor with its mask": lambda circle: box_around(circle) ^ (box_around(circle) - circle),
}


def fit_of(polygon, grid):
    points = np.array([(point.x, point.y) for point in polygon.each_point_hull()]) * grid
    return fit_circles(points[None], grid)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("grid", GRIDS)
def test_circles_of_klayout_keep_radius_and_centre_to_half_a_grid_step(grid, count, operation):
    """A vertex is rounded by up to half a step along each axis; area and centroid average over them."""
    for centre, radius in random_circles(25):
        (polygon,) = operation(kdb.Region(klayout_circle(centre, radius, count, grid))).each()
        fit = fit_of(polygon, grid)
        assert fit.is_round, fit.reason(0)
        assert abs(fit.radii[0] - inscribed(radius, count)) <= grid / 2
        assert abs(fit.centres[0] - complex(*centre)) <= grid / 2


@pytest.mark.parametrize("step", [5, -5])
@pytest.mark.parametrize("count", [48, 64])
def test_circles_that_klayout_sized_are_read_to_a_grid_step(count, step):
    """Sizing moves the sides of a rounded polygon, and rounds again: twice half a step."""
    grid = 0.001
    for centre, radius in random_circles(25):
        sized = kdb.Region(klayout_circle(centre, radius, count, grid)).sized(step, 2)
        fit = fit_of(max(sized.each(), key=kdb.Polygon.area), grid)
        assert fit.is_round, fit.reason(0)
        expected = inscribed(radius + step * grid / np.cos(np.pi / count), count)
        assert abs(fit.radii[0] - expected) <= grid
        assert abs(fit.centres[0] - complex(*centre)) <= grid


def klayout_file(path, grid, fill):
    """A file that KLayout writes, with whatever ``fill(layout, top cell, layer)`` puts into it."""
    layout = kdb.Layout()
    layout.dbu = grid
    fill(layout, layout.create_cell("TOP"), layout.layer(1, 0))
    layout.write(str(path))
    return path


def random_radii(number):
    return np.random.default_rng(2).uniform(0.05, 0.17, (number, number))


def sites(number, period, centre):
    """Index and position of every site of a lattice around ``centre``."""
    x = cell_centres(number, period)
    return [((i, j), (x[i] + centre[0], x[j] + centre[1])) for i in range(number) for j in range(number)]


@pytest.mark.parametrize("suffix", [".gds", ".oas"])
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("grid", GRIDS)
def test_a_flat_array_of_klayout_anywhere_in_the_plane_is_read(tmp_path, grid, count, suffix):
    """The period is no whole number of steps, so that every circle is rounded in its own way."""
    platform, radii = mg.Platform(), random_radii(9)

    def fill(layout, top, layer):
        for index, centre in sites(9, platform.period, (12.34567, -7.89123)):
            top.shapes(layer).insert(klayout_circle(centre, radii[index], count, grid))

    read = load_device(klayout_file(tmp_path / f"a{suffix}", grid, fill), platform)
    assert np.abs(read.radii - inscribed(radii, count)).max() <= grid / 2


@pytest.mark.parametrize("grid", GRIDS)
def test_instances_of_klayout_at_rounded_positions_are_on_the_lattice(tmp_path, grid):
    """Their origins are rounded by up to half a step, the outermost ones too, which place the lattice."""
    platform, radii = mg.Platform(), np.round(random_radii(41), 2)

    def fill(layout, top, layer):
        cells = {}
        for radius in np.unique(radii):
            cells[radius] = layout.create_cell("POST")
            cells[radius].shapes(layer).insert(klayout_circle((0, 0), radius, 64, grid))
        for index, centre in sites(41, platform.period, (3.14159, 2.71828)):
            place = kdb.DTrans(kdb.DVector(*centre)).to_itype(grid)
            top.insert(kdb.CellInstArray(cells[radii[index]].cell_index(), place))

    read = read_gds(klayout_file(tmp_path / "a.gds", grid, fill), platform)
    assert np.abs(read.radii - inscribed(radii, 64)).max() <= grid / 2


@pytest.mark.parametrize("grid", GRIDS)
def test_instance_arrays_of_klayout_are_read_turned_mirrored_and_nested(tmp_path, grid):
    def fill(layout, top, layer):
        steps = round(PERIOD / grid)
        post, row = layout.create_cell("POST"), layout.create_cell("ROW")
        post.shapes(layer).insert(klayout_circle((0.2, 0.1), 0.12, 64, grid))
        line = kdb.Vector(steps, 0), kdb.Vector(0, steps), 6, 1
        row.insert(kdb.CellInstArray(post.cell_index(), kdb.Trans(), *line))
        stack = kdb.Vector(-steps, 0), kdb.Vector(0, steps), 6, 1
        turned = kdb.Trans(kdb.Trans.M135, 7000, -300)
        top.insert(kdb.CellInstArray(row.cell_index(), turned, *stack))

    read = read_gds(klayout_file(tmp_path / "a.gds", grid, fill), PLATFORM)
    assert read.count == 6
    assert np.abs(read.radii - inscribed(0.12, 64)).max() <= grid / 2


def test_repeated_polygons_of_a_compressed_oasis_file_are_read(tmp_path):
    path = tmp_path / "a.oas"

    def fill(layout, top, layer):
        for _, centre in sites(6, PERIOD, (0, 0)):
            top.shapes(layer).insert(klayout_circle(centre, 0.1, 64, 0.0005))

    layout = kdb.Layout()
    layout.read(str(klayout_file(path, 0.0005, fill)))
    options = kdb.SaveLayoutOptions()
    options.format = "OASIS"
    options.oasis_compression_level = 10
    layout.write(str(path), options)
    stored = gdstk.read_oas(path, unit=1e-6).cells[0].polygons
    assert len(stored) < 36
    read = load_device(path, PLATFORM)
    assert np.abs(read.radii - inscribed(0.1, 64)).max() <= 0.00025
    assert read.radii.shape == (6, 6)


def gdspy_round(centre, radius, count, grid):
    """Vertices as gdspy's Round makes them, from the axis on, and as its writer rounds them."""
    angles = np.arange(count) * 2 * np.pi / count
    points = radius * np.column_stack([np.cos(angles), np.sin(angles)]) + centre
    return np.round(points / grid) * grid


def gdspy_count(radius, tolerance):
    """Vertices of a full circle by gdspy's tolerance."""
    return max(3, 1 + int(np.pi / np.arccos(1 - tolerance / radius) + 0.5))


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4])
@pytest.mark.parametrize("grid", GRIDS)
def test_circles_of_gdspy_are_read(tmp_path, grid, tolerance):
    platform, radii = mg.Platform(), random_radii(7)
    library = gdstk.Library(precision=grid * 1e-6)
    cell = library.new_cell("LENS")
    for index, centre in sites(7, platform.period, (100.0123, -50.0456)):
        count = gdspy_count(radii[index], tolerance)
        cell.add(gdstk.Polygon(gdspy_round(centre, radii[index], count, grid), layer=1))
    library.write_gds(tmp_path / "a.gds")
    read = read_gds(tmp_path / "a.gds", platform)
    counts = np.vectorize(gdspy_count)(radii, tolerance)
    assert np.abs(read.radii - inscribed(radii, counts)).max() <= grid / 2


def test_octagons_are_circles_of_their_area(tmp_path):
    """What gdspy and gdstk make of a radius of 0.1 at their default tolerance."""
    assert gdspy_count(0.1, 0.01) == gdstk.ellipse((0, 0), 0.1).size == 8
    fit = fit_circles(gdspy_round((1.23456, -6.54321), 0.1, 8, 1e-3)[None], 1e-3)
    assert fit.is_round
    assert abs(fit.radii[0] - inscribed(0.1, 8)) <= 5e-4


@pytest.mark.parametrize("bunching", [0.3, 0.9])
def test_unevenly_spaced_vertices_move_neither_radius_nor_centre(bunching):
    """Their mean is off by tens of nanometres, the centroid of the area by less than a grid step."""
    even = np.arange(64) * 2 * np.pi / 64
    angles, centre, radius, grid = even + bunching * np.sin(even), np.array([0.3, -0.2]), 0.15, 1e-3
    points = np.round((radius * np.column_stack([np.cos(angles), np.sin(angles)]) + centre) / grid) * grid
    assert np.linalg.norm(points.mean(axis=0) - centre) > 0.02
    fit = fit_circles(points[None], grid)
    assert fit.is_round
    assert abs(fit.radii[0] - radius) <= grid / 2
    assert abs(fit.centres[0] - complex(*centre)) <= grid


def regular(count, radius=0.1, turn=0.0):
    angles = turn + 2 * np.pi * np.arange(count) / count
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])


def rounded_square(half, corner):
    arcs = regular(64, corner) + 1e-9  # no vertex on an axis
    return arcs + (half - corner) * np.sign(arcs)


SHAPES = {
    "triangle": regular(3),
    "square": regular(4, turn=np.pi / 4),
    "hexagon": regular(6),
    "heptagon": regular(7),
    "square with many vertices": np.concatenate(
        [
            np.linspace(a, b, 20, endpoint=False)
            for a, b in zip(regular(4), np.roll(regular(4), -1, axis=0), strict=True)
        ]
    ),
    "rounded square": rounded_square(0.1, 0.07),
    "ellipse": regular(64) * (1, 1.06),
    "coarse ellipse": regular(12) * (1, 1.06),
    "half disc": regular(64)[:33],
    "circle without a slice": np.concatenate([regular(64)[:60], [[0, 0]]]),
    "ring": np.concatenate([regular(64), regular(64)[:1], regular(64, 0.05)[:1], regular(64, 0.05)[::-1]]),
    "star": regular(64) * np.where(np.arange(64) % 2, 1, 0.9)[:, None],
    "wound twice": np.concatenate([regular(32), regular(32)]),
    "line": np.column_stack([np.linspace(-0.1, 0.1, 9), np.zeros(9)]),
}


@pytest.mark.parametrize("grid", [1e-3, 1e-5])
@pytest.mark.parametrize("name", SHAPES)
def test_other_shapes_are_refused_with_the_reason(tmp_path, name, grid):
    """On a grid of 1 nm a circle of radius 100 nm may be 3 nm out of round: 6 % is beyond that."""
    fit = fit_circles(np.round(SHAPES[name] / grid)[None] * grid, grid)
    assert not fit.is_round
    assert "from its centre" in fit.reason(0) or "no area" in fit.reason(0)
    library = gdstk.Library(precision=grid * 1e-6)
    library.new_cell("TOP").add(gdstk.Polygon(SHAPES[name], layer=1))
    library.write_gds(tmp_path / "a.gds")
    with pytest.raises(FormatError, match=r"no circle: it(s outline is .* from its centre| has no area)"):
        read_gds(tmp_path / "a.gds", PLATFORM)


@pytest.mark.parametrize("count", range(8, 40))
def test_a_regular_polygon_from_the_octagon_on_is_a_circle_until_it_is_stretched(count):
    """The ring that it needs is exactly the sagitta of its side; without a grid 1 % is left beside that."""
    assert fit_circles(regular(count)[None], 0.0).is_round
    assert not fit_circles(regular(count)[None] * (1, 1.04), 0.0).is_round


@pytest.mark.parametrize("ends", ["dots", "lines"])
@pytest.mark.parametrize("suffix", [".gds", ".oas"])
def test_paths_are_refused_by_name(tmp_path, ends, suffix):
    length = 0.0 if ends == "dots" else 0.1

    def fill(layout, top, layer):
        for _, (x, y) in sites(3, PERIOD, (0, 0)):
            points = [kdb.DPoint(x, y), kdb.DPoint(x + length, y)]
            top.shapes(layer).insert(kdb.DPath(points, 0.2, 0.1, 0.1, True))

    with pytest.raises(FormatError, match=r"paths on layer 1/0.*dots.*convert them to polygons"):
        load_device(klayout_file(tmp_path / f"a{suffix}", 0.001, fill), PLATFORM)


def test_circle_records_of_an_oasis_file_are_read_to_their_radius(tmp_path):
    """KLayout writes a round dot as one; they are read within 0.1 nm of the circle."""

    def fill(layout, top, layer):
        top.shapes(layer).insert(kdb.DPath([kdb.DPoint(0, 0)], 0.2, 0.1, 0.1, True))

    read = load_device(klayout_file(tmp_path / "a.oas", 0.001, fill), PLATFORM)
    assert read.radii[0, 0] == pytest.approx(0.1, abs=1e-4)
