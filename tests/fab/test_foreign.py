"""Layout files of other programs: read if they hold circles on a lattice, refused with a reason if not."""

import gdstk
import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import FormatError, InputError, MetagenError, MismatchError
from metagen.device.layout import cell_centres, random_layout
from metagen.fab import device_labels, load_device, read_gds, read_oasis, write_gds, write_oasis

PERIOD = 0.4431
PLATFORM = mg.Platform()
INSCRIBED = 2e-4
"""gdstk inscribes its polygons: a sagitta of 0.1 nm, or 0.16 nm where a circle is magnified, makes the circle
of equal area smaller by up to two thirds of that; half as much again is left for rounded vertices."""


def radii_of(count, seed=5):
    radii = np.random.default_rng(seed).uniform(0.06, 0.16, (count, count))
    radii[1, 2] = 0.0
    return radii


def save(library, tmp_path):
    library.write_gds(tmp_path / "foreign.gds")
    return tmp_path / "foreign.gds"


def flat_file(tmp_path, radii, period=PERIOD, centre=(0.0, 0.0), tolerance=1e-4, precision=1e-11, scale=1.0):
    """Plain gdstk: one polygon per pillar in one cell."""
    library = gdstk.Library(unit=1e-6, precision=precision)
    cell = library.new_cell("LENS")
    x = cell_centres(len(radii), period)
    for i, j in zip(*np.nonzero(radii), strict=True):
        at = (scale * (x[i] + centre[0]), scale * (x[j] + centre[1]))
        cell.add(gdstk.ellipse(at, scale * radii[i, j], tolerance=scale * tolerance, layer=1))
    return save(library, tmp_path)


def test_flat_polygons_anywhere_in_the_plane_are_read(tmp_path):
    radii = radii_of(6)
    path = flat_file(tmp_path, radii, centre=(12.0, -7.5))
    np.testing.assert_allclose(read_gds(path, PLATFORM).radii, radii, atol=INSCRIBED)


@pytest.mark.parametrize(("columns", "rows"), [(4, 3), (3, 4), (4, 2), (2, 1)])
def test_a_device_of_other_width_than_height_is_on_the_lattice(columns, rows, tmp_path):
    radii = np.zeros((max(columns, rows), max(columns, rows)))
    radii[:columns, :rows] = np.random.default_rng(5).uniform(0.06, 0.16, (columns, rows))
    read = read_gds(flat_file(tmp_path, radii), PLATFORM).radii
    assert read.shape == radii.shape
    filled = read[np.ix_(read.any(axis=1), read.any(axis=0))]
    np.testing.assert_allclose(filled, radii[:columns, :rows], atol=INSCRIBED)


def test_coarse_polygons_are_read_by_their_area(tmp_path):
    radii = np.full((3, 3), 0.15)
    path = flat_file(tmp_path, radii, tolerance=0.01)
    polygon = gdstk.read_gds(path).cells[0].polygons[0]
    assert polygon.size < 12
    expected = np.sqrt(polygon.area() / np.pi)
    assert expected < 0.146
    np.testing.assert_allclose(read_gds(path, PLATFORM).radii, expected, rtol=1e-4)


def test_a_file_on_a_grid_of_one_nanometre_is_read_to_that_grid(tmp_path):
    """Vertices are off by up to half a nanometre each, the circle of equal area by less."""
    radii = radii_of(7)
    path = flat_file(tmp_path, radii, precision=1e-9)
    np.testing.assert_allclose(read_gds(path, PLATFORM).radii, radii, atol=5e-4)


def test_cells_with_magnification_rotation_and_reflection_are_read(tmp_path):
    """The parent is reflected and turned by 90°: z → i·conj(z); the child's circle is off its origin."""
    radii = radii_of(5)
    library = gdstk.Library(precision=1e-12)
    unit_circle, parent, top = (library.new_cell(name) for name in ("UNIT", "PARENT", "TOP"))
    unit_circle.add(gdstk.ellipse((0.01, 0.02), 0.1, tolerance=1e-4, layer=1))
    x = cell_centres(5, PERIOD)
    for i, j in zip(*np.nonzero(radii), strict=True):
        scale = radii[i, j] / 0.1
        at = complex(x[j], x[i]) - (0.01 + 0.02j) * scale
        parent.add(gdstk.Reference(unit_circle, at, magnification=scale))
    top.add(gdstk.Reference(parent, (3, 4), rotation=np.pi / 2, x_reflection=True))
    read = read_gds(save(library, tmp_path), PLATFORM)
    np.testing.assert_allclose(read.radii, radii, atol=INSCRIBED)


