"""The block at the beginning of our HDF5 files: a checksum of all bytes after it, for use before HDF5.

HDF5 itself crashes or hangs on some damaged files. Its format has room for such a block (the *user block*),
so that these are plain HDF5 files to every other program.
"""

from __future__ import annotations

import hashlib
import math
import os
import signal
import subprocess
import sys
from io import BufferedReader
from pathlib import Path

from metagen.base.errors import AccessError, DamagedError
from metagen.base.parallel import environment_alone

MAKE_AGAIN = "delete it and run the command that made it again"
BLOCK = 512
"""Bytes of the block; HDF5 allows powers of two from here."""
MAGIC = b"metagen: "
SECONDS_PER_GIB = 60
LEAST_SECONDS = 10
"""Processor time that a file without a block may take to be read through, in a process of its own."""
PATIENCE = 10
"""How many times longer that may take on a busy machine or a slow disk."""


def block(contents: memoryview) -> bytes:
    """The block that goes before some contents."""
    return _block(len(contents), hashlib.sha256(contents).hexdigest())


def _block(size: int, digest: str) -> bytes:
    text = MAGIC + f"HDF5 from byte {BLOCK} on, {size} bytes of sha256 {digest}".encode()
    return text.ljust(BLOCK - 1) + b"\n"


def is_verified(path: Path, file: BufferedReader) -> bool:
    """Whether a file begins with a block, which is right; False if it has none, as files of others.

    Raises:
        DamagedError: the block is wrong: not all bytes are those that were written.
    """
    found = file.read(BLOCK)
    if not found.startswith(MAGIC):
        return False
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _block(file.tell() - BLOCK, digest):
        raise DamagedError(f"{path}: damaged or incomplete; {MAKE_AGAIN}")
    return True


def walk_apart(path: Path, file: BufferedReader) -> None:
    """Read a file without a block through, in a process of its own with limits of time and memory.

    That process gets the open file, so that it reads the same one whatever takes its name meanwhile.

    Raises:
        DamagedError: HDF5 crashes or hangs on it, or it claims to hold more than the memory does.
        AccessError: it takes very long, though the processor has little to do with it.
    """
    limit = LEAST_SECONDS + math.ceil(SECONDS_PER_GIB * os.fstat(file.fileno()).st_size / 2**30)
    command = [sys.executable, "-m", "metagen.base.walk", f"/dev/fd/{file.fileno()}", str(limit)]
    try:
        done = subprocess.run(
            command,
            env=environment_alone() | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            timeout=PATIENCE * limit,
            pass_fds=[file.fileno()],
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AccessError(
            f"{path}: not read through in {PATIENCE * limit} s; it is left as it is: try again when machine "
            "and disk have less to do"
        ) from error
    if done.returncode == -signal.SIGXCPU:
        raise DamagedError(f"{path}: damaged; the HDF5 library does not end on it in {limit} s")
    if done.returncode < 0:
        raise DamagedError(f"{path}: damaged; the HDF5 library crashed on it (signal {-done.returncode})")
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise DamagedError(f"{path}: damaged or incomplete ({reason}); make it again")
