"""P1: free-form silicon metagratings that send light at normal incidence to 50 degrees.

Patterns and numbers: NanoComp/photonics-opt-testbed, Metagrating3D (MIT licence); M. Chen et al., J. Opt.
Soc. Am. B 41, A161 (2024). The files are not part of this repository.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from metagen.device import Illumination, Lattice
from metagen.rcwa import Layer, Stack, solve_stack
from published_cases.claim import Claim
from published_cases.grating import HEIGHT, PITCH, SILICA, SILICON, WAVELENGTH
from published_cases.grating_in_meep import meep
from published_cases.patterns import Pattern

ORDERS, FEWER = (28, 11), (20, 8)
"""Largest |m| and |n|: those that pixels of 12 nm can tell apart, and fewer, to see what is left."""
LINE_ORDERS, FEWER_LINE_ORDERS = (60, 0), (40, 0)
"""The same where nothing changes along y."""
SETTLED = 0.01
"""Change between the two truncations above which a warning is printed."""

PUBLISHED = {
    "device1": (0.957, 0.955),
    "device2": (0.933, 0.938),
    "device3": (0.966, 0.950),
}
"""RETICOLO and Meep."""


def rcwa(pattern: Pattern) -> float:
    """Power into the transmitted order (+1, 0) over the incident power; warns if more orders would matter."""
    coarse, fine = truncations(pattern)
    if abs(fine - coarse) > SETTLED:
        print(
            f"{pattern.name}: {coarse:.4f}, and {fine:.4f} with more orders: still more would change it",
            file=sys.stderr,
        )
    return fine


def truncations(pattern: Pattern) -> tuple[float, float]:
    """The same with fewer and with more orders."""
    few, many = (FEWER_LINE_ORDERS, LINE_ORDERS) if pattern.is_line_grating else (FEWER, ORDERS)
    return rcwa_with(pattern, few), rcwa_with(pattern, many)


def rcwa_with(pattern: Pattern, orders: tuple[int, int]) -> float:
    """The same for one truncation."""
    filled = pattern.repeated((4 * orders[0] + 1, 4 * orders[1] + 1))
    layer = Layer(np.where(filled, SILICON**2, 1.0), HEIGHT)
    stack = Stack(Lattice.rectangular(*PITCH), (layer,), SILICA)
    channels = solve_stack(stack, Illumination(WAVELENGTH, "x"), orders=orders).transmitted
    wanted = [(m, n) == (1, 0) for m, n in zip(channels.m, channels.n, strict=True)]
    return float(channels.power[wanted].sum())


SOLVERS = (rcwa, meep)


def claims(patterns: list[Pattern], with_meep: bool) -> Iterator[Claim]:
    """The devices whose numbers are published."""
    for pattern in patterns:
        if pattern.name not in PUBLISHED:
            continue
        reticolo, other_meep = PUBLISHED[pattern.name]
        coarse, fine = truncations(pattern)
        yield _claim(f"P1 {pattern.name}, RETICOLO", reticolo, fine, f"orders: {coarse:.4f} at {FEWER}")
        if with_meep:
            yield _claim(f"P1 {pattern.name}, Meep", other_meep, meep(pattern), "what a voxel makes of walls")


def _claim(case: str, published: float, ours: float, reason: str) -> Claim:
    difference = f"{ours - published:+.4f}"
    return Claim(case, "power in order (+1, 0)", f"{published:.3f}", f"{ours:.4f}", difference, reason)
