"""Layout files: what is written is what was designed, as KLayout (an independent reader) sees it."""

import hashlib
import subprocess
import sys

import gdstk
import klayout.db as kdb
import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import AccessError, FormatError, InputError
from metagen.device.layout import on_grid, random_layout
from metagen.fab import LayoutFileOptions, Tone, read_gds, read_oasis, write_gds, write_oasis
from metagen.fab.circle import circle_polygon, polygon_areas

PLATFORM = mg.Platform()
WRITERS = [(write_gds, read_gds, "gds"), (write_oasis, read_oasis, "oas")]


def asymmetric_layout(count, seed=0):
    radii = np.random.default_rng(seed).uniform(0.05, 0.17, (count, count))
    radii[0, :] = 0  # an empty edge must not shrink the lattice
    radii[count // 2, 1] = 0
    return mg.Layout(PLATFORM, radii, name="asymmetric")


def lens_like(count):
    x = np.arange(count) - (count - 1) / 2
    distance = np.hypot(x[:, None], x[None, :])
    return mg.Layout(PLATFORM, 0.05 + 0.12 * np.sin(distance) ** 2, name="lens")


def with_one_mirror_plane(count, plane):
    radii = np.random.default_rng(3).uniform(0.05, 0.17, (count, count))
    image = {"x": radii[::-1], "y": radii[:, ::-1], "diagonal": radii.T}[plane]
    return mg.Layout(PLATFORM, (radii + image) / 2, name=plane)


ON_A_FULL_DISK = """
import resource, signal, sys
import numpy as np, metagen as mg
layout = mg.Layout(mg.Platform(), np.random.default_rng(0).uniform(0.05, 0.17, (40, 40)))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit fails, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
getattr(mg.fab, sys.argv[1])(layout, sys.argv[2])
"""


@pytest.mark.parametrize("room", [8_000, 16_000])
@pytest.mark.parametrize(("write", "read", "suffix"), WRITERS)
def test_a_full_disk_is_reported_and_leaves_the_file_that_was_there(write, read, suffix, room, tmp_path):
    path = tmp_path / f"device.{suffix}"
    write(lens_like(5), path)
    before = path.read_bytes()
    command = [sys.executable, "-c", ON_A_FULL_DISK, write.__name__, str(path), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "FormatError" in done.stderr
    assert "make room" in done.stderr
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


LAYOUTS = [
    asymmetric_layout(8),
    random_layout(PLATFORM, 9, seed=1),
    lens_like(10),
    lens_like(13),
    *(with_one_mirror_plane(count, plane) for count in (6, 7) for plane in ("x", "y", "diagonal")),
]


def klayout_circles(path, layer=(1, 0)):
    """Centres, areas and count of everything on a layer, flattened by KLayout."""
    layout = kdb.Layout()
    layout.read(str(path))
    unit = layout.dbu
    shapes = layout.top_cell().begin_shapes_rec(layout.find_layer(*layer))
    rows = []
    while not shapes.at_end():
        polygon = shapes.shape().polygon.transformed(shapes.trans())
        box = polygon.bbox()
        centre = ((box.left + box.right) / 2 * unit, (box.bottom + box.top) / 2 * unit)
        rows.append((*centre, polygon.area() * unit**2))
        shapes.next()
    return np.array(sorted(rows))


def expected_circles(layout):
    x = layout.positions
    rounded = np.rint(layout.radii / 1e-3) * 1e-3
    rows = [(x[i], x[j], np.pi * rounded[i, j] ** 2) for i, j in zip(*np.nonzero(rounded), strict=True)]
    return np.array(sorted(rows))


def by_position(rows):
    """Sorted by position, rounded so that the noise of summed floats cannot change the order."""
    return rows[np.lexsort(np.round(rows[:, 1::-1], 6).T)]


@pytest.mark.cross_check
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"{layout.name}-{layout.count}")
@pytest.mark.parametrize(("write", "read", "suffix"), WRITERS, ids=["gds", "oasis"])
def test_klayout_finds_every_circle_at_its_site_and_with_its_area(tmp_path, layout, write, read, suffix):
    """Positions of this lattice are whole database units: 1e-9 µm only allows for sums of floats. Areas are
    off by the rounding of the vertices to 0.01 nm, at most 1e-4 for the smallest pillar."""
    path = tmp_path / f"device.{suffix}"
    report = write(layout, path)
    found, expected = by_position(klayout_circles(path)), by_position(expected_circles(layout))
    assert len(found) == len(expected) == report.pillars
    np.testing.assert_allclose(found[:, :2], expected[:, :2], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found[:, 2], expected[:, 2], rtol=1e-4)
    assert report.area_error <= 1e-4
    assert report.position_error < 1e-9


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"{layout.name}-{layout.count}")
@pytest.mark.parametrize(("write", "read", "suffix"), WRITERS, ids=["gds", "oasis"])
def test_reading_gives_the_layout_back_to_half_a_grid_step(tmp_path, layout, write, read, suffix):
    path = tmp_path / f"device.{suffix}"
    write(layout, path)
    again = read(path, PLATFORM)
    np.testing.assert_allclose(again.radii, np.rint(layout.radii / 1e-3) * 1e-3, rtol=0, atol=1e-12)
    assert again.name == layout.name
    assert again.provenance["layout_hash"] == layout.hash


