"""The search for the shape of a family that is nearest to a polygon.

A shape and a polygon are compared where both are known exactly: area, and Fourier integral about the centroid
at wave vectors up to a few over the reach. They are weighted by the root of the wave vector: over all of the
plane, the squares of the differences would then add up to the area between the two outlines (Parseval).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from metagen.device.atoms import Atom, Kind, Parameter

if TYPE_CHECKING:
    from metagen.device.shapes import Shape

DIRECTIONS, DISTANCES = 8, (1.5, 3.0, 5.0, 8.0, 12.0, 16.0)
"""Wave vectors of the comparison: directions over a half turn, and lengths times the largest reach. Low ones
lead to the shape from far off, high ones say how corners and arms of a cross are turned."""
TINY = 1e-3
"""Wave vector, times the reach, at which the phase of a transform says where the centroid is."""
LENGTHS, ANGLES = 5, 24
"""How many values of each parameter the search starts from."""
ROUNDS = 20
"""Steps of a refinement, at most."""
SETTLED = 1e-7
"""The refinement ends when no parameter moves by more, in micrometres or radians."""
STEP = 1e-6
"""Of a parameter, in micrometres or radians, for its derivative by differences."""

Values = NDArray[np.float64]
Transforms = NDArray[np.complex128]


@dataclass(frozen=True)
class Search:
    """The search in one family of shapes; lengths stay within their limits, where every shape exists."""

    atom: Atom

    def shapes(self, values: Values) -> Shape:
        """The shapes of parameters [M, P]."""
        import torch

        return self.atom.shape(torch.tensor(values))

    def centroids(self, values: Values) -> NDArray[np.complex128]:
        """[M] centroids, x + i·y from the site, of shapes of parameters [M, P]."""
        small = TINY / self._reach
        found = self.shapes(values).fourier(np.array([small, 0.0]), np.array([0.0, small])).numpy()
        offsets = np.broadcast_to(-np.angle(found) / small, (len(values), 2))
        return np.asarray(offsets[:, 0] + 1j * offsets[:, 1])

    def transforms_of(self, points: Values) -> Transforms:
        """[M, K] weighted Fourier integrals of polygons [M, n, 2], in either order, cut or not."""
        edges = np.roll(points, -1, axis=1) - points
        middles = points + edges / 2
        kx, ky = self._waves[1:].T
        flux = edges[..., 1, None] * kx - edges[..., 0, None] * ky
        along = (edges[..., 0, None] * kx + edges[..., 1, None] * ky) / (2 * np.pi)
        phase = middles[..., 0, None] * kx + middles[..., 1, None] * ky
        total = 1j * (flux * np.sinc(along) * np.exp(-1j * phase)).sum(axis=1) / (kx**2 + ky**2)
        doubled = points[..., 0] * edges[..., 1] - points[..., 1] * edges[..., 0]
        whole = np.concatenate([doubled.sum(axis=1, keepdims=True) / 2, total], axis=1)
        return np.asarray(whole * np.sign(whole[:, :1].real) * self._weights)

    def starts(self, wanted: Transforms) -> Iterator[Values]:
        """Yield parameters [M, P] to refine, those whose transforms are nearest to some [M, K] first.

        Of all starts with the same last parameter, which is the angle if there is one, only the best is
        taken: a wrong minimum is often that of a shape turned the wrong way, and next to it are only others
        that lead there.
        """
        values, transforms = self._grid
        squares = (np.abs(transforms) ** 2).sum(axis=1) - 2 * (wanted @ transforms.conj().T).real
        groups = np.unique(values[:, -1:], axis=0, return_inverse=True)[1].reshape(-1)
        members = [np.flatnonzero(groups == group) for group in range(groups.max() + 1)]
        best = np.stack([each[squares[:, each].argmin(axis=1)] for each in members], axis=1)
        order = np.argsort(np.take_along_axis(squares, best, axis=1), axis=1)
        yield from values[np.take_along_axis(best, order, axis=1)].swapaxes(0, 1)

    def refined(self, values: Values, wanted: Transforms) -> Values:
        """Parameters nearby whose transforms are nearest to some [M, K], by Levenberg-Marquardt steps."""
        free = [i for i, each in enumerate(self.atom.parameters) if each.kind is not Kind.CHOICE]
        if not free:
            return values
        damping, costs = np.full(len(values), 1e-3), self._costs(values, wanted)
        for _ in range(ROUNDS):
            step = self._step(values, wanted, free, damping)
            tried = self._kept(values + step)
            found = self._costs(tried, wanted)
            better = found < costs
            values, costs = np.where(better[:, None], tried, values), np.where(better, found, costs)
            damping = np.where(better, damping / 10, damping * 10).clip(1e-12, 1e12)
            if np.abs(step).max() < SETTLED:
                break
        return np.asarray(values)

    @property
    def areas(self) -> Values:
        """[C] areas of the shapes from which the search starts."""
        return np.asarray(np.abs(self._grid[1][:, 0]))

    @cached_property
    def _values(self) -> Values:
        """[C, P] parameters from which the search starts."""
        axes = [_range(parameter, self.atom.period) for parameter in self.atom.parameters]
        return np.array(list(itertools.product(*axes)), dtype=float)

    @cached_property
    def _grid(self) -> tuple[Values, Transforms]:
        """[C, P] parameters from which the search starts, and [C, K] their transforms."""
        return self._values, self._transforms(self._values)

    @cached_property
    def _reach(self) -> float:
        """Of the largest shape of the family."""
        return float(self.shapes(self._values).reach.max())

    @cached_property
    def _waves(self) -> Values:
        """[K, 2] wave vectors; the first is 0."""
        turns = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
        around = np.stack([np.cos(turns), np.sin(turns)], -1)
        rings = [around * distance / self._reach for distance in DISTANCES]
        return np.concatenate([np.zeros((1, 2)), *rings])

    @cached_property
    def _weights(self) -> Values:
        """[K] roots of the lengths of the wave vectors, over the reach; 1 for that which says the area."""
        return np.asarray(np.sqrt(np.append(1.0, np.repeat(DISTANCES, DIRECTIONS))))

    def _transforms(self, values: Values) -> Transforms:
        """[M, K] weighted Fourier integrals about the centroids of shapes of parameters [M, P]."""
        (kx, ky), offsets = self._waves.T, self.centroids(values)
        found = np.broadcast_to(self.shapes(values).fourier(kx, ky).numpy(), (len(values), len(kx)))
        about = np.exp(1j * (offsets.real[:, None] * kx + offsets.imag[:, None] * ky))
        return np.asarray(found * about * self._weights)

    def _costs(self, values: Values, wanted: Transforms) -> Values:
        return np.asarray((np.abs(self._transforms(values) - wanted) ** 2).sum(axis=1))

    def _kept(self, values: Values) -> Values:
        """Lengths within the limits, and angles within half a period either way."""
        half = self.atom.period / 2
        for i, parameter in enumerate(self.atom.parameters):
            if parameter.kind is Kind.LENGTH:
                values[:, i] = values[:, i].clip(parameter.low, parameter.high)
            elif parameter.kind is Kind.ANGLE:
                values[:, i] = (values[:, i] + half) % (2 * half) - half
        return values

    def _step(self, values: Values, wanted: Transforms, free: list[int], damping: Values) -> Values:
        """[M, P] of all parameters; 0 for those that are choices."""
        here = self._transforms(values)
        slope = np.stack([self._slope(values, here, i) for i in free], -1)
        square = (slope.conj().swapaxes(1, 2) @ slope).real
        force = (slope.conj().swapaxes(1, 2) @ (wanted - here)[..., None]).real
        diagonal = np.diagonal(square, axis1=1, axis2=2)
        square = square + (damping[:, None] * diagonal + 1e-30)[:, None] * np.eye(len(free))
        step = np.zeros_like(values)
        step[:, free] = np.linalg.solve(square, force)[..., 0]
        return step

    def _slope(self, values: Values, here: Transforms, column: int) -> Transforms:
        """[M, K] derivative of the transforms by one parameter, by differences into its limits."""
        parameter, beside = self.atom.parameters[column], values.copy()
        lower = values[:, column] < (parameter.low + parameter.high) / 2
        aside = np.where(lower, STEP, -STEP)
        beside[:, column] += aside
        return np.asarray((self._transforms(beside) - here) / aside[:, None])


def _range(parameter: Parameter, period: float) -> Values:
    match parameter.kind:
        case Kind.CHOICE:
            return np.arange(parameter.low, parameter.high + 1)
        case Kind.ANGLE:
            return np.arange(ANGLES) * period / ANGLES
        case Kind.LENGTH:
            return np.linspace(parameter.low, parameter.high, LENGTHS)
