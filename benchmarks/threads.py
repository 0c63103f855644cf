"""Time on a machine that is busy with other things, on one thread and on as many as metagen chooses.

    python benchmarks/threads.py
    python benchmarks/threads.py --busy 0 2 5 --priorities 0 10 --repeat 5

The load is made here: processes that do nothing but count, at normal priority. Under each load, fifty steps
of the README's design (21 × 21 pillars) and ten of one of 113 × 113 run at a priority, one thread and
automatic in turns, and of each the quickest run counts, since the machine may have other work as well. A
niceness of 10 is a low priority.
"""

import argparse
import os
import subprocess
import sys
import time
from contextlib import contextmanager

from metagen.base.tables import Table

COUNT = "while True: pass"
BEGIN = """
import os, sys, time, warnings
os.nice(int(sys.argv[1]))
warnings.simplefilter("ignore")
import metagen as mg
"""
TASKS = {
    "50 steps, 21 × 21": """
start = time.perf_counter()
lens = mg.lens.focusing(mg.Platform(), focal_length=12.0, wavelength=0.633, count=21)
models = [mg.surrogate.load("sin-633"), mg.surrogate.load("sin-400")]
goals = mg.design.worst_of(
    mg.design.Focus(wavelength=0.633, distance=12.0),
    mg.design.Ring(wavelength=0.400, distance=12.0, radius=1.5),
)
mg.design.optimize(lens, models, goals, mg.design.OptimizerSettings(steps=50), progress=False)
""",
    "10 steps, 113 × 113": """
lens = mg.lens.focusing(mg.Platform(), focal_length=50.0, wavelength=0.633, count=113)
models, goal = [mg.surrogate.load("sin-633")], mg.design.Focus(wavelength=0.633, distance=50.0)
steps = mg.design.OptimizerSettings(steps=1)
mg.design.optimize(lens, models, goal, steps, progress=False)
start = time.perf_counter()
mg.design.optimize(lens, models, goal, mg.design.OptimizerSettings(steps=10), progress=False)
""",
}
END = "print(time.perf_counter() - start)\n"
WAYS = {"one thread": {"OMP_NUM_THREADS": "1"}, "automatic": {}}
OWN = ("OMP_", "MKL_", "KMP_", "GOMP_")


@contextmanager
def load(processes):
    """Keep the cores busy with so many processes."""
    started = [subprocess.Popen([sys.executable, "-c", COUNT]) for _ in range(processes)]
    time.sleep(0.5)
    try:
        yield
    finally:
        for each in started:
            each.kill()
            each.wait()


def seconds(task, nice, settings):
    free = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + TASKS[task] + END, str(nice)],
        env={**free, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def measured(task, busy, nice, repeat):
    """One row of the table."""
    with load(busy):
        turns = [[seconds(task, nice, settings) for settings in WAYS.values()] for _ in range(repeat)]
    one, automatic = map(min, zip(*turns, strict=True))
    return task, str(busy), str(nice), f"{one:.1f} s", f"{automatic:.1f} s", f"{automatic / one:.2f}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 2, 5], help="busy processes beside it")
    parser.add_argument("--priorities", type=int, nargs="+", default=[0, 10], help="niceness of the task")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each kind")
    given = parser.parse_args()
    rows = tuple(
        measured(task, busy, nice, given.repeat)
        for task in TASKS
        for busy in given.busy
        for nice in given.priorities
        if busy or not nice
    )
    columns = ("task", "busy processes", "niceness", *WAYS, "ratio")
    Table(f"{os.cpu_count()} cores; the quickest of {given.repeat} runs", columns, rows).print()


if __name__ == "__main__":
    main()
