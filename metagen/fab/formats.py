"""Which files are drawn layouts (GDSII, OASIS), by their endings, and how compressed ones are unpacked."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO

from metagen.base.errors import InputError
from metagen.base.memory import memory_here

GZIP_ENDING, GZIP_MAGIC = ".gz", b"\x1f\x8b"
PART = 1 << 20
"""Bytes that are unpacked at once."""


class DrawnFormat(StrEnum):
    """Formats of drawn layouts."""

    GDS = "GDSII"
    OASIS = "OASIS"


PLAIN_ENDINGS = {
    ".gds": DrawnFormat.GDS,
    ".gds2": DrawnFormat.GDS,
    ".gdsii": DrawnFormat.GDS,
    ".oas": DrawnFormat.OASIS,
    ".oasis": DrawnFormat.OASIS,
}
DRAWN_ENDINGS = (*PLAIN_ENDINGS, *(ending + GZIP_ENDING for ending in PLAIN_ENDINGS))
"""Endings of all files that are read as drawn layouts, in small letters; capitals mean the same."""


def drawn_format(path: str | Path) -> DrawnFormat | None:
    """Say which format a drawn layout has, compressed or not; None if the ending is not that of one."""
    return PLAIN_ENDINGS.get(_uncompressed(Path(path)).suffix.lower())


def drawn_name(path: str | Path) -> str:
    """Return the name of a drawn layout's file without its ending."""
    return _uncompressed(Path(path)).stem


def _uncompressed(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() == GZIP_ENDING else path


def format_to_write(path: Path) -> DrawnFormat:
    """Say in which format to write a drawn layout.

    Raises:
        InputError: the ending is not that of a drawn layout, or that of a compressed one.
    """
    refuse_compressed(path)
    found = drawn_format(path)
    if found is None:
        raise InputError(f"{path}: the ending says what to write; allowed are {', '.join(PLAIN_ENDINGS)}")
    return found


def refuse_compressed(path: Path) -> None:
    """Raise InputError for the ending of a compressed file: only plain ones are written."""
    if path.suffix.lower() == GZIP_ENDING:
        raise InputError(
            f"{path}: layouts are drawn without compression; write {path.stem}, and compress it with gzip"
        )


def _copy(packed: gzip.GzipFile, plain: IO[bytes], path: Path) -> None:
    """Unpack bit by bit, for as long as what comes out would fit into memory."""
    free, size = memory_here(), 0
    while part := packed.read(PART):
        size += len(part)
        if size > free:
            raise InputError(
                f"{path}: holds more than {free / 2**30:.3g} GiB when unpacked, all the memory that is free "
                "here; it may not be what it seems"
            )
        plain.write(part)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yield the file itself or, if it is compressed by gzip, a temporary file of its contents.

    Raises:
        OSError, EOFError, zlib.error: the compressed file is damaged or incomplete.
        InputError: its contents are larger than the free memory.
    """
    with path.open("rb") as file:
        is_compressed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    if not is_compressed:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / drawn_name(path)
        with gzip.open(path) as packed, plain.open("wb") as file:
            _copy(packed, file, path)
        yield plain
