"""Memory that is left on this node: of the machine, and of the job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class MemoryFiles(NamedTuple):
    """What the files of a control group, and the key of its cached files, are called."""

    limit: str
    used: str
    cached: str


V1 = MemoryFiles("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = MemoryFiles("memory.max", "memory.current", "inactive_file")


def memory_here() -> int:
    """Bytes that are free on this node, or what the control groups of a job leave of them."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    groups = Path("/proc/self/cgroup").read_text(encoding="utf-8")
    return min([free, *left_by_groups(groups, Path("/sys/fs/cgroup"))])


def left_by_groups(membership: str, root: Path) -> Iterator[int]:
    """What each control group that a process is in leaves of its limit, the outermost last.

    Args:
        membership: text of /proc/self/cgroup.
        root: where control groups are mounted, in version 2 or (the memory controller) version 1.
    """
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" not in controllers.split(",") and controllers:
            continue
        mount = root / "memory" if controllers else root
        names = V1 if controllers else V2
        inner = mount / path.lstrip("/")
        for group in (inner, *inner.parents[: len(inner.relative_to(mount).parts)]):
            if (group / names.limit).exists() and (limit := _text(group / names.limit)) != "max":
                cached = dict(line.split() for line in _text(group / "memory.stat").splitlines())
                # Files that were read long ago are given up as soon as memory is asked for.
                yield int(limit) - int(_text(group / names.used)) + int(cached.get(names.cached, 0))


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()
