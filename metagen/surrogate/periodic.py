"""Fields over periodic cells, with all pillars equal, as both versions of the local phase approximation take
them."""

from __future__ import annotations

import cmath
import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen import rcwa
from metagen.device.atoms import Kind
from metagen.device.sampling import monitor_height
from metagen.surrogate.domain import Domain
from metagen.surrogate.settings import CellField

BATCH = 32
"""How many cells are solved at once, to bound the memory."""

Points = tuple[tuple[float, ...], ...]
"""Parameters of several pillars."""


def cells(domain: Domain, values: NDArray[np.float64], kind: CellField) -> Tensor:
    """[G, n·m·C] field over periodic cells of pillars with values [G, P]."""
    zeroth, near = _solved(domain, tuple(map(tuple, values.tolist())))
    if kind is CellField.FLAT:
        return _flat(domain, zeroth * _travelled(domain, monitor_height(0.0, domain.wavelength)))
    return torch.from_numpy(near[..., domain.axes]).flatten(1)


def bare_cell(domain: Domain) -> Tensor:
    """[n·m·C] field over a cell without a pillar: what Fresnel's equations let through."""
    substrate, cover = domain.media.substrate, domain.media.cover
    passed = 2 * substrate / (substrate + cover)
    height = monitor_height(domain.platform.height, domain.wavelength)
    return _flat(domain, domain.illumination.jones[None] * passed * _travelled(domain, height))[0]


def _travelled(domain: Domain, distance: float) -> complex:
    """What a distance along z in the cover does to a plane wave along z."""
    return cmath.exp(2j * cmath.pi * domain.media.cover * distance / domain.wavelength)


def _flat(domain: Domain, zeroth: NDArray[np.complex128]) -> Tensor:
    """[G, n·m·C] fields that are the same all over a cell, from (Ex, Ey) [G, 2]; Ez is zero."""
    n, m = domain.cell_samples
    fields = torch.zeros(len(zeroth), n * m, 3, dtype=torch.complex128)
    fields[..., :2] = torch.from_numpy(zeroth)[:, None]
    return fields[..., domain.axes].flatten(1)


@lru_cache(maxsize=2)
def _solved(domain: Domain, points: Points) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """[G, 2] order 0 at the pillar top and [G, n, m, 3] near field at the monitor; both versions of the
    approximation use the same cells."""
    parts = np.array_split(np.array(points), math.ceil(len(points) / BATCH))
    zeroth, near = zip(*(_batch(domain, part) for part in parts), strict=True)
    return np.concatenate(zeroth), np.concatenate(near)


def _batch(
    domain: Domain, values: NDArray[np.float64]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    parameters = domain.platform.atom.parameters
    given: dict[str, Any] = {
        each.name: column.round().astype(int) if each.kind is Kind.CHOICE else column
        for each, column in zip(parameters, values.T, strict=True)
    }
    cell = rcwa.solve(domain.platform, domain.illumination, **given)
    zeroth = cell.solution.jones @ torch.from_numpy(domain.illumination.jones)
    plane = monitor_height(domain.platform.height, domain.wavelength)
    return zeroth.numpy(), cell.near_field(plane, domain.samples)
