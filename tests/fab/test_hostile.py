"""Layout files that would crash a reader, or ask it for more than any machine has: one error each."""

import os
import signal
import struct
import time
from types import SimpleNamespace

import gdstk
import numpy as np
import pytest

import metagen as mg
from metagen.base import memory
from metagen.base.errors import FormatError, MetagenError
from metagen.fab import apart, device_labels, read_gds, read_oasis
from metagen.fab import found as found_pillars
from metagen.fab.records import check_records

PLATFORM = mg.Platform()
PERIOD = 0.4431


def record(kind, data=b""):
    return struct.pack(">HH", 4 + len(data), kind) + data


def real(value):
    """Eight bytes of a number as GDSII has it: 1/16 ≤ mantissa < 1."""
    exponent = 0
    while value >= 1:
        value, exponent = value / 16, exponent + 1
    while 0 < value < 1 / 16:
        value, exponent = value * 16, exponent - 1
    return struct.pack(">B", 64 + exponent) + round(value * 2**56).to_bytes(7, "big")


def points(*places):
    return record(0x1003, struct.pack(f">{2 * len(places)}i", *(each for place in places for each in place)))


SQUARE = record(0x0800) + record(0x0D02, b"\0\1") + record(0x0E02, b"\0\0")
SQUARE += points((0, 0), (100, 0), (100, 100), (0, 100), (0, 0)) + record(0x1100)


def array(columns, rows, name=b"C\0"):
    corners = points((0, 0), (443 * columns, 0), (0, 443 * rows))
    return record(0x0B00) + record(0x1206, name) + record(0x1302, struct.pack(">HH", columns, rows)) + corners


def gds(path, *cells):
    """A file of cells, each a name and the bytes of its elements."""
    date = bytes(24)
    body = b"".join(
        record(0x0502, date) + record(0x0606, name) + elements + record(0x0700) for name, elements in cells
    )
    begin = record(0x0002, b"\2\x58") + record(0x0102, date) + record(0x0206, b"LI")
    units = record(0x0305, real(1e-3) + real(1e-9))
    path.write_bytes(begin + units + body + record(0x0400))
    return path


def test_a_file_made_by_hand_is_read(tmp_path):
    path = gds(tmp_path / "a.gds", (b"C\0", SQUARE), (b"TO", array(3, 2) + record(0x1100)))
    check_records(path, "a.gds")
    assert len(gdstk.read_gds(path).cells) == 2


@pytest.mark.parametrize(
    ("top", "message"),
    [
        (array(40_000, 1) + record(0x1100), "columns and rows of an array are not between 1 and 32767"),
        (array(1, 0) + record(0x1100), "columns and rows of an array"),
        (array(65_535, 65_535) + record(0x1100), "columns and rows of an array"),
        (array(2, 2), "outside of its cell or element"),
        (record(0x0A00) + points((0, 0)) + record(0x1100), "lacks its points, its name"),
        (record(0x0A00) + record(0x1206, b"C\0") + record(0x1100), "lacks its points, its name"),
        (record(0x0800) + record(0x1100), "lacks its points"),
        (record(0x0C00) + points((0, 0)) + record(0x1100), "lacks its points, its name"),
        (points((0, 0)), "outside of its cell or element"),
        (record(0x0800) + SQUARE, "outside of its cell or element, or in another one"),
        (record(0x0502, bytes(24)), "outside of its cell"),
        (record(0x0800) + record(0x1003, b"1234") + record(0x1100), "lacks its points"),
        (record(0x0800) + record(0x0D02, b"") + record(0x1100), "a record has a wrong length"),
        (b"\0\0\0\0", "a record is cut, or has an impossible length or kind"),
        (b"\xff\xff\x10\x03", "a record is cut"),
        (record(0x7700, b"12"), "a record is cut, or has an impossible length or kind"),
    ],
)
def test_records_that_no_layout_has_are_refused_before_a_library_reads_them(
    tmp_path, top, message, monkeypatch
):
    monkeypatch.setattr(gdstk, "read_gds", lambda *_, **__: pytest.fail("it was read"))
    path = gds(tmp_path / "a.gds", (b"C\0", SQUARE), (b"TO", top))
    for read in (lambda: read_gds(path, PLATFORM), lambda: device_labels(path)):
        with pytest.raises(FormatError, match=rf"a\.gds: damaged, .*byte \d+: .*{message}"):
            read()


def test_every_cut_of_a_file_is_refused_by_its_records(tmp_path):
    whole = gds(tmp_path / "a.gds", (b"C\0", SQUARE), (b"TO", array(3, 2) + record(0x1100))).read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut.gds").write_bytes(whole[:length])
        with pytest.raises(FormatError):
            check_records(tmp_path / "cut.gds", "cut.gds")


