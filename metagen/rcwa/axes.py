"""One parameter of a library: the functions of it that a library is made of, and where it is sampled."""

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
    """A parameter and the functions of it: each has a degree, and those of low degree are smooth.

    Lengths, and angles over a part of a turn, have Chebyshev polynomials; angles over a whole period have a
    Fourier series; a choice has one function for each shape.

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

    @property
    def choices(self) -> int:
        """How many values a choice has."""
        return round(self.parameter.high - self.parameter.low) + 1

    def degrees(self, most: int) -> list[int]:
        """The degree of each function, the constant first, up to a degree."""
        if self.is_choice:
            return [0] + [1] * (self.choices - 1 if most else 0)
        if self.period is not None:
            return [(number + 1) // 2 for number in range(2 * most + 1)]
        return list(range(most + 1))

    def functions(self, x: Tensor, most: int) -> Tensor:
        """[..., k] these functions at values [...], real or complex; smooth in them."""
        low, high = self.parameter.low, self.parameter.high
        if self.is_choice:
            chosen = torch.nn.functional.one_hot((x.real - low).round().long(), self.choices).to(x.dtype)
            return torch.cat([torch.ones_like(x)[..., None], chosen[..., 1:]], -1)[
                ..., : len(self.degrees(most))
            ]
        if self.period is not None:
            return _fourier(2 * math.pi * (x - low) / self.period, most)
        return _chebyshev((2 * x - low - high) / (high - low), most)

    def evenly(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at shares 0 … 1 of the range."""
        low, high = self.parameter.low, self.parameter.high
        if self.is_choice:
            return np.asarray(low + np.minimum(np.floor(share * self.choices), self.choices - 1))
        return np.asarray(low + (high - low) * share)

    def spread(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at shares 0 … 1, denser towards the ends, as polynomials want their samples."""
        if self.is_choice or self.period is not None:
            return self.evenly(share)
        return self.evenly((1 - np.cos(np.pi * share)) / 2)


def axes_of(atom: Atom) -> tuple[Axis, ...]:
    """The free parameters of a meta-atom."""
    return tuple(Axis(parameter, _period(atom, parameter)) for parameter in atom.parameters)


def _period(atom: Atom, parameter: Parameter) -> float | None:
    period = getattr(atom, "period", 2 * math.pi)
    whole = parameter.kind is Kind.ANGLE and parameter.high - parameter.low >= period - SAME
    return period if whole else None


def _chebyshev(x: Tensor, most: int) -> Tensor:
    terms = [torch.ones_like(x), x]
    while len(terms) <= most:
        terms.append(2 * x * terms[-1] - terms[-2])
    return torch.stack(terms[: most + 1], -1)


def _fourier(phase: Tensor, most: int) -> Tensor:
    """[..., 2·most + 1] 1, then cosine and sine of each multiple."""
    terms = [torch.ones_like(phase)]
    for multiple in range(1, most + 1):
        terms += [torch.cos(multiple * phase), torch.sin(multiple * phase)]
    return torch.stack(terms, -1)
