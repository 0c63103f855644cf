"""Sample the cell against pillar radius: the work behind a phase table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.threads import one_thread
from metagen.device.platform import Platform
from metagen.rcwa.accuracy import coarse_orders, extrapolated
from metagen.rcwa.channels import Channels
from metagen.rcwa.rational import Rational, sample
from metagen.rcwa.resonances import WEAKEST, WIDEST, Resonance, distinct
from metagen.rcwa.result import UnitCell
from metagen.rcwa.solver import BATCH, solve


@dataclass(frozen=True)
class Sampling:
    """How a table is computed.

    Attributes:
        orders: finest truncation of the solver; amplitudes are extrapolated from it and from 2/3 of it.
        tolerance: largest error of the interpolation.
    """

    orders: int
    tolerance: float


@dataclass(frozen=True)
class Order:
    """A propagating order with its mirror images (±m, ±n), in one polarisation.

    Attributes:
        m: order along x, ≥ 0.
        n: order along y, ≥ 0.
        tm: whether E lies in the plane of incidence of the order.
        transmitted: whether it leaves into the cover (else it is reflected into the substrate).
    """

    m: int
    n: int
    tm: bool
    transmitted: bool


@dataclass(frozen=True, eq=False)
class TabulatedCell:
    """The cell as a smooth function of the pillar radius.

    Attributes:
        orders: the propagating orders.
        function: t, then the amplitude of each order; |amplitude|² is power / incident power.
        samples: [s] radii that were solved.
        held_out_error: largest error of the interpolation at radii that were not used for it.
        truncation_error: estimate of |Δt| left by the truncation, at the worst of the samples.
    """

    orders: tuple[Order, ...]
    function: Rational
    samples: NDArray[np.float64]
    held_out_error: float
    truncation_error: float


@one_thread()
def tabulate(platform: Platform, wavelength: float, numerics: Sampling) -> TabulatedCell:
    """Solve the cell at as many radii as a rational interpolation needs to meet the tolerance."""
    corrections = [0.0]

    def evaluate(radii: NDArray[np.float64]) -> NDArray[np.complex128]:
        limit, correction = _amplitudes(platform, radii, wavelength, numerics.orders)
        corrections.append(correction)
        return limit

    sampled = sample(evaluate, (platform.radius_min, platform.radius_max), numerics.tolerance)
    one = solve(platform, platform.radius_min, wavelength, orders=coarse_orders(numerics.orders))
    orders = (*_orders(one.solution.transmitted, True), *_orders(one.solution.reflected, False))
    return TabulatedCell(orders, sampled.function, sampled.x, sampled.held_out_error, max(corrections))


def _amplitudes(
    platform: Platform, radii: NDArray[np.float64], wavelength: float, orders: int
) -> tuple[NDArray[np.complex128], float]:
    """[s, 1 + o] t and the amplitude of every propagating order; the largest step of extrapolation of t."""
    rows, steps = [], []
    for part in np.array_split(radii, -(-len(radii) // BATCH)):
        counts = (coarse_orders(orders), orders)
        coarse, fine = (_columns(solve(platform, part, wavelength, orders=count)) for count in counts)
        limit = extrapolated(coarse, fine, *counts)
        rows.append(limit.numpy())
        steps.append(float((limit - fine)[:, 0].abs().max()))
    return np.concatenate(rows), max(steps)


def _columns(cell: UnitCell) -> Tensor:
    t = torch.from_numpy(cell.t)[:, None]
    return torch.cat([t, _mirrored(cell.solution.transmitted)[1], _mirrored(cell.solution.reflected)[1]], -1)


def _orders(channels: Channels, transmitted: bool) -> list[Order]:
    return [Order(m, n, tm, transmitted) for m, n, tm in _mirrored(channels)[0]]


def _mirrored(channels: Channels) -> tuple[list[tuple[int, int, bool]], Tensor]:
    """Orders m, n ≥ 0 with whether they are TM, those of Ex first, and their amplitudes [..., o].

    The waves (±m, ±n) leave with equal power, and are one here. Those that light along x cannot excite, for
    their symmetry, are left out.
    """
    found = []
    for column, (m, n, kind) in enumerate(zip(channels.m, channels.n, channels.polarisation, strict=True)):
        is_zeroth = m == n == 0
        excited = m > 0 if kind == "p" else n > 0
        if m >= 0 and n >= 0 and (kind == "p" if is_zeroth else excited):
            tm = kind == "p" and not is_zeroth
            found.append((m > 0 and not tm, m, n, tm, column))
    found.sort()
    images = torch.tensor([(1 + (m > 0)) * (1 + (n > 0)) for _, m, n, _, _ in found], dtype=torch.float64)
    columns = [column for *_, column in found]
    labels = [(m, n, tm) for _, m, n, tm, _ in found]
    return labels, channels.amplitude[..., columns] * images.sqrt()


def resonances(table: TabulatedCell) -> tuple[Resonance, ...]:
    """The resonances between the first and the last sample, by radius."""
    return poles_near(table.function, table.samples[0], table.samples[-1])


def poles_near(function: Rational, low: float, high: float) -> tuple[Resonance, ...]:
    """The poles of a function close to an interval of the real axis.

    Both truncations that are extrapolated have their own pole of each resonance, a little apart; the stronger
    stands for both.
    """
    poles = function.poles()
    residues = function.residues(poles)[:, 0]
    found = [
        Resonance(float(pole.real), float(abs(pole.imag)), float(abs(residue) / abs(pole.imag)))
        for pole, residue in zip(poles, residues, strict=True)
        if low < pole.real < high and 0 < abs(pole.imag) < WIDEST
    ]
    return distinct(one for one in found if one.strength > WEAKEST)
