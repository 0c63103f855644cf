"""One parameter of a library: where it is sampled, and the functions that join the samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.device.atoms import Atom
from metagen.device.atoms.parameter import Kind, Parameter

SAME = 1e-9
"""Ends of a range that differ by less than this from a whole period close it."""


@dataclass(frozen=True)
class Axis:
    """A parameter, sampled ever finer: every level keeps the samples of the one before.

    Lengths, and angles over a part of a turn, are joined by Chebyshev polynomials; angles over a whole period
    by a Fourier series; choices not at all.

    Attributes:
        parameter: its name, limits and kind.
        period: period of the shape in this parameter, if the limits hold a whole one; else None.
    """

    parameter: Parameter
    period: float | None = None

    @property
    def is_choice(self) -> bool:
        """Whether the values are the numbers of shapes in a list."""
        return self.parameter.kind is Kind.CHOICE

    def count(self, level: int) -> int:
        """How many samples there are."""
        if self.is_choice:
            return round(self.parameter.high - self.parameter.low) + 1
        return int(2**level) + (self.period is None)

    def nodes(self, level: int) -> NDArray[np.float64]:
        """[count] where the samples are."""
        low, high, number = self.parameter.low, self.parameter.high, np.arange(self.count(level))
        if self.is_choice:
            return low + number
        if self.period is not None:
            return low + self.period * number / len(number)
        return np.asarray((low + high) / 2 - (high - low) / 2 * np.cos(np.pi * number / 2**level))

    def functions(self, x: Tensor, level: int) -> Tensor:
        """[..., count] the functions that join the samples, at values [...]; smooth in them."""
        low, high, count = self.parameter.low, self.parameter.high, self.count(level)
        if self.is_choice:
            return torch.nn.functional.one_hot((x - low).round().long(), count).to(torch.complex128)
        if self.period is not None:
            return _fourier(2 * math.pi * (x - low) / self.period, count)
        return _chebyshev((2 * x - low - high) / (high - low), count)

    def to_coefficients(self, level: int) -> NDArray[np.complex128]:
        """[count, count] from the samples to the factors of the functions."""
        return np.linalg.inv(self.functions(torch.from_numpy(self.nodes(level)), level).numpy())

    def fine(self, level: int) -> slice:
        """The functions that a coarser level does not have; how large they are tells what is missing."""
        return slice(0) if self.is_choice else slice(self.count(level - 1), None)

    def wrapped(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values [...] moved by whole periods into the limits."""
        low = self.parameter.low
        return x if self.period is None else np.asarray(low + np.mod(x - low, self.period))


def axes_of(atom: Atom) -> tuple[Axis, ...]:
    """The free parameters of a meta-atom."""
    return tuple(Axis(parameter, _period(atom, parameter)) for parameter in atom.parameters)


def _period(atom: Atom, parameter: Parameter) -> float | None:
    period = getattr(atom, "period", 2 * math.pi)
    whole = parameter.kind is Kind.ANGLE and parameter.high - parameter.low >= period - SAME
    return period if whole else None


def _chebyshev(x: Tensor, count: int) -> Tensor:
    terms = [torch.ones_like(x), x]
    while len(terms) < count:
        terms.append(2 * x * terms[-1] - terms[-2])
    return torch.stack(terms[:count], -1).to(torch.complex128)


def _fourier(phase: Tensor, count: int) -> Tensor:
    """[..., count] 1, then cosine and sine of each multiple, the last one a cosine."""
    terms = [torch.ones_like(phase)]
    for multiple in range(1, count // 2):
        terms += [torch.cos(multiple * phase), torch.sin(multiple * phase)]
    return torch.stack([*terms, torch.cos(count // 2 * phase)][:count], -1).to(torch.complex128)
