"""Solve the unit cell: the entry points for cells with two mirror planes at normal incidence."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.errors import InputError
from metagen.base.threads import one_thread
from metagen.device.platform import Platform
from metagen.device.sampling import SAMPLES, monitor_height
from metagen.rcwa.accuracy import to_tolerance
from metagen.rcwa.basis import transverse_basis
from metagen.rcwa.cell import Cell, platform_cell
from metagen.rcwa.factorisation import Factorisation
from metagen.rcwa.result import UnitCell
from metagen.rcwa.shapes import circle
from metagen.rcwa.special import Reals, as_tensor
from metagen.rcwa.unit_cell import surface_fields

ORDERS = 10
"""Default truncation |m|, |n| ≤ ORDERS: t of the paper's cell is then right to 2·10⁻³ or better."""
BATCH = 32
"""Cells solved together in :func:`near_fields`, which bounds its memory."""


def solve(
    platform: Platform,
    radius: Reals,
    wavelength: Reals,
    *,
    orders: int = ORDERS,
    tolerance: float | None = None,
    factorisation: Factorisation = Factorisation.NORMAL,
) -> UnitCell:
    """Solve the periodic cell of circular pillars for x-polarised light at normal incidence.

    Args:
        platform: lattice, height and indices or materials.
        radius: pillar radius, 0 … period/2; a number, an array or a torch tensor.
        wavelength: in vacuum; likewise. Radius and wavelength broadcast together.
        orders: truncation |m|, |n| ≤ orders of the harmonics.
        tolerance: largest estimated error |Δt|; the orders are then chosen to reach it.
        factorisation: how products are truncated.

    Returns:
        The solved cell or cells; differentiable in torch if a tensor was given.

    Raises:
        InputError: a radius, a wavelength or a truncation that no cell can have.
        SimulationError: the tolerance is not reached.
    """
    wavelengths = as_tensor(wavelength)
    _check_wavelengths(wavelengths)
    shape = circle(radius)
    half = platform.period / 2
    if not bool(((shape.semi_x >= 0) & (shape.semi_x <= half)).all()):
        raise InputError(f"radius is {radius}; it is between 0 and half the period, {half:g}")
    return solve_cell(
        platform_cell(platform, shape, wavelengths),
        wavelength,
        orders=orders,
        tolerance=tolerance,
        factorisation=factorisation,
        given_tensors=isinstance(radius, Tensor) or isinstance(wavelength, Tensor),
    )


@one_thread()
def solve_cell(
    cell: Cell,
    wavelength: Reals,
    *,
    orders: int = ORDERS,
    tolerance: float | None = None,
    factorisation: Factorisation = Factorisation.NORMAL,
    given_tensors: bool = True,
) -> UnitCell:
    """As :func:`solve`, for any shape with two mirror planes, with a gradient in every number of the cell.

    Args:
        cell: made by :func:`metagen.rcwa.make_cell`.
        wavelength: in vacuum; broadcasts with the values of the cell.
        orders, tolerance, factorisation: as in :func:`solve`.
        given_tensors: whether the results are torch tensors (else numbers and numpy arrays).
    """
    wavelengths = as_tensor(wavelength)
    _check_wavelengths(wavelengths)
    if orders < 1:
        raise InputError(f"orders is {orders}; at least 1 is needed (10 is usual)")
    if tolerance is not None and not tolerance > 0:
        raise InputError(f"tolerance is {tolerance}; it must be positive (1e-3 is usual)")

    if tolerance is None:
        _check_truncation(cell, wavelengths, orders)

    def truncated(count: int) -> UnitCell:
        fields = surface_fields(cell, wavelengths, transverse_basis(count), factorisation)
        return UnitCell(cell, wavelengths, fields, given_tensors=given_tensors)

    return truncated(orders) if tolerance is None else to_tolerance(truncated, tolerance)


def _check_wavelengths(wavelengths: Tensor) -> None:
    if not bool(((wavelengths > 0) & torch.isfinite(wavelengths)).all()):
        raise InputError(f"wavelength is {wavelengths}; it must be positive and finite (micrometres)")


def _check_truncation(cell: Cell, wavelengths: Tensor, orders: int) -> None:
    """Refuse to leave out an order that carries power: energy would balance all the same."""
    reach = torch.maximum(cell.substrate, cell.cover) * cell.period / wavelengths
    highest = math.floor(float(reach.detach().max()))
    if orders < highest:
        raise InputError(
            f"{orders} orders along each axis are solved for, those up to {highest} propagate; raise orders"
        )


@one_thread()
def near_fields(
    platform: Platform,
    radii: Reals,
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
