"""Error against time of one unit-cell solve, and of a phase table, beside other programs.

    python -m venv /tmp/rcwa-peers
    /tmp/rcwa-peers/bin/pip install -r benchmarks/requirements-rcwa.txt
    python benchmarks/rcwa.py --peers /tmp/rcwa-peers/bin/python --plot docs/rcwa_benchmark.svg

One thread each, double precision, one after the other, on the eight cells whose converged t is known from an
independent program (to 1.5e-4). The error of a setting is the worst |Δt| of the eight. Without --peers only
metagen is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

THREADS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
if any(os.environ.get(name) != value for name, value in THREADS.items()):
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **THREADS})

import numpy as np  # noqa: E402
import torch  # noqa: E402

import metagen as mg  # noqa: E402
from metagen.rcwa.accuracy import coarse_orders, extrapolated  # noqa: E402

CELLS = {
    (0.05, 0.633): 1.15983 + 0.23721j,
    (0.10, 0.633): 0.28107 + 1.14553j,
    (0.15, 0.633): -1.01856 - 0.53859j,
    (0.20, 0.633): 0.05326 - 1.10067j,
    (0.05, 0.400): -0.51645 - 1.00452j,
    (0.10, 0.400): -1.05383 + 0.34862j,
    (0.15, 0.400): -0.16828 - 0.95892j,
    (0.20, 0.400): 0.98158 + 0.16179j,
}
"""(radius, wavelength): t of the paper's cell; source and uncertainty in tests/rcwa/test_unit_cell.py."""
CONJUGATES = ("meent",)
"""Programs with the other time convention."""
PIXELS = {"meent": 128}
PIXELS_ELSE = 512
"""Grid of the programs that take pixels; more do not change their error at the orders below. meent's time
grows with the square of it, and its error at these orders is that of the truncation."""
TARGETS = (1e-2, 3e-3, 2e-3, 1e-3)
TABLE = (100, (0.633, 0.400))
PLATFORM = mg.Platform()


