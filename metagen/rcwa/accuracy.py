"""The limit of many orders, and how far a truncated solve is from it.

With Li's rules and a smooth normal field the error of t falls as (orders + ½)⁻³, with a ripple on top. Two
truncations, 2/3·orders and orders, remove the trend; a third one between them measures the ripple.

Energy balance says nothing here: it holds to rounding at every truncation, unless the pillars absorb.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

ORDER_OF_CONVERGENCE = 3
RIPPLE = 0.25
"""Least error that is ever claimed, in units of |Δε|·(orders + ½)⁻³ for each wall of the pillar: truncations
may agree by chance. With it the claim was above a third of the true error in all of 162 solves of circles,
rings, ellipses and squares of index 1.6 to 3.5, with 6 to 15 orders."""
LADDER = (6, 9, 12, 15, 18, 22, 27, 33)
"""Numbers of orders that are tried in turn."""

Orders = int | tuple[int, int]
"""A truncation: one number of orders, or one along x and one along y."""


def extrapolated(coarse: Tensor, fine: Tensor, coarse_orders: float, fine_orders: float) -> Tensor:
    """The limit of many orders, from two truncations of anything linear in the field."""
    ratio = ((coarse_orders + 0.5) / (fine_orders + 0.5)) ** ORDER_OF_CONVERGENCE
    return fine + (fine - coarse) * ratio / (1 - ratio)


def coarse_orders(orders: int) -> int:
    """The truncation that a finer one is compared with."""
    return max(1, round(orders * 2 / 3))


def compared_with(orders: Orders) -> tuple[Orders, Orders]:
    """The two coarser truncations, of which the second is between the first and the given one."""
    if isinstance(orders, tuple):
        along_x, along_y = (_compared_with(number) for number in orders)
        return (along_x[0], along_y[0]), (along_x[1], along_y[1])
    return _compared_with(orders)


def _compared_with(orders: int) -> tuple[int, int]:
    coarse = min(coarse_orders(orders), max(orders - 2, 0))
    return coarse, max(orders - 2, coarse + 1) if orders else 0


def estimated_errors(values: Sequence[Tensor], orders: Sequence[float]) -> tuple[Tensor, Tensor]:
    """[...] how far the finest value is from the limit, and how far the limit may be from the truth.

    The latter is the former, or the difference of two ways to find the limit if that is larger.

    Args:
        values: [..., k] with the two coarser truncations of :func:`compared_with` and with the finest.
        orders: effective orders of each truncation.
    """
    coarse, near, fine = (value.detach() for value in values)
    limit = extrapolated(coarse, fine, orders[0], orders[2])
    other = extrapolated(coarse, near, orders[0], orders[1])
    step, ripple = ((limit - value).abs().amax(-1) for value in (fine, other))
    return step, torch.maximum(step, ripple)


def least_possible(error: float, orders: int, more: int) -> float:
    """What is left of an error if it falls with more orders as it does for smooth shapes of dielectrics."""
    return error * ((orders + 0.5) / (more + 0.5)) ** ORDER_OF_CONVERGENCE


def least_error(contrast: Tensor, orders: float) -> Tensor:
    """[...] the least error that is claimed where permittivities differ by so much over all walls."""
    return RIPPLE * contrast * (orders + 0.5) ** -ORDER_OF_CONVERGENCE
