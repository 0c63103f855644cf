"""Objectives made of several goals."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.base.validation import Positive, checked
from metagen.design.goal import Aimed, Lit, Objective, power_mean
from metagen.design.light import Light
from metagen.device.illumination import Illumination


@dataclass(frozen=True)
class WorstOf:
    """The smallest of several objectives: maximising it improves the worst (the paper's eq. 12).

    The value of a goal counts in units of its target.

    Attributes:
        goals: the objectives.
        sharpness: None takes the smallest itself. A number s takes the power mean of exponent −s of
            positive goals; it is smooth, better goals count as well, and it nears the smallest as s grows.

    Raises:
        InputError: there is no goal, or the sharpness is not positive.
    """

    goals: tuple[Objective, ...]
    sharpness: float | None = None

    def __post_init__(self) -> None:
        if not self.goals:
            raise InputError("WorstOf has no goals; give at least one")
        if self.sharpness is not None and not self.sharpness > 0:
            raise InputError(f"sharpness is {self.sharpness:g}; it must be positive, or None")

    def __call__(self, light: Light) -> Tensor:
        reached = torch.stack([_measured(goal, light) for goal in self.goals], dim=-1)
        return reached.amin(-1) if self.sharpness is None else power_mean(reached, -self.sharpness)


@dataclass(frozen=True)
class Sum:
    """The sum of several objectives, for example of goals and a penalty such as :class:`Trust`.

    Attributes:
        parts: the objectives.

    Raises:
        InputError: there are no objectives.
    """

    parts: tuple[Objective, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise InputError("Sum has no parts; give at least one")

    def __call__(self, light: Light) -> Tensor:
        return torch.stack([part(light) for part in self.parts], dim=-1).sum(-1)


@checked
class Trust(Lit):
    """A penalty that keeps a device where its model is known to be right: −weight · expected error.

    Attributes:
        wavelength: wavelength in vacuum.
        weight: factor of the expected relative error of the near field
            (:attr:`metagen.design.Wave.expected_error`), averaged over the cells.
    """

    wavelength: Positive
    weight: Positive = 1.0

    @classmethod
    def of(cls, light: Illumination, weight: float) -> Trust:
        """The penalty in some light."""
        return cls(
            light.wavelength,
            weight,
            polarisation=light.polarisation,
            polar=light.polar,
            azimuth=light.azimuth,
        )

    def __call__(self, light: Light) -> Tensor:
        return -self.weight * light[self.illumination].expected_error.mean((-2, -1))


def worst_of(*goals: Objective, sharpness: float | None = None) -> WorstOf:
    """The smallest of the goals given as arguments, see :class:`WorstOf`."""
    return WorstOf(goals, sharpness)


def _measured(goal: Objective, light: Light) -> Tensor:
    value = goal(light)
    return value / goal.target if isinstance(goal, Aimed) else value