@pytest.mark.parametrize(("write", "read", "suffix"), WRITERS, ids=["gds", "oasis"])
def test_a_layout_on_the_grid_comes_back_with_the_same_hash(tmp_path, write, read, suffix):
    """Then simulating the file is simulating the layout: the radii are equal to the last bit."""
    for layout in LAYOUTS:
        rounded = mg.Layout(PLATFORM, on_grid(layout.radii, 1e-3))
        write(rounded, tmp_path / f"a.{suffix}")
        assert read(tmp_path / f"a.{suffix}", PLATFORM).hash == rounded.hash


RELEASED = {
    "asymmetric-8": ("6e923251bd8d2632", "015f25889eea13af"),
    "random-s1-9": ("21542a72236ed81b", "cd89fface1aad3b6"),
    "x-6": ("0b23fe7832784dc6", "3f8211b98db05de4"),
    "y-6": ("9d9f09657a24efe0", "bf38c9e043672a69"),
    "diagonal-6": ("85e3b160c9b32769", "bdf9d93db4857432"),
    "x-7": ("8e59f09106259e6a", "46e024f7e3a8c40a"),
    "y-7": ("8da6198e7961dac0", "dfe1a8c252dd78c0"),
    "diagonal-7": ("54bb345afbaf568e", "410d28020e30750c"),
}
"""Beginnings of the hashes (SHA-256) of files of release 0.2.0: the pillars, and the space between."""


@pytest.mark.cross_check
@pytest.mark.parametrize("name", RELEASED)
def test_files_of_circles_are_those_of_earlier_releases_bit_for_bit(tmp_path, name):
    layout = next(each for each in LAYOUTS if f"{each.name}-{each.count}" == name)
    for tone, digest in zip(Tone, RELEASED[name], strict=True):
        write_gds(layout, tmp_path / "a.gds", LayoutFileOptions(tone=tone))
        assert hashlib.sha256((tmp_path / "a.gds").read_bytes()).hexdigest()[:16] == digest


def raw(path):
    return gdstk.read_gds(path)


def test_there_is_one_cell_per_distinct_rounded_radius_and_nothing_is_placed_twice(tmp_path):
    layout = asymmetric_layout(20)
    report = write_gds(layout, tmp_path / "a.gds")
    radii = np.rint(layout.radii / 1e-3).astype(int)
    circle_cells = {cell.name for cell in raw(tmp_path / "a.gds").cells if cell.name.startswith("R")}
    assert circle_cells == {f"R{radius}" for radius in np.unique(radii) if radius}
    assert report.cells == len(circle_cells) + 1
    assert report.references == report.pillars == np.count_nonzero(radii)
    assert report.bytes == (tmp_path / "a.gds").stat().st_size


@pytest.mark.parametrize(
    ("layout", "share"),
    [
        (random_layout(PLATFORM, 200, seed=0), 4),
        (lens_like(200), 8),
        (asymmetric_layout(200), 1),
        (with_one_mirror_plane(200, "x"), 2),
        (with_one_mirror_plane(200, "diagonal"), 2),
    ],
    ids=["both", "lens", "none", "x", "diagonal"],
)
def test_a_device_is_folded_at_its_mirror_planes(tmp_path, layout, share):
    """An eighth of a lens also holds half of the diagonal, and every fold needs two references of its own."""
    report = write_gds(layout, tmp_path / "a.gds")
    assert report.pillars / share <= report.references <= report.pillars / share + 200


