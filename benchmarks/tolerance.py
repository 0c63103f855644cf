"""How fast imperfect copies of a device are evaluated, and whether Meep agrees with the surrogates on them.

    python benchmarks/tolerance.py                     # the rate, with models of the default size
    python benchmarks/tolerance.py --run runs/demo     # and imperfect copies of the demo's device in Meep

The rate does not depend on what a model has learnt: its weights are random here. The copies in Meep have no
mirror planes, so that each takes four times as long as the device itself; their near fields go to --output.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

import metagen as mg
from metagen import surrogate
from metagen.base.tables import Table
from metagen.demo.chain import Demo
from metagen.design import Focus, Ring
from metagen.device.layout import random_layout
from metagen.fdtd.campaign import Task, run
from metagen.surrogate import ClusterSettings, Domain
from metagen.surrogate.models import build
from metagen.verify.imperfection import ProcessErrors, imperfect
from metagen.verify.tables import describe_goal
from metagen.verify.tolerance import tolerance
from metagen.verify.verification import verify

GOALS = (Focus(0.633, 50.0), Ring(0.400, 50.0))
COPIES = {21: 400, 113: 16}
"""Copies that are timed, by pillars along a side."""
KINDS = {
    "3 nm per pillar": ProcessErrors(noise=0.003, bias=0.0),
    "6 nm per pillar": ProcessErrors(noise=0.006, bias=0.0),
    "5 nm per device": ProcessErrors(noise=0.0, bias=0.005),
    "1 % missing": ProcessErrors(noise=0.0, bias=0.0, missing=0.01),
}


def models() -> list[surrogate.Surrogate]:
    """Untrained models of both wavelengths of the goals."""
    torch.manual_seed(0)
    domains = [Domain(wavelength=goal.wavelength, radius_low=0.05, radius_high=0.17) for goal in GOALS]
    return [build(domain, ClusterSettings()) for domain in domains]


def rates() -> Table:
    """Copies per minute; a study of S copies evaluates S/2 more for its curves."""
    rows = []
    for count, copies in COPIES.items():
        layout = random_layout(mg.Platform(), count, seed=0)
        tolerance(GOALS, layout, models(), ProcessErrors(), samples=1)  # warm-up
        known, started = models(), time.perf_counter()
        tolerance(GOALS, layout, known, ProcessErrors(), samples=copies)
        seconds = time.perf_counter() - started
        evaluated = copies + 5 * (copies // 10) + 14
        rows.append(
            (f"{count} × {count}", f"{evaluated}", f"{seconds:.1f}", f"{evaluated / seconds * 60:.0f}")
        )
    return Table(
        "Imperfect copies, two wavelengths, one thread",
        ("device", "copies", "seconds", "per minute"),
        tuple(rows),
    )


def in_meep(demo: Demo, output: Path) -> Table:
    """Imperfect copies of a device, by surrogates and by Meep."""
    device, goals = demo.device, demo.settings.goals
    known = [demo.trained(dataset)[0] for dataset in demo.datasets]
    low, high = known[0].domain.radius_low, known[0].domain.radius_high
    layouts = [mg.Layout(device.platform, device.radii, "as designed")]
    for name, errors in KINDS.items():
        radii = next(imperfect(device, errors, 1, seed=1)).values[0, ..., 0, 0]
        layouts.append(mg.Layout(device.platform, np.where(radii > 0, radii.clip(low, high), 0), name))
    light = demo.campaign.light
    files = iter(run([Task(each, numerics) for each in layouts for numerics in light], output))
    rows = []
    for layout in layouts:
        found = verify(layout, [mg.NearField.load(next(files)) for _ in light], goals, known)
        rows += [
            (layout.name, describe_goal(each.goal), f"{each.predicted:.4f}", f"{each.verified:.4f}")
            for each in found.goals
        ]
    return Table("One imperfect copy of each kind", ("errors", "goal", "surrogate", "Meep"), tuple(rows))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--run", type=Path, help="folder of a finished demo run")
    parser.add_argument("--output", type=Path, default=Path("runs/tolerance"))
    arguments = parser.parse_args()
    rates().print()
    if arguments.run:
        in_meep(Demo.load(Path(), arguments.run), arguments.output).print()


if __name__ == "__main__":
    main()
