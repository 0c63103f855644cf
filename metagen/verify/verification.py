"""How well a device reaches its goals: as the surrogates predict, and as Meep simulates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from metagen.base.errors import InputError, MismatchError
from metagen.data.dataset import expand
from metagen.data.nearfield import NearField
from metagen.design import Goal, Light, Model
from metagen.design.model import name_of
from metagen.design.questions import DepthAlongAxis, FocusOnAxis, Question, RingAroundAxis, SquareOnAxis
from metagen.device.layout import Layout
from metagen.surrogate import Domain
from metagen.surrogate.domain import Components
from metagen.surrogate.known import admitted
from metagen.verify.metrics import (
    DepthOfFocus,
    FocusMetrics,
    RingMetrics,
    SquareMetrics,
    Wavefront,
    depth_of_focus,
    focus_metrics,
    ring_metrics,
    square_metrics,
)

Metrics = FocusMetrics | SquareMetrics | RingMetrics | DepthOfFocus

SCAN = 121
"""Number of distances at which the intensity on the axis is computed for a depth of focus."""
SCAN_FROM, SCAN_TO = 0.5, 3.5
"""The scan goes from this part of the nearest distance of a goal to this multiple of its farthest one."""


@dataclass(frozen=True)
class Reached:
    """How far a device reaches one goal.

    Attributes:
        goal: what was wanted.
        predicted: the goal's value as the surrogate predicts it; None without a surrogate.
        verified: the goal's value from the same components of the simulated field.
    """

    goal: Goal
    predicted: float | None
    verified: float

    @property
    def gap(self) -> float | None:
        """predicted / verified − 1; None without a prediction, and where there is no light."""
        return self.predicted / self.verified - 1 if self.predicted is not None and self.verified else None


@dataclass(frozen=True)
class Verification:
    """One device, simulated at every wavelength of its goals.

    Attributes:
        device: name of the layout.
        goals: how far it reaches each goal, in the order of the design.
        metrics: the metrics of each goal, from all three components of the simulated field; None for a goal
            without metrics.
    """

    device: str
    goals: tuple[Reached, ...]
    metrics: tuple[Metrics | None, ...]

    @property
    def verified(self) -> float:
        """The least value of all goals over their targets, as simulated."""
        return min(reached.verified / reached.goal.target for reached in self.goals)

    @property
    def predicted(self) -> float | None:
        """The least value of all goals over their targets, as predicted; None if a goal has no prediction."""
        values = [(reached.predicted, reached.goal.target) for reached in self.goals]
        shares = [value / target for value, target in values if value is not None]
        return min(shares) if len(shares) == len(values) else None

    @property
    def gap(self) -> float | None:
        """The largest |predicted / verified − 1| of all goals; None if a goal has no prediction."""
        gaps = [abs(reached.gap) for reached in self.goals if reached.gap is not None]
        return max(gaps) if len(gaps) == len(self.goals) else None


class Simulated:
    """A simulated near field in the place of a model; it answers for the one device that was simulated."""

    def __init__(self, near: NearField, components: Components = 1) -> None:
        """Use 1 (Ex) or all 3 components of a near field."""
        self._near = near
        layout, platform = near.layout, near.layout.platform
        pillars = layout.values[layout.present].T
        self.domain = Domain(
            platform=platform,
            illumination=near.illumination,
            samples=near.samples,
            known=tuple(
                (float(own.min(initial=each.low)), float(own.max(initial=each.high)))
                for each, own in zip(platform.atom.parameters, pillars, strict=True)
            ),
            components=components,
        )

    def __call__(self, values: Tensor, present: Tensor | None = None) -> Tensor:
        """[C, Nx·n, Ny·m] the simulated field.

        Raises:
            MismatchError: the pillars are not those of the simulated device.
        """
        layout = self._near.layout
        given = admitted(layout.platform, values, present)
        own = torch.tensor(layout.values, dtype=values.dtype), torch.tensor(layout.present)
        if not all(torch.equal(one, other) for one, other in zip(given, own, strict=True)):
            raise MismatchError(
                f"this near field is of the device {layout.name!r}, and the light behind another device was "
                "asked for: simulate that one, or predict it by a surrogate"
            )
        return torch.tensor(self._near.field[..., self.domain.axes]).movedim(-1, 0)


def verify(
    layout: Layout, near_fields: Sequence[NearField], goals: Sequence[Goal], models: Sequence[Model] = ()
) -> Verification:
    """Measure a simulated device.

    Args:
        layout: the device.
        near_fields: of this device, one for every light of the goals, or x and y light of which it is made.
        goals: what it was designed for.
        models: the surrogates to compare the simulation with; none for no prediction.

    Raises:
        MismatchError: a near field is of another device, or a goal's light was not simulated.
    """
    for near in near_fields:
        if near.layout.hash != layout.hash:
            raise MismatchError(f"the near field is of {near.layout.name}, another device than {layout.name}")
    simulated = values(goals, layout, as_predicted(near_fields, models, otherwise=3))
    predicted = values(goals, layout, models) if models else [None] * len(goals)
    whole = [Simulated(near, components=3) for near in near_fields]
    return Verification(
        device=layout.name,
        goals=tuple(map(Reached, goals, predicted, simulated)),
        metrics=tuple(metrics_of_goals(goals, layout, whole)),
    )


def as_predicted(
    near_fields: Sequence[NearField], models: Sequence[Model], otherwise: Components
) -> list[Simulated]:
    """Simulated near fields, each with as many components as the model of its light predicts.

    Args:
        near_fields: the near fields, one per wavelength and polarisation.
        models: the models, likewise.
        otherwise: number of components for light without a model.
    """

    def components(near: NearField) -> Components:
        known = (m.domain.components for m in models if m.domain.illumination.is_like(near.illumination))
        return next(known, otherwise)

    return [Simulated(near, components(near)) for near in near_fields]


def values(goals: Sequence[Goal], layout: Layout, models: Sequence[Model]) -> list[float]:
    """The value of each goal with the light that the models give behind a layout.

    Raises:
        MismatchError: a model is of another platform, or a goal's light has no model.
    """
    light = Light.behind(layout, models)
    with torch.no_grad():
        return [float(goal(light)) for goal in goals]


def metrics_of_goals(goals: Sequence[Goal], layout: Layout, models: Sequence[Model]) -> list[Metrics | None]:
    """The metrics that belong to each goal, of the light that the models give behind a layout.

    Goals that ask for the same metrics are measured once.
    """
    light, found = Light.behind(layout, models), dict[tuple[object, ...], Metrics]()
    answers: list[Metrics | None] = []
    for goal in goals:
        question = goal.question
        if question is None:
            answers.append(None)
            continue
        key = (goal.illumination, goal.analyser, question)
        if key not in found:
            found[key] = answer(question, wavefront(goal, light, layout))
        answers.append(found[key])
    return answers


def wavefront(goal: Goal, light: Light, layout: Layout) -> Wavefront:
    """The field that a goal looks at: of its light, through its analyser."""
    wave = goal.wave(light)
    with torch.no_grad():
        return Wavefront(wave.near_field, wave.sample_spacings, wave.illumination, layout.platform)


def near_fields_of(layout: Layout, paths: Iterable[str | Path]) -> list[NearField]:
    """The near fields of a device among files and folders of files, one per wavelength.

    Folders may also hold layouts and devices, as those of :func:`metagen.verify.refinement.refine` do.

    Raises:
        InputError, FormatError: see :meth:`metagen.NearField.load`; also a folder without files, or two of
            the same light.
    """
    found: dict[Path, NearField] = {}
    for path in expand(paths):
        near = NearField.load(path)
        if near.layout.hash != layout.hash:
            continue
        twin = next((one for one, of in found.items() if of.illumination.is_like(near.illumination)), None)
        if twin is not None:
            raise InputError(
                f"{twin} and {path} are both near fields of {layout.name}, {name_of(near.illumination)}; "
                "give the one that counts"
            )
        found[path] = near
    return list(found.values())


def answer(question: Question, wave: Wavefront) -> Metrics:
    """Measure the answer to a goal's question about a wave."""
    match question:
        case FocusOnAxis():
            return focus_metrics(wave, question.distance)
        case SquareOnAxis():
            return square_metrics(wave, question.distance, question.width)
        case RingAroundAxis():
            return ring_metrics(wave, question.distance, question.radius, question.half_width)
        case DepthAlongAxis():
            ends = (math.log10(SCAN_FROM * question.nearest), math.log10(SCAN_TO * question.farthest))
            return depth_of_focus(wave, torch.logspace(*ends, SCAN, dtype=torch.float64))
