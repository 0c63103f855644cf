"""Guided-mode resonances: poles close to real parameters, and where a library has them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from metagen.device.atoms.parameter import Kind
from metagen.rcwa.quotient import Quotient

GRID = 401
"""Values of a parameter at which the denominator, which is smooth, is looked at."""
STEPS = 12
"""Of Newton's method; from the closest value of the grid it needs half of them."""
STEP = 1e-5
"""Of differences, as a share of the range; they err by its square."""
SETTLED = 1e-6
"""Share of the range below which a pole does not move any more."""
WIDEST, WIDEST_ANGLE = 0.01, 0.1
"""Half width (micrometres, radians) above which a pole is part of the smooth background."""
WEAKEST = 0.02
"""Strength below which a pole does not matter to a design."""
NEAR = 3.0
"""Half widths within which a resonance is felt: a tenth of its power is left there."""
LINES = {0: 1, 1: 41, 2: 9}
"""Values of each other parameter at which resonances are counted, by how many others there are."""


@dataclass(frozen=True)
class Resonance:
    """A guided-mode resonance: a pole close to real values of a parameter.

    Attributes:
        value: of the parameter, where it is.
        half_width: its half width at half maximum, in the same parameter.
        strength: the largest |Δt| that it makes.
    """

    value: float
    half_width: float
    strength: float


def distinct(found: Iterable[Resonance]) -> tuple[Resonance, ...]:
    """Resonances in the order of the parameter; of those closer than a half width the strongest."""
    kept: list[Resonance] = []
    for each in sorted(found, key=lambda resonance: -resonance.strength):
        if all(abs(each.value - other.value) > other.half_width for other in kept):
            kept.append(each)
    return tuple(sorted(kept, key=lambda resonance: resonance.value))


def resonances_along(
    functions: tuple[Quotient, ...], along: int, point: NDArray[np.float64]
) -> tuple[Resonance, ...]:
    """The resonances along one parameter, in its order, each once.

    Args:
        functions: for each polarisation of the incident light: values [c], of which two are transmitted.
        along: number of the parameter.
        point: [P] values of the others.
    """
    return distinct(each for one in functions for each in _of_one(one, along, point))


def resonant_share(functions: tuple[Quotient, ...]) -> float:
    """The share of the range within three half widths of a resonance, along the first parameter."""
    axes = functions[0].polynomials.axes
    count = LINES[len(axes) - 1]
    middles = (np.arange(count) + 0.5) / count
    low, high = axes[0].parameter.low, axes[0].parameter.high
    values = np.linspace(low, high, GRID)
    shares = []
    for others in itertools.product(*(axis.evenly(middles) for axis in axes[1:])):
        found = resonances_along(functions, 0, np.array([low, *others]))
        near = [np.abs(values - each.value) < NEAR * each.half_width for each in found]
        shares.append(np.any(near, axis=0).mean() if near else 0.0)
    return float(np.mean(shares))


def _of_one(function: Quotient, along: int, point: NDArray[np.float64]) -> list[Resonance]:
    axis = function.polynomials.axes[along]
    low, high = axis.parameter.low, axis.parameter.high
    if axis.is_choice or not function.denominator[1:].any():
        return []
    line = _Line(function, along, point, STEP * (high - low))
    widest = WIDEST_ANGLE if axis.parameter.kind is Kind.ANGLE else WIDEST
    poles = line.poles(np.linspace(low, high, GRID), SETTLED * (high - low))
    poles = poles[(low < poles.real) & (poles.real < high) & (np.abs(poles.imag) > 0)]
    poles = poles[np.abs(poles.imag) < widest]
    strengths = np.abs(line.residues(poles)).max(-1, initial=0.0) / np.abs(poles.imag)
    return [
        Resonance(float(pole.real), float(abs(pole.imag)), float(strength))
        for pole, strength in zip(poles, strengths, strict=True)
        if strength > WEAKEST
    ]


class _Line:
    """A quotient as a function of one parameter, continued to complex values of it."""

    def __init__(self, function: Quotient, along: int, point: NDArray[np.float64], step: float) -> None:
        self.function, self.along, self.point, self.step = function, along, point, step

    def poles(self, grid: NDArray[np.float64], settled: float) -> NDArray[np.complex128]:
        """Where the denominator vanishes, from where it is smallest on a grid."""
        size = np.abs(self._parts(grid.astype(complex))[1])
        lowest = (size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:])
        poles = grid[1:-1][lowest].astype(complex)
        move = np.full(len(poles), np.inf, dtype=complex)
        for _ in range(STEPS):
            move = self._parts(poles)[1] / self._slope(poles)
            poles = poles - move
        return np.asarray(poles[np.abs(move) < settled])

    def residues(self, poles: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """[p, 2] of the transmitted field."""
        return np.asarray(self._parts(poles)[0][:, :2] / self._slope(poles)[:, None])

    def _slope(self, values: NDArray[np.complex128]) -> NDArray[np.complex128]:
        ends = [self._parts(values + sign * self.step)[1] for sign in (1, -1)]
        return np.asarray((ends[0] - ends[1]) / (2 * self.step))

    def _parts(self, values: NDArray[np.complex128]) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        points = np.repeat(self.point[None].astype(complex), len(values), 0)
        points[:, self.along] = values
        above, below = self.function.parts(torch.from_numpy(points))
        return above.numpy(), below.numpy()
