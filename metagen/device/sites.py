"""Where the pillars of a device stand: the cells of a lattice that an aperture holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from metagen.base.arguments import brief
from metagen.base.errors import InputError
from metagen.base.memory import check_fits
from metagen.device.lattice import Lattice
from metagen.device.symmetry import MIRROR_IMAGES, Symmetry

Mask = NDArray[np.bool_]
Aperture = Literal["rectangle", "circle"]
"""Shapes of a device: all cells, or the sites whose centre is in the circle that fits into them."""
SAME = 1e-9
"""Sites closer than this share of the cell are the same."""
if TYPE_CHECKING:
    Count = int | tuple[int, int]
else:
    Count = Annotated[int | tuple[int, int], BeforeValidator(lambda value: _checked(value))]
"""Cells along x, or along x and y (:func:`counts_of`)."""
MOST = 10**9
"""Cells along one axis; no memory holds even one row of so many."""
BYTES_PER_SITE = 90
"""Memory that a device takes at least for each site while it is made (measured with 10⁶ and 4·10⁶ sites)."""
ROUNDING = 1e-9
"""A site this far outside the circle, over its radius, is taken for inside."""


def suffix(aperture: Aperture) -> str:
    """What names of layouts end in: the aperture, where it is no rectangle."""
    return "" if aperture == "rectangle" else f"-{aperture}"


@dataclass(frozen=True, eq=False)
class Sites:
    """The sites of a device that may have a pillar.

    Attributes:
        lattice: the lattice.
        present: [Nx, Ny, S] which of the sites of Nx × Ny cells these are.
    """

    lattice: Lattice
    present: Mask

    @classmethod
    def within(cls, lattice: Lattice, counts: tuple[int, int], aperture: Aperture = "rectangle") -> Self:
        """The sites of an aperture that is centred on the axis.

        Left out are sites whose images, under the mirrors x → −x and y → −y that the lattice has, are not
        among those of the cells: on a hexagonal lattice, the second sites of the last row and column.

        Args:
            lattice: the lattice.
            counts: cells along x and along y.
            aperture: its shape; the diameter of the circle is the shorter side of all cells.
        """
        centres = site_centres(lattice, counts)
        inside = np.ones(centres.shape[:-1], dtype=np.bool_)
        if aperture == "circle":
            radius = min(n * p for n, p in zip(counts, lattice.pitch, strict=True)) / 2
            inside = np.hypot(centres[..., 0], centres[..., 1]) <= radius * (1 + ROUNDING)
        found = cls(lattice, inside)
        kept = [found.moved(each) >= 0 for each in MIRROR_IMAGES if each in lattice.symmetry]
        inside[inside] = np.all(kept, axis=0)
        return cls(lattice, inside)

    @cached_property
    def centres(self) -> NDArray[np.float64]:
        """[M, 2] x and y of each site."""
        return site_centres(self.lattice, self.counts)[self.present]

    def moved(self, operation: Symmetry) -> NDArray[np.intp]:
        """[M] to which site a mirror x → −x or y → −y, or both, or nothing moves each; −1 where none is."""
        signs = np.diag(operation.matrix)
        numbers = np.where(self.present, np.cumsum(self.present).reshape(self.present.shape) - 1, -1)
        found = np.full_like(numbers, -1)
        for site, place in enumerate(self.lattice.sites):
            apart = signs * place - np.array(self.lattice.sites)
            same = np.flatnonzero((np.abs(apart - np.rint(apart)) < SAME).all(axis=1))
            for image in same:
                x, y = map(_moved_cells, self.counts, signs, np.rint(apart[image]).astype(int))
                there = numbers[..., image][np.ix_(x, y)]
                found[..., site] = np.where((x >= 0)[:, None] & (y >= 0), there, -1)
        return found[self.present]

    @property
    def counts(self) -> tuple[int, int]:
        """Cells along x and along y."""
        return self.present.shape[0], self.present.shape[1]


def _moved_cells(count: int, sign: float, shift: int) -> NDArray[np.intp]:
    """[count] to which of some cells in a row each is moved, −1 where to none of them."""
    cells = np.arange(count)
    moved = (cells if sign > 0 else cells[::-1]) + shift
    return np.where((moved >= 0) & (moved < count), moved, -1)


def cell_centres(count: int, period: float) -> NDArray[np.float64]:
    """[count] coordinates of the cell centres along one axis: (i − (count − 1)/2)·period."""
    return (np.arange(count) - (count - 1) / 2) * period


def site_centres(lattice: Lattice, counts: tuple[int, int]) -> NDArray[np.float64]:
    """[Nx, Ny, S, 2] x and y of all sites of Nx × Ny cells, which are centred on the axis."""
    axes = (cell_centres(n, p) for n, p in zip(counts, lattice.pitch, strict=True))
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return np.asarray(cells[:, :, None] + lattice.positions)


def counts_of(lattice: Lattice, count: int | tuple[int, int]) -> tuple[int, int]:
    """Cells along x and along y; of a single number along x, as many along y as make an aperture most square.

    Raises:
        InputError: a number is not whole, not positive, or so large that no memory would hold the device.
    """
    along_x, *rest = _numbers(count)
    along_y = rest[0] if rest else max(1, round(along_x * lattice.pitch[0] / lattice.pitch[1]))
    sites = along_x * along_y * len(lattice.sites)
    check_fits(f"count is {brief(count)}: a device of {sites:.3g} sites", sites * BYTES_PER_SITE)
    return along_x, along_y


def _checked(count: object) -> object:
    _numbers(count)
    return count


def _numbers(count: object) -> list[int]:
    numbers = list(count) if isinstance(count, tuple | list) else [count]
    whole = [int(each) for each in numbers if isinstance(each, int | float | np.integer) and each % 1 == 0]
    if len(numbers) > 2 or len(whole) < len(numbers) or not 1 <= min(whole, default=0) <= max(whole) <= MOST:
        raise InputError(
            f"count is {brief(count)}; it must be a whole number of cells along x, 1 to {MOST:g}, or two "
            "such numbers for x and y"
        )
    return whole
