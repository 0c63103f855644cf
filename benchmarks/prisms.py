"""What Meep's prisms cost: memory that stays, and initialisation beside stepping.

python benchmarks/prisms.py seconds     processor time of initialisation and of all else
python benchmarks/prisms.py memory      memory after each of several simulations in a row, in processes of
                                        their own as campaigns run them, and in the same process

The layouts have no mirrors.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import metagen as mg
from metagen.base.tables import Table
from metagen.device.atoms import Atom, Circle, Cross, Ellipse, LShape, Rectangle
from metagen.fdtd import Numerics, campaign, simulate
from metagen.fdtd.layout_scene import layout_scene
from metagen.fdtd.simulation import resident_bytes
from metagen.fdtd.task import Task

ANGLES = (0.0, math.pi)
ATOMS: dict[str, Atom] = {
    "circles": Circle(radius=(0.08, 0.15)),
    "turned fins": Rectangle(length=(0.2, 0.3), width=0.085, angle=ANGLES),
    "turned ellipses": Ellipse(length=(0.2, 0.3), width=0.14, angle=ANGLES),
    "turned L": LShape(length=(0.2, 0.3), width=0.085, angle=ANGLES),
    "turned crosses": Cross(length=(0.2, 0.3), width=0.085, angle=ANGLES),
}
PRISMS = ("turned ellipses", "turned L")


def tasks(atom: Atom, count: int, pixels: int, runs: int) -> Iterator[Task]:
    """Layouts of pillars without any symmetry."""
    platform = mg.Platform(
        lattice=mg.device.Lattice.square(0.43), atom=atom, height=0.6, pillar=2.4, substrate=1.46
    )
    for seed in range(runs):
        generator = np.random.default_rng(seed)
        values = {p.name: generator.uniform(p.low, p.high, (count, count)) for p in atom.parameters}
        yield Task(mg.Layout(platform, values), Numerics(0.66, pixels))


def memory(count: int, pixels: int, runs: int) -> Table:
    """Memory of this process after each simulation, less that after the first."""
    rows = []
    for name in PRISMS:
        for where in ("processes of their own", "the same process"):
            held = [_held_after(task, where) for task in tasks(ATOMS[name], count, pixels, runs)]
            rows.append((name, where, *(f"{(each - held[0]) / 1e6:.1f}" for each in held[1:])))
    header = ("pillars", "simulations in", *(f"after {number} (MB)" for number in range(2, runs + 1)))
    return Table(f"Memory after each of {runs} simulations, less that after the first", header, tuple(rows))


def _held_after(task: Task, where: str) -> int:
    if where == "the same process":
        simulate(task.layout, task.numerics)
    else:
        with tempfile.TemporaryDirectory() as folder:
            campaign.run([task], Path(folder))
    return resident_bytes()


def seconds(count: int, pixels: int) -> Table:
    """Processor time of initialisation and of all else."""
    rows = [(name, *_seconds(next(tasks(atom, count, pixels, 1)))) for name, atom in ATOMS.items()]
    return Table(
        f"Processor time, {count} x {count} pillars, {pixels} pixels per period, no mirrors",
        ("pillars", "initialisation (s)", "all else (s)", "steps"),
        tuple(rows),
    )


def _seconds(task: Task) -> tuple[str, str, str]:
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in simulate: Meep warns of indices below 1
        layout_scene(task.layout, task.beam).simulation().init_sim()
    initialised = time.process_time()
    near = simulate(task.layout, task.numerics)
    rest = time.process_time() - initialised - (initialised - started)
    return f"{initialised - started:.1f}", f"{rest:.1f}", str(near.provenance["steps"])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["seconds", "memory"])
    parser.add_argument("--count", type=int, default=9, help="pillars along one side")
    parser.add_argument("--pixels", type=int, default=10, help="pixels per period")
    parser.add_argument("--runs", type=int, default=6, help="simulations in a row (memory)")
    arguments = parser.parse_args()
    if arguments.what == "seconds":
        seconds(arguments.count, arguments.pixels).print()
    else:
        memory(arguments.count, arguments.pixels, arguments.runs).print()


if __name__ == "__main__":
    main()
