"""How far a truncated solve is from the limit of many orders, and that limit by extrapolation.

With Li's rules and a smooth normal field the error of t falls as (orders + ½)⁻³, with a ripple on top. Two
truncations, 2/3·orders and orders, remove the trend; a third one between them measures the ripple.

Energy balance says nothing here: it holds to rounding at every truncation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from metagen.base.errors import SimulationError
from metagen.rcwa.result import Estimate, UnitCell
from metagen.rcwa.shapes import Ring

ORDER_OF_CONVERGENCE = 3
RIPPLE = 0.25
"""Least error that is ever claimed, in units of |Δε|·(orders + ½)⁻³ for each wall of the pillar: truncations
may agree by chance. With it the claim was above a third of the true error in all of 162 solves of circles,
rings, ellipses and squares of index 1.6 to 3.5, with 6 to 15 orders."""
LADDER = (6, 9, 12, 15, 18, 22, 27, 33)
"""Numbers of orders that are tried in turn."""


def extrapolated(coarse: Tensor, fine: Tensor, coarse_orders: int, fine_orders: int) -> Tensor:
    """The limit of many orders, from two truncations of anything linear in the field."""
    ratio = ((coarse_orders + 0.5) / (fine_orders + 0.5)) ** ORDER_OF_CONVERGENCE
    return fine + (fine - coarse) * ratio / (1 - ratio)


def coarse_orders(orders: int) -> int:
    """The truncation that a finer one is compared with."""
    return max(1, round(orders * 2 / 3))


def estimate(solve: Callable[[int], UnitCell], orders: int) -> UnitCell:
    """Solve at a truncation and at two smaller ones; the result has t extrapolated, and its estimated error.

    Args:
        solve: from a number of orders to a solved cell.
        orders: the finest truncation, at least 4.
    """
    coarse, fine = coarse_orders(orders), solve(orders)
    near = max(orders - 2, coarse + 1)
    t_coarse, t_fine = solve(coarse).fields.top[..., 0], fine.fields.top[..., 0]
    limit = extrapolated(t_coarse, t_fine, coarse, orders)
    other = extrapolated(t_coarse, solve(near).fields.top[..., 0], coarse, near)
    error = torch.stack([limit - t_fine, limit - other]).abs().amax(0)
    error = torch.maximum(error, _least_error(fine, orders))
    return UnitCell(
        fine.cell, fine.wavelength, fine.fields, Estimate(limit, error.detach()), fine.given_tensors
    )


def _least_error(solved: UnitCell, orders: int) -> Tensor:
    contrast = (solved.cell.pillar**2 - solved.cell.cover**2).abs()
    walls = 2 if isinstance(solved.cell.shape, Ring) else 1
    return RIPPLE * walls * contrast.detach() * (orders + 0.5) ** -ORDER_OF_CONVERGENCE


def to_tolerance(solve: Callable[[int], UnitCell], tolerance: float) -> UnitCell:
    """Raise the number of orders until the estimated error of t is at most ``tolerance`` in every cell.

    Raises:
        SimulationError: the largest number of orders that is tried does not suffice.
    """
    for orders in LADDER:
        solved = estimate(solve, orders)
        assert solved.estimate is not None
        worst = float(solved.estimate.error.max())
        if worst <= tolerance:
            return solved
    raise SimulationError(
        f"the estimated error of t is still {worst:.1e} with {LADDER[-1]} orders; tolerance is "
        f"{tolerance:g}: raise it, or keep clear of the resonance"
    )
