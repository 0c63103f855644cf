"""Which process does which simulation: each claims the file of one before it begins."""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from filelock import BaseFileLock

from metagen.base.claims import claim, holder, release
from metagen.base.errors import MetagenError
from metagen.base.files import is_there
from metagen.base.mounts import node_local_locks
from metagen.fdtd.task import Task, missing

PROBE = "campaign"
"""Name of a claim that is taken to see whether there are locks."""
POLL_S = 2.0
"""Pause before asking again whether another process has finished."""


def check_locks(folder: Path) -> None:
    """Find out once whether claims work in a folder, and warn where they end at this node.

    Raises:
        InputError: the file system has no locks.
    """
    if (reason := node_local_locks(folder)) is not None:
        warnings.warn(
            f"{folder}: locks end at this node ({reason}); other nodes may do the same simulation again, "
            "which costs time and no data: give each node its own part (--task), or use another folder",
            stacklevel=2,
        )
    if (lock := claim(folder / PROBE)) is not None:
        release(lock)


State = Literal["done", "running", "missing", "damaged", "unknown"]


def state_of(task: Task, folder: Path) -> tuple[State, str]:
    """How far a simulation is, and a remark: who runs it, or why that is unknown."""
    target = folder / task.file_name
    try:
        if task.is_done(folder):
            return "done", ""
        if running := holder(target):
            return "running", running
        return ("damaged", "to be made again") if is_there(target) else ("missing", "")
    except MetagenError as problem:
        return "unknown", str(problem)


class Queue:
    """Hands out the tasks that are missing and that no other process has claimed; only rank 0 asks it.

    Attributes:
        problems: what is wrong with files that cannot be looked at, whose tasks are not handed out.
    """

    def __init__(self, tasks: Sequence[Task], folder: Path) -> None:
        self._folder = folder
        self._open = list(tasks)
        self.problems: list[str] = []
        self._claim: BaseFileLock | None = None

    def next(self) -> Task | None:
        """Claim a task; None when all are done. Waits while others are working on the last ones."""
        while self._open:
            for task in list(self._open):
                if self._take(task):
                    return task
            if self._open:
                time.sleep(POLL_S)
        return None

    def finish(self) -> None:
        """Give back the claim on the task that was handed out last."""
        if self._claim:
            release(self._claim)
            self._claim = None

    def _take(self, task: Task) -> bool:
        target = self._folder / task.file_name
        lock = claim(target)
        if lock is None:
            return False
        self._open.remove(task)
        open_tasks, problems = missing([task], self._folder)
        self.problems += problems
        if not open_tasks:
            release(lock)
            return False
        _set_aside(target)
        self._claim = lock
        return True


def _set_aside(target: Path) -> None:
    """Keep a damaged file, and those that were damaged before, for those who want to look at it."""
    if target.exists():
        names = (target.with_suffix(f".{n}.damaged" if n else ".damaged") for n in itertools.count())
        target.replace(next(name for name in names if not name.exists()))
