"""Sample the cells of a library: each where what is known of the others says least."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from metagen.rcwa.axes import Axis
from metagen.rcwa.quotient import NOTHING, Fit, Points, Polynomials, Quotient, Values, fit, nothing_known

FIRST = {1: 12, 2: 16, 3: 40}
"""Cells to begin with, by how many parameters there are."""
GROWTH, LEAST = 8, 8
"""Cells are added at least so many at a time, or so many-th a part of those that there are."""
PASSES = 2
"""How often running the cells that are added must have been predicted to the tolerance."""
CANDIDATES = 4000
"""Random places of which the next cells are chosen."""
HELD_OUT, SEED = 24, 0
"""Random cells that are never used for a fit, and of what random generator; they measure the error."""


class Cells(Protocol):
    """What is sampled."""

    def __call__(self, points: Points) -> Values:
        """[g, s, t, p, c] values at parameters [s, P] and at their images."""

    def images(self, points: Points) -> Points:
        """[g, s, P] parameters, and those that mirrors and turns make of them."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """Functions that were sampled adaptively.

    Attributes:
        functions: [t][p] of each truncation and of each polarisation of the incident light.
        cells: how many cells were solved, the held-out ones included.
        errors: [h] error at each held-out cell, the largest over the values.
        last_error: the largest at the cells that were solved last, before they were used for a fit. They are
            where the fit is least certain, as near resonances.
        worst: [P] where the largest of all these errors was.
    """

    functions: tuple[tuple[Quotient, ...], ...]
    cells: int
    errors: NDArray[np.float64]
    last_error: float
    worst: NDArray[np.float64]


def sampled(axes: tuple[Axis, ...], cells: Cells, tolerance: float, most: int) -> Sampled:
    """Add cells until new ones are predicted to a tolerance, or there are too many.

    Args:
        axes: the parameters.
        cells: what is sampled.
        tolerance: largest error that is wanted, at the held-out cells and at those that were added last.
        most: cells that may be solved.
    """
    if all(axis.is_choice for axis in axes):
        return _listed(axes, cells)
    samples, passed = _Samples(axes, cells), 0
    with tqdm(desc="library", unit="cell", leave=False, delay=3, initial=samples.solved) as bar:
        while passed < PASSES and (samples.solved < most or samples.is_first):
            before = samples.solved
            samples.grow(most)
            passed = passed + 1 if samples.error <= tolerance else 0
            bar.update(samples.solved - before)
    return samples.result()


class _Samples:
    """Cells that were solved, with their images, and what fits to them predict of others."""

    def __init__(self, axes: tuple[Axis, ...], cells: Cells) -> None:
        self.axes, self.cells = axes, cells
        self.random = np.random.default_rng(SEED)
        self.held_out = _at(axes, self.random.random((HELD_OUT, len(axes))), Axis.evenly)
        self.truth = cells(self.held_out)[0, :, -1]
        first = FIRST[len(axes)]
        start = self._least_certain(nothing_known(axes, first), first)
        self.points, self.values = cells.images(start), cells(start)
        self.fits, self.is_first = self._fitted(-1), True
        self.last, self.before = start, np.full((first, len(self.fits)), np.inf)

    @property
    def solved(self) -> int:
        """How many cells, with those that are held out."""
        return HELD_OUT + int(self.points.shape[1])

    @property
    def after(self) -> NDArray[np.float64]:
        """[h, p] errors at the held-out cells."""
        return _errors(self.fits, self.held_out, self.truth)

    @property
    def error(self) -> float:
        """The largest at the held-out cells, and at the last ones before they were used."""
        return float(max(self.before.max(), self.after.max()))

    def grow(self, most: int) -> None:
        """Solve the cells that are least certain in the polarisation whose last error was larger."""
        used = self.points.shape[1]
        count = min(max(LEAST, used // GROWTH), max(LEAST, most - self.solved))
        self.last = self._least_certain(self.fits[int(self.before.max(0).argmax())], count)
        values = self.cells(self.last)
        self.before, self.is_first = _errors(self.fits, self.last, values[0, :, -1]), False
        self.points = np.concatenate([self.points, self.cells.images(self.last)], 1)
        self.values = np.concatenate([self.values, values], 1)
        self.fits = self._fitted(-1)

    def result(self) -> Sampled:
        """The functions for all truncations."""
        functions = tuple(tuple(one.quotient for one in each) for each in (self._fitted(0), self.fits))
        places, errors = np.concatenate([self.last, self.held_out]), np.concatenate([self.before, self.after])
        worst = places[int(errors.max(1).argmax())]
        return Sampled(functions, self.solved, self.after.max(1), float(self.before.max()), worst)

    def _fitted(self, truncation: int) -> list[Fit]:
        """One for each polarisation; they share a denominator unless mirrors keep them apart."""
        values = self.values[:, :, truncation]
        columns = [values[:, :, column] for column in range(values.shape[2])]
        if np.abs([values[..., 0, 1], values[..., 1, 0]]).max() < NOTHING:
            return [fit(self.axes, self.points, each) for each in columns]
        return fit(self.axes, self.points, np.concatenate(columns, -1)).split(len(columns))

    def _least_certain(self, known: Fit, count: int) -> Points:
        """[count, P] where the variance is largest, each given the ones before and their images."""
        candidates = self._candidates()
        rows = known.rows(candidates)
        variance, covariance = np.square(rows).sum(1), np.eye(rows.shape[1])
        chosen: list[Points] = []
        for _ in range(count):
            chosen.append(candidates[int(variance.argmax())])
            for row in known.rows(self.cells.images(chosen[-1][None])[:, 0]):
                gain = covariance @ row
                scale = 1 + row @ gain
                variance = variance - (rows @ gain) ** 2 / scale
                covariance = covariance - np.outer(gain, gain) / scale
        return np.array(chosen)

    def _candidates(self) -> Points:
        """[CANDIDATES, P] random points, half of them denser towards the ends of the ranges."""
        share = self.random.random((2, CANDIDATES // 2, len(self.axes)))
        halves = [_at(self.axes, share[0], Axis.evenly), _at(self.axes, share[1], Axis.spread)]
        return np.concatenate(halves)


def _listed(axes: tuple[Axis, ...], cells: Cells) -> Sampled:
    """All cells, where there is nothing between them."""
    points = np.array(
        list(itertools.product(*(axis.parameter.low + np.arange(axis.choices) for axis in axes)))
    )
    polynomials, values = Polynomials(axes, len(axes)), cells(points)[0]
    factors = np.linalg.inv(polynomials(torch.from_numpy(points)).numpy())
    one = np.eye(len(points), dtype=complex)[0]
    functions = tuple(
        tuple(Quotient(polynomials, factors @ values[:, t, p], one) for p in range(values.shape[2]))
        for t in range(values.shape[1])
    )
    return Sampled(functions, len(points), np.zeros(1), 0.0, points[0])


def _at(axes: Sequence[Axis], share: Points, place: Callable[[Axis, Points], Points]) -> Points:
    """[s, P] parameters at shares [s, P] of their ranges."""
    return np.stack([place(axis, share[:, i]) for i, axis in enumerate(axes)], -1)


def _errors(fits: Sequence[Fit], points: Points, truth: Values) -> NDArray[np.float64]:
    """[s, p] largest error at each point, for each polarisation."""
    at = torch.from_numpy(points)
    guess = np.stack([one.quotient(at).numpy() for one in fits], 1)
    return np.asarray(np.abs(guess - truth).max(-1))
