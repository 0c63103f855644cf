"""How much memory is left on this node, on the machine and within the limits of the job; and what fits."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from metagen.base.control_groups import ROOT, control_groups, membership
from metagen.base.errors import InputError


class MemoryFiles(NamedTuple):
    """Names in a control group: the files of its limit and its use, and the key of its cached files."""

    limit: str
    used: str
    cached: str


SURELY_FITS = 2**27
"""Bytes for which nobody need look up how much memory there is."""
V1 = MemoryFiles("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = MemoryFiles("memory.max", "memory.current", "inactive_file")


def memory_here() -> int:
    """Bytes that this process may still use: what is free on the node, or less if its job has a limit."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    return min([free, *left_by_groups(membership(), ROOT), *_left_by_shell()])


def _left_by_shell() -> Iterator[int]:
    """Yield the bytes that are left under the limit of addresses, where there is one (ulimit -v)."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        pages = int(_text(Path("/proc/self/statm")).split()[0])
        yield max(0, limit - pages * resource.getpagesize())


def check_fits(what: str, needed: float) -> None:
    """Refuse what this machine has no memory for, before it is asked for.

    Args:
        what: what the memory is for, with the number that makes it so much.
        needed: bytes that it takes at least.

    Raises:
        InputError: it does not fit; the message says how much it takes and how much there is.
    """
    if needed > SURELY_FITS and needed > (free := memory_here()):
        raise InputError(
            f"{what} takes {needed / 2**30:.3g} GiB of memory at least, and {free / 2**30:.3g} GiB are free "
            "here; make it smaller, or use a larger machine"
        )


def left_by_groups(groups: str, root: Path) -> Iterator[int]:
    """Yield the bytes that are left under the limit of each control group of a process, the outermost last.

    Args:
        groups: the text of /proc/self/cgroup.
        root: folder where the control groups are mounted, of version 2 or (memory controller) of version 1.
    """
    for group, version in control_groups(groups, root, "memory"):
        names = V1 if version == 1 else V2
        if (group / names.limit).exists() and (limit := _text(group / names.limit)) != "max":
            cached = dict(line.split() for line in _text(group / "memory.stat").splitlines())
            # Files that were read long ago are given up as soon as memory is asked for.
            yield int(limit) - int(_text(group / names.used)) + int(cached.get(names.cached, 0))


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()
