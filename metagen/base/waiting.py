"""Threads that wait for each other sleep: what OpenMP is told before it is loaded."""

from __future__ import annotations

import os

ASLEEP = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
"""For every OpenMP, and for that of Intel and LLVM, with which conda-forge builds PyTorch."""
CHOSEN = (*ASLEEP, "GOMP_SPINCOUNT")
"""With any of these a user has said how threads wait."""


def sleep_while_waiting() -> None:
    """Let the threads of PyTorch sleep where they would spin, unless the user has said how they wait.

    A thread that spins keeps from work the very thread that it waits for, where there are fewer free cores
    than threads: beside other processes, or in a container whose share of the cores is smaller than their
    number. OpenMP reads these variables when it is loaded, and so with PyTorch: later they change nothing.
    """
    if not any(name in os.environ for name in CHOSEN):
        os.environ.update(ASLEEP)
