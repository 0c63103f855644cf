"""Design rules: what a fab can make.

The gap and the diameter of circles are defined once, here, and with arithmetic only: the optimiser computes
the same functions on torch tensors.
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
        min_diameter: smallest diameter that a pillar may have; of other shapes than circles, the smallest
            width anywhere: between two sides that face each other.
        min_gap: smallest distance that the walls of neighbouring pillars may have, diagonal ones included,
            and that opposite walls of a hole or notch may have.
        grid: step of which all radii, or other lengths, must be whole multiples; None leaves this unchecked.
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
            [M, 2, 2] centres of both pillars, which is one and the same for a hole or a notch.
        values: [M] what was found there: diameter, gap, distance of a length from the grid, or density.
        limit: the value that the rule allows.
        of: what the values are of, for messages.
    """

    rule: Rule
    positions: NDArray[np.float64]
    values: NDArray[np.float64]
    limit: float
    of: str = "radii"

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
            return f"{self.rule}: {len(self.values)} {self.of} lie off it, by up to {value:.2g} at {where}"
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
