"""The variables of a design: free numbers that give the values of all pillars, within limits, with a symmetry
and on a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.errors import InputError
from metagen.device.atoms import Atom
from metagen.device.atoms.parameter import Kind
from metagen.device.layout import Layout, on_grid
from metagen.device.orbits import own_image
from metagen.device.symmetry import MIRROR_IMAGES, Symmetry

MARGIN = 0.01
"""Values of a start keep this share of the range away from its ends, where the sigmoid would be flat."""
RESOLVED = 1e-6
"""Coordinates that differ by less than this share of the spacing are the same."""
STEP = 1e-3
"""By how much a value is changed to see whether a pillar on a mirror plane stays its own image."""


class DesignSymmetry(StrEnum):
    """Which pillars of a design are images of each other."""

    NONE = "none"
    """Every pillar is free."""
    MIRROR = "mirror"
    """Mirror images under x → −x and y → −y: a quarter of the variables. Where the light has the
    mirrors, Meep needs a quarter of the time and memory, and a model that keeps them computes a quarter."""
    FOURFOLD = "fourfold"
    """Mirror images in the diagonals too: an eighth of the variables."""

    @property
    def operations(self) -> Symmetry:
        """The mirrors that generate it."""
        mirrors = Symmetry.MIRROR_X | Symmetry.MIRROR_Y
        diagonal = Symmetry.MIRROR_DIAGONAL if self is DesignSymmetry.FOURFOLD else Symmetry.NONE
        return Symmetry.NONE if self is DesignSymmetry.NONE else mirrors | diagonal


@dataclass(frozen=True)
class Limits:
    """Values of a parameter that a design may use.

    Attributes:
        low: smallest value.
        high: largest value.
        grid: values are multiples of this length; None allows any value.

    Raises:
        InputError: the smallest value is not below the largest.
    """

    low: float
    high: float
    grid: float | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(
                f"values from {self.low:g} to {self.high:g} leave nothing to design; widen the limits of the "
                "settings, the platform and the models, or lower minimum_gap and grid"
            )

    def on_grid(self) -> Limits:
        """The limits moved inwards to multiples of the grid, if there is one."""
        if self.grid is None:
            return self
        ulp = 1e-9
        first = math.ceil(self.low / self.grid - ulp) * self.grid
        return Limits(first, math.floor(self.high / self.grid + ulp) * self.grid, self.grid)


@dataclass(frozen=True, eq=False)
class Orbits:
    """The sets of sites that a symmetry carries into each other.

    In every set one site with x, y ≥ 0 (and x ≤ y, if the diagonal is a mirror) stands for the others.

    Attributes:
        number: [Nx, Ny, S] number of the set that each site belongs to; −1 without a pillar.
        swapped: [Nx, Ny, S] whether the diagonal mirror comes first on the way to a site.
        image: [Nx, Ny, S] which of :data:`metagen.device.symmetry.MIRROR_IMAGES` comes then.
        first: [K] flat index of the site that stands for each set.
    """

    number: NDArray[np.intp]
    swapped: NDArray[np.bool_]
    image: NDArray[np.intp]
    first: NDArray[np.intp]

    @classmethod
    def of(cls, layout: Layout, symmetry: DesignSymmetry) -> Orbits:
        """The orbits of a layout that has the symmetry."""
        places = np.rint(layout.centres / (RESOLVED * layout.platform.lattice.spacing)).astype(np.intp)
        if symmetry is DesignSymmetry.NONE:
            stands = places
        else:
            stands = np.abs(places)
            stands = np.sort(stands, axis=-1) if symmetry is DesignSymmetry.FOURFOLD else stands
        keys = stands[layout.present]
        if symmetry is DesignSymmetry.NONE:
            keys = np.arange(len(keys))[:, None]
        number = np.full(layout.present.shape, -1)
        inverse = np.unique(keys, axis=0, return_inverse=True)[1]
        number[layout.present] = inverse.reshape(-1)
        own = layout.present & (stands == places).all(-1)
        first = np.empty(number.max() + 1, dtype=np.intp)
        first[number[own]] = np.flatnonzero(own)
        swapped = (np.abs(places) != stands).any(-1) & (symmetry is DesignSymmetry.FOURFOLD)
        negative = (places < 0) & (symmetry is not DesignSymmetry.NONE)
        return cls(number, swapped, negative[..., 0] + 2 * negative[..., 1], first)


@dataclass(frozen=True, eq=False)
class Variables:
    """A smooth map from free numbers u to the values of all pillars.

    A length is low + (high − low)·sigmoid(u), and so is an angle that has limits; an angle that may turn all
    the way round is u itself. Images of a pillar share its numbers. On a mirror plane, what would make a
    pillar another than its own image stays as it was at the start. With a grid lengths are rounded, and the
    gradient is that before rounding (straight through).

    Attributes:
        atom: the family of the pillars.
        limits: of every free parameter.
        orbits: which pillars are images of each other.
        held: [K, P] values of the pillars that stand for each set, at the start.
        free: [K, P] which of them are variables.
    """

    atom: Atom
    limits: tuple[Limits, ...]
    orbits: Orbits
    held: Tensor
    free: Tensor

    @classmethod
    def of(cls, layout: Layout, limits: Sequence[Limits], symmetry: DesignSymmetry) -> Variables:
        """Variables for a layout.

        Args:
            layout: the start.
            limits: of every free parameter of the meta-atom, in their order.
            symmetry: which pillars are images of each other.

        Raises:
            InputError: the layout does not have the symmetry, or no pillars.
        """
        if not layout.present.any():
            raise InputError(f"layout {layout.name!r} has no pillars; a design needs some to change")
        _check_symmetry(layout, symmetry)
        orbits, atom = Orbits.of(layout, symmetry), layout.platform.atom
        held = layout.values.reshape(-1, len(atom.parameters))[orbits.first]
        places = layout.centres.reshape(-1, 2)[orbits.first]
        free = _free(atom, held, places, symmetry, layout.platform.lattice.spacing)
        grids = tuple(each.on_grid() for each in limits)
        return cls(atom, grids, orbits, torch.from_numpy(held), torch.from_numpy(free))

    @property
    def count(self) -> int:
        """How many variables there are."""
        return int(self.free.sum())

    def start(self) -> Tensor:
        """[count] variables whose values are those of the layout, moved just inside the limits."""
        columns = []
        for limits, turns, column in zip(self.limits, self._turns, self.held.unbind(-1), strict=True):
            share = (column - limits.low) / (limits.high - limits.low)
            columns.append(column if turns else torch.logit(share.clamp(MARGIN, 1 - MARGIN)))
        return torch.stack(columns, -1)[self.free].to(torch.get_default_dtype())

    def values(self, variables: Tensor) -> Tensor:
        """[Nx, Ny, S, P] values of variables, with their gradient; [Nx, Ny] where a cell has one value."""
        numbers = variables.new_zeros(self.free.shape).masked_scatter(self.free, variables)
        columns = [
            column if turns else _between(limits, column)
            for limits, turns, column in zip(self.limits, self._turns, numbers.unbind(-1), strict=True)
        ]
        own = torch.where(self.free, torch.stack(columns, -1), self.held.to(variables.dtype))
        found = self._images(own)[self._places]
        return found[:, :, 0, 0] if found.shape[2:] == (1, 1) else found

    def exact(self, variables: Tensor) -> NDArray[np.float64]:
        """The values in double precision; with a grid, lengths are exactly its multiples."""
        values: NDArray[np.float64] = self.values(variables.detach().double()).numpy()
        columns = values[..., None] if values.ndim == 2 else values
        for i, limits in enumerate(self.limits):
            if limits.grid is not None:
                columns[..., i] = on_grid(columns[..., i], limits.grid)
        return values

    @property
    def _turns(self) -> list[bool]:
        return [self.atom.turns_round(parameter) for parameter in self.atom.parameters]

    def _images(self, own: Tensor) -> Tensor:
        """[1 + 8·K, P] values of the images of all pillars, after a row of zeros for sites without one."""
        kinds = [own]
        if not self._are_alike:
            swapped = self.atom.image(own, Symmetry.MIRROR_DIAGONAL) if self.orbits.swapped.any() else own
            kinds = [self.atom.image(each, mirror) for each in (own, swapped) for mirror in MIRROR_IMAGES]
        return torch.cat([torch.zeros_like(own[:1]), *kinds])

    @cached_property
    def _places(self) -> Tensor:
        """[Nx, Ny, S] row of :meth:`_images` for every site."""
        orbits, count = self.orbits, len(self.held)
        kind = 0 if self._are_alike else orbits.image + len(MIRROR_IMAGES) * orbits.swapped
        return torch.from_numpy(np.where(orbits.number < 0, 0, 1 + kind * count + orbits.number))

    @cached_property
    def _are_alike(self) -> bool:
        """Whether every pillar has the values of its images, as circles do."""
        lengths = all(parameter.kind is Kind.LENGTH for parameter in self.atom.parameters)
        return not self.orbits.image.any() or (lengths and not self._swaps)

    @cached_property
    def _swaps(self) -> bool:
        """Whether the diagonal mirror exchanges values."""
        if not self.orbits.swapped.any():
            return False
        return not torch.equal(self.atom.image(self.held, Symmetry.MIRROR_DIAGONAL), self.held)


def _between(limits: Limits, numbers: Tensor) -> Tensor:
    low, high, grid = limits.low, limits.high, limits.grid
    smooth = low + (high - low) * torch.sigmoid(numbers)
    return smooth if grid is None else smooth + (torch.round(smooth / grid) * grid - smooth).detach()


def _free(
    atom: Atom,
    values: NDArray[np.float64],
    places: NDArray[np.float64],
    symmetry: DesignSymmetry,
    spacing: float,
) -> NDArray[np.bool_]:
    """[K, P] whether a value can change while the pillar stays its own image in the mirrors it stands on."""
    free = np.ones(values.shape, dtype=np.bool_)
    for mirror in symmetry.operations:
        on_plane = np.abs(places @ mirror.matrix.T - places).max(-1) < RESOLVED * spacing
        for i in range(values.shape[1]):
            moved = values.copy()
            moved[:, i] += STEP
            free[:, i] &= ~on_plane | own_image(atom, moved, (mirror,))
    return free


def _check_symmetry(layout: Layout, symmetry: DesignSymmetry) -> None:
    if symmetry.operations not in layout.symmetry:
        raise InputError(
            f"symmetry is {symmetry.value!r}, but layout {layout.name!r} does not have it; start from one "
            f"that has, or set symmetry = {DesignSymmetry.NONE.value!r}"
        )
