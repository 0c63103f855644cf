"""Which process does which simulation: locks that end with the process that holds them, however it ends.

The lock is the operating system's (``flock``), taken through the library filelock. Two things are ours: the
file is removed with the claim, and it says who holds it.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import BaseFileLock, FileLock, Timeout

from metagen.base.errors import AccessError, InputError, MetagenError
from metagen.base.files import is_there
from metagen.fdtd.task import Task, missing

POLL_S = 2.0
"""Pause before asking again whether another process has finished."""


def claim(target: Path) -> BaseFileLock | None:
    """Claim the right to make a file, which one process has at a time; :func:`release` gives it back.

    Args:
        target: the file that is to be made; its lock is a hidden file beside it.

    Returns:
        The lock, or None if another process has it.

    Raises:
        InputError: the file system has no locks.
    """
    # Its fallback where the file system has no locks would be a file that outlives a killed process.
    lock = FileLock(_lock_path(target), blocking=False, fallback_to_soft=False, on_acquired=_sign)
    try:
        lock.acquire()
    except Timeout:
        return None
    except OSError as error:
        raise InputError(
            f"{target.parent}: its file system cannot lock files ({error.strerror}), so that two "
            "processes could do the same work; write to another one"
        ) from error
    return lock


def release(lock: BaseFileLock) -> None:
    """Give a claim back and remove its file; who waits for the removed file is told so by filelock."""
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def holder(target: Path) -> str | None:
    """Who is making ``target`` now; None if nobody is.

    A shared lock answers that (filelock has none): it needs no right to write, and two who ask at once do not
    take each other for the holder.

    Raises:
        AccessError: the lock may not be looked at.
    """
    path = _lock_path(target)
    try:
        with path.open(encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return path.read_text(encoding="utf-8")
    except PermissionError as error:
        raise AccessError(f"{path}: cannot be read ({error.strerror}); its holder is not known") from error
    except OSError:
        return None
    return None


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


def _lock_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.lock")


def _sign(lock: int) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{socket.gethostname()}, process {os.getpid()}, since {now}".encode(), 0)


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
