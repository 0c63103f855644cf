"""The optimisers, with their state as bytes, so that an optimisation can go on exactly where it was."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from enum import StrEnum
from typing import cast

import torch
from torch import Tensor

EPSILON = 1e-12
"""Keeps Adam from dividing by zero; far below the gradients of a figure of merit of order one."""
MEMORY = 20
"""How many past steps L-BFGS remembers."""
FIRST_STEP = 0.1
"""Largest change of a variable where the first line search of L-BFGS begins."""
TINY = 1e-30
"""Keeps from dividing by a gradient that is all zeros."""
LINE_SEARCH = 20
"""Largest number of evaluations in one step of L-BFGS."""

FigureAndGradient = Callable[[Tensor], tuple[float, Tensor]]
"""Function from variables to the figure of merit and its gradient."""


class Method(StrEnum):
    """The optimisation method."""

    ADAM = "adam"
    """D. Kingma and J. Ba, arXiv 1412.6980: one evaluation per step; the objective may have kinks."""
    LBFGS = "lbfgs"
    """Quasi-Newton with a line search under the strong Wolfe conditions, for smooth objectives: one or more
    evaluations per step; a step never makes the figure of merit worse."""


class Schedule(StrEnum):
    """How the step size of Adam changes."""

    COSINE = "cosine"
    """The step size falls to 0 as half a cosine."""
    CONSTANT = "constant"
    """The step size stays the same."""

    def factor(self, share: float) -> float:
        """Factor of the first step size after this share of the steps."""
        return 1.0 if self is Schedule.CONSTANT else (1 + math.cos(math.pi * share)) / 2


class Climber:
    """Maximises a figure of merit by one of torch's optimisers, step by step.

    Attributes:
        variables: [K] variables to be evaluated next.
    """

    def __init__(
        self, method: Method, variables: Tensor, evaluate: FigureAndGradient, state: bytes, unit: float = 0.0
    ) -> None:
        """Begin, or go on from a state; the optimiser sees figures of merit in units of the first one."""
        self.variables = variables.clone().requires_grad_()
        self._evaluate = evaluate
        self._unit = unit
        self._known: list[tuple[Tensor, float, Tensor]] = []
        self._optimizer = _optimizer(method, self.variables)
        if state:
            self._optimizer.load_state_dict(torch.load(io.BytesIO(state), weights_only=True))

    def step(self, rate: float) -> float:
        """Evaluate the variables, move them, and return the figure of merit before the move.

        Args:
            rate: step size of Adam.
        """
        self._known = [known for known in self._known if torch.equal(known[0], self.variables)]
        for group in self._optimizer.param_groups:
            group["lr"] = rate if isinstance(self._optimizer, torch.optim.Adam) else self._stretch()
        at = self.variables.detach().clone()
        self._optimizer.step(self._loss)
        return next(figure for known, figure, _ in self._known if torch.equal(known, at))

    def _stretch(self) -> float:
        """Where the line search of L-BFGS begins: at 1, but in the first step as FIRST_STEP says.

        There torch would begin at the gradient or, if that is long, at the gradient over its sum of absolute
        values: with thousands of variables in single precision, rounding would hide so small a change.
        """
        if self._optimizer.state:
            return 1.0
        self._loss()
        size = cast(Tensor, self.variables.grad).abs()
        return FIRST_STEP / max(float(size.max()), TINY) * max(1.0, float(size.sum()))

    @property
    def state(self) -> bytes:
        """The state of the optimiser, with which another one can go on."""
        buffer = io.BytesIO()
        torch.save(self._optimizer.state_dict(), buffer)
        return buffer.getvalue()

    def _loss(self) -> float:
        """The negative figure of merit, for torch's optimisers; L-BFGS asks for some values twice."""
        at = self.variables.detach()
        found = next((known for known in self._known if torch.equal(known[0], at)), None)
        if found is None:
            found = (at.clone(), *self._evaluate(at))
            self._known.append(found)
        self._unit = self._unit or abs(found[1]) or 1.0
        self.variables.grad = -found[2] / self._unit
        return -found[1] / self._unit


def _optimizer(method: Method, variables: Tensor) -> torch.optim.Optimizer:
    if method is Method.ADAM:
        return torch.optim.Adam([variables], eps=EPSILON)
    return torch.optim.LBFGS(
        [variables],
        max_iter=1,
        max_eval=LINE_SEARCH,
        history_size=MEMORY,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )
