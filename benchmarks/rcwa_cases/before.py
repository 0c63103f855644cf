"""Circles solved by this version and by an older checkout, in turns."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rcwa_cases.cells import CIRCLES
from rcwa_cases.worker import Worker

HERE = Path(__file__).parents[2]
ORDERS = (3, 4, 5, 6, 8, 10, 12)
TURNS = 8
SCRIPT = """
import json, sys, time
import torch
import metagen as mg
torch.set_num_threads(1)
platform = mg.Platform()
for line in sys.stdin:
    for radius, wavelength, orders in json.loads(line):
        least = float("inf")
        for _ in range(1 + 36 // orders):
            start = time.process_time()
            t = complex(mg.rcwa.solve(platform, radius, wavelength, orders=orders).t)
            least = min(least, time.process_time() - start)
        print(json.dumps([t.real, t.imag, least]), flush=True)
"""
"""What both versions run: the call that both know."""


def compare(older: Path) -> None:
    """Print milliseconds of one solve, the ratio, and the largest difference of t over the cells."""
    print(f"{'orders':10s}{'before':>12s}{'now':>12s}{'now/before':>12s}{'largest |Δt|':>14s}")
    with _version(older) as before, _version(HERE) as now:
        for orders in ORDERS:
            items = [[*cell, orders] for cell in CIRCLES]
            seconds, differences = [float("inf")] * 2, []
            for _ in range(TURNS):
                rows = [worker.ask(items) for worker in (before, now)]
                seconds = [min(s, sum(row[2] for row in of)) for s, of in zip(seconds, rows, strict=True)]
                differences += [abs(complex(*a[:2]) - complex(*b[:2])) for a, b in zip(*rows, strict=True)]
            ms = [1e3 * s / len(items) for s in seconds]
            print(
                f"M={orders:<8d}{ms[0]:9.2f} ms{ms[1]:9.2f} ms{ms[1] / ms[0]:12.3f}{max(differences):14.1e}",
                flush=True,
            )


def _version(folder: Path) -> Worker:
    """A process that imports metagen from a checkout."""
    return Worker([sys.executable, "-P", "-c", SCRIPT], {**os.environ, "PYTHONPATH": str(folder.resolve())})
