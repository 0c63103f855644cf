"""Gradient ascent on the radii of a device."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from metagen.base.errors import InputError, MetagenError, MismatchError
from metagen.base.files import content_hash
from metagen.base.validation import Positive, PositiveInt, checked
from metagen.design.device import Checkpoint, Device, read_checkpoint
from metagen.design.goal import Objective
from metagen.design.light import Light, optics_for
from metagen.design.methods import Climber, Method, Schedule
from metagen.design.model import Model, common_platform, known_range, model_hash
from metagen.design.optics import Optics
from metagen.design.variables import DesignSymmetry, Limits, Variables
from metagen.device.layout import Layout
from metagen.fab.rules import DesignRules


class OverBias(StrEnum):
    """How the figures of merit at several biases are made one number."""

    WORST = "worst"
    """The smallest of them."""
    MEAN = "mean"
    """Their mean."""


@checked
class OptimizerSettings:
    """How a device is optimised.

    Attributes:
        steps: how many iterations the optimiser makes.
        method: how the next device follows from the gradient.
        learning_rate: step size of Adam at the start, in the variables of the sigmoid (−2 to 2 spans 76 % of
            the radius range); L-BFGS finds its own.
        schedule: how the learning rate changes from step to step.
        symmetry: which sites have equal radii.
        minimum_gap: smallest gap between neighbouring pillars; it is kept by limiting every radius
            (:meth:`metagen.fab.DesignRules.radius_limits`).
        grid: radii are multiples of this length; None allows any radius.
        radius_bias: δ by which the process may make all radii too large or too small. The figure of merit is
            then computed for radii − δ, radii and radii + δ, at three times the cost; radii outside what the
            models know are moved to the nearest known one. None computes it for the radii alone.
        over_bias: how these three figures of merit are made one number.
        trial_steps: how many steps each start is optimised for at first, where there are several.
        save_every: how many steps lie between two writes of the device file.

    Raises:
        InputError: the method is L-BFGS, which needs a smooth objective, and there is a grid.
    """

    steps: PositiveInt = 200
    method: Method = Method.ADAM
    learning_rate: Positive = 0.1
    schedule: Schedule = Schedule.COSINE
    symmetry: DesignSymmetry = DesignSymmetry.MIRROR
    minimum_gap: Positive | None = None
    grid: Positive | None = None
    radius_bias: Positive | None = None
    over_bias: OverBias = OverBias.WORST
    trial_steps: PositiveInt = 50
    save_every: PositiveInt = 20

    def __post_init__(self) -> None:
        if self.method is Method.LBFGS and self.grid is not None:
            raise InputError(
                f"method is {self.method.value!r} and grid is {self.grid:g}: radii in steps leave nothing "
                "smooth to search along; use method 'adam', or go on with it on the grid"
            )


class NotFiniteError(MetagenError):
    """An objective or its gradient became NaN or infinite.

    Attributes:
        device: the best device before that; None if there was no earlier evaluation.
    """

    def __init__(self, message: str, device: Device | None) -> None:
        super().__init__(message)
        self.device = device


def climb(
    layout: Layout,
    models: Sequence[Model],
    objective: Objective,
    settings: OptimizerSettings | None = None,
    *,
    name: str | None = None,
    path: str | Path | None = None,
    progress: bool = True,
    notes: Mapping[str, str] | None = None,
) -> Device:
    """Optimise from one start; see :func:`metagen.design.optimize`.

    ``notes`` are added to the provenance of the device.
    """
    name = name or f"{layout.name}-designed"
    ascent = _Ascent.of(name, layout, models, objective, settings or OptimizerSettings(), notes or {})
    start = ascent.resume(path) if path is not None and Path(path).exists() else ascent.start()
    if ascent.finished(start):
        return ascent.device(start)
    state = start
    try:
        with _bar(start, ascent.evaluations, progress) as bar:
            for state in ascent.states(start):
                bar.set_postfix(
                    figure=f"{state.history[-1]:.4g}", best=f"{max(state.history):.4g}", refresh=False
                )
                bar.update()
                if path is not None and len(state.history) % ascent.settings.save_every == 0:
                    ascent.device(state).save(path, state)
    except KeyboardInterrupt:
        if not state.history:
            raise
    finally:
        if path is not None and state.history:
            ascent.device(state).save(path, state)
    return ascent.device(state)


@dataclass(frozen=True)
class _Ascent:
    """One optimisation: the objective that it maximises, and the variables that it changes."""

    name: str
    layout: Layout
    optics: Sequence[Optics]
    objective: Objective
    settings: OptimizerSettings
    variables: Variables
    key: str
    model_hashes: dict[float, str]
    notes: Mapping[str, str]

    @classmethod
    def of(
        cls,
        name: str,
        layout: Layout,
        models: Sequence[Model],
        objective: Objective,
        settings: OptimizerSettings,
        notes: Mapping[str, str],
    ) -> _Ascent:
        common_platform(models)
        hashes = {model.domain.wavelength: model_hash(model) for model in models}
        return cls(
            name,
            layout,
            optics_for(layout, models),
            objective,
            settings,
            Variables.of(layout, [_limits(models, settings)], settings.symmetry),
            _key(layout.hash, list(hashes.values()), objective, settings),
            hashes,
            notes,
        )

    @property
    def evaluations(self) -> int:
        """Number of evaluations: one for the start and one for every step."""
        return self.settings.steps + 1

    def finished(self, state: Checkpoint) -> bool:
        return len(state.history) == self.evaluations

    def start(self) -> Checkpoint:
        first = self.variables.start()
        return Checkpoint(self.key, first, best=first, history=(), optimizer=b"")

    def resume(self, path: str | Path) -> Checkpoint:
        state = read_checkpoint(path)
        if state.key != self.key:
            raise MismatchError(
                f"{path} was made by another optimisation (other start, models, objective or settings); "
                "delete it or choose another path"
            )
        return state

    def states(self, state: Checkpoint) -> Iterator[Checkpoint]:
        """The state after each step that is still to do."""

        def evaluate(variables: Tensor) -> tuple[float, Tensor]:
            return self.evaluate(variables, state)

        unit = abs(state.history[0]) or 1.0 if state.history else 0.0
        climber = Climber(self.settings.method, state.variables, evaluate, state.optimizer, unit)
        while not self.finished(state):
            at = climber.variables.detach().clone()
            figure = climber.step(self.rate(len(state.history)))
            state = Checkpoint(
                key=self.key,
                variables=climber.variables.detach().clone(),
                best=at if figure > max(state.history, default=-math.inf) else state.best,
                history=(*state.history, figure),
                optimizer=climber.state,
            )
            yield state

    def rate(self, step: int) -> float:
        """Step size of Adam in a step."""
        return self.settings.learning_rate * self.settings.schedule.factor(step / self.evaluations)

    def evaluate(self, at: Tensor, state: Checkpoint) -> tuple[float, Tensor]:
        """Figure of merit and its gradient at some variables; ``state`` is for the error message."""
        variables = at.clone().requires_grad_()
        figure = self.figure(self.variables.values(variables))
        if (
            not isinstance(figure, Tensor)
            or figure.ndim != 0
            or figure.is_complex()
            or not figure.requires_grad
        ):
            raise InputError(
                f"the objective returned {figure!r}; it must return one real number (a torch tensor without "
                "dimensions) that depends on the light"
            )
        (gradient,) = torch.autograd.grad(figure, variables)
        reached = float(figure.detach())
        if not (math.isfinite(reached) and gradient.isfinite().all()):
            raise NotFiniteError(
                f"step {len(state.history)}: the figure of merit is {reached}, and "
                f"{int((~gradient.isfinite()).sum())} of {gradient.numel()} components of its gradient are "
                "not finite; look for a logarithm, root or quotient of 0 in the objective",
                self.device(state) if state.history else None,
            )
        return reached, gradient

    def figure(self, radii: Tensor) -> Tensor:
        """The objective of some radii; with a radius bias, that of all three biases together."""
        bias = self.settings.radius_bias
        low, high = known_range([each.model for each in self.optics])
        shifts = [0.0] if bias is None else [-bias, 0.0, bias]
        shifted = [(radii + shift).clamp(low, high) if shift else radii for shift in shifts]
        figures = [self.objective(Light(self.optics, each)) for each in shifted]
        if bias is None:
            return figures[0]
        together = torch.stack(figures)
        return together.min() if self.settings.over_bias is OverBias.WORST else together.mean()

    def device(self, state: Checkpoint) -> Device:
        """The best device so far."""
        return Device(
            self.layout.platform,
            self.variables.exact(state.best),
            name=self.name,
            provenance={
                "family": "design",
                "start": self.layout.name,
                "start_hash": self.layout.hash,
                "models": json.dumps(self.model_hashes),
                "objective": _name(self.objective),
                "figure": repr(max(state.history)),
                "steps": f"{len(state.history) - 1} of {self.settings.steps}",
                **_place(self.objective),
                **self.notes,
            },
            history=np.array(state.history),
            finished=self.finished(state),
        )


def _bar(state: Checkpoint, total: int, show: bool) -> tqdm[NoReturn]:
    return tqdm(
        total=total, initial=len(state.history), unit="step", desc="design", disable=not show, mininterval=1
    )


def _limits(models: Sequence[Model], settings: OptimizerSettings) -> Limits:
    """The radii that the platform, all models and the gap allow."""
    rules = DesignRules(min_diameter=0.0, min_gap=settings.minimum_gap or 0.0)
    smallest, largest = rules.radius_limits(models[0].domain.platform)
    low, high = known_range(models)
    return Limits(max(smallest, low), min(largest, high), settings.grid)


def is_result_of(
    path: str | Path,
    start: str,
    models: Sequence[Model],
    objective: Objective,
    settings: OptimizerSettings,
) -> bool:
    """Whether the device file at ``path`` is of this optimisation, with a start of this content hash."""
    return read_checkpoint(path).key == _key(start, list(map(model_hash, models)), objective, settings)


def _key(start: str, models: list[str], objective: Objective, settings: OptimizerSettings) -> str:
    """Hash of all that determines the result; a plain function counts by its name only."""
    described = asdict(settings)
    del described["save_every"]
    return content_hash(start, described, _name(objective), *models)


def _place(objective: object) -> dict[str, str]:
    """Distance of the first goal of an objective, as a device records it; empty if there are no goals."""
    for parts in ("parts", "goals"):
        if inner := getattr(objective, parts, ()):
            return _place(inner[0])
    return {"distance": repr(float(objective.points()[0, 2]))} if hasattr(objective, "points") else {}


def _name(objective: Objective) -> str:
    """What the objective is, in words that are the same in every process: without addresses of functions."""
    described = is_dataclass(objective) or not hasattr(objective, "__qualname__")
    return re.sub(" at 0x[0-9a-f]+", "", repr(objective)) if described else str(objective.__qualname__)
