"""Error against time of one unit-cell solve, and of a phase table, beside other programs.

    python -m venv /tmp/rcwa-peers
    /tmp/rcwa-peers/bin/pip install -r benchmarks/requirements-rcwa.txt
    python benchmarks/rcwa.py --peers /tmp/rcwa-peers/bin/python --plot docs/rcwa_benchmark.svg

One thread each, double precision, one after the other, on cells whose converged Jones matrix is known from
this program and another one (benchmarks/rcwa_cases/cells.py). The error of a setting is the largest |ΔJ| over
the cells of a case and over the elements that are compared; the time is that of its fastest repeat, on the
processor. A setting meets a target if all finer ones of the program do too. Without --peers only metagen is
timed.

    git worktree add /tmp/older COMMIT
    python benchmarks/rcwa.py --before /tmp/older

compares circles with an older version, solve by solve in turns, and does nothing else.
"""

from __future__ import annotations

import argparse
import os
import sys
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
from rcwa_cases import before, ours, tables  # noqa: E402
from rcwa_cases.cells import ALL, CASES, Case  # noqa: E402
from rcwa_cases.peers import Peer  # noqa: E402
from rcwa_cases.report import Point, draw, fastest, header, line, report_targets  # noqa: E402

TARGET, TURNS = 3e-3, 5
"""Error at which the fastest settings are timed again side by side, and how often."""


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    if options.before:
        before.compare(options.before)
        return
    cases = [case for case in CASES if case.name in options.cases.split(",")]
    points = [point for case in cases for point in measured(case, options)]
    if "circle" in options.cases.split(","):
        report_tables([point for point in points if point.case == "circle"])
    if options.plot:
        draw(points, {case.name: case.title for case in cases}, options.plot)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peers", type=Path, help="python of the environment that holds the other programs")
    parser.add_argument("--programs", default=",".join(ALL))
    parser.add_argument("--cases", default=",".join(case.name for case in CASES))
    parser.add_argument(
        "--orders", default="3,4,5,6,7,8", help="truncations |m|, |n| ≤ M of the other programs"
    )
    parser.add_argument("--limit", type=float, default=3.0, help="seconds per solve above which to stop")
    parser.add_argument("--plot", type=Path, help="write the plot to this file")
    parser.add_argument("--before", type=Path, help="checkout of an older version: time circles beside it")
    return parser.parse_args()


def measured(case: Case, options: argparse.Namespace) -> list[Point]:
    """All settings of all programs for a case, printed as they come."""
    header(f"{case.title} ({case.evidence})")
    points = [point for name in ours.ORDERS for point in of_ours(case, name)]
    programs = [name for name in options.programs.split(",") if name in case.programs and options.peers]
    for program in programs:
        points += of_peer(case, program, options)
    report_targets(points, programs)
    if programs:
        side_by_side(case, points, options.peers)
    return points


def of_ours(case: Case, name: str) -> list[Point]:
    points: list[Point] = []
    for orders in ours.ORDERS[name]:
        timed = [ours.timed(ours.solver(cell, name, orders)) for cell in case.cells]
        points.append(point_of(case, name, orders, ours.setting(name, orders), timed))
        if points[-1].seconds > ours.LIMIT_S:
            break
    return points


def of_peer(case: Case, program: str, options: argparse.Namespace) -> list[Point]:
    points: list[Point] = []
    for orders in map(int, options.orders.split(",")):
        peer = Peer(options.peers, program, orders)
        try:
            with peer.worker:
                timed = [peer.solved(cell) for cell in case.cells]
        except RuntimeError as error:
            print(f"{program} M={orders} fails: {error}", file=sys.stderr)
            break
        points.append(point_of(case, program, orders, f"M={orders}", timed))
        if points[-1].seconds > options.limit:
            break
    return points


def point_of(case: Case, program: str, orders: int, setting: str, timed: list[tuple]) -> Point:
    errors = [cell.error(jones) for cell, (jones, _) in zip(case.cells, timed, strict=True)]
    seconds = float(np.median([seconds for _, seconds in timed]))
    point = Point(case.name, program, orders, setting, max(errors), seconds)
    line(point)
    return point


def side_by_side(case: Case, points: list[Point], python: Path) -> None:
    """Our fastest setting and the fastest of the others, in turns, so that both see the same machine."""
    mine = fastest([point for point in points if point.is_ours], TARGET)
    other = fastest([point for point in points if not point.is_ours], TARGET)
    if mine is None or other is None:
        return
    cell = case.cells[0]
    solve, peer = ours.solver(cell, mine.program, mine.orders), Peer(python, other.program, other.orders)
    with peer.worker:
        turns = [(peer.solved(cell)[1], ours.timed(solve)[1]) for _ in range(TURNS)]
    theirs, own = (min(column) for column in zip(*turns, strict=True))
    print(
        f"side by side at {TARGET:g}: {mine.program} {mine.setting} {1e3 * own:.1f} ms, {other.program} "
        f"{other.setting} {1e3 * theirs:.0f} ms, {theirs / own:.0f} ×",
        flush=True,
    )


def report_tables(points: list[Point]) -> None:
    """Phase tables: by direct solves with the fastest setting per target, and adaptive ones."""
    print(f"\ntables of {tables.RADII} radii × {len(tables.WAVELENGTHS)} wavelengths")
    for target in (1e-2, 3e-3, 2e-3, 1e-3):
        mine = fastest([point for point in points if point.is_ours], target)
        if mine is not None:
            truncations = [int(m) for m in mine.setting.removeprefix("M=").split(",")]
            seconds = tables.direct(truncations)
            print(f"|Δt| ≤ {target:g}: {mine.setting} by direct solves, {seconds:.1f} s", flush=True)
    for orders in (6, 9, 12):
        print(f"adaptive, orders={orders}: {tables.adaptive(orders):.1f} s", flush=True)


if __name__ == "__main__":
    main()