def test_a_file_of_many_chunks_is_walked_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr("metagen.fab.records.CHUNK", 64)
    path = gds(tmp_path / "a.gds", (b"C\0", SQUARE * 50), (b"TO", (array(3, 2) + record(0x1100)) * 50))
    check_records(path, "a.gds")
    broken = bytearray(path.read_bytes())
    broken[-40] ^= 1
    path.write_bytes(broken)
    with pytest.raises(FormatError):
        check_records(path, "a.gds")


def nested(levels, columns):
    library = gdstk.Library(precision=1e-12)
    cell = library.new_cell("C0")
    cell.add(gdstk.ellipse((0, 0), 0.1, tolerance=1e-4, layer=1))
    for level in range(levels):
        above = library.new_cell(f"C{level + 1}")
        above.add(gdstk.Reference(cell, (0, 0), columns=columns, rows=columns, spacing=(PERIOD, PERIOD)))
        cell = above
    return library


@pytest.mark.parametrize("ending", [".gds", ".oas"])
def test_arrays_in_arrays_are_counted_before_they_are_made(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    library = nested(4, 1000)
    library.write_gds(path) if ending == ".gds" else library.write_oas(path)
    with pytest.raises(FormatError, match=r"amounts to 1e\+12 pillars, at most 1e\+08 are read"):
        (read_gds if ending == ".gds" else read_oasis)(path, PLATFORM)


@pytest.mark.parametrize("ending", [".gds", ".oas"])
def test_what_this_machine_has_no_memory_for_is_refused_with_both_numbers(tmp_path, ending, monkeypatch):
    monkeypatch.setattr(memory, "memory_here", lambda: 2**28)
    monkeypatch.setattr(apart, "memory_here", lambda: 2**32)
    path = tmp_path / f"a{ending}"
    library = nested(1, 2000)
    library.write_gds(path) if ending == ".gds" else library.write_oas(path)
    with pytest.raises(FormatError, match=r"4e\+06 pillars, which takes 0\.559 GiB .* 0\.25 GiB are free"):
        (read_gds if ending == ".gds" else read_oasis)(path, PLATFORM)


def test_a_chain_of_many_cells_is_read(tmp_path):
    nested(1500, 1).write_gds(tmp_path / "a.gds")
    assert read_gds(tmp_path / "a.gds", PLATFORM).counts == (1, 1)


def test_a_pillar_that_is_on_no_wafer_is_refused(tmp_path):
    library = nested(1, 1)
    (top,) = library.top_level()
    top.add(gdstk.Reference(library.cells[0], (0, 0), magnification=1e30))
    library.cells[0].add(gdstk.ellipse((1, 0), 0.1, tolerance=1e-4, layer=1))
    library.write_gds(tmp_path / "a.gds")
    with pytest.raises(FormatError, match="has no place on any wafer"):
        read_gds(tmp_path / "a.gds", PLATFORM)


def test_more_copies_than_64_bits_hold_are_counted():
    drawn = SimpleNamespace(repetition=SimpleNamespace(columns=2**32, rows=2**32, size=0))
    assert found_pillars.copies(drawn) == 2**64
    assert not found_pillars.is_single(drawn)


def crash(*_, **__):
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(*_, **__):
    time.sleep(60)


def hoard(*_, **__):
    return np.ones(2**40)


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        (crash, "the process that read it ended with status -11"),
        (hang, "did not come to its end in 1 s"),
        (hoard, "takes more memory than there is"),
    ],
)
def test_a_reader_of_oasis_that_crashes_hangs_or_hoards_does_no_harm(tmp_path, reader, message, monkeypatch):
    nested(1, 3).write_oas(tmp_path / "a.oas")
    monkeypatch.setattr(gdstk, "read_oas", reader)
    monkeypatch.setattr(apart, "SECONDS", 1.0)
    with pytest.raises(FormatError, match=rf"a\.oas: .*{message}"):
        read_oasis(tmp_path / "a.oas", PLATFORM)


def test_what_a_reader_says_of_a_damaged_file_is_not_printed(tmp_path, capfd):
    nested(1, 3).write_oas(tmp_path / "a.oas")
    data = bytearray((tmp_path / "a.oas").read_bytes())
    data[60] ^= 0x55
    (tmp_path / "a.oas").write_bytes(data)
    with pytest.raises(MetagenError):
        read_oasis(tmp_path / "a.oas", PLATFORM)
    assert capfd.readouterr() == ("", "")


def test_a_bomb_of_zeros_is_not_unpacked(tmp_path, monkeypatch):
    import gzip

    with gzip.open(tmp_path / "a.gds.gz", "wb") as file:
        file.write(bytes(2**23))
    monkeypatch.setattr("metagen.fab.formats.memory_here", lambda: 2**22)
    with pytest.raises(MetagenError, match=r"a\.gds\.gz: holds more than 0\.00391 GiB when unpacked"):
        read_gds(tmp_path / "a.gds.gz", PLATFORM)
