"""Layout files of any meta-atom on any lattice: KLayout finds every pillar, and reading gives the layout."""

import math

import gdstk
import klayout.db as kdb
import numpy as np
import pytest
import shapely
import torch
from many_atoms import PLATFORMS, SQUARE, TURN, regions, some_layout

import metagen as mg
from metagen.base.errors import FormatError, InputError, MismatchError
from metagen.device.atoms import Rectangle
from metagen.device.symmetry import Symmetry
from metagen.fab import LayoutFileOptions, device_labels, read_gds, read_oasis, write_gds, write_oasis
from metagen.fab.steps import is_circle, rounded

each_platform = pytest.mark.parametrize("platform", PLATFORMS.values(), ids=PLATFORMS)
each_format = pytest.mark.parametrize(
    ("write", "read", "suffix"), [(write_gds, read_gds, "gds"), (write_oasis, read_oasis, "oas")]
)


def klayout_regions(path, layer=(1, 0)):
    """Everything on a layer, flattened by KLayout, with touching parts merged."""
    layout = kdb.Layout()
    layout.read(str(path))
    region = kdb.Region(layout.top_cell().begin_shapes_rec(layout.find_layer(*layer)))
    bodies = []
    for polygon in region.merged().each():
        hull = [(p.x * layout.dbu, p.y * layout.dbu) for p in polygon.each_point_hull()]
        holes = [
            [(p.x * layout.dbu, p.y * layout.dbu) for p in polygon.each_point_hole(i)]
            for i in range(polygon.holes())
        ]
        bodies.append(shapely.Polygon(hull, holes))
    return bodies


def check_same(found, expected):
    """Every shape is there, its outline within 1 nm and its area within 0.1 % of what was designed."""
    assert len(found) == len(expected)
    tree = shapely.STRtree(found)
    nearest = tree.nearest([body.centroid for body in expected])
    assert len(set(nearest)) == len(expected)
    for body, index in zip(expected, nearest, strict=True):
        assert found[index].area == pytest.approx(body.area, rel=1e-3)
        assert found[index].boundary.hausdorff_distance(body.boundary) < 1e-3


@pytest.mark.cross_check
@each_platform
@each_format
def test_klayout_finds_every_pillar_at_its_place_and_with_its_area(tmp_path, platform, write, read, suffix):
    """Angles are rounded to 0.01°, lengths to 0.02 nm, the radii of circles to 1 nm."""
    layout = some_layout(platform)
    report = write(layout, tmp_path / f"a.{suffix}")
    bodies = regions(rounded(layout))
    check_same(klayout_regions(tmp_path / f"a.{suffix}"), list(bodies.values()))
    if not is_circle(platform.atom):
        check_same(list(bodies.values()), list(regions(layout).values()))
    assert report.pillars == layout.present.sum()
    assert report.area_error < 1e-3


@each_platform
@each_format
def test_reading_gives_the_very_layout(tmp_path, platform, write, read, suffix):
    """What is on the grids comes back to the last bit, what is not is rounded to them."""
    layout = some_layout(platform)
    on_grid = rounded(layout)
    assert np.abs(on_grid.values - layout.values).max(initial=0) <= 0.5e-3 + 1e-9
    for each in (layout, on_grid):
        write(each, tmp_path / f"a.{suffix}")
        again = read(tmp_path / f"a.{suffix}", platform)
        np.testing.assert_array_equal(again.values, on_grid.values)
        np.testing.assert_array_equal(again.present, on_grid.present)
        assert again.hash == on_grid.hash
        assert again.provenance["layout_hash"] == each.hash


def mirrored(platform, planes, count=6):
    """A layout that is what some mirrors make of it, from one that is not."""
    layout = some_layout(platform, (count, count), seed=2, empty=0.0)
    values = layout.values
    for plane, flip in planes.items():
        image = flip(platform.atom.image(values, plane))
        first = np.indices(values.shape[:2])
        half = (first[0] < count / 2) if plane is Symmetry.MIRROR_X else (first[1] < count / 2)
        half = (first[0] < first[1]) if plane is Symmetry.MIRROR_DIAGONAL else half
        values = np.where(half[..., None, None], values, image)
    return mg.Layout(platform, values)


FLIPS = {
    Symmetry.MIRROR_X: lambda values: values[::-1],
    Symmetry.MIRROR_Y: lambda values: values[:, ::-1],
    Symmetry.MIRROR_DIAGONAL: lambda values: values.swapaxes(0, 1),
}


