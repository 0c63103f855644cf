"""Text files of people and other programs: bounded before they are read, one error for what is wrong."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metagen.base.errors import FormatError, InputError, MetagenError

LONGEST = 4 * 2**20
"""Bytes of a text file that is read; recipes have some thousands, long tables of an index a million."""
STRANGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What Python and libraries raise over contents that nobody thought of."""


def check_ordinary(path: Path) -> int:
    """Refuse what is no ordinary file: reading a pipe or a device might wait, or go on, for ever.

    Returns:
        Its size in bytes.

    Raises:
        InputError: there is no such file, or it is of another kind.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        missing = isinstance(error, FileNotFoundError)
        reason = "no such file" if missing else getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason})") from error
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path}: is a folder; give a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path}: is a pipe or a device; give an ordinary file")
    return found.st_size


def read_text(path: Path, longest: int = LONGEST) -> str:
    """The text of a file (UTF-8).

    Raises:
        InputError: there is no such ordinary file, it cannot be read, or it is longer.
        FormatError: it is no text.
    """
    check_ordinary(path)
    try:
        with path.open("rb") as file:
            found = file.read(longest + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if len(found) > longest:
        raise InputError(
            f"{path}: is longer than {longest / 2**20:.3g} MiB, more than any file of its kind has"
        )
    try:
        return found.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: is no text in UTF-8 ({error.reason} at byte {error.start})") from error


@contextmanager
def one_error(source: str, kind: type[MetagenError] = FormatError) -> Iterator[None]:
    """Turn whatever contents make Python or a library raise into one error of ours; ours pass as they are.

    Args:
        source: what is read, with which the message begins.
        kind: the error that is raised.
    """
    try:
        yield
    except MetagenError:
        raise
    except STRANGE as error:
        if isinstance(error, RecursionError):
            why = "nested too deeply"
        elif isinstance(error, MemoryError):
            why = "takes more memory than there is"
        else:
            why = " ".join(str(error).split()) or type(error).__name__
        raise kind(f"{source}: {why:.300}") from error
