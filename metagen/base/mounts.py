"""How far the locks of a file system reach, as its mount options say it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

TABLE = Path("/proc/self/mounts")
NODE_LOCAL = {
    "nfs": ("nolock", "local_lock=all", "local_lock=flock"),
    "nfs4": ("nolock", "local_lock=all", "local_lock=flock"),
    "lustre": ("localflock",),
}
"""Options with which a lock (``flock``) keeps out processes of the same node only."""


def node_local_locks(folder: Path, table: Path = TABLE) -> str | None:
    """Why locks in a folder end at this node, such as ``nfs, nolock``; None where nothing says so.

    Args:
        folder: the folder; it need not be there yet.
        table: the table of mounts.
    """
    place = Path(os.path.realpath(folder))
    found = [mount for mount in _mounts(table) if mount[0] == place or mount[0] in place.parents]
    if not found:
        return None
    _, kind, options = max(found, key=lambda mount: len(mount[0].parts))
    chosen = [option for option in NODE_LOCAL.get(kind, ()) if option in options]
    return f"{kind}, {chosen[0]}" if chosen else None


def _mounts(table: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """Where each file system is mounted, its kind and options; the one that was mounted last comes first."""
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:  # not Linux
        return
    for line in reversed(lines):
        _, place, kind, options, *_ = line.split(" ")
        yield Path(place.replace("\\040", " ")), kind, options.split(",")
