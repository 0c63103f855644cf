"""The control groups that a process is in: the limits that a job or a container gives it on Linux."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
"""Where control groups are mounted."""


def membership() -> str:
    """The text of /proc/self/cgroup; empty where the system has no control groups."""
    try:
        return Path("/proc/self/cgroup").read_text(encoding="utf-8")
    except OSError:
        return ""


def control_groups(membership: str, root: Path, controller: str) -> Iterator[tuple[Path, int]]:
    """Yield the folder of each control group of a process, the outermost last, and its version (1 or 2).

    Args:
        membership: the text of /proc/self/cgroup.
        root: folder where the control groups are mounted, of version 2 or (each controller) of version 1.
        controller: such as ``memory`` or ``cpu``.
    """
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = root / controller if controllers else root
        inner = mount / path.lstrip("/")
        for group in (inner, *inner.parents[: len(inner.relative_to(mount).parts)]):
            yield group, 1 if controllers else 2
