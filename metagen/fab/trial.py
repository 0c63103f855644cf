"""Reading what cannot be checked beforehand: first in another process, with limits of time and memory."""

from __future__ import annotations

import multiprocessing
import os
import resource
from pathlib import Path

import gdstk

from metagen.base.errors import FormatError
from metagen.base.memory import memory_here

SHARE = 0.8
"""Part of the free memory that the file may take."""
SECONDS, SECONDS_PER_BYTE = 5.0, 2e-6
"""How long reading may take: a file of 4 MB with a million placed cells takes 0.3 s."""


def try_reading(path: Path, source: str) -> None:
    """Read an OASIS file in a process of its own, which may crash, hang or ask for too much without harm.

    The format is compressed and refers to itself, so that only reading tells how much it amounts to.

    Args:
        path: the file, not compressed.
        source: what messages call it.

    Raises:
        FormatError: the process did not come to its end.
    """
    seconds = SECONDS + SECONDS_PER_BYTE * path.stat().st_size
    # A copy of this process is there at once; all it does is to call the reader, which has no threads.
    reader = multiprocessing.get_context("fork").Process(
        target=_read, args=(path, int(SHARE * memory_here()))
    )
    reader.start()
    reader.join(seconds)
    if reader.exitcode is None:
        reader.kill()
        reader.join()
        raise FormatError(f"{source}: damaged: reading it did not come to its end in {seconds:.0f} s")
    if reader.exitcode:
        raise FormatError(
            f"{source}: damaged, or takes more memory than there is: reading it ended with status "
            f"{reader.exitcode}; export it again, or read a part of it as a file of its own"
        )


def _read(path: Path, memory: int) -> None:
    """Read the file, and end with status 1 if it cannot be read; says nothing."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        gdstk.read_oas(path)
    except (RuntimeError, OSError):  # the caller reads it again, and says what is wrong
        pass
    except BaseException:
        os._exit(1)
    os._exit(0)  # without tidying up: the memory goes with the process
