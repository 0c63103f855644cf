"""Which process does which simulation: locks that end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from metagen.base.errors import InputError
from metagen.fdtd.task import Task

POLL_S = 2.0
"""Pause before asking again whether another process has finished."""


class Claim:
    """The right to make one file, held by one process at a time.

    The operating system gives the lock back when the process ends, so that no claim outlives a killed
    process. The lock file says who holds it; it is removed together with the claim, after the result is in
    place: whoever locks the removed file by then finds the result and has nothing to do.
    """

    def __init__(self, lock: IO[str], path: Path) -> None:
        self._lock, self._path = lock, path

    @classmethod
    def on(cls, target: Path) -> Claim | None:
        """Claim the right to make ``target``; None if another process has it.

        Raises:
            InputError: the file system has no locks.
        """
        path = target.with_name(f".{target.name}.lock")
        lock = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        except OSError as error:
            lock.close()
            raise InputError(
                f"{target.parent}: its file system cannot lock files ({error.strerror}), so that two "
                "processes could do the same work; write to another one"
            ) from error
        lock.truncate(0)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        lock.write(f"{socket.gethostname()}, process {os.getpid()}, since {now}")
        lock.flush()
        return cls(lock, path)

    def release(self) -> None:
        """Give the right back."""
        self._path.unlink(missing_ok=True)
        self._lock.close()


def holder(target: Path) -> str | None:
    """Who is making ``target`` now; None if nobody is."""
    path = target.with_name(f".{target.name}.lock")
    try:
        with path.open(encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None
    return None


class Queue:
    """Hands out the tasks that are missing and that no other process has claimed; only rank 0 asks it."""

    def __init__(self, tasks: Sequence[Task], folder: Path) -> None:
        self._folder = folder
        self._open = list(tasks)
        self._claim: Claim | None = None

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
            self._claim.release()
            self._claim = None

    def _take(self, task: Task) -> bool:
        target = self._folder / task.file_name
        claim = Claim.on(target)
        if claim is None:
            return False
        self._open.remove(task)
        if task.is_done(self._folder):
            claim.release()
            return False
        _tidy(target)
        self._claim = claim
        return True


def _tidy(target: Path) -> None:
    """Remove what a killed process has left, and keep a damaged file for those who want to look at it."""
    for partial in target.parent.glob(f".{target.name}.*.partial"):
        partial.unlink(missing_ok=True)
    if target.exists():
        target.replace(target.with_suffix(".damaged"))
