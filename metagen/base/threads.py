"""How many threads a task computes on: as many as find a free core now, and as it is worth."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from metagen.base.control_groups import ROOT, control_groups, membership
from metagen.base.parallel import ranks_beside

STATISTICS = Path("/proc/stat")
USER, NICE, SYSTEM, IRQ, SOFTIRQ, STEAL = 0, 1, 2, 5, 6, 7
"""Columns of a line ``cpu0 …`` there."""
INTERVAL_S = 0.5
"""The shortest time over which the load is measured, and how often at most: the system counts in 0.01 s."""
SITES_PER_THREAD = 800
"""Sites of a device for which one thread more pays. Measured on two cores, for a step of a design with two
models: two threads are 1.0 times as fast as one for 21 × 21 circles, 1.8 times for 41 × 41."""
FIXED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables by which users say how many threads there are."""


@dataclass(frozen=True)
class Usage:
    """What the cores of this process have done until some moment.

    Attributes:
        at: the moment (s).
        busy: time that the cores were kept from other work of this priority (s), all together.
        own: the share of this process in it (s).
    """

    at: float
    busy: float
    own: float

    @classmethod
    def now(cls, cores: Iterable[int], statistics: Path = STATISTICS) -> Usage | None:
        """Until now; None where the system does not say it."""
        try:
            lines = statistics.read_text(encoding="ascii").splitlines()
        except OSError:
            return None
        columns = [USER, SYSTEM, IRQ, SOFTIRQ, STEAL]
        if os.getpriority(os.PRIO_PROCESS, 0) > 0:  # processes of low priority make way for others only
            columns.append(NICE)
        named = {f"cpu{core}" for core in cores}
        counted = [line.split()[1:] for line in lines if line.split(" ", 1)[0] in named]
        ticks = sum(int(numbers[column]) for numbers in counted for column in columns)
        return cls(time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), time.process_time())

    def others_since(self, before: Usage) -> float:
        """How many cores the other processes have used on average since an earlier moment."""
        busy, own = self.busy - before.busy, self.own - before.own
        return max(0.0, (busy - own) / (self.at - before.at))


def own_cores() -> list[int]:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))  # not Linux


def quota(groups: str, root: Path) -> float:
    """How many cores' time the control groups of a process allow it; infinite where they set no limit.

    Args:
        groups: the text of /proc/self/cgroup.
        root: folder where the control groups are mounted.
    """
    shares = [float("inf")]
    for group, version in control_groups(groups, root, "cpu"):
        try:
            if version == 2:
                allowed, period = (group / "cpu.max").read_text(encoding="ascii").split()
            else:
                allowed, period = (
                    (group / f"cpu.cfs_{name}_us").read_text(encoding="ascii").strip()
                    for name in ("quota", "period")
                )
        except OSError:
            continue
        if allowed not in ("max", "-1"):
            shares.append(int(allowed) / int(period))
    return min(shares)


class Spare:
    """How many cores are there for this process, by what others have used of them lately."""

    def __init__(self) -> None:
        self._cores = own_cores()
        self._before = Usage.now(self._cores)
        self._others = 0.0

    def cores(self) -> int:
        """At least one. Ranks that MPI started beside this one have an equal share each."""
        there = int(min(len(self._cores), quota(membership(), ROOT)))
        ranks = ranks_beside()
        return max(1, there // ranks if ranks > 1 else min(there, round(len(self._cores) - self._used())))

    def _used(self) -> float:
        now = Usage.now(self._cores)
        if now and self._before and now.at - self._before.at >= INTERVAL_S:
            self._others, self._before = now.others_since(self._before), now
        return self._others


SPARE = Spare()
"""Of this process; it begins to look before PyTorch is loaded, which takes about a second."""

import torch  # noqa: E402

INITIAL = torch.get_num_threads()
"""Another number later on is the user's own choice."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread, as a block or as a decorator.

    On matrices of some hundred rows a second thread gains next to nothing on a quiet machine, and where the
    cores are shared the threads wait for each other longer than they work.
    """
    with _threads(1):
        yield


@contextmanager
def enough_threads(sites: int) -> Iterator[None]:
    """Let torch compute on as many threads as there are free cores and as the work is worth.

    The user's own number comes before that: OMP_NUM_THREADS, or another one than at the start given to
    ``torch.set_num_threads``.

    Args:
        sites: of the devices that are computed at once.
    """
    chosen = torch.get_num_threads()
    if chosen == INITIAL and not any(name in os.environ for name in FIXED):
        chosen = min(INITIAL, SPARE.cores(), 1 + sites // SITES_PER_THREAD)
    with _threads(chosen):
        yield


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
