"""Shapes that other programs drew are read by fitting parameters of the platform's pillars, or refused."""

import math

import gdstk
import klayout.db as kdb
import numpy as np
import pytest
import shapely
import torch
from many_atoms import PLATFORMS, SQUARE, TURN, some_layout

import metagen as mg
from metagen.base.errors import FormatError
from metagen.device.atoms import Ellipse, Fixed, Kind, LShape, Rectangle, Ring
from metagen.device.lattice import Lattice
from metagen.fab import load_device, read_gds, read_oasis

NANOMETRE = 1e-3
each_platform = pytest.mark.parametrize("name", [name for name in PLATFORMS if "circles, hex" not in name])


def outlines(layout, place, tolerance=1e-4):
    """A pillar as another program draws it: one polygon, cut to its holes."""
    shape = layout.platform.atom.shape(torch.tensor(layout.values[place]))
    outer, *holes = ([gdstk.Polygon(polygon)] for polygon in shape.outline(tolerance))
    for hole in holes:
        outer = gdstk.boolean(outer, hole, "not", precision=1e-6)
    return [polygon.translate(*layout.centres[place]) for polygon in outer]


def flat_file(path, layout, precision=1e-11, centre=(3.0, -2.0)):
    """Every pillar a polygon of its own."""
    library = gdstk.Library(precision=precision)
    cell = library.new_cell("LENS")
    for place in zip(*np.nonzero(layout.present), strict=True):
        for polygon in outlines(layout, place):
            cell.add(gdstk.Polygon(polygon.points + centre, layer=1))
    (library.write_gds if path.suffix == ".gds" else library.write_oas)(path)
    return path


def trimmed(layout):
    """Rows and columns up to the outermost pillars, which is all that a file without a label shows."""
    i, j, _ = np.nonzero(layout.present)
    rows, columns = slice(i.min(), i.max() + 1), slice(j.min(), j.max() + 1)
    return mg.Layout(layout.platform, layout.values[rows, columns], present=layout.present[rows, columns])


def bodies(layout):
    """The regions of the pillars about their sites, by place."""
    found = {}
    for place in zip(*np.nonzero(layout.present), strict=True):
        shape = layout.platform.atom.shape(torch.tensor(layout.values[place]))
        outer, *holes = (shapely.Polygon(polygon) for polygon in shape.outline(1e-6))
        found[place] = outer.difference(shapely.union_all(holes))
    return found


def check_close(read, layout, distance):
    """The same sites are filled, and the pillars there are the same to a distance."""
    np.testing.assert_array_equal(read.present, layout.present)
    ours, theirs = bodies(read), bodies(layout)
    for place, body in ours.items():
        assert body.symmetric_difference(theirs[place]).area / body.length < distance


@pytest.mark.cross_check
@each_platform
@pytest.mark.parametrize("suffix", [".gds", ".oas"])
def test_flat_polygons_anywhere_in_the_plane_are_read(tmp_path, name, suffix):
    """Vertices are on a grid of 0.01 nm, curves within 0.1 nm, of which the area is true."""
    layout = trimmed(some_layout(PLATFORMS[name]))
    read = load_device(flat_file(tmp_path / f"a{suffix}", layout), layout.platform)
    check_close(read, layout, 1e-4)
    low = [p.low for p in layout.platform.atom.parameters if p.kind is Kind.ANGLE]
    for start in low:
        angles = (
            read["angle"][read.present[..., 0]] if read.present.shape[2] == 1 else read["angle"][read.present]
        )
        assert ((angles >= start) & (angles < start + layout.platform.atom.period)).all()


@pytest.mark.cross_check
@each_platform
def test_a_file_on_a_grid_of_one_nanometre_is_read_to_a_part_of_it(tmp_path, name):
    """Vertices are off by up to half a nanometre along each axis; a fit averages over them."""
    layout = trimmed(some_layout(PLATFORMS[name]))
    read = read_gds(flat_file(tmp_path / "a.gds", layout, precision=1e-9), layout.platform)
    check_close(read, layout, 0.5 * NANOMETRE)


@pytest.mark.closed_form
def test_a_fin_is_read_with_its_length_width_and_angle(tmp_path):
    platform = mg.Platform(lattice=SQUARE, atom=Rectangle((0.2, 0.35), (0.05, 0.18), TURN))
    layout = some_layout(platform, (6, 4), empty=0.0)
    read = read_gds(flat_file(tmp_path / "a.gds", layout), platform)
    # To the grid of 0.01 nm, over the length of the shorter side for the angle.
    np.testing.assert_allclose(read["length"], layout["length"], rtol=0, atol=2e-5)
    np.testing.assert_allclose(read["width"], layout["width"], rtol=0, atol=2e-5)
    turned = (read["angle"] - layout["angle"] + math.pi / 2) % math.pi - math.pi / 2
    long = (
        layout["length"] > 1.1 * layout["width"]
    )  # a square is as well turned by 90° with its sides swapped
    assert np.abs(turned[long]).max() < 2e-4


