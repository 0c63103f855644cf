"""Points of error and time: which setting meets a target, tables and the plot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TARGETS = (1e-2, 3e-3, 2e-3, 1e-3)


@dataclass(frozen=True)
class Point:
    """One setting of one program.

    Attributes:
        case: name of the case.
        program: what solved it.
        orders: truncation.
        setting: the truncation in words.
        error: largest |ΔJ| over the cells.
        seconds: of one solve, the fastest repeat; the median over the cells.
    """

    case: str
    program: str
    orders: int
    setting: str
    error: float
    seconds: float

    @property
    def is_ours(self) -> bool:
        """Whether it is of metagen."""
        return self.program.startswith("metagen")


def header(title: str) -> None:
    print(f"\n{title}\n{'program':24s}{'orders':14s}{'worst |ΔJ|':>12s}{'ms per solve':>14s}", flush=True)


def line(point: Point) -> None:
    print(f"{point.program:24s}{point.setting:14s}{point.error:12.1e}{1e3 * point.seconds:14.1f}", flush=True)


def fastest(points: Iterable[Point], target: float) -> Point | None:
    """The fastest setting from which on all finer ones of the program meet a target too."""
    reaching = []
    for program in {point.program: None for point in points}:
        for point in sorted((p for p in points if p.program == program), key=lambda p: -p.orders):
            if point.error > target:
                break
            reaching.append(point)
    return min(reaching, key=lambda point: point.seconds, default=None)


def report_targets(points: list[Point], programs: Iterable[str]) -> None:
    """Per target our fastest setting, and that of every other program."""
    for target in TARGETS:
        mine = fastest([point for point in points if point.is_ours], target)
        if mine is None:
            print(f"|ΔJ| ≤ {target:g}: metagen does not reach it with these settings")
            continue
        print(f"|ΔJ| ≤ {target:g}: {mine.program} {mine.setting}, {1e3 * mine.seconds:.1f} ms")
        for program in programs:
            of_program = [point for point in points if point.program == program]
            other = fastest(of_program, target)
            print("  " + (_beside(other, mine) if other else _not_reached(of_program, mine)))


def _beside(other: Point, mine: Point) -> str:
    ratio = other.seconds / mine.seconds
    return f"{other.program:12s}{other.setting:8s}{1e3 * other.seconds:10.0f} ms, {ratio:6.0f} × ours"


def _not_reached(points: list[Point], mine: Point) -> str:
    if not points:
        return "fails"
    last = max(points, key=lambda point: point.orders)
    ratio = last.seconds / mine.seconds
    return (
        f"{last.program:12s}not reached; {last.setting} leaves {last.error:.1e} after "
        f"{1e3 * last.seconds:.0f} ms: more than {ratio:.0f} × ours"
    )


def draw(points: list[Point], titles: dict[str, str], path: Path) -> None:
    """One panel per case, and the legend in a last one."""
    from matplotlib.figure import Figure

    rows = -(-(len(titles) + 1) // 3)
    figure = Figure(figsize=(11, 3.6 * rows), layout="constrained")
    panels = figure.subplots(rows, 3, squeeze=False).ravel()
    programs = list(dict.fromkeys(point.program for point in points))
    for panel, (case, title) in zip(panels, titles.items(), strict=False):
        for number, program in enumerate(programs):
            some = [point for point in points if (point.case, point.program) == (case, program)]
            style = "o-" if program.startswith("metagen") else "s--"
            xy = [p.seconds for p in some], [p.error for p in some]
            panel.loglog(*xy, style, color=f"C{number}", ms=4, label=program)
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("seconds per solve, one thread")
        panel.set_ylabel("largest |ΔJ|")
        panel.grid(which="both", alpha=0.3)
    handles = panels[0].get_legend_handles_labels()
    for panel in panels[len(titles) :]:
        panel.axis("off")
    panels[len(titles)].legend(*handles, loc="center", fontsize=9)
    figure.savefig(path)
