"""Functions of the parameters of a meta-atom that linear models are made of, and what mirrors do to them.

Every feature is a product of one function of each parameter, of a total degree below ``count``: Chebyshev
polynomials of a length that is scaled to −1 … 1; of an angle 1, and the cosines and sines of those of its
multiples that have the period of the shape.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial, reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.device.atoms.parameter import Kind, Parameter
from metagen.device.symmetry import MIRROR_IMAGES


def products(parameters: Sequence[Parameter], period: float, values: Tensor, count: int) -> Tensor:
    """[..., Q] products of one function of each parameter, by increasing degree.

    Args:
        parameters: lengths and angles.
        period: turn that leaves every shape as it is.
        values: [..., P] of the parameters.
        count: degrees 0 … count − 1.
    """
    if not parameters:
        return values.new_ones((*values.shape[:-1], 1))
    terms = [_terms(parameter, period, values[..., i], count) for i, parameter in enumerate(parameters)]
    made = [
        reduce(torch.mul, (terms[i][j] for i, j in enumerate(choice)))
        for choice in _choices(parameters, count)
    ]
    return torch.stack(made, -1)


def parity(parameters: Sequence[Parameter], period: float, count: int) -> NDArray[np.int_]:
    """[Q, 4] sign of the products in the images of a device; only a free angle has other signs than 1."""
    choices = _choices(parameters, count)
    signs = np.ones((len(choices), len(MIRROR_IMAGES)), dtype=np.int_)
    for i, parameter in enumerate(parameters):
        if parameter.kind is Kind.ANGLE:
            signs *= np.array([_angle_parity(choice[i], round(2 * math.pi / period)) for choice in choices])
    return signs


def _choices(parameters: Sequence[Parameter], count: int) -> list[tuple[int, ...]]:
    """Which function of each parameter is in each product; those of lower degree come first."""
    counts = (2 * count - 1 if p.kind is Kind.ANGLE else count for p in parameters)
    every = sorted(itertools.product(*map(range, counts)), key=partial(_degree, parameters))
    return [choice for choice in every if _degree(parameters, choice) < count]


def _degree(parameters: Sequence[Parameter], choice: tuple[int, ...]) -> int:
    """An angle has the functions 1, cos, sin, cos, sin … of the degrees 0, 1, 1, 2, 2, and so on."""
    pairs = zip(parameters, choice, strict=True)
    return sum((j + 1) // 2 if parameter.kind is Kind.ANGLE else j for parameter, j in pairs)


def _terms(parameter: Parameter, period: float, values: Tensor, count: int) -> list[Tensor]:
    if parameter.kind is Kind.ANGLE:
        turns = [2 * math.pi / period * m * values for m in range(1, count)]
        waves = [wave for turn in turns for wave in (torch.cos(turn), torch.sin(turn))]
        return [torch.ones_like(values), *waves]
    low, high = parameter.low, parameter.high
    x = (2 * values - (low + high)) / (high - low)
    terms = [torch.ones_like(x), x]
    while len(terms) < count:
        terms.append(2 * x * terms[-1] - terms[-2])
    return terms[:count]


def _angle_parity(function: int, harmonic: int) -> list[int]:
    """Signs of one function of the angle θ, which the mirrors turn into π − θ, −θ, and both into θ + π."""
    half_turn = -1 if (function + 1) // 2 * harmonic % 2 else 1
    mirror = -1 if function and function % 2 == 0 else 1
    return [1, half_turn * mirror, mirror, half_turn]
