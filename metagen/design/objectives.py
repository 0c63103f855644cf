"""Goals: what the light behind a device should do, as numbers to maximise.

A goal is a function of :class:`metagen.design.Light`. Those here average the relative intensity
(:meth:`metagen.design.Wave.relative_intensity`) over points, so each is a number without unit between 0 and
about 1, whatever its wavelength and shape, and goals can be compared with each other. Of the light behind
several devices they give one number each. Any torch function of the light is an objective just as well::

    def objective(light):
        return light[0.633].intensity(points).mean() - light[0.400].intensity(points).mean()
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from metagen.design.light import Light
from metagen.errors import InputError
from metagen.validation import Positive, PositiveInt, checked

Objective = Callable[[Light], Tensor]
"""Maps the light behind a device to one real number, to be maximised."""


@checked
class Focus:
    """Intensity at one point: the paper's figure of merit at 633 nm (eq. 10), negated.

    Attributes:
        wavelength: in vacuum.
        distance: from the monitor plane.
        x: position of the focus.
        y: position of the focus.
    """

    wavelength: Positive
    distance: Positive
    x: float = 0.0
    y: float = 0.0
    kind: Literal["focus"] = "focus"

    def points(self) -> Tensor:
        """[1, 3] where the intensity is taken."""
        return _points([(self.x, self.y, self.distance)])

    def __call__(self, light: Light) -> Tensor:
        return light[self.wavelength].relative_intensity(self.points()).mean(-1)


@checked
class Ring:
    """Mean intensity on a circle around the axis: the paper's figure of merit at 400 nm (eq. 11), negated.

    Attributes:
        wavelength: in vacuum.
        distance: from the monitor plane.
        radius: of the circle.
        count: points on it; they should be closer than half the width of a focus.
    """

    wavelength: Positive
    distance: Positive
    radius: Positive = 1.5
    count: PositiveInt = 32
    kind: Literal["ring"] = "ring"

    def points(self) -> Tensor:
        """[count, 3] where the intensity is taken; symmetric about both mirror planes if count is even."""
        angles = [2 * math.pi * (m + 0.5) / self.count for m in range(self.count)]
        return _points(
            [(self.radius * math.cos(a), self.radius * math.sin(a), self.distance) for a in angles]
        )

    def __call__(self, light: Light) -> Tensor:
        return light[self.wavelength].relative_intensity(self.points()).mean(-1)


@checked
class Disc:
    """Mean intensity over a disc around the axis, which follows the power through it for narrow cones.

    Attributes:
        wavelength: in vacuum.
        distance: from the monitor plane.
        radius: of the disc.
        count: points on it, evenly spread on a spiral; they should be closer than half the width of a focus.
    """

    wavelength: Positive
    distance: Positive
    radius: Positive
    count: PositiveInt = 32
    kind: Literal["disc"] = "disc"

    def points(self) -> Tensor:
        """[count, 3] where the intensity is taken."""
        turns = (3 - math.sqrt(5)) / 2
        polar = [(self.radius * math.sqrt((m + 0.5) / self.count), m * turns) for m in range(self.count)]
        return _points(
            [
                (rho * math.cos(2 * math.pi * turn), rho * math.sin(2 * math.pi * turn), self.distance)
                for rho, turn in polar
            ]
        )

    def __call__(self, light: Light) -> Tensor:
        return light[self.wavelength].relative_intensity(self.points()).mean(-1)


@checked
class Line:
    """Geometric mean of the intensity at points on the axis, which is largest where the sum of logarithms is.

    The paper's extended depth of focus is ``distances=range(50, 151, 10)`` (eq. 13).

    Attributes:
        wavelength: in vacuum.
        distances: from the monitor plane.
    """

    wavelength: Positive
    distances: Annotated[tuple[Positive, ...], Field(min_length=1)]
    kind: Literal["line"] = "line"

    def points(self) -> Tensor:
        """[P, 3] where the intensity is taken."""
        return _points([(0.0, 0.0, z) for z in self.distances])

    def __call__(self, light: Light) -> Tensor:
        return light[self.wavelength].relative_intensity(self.points()).log().mean(-1).exp()


Goal = Focus | Ring | Disc | Line


@dataclass(frozen=True)
class WorstOf:
    """The smallest of several objectives: maximising it improves the worst (the paper's eq. 12).

    Attributes:
        goals: the objectives.

    Raises:
        InputError: there is none.
    """

    goals: tuple[Objective, ...]

    def __post_init__(self) -> None:
        if not self.goals:
            raise InputError("WorstOf has no goals; give at least one")

    def __call__(self, light: Light) -> Tensor:
        return torch.stack([goal(light) for goal in self.goals]).min()


def worst_of(*goals: Objective) -> WorstOf:
    """:class:`WorstOf` of the arguments."""
    return WorstOf(goals)


def _points(positions: list[tuple[float, float, float]]) -> Tensor:
    return torch.tensor(positions, dtype=torch.float64)
