"""Whether a layout file was written to its end: the writers say nothing when a disk is full."""

from __future__ import annotations

from pathlib import Path

import gdstk

GDS_END = b"\x00\x04\x04\x00"
"""The record ENDLIB."""
OASIS_MAGIC = b"%SEMI-OASIS\r\n"
OASIS_END_BYTES, OASIS_END_RECORD = 256, 2
"""An OASIS file ends with a record of this length and kind."""


def is_whole(path: Path, cells: int) -> bool:
    """Return whether a GDSII or OASIS file of ours, of so many cells, was written to its last byte."""
    with path.open("rb") as file:
        magic = file.read(len(OASIS_MAGIC))
        file.seek(max(0, file.seek(0, 2) - len(GDS_END)))
        end = file.read()
    try:
        if magic == OASIS_MAGIC:
            check_oasis(path)
            return True
        return end == GDS_END and len(gdstk.gds_info(path)["cell_names"]) == cells
    except (OSError, RuntimeError, MemoryError):  # what a broken chain of records makes of gdstk
        return False


def check_oasis(path: Path) -> None:
    """Check the beginning, the end and the checksum of an OASIS file; gdstk itself reads one that is cut.

    Raises:
        OSError: the file is not OASIS, or not complete.
    """
    with path.open("rb") as file:
        magic = file.read(len(OASIS_MAGIC))
        size = file.seek(0, 2)
        file.seek(max(0, size - OASIS_END_BYTES))
        end = file.read(1)
    if magic != OASIS_MAGIC:
        raise OSError("it does not begin as an OASIS file does")
    if end != bytes([OASIS_END_RECORD]) or gdstk.oas_validate(path)[0] is False:
        raise OSError("its end or its checksum is wrong")
