"""How many threads the matrices of a unit cell deserve: one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, as a block or as a decorator.

    The matrices have some hundred rows. A second thread gains next to nothing on a quiet machine, and where
    the cores are shared the threads wait for each other: a table then takes ten times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