@pytest.mark.parametrize("planes", [(0,), (1,), (0, 1)], ids=["x", "y", "both"])
@pytest.mark.parametrize("name", ["fins", "turned fins", "upright fins", "thin rings", "crosses"])
def test_a_device_of_turned_pillars_is_folded_at_its_mirror_planes(tmp_path, name, planes):
    """A pillar of a plane is its own image only at some angles; there are none on it, as N is even."""
    chosen = dict(list(FLIPS.items())[i] for i in planes)
    layout = mirrored(PLATFORMS[name], {plane: FLIPS[plane] for plane in chosen})
    for plane in chosen:
        assert plane in layout.symmetry
    report = write_gds(layout, tmp_path / "a.gds")
    assert report.references <= report.pillars / 2 ** len(planes) + 10
    again = read_gds(tmp_path / "a.gds", PLATFORMS[name])
    assert again.hash == rounded(layout).hash
    check_same(klayout_regions(tmp_path / "a.gds"), list(regions(again).values()))


def test_a_hexagonal_lens_with_an_aperture_is_folded_too(tmp_path):
    """Its lattice has the planes x = 0 and y = 0, not the diagonal."""
    platform = PLATFORMS["circles, hexagonal"]
    whole = mg.Layout(platform, np.full((15, 9, 2), 0.1))
    distance = np.hypot(*np.moveaxis(whole.centres, -1, 0))
    lens = mg.Layout(platform, 0.1 + 0.05 * np.sin(distance), present=distance < 1.7)
    report = write_gds(lens, tmp_path / "a.gds")
    assert report.references < report.pillars / 4 + 20
    assert read_gds(tmp_path / "a.gds", platform).hash == rounded(lens).hash


@pytest.mark.cross_check
def test_a_shape_at_many_angles_is_one_cell_with_turned_references(tmp_path):
    layout = some_layout(PLATFORMS["turned fins"], (20, 20), empty=0.0)
    report = write_gds(layout, tmp_path / "a.gds")
    assert report.cells == 2
    fin, device = gdstk.read_gds(tmp_path / "a.gds").cells
    assert (fin.name, len(fin.polygons)) == ("S", 1)
    turns = sorted(reference.rotation % math.pi for reference in device.references)
    # Half a step of 0.01°.
    np.testing.assert_allclose(
        turns, np.sort(layout["angle"].ravel() % math.pi), atol=math.radians(0.005) + 1e-9
    )
    free = some_layout(PLATFORMS["fins"], (20, 20), empty=0.0)
    sides = {tuple(row) for row in np.rint(free.values[..., :2].reshape(-1, 2) * 1e3).astype(int)}
    assert write_gds(free, tmp_path / "b.gds", LayoutFileOptions(grid=1e-3)).cells == len(sides) + 1


@pytest.mark.cross_check
@pytest.mark.parametrize("name", ["fins", "ellipses", "rings", "Ls", "crosses", "upright fins"])
def test_the_bias_moves_walls_and_is_taken_off_again(tmp_path, name):
    platform, by = PLATFORMS[name], -0.004
    layout = some_layout(platform)
    write_gds(layout, tmp_path / "a.gds", LayoutFileOptions(bias=by))
    designed = rounded(layout)
    assert read_gds(tmp_path / "a.gds", platform).hash == designed.hash
    found = sum(body.area for body in klayout_regions(tmp_path / "a.gds"))
    grown = platform.atom.grown(torch.tensor(designed.values[designed.present]), by)
    # Vertices are rounded to 0.01 nm, which is 1e-4 of the smallest sides.
    assert found == pytest.approx(float(grown.area.sum()), rel=1e-4)


REFUSED = {
    "a bias that closes the gaps": ("fins", {"bias": 0.06}, r"bias is 0\.06.*overlap"),
    "a bias that eats the pillars": ("fins", {"bias": -0.04}, r"bias is -0\.04|width is -0"),
    "a bias that fills the holes": ("rings", {"bias": 0.2}, r"bias is 0\.2|inner is -0"),
    "a bias of polygons": ("a list", {"bias": 0.01}, "no lengths"),
    "a table of biases": ("fins", {"bias": ((0.05, 0.0), (0.1, 0.01))}, "one number"),
    "the space between them": ("fins", {"tone": "holes"}, "circles on a square lattice only"),
    "too many corners": ("ellipses", {"polygon_tolerance": 1e-12}, "polygon_tolerance"),
    "a coarse database unit": ("fins", {"database_unit": 2e-3, "grid": 2e-3}, "finer database_unit"),
}


