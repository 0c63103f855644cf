"""Arrays of devices on a chip, from a TOML file to a layout file and back."""

import klayout.db as kdb
import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import InputError
from metagen.device.layout import random_layout
from metagen.fab import Chip, read_gds, read_oasis, write_chip

PLATFORM = mg.Platform()
TEXT = """
width = 300.0
height = 200.0

[[device]]
name = "SMALL"
layout = "small.h5"
at = [-80.0, 0.0]
columns = 2
rows = 3
pitch = [50.0, 60.0]
text = "S"

[[device]]
name = "LARGE"
layout = "large.h5"
at = [80.0, 10.0]
bias = 0.005
"""


@pytest.fixture
def layouts(tmp_path):
    made = {"small": random_layout(PLATFORM, 8, seed=1), "large": random_layout(PLATFORM, 15, seed=2)}
    for name, layout in made.items():
        layout.save(tmp_path / f"{name}.h5")
    return made


def load(tmp_path, text=TEXT):
    (tmp_path / "chip.toml").write_text(text)
    return Chip.load(tmp_path / "chip.toml")


@pytest.mark.cross_check
@pytest.mark.parametrize(("suffix", "read"), [(".gds", read_gds), (".oas", read_oasis)])
def test_every_copy_is_where_the_chip_file_puts_it_and_reads_back(tmp_path, layouts, suffix, read):
    path = tmp_path / f"chip{suffix}"
    report = write_chip(load(tmp_path), path)
    assert report.pillars == 6 * 64 + 225
    found = kdb.Layout()
    found.read(str(path))
    assert found.top_cell().name == "CHIP"
    pillars = kdb.Region(found.top_cell().begin_shapes_rec(found.find_layer(1, 0)))
    assert pillars.count() == report.pillars
    boxes = kdb.Region(found.top_cell().begin_shapes_rec(found.find_layer(10, 0)))
    centres = {(box.bbox().center().x * found.dbu, box.bbox().center().y * found.dbu) for box in boxes.each()}
    expected = {(x, y) for x in (-105.0, -55.0) for y in (-60.0, 0.0, 60.0)} | {(80.0, 10.0), (0.0, 0.0)}
    assert {tuple(np.round(centre, 4)) for centre in centres} == expected
    for name, layout in layouts.items():
        again = read(path, PLATFORM, cell=name.upper())
        # Half a step of the grid of 1 nm.
        np.testing.assert_allclose(again.radii, layout.radii, rtol=0, atol=0.5e-3 + 1e-9)
        assert again.provenance["layout_hash"] == layout.hash


@pytest.mark.cross_check
def test_the_bias_of_one_device_leaves_the_others_alone(tmp_path, layouts):
    path = tmp_path / "chip.gds"
    write_chip(load(tmp_path), path)
    found = kdb.Layout()
    found.read(str(path))
    for name, bias in (("small", 0.0), ("large", 0.005)):
        pillars = kdb.Region(found.cell(name.upper()).begin_shapes_rec(found.find_layer(1, 0)))
        drawn = np.sort([np.sqrt(polygon.area() / np.pi) * found.dbu for polygon in pillars.each()])
        # Half a step of the grid of 1 nm, and the rounding of vertices to 0.01 nm.
        np.testing.assert_allclose(drawn, np.sort(layouts[name].radii.ravel()) + bias, atol=0.5e-3 + 1e-5)


def test_reading_a_chip_asks_which_device(tmp_path, layouts):
    write_chip(load(tmp_path), tmp_path / "chip.gds")
    with pytest.raises(InputError, match="LARGE, SMALL"):
        read_gds(tmp_path / "chip.gds", PLATFORM)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("at = [80.0, 10.0]", "at = [145.0, 10.0]", "LARGE.*the chip ends at"),
        ("at = [80.0, 10.0]", "at = [-70.0, 10.0]", "LARGE.*overlaps a copy of 'SMALL'"),
        ("pitch = [50.0, 60.0]", "pitch = [20.0, 60.0]", "SMALL.*overlaps a copy of 'SMALL'"),
        ('name = "LARGE"', 'name = "SMALL"', "each must differ"),
        ('name = "LARGE"', 'name = "CHIP"', "each must differ"),
        ('name = "LARGE"', 'name = "no spaces"', "name"),
        ("columns = 2", "colums = 2", "colums"),
        ("columns = 2", "columns = 0", "columns"),
        ("small.h5", "absent.h5", "absent.h5: no such file"),
    ],
)
def test_a_chip_that_cannot_be_is_refused_and_nothing_is_written(tmp_path, layouts, old, new, reason):
    with pytest.raises(InputError, match=reason):
        write_chip(load(tmp_path, TEXT.replace(old, new)), tmp_path / "chip.gds")
    assert not list(tmp_path.glob("*.gds*"))


def test_an_unknown_suffix_is_refused(tmp_path, layouts):
    with pytest.raises(InputError, match=r"allowed are \.gds, .*\.oas"):
        write_chip(load(tmp_path), tmp_path / "chip.dxf")
