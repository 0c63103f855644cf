"""What files that commands write may be called, and which ones that are there already they may replace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from h5py import is_hdf5

from metagen.base.errors import AccessError, InputError, MetagenError
from metagen.base.files import Schema
from metagen.base.files import check_replaceable as check_schema

Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Replace a file of the same kind that is there and was made of other things."
    ),
]
BEGINNINGS: dict[str, tuple[bytes, ...]] = {
    ".png": (b"\x89PNG",),
    ".pdf": (b"%PDF",),
    ".svg": (b"<?xml", b"<svg"),
    ".html": (b"<!doctype html",),
    ".htm": (b"<!doctype html",),
    ".json": (b"{",),
    ".jpg": (b"\xff\xd8",),
    ".jpeg": (b"\xff\xd8",),
}
"""How files begin whose ending says what they are."""
DRAWN = (b"\x00\x06\x00\x02", b"%SEMI-OASIS")
"""How drawn layouts begin."""


def require_ending(output: Path, *endings: str) -> None:
    """Refuse a name under which the other commands would not know, or would miss, what is in the file.

    Args:
        output: path of the file that is to be written.
        endings: allowed endings, such as ``.h5``.

    Raises:
        InputError: the path has another ending, or is a folder.
    """
    from metagen.fab.formats import drawn_format

    if output.is_dir():
        raise InputError(f"{output}: is a folder; give the name of a file, ending in {endings[0]}")
    if output.suffix.lower() not in endings:
        advice = "; `metagen export` draws layouts" if drawn_format(output) is not None else ""
        raise InputError(f"{output}: the name of this file has to end in {' or '.join(endings)}{advice}")


def require_hdf5(output: Path, schema: Schema) -> None:
    """Refuse, before anything is computed, a name under which no such file can be written.

    Raises:
        InputError: the ending is not .h5, or a file of another kind has this name.
    """
    require_ending(output, ".h5")
    check_schema(output, schema)
    if output.exists() and not is_hdf5(output):
        raise InputError(f"{output}: is there already and of another kind; choose another name")


def require_picture(plot: Path | None) -> None:
    """Refuse, before anything is computed, a name under which no picture can be written.

    Raises:
        InputError: the ending is that of no picture, or a file of another kind has this name.
    """
    if plot is not None:
        from matplotlib.figure import Figure

        known = Figure().canvas.get_supported_filetypes()
        require_ending(plot, *(f".{each}" for each in known))
        may_replace(plot, lambda: True, force=True)


def may_replace(output: Path, same: Callable[[], bool], force: bool, *beginnings: bytes) -> None:
    """Refuse to write over a file that somebody may want to keep.

    Args:
        output: the file that is to be written.
        same: says of a file of the right kind whether it was made of the same things, so that it may go.
        force: whether one that was made of other things may go too.
        beginnings: how a file of the right kind begins; by default as its ending says.

    Raises:
        InputError: there is a file of another kind, or one that was made of other things.
    """
    if not output.exists():
        return
    if not output.is_file():
        raise InputError(f"{output}: is there already, and is no file; choose another name")
    allowed = beginnings or BEGINNINGS.get(output.suffix.lower(), ())
    begin = _beginning(output)
    if begin and allowed and not begin.startswith(allowed):
        raise InputError(f"{output}: is there already and of another kind; choose another name")
    if not (force or _is_same(same)):
        raise InputError(
            f"{output}: is there already, and was made of other things; choose another name, or replace it "
            "with --force"
        )


def is_marked(path: Path, about: str) -> bool:
    """Whether a picture or a page was made of the things that have this hash."""
    return about.encode() in path.read_bytes()


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise AccessError(f"{path}: cannot be read now ({error.strerror}), nor replaced") from error


def _is_same(same: Callable[[], bool]) -> bool:
    try:
        return same()
    except AccessError:
        raise
    except MetagenError:  # of another release, or damaged: nobody knows what it was made of
        return False