def test_arrays_of_a_cell_are_read(tmp_path):
    library = gdstk.Library(precision=1e-12)
    cell, top = library.new_cell("C"), library.new_cell("TOP")
    cell.add(gdstk.ellipse((0, 0), 0.12, tolerance=1e-4, layer=1))
    top.add(gdstk.Reference(cell, (5, 5), columns=4, rows=4, spacing=(PERIOD, PERIOD)))
    np.testing.assert_allclose(
        read_gds(save(library, tmp_path), PLATFORM).radii, np.full((4, 4), 0.12), atol=INSCRIBED
    )


def test_another_layer_is_read_where_asked_for(tmp_path):
    path = flat_file(tmp_path, radii_of(4))
    library = gdstk.read_gds(path)
    library.remap({(1, 0): (7, 3)})
    library.write_gds(path)
    assert read_gds(path, PLATFORM, layer=(7, 3)).count == 4
    with pytest.raises(FormatError, match=r"no circle on the pillar layer 1/0; .* on 7/3.*--layer"):
        read_gds(path, PLATFORM)
    assert load_device(path, PLATFORM, layer=(7, 3)).count == 4


def test_repeated_polygons_are_read(tmp_path):
    library = gdstk.Library(precision=1e-12)
    circle = gdstk.ellipse((0, 0), 0.1, tolerance=1e-4, layer=1)
    circle.repetition = gdstk.Repetition(columns=3, rows=3, spacing=(PERIOD, PERIOD))
    library.new_cell("TOP").add(circle)
    np.testing.assert_allclose(
        read_gds(save(library, tmp_path), PLATFORM).radii, np.full((3, 3), 0.1), atol=INSCRIBED
    )


@pytest.mark.parametrize(("scale", "power"), [(1e3, r"1e\+3"), (1e-1, "1e-1")])
def test_a_file_in_a_wrong_unit_is_refused_with_the_factor(tmp_path, scale, power):
    path = flat_file(tmp_path, radii_of(5), scale=scale)
    with pytest.raises(FormatError, match=f"{power} times the period.*unit"):
        read_gds(path, PLATFORM)


def test_a_file_in_nanometres_that_says_so_is_read(tmp_path):
    radii = radii_of(4)
    library = gdstk.Library(unit=1e-9, precision=1e-12)
    x = cell_centres(4, PERIOD)
    cell = library.new_cell("TOP")
    for i, j in zip(*np.nonzero(radii), strict=True):
        cell.add(gdstk.ellipse((x[i] * 1e3, x[j] * 1e3), radii[i, j] * 1e3, tolerance=0.1, layer=1))
    np.testing.assert_allclose(read_gds(save(library, tmp_path), PLATFORM).radii, radii, atol=INSCRIBED)


def test_another_period_is_refused_with_the_spacing_found(tmp_path):
    path = flat_file(tmp_path, radii_of(9), period=0.5)
    with pytest.raises(FormatError, match=r"off the square lattice.*0\.5 apart"):
        read_gds(path, PLATFORM)


def test_a_shifted_circle_is_refused_with_its_position(tmp_path):
    path = flat_file(tmp_path, radii_of(5))
    library = gdstk.read_gds(path)
    library.cells[0].polygons[7].translate(0.004, 0)
    library.write_gds(path)
    with pytest.raises(FormatError, match=r"0\.004 off the square lattice"):
        read_gds(path, PLATFORM)


def test_two_pillars_on_one_site_are_refused(tmp_path):
    path = flat_file(tmp_path, radii_of(5))
    library = gdstk.read_gds(path)
    library.cells[0].add(library.cells[0].polygons[3].copy())
    library.write_gds(path)
    with pytest.raises(FormatError, match="1 pillars lie over another"):
        read_gds(path, PLATFORM)


def test_pillars_that_overlap_their_neighbours_are_refused(tmp_path):
    path = flat_file(tmp_path, np.full((3, 3), 0.25))
    with pytest.raises(FormatError, match="neighbours would overlap"):
        read_gds(path, PLATFORM)


