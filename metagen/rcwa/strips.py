"""Li's rules for cells whose walls all run along x or y: strip by strip.

L. Li, J. Opt. Soc. Am. A 14, 2758 (1997). The cell is cut into strips along x in which nothing changes along
y. There Ex, which is normal to all walls, takes the inverse rule of one dimension, and across the strips the
Laurent rule. For Ey, x and y change places.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from metagen.rcwa.basis import Harmonics


def interval_transform(low: Tensor, high: Tensor, period: float, highest: int) -> Tensor:
    """[..., z, 2·highest + 1] Fourier coefficients, at orders −highest … highest, of intervals [..., z]."""
    order = torch.arange(-highest, highest + 1, dtype=torch.float64)
    filled = ((high - low) / period)[..., None]
    phase = math.pi * order * ((low + high) / period)[..., None]
    return filled * torch.sinc(order * filled) * torch.polar(torch.ones_like(phase), -phase)


def inverse_rule(reciprocal: Tensor) -> Tensor:
    """[..., a, a] inverse of the matrix of 1/ε along a strip, from Fourier coefficients [..., 2·a − 1]."""
    highest = (reciprocal.shape[-1] - 1) // 2
    order = torch.arange(highest + 1)
    matrix: Tensor = torch.linalg.inv(reciprocal[..., order[:, None] - order[None, :] + highest])
    return matrix


def assembled(across: Tensor, along: Tensor, harmonics: Harmonics, axis: int) -> Tensor:
    """[..., n, n] permittivity on the component along an axis, the sum over all strips.

    Args:
        across: [..., z, a, a] what each strip does along its length, on all orders along the axis.
        along: [..., z, d] Fourier coefficients of the width of each strip.
        harmonics: harmonics of the component.
        axis: axis that the strips run along.
    """
    table = torch.einsum("...zab,...zd->...abd", across.to(along.dtype), along)
    terms = [
        table[..., rows, columns, step] * weight for rows, columns, step, weight in _terms(harmonics, axis)
    ]
    return torch.stack(terms).sum(0)


@lru_cache(maxsize=128)
def _terms(harmonics: Harmonics, axis: int) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor], ...]:
    """Per element of the group, where the terms are found in the table of strips, and their weight."""
    extent, orders = harmonics.truncation.extent, harmonics.orders
    scale = harmonics.multiplicity.sqrt()[:, None] * harmonics.multiplicity.sqrt()[None, :]
    terms = []
    for element, sign in zip(harmonics.group, harmonics.signs, strict=True):
        image = orders * torch.tensor(element)
        step = orders[:, None, 1 - axis] - image[None, :, 1 - axis] + 2 * extent[1 - axis]
        rows, columns = orders[:, axis] + extent[axis], image[:, axis] + extent[axis]
        terms.append((rows[:, None], columns[None, :], step, sign * scale / len(harmonics.group)))
    return tuple(terms)
