"""Numbers, real or complex, as tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.arguments import array_of

Reals = float | Sequence[float] | NDArray[Any] | Tensor
"""Real numbers as a caller may give them: one, or many."""
Numbers = complex | Sequence[complex] | NDArray[Any] | Tensor
"""Numbers that may be complex."""


def as_tensor(value: Numbers, name: str = "a number") -> Tensor:
    """A float64 or complex128 tensor with the value's gradient, if it has one.

    Args:
        value: a number, an array or a tensor.
        name: what it is, for the message.

    Raises:
        InputError: it is no number, nor an array of them.
    """
    if isinstance(value, Tensor):
        return value.to(torch.complex128 if value.is_complex() else torch.float64)
    array = array_of(value, name, kinds="biufc")
    return torch.from_numpy(array.astype(np.complex128 if np.iscomplexobj(array) else np.float64))


def is_positive(values: Tensor) -> bool:
    """Whether all real numbers are positive and finite."""
    return bool(((values > 0) & (values < math.inf)).all())


def add_to_diagonal(matrix: Tensor, value: Tensor | float) -> Tensor:
    """The matrix [..., n, n] itself, after ``value`` ([..., 1], or one number) was added to its diagonal."""
    matrix.diagonal(dim1=-2, dim2=-1).add_(value)
    return matrix
