"""Harmonics of a cell with two mirror planes, and the matrices that act on them.

A wave that is x-polarised and normally incident excites one of the four mirror classes only:

=========  ============  ============
component  under x → −x  under y → −y
=========  ============  ============
Ex, Hy     even          even
Ey, Hx     odd           odd
Ez         odd           even
=========  ============  ============

A harmonic (m, n) with m, n ≥ 0 stands for the normalised sum, with signs, of the plane waves (±m, ±n); its
coefficient is that of the plane wave (+m, +n) times the square root of their number ("multiplicity").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

EVEN, ODD = 1, -1


@dataclass(frozen=True)
class Harmonics:
    """The harmonics |m|, |n| ≤ orders of one mirror class, m slow, n fast.

    Attributes:
        orders: largest order along either axis.
        parity_x: EVEN or ODD under x → −x.
        parity_y: EVEN or ODD under y → −y.
    """

    orders: int
    parity_x: int
    parity_y: int

    @cached_property
    def _grid(self) -> tuple[Tensor, Tensor]:
        m = torch.arange(0 if self.parity_x == EVEN else 1, self.orders + 1)
        n = torch.arange(0 if self.parity_y == EVEN else 1, self.orders + 1)
        along_x, along_y = torch.meshgrid(m, n, indexing="ij")
        return along_x.reshape(-1), along_y.reshape(-1)

    @property
    def m(self) -> Tensor:
        """[n] order along x."""
        return self._grid[0]

    @property
    def n(self) -> Tensor:
        """[n] order along y."""
        return self._grid[1]

    @cached_property
    def multiplicity(self) -> Tensor:
        """[n] number of plane waves in each harmonic: 1, 2 or 4."""
        return (1 + (self.m > 0).double()) * (1 + (self.n > 0).double())

    def __len__(self) -> int:
        return len(self.m)

    def position(self, m: Tensor, n: Tensor) -> Tensor:
        """Position of the harmonic (m, n); of one outside the class, that of some other harmonic."""
        first_m, first_n = int(self.m[0]), int(self.n[0])
        row = (m - first_m).clamp(min=0)
        return row * (self.orders + 1 - first_n) + (n - first_n).clamp(min=0)


@lru_cache(maxsize=64)
def _product_table(left: Harmonics, right: Harmonics) -> tuple[Tensor, Tensor, Tensor]:
    """Where in a quarter transform, and with which weight, the four terms of a product matrix are found."""
    x_index, y_index, weight = [], [], []
    scale = left.multiplicity.sqrt()[:, None] / right.multiplicity.sqrt()[None, :]
    for a in (1, -1):
        for b in (1, -1):
            dm = left.m[:, None] - a * right.m[None, :]
            dn = left.n[:, None] - b * right.n[None, :]
            mirrored = (right.parity_x if a < 0 else 1) * (right.parity_y if b < 0 else 1)
            counted = ((right.m > 0) | (a > 0)) & ((right.n > 0) | (b > 0))
            odd_x, odd_y = left.parity_x != right.parity_x, left.parity_y != right.parity_y
            sign = (dm.sign() if odd_x else torch.ones_like(dm)) * (dn.sign() if odd_y else 1)
            x_index.append(dm.abs())
            y_index.append(dn.abs())
            weight.append(mirrored * counted * sign * scale)
    return torch.stack(x_index), torch.stack(y_index), torch.stack(weight)


def product_matrix(transform: Tensor, left: Harmonics, right: Harmonics) -> Tensor:
    """Matrix of "multiply by a function", from one mirror class into another.

    Args:
        transform: [..., 2·orders + 1, 2·orders + 1] Fourier coefficients of the function at orders ≥ 0; they
            are even or odd along each axis as the function is.
        left: class of the product.
        right: class of the factor.

    Returns:
        [..., len(left), len(right)].
    """
    x_index, y_index, weight = _product_table(left, right)
    return (transform[..., x_index, y_index] * weight).sum(-3)


def line_product_matrix(transform: Tensor, parity: int) -> Tensor:
    """As :func:`product_matrix`, for an even function of one coordinate, within one mirror class.

    Args:
        transform: [..., 2·orders + 1] Fourier coefficients at orders ≥ 0.
        parity: EVEN or ODD.
    """
    orders = (transform.shape[-1] - 1) // 2
    m = torch.arange(0 if parity == EVEN else 1, orders + 1)
    direct, mirrored = (m[:, None] - m[None, :]).abs(), m[:, None] + m[None, :]
    scale = (1 + (m > 0).double()).sqrt() / 2**0.5
    both = transform[..., direct] + parity * transform[..., mirrored]
    return both * scale[:, None] * scale[None, :]


@dataclass(frozen=True)
class TransverseBasis:
    """Harmonics of (Ex, Ey), and of h = (Hy, −Hx), for an x-polarised wave: Ex first, then Ey.

    With h in that order the power along +z is Re(E·conj(h)), and Maxwell's equations read, with z in units
    of 1/k0,  dE/dz = i·P·h,  dh/dz = i·Q·E  with symmetric  P = 1 − k·[ε]⁻¹·kᵀ,  Q = ε − k̃·k̃ᵀ.
    """

    orders: int

    @cached_property
    def ex(self) -> Harmonics:
        return Harmonics(self.orders, EVEN, EVEN)

    @cached_property
    def ey(self) -> Harmonics:
        return Harmonics(self.orders, ODD, ODD)

    @cached_property
    def ez(self) -> Harmonics:
        return Harmonics(self.orders, ODD, EVEN)

    @cached_property
    def m(self) -> Tensor:
        """[n] order along x, of Ex and then of Ey."""
        return torch.cat([self.ex.m, self.ey.m])

    @cached_property
    def n(self) -> Tensor:
        """[n] order along y."""
        return torch.cat([self.ex.n, self.ey.n])

    @cached_property
    def multiplicity(self) -> Tensor:
        """[n] number of plane waves in each harmonic."""
        return torch.cat([self.ex.multiplicity, self.ey.multiplicity])

    def __len__(self) -> int:
        return len(self.m)

    @cached_property
    def divergence_order(self) -> Tensor:
        """[n] the order that multiplies each component in kx·Ex + ky·Ey."""
        return torch.cat([self.ex.m, self.ey.n]).double()

    @cached_property
    def ez_position(self) -> Tensor:
        """[n] position in :attr:`ez` of the harmonic with the same orders."""
        return self.ez.position(self.m, self.n)

    @cached_property
    def curl_square(self) -> Tensor:
        """[n, n] k̃·k̃ᵀ in units of (2π/period)², where k̃·E = kx·Ey − ky·Ex."""
        order = torch.cat([-self.ex.n, self.ey.m]).double()
        same = (self.m[:, None] == self.m[None, :]) & (self.n[:, None] == self.n[None, :])
        return same * order[:, None] * order[None, :]

    @cached_property
    def is_tm(self) -> Tensor:
        """[n] after :meth:`along_k`: whether the row is E along k (TM) or across it (TE)."""
        return torch.cat([self.ex.m > 0, torch.zeros(len(self.ey), dtype=torch.bool)])

    @cached_property
    def _partner(self) -> tuple[Tensor, Tensor, Tensor]:
        """The other component with the same orders, and the cosine and sine of the rotation onto k."""
        paired = torch.cat([(self.ex.m > 0) & (self.ex.n > 0), torch.ones(len(self.ey), dtype=torch.bool)])
        first = torch.arange(len(self.ex))[(self.ex.m > 0) & (self.ex.n > 0)]
        second = torch.arange(len(self.ey)) + len(self.ex)
        partner = torch.arange(len(self))
        partner[first], partner[second] = second, first
        k = torch.hypot(self.m.double(), self.n.double())
        cosine = torch.where(paired, self.m / k, torch.ones_like(k))
        sine = torch.where(paired, self.n / k, torch.zeros_like(k))
        sine[len(self.ex) :] *= -1
        return partner, cosine, sine

    def along_k(self, rows: Tensor) -> Tensor:
        """Rotate the rows of [..., n, c] from x, y to along and across the transverse wave vector."""
        partner, cosine, sine = self._partner
        return cosine[:, None] * rows + sine[:, None] * rows[..., partner, :]


@lru_cache(maxsize=32)
def transverse_basis(orders: int) -> TransverseBasis:
    """The basis for one truncation, kept for the next call."""
    return TransverseBasis(orders)
