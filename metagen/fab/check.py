"""Checking a layout against design rules: exactly, in time and memory proportional to the pillars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.device.layout import Layout
from metagen.fab.rules import NEIGHBOURS, ROUNDING, DesignRules, Rule, Violation, diameter, gap, neighbours
from metagen.fab.steps import is_circle


def check(layout: Layout, rules: DesignRules) -> tuple[Violation, ...]:
    """Find every place where a layout breaks a rule.

    Args:
        layout: the device.
        rules: what the fab can make.

    Returns:
        One :class:`Violation` per broken rule; empty if the layout keeps them all.

    Raises:
        InputError: of circles on a square lattice, ``min_gap`` is larger than the period, so that pillars
            beyond the eight neighbours count.
    """
    circles = layout.is_simple and is_circle(layout.platform.atom)
    found = _checks_of_circles(layout, rules) if circles else _checks_of_shapes(layout, rules)
    return tuple(violation for violation in found if violation.values.size)


def _checks_of_shapes(layout: Layout, rules: DesignRules) -> list[Violation]:
    from metagen.fab.check_shapes import checks_of_shapes  # the geometry library; circles need none

    return checks_of_shapes(layout, rules)


def _checks_of_circles(layout: Layout, rules: DesignRules) -> list[Violation]:
    if rules.min_gap > layout.platform.period:
        raise InputError(
            f"min_gap is {rules.min_gap:g}, larger than the period {layout.platform.period:g}; a gap is "
            "checked between a pillar and its eight neighbours; use a smaller min_gap"
        )
    found = [_check_diameter(layout, rules.min_diameter), _check_gap(layout, rules.min_gap)]
    if rules.grid is not None:
        found.append(_check_grid(layout, rules.grid))
    if rules.max_density is not None:
        found.append(_check_density(layout, rules.max_density, rules.density_window))
    return found


def _check_diameter(layout: Layout, limit: float) -> Violation:
    diameters = diameter(layout.radii)
    broken = (layout.radii > 0) & (diameters < limit - ROUNDING)
    return Violation(Rule.MIN_DIAMETER, _centres(layout, broken), diameters[broken], limit)


def _check_gap(layout: Layout, limit: float) -> Violation:
    x, y = np.broadcast_arrays(layout.positions[:, None], layout.positions[None, :])
    pairs, values = [], []
    for step in NEIGHBOURS:
        gaps = gap(layout.radii, layout.platform.period, step)
        first, second = neighbours(layout.radii, step)
        broken = (first > 0) & (second > 0) & (gaps < limit - ROUNDING)
        ends = zip(neighbours(x, step), neighbours(y, step), strict=True)  # of every pair
        pairs.append(np.stack([np.column_stack([a[broken], b[broken]]) for a, b in ends], axis=1))
        values.append(gaps[broken])
    return Violation(Rule.MIN_GAP, np.concatenate(pairs), np.concatenate(values), limit)


def _check_grid(layout: Layout, grid: float) -> Violation:
    distance = np.abs(layout.radii - np.rint(layout.radii / grid) * grid)
    broken = distance > ROUNDING
    return Violation(Rule.GRID, _centres(layout, broken), distance[broken], 0.0)


def _check_density(layout: Layout, limit: float, window: float) -> Violation:
    """Every placement of the window, by a table of sums from the corner."""
    period, count = layout.platform.period, layout.count
    side = min(max(1, round(window / period)), count)
    table = np.zeros((count + 1, count + 1))
    table[1:, 1:] = np.cumsum(np.cumsum(np.pi * (layout.radii / period) ** 2, axis=0), axis=1)
    covered = table[side:, side:] - table[:-side, side:] - table[side:, :-side] + table[:-side, :-side]
    density = covered / side**2
    broken = density > limit + ROUNDING
    corner = layout.positions[np.argwhere(broken)]
    centres = (corner + (side - 1) / 2 * period)[:, None]
    return Violation(Rule.MAX_DENSITY, centres, density[broken], limit)


def _centres(layout: Layout, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[M, 1, 2] positions of the sites in the mask."""
    return np.asarray(layout.positions[np.argwhere(mask)][:, None])
