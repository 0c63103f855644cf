"""Pillars that were found in a layout file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import gdstk
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError, InputError
from metagen.base.memory import check_fits
from metagen.device.atoms import Atom

MOST_PILLARS = 10**8
"""Pillars that one cell may amount to: ten times the largest device that was tried."""
BYTES_PER_PILLAR = 150
"""Memory that reading takes at its peak for each pillar (measured with 10⁶ and 4·10⁶ circles)."""
FARTHEST = 1e7
"""Micrometres from the origin at which a pillar may be; a wafer has 3e5."""


@dataclass(frozen=True, eq=False)
class Pillars:
    """Pillars by site and parameters, in micrometres and radians.

    Attributes:
        centres: [M] positions of their sites, x + i·y.
        values: [M, P] free parameters of the meta-atom.
    """

    centres: NDArray[np.complex128]
    values: NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many there are, M."""
        return len(self.centres)

    def at(self, index: np.int64 | int) -> str:
        """Where one of them is, for messages."""
        centre = self.centres[index]
        return f"({centre.real:.4f}, {centre.imag:.4f})"

    def repeated(self, polygons: Sequence[gdstk.Polygon]) -> Pillars:
        """The pillars of polygons, one each, with all the copies that these have."""
        moves = [
            each.repetition.get_offsets() @ (1, 1j) if each.repetition.size else np.zeros(1)
            for each in polygons
        ]
        which = np.repeat(np.arange(self.count), [len(each) for each in moves])
        return Pillars(self.centres[which] + np.concatenate(moves), self.values[which])


def joined(parts: Sequence[Pillars], atom: Atom) -> Pillars:
    """All the pillars together."""
    if not parts:
        return Pillars(np.empty(0, complex), np.empty((0, len(atom.parameters))))
    return Pillars(np.concatenate([p.centres for p in parts]), np.concatenate([p.values for p in parts]))


def is_single(drawn: gdstk.Polygon | gdstk.Reference) -> bool:
    """Whether a polygon or a reference is drawn once."""
    repetition = drawn.repetition
    return not repetition.size and not repetition.columns


def copies(drawn: gdstk.Polygon | gdstk.Reference) -> int:
    """How many copies of a polygon or of a reference the file asks for."""
    columns, rows = drawn.repetition.columns, drawn.repetition.rows
    if columns and rows:  # its size is the product, of which gdstk cuts what goes over 64 bits
        return columns * rows
    return max(1, drawn.repetition.size or 0)


def check_count(counts: Iterable[int], where: str) -> None:
    """Refuse what no memory would hold, before it is made.

    Raises:
        FormatError: these are too many.
    """
    total = sum(counts)
    if total > MOST_PILLARS:
        raise FormatError(
            f"{where} amounts to {total:.3g} pillars, at most {MOST_PILLARS:.3g} are read; the numbers of an "
            "array may be wrong. Read a part of it as a cell of its own"
        )
    try:
        check_fits(f"{where} amounts to {total:.3g} pillars, which", total * BYTES_PER_PILLAR)
    except InputError as error:
        raise FormatError(f"{error}. Or read a part of it as a cell of its own") from error


def check_places(pillars: Pillars, source: str) -> None:
    """Refuse pillars that are nowhere on a wafer, whose unit or magnification must be wrong.

    Raises:
        FormatError: there is such a pillar.
    """
    near = (abs(pillars.centres) <= FARTHEST) & np.isfinite(pillars.values).all(axis=1)
    if not near.all():
        raise FormatError(
            f"{source}: the pillar at {pillars.at(near.argmin())} has no place on any wafer (up to "
            f"{FARTHEST:g} µm from the origin); its unit or its magnification is wrong, export it again"
        )