def test_many_sites_are_written_in_bands_that_read_back_equal(tmp_path, monkeypatch):
    monkeypatch.setattr("metagen.fab.cells.SITES_PER_CELL", 50)
    for layout in (asymmetric_layout(20), lens_like(41)):
        report = write_gds(layout, tmp_path / "a.gds")
        assert any("_B1" in cell.name for cell in raw(tmp_path / "a.gds").cells)
        assert report.pillars == np.count_nonzero(layout.radii)
        np.testing.assert_allclose(read_gds(tmp_path / "a.gds", PLATFORM).radii, layout.radii, atol=5.1e-4)


@pytest.mark.closed_form
@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("radius", [0.05, 0.17])
def test_polygons_have_the_area_of_the_circle_and_stay_within_the_tolerance(tolerance, radius):
    """Both to the rounding of a vertex to the database unit, here 1e-9 µm."""
    points = circle_polygon(radius, tolerance, database_unit=1e-9)
    middles = (points + np.roll(points, 1, axis=0)) / 2
    distances = np.linalg.norm(np.concatenate([points, middles]), axis=1)
    assert np.abs(distances - radius).max() <= tolerance * 1.02  # the count comes from the lowest order
    assert polygon_areas(points[None])[0] == pytest.approx(np.pi * radius**2, rel=1e-7)
    fewer = circle_polygon(radius, 4 * tolerance, database_unit=1e-9)
    assert len(fewer) <= max(8, len(points) / 2 + 8)


@pytest.mark.closed_form
def test_a_polygon_has_all_mirror_planes_of_the_lattice_after_rounding():
    points = np.rint(circle_polygon(0.0837, 1e-4, 1e-3) / 1e-3).astype(int)
    whole = {tuple(point) for point in points}
    for image in (points * (-1, 1), points * (1, -1), points[:, ::-1]):
        assert {tuple(point) for point in image} == whole


def test_a_coarse_database_unit_is_refused_because_of_the_area(tmp_path):
    """One nanometre is 2 % of the smallest radius; moving eight vertices by it moves the area by 0.4 %."""
    layout = mg.Layout(PLATFORM, np.full((3, 3), 0.05))
    with pytest.raises(InputError, match=r"database_unit.*area"):
        write_gds(layout, tmp_path / "a.gds", LayoutFileOptions(database_unit=1e-3))


@pytest.mark.cross_check
def test_positions_off_the_database_unit_are_rounded_by_at_most_half_of_it(tmp_path):
    platform = mg.Platform(period=np.sqrt(0.2))
    layout = mg.Layout(platform, random_layout(platform, 40, seed=2).radii)
    report = write_gds(layout, tmp_path / "a.gds")
    assert 1e-7 < report.position_error <= 0.5e-5
    found = klayout_circles(tmp_path / "a.gds")
    x = layout.positions
    sites = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    found, sites = by_position(found)[:, :2], by_position(sites)
    assert np.abs(found - sites).max() <= 0.5e-5 + 1e-9
    assert np.abs(found - sites).max() == pytest.approx(report.position_error, abs=1e-9)


BIASES = [0.004, -0.0123, ((0.05, 0.01), (0.1, 0.004), (0.17, -0.006))]


@pytest.mark.cross_check
@pytest.mark.parametrize("bias", BIASES, ids=["grow", "shrink", "table"])
@pytest.mark.parametrize("tone", list(Tone))
def test_the_bias_is_drawn_and_taken_off_again(tmp_path, bias, tone):
    layout, options = asymmetric_layout(7), LayoutFileOptions(bias=bias, tone=tone)
    write_gds(layout, tmp_path / "a.gds", options)
    rounded = np.rint(layout.radii / 1e-3) * 1e-3
    np.testing.assert_allclose(read_gds(tmp_path / "a.gds", PLATFORM).radii, rounded, rtol=0, atol=1e-12)
    if tone is Tone.PILLARS:
        table = np.array(bias if isinstance(bias, tuple) else ((0, bias), (1, bias)))
        drawn = rounded + np.interp(rounded, *table.T)
        areas = klayout_circles(tmp_path / "a.gds")[:, 2]
        np.testing.assert_allclose(np.sort(areas), np.sort(np.pi * drawn[rounded > 0] ** 2), rtol=1e-4)


