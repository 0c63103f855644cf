"""Design rules: what a fab can make, checked exactly, in time and memory proportional to the pillars.

The gap and the diameter are defined once, here, and with arithmetic only: the optimiser computes the same
functions on torch tensors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metagen.base.errors import InputError
from metagen.base.validation import FromToml, Positive, checked
from metagen.device.layout import Layout
from metagen.device.platform import Platform

if TYPE_CHECKING:
    import torch

Values = TypeVar("Values", "NDArray[np.float64]", "torch.Tensor")

Step = tuple[int, int]
NEIGHBOURS: tuple[Step, ...] = ((1, 0), (0, 1), (1, 1), (1, -1))
"""Steps to four of the eight neighbours; the other four are the same pairs seen from the other pillar."""
ROUNDING = 1e-9
"""A value this close to its limit counts as kept: sums of floats are uncertain by this much (µm)."""


class Rule(StrEnum):
    """The rules that a layout may break."""

    MIN_DIAMETER = "minimum diameter"
    MIN_GAP = "minimum gap"
    GRID = "grid"
    MAX_DENSITY = "maximum density"


@checked
class DesignRules(FromToml):
    """What a fab can make; lengths in micrometres.

    Attributes:
        min_diameter: smallest diameter that a pillar may have.
        min_gap: smallest distance that the walls of neighbouring pillars may have, diagonal ones included.
        grid: step of which all radii must be whole multiples; None leaves this unchecked.
        max_density: largest share of the area that pillars may cover in any window; None leaves this
            unchecked.
        density_window: side of the square window for ``max_density``, rounded to whole lattice cells; a
            smaller device is one window.
    """

    min_diameter: Annotated[float, Field(ge=0)] = 0.1
    min_gap: Annotated[float, Field(ge=0)] = 0.1
    grid: Positive | None = None
    max_density: Annotated[float, Field(gt=0, le=1)] | None = None
    density_window: Positive = 10.0

    def radius_limits(self, platform: Platform) -> tuple[float, float]:
        """Return the smallest and the largest radius that keep diameter and gap whatever the neighbours are.

        Raises:
            InputError: there are no such radii on this platform.
        """
        smallest = max(platform.radius_min, self.min_diameter / 2)
        largest = min(platform.radius_max, (platform.period - self.min_gap) / 2)
        if smallest > largest:
            raise InputError(
                f"min_diameter is {self.min_diameter:g} and min_gap {self.min_gap:g}: no radius in "
                f"{platform.radius_min:g} .. {platform.radius_max:g} on a period of {platform.period:g} "
                "keeps both; relax one of them"
            )
        return smallest, largest


@dataclass(frozen=True, eq=False)
class Violation:
    """All the places where one rule is broken.

    Attributes:
        rule: the rule that is broken.
        positions: [M, 1, 2] centres of the pillars (or, for the density, of the windows), or, for gaps,
            [M, 2, 2] centres of both pillars.
        values: [M] what was found there: diameter, gap, distance of the radius from the grid, or density.
        limit: the value that the rule allows.
    """

    rule: Rule
    positions: NDArray[np.float64]
    values: NDArray[np.float64]
    limit: float

    @property
    def worst(self) -> int:
        """Index of the place that is farthest from the limit."""
        return int(np.abs(self.values - self.limit).argmax())

    def __repr__(self) -> str:
        """The rule, the number of places and the worst of them, without the arrays."""
        return f"<{self}>"

    def __str__(self) -> str:
        where = " and ".join(f"({x:.4f}, {y:.4f})" for x, y in self.positions[self.worst])
        value = self.values[self.worst]
        if self.rule is Rule.GRID:
            return f"{self.rule}: {len(self.values)} radii lie off it, by up to {value:.2g} at {where}"
        return f"{self.rule} {self.limit:g}: {len(self.values)} violations, the worst {value:.4g} at {where}"


def diameter(radii: Values) -> Values:
    """Return the diameters of pillars of these radii."""
    return 2 * radii


def neighbours(values: Values, step: Step) -> tuple[Values, Values]:
    """Return the values [..., N, N] at the first and at the second site of all pairs (di ≥ 0, dj) apart."""
    (rows, columns), (di, dj) = values.shape[-2:], step
    first = values[..., : rows - di, max(0, -dj) : columns - max(0, dj)]
    second = values[..., di:, max(0, dj) : columns - max(0, -dj)]
    return first, second


def gap(radii: Values, period: float, step: Step) -> Values:
    """Return the distances between the walls of pillars that are ``step`` apart, from radii [..., N, N]."""
    first, second = neighbours(radii, step)
    return period * math.hypot(*step) - first - second


def check(layout: Layout, rules: DesignRules) -> tuple[Violation, ...]:
    """Find every place where a layout breaks a rule.

    Args:
        layout: the device.
        rules: what the fab can make.

    Returns:
        One :class:`Violation` per broken rule; empty if the layout keeps them all.

    Raises:
        InputError: ``min_gap`` is larger than the period, so that pillars beyond the eight neighbours count.
    """
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
    return tuple(violation for violation in found if violation.values.size)


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
