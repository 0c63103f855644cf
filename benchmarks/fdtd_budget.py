"""Error budget of the near fields: every source of error by itself, on a random layout, by experiment.

    mpirun -np 2 python benchmarks/fdtd_budget.py        (keeps its near fields in runs/budget)

Each row changes one setting against a run in which everything is generous; the last row is the campaign's
numerics against the fine run. Numbers are relative errors (squared) of (Ex, Ey, Ez) on the whole aperture.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metagen import Platform
from metagen.base.norms import relative_error
from metagen.base.parallel import communicator
from metagen.base.tables import Table, number
from metagen.data.nearfield import NearField
from metagen.device.layout import random_layout
from metagen.fdtd import Numerics
from metagen.fdtd.calibration import calibrate
from metagen.fdtd.campaign import Task, run
from metagen.fdtd.interpolation import interpolation_error
from metagen.fdtd.simulation import simulate

PIXELS = {0.633: (8, 10, 12), 0.400: (12, 14, 16)}
"""Resolutions whose error is measured; the first one also serves for the other rows."""
FINE = {0.633: 24, 0.400: 28}
GENEROUS: dict[str, Any] = {
    "pml": 0.6, "margin": 0.3, "substrate_gap": 0.3, "cover_gap": 0.25, "decay": 1e-4, "max_time": 400.0
}  # fmt: skip
TRIALS: dict[str, tuple[float, ...]] = {
    "pml": (0.2, 0.3, 0.4),
    "margin": (0.05, 0.1, 0.2),
    "substrate_gap": (0.05, 0.1, 0.2),
    "cover_gap": (0.05, 0.1, 0.15),
    "decay": (1e-2, 3e-3, 1e-3, 3e-4),
}
RADIUS = 0.11
"""Of the periodic cell on which the interpolation is measured."""
LAYOUT = random_layout(Platform(), count=5, seed=1)
MIRRORS_LAYOUT = random_layout(Platform(), count=3, seed=1)


@dataclass(frozen=True)
class Comparison:
    """What is compared, the run under test, and the run that counts as true."""

    what: str
    tried: Task
    true: Task


def comparisons(wavelength: float) -> Iterator[Comparison]:
    """All comparisons of one wavelength that need nothing but simulations."""
    # The finer the grid, the less the compensation matters: that of the finest calibrated grid will do.
    finest = generous(wavelength, PIXELS[wavelength][-1])
    fine = Task(LAYOUT, replace(finest, pixels_per_period=FINE[wavelength]))
    for pixels in PIXELS[wavelength]:
        tried = Task(LAYOUT, generous(wavelength, pixels))
        yield Comparison(f"{pixels} pixels per period (against {FINE[wavelength]})", tried, fine)
    base = generous(wavelength, PIXELS[wavelength][0])
    for setting, values in TRIALS.items():
        for value in values:
            tried = Task(LAYOUT, replace(base, **{setting: value}))
            yield Comparison(
                f"{setting} {value:g} (against {GENEROUS[setting]:g})", tried, Task(LAYOUT, base)
            )
    for pixels in PIXELS[wavelength]:
        yield Comparison(f"all together, {pixels} pixels", Task(LAYOUT, usual(wavelength, pixels)), fine)


def usual(wavelength: float, pixels: int) -> Numerics:
    """Calibrated numerics, everything else as by default."""
    return calibrate(Platform(), Numerics(wavelength=wavelength, pixels_per_period=pixels)).numerics


def generous(wavelength: float, pixels: int) -> Numerics:
    """The same with everything but the resolution beyond doubt."""
    return replace(usual(wavelength, pixels), **GENEROUS)


def mirrors_error(wavelength: float) -> float:
    """A run with mirror planes against one without, at the usual settings."""
    numerics = usual(wavelength, PIXELS[wavelength][0])
    quarter, whole = (simulate(MIRRORS_LAYOUT, numerics, mirrors=used).field for used in (True, False))
    return relative_error(quarter, whole)


def main(folder: Path) -> None:
    """Run what is missing and print one table per wavelength."""
    for wavelength in FINE:
        wanted = list(comparisons(wavelength))
        run([task for each in wanted for task in (each.tried, each.true)], folder)
        mirrors = mirrors_error(wavelength)
        if communicator().rank == 0:
            rows = [(each.what, number(_error(each, folder))) for each in wanted]
            rows.append(("mirror planes (against none)", number(mirrors)))
            for pixels in PIXELS[wavelength]:
                error = interpolation_error(Platform(), usual(wavelength, pixels), RADIUS)
                rows.append((f"interpolation to the samples, {pixels} pixels", number(error)))
            title = f"Error budget at {wavelength:g} µm, random {LAYOUT.count} × {LAYOUT.count} layout"
            Table(title, ("what", "relative error"), tuple(rows)).print()


def _error(comparison: Comparison, folder: Path) -> float:
    tried, true = (NearField.load(folder / t.file_name).field for t in (comparison.tried, comparison.true))
    return relative_error(tried, true)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("runs/budget"))
