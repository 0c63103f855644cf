"""The converged Jones matrices of cells.py: metagen extrapolated, with another program beside it.

    PYTHONPATH=benchmarks python -m rcwa_cases.truth --peers /tmp/rcwa-peers/bin/python

Each line is one program with one truncation; some minutes for all.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from rcwa_cases import ours
from rcwa_cases.cells import CASES, Cell
from rcwa_cases.peers import Peer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peers", type=Path, help="python of the environment that holds the other program")
    parser.add_argument("--program", default="fmmax")
    parser.add_argument("--cases", default="rectangle,turned,hexagonal,oblique")
    parser.add_argument("--orders", default="15,18,21", help="of metagen")
    parser.add_argument("--peer-orders", default="8,10,12")
    options = parser.parse_args()
    for case in CASES:
        if case.name in options.cases.split(","):
            for cell in case.cells:
                show(case.name, cell, options)


def show(name: str, cell: Cell, options: argparse.Namespace) -> None:
    for orders in map(int, options.orders.split(",")):
        line(name, f"metagen {orders}", cell, ours.solver(cell, ours.EXTRAPOLATED, orders)())
    for orders in map(int, options.peer_orders.split(",")) if options.peers else ():
        peer = Peer(options.peers, options.program, orders)
        with peer.worker:
            line(name, f"{options.program} {orders}", cell, peer.solved(cell)[0])


def line(name: str, what: str, cell: Cell, jones: Any) -> None:
    values = np.ravel(np.array(jones, dtype=complex))
    numbers = "  ".join(f"{value:.5f}" for value in values if not np.isnan(value))
    print(f"{name:10s} {what:12s} {numbers}  from the constants: {cell.error(jones):.1e}", flush=True)


if __name__ == "__main__":
    main()
