"""Sample a function of one to three parameters: on a grid that grows along the one that needs it most."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from metagen.rcwa.axes import Axis
from metagen.rcwa.rational import Rational, sample

FIRST = 2
"""Level of the first grid: 5 samples of a length, 4 of an angle."""
HELD_OUT, SEED = 16, 0
"""Cells that are never part of the grid, and of what random generator; they measure the error."""

Values = NDArray[np.complex128]
Evaluate = Callable[[NDArray[np.float64]], Values]
"""From parameters [s, P] to values [s, c]."""


@dataclass(frozen=True, eq=False)
class GridFunction:
    """Values [c] as a smooth function of parameters [P]: a tensor product of functions of one parameter each.

    Attributes:
        axes: the parameters.
        levels: how finely each is sampled.
        coefficients: [n1, …, nP, c].
    """

    axes: tuple[Axis, ...]
    levels: tuple[int, ...]
    coefficients: Values

    def __call__(self, points: Tensor) -> Tensor:
        """[..., c] at parameters [..., P]; differentiable."""
        flat = points.reshape(-1, len(self.axes))
        total = torch.from_numpy(self.coefficients)[None]
        for position, (axis, level) in enumerate(zip(self.axes, self.levels, strict=True)):
            functions = axis.functions(flat[:, position], level)
            total = (functions.reshape(*functions.shape, *[1] * (total.ndim - 2)) * total).sum(1)
        return total.reshape(*points.shape[:-1], -1)


@dataclass(frozen=True, eq=False)
class LineFunction:
    """Values [c] as a rational function of one length, which follows resonances.

    Attributes:
        axes: the one parameter.
        rational: the function.
    """

    axes: tuple[Axis, ...]
    rational: Rational

    def __call__(self, points: Tensor) -> Tensor:
        """[..., c] at parameters [..., 1]; differentiable."""
        return self.rational(points[..., 0])


@dataclass(frozen=True, eq=False)
class Sampled:
    """A function that was sampled adaptively.

    Attributes:
        function: what joins the samples.
        cells: how many samples were computed, the held-out ones included.
        errors: [h] error at each held-out cell, the largest over the values.
        worst: [P] where it was largest.
    """

    function: GridFunction | LineFunction
    cells: int
    errors: NDArray[np.float64]
    worst: NDArray[np.float64]


def sampled(axes: tuple[Axis, ...], evaluate: Evaluate, tolerance: float, most: int) -> Sampled:
    """Sample until held-out cells are met to a tolerance, or there are too many.

    Args:
        axes: the parameters. One length alone is joined by a rational function, others on a grid.
        evaluate: what is sampled.
        tolerance: largest error that is wanted.
        most: cells of the largest grid.
    """
    (first, *others) = axes
    if others or first.is_choice or first.period is not None:
        return sample_grid(axes, evaluate, tolerance, most)
    limits = (first.parameter.low, first.parameter.high)
    found = sample(lambda x: evaluate(x[:, None]), limits, tolerance, most=most)
    tests = _held_out(axes)
    function = LineFunction(axes, found.function)
    apart = np.abs(function(torch.from_numpy(tests)).numpy() - evaluate(tests)).max(1)
    return Sampled(function, len(found.x) + len(tests), apart, tests[int(apart.argmax())])


def sample_grid(axes: Sequence[Axis], evaluate: Evaluate, tolerance: float, most: int) -> Sampled:
    """Refine a grid until the held-out cells are met to a tolerance, or it would have too many cells.

    Args:
        axes: the parameters.
        evaluate: what is sampled; asked once for every point.
        tolerance: largest error that is wanted.
        most: cells of the largest grid.
    """
    known: dict[tuple[float, ...], Values] = {}
    tests = _held_out(axes)
    truth = evaluate(tests)
    levels = [FIRST] * len(axes)
    bar = tqdm(desc="library", unit="cell", leave=False, delay=3, initial=len(tests))
    while True:
        values = _on_grid(axes, levels, evaluate, known, bar)
        function = _joined(tuple(axes), tuple(levels), values)
        apart = np.abs(function(torch.from_numpy(tests)).numpy() - truth).max(1)
        tails = [_tail(function, position) for position in range(len(axes))]
        chosen = int(np.argmax(tails))
        finer = [level + (position == chosen) for position, level in enumerate(levels)]
        if apart.max() <= tolerance or max(tails) == 0 or _cells(axes, finer) > most:
            bar.close()
            worst = int(apart.argmax())
            return Sampled(function, len(known) + len(tests), apart, tests[worst])
        levels = finer


def _held_out(axes: Sequence[Axis]) -> NDArray[np.float64]:
    """[HELD_OUT, P] random parameters."""
    share = np.random.default_rng(SEED).random((HELD_OUT, len(axes)))
    low, high = (np.array([getattr(axis.parameter, end) for axis in axes]) for end in ("low", "high"))
    points = low + (high - low) * share
    choices = [axis.is_choice for axis in axes]
    points[:, choices] = np.rint(points[:, choices])
    return np.asarray(points)


def _cells(axes: Sequence[Axis], levels: Sequence[int]) -> int:
    return int(np.prod([axis.count(level) for axis, level in zip(axes, levels, strict=True)]))


def _on_grid(
    axes: Sequence[Axis],
    levels: Sequence[int],
    evaluate: Evaluate,
    known: dict[tuple[float, ...], Values],
    bar: tqdm[object],
) -> Values:
    """[n1, …, nP, c] values on a grid, of which those that are not known yet are computed."""
    nodes = [axis.nodes(level).round(12).tolist() for axis, level in zip(axes, levels, strict=True)]
    points = list(itertools.product(*nodes))
    new = [point for point in points if point not in known]
    if new:
        known.update(zip(new, evaluate(np.array(new)), strict=True))
        bar.update(len(new))
    shape = [len(each) for each in nodes]
    return np.array([known[point] for point in points]).reshape(*shape, -1)


def _joined(axes: tuple[Axis, ...], levels: tuple[int, ...], values: Values) -> GridFunction:
    for position, (axis, level) in enumerate(zip(axes, levels, strict=True)):
        moved = np.tensordot(axis.to_coefficients(level), values, (1, position))
        values = np.moveaxis(moved, 0, position)
    return GridFunction(axes, levels, values)


def _tail(function: GridFunction, position: int) -> float:
    """The largest coefficient among the finest functions of one parameter."""
    fine = function.axes[position].fine(function.levels[position])
    part = np.moveaxis(function.coefficients, position, 0)[fine]
    return float(np.abs(part).max(initial=0.0))
