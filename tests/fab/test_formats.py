"""Which files are drawn layouts, compressed or not, and what is written under which name."""

import gzip

import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import FormatError, InputError
from metagen.device.layout import random_layout
from metagen.fab import Chip, DeviceArray, device_labels, load_device, write_chip, write_gds, write_oasis
from metagen.fab.formats import DRAWN_ENDINGS, DrawnFormat, drawn_format, drawn_name
from metagen.provenance.passport import passport

PLATFORM = mg.Platform()
LAYOUT = random_layout(PLATFORM, 5, seed=1)
WRITERS = {DrawnFormat.GDS: write_gds, DrawnFormat.OASIS: write_oasis}
ENDINGS = [*DRAWN_ENDINGS, ".GDS", ".Oas", ".GDS.GZ"]


def drawn(path):
    """Our layout under any name, compressed where the name says so."""
    plain = path.with_name("plain")
    WRITERS[drawn_format(path)](LAYOUT, plain)
    data = plain.read_bytes()
    plain.unlink()
    path.write_bytes(gzip.compress(data) if path.suffix.lower() == ".gz" else data)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_drawn_layout_is_read_under_all_its_usual_endings(tmp_path, ending):
    path = drawn(tmp_path / f"lens.v2{ending}")
    assert drawn_name(path) == "lens.v2"
    assert load_device(path, PLATFORM).provenance["layout_hash"] == LAYOUT.hash
    (label,) = device_labels(path).values()
    assert label.hash == LAYOUT.hash


@pytest.mark.parametrize("name", ["lens.h5", "lens.dxf", "lens", "lens.gz", "lens.h5.gz", ".gds"])
def test_other_files_are_no_drawn_layouts(name):
    assert drawn_format(name) is None


def test_a_passport_finds_a_compressed_drawn_layout(tmp_path):
    path = drawn(tmp_path / "lens.gds.gz")
    LAYOUT.save(tmp_path / "lens.h5")
    found = passport(path)
    assert found.is_complete
    assert "lens.gds.gz: layout file" in str(found)
    assert "lens.h5: device" in str(found)


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: data[:30] + bytes(30) + data[60:]])
def test_a_damaged_compressed_file_is_refused(tmp_path, damage):
    path = drawn(tmp_path / "lens.gds.gz")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FormatError, match=r"lens\.gds\.gz: damaged"):
        load_device(path, PLATFORM)


def test_a_file_of_no_known_kind_is_refused_with_the_kinds_that_are(tmp_path):
    (tmp_path / "lens.dxf").write_text("0 SECTION")
    with pytest.raises(FormatError, match=r"not an HDF5 file.*Drawn layouts end in \.gds"):
        load_device(tmp_path / "lens.dxf", PLATFORM)


@pytest.mark.parametrize("write", [write_gds, write_oasis])
def test_nothing_plain_is_written_under_the_name_of_a_compressed_file(tmp_path, write):
    with pytest.raises(InputError, match=r"write lens\.gds, and compress it"):
        write(LAYOUT, tmp_path / "lens.gds.gz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["chip.GDS", "chip.oasis"])
def test_a_chip_is_written_in_the_format_of_its_ending(tmp_path, name):
    LAYOUT.save(tmp_path / "lens.h5")
    chip = Chip(width=100.0, height=100.0, device=(DeviceArray(name="LENS", layout=tmp_path / "lens.h5"),))
    write_chip(chip, tmp_path / name)
    read = load_device(tmp_path / name, PLATFORM, cell="LENS")
    np.testing.assert_allclose(read.radii, LAYOUT.radii, atol=5e-4 + 1e-9)  # half a step of 1 nm
    with pytest.raises(InputError, match="allowed are"):
        write_chip(chip, tmp_path / "chip.dxf")