@pytest.mark.parametrize(("name", "values", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_drawn_is_refused(tmp_path, name, values, reason):
    with pytest.raises(InputError, match=reason):
        write_gds(some_layout(PLATFORMS[name]), tmp_path / "a.gds", LayoutFileOptions(**values))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("step", [0.1, 0.017, 2.0, 0.0])
def test_a_step_of_angles_divides_a_quarter_turn(step):
    with pytest.raises(InputError, match="angle_grid"):
        LayoutFileOptions(angle_grid=step)


def test_a_step_of_angles_is_given_in_degrees_in_files(tmp_path):
    (tmp_path / "export.toml").write_text("angle_grid_deg = 0.5\n")
    options = LayoutFileOptions.load(tmp_path / "export.toml")
    layout = some_layout(PLATFORMS["turned fins"])
    write_gds(layout, tmp_path / "a.gds", options)
    angles = np.degrees(read_gds(tmp_path / "a.gds", layout.platform)["angle"])
    np.testing.assert_allclose(angles, np.rint(angles * 2) / 2, atol=1e-9)


@pytest.mark.parametrize("edit", ["remove", "turn", "grow", "rename", "other polygon"])
def test_a_file_of_ours_that_was_edited_is_noticed(tmp_path, edit):
    write_gds(some_layout(PLATFORMS["turned fins"]), tmp_path / "a.gds")
    library = gdstk.read_gds(tmp_path / "a.gds")
    device, shape = library.cells[-1], library.cells[0]
    match edit:
        case "remove":
            device.remove(device.references[3])
        case "turn":
            device.references[0].rotation += 0.01
        case "grow":
            shape.polygons[0].scale(1.01)
        case "rename":
            shape.name = "POST"
        case "other polygon":
            shape.add(gdstk.rectangle((0.1, 0.1), (0.2, 0.2), layer=1))
    library.write_gds(tmp_path / "a.gds")
    with pytest.raises(FormatError, match="edited or damaged"):
        read_gds(tmp_path / "a.gds", PLATFORMS["turned fins"])


def test_a_copy_that_klayout_saved_is_read_as_the_file_itself(tmp_path):
    layout = some_layout(PLATFORMS["fins, hexagonal"])
    write_gds(layout, tmp_path / "a.gds")
    copy = kdb.Layout()
    copy.read(str(tmp_path / "a.gds"))
    copy.write(str(tmp_path / "b.oas"))
    assert (
        read_oasis(tmp_path / "b.oas", layout.platform).hash
        == read_gds(tmp_path / "a.gds", layout.platform).hash
    )


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (mg.Platform(), r"period of 0\.45, the platform has 0\.4431"),
        (PLATFORMS["fins, hexagonal"], "written for .*the platform has"),
        (PLATFORMS["Ls"], "written for Rectangle.*the platform has LShape"),
        (
            mg.Platform(lattice=SQUARE, atom=Rectangle(0.3, 0.1, TURN)),
            "written for Rectangle.*the platform has",
        ),
    ],
    ids=["period", "lattice", "atom", "fixed lengths"],
)
def test_a_file_of_another_platform_is_refused_with_both(tmp_path, other, reason):
    write_gds(some_layout(PLATFORMS["fins"]), tmp_path / "a.gds")
    with pytest.raises(MismatchError, match=reason):
        read_gds(tmp_path / "a.gds", other)


def test_a_file_of_circles_is_refused_by_a_platform_of_fins(tmp_path):
    platform = mg.Platform(period=0.45, radius_max=0.2)
    write_gds(mg.Layout(platform, np.full((3, 3), 0.1)), tmp_path / "a.gds")
    with pytest.raises(MismatchError, match=r"written for Circle.*the platform has Rectangle"):
        read_gds(tmp_path / "a.gds", PLATFORMS["fins"])


@pytest.mark.parametrize("name", ["fins", "ellipses", "one shape"])
def test_the_label_says_lattice_and_shapes_in_parts_that_fit(tmp_path, name):
    layout = some_layout(PLATFORMS[name])
    write_gds(layout, tmp_path / "a.gds")
    (label,) = device_labels(tmp_path / "a.gds").values()
    assert (label.lattice, label.atom, label.counts) == (
        layout.platform.lattice,
        layout.platform.atom,
        (7, 5),
    )
    assert label.hash == layout.hash
    assert all(len(each.text) <= 512 for each in gdstk.read_gds(tmp_path / "a.gds").cells[-1].labels)


def test_a_label_with_a_missing_part_is_damaged(tmp_path):
    write_gds(some_layout(PLATFORMS["one shape"]), tmp_path / "a.gds")
    library = gdstk.read_gds(tmp_path / "a.gds")
    device = library.cells[-1]
    text = device.labels[0].text
    device.remove(device.labels[0])
    device.add(gdstk.Label(text.replace("1/1", "1/2"), (0, 0), layer=63))
    library.write_gds(tmp_path / "a.gds")
    with pytest.raises(FormatError, match="label is damaged"):
        read_gds(tmp_path / "a.gds", PLATFORMS["one shape"])


def test_many_turned_sites_are_written_in_bands_that_read_back_equal(tmp_path, monkeypatch):
    monkeypatch.setattr("metagen.fab.cells.SITES_PER_CELL", 50)
    layout = some_layout(PLATFORMS["fins, hexagonal"], (11, 9))
    write_gds(layout, tmp_path / "a.gds")
    assert any("_B1" in cell.name for cell in gdstk.read_gds(tmp_path / "a.gds").cells)
    assert read_gds(tmp_path / "a.gds", layout.platform).hash == rounded(layout).hash
