"""What every goal has, and the points and means that goals are made of."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from metagen.base.validation import Positive, checked
from metagen.design.light import Light
from metagen.design.questions import Question

Objective = Callable[[Light], Tensor]
"""Maps the light behind a device to one real number, to be maximised."""

CIRCLE = 32
"""Points on a circle, where nothing else is said."""


@checked
class Aimed(ABC):
    """What every goal has.

    Attributes:
        target: the value that counts as 1 where the goal is weighed against others
            (:func:`metagen.design.worst_of`); it does not change the goal's own value.
        in_turn: whether a device serves the sources one after the other, each by a zone around its middle,
            and not all of them by all of its area.
    """

    target: Positive = Field(default=1.0, kw_only=True)
    in_turn: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """What it is called in tables."""
        return str(getattr(self, "kind", type(self).__name__))

    @abstractmethod
    def points(self) -> Tensor:
        """[P, 3] where the intensity is taken."""

    def sources(self) -> Tensor:
        """[P, 3] where light should come together: sent backwards from there, it says what a device should
        send out (:func:`metagen.design.matched`)."""
        return self.points()

    @property
    def question(self) -> Question | None:
        """What to measure to judge the goal by metrics; None where no metric is about it."""
        return None


def power_mean(values: Tensor, exponent: float) -> Tensor:
    """[...] power mean over the last axis of positive values [..., P]: (mean of v^p)^(1/p).

    Exponent 1 is the arithmetic mean, 0 the geometric, −1 the harmonic; −∞ would be the smallest value.
    """
    logarithms = values.log()
    if exponent == 0:
        return logarithms.mean(-1).exp()
    total = torch.logsumexp(exponent * logarithms, -1) - math.log(values.shape[-1])
    return (total / exponent).exp()


def circle(radius: float, distance: float, count: int = CIRCLE) -> Tensor:
    """[count, 3] points on a circle around the axis; if count is even, symmetric about both mirror planes."""
    angles = [2 * math.pi * (m + 0.5) / count for m in range(count)]
    return points_at([(radius * math.cos(a), radius * math.sin(a), distance) for a in angles])


def spiral(inner: float, outer: float, distance: float, count: int) -> Tensor:
    """[count, 3] points between two circles around the axis, each standing for the same area."""
    number = torch.arange(count, dtype=torch.float64) + 0.5
    rho = (inner**2 + (outer**2 - inner**2) * number / count).sqrt()
    angle = math.pi * (3 - math.sqrt(5)) * number
    return torch.stack([rho * angle.cos(), rho * angle.sin(), torch.full_like(rho, distance)], dim=1)


def points_at(positions: list[tuple[float, float, float]]) -> Tensor:
    """[P, 3] points in double precision."""
    return torch.tensor(positions, dtype=torch.float64)