@pytest.mark.cross_check
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"{layout.name}-{layout.count}")
def test_the_inverted_file_is_the_aperture_without_the_pillars(tmp_path, layout):
    """KLayout's own boolean: aperture minus what is drawn are the pillars, one hole each, with their area."""
    path = tmp_path / "a.gds"
    write_gds(layout, path, LayoutFileOptions(tone=Tone.HOLES))
    read = kdb.Layout()
    read.read(str(path))
    drawn = kdb.Region(read.top_cell().begin_shapes_rec(read.find_layer(1, 0)))
    aperture = kdb.Region(read.top_cell().begin_shapes_rec(read.find_layer(10, 0)))
    assert (drawn - aperture).is_empty()
    holes = sorted(polygon.area() * read.dbu**2 for polygon in (aperture - drawn).each())
    np.testing.assert_allclose(holes, np.sort(expected_circles(layout)[:, 2]), rtol=1e-4)
    overlap = sum(polygon.area() for polygon in drawn.each()) - drawn.merged().area()
    assert overlap == 0
    assert read_gds(path, PLATFORM).count == layout.count


@pytest.mark.cross_check
def test_marks_outline_text_and_layers_are_where_the_options_put_them(tmp_path):
    options = LayoutFileOptions(
        pillar_layer=(5, 1), mark_layer=(6, 2), outline_layer=(7, 3), label_layer=(8, 4), text="LENS 1"
    )
    layout = random_layout(PLATFORM, 30, seed=0)
    write_gds(layout, tmp_path / "a.gds", options)
    read = kdb.Layout()
    read.read(str(tmp_path / "a.gds"))
    box = {info: read.top_cell().dbbox(read.find_layer(*info)) for info in ((5, 1), (6, 2), (7, 3))}
    half = layout.side / 2
    assert box[7, 3].right == pytest.approx(half, abs=1e-5)
    assert box[6, 2].right == pytest.approx(half + 2.5 * options.mark_size, abs=1e-5)
    marks_end = -half - 2.5 * options.mark_size
    assert marks_end - 2 * options.text_height < box[6, 2].bottom < marks_end - options.text_height / 2
    assert box[5, 1].right < half
    (label,) = read.top_cell().each_shape(read.find_layer(8, 4))
    assert layout.hash in label.text_string
    assert len(label.text_string) <= 512
    bare = LayoutFileOptions(outline=False, mark_size=0)
    write_gds(layout, tmp_path / "b.gds", bare)
    assert gdstk.gds_info(tmp_path / "b.gds")["layers_and_datatypes"] == {(1, 0)}


def test_equal_layouts_give_equal_files(tmp_path):
    for name in ("a", "b"):
        write_gds(LAYOUTS[0], tmp_path / f"{name}.gds")
        write_oasis(LAYOUTS[0], tmp_path / f"{name}.oas")
    assert (tmp_path / "a.gds").read_bytes() == (tmp_path / "b.gds").read_bytes()
    assert (tmp_path / "a.oas").read_bytes() == (tmp_path / "b.oas").read_bytes()