def test_one_cell_placed_turned_mirrored_and_magnified_is_read(tmp_path):
    """The parent is mirrored and turned by 90°: z → i·conj(z), θ → 90° − θ."""
    platform = PLATFORMS["fins"]
    library = gdstk.Library(precision=1e-12)
    fin, row, top = (library.new_cell(name) for name in ("FIN", "ROW", "TOP"))
    fin.add(gdstk.rectangle((-0.1, -0.04), (0.1, 0.04), layer=1).rotate(0.2).translate(0.03, 0.01))
    angles = [0.1, 0.5, 1.2, 2.9]
    for i, angle in enumerate(angles):
        place = i * 0.45 - 1.25 * np.exp(1j * angle) * (0.03 + 0.01j)
        row.add(gdstk.Reference(fin, place, rotation=angle, magnification=1.25))
    top.add(gdstk.Reference(row, (3, 4), rotation=np.pi / 2, x_reflection=True))
    library.write_gds(tmp_path / "a.gds")
    read = read_gds(tmp_path / "a.gds", platform)
    assert read.counts == (1, 4)
    np.testing.assert_allclose(read["length"], 0.25, atol=1e-5)
    np.testing.assert_allclose(read["width"], 0.1, atol=1e-5)
    expected = (np.pi / 2 - 0.2 - np.array(angles)) % np.pi
    np.testing.assert_allclose(read["angle"][0], expected, atol=1e-4)


def test_upright_fins_placed_at_a_right_angle_have_their_sides_swapped(tmp_path):
    platform = PLATFORMS["upright fins"]
    library = gdstk.Library(precision=1e-12)
    fin, top = library.new_cell("FIN"), library.new_cell("TOP")
    fin.add(gdstk.rectangle((-0.15, -0.05), (0.15, 0.05), layer=1))
    top.add(
        gdstk.Reference(fin, (0, 0)), gdstk.Reference(fin, (0.5, 0), rotation=np.pi / 2, x_reflection=True)
    )
    library.write_gds(tmp_path / "a.gds")
    read = read_gds(tmp_path / "a.gds", platform)
    np.testing.assert_allclose(read["length"], [[0.3], [0.1]], atol=1e-5)
    top.references[1].rotation = 0.3
    library.write_gds(tmp_path / "a.gds")
    with pytest.raises(FormatError, match=r"places 'FIN' turned by 17\.1887°.*their angle is fixed"):
        read_gds(tmp_path / "a.gds", platform)


@pytest.mark.cross_check
def test_fins_that_klayout_drew_on_its_grid_are_read(tmp_path):
    """Boxes that KLayout turned, rounded to 1 nm, merged, and placed as an array that it turned again."""
    platform = PLATFORMS["turned fins"]
    layout = kdb.Layout()
    layout.dbu = 0.001
    fin, top, layer = layout.create_cell("FIN"), layout.create_cell("TOP"), layout.layer(1, 0)
    box = kdb.DPolygon(kdb.DBox(-0.205, -0.0425, 0.205, 0.0425)).transformed(
        kdb.DCplxTrans(1, 25, False, 0, 0)
    )
    fin.shapes(layer).insert(kdb.Region(box.to_itype(0.001)).merged())
    turn = kdb.DCplxTrans(1, 45, True, 7, -3)
    line = kdb.DVector(0.43, 0), kdb.DVector(0, 0.43), 4, 3
    top.insert(kdb.DCellInstArray(fin.cell_index(), turn, *line))
    layout.write(str(tmp_path / "a.gds"))
    read = read_gds(tmp_path / "a.gds", platform)
    assert read.counts == (4, 3)
    # Half a nanometre over half the length of the fin.
    np.testing.assert_allclose(read["angle"], math.radians(20), atol=0.5e-3 / 0.2)


def shapes_file(path, *polygons, precision=1e-11):
    library = gdstk.Library(precision=precision)
    cell = library.new_cell("TOP")
    for polygon in polygons:
        polygon.layer = 1
        cell.add(polygon)
    library.write_gds(path)
    return path


def rounded_fin(length, width, radius):
    body = shapely.box(-length / 2 + radius, -width / 2 + radius, length / 2 - radius, width / 2 - radius)
    return gdstk.Polygon(list(body.buffer(radius).exterior.coords)[:-1])


