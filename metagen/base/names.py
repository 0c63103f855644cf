"""Names of devices: what one may be, how it stands in the name of a file, and how any text is printed."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from metagen.base.arguments import brief
from metagen.base.errors import InputError

LONGEST = 160
"""Bytes of a name in UTF-8: with the light, a hash and the endings of temporary files a file name stays under
the 255 that file systems allow."""
SHORTENED = 100
"""Characters that are kept of a text from which a name is made."""
KEPT = frozenset("._-+=,()@#~% ")
"""Characters, besides letters and digits, that have no meaning in paths and patterns of files."""


def check_name(name: str) -> str:
    """Refuse what is no name; returns it.

    A name is a text of 1 to 160 bytes of printable characters, with no slash and no backslash, that is not
    blank and does not begin with a dot: it is never a path, nor a hidden file.

    Raises:
        InputError: it is another text, or no text.
    """
    if not isinstance(name, str):
        raise InputError(f"name is {brief(name)}; it must be a text")
    size = len(name.encode("utf-8", "replace"))
    why = ""
    if not name or size > LONGEST:
        why = f"it has {size} bytes, and must have 1 to {LONGEST}"
    elif not name.isprintable() or "/" in name or "\\" in name:
        why = "it is no path: it must have printable characters only, and neither / nor \\"
    elif not name.strip() or name.startswith("."):
        why = "it must not be blank, nor begin with a dot"
    if why:
        raise InputError(f"name is {brief(name)}; {why}")
    return name


Name = Annotated[str, AfterValidator(check_name)]
"""The type of a name in settings and in files."""


def name_from(text: str) -> str:
    """A name made of another text, such as that of a file: cut, and with "_" for what no name may have."""
    allowed = (each if each.isprintable() and each not in "/\\" else "_" for each in text)
    return "".join(allowed)[:SHORTENED].strip(" .").encode()[:LONGEST].decode(errors="ignore") or "unnamed"


def in_file_name(name: str) -> str:
    """A name as a part of the name of a file: "_" for what has a meaning in paths, patterns and shells."""
    kept = "".join(each if each.isalnum() or each in KEPT else "_" for each in name)
    return f"_{kept[1:]}" if kept.startswith(".") else kept


def printable(text: str) -> str:
    """A text for the terminal: line breaks stay, other control characters are written as in Python."""
    return "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape", "replace").decode()
        for each in text
    )
