"""Gradient ascent on the radii of a device."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from metagen.design.device import Device, Progress, read_progress
from metagen.design.light import Light, Model, Optics, common_platform, model_hash
from metagen.design.objectives import Objective
from metagen.design.variables import Limits, Symmetry, Variables
from metagen.errors import InputError, MetagenError, MismatchError
from metagen.fab.rules import DesignRules
from metagen.files import content_hash
from metagen.layout import Layout
from metagen.validation import Positive, PositiveInt, checked

EPSILON = 1e-12
"""Keeps Adam from dividing by zero; far below any gradient of a figure of merit of order one."""


@checked
class OptimizerSettings:
    """How a device is optimised.

    Attributes:
        steps: of Adam.
        learning_rate: of the first step, in the variables of the sigmoid (4 of them span 76 % of the radius
            range); it falls to 0 as a half cosine.
        symmetry: which sites share one radius.
        minimum_gap: between neighbouring pillars; kept by the limits of every radius
            (:meth:`metagen.fab.DesignRules.radius_limits`).
        grid: radii are multiples of this; none for any radius.
        radius_bias: δ of a process that makes all radii too large or too small: the figure of merit is the
            worst of the radii − δ, as they are, and + δ, at three times the cost; none for the radii alone.
        save_every: steps between two writes of the device file.
    """

    steps: PositiveInt = 200
    learning_rate: Positive = 0.1
    symmetry: Symmetry = Symmetry.MIRROR
    minimum_gap: Positive | None = None
    grid: Positive | None = None
    radius_bias: Positive | None = None
    save_every: PositiveInt = 20


class NotFiniteError(MetagenError):
    """An objective or its gradient became NaN or infinite.

    Attributes:
        device: the best device before that; None if it was the first evaluation.
    """

    def __init__(self, message: str, device: Device | None) -> None:
        super().__init__(message)
        self.device = device


def optimize(
    layout: Layout,
    models: Sequence[Model],
    objective: Objective,
    settings: OptimizerSettings | None = None,
    *,
    name: str | None = None,
    path: str | Path | None = None,
    progress: bool = True,
) -> Device:
    """Change the radii of a layout to maximise an objective, by Adam.

    The result depends on the arguments alone. With ``path`` the best device so far is written there every few
    steps, with the state of the optimiser: called again with the same arguments, an optimisation that was
    killed goes on and ends with the same device, and one that had ended returns at once. Ctrl-C stops it
    early: the best device is written, and returned with ``finished=False``.

    Args:
        layout: where to start.
        models: one per wavelength.
        objective: maps the light behind a device to a real number; larger is better.
        settings: of the optimiser.
        name: of the device; by default that of the layout with "-designed" appended.
        path: of the device file (HDF5).
        progress: whether to show a progress bar with the figure of merit and the time left.

    Returns:
        The best device of all steps, with its history.

    Raises:
        InputError: the start lacks a pillar or the symmetry, or nothing lies between the limits.
        MismatchError: layout and models are of different platforms, an objective asks for a wavelength
            without a model, or the file at ``path`` is of another optimisation.
        NotFiniteError: the objective or its gradient is not finite; the error holds the best device before
            that, and so does ``path``.
    """
    name = name or f"{layout.name}-designed"
    ascent = _Ascent.of(name, layout, models, objective, settings or OptimizerSettings())
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
    """One optimisation: what it maximises and over what."""

    name: str
    layout: Layout
    optics: Sequence[Optics]
    objective: Objective
    settings: OptimizerSettings
    variables: Variables
    key: str
    model_hashes: dict[float, str]

    @classmethod
    def of(
        cls,
        name: str,
        layout: Layout,
        models: Sequence[Model],
        objective: Objective,
        settings: OptimizerSettings,
    ) -> _Ascent:
        platform = common_platform(models)
        if layout.platform != platform:
            raise MismatchError(
                f"layout {layout.name!r} is of {layout.platform}, the models of {platform}; use models that "
                "were trained for the layout's platform"
            )
        hashes = {model.domain.wavelength: model_hash(model) for model in models}
        return cls(
            name,
            layout,
            [Optics(model) for model in models],
            objective,
            settings,
            Variables.of(layout, _limits(models, settings), settings.symmetry),
            _key(layout, list(hashes.values()), objective, settings),
            hashes,
        )

    @property
    def evaluations(self) -> int:
        """The start and every step."""
        return self.settings.steps + 1

    def finished(self, state: Progress) -> bool:
        return len(state.history) == self.evaluations

    def start(self) -> Progress:
        first = self.variables.start(self.layout)
        zero = torch.zeros_like(first)
        return Progress(self.key, first, zero, zero, best=first, history=())

    def resume(self, path: str | Path) -> Progress:
        state = read_progress(path)
        if state.key != self.key:
            raise MismatchError(
                f"{path} was made by another optimisation (other start, models, objective or settings); "
                "delete it or choose another path"
            )
        return state

    def states(self, state: Progress) -> Iterator[Progress]:
        """The state after each evaluation that is still to do."""
        while not self.finished(state):
            figure, gradient = self.evaluate(state)
            state = _adam(state, figure, gradient, self.rate(len(state.history)))
            yield state

    def rate(self, step: int) -> float:
        """Half a cosine from the learning rate to 0."""
        return self.settings.learning_rate * (1 + math.cos(math.pi * step / self.evaluations)) / 2

    def evaluate(self, state: Progress) -> tuple[float, Tensor]:
        """Figure of merit and gradient."""
        variables = state.variables.clone().requires_grad_()
        figure = self.figure(self.variables.radii(variables))
        if figure.ndim != 0 or figure.is_complex() or not figure.requires_grad:
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
        """The objective, at its worst bias if one is set."""
        bias = self.settings.radius_bias
        biased = [radii] if bias is None else [radii - bias, radii, radii + bias]
        figures = [self.objective(Light(self.optics, each)) for each in biased]
        return figures[0] if bias is None else torch.stack(figures).min()

    def device(self, state: Progress) -> Device:
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
            },
            history=np.array(state.history),
            finished=self.finished(state),
        )


def _bar(state: Progress, total: int, show: bool) -> tqdm[NoReturn]:
    return tqdm(
        total=total, initial=len(state.history), unit="step", desc="design", disable=not show, mininterval=1
    )


def _adam(state: Progress, figure: float, gradient: Tensor, rate: float) -> Progress:
    """One step uphill (D. Kingma and J. Ba, arXiv 1412.6980, algorithm 1 with its default constants)."""
    time = len(state.history) + 1
    first = 0.9 * state.first + 0.1 * gradient
    second = 0.999 * state.second + 0.001 * gradient.square()
    change = (first / (1 - 0.9**time)) / ((second / (1 - 0.999**time)).sqrt() + EPSILON)
    return replace(
        state,
        variables=state.variables + rate * change,
        first=first,
        second=second,
        best=state.variables if figure > max(state.history, default=-math.inf) else state.best,
        history=(*state.history, figure),
    )


def _limits(models: Sequence[Model], settings: OptimizerSettings) -> Limits:
    """What the platform, all models, the bias and the gap allow."""
    domains = [model.domain for model in models]
    platform = domains[0].platform
    bias = settings.radius_bias or 0.0
    rules = DesignRules(min_diameter=0.0, min_gap=settings.minimum_gap or 0.0)
    smallest, largest = rules.radius_limits(platform)
    low = max(smallest, *(domain.radius_low + bias for domain in domains))
    high = min(largest, *(domain.radius_high - bias for domain in domains))
    return Limits(low, high, settings.grid)


def _key(layout: Layout, models: list[str], objective: Objective, settings: OptimizerSettings) -> str:
    """Hash of all that determines the result; of a plain function only its name is known."""
    described = asdict(settings)
    del described["save_every"]
    return content_hash(layout.hash, described, _name(objective), *models)


def _name(objective: Objective) -> str:
    described = is_dataclass(objective) or not hasattr(objective, "__qualname__")
    return repr(objective) if described else str(objective.__qualname__)
