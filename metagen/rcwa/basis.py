"""Harmonics of a periodic field of one symmetry class, and the matrices that act on them.

A *group* is the set of mirrors and half turns that lattice, pillars and light have in common. Under each of
its elements the field of a class takes a sign; so every component is even or odd. A harmonic is the normed
sum, with signs, of the plane waves that the group makes of one; its coefficient is that of this plane wave
times the square root of their number. Where nothing is symmetric a harmonic is a plane wave.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from metagen.rcwa.truncation import Truncation

Element = tuple[int, int]
"""Signs of x and of y: (1, 1) leaves all as it is, (−1, 1) is the mirror x → −x, (−1, −1) the half turn."""

TWO_MIRRORS: tuple[Element, ...] = ((1, 1), (1, -1), (-1, 1), (-1, -1))
HALF_TURN: tuple[Element, ...] = ((1, 1), (-1, -1))
NOTHING: tuple[Element, ...] = ((1, 1),)


class Component(Enum):
    """A component of the field, with the signs by which it changes where x or where y changes sign."""

    EX = (-1, 1)
    EY = (1, -1)
    EZ = (1, 1)

    def sign(self, element: Element) -> int:
        """Sign that the component takes as part of a vector."""
        return (self.value[0] if element[0] < 0 else 1) * (self.value[1] if element[1] < 0 else 1)


@dataclass(frozen=True, eq=False)
class Harmonics:
    """The harmonics of one component, by order: m slow, n fast.

    Attributes:
        truncation: which plane waves there are.
        group: elements of the symmetry group.
        signs: per element, whether the component is even (1) or odd (−1) under it.
    """

    truncation: Truncation
    group: tuple[Element, ...]
    signs: tuple[int, ...]

    @cached_property
    def _images(self) -> tuple[Tensor, Tensor, Tensor]:
        """[w, 2] last image of each plane wave, [w] the sign to it, [w] whether the wave can take part."""
        last, signs = last_image(self.truncation.waves, self.group, self.signs, self.truncation)
        vanishes = torch.zeros(len(last), dtype=torch.bool)
        for element, sign in zip(self.group, self.signs, strict=True):
            fixed = (self.truncation.waves * torch.tensor(element) == self.truncation.waves).all(-1)
            vanishes |= fixed & (sign < 0)
        return last, signs, ~vanishes

    @cached_property
    def orders(self) -> Tensor:
        """[n, 2] orders along x and y of the plane wave that stands for each harmonic."""
        last, _, exists = self._images
        return self.truncation.distinct(last[exists])

    def __len__(self) -> int:
        return len(self.orders)

    @cached_property
    def multiplicity(self) -> Tensor:
        """[n] number of plane waves in each harmonic."""
        position, _ = self.expansion
        return torch.bincount(position[position >= 0], minlength=len(self)).double()

    @cached_property
    def _positions(self) -> Tensor:
        table = torch.full((self.truncation.numbers,), -1)
        table[self.truncation.number(self.orders)] = torch.arange(len(self))
        return table

    def position(self, orders: Tensor) -> Tensor:
        """[n] position of the harmonics with these orders [n, 2]; −1 for one that does not exist."""
        found: Tensor = self._positions[self.truncation.number(orders)]
        return found

    @cached_property
    def expansion(self) -> tuple[Tensor, Tensor]:
        """[w] position of the harmonic that each plane wave belongs to, −1 for none, and its sign in it."""
        last, sign, _ = self._images
        return self.position(last), sign

    def expanded(self, vector: Tensor) -> Tensor:
        """[..., w] amplitudes of all plane waves from coefficients [..., n]."""
        position, sign = self.expansion
        with_none = torch.nn.functional.pad(vector / self.multiplicity.sqrt(), (0, 1))
        return with_none[..., position] * sign


def last_image(
    orders: Tensor, group: tuple[Element, ...], signs: tuple[int, ...], truncation: Truncation
) -> tuple[Tensor, Tensor]:
    """Of the images of each plane wave [..., 2] the last by order, and the sign of the element to it."""
    images = torch.stack([orders * torch.tensor(element) for element in group])
    number = truncation.number(images)
    chosen = number.argmax(0)
    last = torch.gather(images, 0, chosen[None, ..., None].expand(1, *chosen.shape, 2))[0]
    return last, torch.tensor(signs)[chosen]


@lru_cache(maxsize=128)
def _differences(truncation: Truncation, group: tuple[Element, ...]) -> tuple[Tensor, Tensor]:
    waves = truncation.waves
    differences = truncation.distinct(waves[:, None, :] - waves[None, :, :])
    even = (1,) * len(group)
    last = truncation.distinct(last_image(differences, group, even, truncation)[0])
    position = torch.zeros(truncation.numbers, dtype=torch.long)
    position[truncation.number(last)] = torch.arange(len(last))
    return last, position


@lru_cache(maxsize=128)
def _product_table(left: Harmonics, right: Harmonics) -> tuple[Tensor, Tensor]:
    """[g, left, right] where the terms of a product matrix are found, and with which weight."""
    _, position = _differences(left.truncation, left.group)
    product = tuple(a * b for a, b in zip(left.signs, right.signs, strict=True))
    index, weight = [], []
    for element, sign in zip(right.group, right.signs, strict=True):
        difference = left.orders[:, None, :] - right.orders[None, :, :] * torch.tensor(element)
        last, mirrored = last_image(difference, left.group, product, left.truncation)
        index.append(position[left.truncation.number(last)])
        weight.append(sign * mirrored)
    scale = left.multiplicity.sqrt()[:, None] * right.multiplicity.sqrt()[None, :] / len(left.group)
    return torch.stack(index), torch.stack(weight) * scale


def product_matrix(transform: Tensor, left: Harmonics, right: Harmonics) -> Tensor:
    """Matrix of "multiply by a function", from one component into another.

    Args:
        transform: [..., d] Fourier coefficients of the function at :attr:`TransverseBasis.differences`; it is
            even or odd under each element as the product of the two components is.
        left: component of the product.
        right: component of the factor.

    Returns:
        [..., len(left), len(right)].
    """
    index, weight = _product_table(left, right)
    return (transform[..., index] * weight).sum(-3)


@dataclass(frozen=True, eq=False)
class TransverseBasis:
    """Harmonics of (Ex, Ey), and of h = (Hy, −Hx): those of the first component, then those of the second.

    With h in that order the power along +z is Re(E·conj(h)), and Maxwell's equations read, with z in units
    of 1/k0,  dE/dz = i·P·h,  dh/dz = i·Q·E  with  P = 1 − k·[ε]⁻¹·kᵀ,  Q = ε − k̃·k̃ᵀ. They are symmetric, and
    real in lossless cells with a half turn.

    Attributes:
        truncation: which plane waves there are.
        group: symmetries of the field.
        along_x: whether the class is that of light along x, else along y; mirrors make them differ.
    """

    truncation: Truncation
    group: tuple[Element, ...]
    along_x: bool = True

    def _harmonics(self, component: Component) -> Harmonics:
        of = Component.EX if self.along_x else Component.EY
        signs = tuple(of.sign(element) * component.sign(element) for element in self.group)
        return Harmonics(self.truncation, self.group, signs)

    @cached_property
    def ex(self) -> Harmonics:
        return self._harmonics(Component.EX)

    @cached_property
    def ey(self) -> Harmonics:
        return self._harmonics(Component.EY)

    @cached_property
    def ez(self) -> Harmonics:
        return self._harmonics(Component.EZ)

    def __len__(self) -> int:
        return len(self.ex) + len(self.ey)

    @property
    def differences(self) -> Tensor:
        """[d, 2] orders at which the Fourier coefficients of a function of the cell are needed."""
        return _differences(self.truncation, self.group)[0]

    @cached_property
    def orders(self) -> Tensor:
        """[n, 2] orders of the harmonics of Ex and then of Ey."""
        return torch.cat([self.ex.orders, self.ey.orders])

    @cached_property
    def is_y(self) -> Tensor:
        """[n] whether the harmonic is one of Ey."""
        return torch.arange(len(self)) >= len(self.ex)

    @cached_property
    def ez_position(self) -> Tensor:
        """[n] position in :attr:`ez` of the harmonic with the same orders, −1 for none."""
        return self.ez.position(self.orders)

    @cached_property
    def partner(self) -> Tensor:
        """[n] position of the other component with the same orders; its own for none."""
        to_ey = self.ey.position(self.ex.orders)
        to_ex = self.ex.position(self.ey.orders)
        other = torch.cat([torch.where(to_ey >= 0, to_ey + len(self.ex), -1), to_ex])
        return torch.where(other >= 0, other, torch.arange(len(self)))

    @cached_property
    def is_paired(self) -> Tensor:
        """[n] whether the other component has a harmonic with the same orders."""
        return self.partner != torch.arange(len(self))

    @cached_property
    def zeroth(self) -> Tensor:
        """[c] positions of order (0, 0): of Ex, of Ey or of both, as the class has them."""
        return torch.nonzero((self.orders == 0).all(-1))[:, 0]

    @cached_property
    def in_jones(self) -> Tensor:
        """[2, 2] 1 at the elements of a Jones matrix between components that have order (0, 0), else 0."""
        has_zeroth = torch.bincount(self.is_y[self.zeroth].long(), minlength=2).double()
        return has_zeroth[:, None] * has_zeroth

    @cached_property
    def same_orders(self) -> Tensor:
        """[n, n] 1 where two harmonics have the same orders, else 0."""
        return (self.orders[:, None, :] == self.orders[None, :, :]).all(-1).double()

    def expanded(self, vector: Tensor) -> Tensor:
        """[..., 2w] amplitudes of all plane waves, of Ex and then of Ey, from those of harmonics [..., n]."""
        ex, ey = vector[..., : len(self.ex)], vector[..., len(self.ex) :]
        return torch.cat([self.ex.expanded(ex), self.ey.expanded(ey)], -1)


@lru_cache(maxsize=64)
def transverse_basis(
    truncation: Truncation, group: tuple[Element, ...] = NOTHING, along_x: bool = True
) -> TransverseBasis:
    """The basis, kept for the next call."""
    return TransverseBasis(truncation, group, along_x)
