"""Numbers as tensors, and special functions with gradients that torch does not have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.special
import torch
from numpy.typing import NDArray
from torch import Tensor

Reals = float | Sequence[float] | NDArray[Any] | Tensor
"""Real numbers as a caller may give them: one, or many."""
Numbers = complex | Sequence[complex] | NDArray[Any] | Tensor
"""Numbers that may be complex."""


class _Jinc(torch.autograd.Function):
    """2·J1(x)/x, with its derivative 2·(J0(x) − 2·J1(x)/x)/x.

    The Bessel functions are scipy's: those of torch 2.13 are wrong by 4·10⁻⁷ near x = 5.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        value = torch.where(x == 0, 1.0, 2 * _bessel(scipy.special.j1, x) / torch.where(x == 0, 1.0, x))
        ctx.save_for_backward(x, value)
        return value

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x, value = ctx.saved_tensors
        slope = 2 * (_bessel(scipy.special.j0, x) - value) / torch.where(x == 0, 1.0, x)
        return grad * torch.where(x == 0, 0.0, slope)


def _bessel(function: Callable[[NDArray[np.float64]], NDArray[np.float64]], x: Tensor) -> Tensor:
    return torch.from_numpy(function(x.detach().numpy()))


def jinc(x: Tensor) -> Tensor:
    """2·J1(x)/x, which is 1 at x = 0; differentiable once."""
    result: Tensor = _Jinc.apply(x)  # type: ignore[no-untyped-call]
    return result


def sinc(x: Tensor) -> Tensor:
    """sin(x)/x, which is 1 at x = 0."""
    return torch.sinc(x / torch.pi)


def as_tensor(value: Numbers) -> Tensor:
    """A float64 or complex128 tensor with the value's gradient, if it has one."""
    if isinstance(value, Tensor):
        return value.to(torch.complex128 if value.is_complex() else torch.float64)
    array = np.array(value)
    return torch.from_numpy(array.astype(np.complex128 if np.iscomplexobj(array) else np.float64))
