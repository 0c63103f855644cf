"""P1: free-form silicon metagratings that send light at normal incidence to 50 degrees.

Patterns and numbers: NanoComp/photonics-opt-testbed, Metagrating3D (MIT licence); M. Chen et al., J. Opt.
Soc. Am. B 41, A161 (2024). The files are not part of this repository.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

import numpy as np

from metagen.device import Illumination, Lattice
from metagen.device.sampling import sample_points
from metagen.fdtd import Numerics
from metagen.fdtd.periodic import cell_field
from metagen.rcwa import Layer, Stack, make_cell, solve_stack
from published_cases.claim import Claim
from published_cases.patterns import Pattern

WAVELENGTH = 1.05
PITCH = (WAVELENGTH / math.sin(math.radians(50)), WAVELENGTH / 2)
HEIGHT, SILICON, SILICA = 0.325, 3.45, 1.45

ORDERS, FEWER = (28, 11), (20, 8)
"""Largest |m| and |n|: those that pixels of 12 nm can tell apart, and fewer, to see what is left."""
LINE_ORDERS, FEWER_LINE_ORDERS = (60, 0), (40, 0)
"""The same where nothing changes along y."""
SETTLED = 0.01
"""Change between the two truncations above which a warning is printed."""

MEEP = Numerics(WAVELENGTH, pixels_per_period=60, pml=0.5, decay=1e-6, max_time=800.0)
"""A pixel along x is two of the pattern. The gratings ring for long: at a time of 200 the power may still be
off by 0.01."""
SAMPLES = 48
"""Samples along x, at least, from which the amplitude of an order is taken."""

PUBLISHED = {
    "device1": (0.957, 0.955),
    "device2": (0.933, 0.938),
    "device3": (0.966, 0.950),
}
"""RETICOLO and Meep."""


def rcwa(pattern: Pattern) -> float:
    """Power into the transmitted order (+1, 0) over the incident power; warns if more orders would matter."""
    few, many = (FEWER_LINE_ORDERS, LINE_ORDERS) if pattern.is_line_grating else (FEWER, ORDERS)
    coarse, fine = rcwa_with(pattern, few), rcwa_with(pattern, many)
    if abs(fine - coarse) > SETTLED:
        print(
            f"{pattern.name}: {coarse:.4f} with {few} orders, {fine:.4f} with {many}: more would change it",
            file=sys.stderr,
        )
    return fine


def rcwa_with(pattern: Pattern, orders: tuple[int, int]) -> float:
    """The same for one truncation."""
    filled = pattern.repeated((4 * orders[0] + 1, 4 * orders[1] + 1))
    layer = Layer(np.where(filled, SILICON**2, 1.0), HEIGHT)
    stack = Stack(Lattice.rectangular(*PITCH), (layer,), SILICA)
    channels = solve_stack(stack, Illumination(WAVELENGTH, "x"), orders=orders).transmitted
    wanted = [(m, n) == (1, 0) for m, n in zip(channels.m, channels.n, strict=True)]
    return float(channels.power[wanted].sum())


def meep(pattern: Pattern) -> float:
    """The same from Meep's field half a wavelength above the silicon."""
    lattice, shapes = pattern.pillars(PITCH)
    cell = make_cell(shapes, lattice=lattice, height=HEIGHT, pillar=SILICON, substrate=SILICA)
    field = cell_field(cell, Illumination(WAVELENGTH, "x"), MEEP, samples=SAMPLES)
    x = sample_points(1, len(field), PITCH[0])
    amplitude = (field.mean(1) * np.exp(-2j * np.pi * x / PITCH[0])[:, None]).mean(0)
    return float((np.abs(amplitude) ** 2).sum() * math.cos(math.radians(50)) / SILICA)


SOLVERS = (rcwa, meep)


def claims(patterns: list[Pattern], with_meep: bool) -> Iterator[Claim]:
    """The devices whose numbers are published."""
    for pattern in patterns:
        if pattern.name not in PUBLISHED:
            continue
        names = ("RETICOLO", "Meep")[: 1 + with_meep]
        for published, name, solver in zip(PUBLISHED[pattern.name], names, SOLVERS, strict=False):
            ours = solver(pattern)
            yield Claim(
                f"P1 {pattern.name}, {name}",
                "power in order (+1, 0)",
                f"{published:.3f}",
                f"{ours:.4f}",
                f"{ours - published:+.4f}",
                "truncation of both" if name == "RETICOLO" else "grid of both",
            )
