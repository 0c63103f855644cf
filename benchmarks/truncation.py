"""What the default truncation of RCWA leaves, and what a tolerance costs.

    python benchmarks/truncation.py                 (about three minutes on one core)

The truth is t extrapolated from 12 and 18 orders. Costs are processor time, over that of the default, of
cells that are solved one by one.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from metagen.base.tables import Table, number
from metagen.device import Illumination, Lattice, Platform
from metagen.device.atoms import Circle, Rectangle
from metagen.rcwa import solve
from metagen.rcwa.accuracy import extrapolated
from metagen.rcwa.solver import ORDERS

TRUTH, TOLERANCE, CELLS = (12, 18), 1e-3, 13


@dataclass(frozen=True)
class Case:
    """Cells of one platform in one light.

    Attributes:
        name: what they are.
        platform: lattice, meta-atom and media.
        light: what they are lit with.
        parameter: that changes from cell to cell.
        values: of the parameter.
    """

    name: str
    platform: Platform
    light: Illumination
    parameter: str
    values: NDArray[np.float64]

    def t(self, value: float, **how: float) -> complex:
        """Field ratio of one cell."""
        return complex(solve(self.platform, self.light, **how, **{self.parameter: value}).t)  # type: ignore[arg-type]

    def true(self, value: float) -> complex:
        """The same, in the limit of many orders."""
        coarse, fine = (torch.tensor(self.t(value, orders=orders)) for orders in TRUTH)
        return complex(extrapolated(coarse, fine, *TRUTH))

    def row(self) -> tuple[str, ...]:
        """Its line of the table."""
        true = [self.true(value) for value in self.values]
        default, cost = timed(lambda: [self.t(value) for value in self.values])
        reached, more = timed(lambda: [self.t(value, tolerance=TOLERANCE) for value in self.values])
        left, kept = (np.abs(np.subtract(found, true)) for found in (default, reached))
        return (
            self.name,
            f"{self.light.wavelength:g}",
            *(number(float(each)) for each in (np.median(left), left.max())),
            f"{self.parameter} {self.values[left.argmax()]:.3g}",
            number(float(kept.max())),
            f"{more / cost:.1f}",
        )


def timed(compute: Callable[[], list[complex]]) -> tuple[list[complex], float]:
    """What is computed, and the seconds of processor time that it took."""
    started = time.process_time()
    found = compute()
    return found, time.process_time() - started


def cases() -> Iterator[Case]:
    """The paper's circles at both wavelengths, fins at any angle, and posts of silicon."""
    circles, radii = Platform(), np.linspace(0.05, 0.17, CELLS)
    for wavelength in (0.633, 0.400):
        yield Case("circles of silicon nitride", circles, Illumination(wavelength), "radius", radii)
    fin = Rectangle(length=0.25, width=0.095, angle=(0.0, math.pi))
    fins = Platform(
        lattice=Lattice.square(0.325),
        atom=fin,
        height=0.6,
        pillar="titanium_dioxide",
        substrate="fused_silica",
    )
    angles = np.linspace(0.0, math.pi / 4, 4)
    yield Case("TiO2 fins", fins, Illumination(0.532, "left"), "angle", angles)
    posts = Platform(
        lattice=Lattice.hexagonal(0.8), atom=Circle((0.1, 0.25)), height=0.94, pillar=3.43, substrate=1.444
    )
    silicon = np.linspace(0.10, 0.25, CELLS)
    yield Case("silicon posts, hexagonal", posts, Illumination(1.55), "radius", silicon)


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    columns = (
        "cells",
        "wavelength (µm)",
        f"orders={ORDERS}: median error",
        "largest",
        "at",
        f"tolerance={TOLERANCE:g}: largest error",
        "cost of it",
    )
    print(Table("Truncation", columns, tuple(case.row() for case in cases())).markdown())


if __name__ == "__main__":
    main()
