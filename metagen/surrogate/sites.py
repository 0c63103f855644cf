"""The sites around a cell of a lattice, and where mirrors move them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from metagen.device.lattice import Lattice
from metagen.device.symmetry import Symmetry

Sites = tuple[tuple[float, float], ...]
"""Positions within a cell, as fractions of its sides from its centre."""
CENTRE: Sites = ((0.0, 0.0),)
"""What belongs to a cell as a whole."""
DIGITS = 6
"""Decimals of fractions to which two positions must agree to be one."""


def places(sites: Sites, width: int) -> Sites:
    """All sites of a neighbourhood of width² cells, counted in cells from its middle: cell by cell."""
    side = range(-(width // 2), width // 2 + 1)
    return tuple((a + x, b + y) for a, b in itertools.product(side, side) for x, y in sites)


def mirror_images(width: int, mirrors: Sequence[Symmetry], sites: Sites) -> Tensor:
    """[M, width²·S] for each of some mirrors, which place each place of a neighbourhood is the image of.

    It is −1 where that is outside the neighbourhood.
    """
    every = places(sites, width)
    number = {_key(place): index for index, place in enumerate(every)}
    flips = [mirror.matrix.diagonal() for mirror in mirrors]
    return torch.tensor([[number.get(_key((x * a, y * b)), -1) for a, b in every] for x, y in flips])


def flipped_axes(mirror: Symmetry) -> list[int]:
    """Which of the axes (x, y) = (0, 1) a mirror, both mirrors, or nothing turns round."""
    return [axis for axis, factor in enumerate(mirror.matrix.diagonal()) if factor < 0]


def moves(sites: Sites, mirror: Symmetry) -> list[tuple[int, tuple[int, int]]]:
    """Which site of a cell each site becomes under a mirror about the centre of the cell, and how many cells
    further."""
    flip = mirror.matrix.diagonal()
    found = []
    for site in sites:
        apart = [np.array(site) * flip - np.array(other) for other in sites]
        image = next(i for i, each in enumerate(apart) if np.abs(each - np.rint(each)).max() < 10.0**-DIGITS)
        x, y = np.rint(apart[image]).astype(int).tolist()
        found.append((image, (x, y)))
    return found


def units(lattice: Lattice) -> tuple[float, float]:
    """The sides of a cell in units of the smallest distance between sites."""
    return lattice.pitch[0] / lattice.spacing, lattice.pitch[1] / lattice.spacing


def _key(place: tuple[float, float]) -> tuple[float, float]:
    x, y = (round(each, DIGITS) + 0.0 for each in place)  # + 0.0: no −0
    return x, y
