"""The variables of a design: free numbers that give radii within limits, with a symmetry and on a grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.errors import InputError
from metagen.device.layout import Layout, on_grid

MARGIN = 0.01
"""Radii of a start keep this share of the range away from its ends, where the sigmoid would be flat."""


class EqualRadii(StrEnum):
    """Which sites of a design have equal radii."""

    NONE = "none"
    """Every site has its own radius."""
    MIRROR = "mirror"
    """Mirror images under x → −x and y → −y share a radius: a quarter of the variables. Meep needs a
    quarter of the time and memory, and a model that keeps the symmetry computes a quarter of the cells."""
    FOURFOLD = "fourfold"
    """Mirror images in the diagonals share a radius too: an eighth of the variables."""


@dataclass(frozen=True)
class Limits:
    """Radii that a design may use.

    Attributes:
        low: smallest radius.
        high: largest radius.
        grid: radii are multiples of this length; None allows any radius.

    Raises:
        InputError: the smallest radius is not below the largest.
    """

    low: float
    high: float
    grid: float | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(
                f"radii from {self.low:g} to {self.high:g} leave nothing to design; widen the limits of the "
                "platform and the models, or lower minimum_gap and grid"
            )

    def on_grid(self) -> Limits:
        """The limits moved inwards to multiples of the grid, if there is one."""
        if self.grid is None:
            return self
        ulp = 1e-9
        first = math.ceil(self.low / self.grid - ulp) * self.grid
        return Limits(first, math.floor(self.high / self.grid + ulp) * self.grid, self.grid)


@dataclass(frozen=True)
class Variables:
    """A smooth map from free numbers u to radii low + (high − low)·sigmoid(u), one u per set of equal sites.

    With a grid the radii are rounded, and the gradient is that before rounding (straight through).

    Attributes:
        limits: limits of the radii.
        sites: [N, N] number of the variable that belongs to each site.
        count: how many variables there are.
    """

    limits: Limits
    sites: Tensor
    count: int

    @classmethod
    def of(cls, layout: Layout, limits: Limits, symmetry: EqualRadii) -> Variables:
        """Variables for a layout.

        Raises:
            InputError: the layout does not have the symmetry.
        """
        sites = orbits(layout.count, symmetry)
        _check_symmetry(layout, sites, symmetry)
        return cls(limits.on_grid(), torch.from_numpy(sites), int(sites.max()) + 1)

    def start(self, layout: Layout) -> Tensor:
        """[count] variables whose radii are those of the layout, moved just inside the limits.

        Raises:
            InputError: a site has no pillar.
        """
        if not layout.radii.all():
            raise InputError(
                f"layout {layout.name!r} has sites without a pillar; a design needs a radius at every site"
            )
        first = torch.zeros(self.count, dtype=torch.float64)
        first[self.sites.flatten()] = torch.tensor(layout.radii).flatten()
        share = (first - self.limits.low) / (self.limits.high - self.limits.low)
        return torch.logit(share.clamp(MARGIN, 1 - MARGIN)).to(torch.get_default_dtype())

    def radii(self, variables: Tensor) -> Tensor:
        """[N, N] radii of variables, with their gradient."""
        low, high, grid = self.limits.low, self.limits.high, self.limits.grid
        smooth = low + (high - low) * torch.sigmoid(variables)
        if grid is not None:
            smooth = smooth + (torch.round(smooth / grid) * grid - smooth).detach()
        return smooth[self.sites]

    def exact(self, variables: Tensor) -> NDArray[np.float64]:
        """[N, N] radii of variables in double precision; with a grid, exactly its multiples."""
        radii: NDArray[np.float64] = self.radii(variables.detach().double()).numpy()
        grid = self.limits.grid
        return radii if grid is None else on_grid(radii, grid)


def orbits(count: int, symmetry: EqualRadii) -> NDArray[np.int64]:
    """[N, N] number of the set of sites with equal radii that each site belongs to."""
    across = np.abs(2 * np.arange(count) - (count - 1))
    if symmetry is EqualRadii.NONE:
        return np.arange(count**2).reshape(count, count)
    pair = np.stack(np.broadcast_arrays(across[:, None], across), -1)
    if symmetry is EqualRadii.FOURFOLD:
        pair = np.sort(pair, axis=-1)
    number: NDArray[np.int64] = np.unique(pair.reshape(-1, 2), axis=0, return_inverse=True)[1]
    return number.reshape(count, count)


def _check_symmetry(layout: Layout, sites: NDArray[np.int64], symmetry: EqualRadii) -> None:
    first = np.zeros(sites.max() + 1)
    first[sites] = layout.radii
    if not np.array_equal(first[sites], layout.radii):
        raise InputError(
            f"symmetry is {symmetry.value!r}, but layout {layout.name!r} does not have it; start from one "
            f"that has, or set symmetry = {EqualRadii.NONE.value!r}"
        )
