"""What the surrogates predict of a device beside what Meep finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.design import Disc, Focus, Light, Line, Model, Ring
from metagen.design.light import Optics
from metagen.design.objectives import Goal
from metagen.errors import MismatchError
from metagen.layout import Layout
from metagen.metrics import FocusMetrics, RingMetrics, Wavefront, focus_metrics, ring_metrics
from metagen.nearfield import NearField
from metagen.surrogate import Domain


@dataclass(frozen=True)
class Reached:
    """How far a device reaches one goal.

    Attributes:
        goal: what was wanted.
        predicted: the goal's value according to the surrogate; None without one.
        verified: the same number from the simulated Ex.
    """

    goal: Goal
    predicted: float | None
    verified: float


@dataclass(frozen=True)
class Verification:
    """One device, simulated at every wavelength of its goals.

    Attributes:
        device: name of the layout.
        goals: in the order of the design.
        metrics: measured on all three components of the simulated field; None for a goal without metrics.
    """

    device: str
    goals: tuple[Reached, ...]
    metrics: tuple[FocusMetrics | RingMetrics | None, ...]

    @property
    def verified(self) -> float:
        """The worst goal, simulated."""
        return min(reached.verified for reached in self.goals)

    @property
    def predicted(self) -> float | None:
        """The worst goal, predicted; None where one has no prediction."""
        values = [reached.predicted for reached in self.goals]
        return None if None in values else min(value for value in values if value is not None)


class Simulated:
    """A simulated near field in the place of a model: it knows one device, and answers with its Ex."""

    def __init__(self, near: NearField) -> None:
        self._near = near
        platform, radii = near.layout.platform, near.layout.radii[near.layout.radii > 0]
        self.domain = Domain(
            platform=platform,
            wavelength=near.wavelength,
            samples=near.samples,
            radius_low=min(float(radii.min()), platform.radius_min),
            radius_high=max(float(radii.max()), platform.radius_max),
        )

    def __call__(self, radii: Tensor) -> Tensor:
        """The simulated Ex [N·n, N·n]; the radii are those of the simulated device."""
        return torch.from_numpy(self._near.field[..., 0].copy())


def verify(
    layout: Layout, near_fields: Sequence[NearField], goals: Sequence[Goal], models: Sequence[Model] = ()
) -> Verification:
    """Measure a simulated device.

    Args:
        layout: the device.
        near_fields: of this device, one per wavelength of the goals.
        goals: what it was designed for.
        models: the surrogates whose prediction is to stand beside it.

    Raises:
        MismatchError: a near field is of another device, or a goal's wavelength was not simulated.
    """
    for near in near_fields:
        if near.layout.hash != layout.hash:
            raise MismatchError(f"the near field is of {near.layout.name}, another device than {layout.name}")
    simulated = values(goals, layout, [Simulated(near) for near in near_fields])
    predicted = values(goals, layout, models) if models else [None] * len(goals)
    waves = {near.wavelength: Wavefront.of(near) for near in near_fields}
    return Verification(
        device=layout.name,
        goals=tuple(map(Reached, goals, predicted, simulated)),
        metrics=tuple(_metrics(goal, waves[goal.wavelength]) for goal in goals),
    )


def values(goals: Sequence[Goal], layout: Layout, models: Sequence[Model]) -> list[float]:
    """The value of each goal with the light that the models give behind a layout."""
    light = Light([Optics(model) for model in models], torch.tensor(layout.radii, dtype=torch.float32))
    with torch.no_grad():
        return [float(goal(light)) for goal in goals]


def _metrics(goal: Goal, wave: Wavefront) -> FocusMetrics | RingMetrics | None:
    match goal:
        case Focus(distance=distance, x=0, y=0):
            return focus_metrics(wave, distance)
        case Ring(distance=distance, radius=radius):
            return ring_metrics(wave, distance, radius)
        case Disc() | Focus() | Line():
            return None
