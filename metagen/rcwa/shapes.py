"""Pillar shapes with two mirror planes, centred in the cell: their exact Fourier transforms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.rcwa.special import Reals, as_tensor, jinc, sinc


@dataclass(frozen=True)
class Ellipse:
    """An ellipse with its axes along x and y; semi-axes [...]."""

    semi_x: Tensor
    semi_y: Tensor

    @property
    def reach(self) -> tuple[Tensor, Tensor]:
        """Half the extent along x and along y."""
        return self.semi_x, self.semi_y

    def transform(self, period: Tensor, size: int) -> Tensor:
        """[..., size, size] Fourier coefficients of the indicator function at orders 0 … size − 1."""
        kx, ky = _wave_vectors(period, size)
        a, b = self.semi_x[..., None, None], self.semi_y[..., None, None]
        area = (math.pi * self.semi_x * self.semi_y / period**2)[..., None, None]
        return area * jinc(torch.sqrt((kx * a) ** 2 + (ky * b) ** 2 + _TINY))


@dataclass(frozen=True)
class Ring:
    """A circular ring; outer and inner radius [...]."""

    outer: Tensor
    inner: Tensor

    @property
    def reach(self) -> tuple[Tensor, Tensor]:
        """Half the extent along x and along y."""
        return self.outer, self.outer

    def transform(self, period: Tensor, size: int) -> Tensor:
        """As :meth:`Ellipse.transform`."""
        return Ellipse(self.outer, self.outer).transform(period, size) - Ellipse(
            self.inner, self.inner
        ).transform(period, size)


@dataclass(frozen=True)
class Strip:
    """The part lower < |y| < upper of a shape, where it is |x| < half_width (or with x, y exchanged)."""

    half_width: Tensor
    lower: Tensor
    upper: Tensor


@dataclass(frozen=True)
class Rectangle:
    """A rectangle with its sides along x and y; side lengths [...]."""

    width_x: Tensor
    width_y: Tensor

    @property
    def reach(self) -> tuple[Tensor, Tensor]:
        """Half the extent along x and along y."""
        return self.width_x / 2, self.width_y / 2

    @property
    def strips_along_x(self) -> tuple[Strip, ...]:
        """The shape cut into strips of constant width along x."""
        return (Strip(self.width_x / 2, torch.zeros_like(self.width_y), self.width_y / 2),)

    @property
    def strips_along_y(self) -> tuple[Strip, ...]:
        """The shape cut into strips of constant width along y."""
        return (Strip(self.width_y / 2, torch.zeros_like(self.width_x), self.width_x / 2),)


@dataclass(frozen=True)
class Cross:
    """Two crossed bars along x and y of the same length and width [...]."""

    length: Tensor
    width: Tensor

    @property
    def reach(self) -> tuple[Tensor, Tensor]:
        """Half the extent along x and along y."""
        return self.length / 2, self.length / 2

    @property
    def strips_along_x(self) -> tuple[Strip, ...]:
        """The shape cut into strips of constant width along x."""
        return (
            Strip(self.length / 2, torch.zeros_like(self.width), self.width / 2),
            Strip(self.width / 2, self.width / 2, self.length / 2),
        )

    @property
    def strips_along_y(self) -> tuple[Strip, ...]:
        """The shape cut into strips of constant width along y."""
        return self.strips_along_x


Curved = Ellipse | Ring
Rectilinear = Rectangle | Cross
Shape = Curved | Rectilinear


def circle(radius: Reals) -> Ellipse:
    """A circle; the radius [...] is a number, an array or a tensor, as are all sizes here."""
    return Ellipse(as_tensor(radius), as_tensor(radius))


def ellipse(semi_x: Reals, semi_y: Reals) -> Ellipse:
    """An ellipse with semi-axes [...] along x and y."""
    return Ellipse(as_tensor(semi_x), as_tensor(semi_y))


def ring(outer: Reals, inner: Reals) -> Ring:
    """A circular ring of outer and inner radius [...]."""
    shape = Ring(as_tensor(outer), as_tensor(inner))
    if not bool(((shape.inner > 0) & (shape.inner < shape.outer)).all()):
        raise InputError(f"inner is {inner}; it must be positive and smaller than outer, {outer}")
    return shape


def square(width: Reals) -> Rectangle:
    """A square of side [...]."""
    return rectangle(width, width)


def rectangle(width_x: Reals, width_y: Reals) -> Rectangle:
    """A rectangle of sides [...] along x and y."""
    return Rectangle(as_tensor(width_x), as_tensor(width_y))


def cross(length: Reals, width: Reals) -> Cross:
    """Two crossed bars of the same length and width [...]."""
    shape = Cross(as_tensor(length), as_tensor(width))
    if not bool(((shape.width > 0) & (shape.width <= shape.length)).all()):
        raise InputError(f"width is {width}; it must be positive and at most the length, {length}")
    return shape


def interval_transform(half_width: Tensor, period: Tensor, size: int) -> Tensor:
    """[..., size] Fourier coefficients of the interval |x| < half_width at orders 0 … size − 1."""
    order = torch.arange(size, dtype=torch.float64)
    filled = (2 * half_width / period)[..., None]
    return filled * sinc(math.pi * order * filled)


def strip_transform(strip: Strip, period: Tensor, size: int) -> Tensor:
    """[..., size] Fourier coefficients of the two intervals lower < |y| < upper."""
    outer, inner = (interval_transform(edge, period, size) for edge in (strip.upper, strip.lower))
    return outer - inner


_TINY = 1e-300


def _wave_vectors(period: Tensor, size: int) -> tuple[Tensor, Tensor]:
    k = torch.arange(size, dtype=torch.float64) * (2 * math.pi / period[..., None, None])
    return k.transpose(-1, -2), k
