"""Which plane waves of a periodic field are kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from metagen.device.lattice import Lattice

WHOLE = ((0.0, 0.0),)
"""Translations of a cell that does not repeat within itself."""
SAME_SHELL = 1e-9
"""Relative difference of |G|² below which waves belong to one shell."""


@dataclass(frozen=True)
class Truncation:
    """A finite set of plane waves, which every mirror and half turn maps onto itself.

    Attributes:
        extent: largest |m| and |n| of a rectangle of orders.
        translations: moves, as fractions of the cell, that leave what is solved as it is; waves that change
            under one of them do not exist.
        shell: (px/py, limit): only waves with m²·py/px + n²·px/py below the limit are kept; all if None.
    """

    extent: tuple[int, int]
    translations: tuple[tuple[float, float], ...] = WHOLE
    shell: tuple[float, float] | None = None

    @cached_property
    def waves(self) -> Tensor:
        """[w, 2] orders along x and y, m slow, n fast."""
        waves = _existing(self.extent, self.translations)
        if self.shell is None:
            return waves
        aspect, limit = self.shell
        return waves[_square(waves, aspect) < limit]

    def inner_radius(self, lattice: Lattice) -> float:
        """Length of a wave vector below which none is left out, in units of 2π per micrometre."""
        if self.shell is not None:
            return math.sqrt(self.shell[1] / lattice.area)
        return min((largest + 1) / side for largest, side in zip(self.extent, lattice.pitch, strict=True))

    @property
    def size(self) -> float:
        """Half the root of the number of waves: M + ½ on a square lattice where all |m|, |n| ≤ M are kept."""
        return math.sqrt(len(self.waves)) / 2

    def number(self, orders: Tensor) -> Tensor:
        """[...] a number for orders [..., 2], also for differences of two waves; it grows with m, then n."""
        m, n = self.extent
        return (orders[..., 0] + 2 * m) * (4 * n + 1) + orders[..., 1] + 2 * n

    def distinct(self, orders: Tensor) -> Tensor:
        """[k, 2] the orders, or differences of two waves, that occur in [..., 2], by number."""
        occurs = torch.zeros(self.numbers, dtype=torch.bool)
        occurs[self.number(orders).reshape(-1)] = True
        m, n = self.extent
        found = torch.nonzero(occurs)[:, 0]
        return torch.stack([found // (4 * n + 1) - 2 * m, found % (4 * n + 1) - 2 * n], -1)

    @property
    def numbers(self) -> int:
        """How many values :meth:`number` can take."""
        m, n = self.extent
        return (4 * m + 1) * (4 * n + 1)


@lru_cache(maxsize=64)
def truncation(orders: int, lattice: Lattice, translations: tuple[tuple[float, float], ...]) -> Truncation:
    """About (2·orders + 1)² plane waves, equally fine along x and along y.

    On a rectangular lattice they fill a rectangle, |m| ≤ orders·√(px/py) and |n| ≤ orders·√(py/px), rounded:
    on a square one all with |m|, |n| ≤ orders. In a cell that repeats within itself they fill a circle, which
    on a hexagonal lattice keeps its turns by 60 degrees.
    """
    aspect = lattice.pitch[0] / lattice.pitch[1]
    root = math.sqrt(aspect)
    if len(translations) == 1:
        return Truncation((round(orders * root), round(orders / root)), translations)
    return _circle(orders, aspect, translations)


def _circle(orders: int, aspect: float, translations: tuple[tuple[float, float], ...]) -> Truncation:
    """The largest set of whole shells of equal |G| with at most (2·orders + 1)² waves."""
    count, root = (2 * orders + 1) ** 2, math.sqrt(aspect)
    reach = math.sqrt(len(translations) * count / math.pi) + 2
    extent = math.ceil(reach * root), math.ceil(reach / root)
    shells = _square(_existing(extent, translations), aspect).sort().values
    limit = float(shells[count]) * (1 - SAME_SHELL)
    within = math.sqrt(limit)
    return Truncation((math.floor(within * root), math.floor(within / root)), translations, (aspect, limit))


def _existing(extent: tuple[int, int], translations: tuple[tuple[float, float], ...]) -> Tensor:
    axes = (torch.arange(-largest, largest + 1) for largest in extent)
    waves = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    phase = waves.double() @ torch.tensor(translations, dtype=torch.float64).T
    return waves[((phase - phase.round()).abs() < 1e-6).all(-1)]


def _square(waves: Tensor, aspect: float) -> Tensor:
    """[w] |G|² in units of (2π)²/area."""
    return waves[:, 0].double() ** 2 / aspect + waves[:, 1].double() ** 2 * aspect
