"""Which names files that commands write may have."""

from __future__ import annotations

from pathlib import Path

from metagen.base.errors import InputError


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
