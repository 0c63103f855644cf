"""Files that are either whole or absent: they take the place of an older one in one step, or not at all."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metagen.base.errors import AccessError, InputError

ADVICE = {
    errno.ENOSPC: "make room on the disk, or choose another one",
    errno.EDQUOT: "make room within your quota, or choose another disk",
    errno.ENAMETOOLONG: "choose a shorter name",
}
UNSYNCED = (errno.EINVAL, errno.ENOTSUP, errno.EACCES)
"""What the system says of folders that it cannot write through, or that nobody but it may open."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; it takes that name when the block ends without an error.

    Whatever happens, ``path`` holds either what it held before or the complete new file, which gets the same
    permissions. A symbolic link stays one: the file that it points to is replaced. What killed processes of
    this machine have left beside it is removed.

    Raises:
        InputError: ``path`` is a folder, a device or another thing that is no regular file.
        AccessError: the system does not let it be written, or the disk is full.
    """
    try:
        target = _target(Path(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        tidy(target)
        with _partial(target) as partial:
            yield partial
            partial.chmod(_mode(target))
            with partial.open("rb") as written:
                os.fsync(written.fileno())
            partial.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: str | Path, error: OSError) -> AccessError | OSError:
    """What is raised for a refusal of the system; an error that is not of the system stays as it is."""
    if error.errno is None:
        return error
    advice = ADVICE.get(error.errno, "choose another place, or look at the permissions")
    return AccessError(f"{path}: cannot be written ({os.strerror(error.errno)}); {advice}")


def _target(path: Path) -> Path:
    """The regular file to make or replace."""
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder; give the name of a file")
    for folder in path.parents:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: is a file where a folder is needed")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is no regular file, and is not replaced; give the name of a file")
    return Path(os.path.realpath(path))


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """A new empty file beside the target, locked as long as this process lives, and removed at the end."""
    while True:
        handle, name = tempfile.mkstemp(prefix=_prefix(target), suffix=".partial", dir=target.parent)
        partial = Path(name)
        try:
            _lock(handle)
            if not partial.exists():  # another process tidied it before it was locked
                continue
            yield partial
            return
        finally:
            partial.unlink(missing_ok=True)
            os.close(handle)


def tidy(target: Path) -> None:
    """Remove the temporary files beside a target that killed processes of this machine have left."""
    for partial in target.parent.glob(f"{glob.escape(_prefix(target))}*.partial"):
        try:
            with partial.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                partial.unlink(missing_ok=True)
        except OSError:  # a living process writes it, or there is no way to know
            continue


def _prefix(target: Path) -> str:
    """How temporary files of this machine begin; locks of other machines may not be seen here."""
    host = socket.gethostname()
    room = os.pathconf(target.parent, "PC_NAME_MAX") - len(host) - len("..-12345678.partial")
    return f".{os.fsdecode(os.fsencode(target.name)[:room])}.{host}-"


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # who tidies holds it for a moment only
    except OSError:  # no locks on this file system: then nobody can tidy there either
        return


def _mode(target: Path) -> int:
    if target.exists():
        return target.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync(folder: Path) -> None:
    """Write the new name itself through to the disk, where the file system can."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno in UNSYNCED:
            return
        raise
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in UNSYNCED:
            raise
    finally:
        os.close(handle)
