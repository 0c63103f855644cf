"""The cells solved with metagen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

import metagen as mg
from metagen.rcwa.accuracy import coarse_orders, extrapolated
from rcwa_cases.cells import Cell

PLAIN, EXTRAPOLATED = "metagen", "metagen, extrapolated"
ORDERS = {PLAIN: (3, 4, 5, 6, 7, 8, 9, 10, 12, 14), EXTRAPOLATED: (5, 6, 7, 8, 9, 10, 12, 15)}
REPEATS, ENOUGH_S = 20, 0.5
"""A solve is repeated so many times, or until that many seconds are over; the fastest counts."""
LIMIT_S = 0.5
"""Seconds per solve above which no finer truncation is tried."""


def light(cell: Cell) -> mg.Illumination:
    """Light along x, or of both polarisations."""
    return mg.Illumination(cell.wavelength, "left" if cell.both else "x", polar=cell.polar)


def solver(cell: Cell, name: str, orders: int) -> Callable[[], Any]:
    """What solves a cell; it returns the Jones matrix, or t alone as one."""
    platform, of_light = cell.platform, light(cell)

    def plain(number: int) -> mg.rcwa.UnitCell:
        return mg.rcwa.solve(platform, of_light, orders=number)

    def asked_for(solved: mg.rcwa.UnitCell) -> torch.Tensor:
        return torch.as_tensor(solved.jones if cell.both else [[solved.t]])

    def limit() -> Any:
        both = [plain(number) for number in (coarse_orders(orders), orders)]
        values = [asked_for(one) for one in both]
        return extrapolated(*values, *(one.solution.effective_orders for one in both)).tolist()

    return limit if name == EXTRAPOLATED else lambda: asked_for(plain(orders)).tolist()


def setting(name: str, orders: int) -> str:
    """The truncation in words."""
    return f"M={coarse_orders(orders)}, {orders}" if name == EXTRAPOLATED else f"M={orders}"


def timed(solve: Callable[[], Any]) -> tuple[Any, float]:
    """What a solve returns, and the processor seconds of the fastest repeat; the first one does not count."""
    result, least, begin = solve(), float("inf"), time.perf_counter()
    for _ in range(REPEATS):
        start = time.process_time()
        result = solve()
        least = min(least, time.process_time() - start)
        if time.perf_counter() - begin > ENOUGH_S:
            break
    return result, least


def without_pillar(cell: Cell) -> Any:
    """[2, 2] Jones matrix of substrate and cover alone; plane waves, so that any truncation is exact."""
    both = mg.Illumination(cell.wavelength, "left", polar=cell.polar)
    return mg.rcwa.solve(cell.without_pillar.platform, both, orders=4).jones
