"""The field in a slab that does not change along z, without its eigenmodes.

With z in units of 1/k0, g = −i·h and A = P·Q the fields obey  dE/dz = −P·g,  dg/dz = Q·E,  so E'' = −A·E.
In a slab of half thickness a the part of E that is even about its middle is cos(√A·z), the odd part
sin(√A·z). All that the surfaces see is  T = tan(√A·a)/√A :  even fields have g = Q·T·E at the upper surface,
odd ones E = −T·P·g. T is a power series in A: it needs no eigenvectors, stays real where media are lossless,
and its gradient is smooth also where eigenvalues meet (in symmetric cells they always do).

It is computed by a Padé approximant at a/2^s and the double-angle formula tan 2x = 2·tan x/(1 − tan² x).
Evanescent harmonics, which make other recursions overflow, are harmless: tan(i·y) → i.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from metagen.rcwa.tensors import add_to_diagonal

PADE_DEGREE = 17
PADE_RADIUS = 7.0
"""|√A·x| up to which the approximant is used. The largest values are evanescent, where it is tanh: right to
4·10⁻¹⁵ at 7, 6·10⁻¹⁶ at 6.5 (the bound by norms is some 7 % too large). In all of the complex plane it is
exact in double precision up to 4.7 (N. J. Higham, SIAM J. Matrix Anal. Appl. 26, 1179 (2005), table 2.3)."""

CLOSE_TO_A_POLE = 50.0
"""Largest entry of T, in units of 1/k0, that is taken for harmless. Of 600 random cells 5 % exceed it; with
this limit energy is conserved to 1e-11, without it to 5e-10 (digits are lost as the square of T)."""
SHARES = (0.5, 0.39, 0.27, 0.44)
"""Ways to cut the slab that are tried in turn; no pole can be close to all of them but by chance."""


def _exponential_pade(degree: int) -> list[float]:
    f = math.factorial
    return [f(2 * degree - j) * f(degree) / (f(2 * degree) * f(j) * f(degree - j)) for j in range(degree + 1)]


def _tangent_coefficients() -> tuple[list[float], list[float]]:
    """Coefficients of numerator and denominator of tan(y)/y as polynomials in y², from exp(2iy)."""
    c = _exponential_pade(PADE_DEGREE)
    numerator = [2 * c[2 * j + 1] * (-4.0) ** j for j in range(PADE_DEGREE // 2 + 1)]
    denominator = [c[2 * j] * (-4.0) ** j for j in range(PADE_DEGREE // 2 + 1)]
    return numerator, denominator


NUMERATOR, DENOMINATOR = _tangent_coefficients()


def half_slab(A: Tensor, half_thickness: Tensor) -> tuple[Tensor, Tensor]:
    """Return U, V with tan(√A·a)/√A = V·U⁻¹; both finite, and functions of A.

    The slab is put together from two parts by the addition formula of the tangent. They are halves, unless
    the tangent of a half, or of a half of it, … is so close to a pole that digits are lost; then others.

    Args:
        A: [..., n, n] matrix of E'' = −A·E.
        half_thickness: [...] a, in units of 1/k0.

    Returns:
        U, V, [..., n, n] each.
    """
    shape = np.broadcast_shapes(A.shape, (*half_thickness.shape, 1, 1))
    A, a = A.expand(shape).reshape(-1, *shape[-2:]), half_thickness.expand(shape[:-2]).reshape(-1)
    U, V, close = _from_parts(A, a, SHARES[0])
    for share in SHARES[1:]:
        rows = torch.nonzero(close)[:, 0]
        if not len(rows):
            break
        u, v, still = _from_parts(A[rows], a[rows], share)
        U, V = U.index_copy(0, rows, u), V.index_copy(0, rows, v)
        close = close.index_copy(0, rows, still)
    return U.reshape(shape), V.reshape(shape)


class _Powers:
    """A matrix, its powers, and a bound of the largest |√A|."""

    def __init__(self, A: Tensor) -> None:
        self.first, self.second = A, A @ A
        self.third, self.fourth = self.second @ A, self.second @ self.second
        self.root_norm = self.fourth.detach().abs().sum(-2).amax(-1) ** (1 / 8)


def _from_parts(A: Tensor, a: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """U, V from the tangents of two parts of a, and whether either came close to a pole."""
    powers = _Powers(A)
    first, close = _tangent(powers, share * a)
    if share == 0.5:
        return _one_minus(A @ (first @ first)), 2 * first, close
    second, too_close = _tangent(powers, (1 - share) * a)
    return _one_minus(A @ (first @ second)), first + second, close | too_close


def _tangent(A: _Powers, x: Tensor) -> tuple[Tensor, Tensor]:
    """T = tan(√A·x)/√A, and whether it or the tangent of x/2, x/4, … came close to a pole."""
    largest = float((A.root_norm * x.detach()).max())
    doublings = max(0, math.ceil(math.log2(max(largest / PADE_RADIUS, 1e-300))))
    start = (x / 2**doublings)[:, None, None]
    tangent = _pade_tangent(A, start)
    close = _is_large(tangent)
    for _ in range(doublings):
        tangent = 2 * torch.linalg.solve(_one_minus(A.first @ (tangent @ tangent)), tangent)
        close = close | _is_large(tangent)
    return tangent, close


def _is_large(tangent: Tensor) -> Tensor:
    return tangent.detach().abs().amax((-2, -1)) > CLOSE_TO_A_POLE


def _one_minus(matrix: Tensor) -> Tensor:
    return add_to_diagonal(-matrix, 1)


def _pade_tangent(A: _Powers, start: Tensor) -> Tensor:
    """tan(√A·x)/√A for a small x [..., 1, 1]."""
    x4 = A.fourth * start**8
    powers = [A.first * start**2, A.second * start**4, A.third * start**6]
    numerator = _low(NUMERATOR[:4], powers) + x4 @ (_low(NUMERATOR[4:8], powers) + NUMERATOR[8] * x4)
    denominator = _low(DENOMINATOR[:4], powers) + x4 @ (_low(DENOMINATOR[4:8], powers) + DENOMINATOR[8] * x4)
    tangent: Tensor = torch.linalg.solve(denominator, numerator)
    return tangent * start


def _low(coefficients: list[float], powers: list[Tensor]) -> Tensor:
    first, second, third = (c * power for c, power in zip(coefficients[1:], powers, strict=True))
    return add_to_diagonal(first + second + third, coefficients[0])
