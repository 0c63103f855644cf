"""Where pillars can stand: a rectangular cell, repeated along x and y, with one or several sites in it."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import model_validator
from pydantic_core import ArgsKwargs

from metagen.base.arguments import positive
from metagen.base.errors import InputError
from metagen.base.validation import Positive, checked
from metagen.device.symmetry import Symmetry

SAME = 1e-9
"""Positions closer than this share of the cell are the same."""
FARTHEST = 20
"""Over how many cells a pillar may reach, however thin it is: one that is given in nanometres reaches over
hundreds."""
KEYS = {"square": "period", "rectangular": "pitch", "hexagonal": "spacing"}
"""Kinds of lattices in files, each with the key that holds its lengths."""


@checked
class Lattice:
    """A lattice of sites, each of which may hold a pillar.

    A file gives either the attributes below, or a ``kind`` and its lengths: ``square`` with ``period``,
    ``rectangular`` with ``pitch``, ``hexagonal`` with ``spacing``.

    Attributes:
        pitch: sides of the rectangular cell along x and y.
        sites: positions of the pillars in the cell, as fractions of its sides.

    Raises:
        InputError: a side is not positive, there is no site, or two sites are at the same position.
    """

    pitch: tuple[Positive, Positive]
    sites: tuple[tuple[float, float], ...] = ((0.0, 0.0),)

    @model_validator(mode="before")
    @classmethod
    def _of_a_kind(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return _attributes(given) if given.keys() & {"kind", *KEYS.values()} - {"pitch"} else given
        if not isinstance(given, cls | ArgsKwargs):
            raise InputError(
                f"lattice is {given!r}; give metagen.Lattice.square(0.4) or another one, in a file a table "
                "with 'kind' and its lengths"
            )
        return given

    def __post_init__(self) -> None:
        if not self.sites:
            raise InputError("a lattice needs one site at least; one pillar per cell is sites = [[0, 0]]")
        separations = self._separations()
        if (np.abs(separations - np.rint(separations)).max(-1) < SAME).sum() > len(self.sites):
            raise InputError(f"sites are {self.sites}; two of them are the same position of the lattice")

    @classmethod
    def square(cls, period: float) -> Self:
        """One site per square cell."""
        side = positive("period", period)
        return cls((side, side))

    @classmethod
    def rectangular(cls, px: float, py: float) -> Self:
        """One site per cell with sides px and py."""
        return cls((positive("px", px), positive("py", py)))

    @classmethod
    def hexagonal(cls, spacing: float) -> Self:
        """Every site has six neighbours at one distance, two of them along x.

        The rectangular cell has the sides a and √3·a, and a second site at its centre.
        """
        spacing = positive("spacing", spacing)
        return cls((spacing, math.sqrt(3) * spacing), ((0.0, 0.0), (0.5, 0.5)))

    @property
    def is_square(self) -> bool:
        """Whether there is one site per cell of equal sides."""
        return len(self.sites) == 1 and self.pitch[0] == self.pitch[1]

    @property
    def area(self) -> float:
        """Area of the rectangular cell."""
        return self.pitch[0] * self.pitch[1]

    @property
    def positions(self) -> NDArray[np.float64]:
        """[S, 2] x and y of the sites of one cell."""
        return np.asarray(np.array(self.sites) * self.pitch)

    @cached_property
    def spacing(self) -> float:
        """Smallest distance between two sites."""
        reach = min(self.pitch)
        return float(np.hypot(*self.neighbours(reach).T).min())

    def check_reach(self, reach: float) -> None:
        """Refuse a pillar that reaches over so many neighbours that its lengths must be in another unit.

        Raises:
            InputError: it does.
        """
        if reach > FARTHEST * max(self.pitch):
            raise InputError(
                f"pillars reach {reach:g} from their sites, and the sides of the cell are "
                f"{self.pitch[0]:g} and {self.pitch[1]:g}: all lengths are micrometres (250 nm is 0.25)"
            )

    def neighbours(self, reach: float) -> NDArray[np.float64]:
        """[K, 2] vectors from each site to all others within ``reach``; equal vectors are listed once."""
        counts = [math.ceil(reach / side) + 1 for side in self.pitch]
        shifts = _grid(*counts) * self.pitch
        vectors = (self._separations()[:, None] * self.pitch + shifts).reshape(-1, 2)
        distance = np.hypot(*vectors.T)
        near = vectors[(distance <= reach * (1 + SAME)) & (distance > SAME * min(self.pitch))]
        return np.asarray(np.unique(np.round(near, 12), axis=0))

    @cached_property
    def translations(self) -> NDArray[np.float64]:
        """[T, 2] fractions of the cell by which the lattice can be moved onto itself; (0, 0) is the first.

        In a hexagonal lattice (½, ½) is the other one.
        """
        sites = np.array(self.sites)
        moves = (sites - sites[0]) % 1
        return np.array([move for move in moves if _same_sites(sites + move, sites)])

    @cached_property
    def primitive(self) -> NDArray[np.float64]:
        """[2, 2] two vectors, one a row, that span the lattice of all its translations.

        The first is along x, the second the shortest that completes it, at an angle of 90 degrees or less.
        """
        whole = (self.translations[:, None] + _grid(1, 1)).reshape(-1, 2) * self.pitch
        tiny = SAME * min(self.pitch)
        along = whole[(np.abs(whole[:, 1]) < tiny) & (whole[:, 0] > tiny)]
        first = along[along[:, 0].argmin()]
        height = self.area / len(self.translations) / first[0]
        others = whole[(np.abs(whole[:, 1] - height) < tiny) & (whole[:, 0] > -tiny)]
        return np.stack([first, others[others[:, 0].argmin()]])

    @property
    def reciprocal(self) -> NDArray[np.float64]:
        """[2, 2] vectors b, one a row, with a_i·b_j = 2π·δ_ij for those of :attr:`primitive`."""
        return np.asarray(2 * math.pi * np.linalg.inv(self.primitive).T)

    def has_harmonic(self, m: ArrayLike, n: ArrayLike) -> NDArray[np.bool_]:
        """Whether functions as periodic as the lattice can have the harmonic 2π·(m/px, n/py).

        Args:
            m, n: orders along x and y, arrays of any shapes that broadcast together.
        """
        phase = np.asarray(m)[..., None] * self.translations[:, 0]
        phase = phase + np.asarray(n)[..., None] * self.translations[:, 1]
        return np.asarray((np.abs(phase - np.rint(phase)) < 1e-6).all(-1))

    @cached_property
    def symmetry(self) -> Symmetry:
        """The mirrors and turns about the origin that carry all sites to sites."""
        return Symmetry.where(self._keeps)

    def _keeps(self, operation: Symmetry) -> bool:
        cell = np.diag(self.pitch) @ operation.matrix.T / self.pitch
        whole = np.abs(cell - np.rint(cell)).max() < SAME and abs(round(np.linalg.det(cell))) == 1
        sites = np.array(self.sites)
        return bool(whole and _same_sites(sites @ cell, sites))

    def _separations(self) -> NDArray[np.float64]:
        """[S·S, 2] fractions from every site to every site."""
        sites = np.array(self.sites)
        return np.asarray((sites[None] - sites[:, None]).reshape(-1, 2))


def _grid(along_x: int, along_y: int) -> NDArray[np.float64]:
    axes = (np.arange(-along_x, along_x + 1.0), np.arange(-along_y, along_y + 1.0))
    return np.asarray(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2))


def _same_sites(some: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    """Whether each of some positions [S, 2], in fractions of the cell, is one of others up to whole cells."""
    apart = some[:, None] - others[None]
    return bool((np.abs(apart - np.rint(apart)).max(-1).min(-1) < SAME).all())


def _attributes(given: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a lattice that a file describes by its kind."""
    if "kind" not in given:
        raise InputError(f"lattice has no kind, only {sorted(given)}; known: {', '.join(KEYS)}")
    kind = given["kind"]
    if kind not in KEYS:
        raise InputError(f"lattice kind is {kind!r}; known: {', '.join(KEYS)}")
    key = KEYS[kind]
    if given.keys() != {"kind", key}:
        raise InputError(
            f"a {kind} lattice has the keys 'kind' and {key!r}, got {sorted(given)}; several pillars per "
            "cell are 'pitch' and 'sites' (fractions of the sides of the cell), without 'kind'"
        )
    length = given[key]
    if kind == "rectangular":
        return {"pitch": length}
    if not isinstance(length, int | float):
        raise InputError(f"lattice {key} is {length!r}; it must be one length in micrometres")
    made = Lattice.square(length) if kind == "square" else Lattice.hexagonal(length)
    return {"pitch": made.pitch, "sites": made.sites}
