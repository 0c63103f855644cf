"""Solve the unit cell of a platform: the entry points of the fast path."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.errors import InputError
from metagen.nearfield import SAMPLES, monitor_height
from metagen.platform import Platform
from metagen.rcwa.basis import transverse_basis
from metagen.rcwa.factorisation import Factorisation
from metagen.rcwa.result import UnitCell
from metagen.rcwa.shapes import circle
from metagen.rcwa.unit_cell import Cell, solve_cell

ORDERS = 10
"""Default truncation |m|, |n| ≤ ORDERS: t of the paper's cell is then right to 2·10⁻³ or better."""
BATCH = 32
"""Cells solved together in :func:`near_fields`, which bounds its memory."""


def solve(
    platform: Platform,
    radius: Any,
    wavelength: Any,
    *,
    orders: int = ORDERS,
    factorisation: Factorisation = Factorisation.NORMAL,
) -> UnitCell:
    """Solve the periodic cell of circular pillars for x-polarised light at normal incidence.

    Args:
        platform: lattice, height and indices.
        radius: pillar radius, 0 … period/2; a number, an array or a torch tensor.
        wavelength: in vacuum; likewise. Radius and wavelength broadcast together.
        orders: truncation |m|, |n| ≤ orders of the harmonics.
        factorisation: how products are truncated.

    Returns:
        The solved cell or cells; differentiable in torch if a tensor was given.

    Raises:
        InputError: a radius or wavelength that no cell can have, or no orders.
    """
    radii, wavelengths = _checked(platform, radius, wavelength, orders)
    values = (platform.period, platform.height, platform.pillar, platform.substrate, platform.cover)
    period, height, pillar, substrate, cover = (torch.tensor(v, dtype=torch.float64) for v in values)
    cell = Cell(circle(radii), period, height, pillar, substrate, cover)
    fields = solve_cell(cell, wavelengths, transverse_basis(orders), factorisation)
    given_tensors = isinstance(radius, Tensor) or isinstance(wavelength, Tensor)
    return UnitCell(cell, wavelengths, fields, given_tensors)


def _checked(platform: Platform, radius: Any, wavelength: Any, orders: int) -> tuple[Tensor, Tensor]:
    radii = torch.as_tensor(radius, dtype=torch.float64)
    wavelengths = torch.as_tensor(wavelength, dtype=torch.float64)
    half = platform.period / 2
    if not bool(((radii >= 0) & (radii <= half)).all()):
        raise InputError(f"radius is {radius}; it is between 0 and half the period, {half:g}")
    if not bool(((wavelengths > 0) & torch.isfinite(wavelengths)).all()):
        raise InputError(f"wavelength is {wavelength}; it must be positive and finite (micrometres)")
    if orders < 1:
        raise InputError(f"orders is {orders}; at least 1 is needed (10 is usual)")
    return radii, wavelengths


def near_fields(
    platform: Platform,
    radii: Any,
    wavelength: float,
    samples: int = SAMPLES,
    z: float | None = None,
    *,
    orders: int = ORDERS,
) -> NDArray[np.complex128]:
    """Near fields of many cells, each as if all its neighbours were its twins.

    Args:
        platform: lattice, height and indices.
        radii: [K] pillar radii.
        wavelength: in vacuum.
        samples: n, points per cell and axis.
        z: height of the plane above the pillar base; the monitor plane, height + wavelength/2, by default.
        orders: truncation.

    Returns:
        [K, n, n, 3] (Ex, Ey, Ez) / incident Ex at z = 0.
    """
    radii = np.asarray(radii, dtype=np.float64)
    plane = monitor_height(platform.height, wavelength) if z is None else z
    parts = np.array_split(radii, max(1, math.ceil(len(radii) / BATCH)))
    solved = (solve(platform, part, wavelength, orders=orders) for part in parts)
    return np.concatenate([cell.near_field(plane, samples) for cell in solved])