def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    path = tmp_path / "a.gds"
    write_gds(LAYOUTS[0], path)
    before = path.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("metagen.fab.write.add_surroundings", full_disk)
    with pytest.raises(AccessError, match="space"):
        write_gds(LAYOUTS[1], path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.gds"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"bias": 0.1}, "bias is 0.1.*half the period"),
        ({"bias": -0.06}, "bias is -0.06"),
        ({"bias": ((0.1, 0.0), (0.05, 0.0))}, "increasing"),
        ({"bias": ((0.05, 0.1), (0.06, 0.0))}, "increasing"),
        ({"grid": 0}, "grid"),
        ({"database_unit": 1e-2}, "finer database_unit"),
        ({"database_unit": 1e-9}, "coarser database_unit"),
        ({"polygon_tolerance": 1e-12}, "polygon_tolerance"),
        ({"tone": "inverse"}, "tone"),
        ({"pillar_layer": (1, 0), "mark_layer": (1, 0)}, "layer of their own"),
        ({"pillar_layer": (-1, 0)}, "pillar_layer"),
        ({"tone": "holes", "database_unit": 1e-4}, "half the period.*no multiple"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_options_that_cannot_be_drawn_are_refused(tmp_path, values, reason):
    with pytest.raises(InputError, match=reason):
        write_gds(LAYOUTS[1], tmp_path / "a.gds", LayoutFileOptions(**values))
    assert not list(tmp_path.iterdir())


def test_a_long_name_and_a_long_table_fit_the_label(tmp_path):
    layout = mg.Layout(PLATFORM, np.full((2, 2), 0.1), name="5 µm lens " * 14)
    table = tuple((round(0.05 + 0.01 * i, 3), round(0.0123 - 0.0001 * i, 4)) for i in range(12))
    write_gds(layout, tmp_path / "a.gds", LayoutFileOptions(bias=table))
    assert read_gds(tmp_path / "a.gds", PLATFORM).name == ("5 ?m lens " * 14)[:48]
    (label,) = raw(tmp_path / "a.gds").cells[-1].labels
    assert len(label.text) <= 512
    digits = tuple((radius, bias + 1e-16) for radius, bias in table)
    with pytest.raises(InputError, match="fewer digits"):
        write_gds(layout, tmp_path / "a.gds", LayoutFileOptions(bias=digits))


@pytest.mark.parametrize("edit", ["remove", "swap", "grow"])
def test_a_file_of_ours_that_was_edited_is_noticed(tmp_path, edit):
    path = tmp_path / "a.gds"
    radii = np.random.default_rng(0).choice([0.06, 0.1, 0.13], (6, 6))
    write_gds(mg.Layout(PLATFORM, radii), path)
    library = raw(path)
    device = library.cells[-1]
    if edit == "remove":
        device.remove(device.references[3])
    elif edit == "swap":
        first, second = device.references[0], device.references[-1]
        first.cell, second.cell = second.cell, first.cell
    else:
        library.cells[0].polygons[0].scale(1.03)
    library.write_gds(path)
    with pytest.raises(FormatError, match="edited or damaged"):
        read_gds(path, PLATFORM)


def test_options_load_from_toml(tmp_path):
    path = tmp_path / "export.toml"
    path.write_text('tone = "holes"\nbias = [[0.05, 0.01], [0.17, 0.0]]\npillar_layer = [4, 0]\n')
    options = LayoutFileOptions.load(path)
    assert (options.tone, options.pillar_layer) == (Tone.HOLES, (4, 0))
    assert options.bias == ((0.05, 0.01), (0.17, 0.0))


def test_importing_the_package_loads_neither_matplotlib_nor_torch_nor_shapely():
    code = (
        "import sys, metagen.fab; "
        "print(sorted({'matplotlib', 'torch', 'klayout', 'shapely'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


PEAK = """
import re, sys
from pathlib import Path
import numpy as np, metagen as mg
from metagen.fab import write_gds
count = int(sys.argv[1])
used = lambda name: int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
write_gds(mg.Layout(mg.Platform(), np.full((9, 9), 0.1)), sys.argv[2])
layout = mg.Layout(mg.Platform(), np.random.default_rng(0).uniform(0.05, 0.17, (count, count)))
Path("/proc/self/clear_refs").write_text("5")  # forget the peak: making the layout took more
before = used("VmRSS")
write_gds(layout, sys.argv[2])
print((used("VmHWM") - before) / count**2)
"""


def test_memory_while_writing_is_a_few_bytes_per_pillar(tmp_path):
    """The radii take 8 bytes per pillar; one placed by an object of its own would take over 200. Rounding the
    radii needs 20 bytes per pillar, a band of a million sites some 60 MB however large the device is: here
    together 27 bytes per pillar."""
    command = [sys.executable, "-c", PEAK, "2500", str(tmp_path / "a.gds")]
    per_pillar = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert 20 < per_pillar < 40


def test_a_pillar_that_the_grid_would_lose_is_refused(tmp_path):
    radii = np.full((3, 3), 0.1)
    radii[1, 1] = 4e-4
    with pytest.raises(InputError, match="vanish"):
        write_gds(mg.Layout(PLATFORM, radii), tmp_path / "a.gds")


def test_pillars_that_touch_are_not_rounded_into_each_other(tmp_path):
    platform = mg.Platform(radius_max=0.4431 / 2)
    write_gds(mg.Layout(platform, np.full((3, 3), 0.4431 / 2)), tmp_path / "a.gds")
    np.testing.assert_allclose(read_gds(tmp_path / "a.gds", platform).radii, 0.221, rtol=0, atol=1e-12)


def test_pillars_that_touch_exactly_are_written_on_a_grid_that_has_their_radius(tmp_path):
    """22155 steps of 1e-5 are a little more than half the period, as floats."""
    layout = mg.Layout(PLATFORM, np.full((3, 3), PLATFORM.period / 2))
    write_gds(layout, tmp_path / "a.gds", LayoutFileOptions(grid=1e-5))
    np.testing.assert_array_equal(read_gds(tmp_path / "a.gds", PLATFORM).radii, layout.radii)
