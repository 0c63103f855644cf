"""P9: cylinders on a hexagonal lattice in oblique, p-polarised light.

Example 2 of L. Li, J. Opt. Soc. Am. A 14, 2758 (1997), follows the convergence of the transmitted order
(−1, −2). The value is not at hand, so another program stands beside ours; what surrounds the cylinders is not
at hand either: here it is vacuum.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from metagen.device import Illumination, Lattice
from metagen.rcwa import circle, make_cell, solve_cell
from published_cases.claim import Claim

ORDER = (-1, -2)
TRUNCATIONS = (8, 12)
FMMAX = 0.0206
"""Power in that order over incident power by fmmax 1.7.1: `cylinders_fmmax.py` beside this file prints
0.02080, 0.02065 and 0.02060 with 163, 223 and 301 waves."""


def power(orders: int) -> float:
    """Power in the order, both polarisations, over incident power."""
    angle = math.radians(30)
    light = Illumination(0.5, (math.cos(angle), math.sin(angle)), polar=angle, azimuth=angle)
    cell = make_cell(circle(0.25), lattice=Lattice.hexagonal(1.0), height=0.5, pillar=1.6)
    channels = solve_cell(cell, light, orders=orders).transmitted
    wanted = [label == ORDER for label in zip(channels.m, channels.n, strict=True)]
    return float(channels.power[wanted].sum())


def claims() -> Iterator[Claim]:
    """One order, at the finer of two truncations."""
    coarse, fine = (power(orders) for orders in TRUNCATIONS)
    yield Claim(
        "P9 cylinders, hexagonal, 30° and azimuth 30°",
        "power in transmitted order (−1, −2)",
        f"{FMMAX} (fmmax)",
        f"{fine:.5f}",
        f"{fine - FMMAX:+.5f}",
        f"truncation of both: {coarse:.5f} with {TRUNCATIONS[0]} orders instead of {TRUNCATIONS[1]}",
    )
