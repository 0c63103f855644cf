"""What all goals have in common, and the points and means that they are made of."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor

from metagen.base.validation import Positive, checked, in_radians
from metagen.design.light import Light, Wave
from metagen.design.questions import Question
from metagen.device.illumination import Azimuth, Illumination, Polar, Polarisation

Objective = Callable[[Light], Tensor]
"""Maps the light behind a device to one real number, to be maximised."""

CIRCLE = 32
"""Number of points on a circle by default."""


@checked
class Lit:
    """What says which light is meant, beside a wavelength in vacuum.

    In a file the angles may be given in degrees, as ``polar_deg`` and ``azimuth_deg``.

    Attributes:
        polarisation: of the light that meets the device: "x", "y", "left", "right" or a Jones vector.
        polar: angle of the light with the z axis (:class:`metagen.Illumination`).
        azimuth: angle of its transverse wave vector with the x axis.
    """

    polarisation: Polarisation = Field(default="x", kw_only=True)
    polar: Polar = Field(default=0.0, kw_only=True)
    azimuth: Azimuth = Field(default=0.0, kw_only=True)

    @model_validator(mode="before")
    @classmethod
    def _angles(cls, given: Any) -> Any:
        return in_radians(given, "polar", "azimuth") if isinstance(given, dict) else given

    @property
    def illumination(self) -> Illumination:
        """The light that meets the device."""
        wavelength: float = self.wavelength  # type: ignore[attr-defined]
        return Illumination(wavelength, self.polarisation, self.polar, self.azimuth)


@checked
class Aimed(Lit, ABC):
    """What all goals have in common.

    Attributes:
        analyser: what part of the light counts: its projection on "x", "y", "left", "right" or a Jones
            vector; None for all of it. The models must then predict all components of the field.
        target: the value that counts as 1 where the goal is weighed against others
            (:func:`metagen.design.worst_of`); it does not change the goal's own value.
        in_turn: whether a matched start (:func:`metagen.design.matched`) serves each source by a zone of the
            device, instead of all sources by the whole area.
    """

    analyser: Polarisation | None = Field(default=None, kw_only=True)
    target: Positive = Field(default=1.0, kw_only=True)
    in_turn: ClassVar[bool] = False

    def wave(self, light: Light) -> Wave:
        """The light that the goal looks at."""
        wave = light[self.illumination]
        return wave if self.analyser is None else wave.analysed(self.analyser)

    @property
    def label(self) -> str:
        """What it is called in tables."""
        return str(getattr(self, "kind", type(self).__name__))

    @abstractmethod
    def points(self) -> Tensor:
        """[P, 3] points at which the intensity is taken."""

    def sources(self) -> Tensor:
        """[P, 3] points at which light should come together; :func:`metagen.design.matched` traces it back
        from there to the device."""
        return self.points()

    @property
    def question(self) -> Question | None:
        """What is measured to judge the goal by metrics; None if there are no metrics for it."""
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


def circle_points(radius: float, distance: float, count: int = CIRCLE) -> Tensor:
    """[count, 3] points on a circle around the axis; they have both mirror planes if count is even."""
    angles = [2 * math.pi * (m + 0.5) / count for m in range(count)]
    return points_at([(radius * math.cos(a), radius * math.sin(a), distance) for a in angles])


def spiral_points(inner: float, outer: float, distance: float, count: int) -> Tensor:
    """[count, 3] points between two circles around the axis; each stands for the same area."""
    number = torch.arange(count, dtype=torch.float64) + 0.5
    rho = (inner**2 + (outer**2 - inner**2) * number / count).sqrt()
    angle = math.pi * (3 - math.sqrt(5)) * number
    return torch.stack([rho * angle.cos(), rho * angle.sin(), torch.full_like(rho, distance)], dim=1)


def points_at(positions: list[tuple[float, float, float]]) -> Tensor:
    """[P, 3] the positions as a tensor in double precision."""
    return torch.tensor(positions, dtype=torch.float64)
