"""Whether a robust device is one: the worst of three radius biases in Meep, beside that of the plain device.

    python benchmarks/robust.py --run runs/demo --output runs/robust    # after `make demo`, a few minutes

A device of 15 × 15 pillars with a focus at 633 nm and a ring at 400 nm is designed twice with the demo's
models: plain, and then on from there for the worst of all radii 5 nm too small, as they are, and 5 nm too
large. Each is simulated as drawn and with either bias.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import metagen as mg
from metagen import surrogate
from metagen.design import (
    Device,
    Efficiency,
    Model,
    OptimizerSettings,
    OverBias,
    Ring,
    matched,
    optimize,
    worst_of,
)
from metagen.fdtd.campaign import Campaign
from metagen.refinement import MeepService
from metagen.tables import Table, number
from metagen.tolerance import moved
from metagen.verification import verify

COUNT, DISTANCE, BIAS = 15, 8.0, 0.005
GOALS = (Efficiency(0.633, DISTANCE, radius=1.2, target=0.3), Ring(0.400, DISTANCE, radius=1.2, target=0.3))
SMOOTH, WORST = worst_of(*GOALS, sharpness=8.0), worst_of(*GOALS)
FIRST = OptimizerSettings(steps=150, learning_rate=0.1)
LAST = OptimizerSettings(steps=150, learning_rate=0.03)


def design(models: list[Model]) -> dict[str, Device]:
    """The plain device, and the robust one that goes on from it: first for the mean, then for the worst."""
    start = matched(models[0].domain.platform, GOALS, COUNT)
    plain = optimize(optimize(start, models, SMOOTH, FIRST), models, WORST, LAST)
    mean = replace(FIRST, radius_bias=BIAS, over_bias=OverBias.MEAN)
    robust = optimize(plain, models, SMOOTH, mean)
    return {"plain": plain, "robust": optimize(robust, models, WORST, replace(LAST, radius_bias=BIAS))}


def main() -> None:
    """Design, simulate and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="folder of a finished demo")
    parser.add_argument("--campaign", type=Path, default=Path("simulations/demo.toml"))
    parser.add_argument("--output", type=Path, required=True, help="folder of the near fields")
    given = parser.parse_args()
    models: list[Model] = [surrogate.load(given.run / f"model-{nm}.safetensors") for nm in (633, 400)]
    service = MeepService(Campaign.load(given.campaign).light, given.output)
    rows = []
    for name, device in design(models).items():
        reached = []
        for shift in (-BIAS, 0.0, BIAS):
            layout = mg.Layout(device.platform, moved(device, shift), f"{name}{shift * 1000:+.0f}nm")
            reached.append(verify(layout, service(layout), GOALS).verified)
        rows.append((name, *map(number, reached), number(min(reached))))
    Table(
        "The worst goal over its target, in Meep",
        ("device", f"radii −{BIAS * 1000:g} nm", "as drawn", f"radii +{BIAS * 1000:g} nm", "worst"),
        tuple(rows),
    ).print()


if __name__ == "__main__":
    main()