OTHERS = {
    "an ellipse": gdstk.ellipse((0, 0), (0.15, 0.05), tolerance=1e-4),
    "a circle": gdstk.ellipse((0, 0), 0.1, tolerance=1e-4),
    "round corners": rounded_fin(0.3, 0.12, 0.04),
    "a triangle": gdstk.Polygon([(0, 0), (0.3, 0), (0, 0.2)]),
    "a trapezoid": gdstk.Polygon([(-0.15, -0.05), (0.15, -0.05), (0.13, 0.05), (-0.13, 0.05)]),
    "an L": gdstk.Polygon([(0, 0), (0.3, 0), (0.3, 0.1), (0.1, 0.1), (0.1, 0.3), (0, 0.3)]),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_what_is_no_fin_is_refused_with_the_area_that_is_left(tmp_path, other):
    path = shapes_file(tmp_path / "a.gds", other.copy())
    with pytest.raises(
        FormatError, match=r"is no rectangle: the nearest \(length .*differ by .* µm², .*% of its"
    ):
        read_gds(path, PLATFORMS["fins"])


@pytest.mark.parametrize(
    "name", ["ellipses", "rings", "crosses", "Ls", "a list", "one shape", "equal circles"]
)
def test_a_fin_is_none_of_the_others(tmp_path, name):
    path = shapes_file(tmp_path / "a.gds", gdstk.rectangle((-0.15, -0.03), (0.15, 0.03)))
    with pytest.raises(FormatError, match=f"is no {PLATFORMS[name].atom.kind}"):
        read_gds(path, PLATFORMS[name])


def test_a_fin_of_other_sides_than_the_fixed_ones_is_refused(tmp_path):
    path = shapes_file(tmp_path / "a.gds", gdstk.rectangle((-0.2, -0.0425), (0.2, 0.0425)))
    with pytest.raises(FormatError, match=r"differ by .*Rectangle\(length=0\.41, width=0\.085"):
        read_gds(path, PLATFORMS["turned fins"])


def test_a_fin_beyond_the_limits_is_refused_with_the_nearest_that_is_not(tmp_path):
    path = shapes_file(tmp_path / "a.gds", gdstk.rectangle((-0.2, -0.05), (0.2, 0.05)))
    with pytest.raises(FormatError, match=r"the nearest \(length 0\.35, .*Rectangle\(length=\(0\.2, 0\.35\)"):
        read_gds(path, PLATFORMS["fins"])


def test_a_file_in_a_wrong_unit_is_refused_with_the_sizes(tmp_path):
    path = shapes_file(tmp_path / "a.gds", gdstk.rectangle((-150, -50), (150, 50)))
    with pytest.raises(FormatError, match="is the unit of the file wrong"):
        read_gds(path, PLATFORMS["fins"])


@pytest.mark.parametrize(
    ("shift", "reason"), [(0.004, r"rectangle at .* is 0\.004 off the"), (0.0, "lie over another")]
)
def test_a_pillar_off_its_site_or_on_another_one_is_refused(tmp_path, shift, reason):
    fins = [gdstk.rectangle((x - 0.15, -0.05), (x + 0.15, 0.05)) for x in (0, 0.45, 0.9, 1.35)]
    fins.append(fins[1].copy().translate(0 if shift == 0 else 1.35, shift))
    with pytest.raises(FormatError, match=reason):
        read_gds(shapes_file(tmp_path / "a.gds", *fins), PLATFORMS["fins"])


def test_a_magnified_cell_of_pillars_with_fixed_sides_is_refused(tmp_path):
    library = gdstk.Library(precision=1e-12)
    fin, top = library.new_cell("FIN"), library.new_cell("TOP")
    fin.add(gdstk.rectangle((-0.205, -0.0425), (0.205, 0.0425), layer=1))
    top.add(gdstk.Reference(fin, magnification=2))
    library.write_gds(tmp_path / "a.gds")
    with pytest.raises(FormatError, match="magnification of 2, and the platform fixes lengths"):
        read_gds(tmp_path / "a.gds", PLATFORMS["turned fins"])


@pytest.mark.cross_check
@pytest.mark.parametrize(
    "atom",
    [
        Rectangle((0.1, 0.35), (0.05, 0.2), TURN),
        Ellipse((0.15, 0.4), (0.08, 0.2), TURN),
        LShape((0.2, 0.3), (0.05, 0.15), (0.0, 2 * math.pi)),
        Ring((0.12, 0.2), (0.02, 0.1)),
        Fixed((((0, 0), (0.2, 0), (0, 0.1)), ((0, 0), (0.2, 0.05), (0, 0.1)))),
    ],
    ids=lambda atom: atom.kind,
)
def test_hundreds_of_random_shapes_are_fitted_without_a_wrong_minimum(tmp_path, atom):
    """... or else one would be refused, or be another shape."""
    platform = mg.Platform(lattice=Lattice.square(0.5), atom=atom)
    layout = some_layout(platform, (15, 15), seed=5, empty=0.0)
    check_close(read_gds(flat_file(tmp_path / "a.gds", layout), platform), layout, 1e-4)


def test_oasis_and_gds_of_one_layout_are_read_alike(tmp_path):
    layout = trimmed(some_layout(PLATFORMS["Ls"], (4, 4)))
    gds = read_gds(flat_file(tmp_path / "a.gds", layout), layout.platform)
    oasis = read_oasis(flat_file(tmp_path / "a.oas", layout), layout.platform)
    np.testing.assert_allclose(gds.values, oasis.values, atol=1e-9)
