r"""Whether a robust device is one: the worst of three radius biases in Meep, beside that of the plain device.

    python benchmarks/robust.py design/multiplexed_lens.py multiplexed.h5 \
        --campaign simulations/paper.toml --output runs/robust          # three hours on one core

    python benchmarks/robust.py design/demo.toml runs/demo/device.h5 --campaign simulations/demo.toml \
        --model runs/demo/model-633.safetensors --model runs/demo/model-400.safetensors \
        --output runs/robust-demo                                       # after `make demo`; minutes

From the plain device the optimiser goes on, first for the mean and then for the worst of all radii 5 nm too
small, as they are, and 5 nm too large. Both devices are simulated as drawn and with either bias. What is
finished in the output folder is not computed again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import metagen as mg
from metagen import surrogate
from metagen.base.tables import Table, number
from metagen.design import DesignSettings, Device, Model, OptimizerSettings, OverBias, optimize, worst_of
from metagen.fdtd.campaign import Campaign
from metagen.verify.imperfection import with_bias
from metagen.verify.refinement import MeepService
from metagen.verify.verification import verify

BIAS = 0.005
FIRST = OptimizerSettings(steps=100, learning_rate=0.05, edge_bias=BIAS, over_bias=OverBias.MEAN)
LAST = OptimizerSettings(steps=150, learning_rate=0.03, edge_bias=BIAS)


def robust(plain: mg.Layout, models: Sequence[Model], settings: DesignSettings, folder: Path) -> Device:
    """The device for the worst bias; by way of the mean, over which the goals change more smoothly."""
    smooth, worst = (worst_of(*settings.goals, sharpness=sharp) for sharp in (settings.sharpness, None))
    mean = optimize(plain, models, smooth, FIRST, path=folder / "robust-mean.h5")
    return optimize(mean, models, worst, LAST, name=f"{plain.name}-robust", path=folder / "robust.h5")


def biased(device: mg.Layout, shift: float) -> mg.Layout:
    """The device with all radii too large by a shift."""
    name = f"{device.name}{shift * 1000:+.0f}nm" if shift else device.name
    return mg.Layout(device.platform, with_bias(device, shift), name)


def main() -> None:
    """Design, simulate and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("design", type=Path, help="design file")
    parser.add_argument("device", type=Path, help="the plain device, designed with it")
    parser.add_argument("--campaign", type=Path, required=True, help="numerics")
    parser.add_argument("--model", action="append", help="instead of the design file's; once per wavelength")
    parser.add_argument("--output", type=Path, required=True, help="folder of devices and near fields")
    given = parser.parse_args()
    settings, plain = DesignSettings.load(given.design), mg.Layout.load(given.device)
    models: list[Model] = [surrogate.load(name) for name in given.model or settings.models]
    given.output.mkdir(parents=True, exist_ok=True)
    light = Campaign.load(given.campaign).light_of(goal.wavelength for goal in settings.goals)
    service = MeepService(light, given.output)
    rows = []
    for device in (plain, robust(plain, models, settings, given.output)):
        copies = [biased(device, shift) for shift in (-BIAS, 0.0, BIAS)]
        reached = [verify(copy, service(copy), settings.goals).verified for copy in copies]
        rows.append((device.name, *map(number, reached), number(min(reached))))
    Table(
        "The worst goal over its target, in Meep",
        ("device", f"radii −{BIAS * 1000:g} nm", "as drawn", f"radii +{BIAS * 1000:g} nm", "worst"),
        tuple(rows),
    ).print()


if __name__ == "__main__":
    main()