@pytest.mark.parametrize(
    "shape",
    [
        gdstk.rectangle((-0.1, -0.1), (0.1, 0.1), layer=1),
        gdstk.ellipse((0, 0), (0.1, 0.13), tolerance=1e-4, layer=1),
        gdstk.ellipse((0, 0), 0.1, initial_angle=0, final_angle=5, tolerance=1e-4, layer=1),
        gdstk.ellipse((0, 0), 0.1, inner_radius=0.05, tolerance=1e-4, layer=1),
    ],
    ids=["square", "ellipse", "slice", "ring"],
)
def test_a_shape_that_is_no_circle_is_refused(tmp_path, shape):
    library = gdstk.Library(precision=1e-11)
    library.new_cell("TOP").add(shape)
    with pytest.raises(FormatError, match="no circle"):
        read_gds(save(library, tmp_path), PLATFORM)


def test_cells_that_place_each_other_are_refused(tmp_path):
    library = gdstk.Library()
    one, two, top = (library.new_cell(name) for name in ("ONE", "TWO", "TOP"))
    one.add(gdstk.Reference(two))
    two.add(gdstk.Reference(one))
    top.add(gdstk.Reference(one))
    with pytest.raises(FormatError, match="ONE → TWO → ONE"):
        read_gds(save(library, tmp_path), PLATFORM)


def test_a_file_of_nothing_but_a_cycle_is_refused(tmp_path):
    library = gdstk.Library()
    one = library.new_cell("ONE")
    one.add(gdstk.Reference(one))
    with pytest.raises(FormatError, match="ONE → ONE"):
        read_gds(save(library, tmp_path), PLATFORM)


def test_a_cell_that_is_not_in_the_file_is_refused(tmp_path):
    library = gdstk.Library()
    library.new_cell("TOP").add(gdstk.Reference("GONE"))
    with pytest.raises(FormatError, match=r"GONE.*not in the file"):
        read_gds(save(library, tmp_path), PLATFORM)


def test_several_top_cells_need_a_choice(tmp_path):
    library = gdstk.Library(precision=1e-12)
    for name, radius in (("A", 0.1), ("B", 0.12)):
        library.new_cell(name).add(gdstk.ellipse((0, 0), radius, tolerance=1e-4, layer=1))
    path = save(library, tmp_path)
    with pytest.raises(InputError, match="A, B"):
        read_gds(path, PLATFORM)
    assert read_gds(path, PLATFORM, cell="B").radii[0, 0] == pytest.approx(0.12, abs=INSCRIBED)
    with pytest.raises(InputError, match="no cell 'C'"):
        read_gds(path, PLATFORM, cell="C")


def test_a_few_scattered_circles_are_no_device(tmp_path):
    radii = np.zeros((50, 50))
    radii[0, 0] = radii[-1, -1] = 0.1
    with pytest.raises(FormatError, match="no single device"):
        read_gds(flat_file(tmp_path, radii), PLATFORM)


