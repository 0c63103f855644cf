"""Reading a format that cannot be checked beforehand: in another process, with limits of time and memory."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import resource
import sys
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from metagen.base.errors import FormatError, MetagenError
from metagen.base.memory import memory_here
from metagen.base.texts import one_error

SHARE = 0.8
"""Part of the free memory that the process may take."""
SECONDS, SECONDS_PER_BYTE = 5.0, 2e-6
"""How long opening may take: a file of 4 MB with a million placed cells takes 0.3 s."""

T = TypeVar("T")
Opened = TypeVar("Opened")


def read_apart(path: Path, source: str, opened: Callable[[], Opened], use: Callable[[Opened], T]) -> T:
    """Open and use a file in another process, which may crash, hang or ask for too much without harm.

    Args:
        path: the file.
        source: what messages call it.
        opened: opens it, with a library that cannot be trusted with every file; this has a time limit.
        use: what is made of it, which is returned.

    Raises:
        FormatError: the process did not come to its end.
        MetagenError: what the two functions raise.
    """
    context = multiprocessing.get_context("fork")  # a copy of this process, which is there at once
    heard, said = context.Pipe(duplex=False)
    arguments = (said, source, opened, use, int(SHARE * memory_here()))
    process = context.Process(target=_read, args=arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the copy uses none
        process.start()
    said.close()
    try:
        seconds = SECONDS + SECONDS_PER_BYTE * path.stat().st_size
        if not heard.poll(seconds):
            raise FormatError(f"{source}: damaged: reading it did not come to its end in {seconds:.0f} s")
        heard.recv()
        found = heard.recv()
    except EOFError as error:
        process.join()
        raise FormatError(
            f"{source}: damaged, or takes more memory than there is: the process that read it ended with "
            f"status {process.exitcode}; export it again, or read a part of it as a file of its own"
        ) from error
    finally:
        process.kill()
        process.join()
        heard.close()
    if isinstance(found, MetagenError):
        raise found
    return found  # type: ignore[no-any-return]


def _read(
    said: Connection, source: str, opened: Callable[[], Any], use: Callable[[Any], Any], memory: int
) -> None:
    """Send a sign that the file is open, and then what was made of it, or the error."""
    _limit(memory)
    if "torch" in sys.modules:  # whose threads are not in the copy of the process
        sys.modules["torch"].set_num_threads(1)
    faulthandler.disable()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)  # what libraries say of a damaged file is no line for a user
    try:
        with one_error(source):
            file = opened()
            said.send(None)
            said.send(use(file))
    except MetagenError as error:
        said.send(error)
        said.send(error)
    os._exit(0)  # without tidying up: the memory goes with the process


def _limit(memory: int) -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit, allowed = pages * resource.getpagesize() + memory, resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = limit if allowed == resource.RLIM_INFINITY else min(limit, allowed)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
