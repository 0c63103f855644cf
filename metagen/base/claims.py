"""Which process makes which file: locks that end with the process that holds them, however it ends.

The lock is the operating system's (``flock``), taken through the library filelock. Two things are ours: the
file is removed with the claim, and it says who holds it.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from metagen.base.errors import AccessError, InputError, MismatchError
from metagen.base.mounts import node_local_locks


def claim(target: Path, what: str = "") -> BaseFileLock | None:
    """Claim the right to make a file, which one process has at a time; :func:`release` gives it back.

    Args:
        target: the file that is to be made; its lock is a hidden file beside it.
        what: what it will hold, where that matters to others.

    Returns:
        The lock, or None if another process has it.

    Raises:
        InputError: the file system has no locks.
    """
    # Its fallback where the file system has no locks would be a file that outlives a killed process.
    lock = FileLock(
        _lock_path(target), blocking=False, fallback_to_soft=False, on_acquired=partial(_sign, what)
    )
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
    """Give a claim back and remove its file; who waits for the removed file is told so by filelock.

    Where locks end at the node, another node may hold the same file, which then stays.
    """
    path = Path(lock.lock_file)
    if node_local_locks(path.parent) is None:
        path.unlink(missing_ok=True)
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
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AccessError(f"{path}: cannot be read ({error.strerror}); its holder is not known") from error
    return None


@contextmanager
def making(target: Path, what: str) -> Iterator[None]:
    """Claim a file while it is made. Others who make the very same may do so at the same time.

    Where the file system has no locks, nobody is told of others.

    Args:
        target: the file.
        what: hash of all that decides what it will hold.

    Raises:
        MismatchError: another process is making something else of that name.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = claim(target, what)
    except InputError:
        lock = None
    other = holder(target) if lock is None else None
    if other and what not in other:
        raise MismatchError(
            f"{target}: something else is being made there ({other}); wait for it, or choose another name"
        )
    try:
        yield
    finally:
        if lock:
            release(lock)


def _lock_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.lock")


def _sign(what: str, lock: int) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    about = f", making {what}" if what else ""
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{socket.gethostname()}, process {os.getpid()}, since {now}{about}".encode(), 0)