@pytest.mark.parametrize(
    ("write", "read"), [(write_gds, read_gds), (write_oasis, read_oasis)], ids=["gds", "oasis"]
)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_file_cut_short_is_refused(tmp_path, write, read, share):
    path = tmp_path / "device"
    write(random_layout(PLATFORM, 6, seed=0), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(FormatError, match="damaged, incomplete"):
        read(path, PLATFORM)


def test_a_changed_byte_of_an_oasis_file_is_noticed(tmp_path):
    path = tmp_path / "device.oas"
    write_oasis(random_layout(PLATFORM, 6, seed=0), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="checksum"):
        read_oasis(path, PLATFORM)


@pytest.mark.parametrize(("write", "read"), [(write_gds, read_oasis), (write_oasis, read_gds)])
def test_the_other_format_is_refused(tmp_path, write, read):
    write(random_layout(PLATFORM, 4, seed=0), tmp_path / "device")
    with pytest.raises(FormatError, match="another format"):
        read(tmp_path / "device", PLATFORM)


def test_an_empty_file_and_a_missing_one_are_refused(tmp_path):
    path = tmp_path / "empty.gds"
    path.touch()
    with pytest.raises(FormatError):
        read_gds(path, PLATFORM)
    with pytest.raises(InputError, match="no such file"):
        read_gds(tmp_path / "none.gds", PLATFORM)
    gdstk.Library().write_gds(path)
    with pytest.raises(FormatError, match="empty"):
        read_gds(path, PLATFORM)


def test_a_file_of_another_platform_is_refused(tmp_path):
    path = tmp_path / "device.gds"
    write_gds(random_layout(PLATFORM, 4, seed=0), path)
    with pytest.raises(MismatchError, match=r"0\.4431"):
        read_gds(path, mg.Platform(period=0.5))


@pytest.mark.parametrize("suffix", ["gds", "oas"])
def test_an_array_that_no_memory_would_hold_is_refused_before_it_is_made(tmp_path, suffix):
    library = gdstk.Library(precision=1e-12)
    post, row, top = (library.new_cell(name) for name in ("POST", "ROW", "TOP"))
    post.add(gdstk.ellipse((0, 0), 0.1, tolerance=1e-4, layer=1))
    row.add(gdstk.Reference(post, columns=30000, rows=1, spacing=(PERIOD, PERIOD)))
    top.add(gdstk.Reference(row, columns=1, rows=30000, spacing=(PERIOD, PERIOD)))
    path = tmp_path / f"a.{suffix}"
    (library.write_gds if suffix == "gds" else library.write_oas)(path)
    with pytest.raises(FormatError, match=r"cell 'TOP' amounts to 9e\+08 pillars, at most 1e\+08"):
        load_device(path, PLATFORM)


def test_an_array_of_a_cell_without_pillars_costs_nothing(tmp_path):
    """Fill of another layer beside the device: 9e8 positions would take 14 GB."""
    library = gdstk.Library(precision=1e-12)
    post, fill, top = (library.new_cell(name) for name in ("POST", "FILL", "TOP"))
    post.add(gdstk.ellipse((0, 0), 0.1, tolerance=1e-4, layer=1))
    fill.add(gdstk.rectangle((0, 0), (0.1, 0.1), layer=9))
    top.add(gdstk.Reference(post, columns=3, rows=3, spacing=(PERIOD, PERIOD)))
    top.add(gdstk.Reference(fill, columns=30000, rows=30000, spacing=(PERIOD, PERIOD)))
    assert read_gds(save(library, tmp_path), PLATFORM).count == 3


def test_cells_may_be_nested_deeper_than_python_calls(tmp_path):
    library = gdstk.Library(precision=1e-12)
    cell = library.new_cell("C0")
    cell.add(gdstk.ellipse((0, 0), 0.1, tolerance=1e-4, layer=1))
    for depth in range(1, 1500):
        parent = library.new_cell(f"C{depth}")
        parent.add(gdstk.Reference(cell))
        cell = parent
    assert read_gds(save(library, tmp_path), PLATFORM).count == 1


@pytest.mark.parametrize("magnification", [0.0, -1.0, float("nan")])
def test_a_magnification_that_leaves_no_circle_is_refused(tmp_path, magnification):
    library = gdstk.Library(precision=1e-12)
    post, top = library.new_cell("POST"), library.new_cell("TOP")
    post.add(gdstk.ellipse((0, 0), 0.1, tolerance=1e-4, layer=1))
    top.add(gdstk.Reference(post, magnification=magnification))
    with pytest.raises(FormatError, match=r"'TOP' places 'POST' with a magnification of"):
        read_gds(save(library, tmp_path), PLATFORM)


@pytest.mark.parametrize("text", ["{", "{}", '{"count": 0}'])
def test_a_damaged_device_label_is_refused(tmp_path, text):
    path = flat_file(tmp_path, radii_of(4))
    library = gdstk.read_gds(path)
    library.cells[0].add(gdstk.Label(f"metagen-device-1 {text}", (0, 0)))
    library.write_gds(path)
    with pytest.raises(FormatError, match="device label is damaged"):
        read_gds(path, PLATFORM)


def in_latin_1(path, text):
    """Replace a letter of a text by one that is no UTF-8."""
    data = path.read_bytes()
    assert text in data
    path.write_bytes(data.replace(text, text.replace(b"u", b"\xb5")))
    return path


def test_a_text_in_another_encoding_is_no_obstacle(tmp_path):
    library = gdstk.read_gds(flat_file(tmp_path, radii_of(4)))
    library.cells[0].add(gdstk.Label("period 0.4431 um", (0, 0)))
    path = in_latin_1(save(library, tmp_path), b"0.4431 um")
    assert read_gds(path, PLATFORM).count == 4
    assert device_labels(path) == {}


def test_a_cell_name_in_another_encoding_is_refused(tmp_path):
    library = gdstk.Library(precision=1e-12)
    library.new_cell("LENS_50um").add(gdstk.ellipse((0, 0), 0.1, tolerance=1e-4, layer=1))
    path = in_latin_1(save(library, tmp_path), b"50um")
    for read in (lambda: read_gds(path, PLATFORM), lambda: device_labels(path)):
        with pytest.raises(FormatError, match=r"name of a cell is not written in UTF-8"):
            read()


def test_every_refusal_can_be_caught_as_one_kind_of_error():
    assert all(issubclass(kind, MetagenError) for kind in (FormatError, InputError, MismatchError))
