"""Meep against RCWA on periodic cells of any shape, lattice and light, with nothing fitted.

    python benchmarks/periodic.py                   (about five minutes on one core)

The compensation of numerical dispersion is that of the defaults, half of it in every pillar. The error of
RCWA itself is measured against fewer orders.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metagen.base.norms import relative_error
from metagen.base.tables import Table, number
from metagen.device import Illumination, Lattice, materials
from metagen.device.atoms import Circle, Rectangle, Ring
from metagen.device.illumination import in_words
from metagen.device.sampling import monitor_height
from metagen.fdtd import Numerics
from metagen.fdtd.periodic import cell_field
from metagen.rcwa import Cell, make_cell, solve_cell

ORDERS, FEWER = 14, 11
TILT = math.radians(15)


@dataclass(frozen=True)
class Case:
    """One cell in one light, on one grid.

    Attributes:
        name: what it is.
        cell: what is compared.
        light: what it is lit with.
        pixels: along x, per side of the cell.
    """

    name: str
    cell: Cell
    light: Illumination
    pixels: int

    def truth(self, orders: int) -> NDArray[np.complex128]:
        """[nx, ny, 3] near field from RCWA."""
        height = monitor_height(float(self.cell.height), self.light.wavelength)
        solved = solve_cell(self.cell, self.light, orders=orders, given_tensors=False)
        return np.asarray(solved.near_field(height))

    def row(self) -> tuple[str, ...]:
        """Its line of the table."""
        true = self.truth(ORDERS)
        own = relative_error(self.truth(FEWER), true)
        numerics = Numerics(self.light.wavelength, self.pixels)
        started = time.perf_counter()
        error = relative_error(cell_field(self.cell, self.light, numerics), true)
        seconds = time.perf_counter() - started
        light = f"{self.light.wavelength:g} µm, {in_words(self.light)}"
        return self.name, light, f"{self.pixels}", number(error), f"{seconds:.1f}", number(own)


def titania_fin(degrees: float) -> Cell:
    """The fin of Khorasaninejad et al., Science 352, 1190 (2016), for 532 nm, turned."""
    fin = Rectangle(length=0.250, width=0.095, angle=(0.0, math.pi)).named_shape(angle=math.radians(degrees))
    titania, glass = (materials.shipped(name).index(0.532) for name in ("titanium_dioxide", "fused_silica"))
    return make_cell(fin, period=0.325, height=0.600, pillar=titania, substrate=glass.real)


def silicon_post(diameter: float) -> Cell:
    """The posts of Arbabi et al., Nat. Commun. 6, 7069 (2015), on a hexagonal lattice."""
    post = Circle(radius=(0.05, 0.35)).named_shape(radius=diameter / 2)
    return make_cell(post, lattice=Lattice.hexagonal(0.800), height=0.940, pillar=3.43, substrate=1.444)


def nitride_circles(*radii: float, index: complex = 2.0, lattice: Lattice | None = None) -> Cell:
    """Pillars of the paper's height and substrate."""
    shapes = tuple(Circle(radius=(0.01, 0.2)).named_shape(radius=radius) for radius in radii)
    where = Lattice.square(0.4431) if lattice is None else lattice
    return make_cell(shapes, lattice=where, height=0.633, pillar=index, substrate=1.45)


def cases() -> Iterator[Case]:
    """All comparisons."""
    for degrees in (0, 20, 45):
        for polarisation in ("x", "y"):
            light = Illumination(0.532, polarisation)
            yield Case(f"TiO2 fin, turned by {degrees}°", titania_fin(degrees), light, 16)
    for diameter in (0.20, 0.30, 0.40, 0.50, 0.55):
        light = Illumination(1.55, "x")
        yield Case(f"a-Si posts, hexagonal, diameter {diameter:g}", silicon_post(diameter), light, 24)
    yield Case("a-Si posts, hexagonal, diameter 0.3", silicon_post(0.3), Illumination(1.55, "left"), 24)
    for index, pixels in ((2 + 0.1j, 14), (2 + 0.5j, 20), (4 + 0.5j, 24)):
        name = f"absorbing circle, index {index.real:g} + {index.imag:g}i"
        yield Case(name, nitride_circles(0.12, index=index), Illumination(0.633), pixels)
    for polarisation in ("x", "y"):
        yield Case("circle", nitride_circles(0.10), Illumination(0.633, polarisation, TILT), 14)
        light = Illumination(0.532, polarisation, TILT, math.radians(30))
        yield Case("TiO2 fin, turned by 20°", titania_fin(20), light, 16)
    two = Lattice((0.8, 0.4431), ((-0.25, 0.0), (0.25, 0.0)))
    for polarisation in ("x", "y"):
        cell = nitride_circles(0.08, 0.14, lattice=two)
        yield Case("two circles, 0.8 × 0.4431", cell, Illumination(0.633, polarisation), 24)
    ring = Ring(outer=(0.1, 0.2), inner=0.08).named_shape(outer=0.16)
    cell = make_cell(ring, lattice=Lattice.rectangular(0.45, 0.50), height=0.633, pillar=2.0, substrate=1.45)
    yield Case("ring, 0.45 × 0.5", cell, Illumination(0.633, "right"), 14)
    gold = materials.shipped("gold").index(0.633)
    disc = Circle(radius=0.1).named_shape()
    cell = make_cell(disc, period=0.4, height=0.05, pillar=gold, substrate=1.45)
    yield Case("disc of gold", cell, Illumination(0.633), 32)


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    columns = ("cell", "light", "pixels along x", "relative error", "seconds", "RCWA's own error")
    rows = tuple(case.row() for case in cases())
    print(Table("Meep against RCWA", columns, rows).markdown())


if __name__ == "__main__":
    main()
