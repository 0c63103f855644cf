"""How many cells a library takes, and how wrong it is at cells that it has never seen.

Fins of titanium dioxide (0.6 µm high, period 0.325 µm, on silica, at 0.532 µm), of whose ranges some are
crossed by guided-mode resonances: ``python benchmarks/library.py``
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from typing import Annotated

import numpy as np
import typer

import metagen as mg
from metagen.base.tables import Table, number

LIGHT = mg.Illumination(0.532)
LENGTH, WIDTH, ANGLE = (0.10, 0.26), (0.06, 0.15), (0.0, math.pi)
FINS = {
    "length": mg.atoms.Rectangle(length=LENGTH, width=0.095),
    "angle": mg.atoms.Rectangle(length=0.25, width=0.095, angle=ANGLE),
    "length, width; no resonance": mg.atoms.Rectangle(length=(0.16, 0.18), width=(0.08, 0.1)),
    "length, width": mg.atoms.Rectangle(length=LENGTH, width=WIDTH),
    "length, angle": mg.atoms.Rectangle(length=LENGTH, width=0.095, angle=ANGLE),
    "length, width, angle": mg.atoms.Rectangle(length=LENGTH, width=WIDTH, angle=ANGLE),
}
FRESH, SEED, DEVICE = 300, 1, 113 * 113


def main(
    orders: Annotated[int, typer.Option(help="Truncation.")] = 6,
    tolerance: Annotated[float, typer.Option(help="Of the interpolation.")] = 2e-3,
) -> None:
    """Compute the libraries and compare them with direct solves at random parameters."""
    warnings.simplefilter("ignore", mg.rcwa.LibraryWarning)
    sampling = mg.rcwa.LibrarySampling(orders=orders, tolerance=tolerance)
    Table(
        "Libraries of TiO2 fins",
        (
            "free",
            "cells",
            "processor time (s)",
            "held-out error",
            f"largest error at {FRESH} others",
            "median",
            f"evaluation of {DEVICE} pillars (s)",
        ),
        tuple(_row(name, sampling) for name in FINS),
        f"Errors of the Jones matrix; orders {orders}, tolerance {tolerance:g}.",
    ).print()


def _row(name: str, sampling: mg.rcwa.LibrarySampling) -> tuple[str, ...]:
    platform = mg.Platform(
        lattice=mg.Lattice.square(0.325),
        atom=FINS[name],
        height=0.6,
        pillar="titanium_dioxide",
        substrate="fused_silica",
    )
    start = time.process_time()
    library = mg.rcwa.Library.compute(platform, LIGHT, sampling)
    took = time.process_time() - start
    errors = np.array(list(_errors(library)))
    start = time.perf_counter()
    library(**_random(library, DEVICE))
    evaluation = time.perf_counter() - start
    shown = (took, library.held_out_error, errors.max(), np.median(errors), evaluation)
    return (name, str(library.samples.cells), *map(number, shown))


def _errors(library: mg.rcwa.Library) -> Iterator[float]:
    """Largest difference to direct solves at each of some random cells."""
    turns = any(parameter.name == "angle" for parameter in library.platform.atom.parameters)
    rule = mg.rcwa.Factorisation.NORMAL if turns else mg.rcwa.Factorisation.LI
    random = _random(library, FRESH)
    for place in range(0, FRESH, 25):
        given = {name: values[place : place + 25] for name, values in random.items()}
        orders = library.sampling.orders
        solved = mg.rcwa.solve(library.platform, LIGHT, orders=orders, factorisation=rule, **given)
        yield from np.abs(solved.jones - library(**given)).max((1, 2))


def _random(library: mg.rcwa.Library, count: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(SEED)
    return {p.name: random.uniform(p.low, p.high, count) for p in library.platform.atom.parameters}


if __name__ == "__main__":
    typer.run(main)
