"""Numbers as tensors, and the Bessel functions that Fourier transforms of shapes are made of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from metagen.base.arguments import array_of
from metagen.base.errors import InputError

Real = ArrayLike | Tensor
"""A real number, or an array or a tensor of them."""

NO_SERIES = (0.5, 1)
"""Orders whose closed form loses no digits at any x > 0."""
SERIES_TERMS = 9
"""Number of terms of the power series below q = 1; the next term is under 2·10⁻¹⁷."""


def as_real(value: Real, name: str = "a length, angle or coordinate") -> Tensor:
    """A float64 tensor, with the value's gradient if it has one.

    Args:
        value: a number, an array or a tensor.
        name: what it is, for the message.

    Raises:
        InputError: it is no real number, nor an array of them.
    """
    if isinstance(value, Tensor) and not value.is_complex():
        return value.to(torch.float64)
    return torch.from_numpy(array_of(value, name).astype(np.float64))


def check_broadcast(**values: Tensor) -> None:
    """Refuse values [...] whose axes do not fit together, by their names.

    Raises:
        InputError: they do not broadcast to one shape.
    """
    try:
        np.broadcast_shapes(*(value.shape for value in values.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in values.items())
        raise InputError(f"arrays of shapes that do not broadcast together: {shapes}") from None


class _ReducedBessel(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, order: float) -> Tensor:
        ctx.save_for_backward(q)
        ctx.order = order
        return _values(q, order)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (q,) = ctx.saved_tensors
        return grad * reduced_bessel(q, ctx.order + 1) / (-4 * (ctx.order + 1)), None


def reduced_bessel(q: Tensor, order: float) -> Tensor:
    """Γ(ν + 1)·(2/x)^ν·J_ν(x) with x = √q: an entire function of q, which is 1 at q = 0.

    Order ½ is sin(x)/x, order 1 is 2·J1(x)/x. All derivatives exist, because that of order ν is the function
    of order ν + 1, times −1/(4·(ν + 1)).

    Args:
        q: [...] square of the argument, q ≥ 0.
        order: ν.
    """
    if not q.requires_grad:
        return _values(q, order)
    result: Tensor = _ReducedBessel.apply(q, order)  # type: ignore[no-untyped-call]
    return result


def _values(q: Tensor, order: float) -> Tensor:
    if order in NO_SERIES:
        return torch.where(q > 0, _far(torch.where(q > 0, q, 1.0).sqrt(), order), 1.0)
    return torch.where(q < 1, _series(q.clamp(max=1), order), _far(q.clamp(min=1).sqrt(), order))


def _series(q: Tensor, order: float) -> Tensor:
    total = torch.ones_like(q)
    for m in range(SERIES_TERMS - 1, 0, -1):
        total = 1 - total * q / (4 * m * (order + m))
    return total


def _far(x: Tensor, order: float) -> Tensor:
    """The closed form, see :data:`NO_SERIES`; of other orders for x ≥ 1.

    The Bessel functions of torch 2.13 are wrong by 4·10⁻⁷ near x = 5.
    """
    if order == 0.5:
        return torch.sin(x) / x
    if order == 1.5:
        return 3 * (torch.sin(x) / x - torch.cos(x)) / x**2
    return torch.from_numpy(_bessel(order, x.numpy())) * (math.gamma(order + 1) * (2 / x) ** order)


def _bessel(order: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """J_ν(x); the first two are needed often, and fast."""
    if order == 1:
        return np.asarray(scipy.special.j1(x))
    if order == 2:
        return np.asarray(2 * scipy.special.j1(x) / x - scipy.special.j0(x))
    return np.asarray(scipy.special.jv(order, x))