@dataclass(frozen=True)
class Point:
    """One setting of one program: worst error over the cells, median seconds per solve."""

    program: str
    setting: str
    error: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--peers", type=Path, help="python of the environment that holds the other programs")
    parser.add_argument("--programs", default="fmmax,ikarus,meent,torcwa,grcwa,nannos,inkstone")
    parser.add_argument(
        "--orders", default="3,4,5,6,7,8", help="truncations |m|, |n| ≤ M of the other programs"
    )
    parser.add_argument("--limit", type=float, default=20.0, help="seconds per solve above which to stop")
    parser.add_argument("--plot", type=Path, help="write the plot to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    points = ours()
    if options.peers:
        for program in options.programs.split(","):
            points += peer(options.peers, program, [int(m) for m in options.orders.split(",")], options.limit)
    report(points)
    report_tables(points)
    for orders in (6, 9, 12):
        print(
            f"adaptive phase tables, orders={orders}: {timed_phase_tables(orders):.1f} s for both wavelengths"
        )
    if options.plot:
        draw(points, options.plot)


def ours() -> list[Point]:
    """Plain truncations, and extrapolated ones."""
    plain = [
        measured("metagen", f"M={m}", lambda r, w, m=m: solved(r, w, m))
        for m in (3, 4, 5, 6, 7, 8, 9, 10, 12, 14)
    ]
    pairs = [
        measured("metagen, extrapolated", f"M={coarse_orders(m)}, {m}", lambda r, w, m=m: limit(r, w, m))
        for m in (5, 6, 7, 8, 9, 10, 12, 15)
    ]
    return plain + pairs


def solved(radius: float, wavelength: float, orders: int) -> complex:
    return complex(mg.rcwa.solve(PLATFORM, radius, wavelength, orders=orders).t)


def limit(radius: float, wavelength: float, orders: int) -> complex:
    both = (coarse_orders(orders), orders)
    t = [torch.tensor(solved(radius, wavelength, m), dtype=torch.complex128) for m in both]
    return complex(extrapolated(*t, *both))


def measured(program: str, setting: str, solve: Callable[[float, float], complex]) -> Point:
    solve(*next(iter(CELLS)))
    errors, seconds = [], []
    for cell, exact in CELLS.items():
        start = time.perf_counter()
        t = solve(*cell)
        seconds.append(time.perf_counter() - start)
        errors.append(abs(t - exact))
    return Point(program, setting, max(errors), float(np.median(seconds)))


def peer(python: Path, program: str, orders: list[int], limit_s: float) -> list[Point]:
    """Other programs; their amplitude is normalised with their own solve of the cell without a pillar."""
    points = []
    for m in orders:
        cases = [(0.0, 0.633), (0.0, 0.400), *CELLS]
        pixels = PIXELS.get(program, PIXELS_ELSE)
        worker = Path(__file__).with_name("rcwa_peers.py")
        run = subprocess.run(
            [python, worker, program, str(m), str(pixels)],
            input=json.dumps(cases),
            capture_output=True,
            text=True,
        )
        rows = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("[")]
        if len(rows) != len(cases):
            print(f"{program} M={m} failed: {run.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            break
        bare = {row[1]: complex(row[2], row[3]) for row in rows[:2]}
        errors = [abs(normalised(program, row, bare) - CELLS[row[0], row[1]]) for row in rows[2:]]
        seconds = float(np.median([row[4] for row in rows[2:]]))
        points.append(Point(program, f"M={m}", max(errors), seconds))
        print(f"{program:24s}M={m:<4d}{max(errors):10.1e}{seconds:10.3f} s", file=sys.stderr, flush=True)
        if seconds > limit_s:
            break
    return points


def normalised(program: str, row: list[float], bare: dict[float, complex]) -> complex:
    _, wavelength, real, imaginary, _ = row
    t = complex(real, imaginary) / bare[wavelength]
    t = t.conjugate() if program in CONJUGATES else t
    interface = 2 * PLATFORM.substrate / (PLATFORM.substrate + PLATFORM.cover)
    return t * interface * np.exp(2j * np.pi * PLATFORM.cover * PLATFORM.height / wavelength)


def report(points: list[Point]) -> None:
    print(f"{'program':24s}{'orders':14s}{'worst |Δt|':>12s}{'ms per solve':>14s}")
    for point in points:
        print(f"{point.program:24s}{point.setting:14s}{point.error:12.1e}{1e3 * point.seconds:14.1f}")


def report_tables(points: list[Point]) -> None:
    """Fastest setting of each program per target. A table takes so many solves; ours is run."""
    programs = [p for p in dict.fromkeys(p.program for p in points) if not p.startswith("metagen")]
    for target in TARGETS:
        mine = fastest([p for p in points if p.program.startswith("metagen")], target)
        if mine is None:
            print(f"\n|Δt| ≤ {target:g}: metagen does not reach it with these settings")
            continue
        seconds = timed_table(mine)
        print(f"\n|Δt| ≤ {target:g}: {mine.program} {mine.setting}, {1e3 * mine.seconds:.1f} ms per solve")
        print(f"  table of {TABLE[0]} radii × {len(TABLE[1])} wavelengths by direct solves: {seconds:.1f} s")
        for program in programs:
            other = fastest([p for p in points if p.program == program], target)
            if other is None:
                print(f"  {program:12s} not reached")
                continue
            table = other.seconds * TABLE[0] * len(TABLE[1])
            print(
                f"  {program:12s} {other.setting:8s}{1e3 * other.seconds:10.0f} ms per solve, "
                f"{other.seconds / mine.seconds:6.0f} × ours; table {table:8.0f} s"
            )


def fastest(points: list[Point], target: float) -> Point | None:
    return min((p for p in points if p.error <= target), key=lambda p: p.seconds, default=None)


def timed_table(point: Point) -> float:
    """Seconds for all radii and wavelengths, the shape's matrices being shared by the wavelengths."""
    truncations = [int(m) for m in point.setting.removeprefix("M=").split(",")]
    radii = np.linspace(PLATFORM.radius_min, PLATFORM.radius_max, TABLE[0])
    start = time.perf_counter()
    for part in np.array_split(radii, TABLE[0] // 4):
        for m in truncations:
            mg.rcwa.solve(PLATFORM, part[:, None], np.array(TABLE[1])[None, :], orders=m)
    return time.perf_counter() - start


def timed_phase_tables(orders: int) -> float:
    """Seconds for the adaptive tables of both wavelengths, and their values at all radii."""
    radii = np.linspace(PLATFORM.radius_min, PLATFORM.radius_max, TABLE[0])
    with tempfile.TemporaryDirectory() as cache, warnings.catch_warnings():
        warnings.simplefilter("ignore", mg.rcwa.PropagatingOrdersWarning)
        os.environ["METAGEN_CACHE"] = cache
        start = time.perf_counter()
        for wavelength in TABLE[1]:
            mg.PhaseTable.compute(PLATFORM, wavelength, orders=orders)(radii)
        return time.perf_counter() - start


def draw(points: list[Point], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for program in dict.fromkeys(p.program for p in points):
        of_program = [p for p in points if p.program == program]
        style = "o-" if program.startswith("metagen") else "s--"
        axes.loglog(
            [p.seconds for p in of_program], [p.error for p in of_program], style, label=program, ms=4
        )
    axes.set_xlabel("seconds per solve, one thread")
    axes.set_ylabel("worst |Δt| of eight cells")
    axes.grid(which="both", alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path)


if __name__ == "__main__":
    main()
