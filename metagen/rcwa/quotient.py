"""Quotients of polynomials in one to three parameters: what a cell is, as a function of its shape.

All that a truncated cell gives is a quotient of smooth functions of the lengths and angles of its pillar, and
the denominator is one for all: it vanishes where a guided mode would ring without light, at complex
parameters close to the real ones that resonate. Both are polynomials here, fitted to samples anywhere: a
resonance that moves through the range of two parameters is a line on which the denominator is small.

The fit is linear: denominator times samples − numerator is made small (as in the AAA algorithm and its form
for several parameters, A. Carracedo Rodriguez, L. Balicki, S. Gugercin, arXiv 2003.06536), each sample
weighted with the inverse of the denominator that was found before (C. Sanathanan, J. Koerner, IEEE Trans.
Autom. Control 8, 56 (1963)), so that in the end it is the error itself that is small.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.rcwa.axes import Axis

SHARE, OPEN = 0.4, 0.6
"""Functions in a numerator for every sample, and functions of which samples are to tell, at most. What is
turned has noise (normals are known at points only), which more functions in a numerator would follow."""
ROUNDS = 3
"""How often samples are weighted anew."""
STEEPEST = 12
"""Largest degree of a denominator."""
ALIKE = 2.0
"""Errors that differ by less than this factor do not speak for the larger degree."""
SMALLEST = 1e-8
"""Room that is left to any cell: one that determines functions alone has none."""
PENALTY = 0.1
"""Of all but the constant in a denominator, in units of the noise: more hides resonances, none fits noise."""
NOTHING = 1e-12
"""Quantities below this are zero by symmetry: they say nothing of the denominator."""

Points = NDArray[np.float64]
Values = NDArray[np.complex128]


@dataclass(frozen=True)
class Polynomials:
    """Products of one function of each parameter, up to a total degree, in the order of their degrees.

    Attributes:
        axes: the parameters.
        degree: the largest sum of degrees.
    """

    axes: tuple[Axis, ...]
    degree: int

    @cached_property
    def numbers(self) -> NDArray[np.int_]:
        """[k, P] which function of each parameter."""
        return self._sorted[0]

    def count(self, degree: int) -> int:
        """How many there are up to a lower degree: they are the first ones."""
        return int(np.searchsorted(self._sorted[1], degree, side="right"))

    def __call__(self, points: Tensor) -> Tensor:
        """[..., k] all of them at parameters [..., P]."""
        numbers = torch.from_numpy(self.numbers)
        parts = [axis.functions(points[..., i], self.degree) for i, axis in enumerate(self.axes)]
        product = parts[0][..., numbers[:, 0]]
        for i, part in enumerate(parts[1:], start=1):
            product = product * part[..., numbers[:, i]]
        return product

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
        degrees = [axis.degrees(self.degree) for axis in self.axes]
        all_numbers = np.array(list(itertools.product(*(range(len(each)) for each in degrees))))
        totals = np.array([sum(each) for each in itertools.product(*degrees)])
        order = np.argsort(totals, kind="stable")
        order = order[totals[order] <= self.degree]
        return all_numbers[order], totals[order]


@dataclass(frozen=True, eq=False)
class Quotient:
    """Values [c] = numerators [c] / one denominator, smooth in the parameters.

    Attributes:
        polynomials: of the numerators.
        numerator: [k, c] their factors.
        denominator: [k] its factors.
    """

    polynomials: Polynomials
    numerator: Values
    denominator: Values

    def __call__(self, points: Tensor) -> Tensor:
        """[..., c] at parameters [..., P], real or complex; differentiable."""
        above, below = self.parts(points)
        return above / below[..., None]

    def parts(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """[..., c] the numerators and [...] the denominator."""
        functions = self.polynomials(points)
        above, below = torch.from_numpy(self.numerator), torch.from_numpy(self.denominator)[:, None]
        return _times(functions, above), _times(functions, below)[..., 0]


def _times(functions: Tensor, factors: Tensor) -> Tensor:
    """[..., k] @ [k, c]; real functions stay real, which takes half the time."""
    if functions.is_complex():
        return functions @ factors
    return torch.complex(functions @ factors.real, functions @ factors.imag)


@dataclass(frozen=True, eq=False)
class Fit:
    """A quotient with what is known of its errors.

    Attributes:
        quotient: the function.
        polynomials: more of them than the numerators have: what the next samples are to tell.
        triangle: [k, k] R of the QR decomposition of the weighted samples of these.
    """

    quotient: Quotient
    polynomials: Polynomials
    triangle: Points

    def split(self, count: int) -> list[Fit]:
        """The same for each of so many equal parts of the values."""
        one = self.quotient
        parts = [replace(one, numerator=part) for part in np.split(one.numerator, count, -1)]
        return [replace(self, quotient=part) for part in parts]

    def rows(self, points: Points) -> Points:
        """[s, k] whose squares add up to the variance of the fit at points [s, P]; that of samples is 1."""
        functions = self.polynomials(torch.from_numpy(points)).numpy()
        below = self.quotient.parts(torch.from_numpy(points))[1].numpy()
        rows = scipy.linalg.solve_triangular(self.triangle, functions.T, trans="T")
        return np.asarray((rows / np.abs(below)).T)


def fit(axes: tuple[Axis, ...], points: Points, values: Values) -> Fit:
    """Fit samples with as many functions as they bear.

    Args:
        axes: the parameters.
        points: [g, s, P] where the samples are, anywhere, and their images.
        values: [g, s, c] samples of c quantities with common resonances.
    """
    polynomials = _most(axes, SHARE * points[..., 0].size)
    functions = polynomials(torch.from_numpy(points)).numpy()
    even = _Even.of(polynomials, functions)
    telling = values[..., np.abs(values).max((0, 1)) > NOTHING]
    weights = np.ones(points.shape[:2])
    for _ in range(ROUNDS):
        system = _System(functions, even, weights, telling)
        found = system.denominator()
        below = even.samples[..., : len(found)] @ found
        used, weights = weights, np.abs(below).mean() / np.abs(below)
    right = np.einsum("gsk,gsc->kc", system.q, (used * below)[..., None] * values)
    numerator = scipy.linalg.solve_triangular(system.triangle, right)
    quotient = Quotient(polynomials, numerator, even.factors[:, : len(found)] @ found)
    wanted = _most(axes, OPEN * points[..., 0].size)
    weighted = weights[..., None] * wanted(torch.from_numpy(points)).numpy()
    triangle = np.asarray(np.linalg.qr(weighted.reshape(-1, len(wanted.numbers)), mode="r"))
    return Fit(quotient, wanted, triangle)


def nothing_known(axes: tuple[Axis, ...], cells: int) -> Fit:
    """What is known before so many cells are solved: all polynomials that they bear may be there."""
    polynomials = _most(axes, OPEN * cells)
    count = len(polynomials.numbers)
    nothing, one = np.zeros((count, 1), dtype=complex), np.eye(count, dtype=complex)[0]
    return Fit(Quotient(polynomials, nothing, one), polynomials, np.eye(count))


def _most(axes: tuple[Axis, ...], most: float) -> Polynomials:
    """The polynomials of the largest degree of which there are not too many."""
    found = Polynomials(axes, 0)
    while len((more := Polynomials(axes, found.degree + 1)).numbers) <= most:
        if len(more.numbers) == len(found.numbers):
            break
        found = more
    return found


@dataclass(frozen=True, eq=False)
class _Even:
    """The polynomials that are the same for all images of a cell, as a denominator is.

    Attributes:
        factors: [k, d] factors of the polynomials in each.
        samples: [g, s, d] their values at the samples.
        counts: how many there are up to each degree.
    """

    factors: Points
    samples: Points
    counts: tuple[int, ...]

    @classmethod
    def of(cls, polynomials: Polynomials, functions: Points) -> _Even:
        """Those of low degree: mirrors and turns make of polynomials others of the same degree."""
        ends = [polynomials.count(degree) for degree in range(min(STEEPEST, polynomials.degree) + 1)]
        blocks = [_even(functions[..., start:end]) for start, end in itertools.pairwise([0, *ends])]
        factors = np.zeros((functions.shape[-1], sum(block.shape[1] for block in blocks)))
        counts = np.cumsum([block.shape[1] for block in blocks]).tolist()
        for block, row, column in zip(blocks, [0, *ends], [0, *counts], strict=False):
            factors[row : row + block.shape[0], column : column + block.shape[1]] = block
        return cls(factors, functions @ factors, tuple(counts))


def _even(functions: Points) -> Points:
    """[k, d] the combinations of functions [g, s, k] of one degree that are the same for all images."""
    count = functions.shape[-1]
    if len(functions) == 1:
        return np.eye(count)
    mean = np.broadcast_to(functions.mean(0), functions.shape)
    projector = np.linalg.lstsq(functions.reshape(-1, count), mean.reshape(-1, count), rcond=None)[0]
    left, sizes, _ = np.linalg.svd(projector)
    return np.asarray(left[:, sizes > 0.5])


class _System:
    """The least-squares problem for one set of weights: numerators are eliminated, denominators compared."""

    def __init__(self, functions: Points, even: _Even, weights: Points, values: Values) -> None:
        self.even, self.weights, self.values = even, weights, values
        weighted = weights[..., None] * functions
        q, self.triangle = np.linalg.qr(weighted.reshape(-1, weighted.shape[-1]))
        self.q = q.reshape(weighted.shape)

    def denominator(self) -> Values:
        """Of the lowest degree that predicts each cell from the others nearly as well as any.

        What the samples leave open is settled by a penalty on all but the constant, a share of the errors
        that remain without one: else noise would be fitted by poles that nothing has.
        """
        noise = min(self._left_out(trial) for trial in self._trials(0.0))
        trials = self._trials(PENALTY * noise)
        errors = np.array([self._left_out(trial) for trial in trials])
        return trials[int(np.argmax(errors <= ALIKE * errors.min()))]

    def _trials(self, penalty: float) -> list[Values]:
        """The best denominator of every degree, of which those of lower degree have fewer functions."""
        counts = [count for count in self.even.counts if count <= max(1, self._most_unknowns())]
        weighted = self.weights[..., None] * self.even.samples[..., : counts[-1]]
        scale = np.asarray(np.linalg.qr(weighted.reshape(-1, counts[-1]), mode="r"))
        blocks = [self._rest(weighted * each[..., None]) for each in np.moveaxis(self.values, -1, 0)]
        tied = penalty * math.sqrt(self.weights.size) * np.diag(np.arange(counts[-1]) > 0)
        rows = [*(block.reshape(-1, counts[-1]) for block in blocks), tied]
        triangle = np.asarray(np.linalg.qr(np.concatenate(rows), mode="r"))
        return [_smallest(triangle[:k, :k], scale[:k, :k]) for k in counts]

    def _most_unknowns(self) -> int:
        """Half as many as the rows that the numerators leave, of which images repeat each other."""
        images, cells, functions = self.q.shape
        return self.values.shape[-1] * (images * cells - functions) // (2 * images)

    def _rest(self, values: Values) -> Values:
        """What the numerators cannot make of weighted values [g, s, …]."""
        flat, q = values.reshape(-1, values.shape[-1]), self.q.reshape(-1, self.q.shape[-1])
        return np.asarray(flat - q @ (q.T @ flat)).reshape(values.shape)

    def _left_out(self, denominator: Values) -> float:
        """Root mean square error at each cell and its images, of numerators fitted to all other cells."""
        below = self.weights * (self.even.samples[..., : len(denominator)] @ denominator)
        rest = self._rest(below[..., None] * self.values).swapaxes(0, 1)
        errors = np.linalg.solve(self._room, rest) / below.T[..., None]
        return float(np.sqrt(np.square(np.abs(errors)).max(-1).mean()))

    @cached_property
    def _room(self) -> Points:
        """[s, g, g] 1 − the part of the images of a cell that these cells themselves determine."""
        images = len(self.q)
        return np.asarray((1 + SMALLEST) * np.eye(images) - np.einsum("gsk,hsk->sgh", self.q, self.q))


def _smallest(triangle: Values, scale: Points) -> Values:
    """The factors for which |triangle·factors| is smallest in comparison with |scale·factors|."""
    relative = scipy.linalg.solve_triangular(scale, triangle.T, trans="T").T
    return np.asarray(scipy.linalg.solve_triangular(scale, np.linalg.svd(relative)[2][-1].conj()))
