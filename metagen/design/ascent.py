"""Gradient ascent on the pillars of a device."""

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
from pydantic import Field
from torch import Tensor
from tqdm import tqdm

from metagen.base.claims import making
from metagen.base.contents import content_hash
from metagen.base.errors import InputError, MetagenError, MismatchError
from metagen.base.names import check_name
from metagen.base.threads import enough_threads
from metagen.base.validation import Positive, PositiveInt, checked
from metagen.design.device import Checkpoint, Device, read_checkpoint
from metagen.design.gaps import Gaps
from metagen.design.goal import Objective
from metagen.design.light import Light, optics_for
from metagen.design.methods import Climber, Method, Schedule
from metagen.design.model import Model, Pillars, common_platform, known_ranges, model_hash, name_of
from metagen.design.optics import Optics
from metagen.design.variables import DesignSymmetry, Limits, Variables
from metagen.device.atoms import Kind
from metagen.device.circles import CircleLimits
from metagen.device.layout import Layout
from metagen.device.platform import Platform
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
        limits: smallest and largest value of parameters by their names, narrower than what the models know.
        minimum_gap: smallest gap between neighbouring pillars. Circles keep it by limits of their radius
            (:meth:`metagen.fab.DesignRules.radius_limits`), other shapes by a penalty
            (:class:`metagen.design.gaps.Gaps`), which may leave a little; :func:`metagen.design.optimize`
            measures the gaps of the result exactly, and warns.
        grid: lengths are multiples of this; None allows any.
        edge_bias: δ by which the process may move the walls of all pillars outwards or inwards. The figure of
            merit is then computed for walls at −δ, 0 and δ, at three times the cost; lengths outside what the
            models know are moved to the nearest known one. None computes it for the pillars as they are.
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
    limits: Mapping[str, tuple[float, float]] = Field(default_factory=dict)
    minimum_gap: Positive | None = None
    grid: Positive | None = None
    edge_bias: Positive | None = None
    over_bias: OverBias = OverBias.WORST
    trial_steps: PositiveInt = 50
    save_every: PositiveInt = 20

    def __post_init__(self) -> None:
        if self.method is Method.LBFGS and self.grid is not None:
            raise InputError(
                f"method is {self.method.value!r} and grid is {self.grid:g}: lengths in steps leave nothing "
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
    name = check_name(name or f"{layout.name}-designed")
    ascent = _Ascent.of(name, layout, models, objective, settings or OptimizerSettings(), notes or {})
    if path is None:
        return _climb(ascent, None, progress)
    with making(Path(path), ascent.key):
        return _climb(ascent, path, progress)


def _climb(ascent: _Ascent, path: str | Path | None, progress: bool) -> Device:
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
    gaps: Gaps | None
    key: str
    model_hashes: dict[str, str]
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
        hashes = {_label(model): model_hash(model) for model in models}
        return cls(
            name,
            layout,
            optics_for(layout, models),
            objective,
            settings,
            Variables.of(layout, _limits(models, settings), settings.symmetry),
            _gaps(layout, settings),
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
        with enough_threads(self.layout.present.size):
            return self._evaluate(at, state)

    def _evaluate(self, at: Tensor, state: Checkpoint) -> tuple[float, Tensor]:
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

    def figure(self, values: Tensor) -> Tensor:
        """The objective of some pillars; with an edge bias, that of all three biases together."""
        bias = self.settings.edge_bias
        shifts = [0.0] if bias is None else [-bias, 0.0, bias]
        figures = [self.objective(self._light(values, shift)) for shift in shifts]
        figure = figures[0] if bias is None else self._together(torch.stack(figures))
        return figure if self.gaps is None else figure - self.gaps.penalty(values)

    def _together(self, figures: Tensor) -> Tensor:
        return figures.min() if self.settings.over_bias is OverBias.WORST else figures.mean()

    def _light(self, values: Tensor, shift: float) -> Light:
        """The light behind pillars whose walls have moved outwards."""
        pillars = Pillars.of(self.layout).with_values(values)
        if shift:
            ranges = known_ranges([each.model for each in self.optics])
            pillars = pillars.with_values(_moved(pillars, self.layout.platform, shift, ranges))
        return Light(self.optics, *pillars.arguments)

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
            present=self.layout.present,
        )


def _bar(state: Checkpoint, total: int, show: bool) -> tqdm[NoReturn]:
    return tqdm(
        total=total, initial=len(state.history), unit="step", desc="design", disable=not show, mininterval=1
    )


def _moved(pillars: Pillars, platform: Platform, by: float, known: Sequence[tuple[float, float]]) -> Tensor:
    """Values of pillars, in the form that these have, whose walls have moved outwards by a length.

    Lengths are kept within known ranges, and no pillar stays none.

    Raises:
        InputError: a length that would change is fixed.
    """
    atom, fixed = platform.atom, platform.atom.fixed_growth
    if fixed or not atom.growth:
        raise InputError(
            f"edge_bias moves the walls of pillars, and the model knows one {', '.join(fixed) or 'shape'} "
            f"of a {atom.kind} only; free it in the platform, or leave edge_bias away"
        )
    values, present = pillars.admitted(platform)
    grown = zip(values.unbind(-1), atom.free_growth.tolist(), known, strict=True)
    columns = [(own + by * rate).clamp(low, high) if rate else own for own, rate, (low, high) in grown]
    moved = torch.where(present[..., None], torch.stack(columns, -1), values)
    return moved.reshape(pillars.values.shape)


def _limits(models: Sequence[Model], settings: OptimizerSettings) -> list[Limits]:
    """The values that the platform, all models, the settings and, for circles, the gap allow."""
    platform, known = models[0].domain.platform, known_ranges(models)
    for name in settings.limits:
        platform.atom.position(name)
    if CircleLimits.of(platform.lattice, platform.atom) is not None:
        rules = DesignRules(min_diameter=0.0, min_gap=settings.minimum_gap or 0.0)
        allowed = [rules.radius_limits(platform)]
    else:
        allowed = [(parameter.low, parameter.high) for parameter in platform.atom.parameters]
    own = [settings.limits.get(each.name, (-math.inf, math.inf)) for each in platform.atom.parameters]
    return [
        Limits(
            max(low, smallest, least),
            min(high, largest, most),
            settings.grid if each.kind is Kind.LENGTH else None,
        )
        for each, (low, high), (smallest, largest), (least, most) in zip(
            platform.atom.parameters, known, allowed, own, strict=True
        )
    ]


def _gaps(layout: Layout, settings: OptimizerSettings) -> Gaps | None:
    """The penalty on small gaps, where limits alone do not keep them."""
    circles = CircleLimits.of(layout.platform.lattice, layout.platform.atom) is not None
    return None if circles or settings.minimum_gap is None else Gaps(layout, settings.minimum_gap)


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
    if not settings.limits:  # as in files of before there were any
        del described["limits"]
    return content_hash(start, described, _name(objective), *models)


def _place(objective: object) -> dict[str, str]:
    """Distance of the first goal of an objective, as a device records it; empty if there are no goals."""
    for parts in ("parts", "goals"):
        if inner := getattr(objective, parts, ()):
            return _place(inner[0])
    return {"distance": repr(float(objective.points()[0, 2]))} if hasattr(objective, "points") else {}


def _label(model: Model) -> str:
    """How the provenance of a device calls the model of some light."""
    light = model.domain.illumination
    return repr(light.wavelength) if light.is_plain else name_of(light)


def _name(objective: Objective) -> str:
    """What the objective is, in words that are the same in every process: without addresses of functions."""
    described = is_dataclass(objective) or not hasattr(objective, "__qualname__")
    return re.sub(" at 0x[0-9a-f]+", "", repr(objective)) if described else str(objective.__qualname__)
