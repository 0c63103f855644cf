"""Solve the unit cell: the entry points."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.arguments import brief, check_kind, positive
from metagen.base.errors import InputError, SimulationError
from metagen.base.tensors import as_real, check_broadcast
from metagen.base.threads import one_thread
from metagen.device.atoms.atom import ANGLE
from metagen.device.illumination import Illumination
from metagen.device.platform import Platform
from metagen.device.sampling import SAMPLES, monitor_height
from metagen.device.symmetry import Symmetry
from metagen.rcwa.accuracy import LADDER, Orders, compared_with, least_possible
from metagen.rcwa.cell import Cell, platform_cell
from metagen.rcwa.factorisation import Factorisation, PillarLayer
from metagen.rcwa.fields import Setting
from metagen.rcwa.incidence import Incidence, incidence_of
from metagen.rcwa.problem import Problem
from metagen.rcwa.result import UnitCell
from metagen.rcwa.solution import Solution
from metagen.rcwa.tensors import Reals, as_tensor

ORDERS = 10
"""Default truncation: t of the paper's cell is then right to 1·10⁻³ at 633 nm and to 3.4·10⁻³ at 400 nm; see
``benchmarks/truncation.py``."""
BATCH = 32
"""Cells solved together in :func:`near_fields`, which bounds its memory."""


class EnergyWarning(UserWarning):
    """A passive cell gives out more light than it got: its truncation is too coarse."""


OF_LIGHT = {"polarisation", "polar", "azimuth"}
"""Names that somebody may give to :func:`solve` among the parameters of a meta-atom."""
LARGEST = 2300
"""Unknowns of one solve up to which truncations are tried in turn; it takes a minute if they are complex."""
SETTLED = 12
"""Orders from which on an estimated error is expected to fall as in theory, or more slowly."""
GAIN = 1e-6
"""Power that may be missing in the other direction, by rounding."""


def solve(
    platform: Platform,
    light: Illumination | Reals | None = None,
    wavelength: Reals | None = None,
    *,
    orders: int = ORDERS,
    tolerance: float | None = None,
    factorisation: Factorisation = Factorisation.LI,
    **parameters: Reals,
) -> UnitCell:
    """Solve the periodic cell of a platform: what one pillar does if all its neighbours are its twins.

    ``solve(platform, light, length=0.25, width=0.095, angle=0.3)`` takes the parameters of the meta-atom by
    name. For circles in light along x at normal incidence ``solve(platform, radius, wavelength)`` is enough.

    Args:
        platform: lattice, meta-atom, height and indices or materials.
        light: a :class:`metagen.device.Illumination`; or wavelengths in vacuum, of light along x at normal
            incidence: a number, an array or a torch tensor.
        wavelength: another way to give wavelengths; a second positional argument is then the radius.
        orders: truncation, |m|, |n| ≤ orders on a square lattice, as many plane waves on others. The default
            leaves 1e-3 to 4e-3 of t in dielectrics, and more on resonances and in metals; ``error`` of the
            result says how much.
        tolerance: largest estimated error of the field of order 0; the orders are then chosen to reach it, at
            4 to 40 times the cost (1e-3).
        factorisation: how products are truncated.
        parameters: lengths and angles of the meta-atom by name; numbers, arrays or torch tensors. They and
            the wavelength broadcast together. A parameter that is fixed by the platform may be left out.
            Values outside the limits of the platform, which are those of a design, are solved as long as
            pillars have room.

    Returns:
        The solved cell or cells; differentiable in torch if a tensor was given.

    Raises:
        InputError: a parameter, a wavelength or a truncation that no cell can have.
        SimulationError: the tolerance is not reached.
    """
    check_kind("platform", platform, Platform)
    if wavelength is not None and light is not None:
        parameters, light = {"radius": _as_radius(light), **parameters}, None
    given_light = wavelength if light is None else light
    misplaced = OF_LIGHT & parameters.keys()
    if misplaced:
        raise InputError(
            f"{', '.join(sorted(misplaced))} belongs to the light: give a metagen.Illumination(wavelength, "
            "polarisation, polar, azimuth) after the platform"
        )
    if given_light is None:
        raise InputError("solve needs light: an Illumination, or wavelength (micrometres)")
    _check_parameters(parameters)
    incidence = incidence_of(given_light)
    cell = _cell(platform, parameters, incidence.wavelength)
    if _turns(parameters):
        cell = replace(cell, symmetry=cell.symmetry & Symmetry.HALF_TURN)
        factorisation = Factorisation.NORMAL if factorisation is Factorisation.LI else factorisation
    given_tensors = any(isinstance(value, Tensor) for value in (given_light, *parameters.values()))
    return solve_problem(_problem(cell, incidence, factorisation), orders, tolerance, given_tensors)


def _as_radius(value: Illumination | Reals) -> Reals:
    """Radii from a positional argument that was followed by a wavelength."""
    if isinstance(value, Illumination):
        raise InputError("solve got an Illumination and a wavelength; the first holds the second already")
    return value


def _check_parameters(parameters: dict[str, Reals]) -> None:
    """Refuse parameters that are no numbers, or empty arrays."""
    for name, value in parameters.items():
        if not as_real(value, name).numel():
            raise InputError(f"{name} is {brief(value)}; give one value at least")


def _turns(parameters: dict[str, Reals]) -> bool:
    """Whether a gradient in an angle is wanted: then a cell has no symmetry that it loses by turning."""
    angle = parameters.get(ANGLE)
    return isinstance(angle, Tensor) and angle.requires_grad


def _cell(platform: Platform, parameters: dict[str, Reals], wavelength: Tensor) -> Cell:
    try:
        shape = platform.atom.named_shape(**parameters)
        check_broadcast(wavelength=wavelength, **{", ".join(parameters) or "shape": shape.area})
        return platform_cell(platform, shape, wavelength)
    except InputError as error:
        given = ", ".join(f"{name} {_in_words(value)}" for name, value in parameters.items())
        raise InputError(f"{given}: {error}" if given else str(error)) from None


def _in_words(values: Reals) -> str:
    """A number, or the range of many."""
    given = as_real(values).detach()
    low, high = float(given.min()), float(given.max())
    return f"{low:g}" if low == high or math.isnan(low) else f"{low:g} .. {high:g}"


def solve_cell(
    cell: Cell,
    light: Illumination | Reals,
    *,
    orders: int = ORDERS,
    tolerance: float | None = None,
    factorisation: Factorisation = Factorisation.LI,
    given_tensors: bool = True,
) -> UnitCell:
    """Solve any cell, with a gradient in every number of it; otherwise as :func:`solve`.

    Args:
        cell: made by :func:`metagen.rcwa.make_cell`.
        light: the light, as in :func:`solve`; wavelengths broadcast with the values of the cell.
        orders, tolerance, factorisation: truncation, largest error and rule, as in :func:`solve`.
        given_tensors: whether the results are torch tensors (else numbers and numpy arrays).

    Raises:
        InputError, SimulationError: as in :func:`solve`.
    """
    check_kind("cell", cell, Cell, " of metagen.rcwa: make_cell builds one, solve takes a platform")
    problem = _problem(cell, incidence_of(light), factorisation)
    return solve_problem(problem, orders, tolerance, given_tensors)


def _problem(cell: Cell, incidence: Incidence, factorisation: Factorisation) -> Problem:
    check_kind("factorisation", factorisation, Factorisation, " of metagen.rcwa")
    setting = Setting((PillarLayer(cell, factorisation),), incidence.wavelength, cell.substrate, cell.cover)
    return Problem(cell.lattice, setting, incidence, cell.symmetry, cell.translations)


@one_thread()
def solve_problem(problem: Problem, orders: Orders, tolerance: float | None, given_tensors: bool) -> UnitCell:
    """Solve with a truncation, or with one that meets a tolerance."""
    if tolerance is None:
        _check_truncation(problem, orders)
        solved = UnitCell(Solution.of(problem, orders), given_tensors=given_tensors)
    else:
        solved = _to_tolerance(problem, positive("tolerance", tolerance, "(1e-3 is usual)"), given_tensors)
    _warn_of_gain(solved)
    return solved


def _to_tolerance(problem: Problem, tolerance: float, given_tensors: bool) -> UnitCell:
    """Raise the number of orders until the estimated error is at most ``tolerance`` in every cell.

    Raises:
        SimulationError: the largest number of orders that is tried does not suffice, or would not by far.
    """
    ladder = [orders for orders in LADDER if orders == LADDER[0] or problem.unknowns(orders) <= LARGEST]
    for orders in ladder:
        solutions = [Solution.of(problem, number) for number in (*compared_with(orders), orders)]
        solved = UnitCell(solutions[2], tuple(solutions[:2]), given_tensors)
        worst = float(as_tensor(solved.error).max())
        if worst <= tolerance:
            return solved
        if orders >= SETTLED and least_possible(worst, orders, ladder[-1]) > tolerance:
            break
    raise SimulationError(
        f"the estimated error of t is still {worst:.1e} with {orders} orders, and {ladder[-1]} are the most "
        f"that are tried; tolerance is {tolerance:g}: raise it, or keep clear of resonances. Permittivities "
        f"jump by {float(problem.contrast.max()):.3g} at the walls; the larger that is, as with metals, the "
        "more orders are needed"
    )


def _warn_of_gain(solved: UnitCell) -> None:
    """Lossless cells keep their energy at every truncation; others may seem to gain some."""
    if not any(layer.absorbs for layer in solved.problem.setting.layers):
        return
    least = float(as_tensor(solved.absorptance).detach().min())
    if least < -GAIN:
        warnings.warn(
            f"a cell that cannot amplify gives out {1 - least:.4f} of the light that it got: "
            f"{solved.orders} orders are too few (metals need many); raise orders, or ask for a tolerance",
            EnergyWarning,
            stacklevel=5,
        )


def _check_truncation(problem: Problem, orders: Orders) -> None:
    """Refuse to leave out an order that carries power: energy would balance all the same."""
    along, least = (orders, 0) if isinstance(orders, tuple) else ((orders,), 1)
    if len(along) not in (1, 2) or not all(isinstance(number, Integral) for number in along):
        raise InputError(
            f"orders is {orders}; it must be a whole number (10 is usual), or two, (20, 10) along x and y"
        )
    if min(along) < least:
        raise InputError(f"orders is {orders}; at least 1 is needed (10 is usual)")
    kept = problem.truncation(orders)
    if problem.reach < kept.inner_radius(problem.lattice):
        return
    waves, setting = problem.plane_waves(problem.truncation(_more(orders))), problem.setting
    for index in (setting.substrate, setting.cover.real):
        opens = waves.kx**2 + waves.ky**2 < (index**2)[..., None]
        found = waves.basis.orders[opens.reshape(-1, opens.shape[-1]).any(0)].tolist()
        lost = [order for order in found if order not in kept.waves.tolist()]
        if lost:
            raise InputError(
                f"{orders} orders are solved for, but order {tuple(lost[0])} propagates; raise orders"
            )


def _more(orders: Orders) -> Orders:
    """One order more; none along an axis along which nothing changes."""
    if isinstance(orders, tuple):
        return orders[0] + (orders[0] > 0), orders[1] + (orders[1] > 0)
    return orders + 1


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
        wavelength: wavelength in vacuum.
        samples: n, points per cell and axis.
        z: height of the plane above the pillar base; the monitor plane, height + wavelength/2, by default.
        orders: truncation.

    Returns:
        [K, n, n, 3] (Ex, Ey, Ez) / incident Ex at z = 0.

    Raises:
        InputError: an argument is of another kind, or see :func:`solve`.
    """
    check_kind("platform", platform, Platform)
    wavelength, radii = positive("wavelength", wavelength), as_real(radii, "radii").detach().numpy()
    if radii.ndim != 1:
        raise InputError(f"radii have shape {list(radii.shape)}; give a list of them, [K]")
    plane = monitor_height(platform.height, wavelength) if z is None else z
    parts = np.array_split(radii, max(1, math.ceil(len(radii) / BATCH)))
    solved = (solve(platform, part, wavelength, orders=orders) for part in parts)
    return np.concatenate([cell.near_field(plane, samples) for cell in solved])
