"""Small tasks are done on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread, as a block or as a decorator.

    On matrices of some hundred rows a second thread gains next to nothing on a quiet machine, and where the
    cores are shared the threads wait for each other longer than they work.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
