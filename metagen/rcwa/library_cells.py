"""The cells of a library: solved in batches, and only once where a mirror or a turn makes one of another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.device.atoms.parameter import Kind
from metagen.device.illumination import Illumination
from metagen.device.platform import Platform
from metagen.device.symmetry import Symmetry
from metagen.rcwa.accuracy import coarse_orders, extrapolated
from metagen.rcwa.axes import Axis
from metagen.rcwa.channels import Channels
from metagen.rcwa.factorisation import Factorisation
from metagen.rcwa.result import UnitCell
from metagen.rcwa.solver import BATCH, solve

DIGITS = 9
"""Decimals to which parameters of two cells must agree for the cells to be one."""

Values = NDArray[np.complex128]


@dataclass(frozen=True)
class Label:
    """A propagating order other than the zeroth, in one polarisation.

    Attributes:
        m, n: order, as in :class:`metagen.rcwa.Channels`.
        polarisation: "p" or "s", likewise.
        transmitted: whether it leaves into the cover (else it is reflected into the substrate).
    """

    m: int
    n: int
    polarisation: str
    transmitted: bool


class LibraryCells:
    """From parameters [s, P] to values [s, c]: Jones matrices of the transmitted and of the reflected zeroth
    order, row by row, then the amplitudes of the other propagating orders for the light as it is polarised.

    Values are not extrapolated in the number of orders: two truncations have a resonance at different places,
    and their combination would have it twice, and more power than there is.

    Attributes:
        truncation_error: how far the Jones matrices are from the limit of many orders, at the worst cell so
            far, as extrapolation tells it.
    """

    def __init__(self, platform: Platform, light: Illumination, axes: tuple[Axis, ...], orders: int) -> None:
        self.platform, self.light, self.axes, self.orders = platform, light, axes, orders
        self.truncation_error = 0.0

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """The propagating orders besides the zeroth; they follow from lattice, media and light alone."""
        middle = np.array([[axis.nodes(2)[0] for axis in self.axes]])
        cell = self._solved(middle, coarse_orders(self.orders))
        return (*_labels(cell.solution.transmitted, True), *_labels(cell.solution.reflected, False))

    @cached_property
    def operations(self) -> tuple[Symmetry, ...]:
        """The mirrors and turns of lattice and atom, where there is no other order, which they would mix."""
        if self.labels or not self.light.is_normal:
            return ()
        kept = self.platform.lattice.symmetry & self.platform.atom.symmetry
        return tuple(operation for operation in Symmetry if operation in kept)

    def __call__(self, points: NDArray[np.float64]) -> Values:
        """[s, c] values at parameters [s, P]."""
        first: dict[tuple[float, ...], tuple[int, NDArray[np.float64]]] = {}
        places, turns = [], []
        chosen: list[NDArray[np.float64]] = []
        for point in points:
            if self._key(point) not in first:
                for operation, image in self._images(point):
                    first.setdefault(self._key(image), (len(chosen), operation))
                chosen.append(point)
            place, turn = first[self._key(point)]
            places.append(place)
            turns.append(turn)
        values = self._values(np.array(chosen))[places]
        matrices = np.array(turns)[:, None]
        jones = values[:, :8].reshape(-1, 2, 2, 2)
        values[:, :8] = (matrices @ jones @ matrices.swapaxes(-1, -2)).reshape(-1, 8)
        return values

    def _images(self, point: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """What each mirror and turn, as a matrix, makes of the parameters."""
        made = [(np.eye(2), point)]
        for operation in self.operations:
            made.append((operation.matrix, self.platform.atom.image(point, operation)))
        return made

    def _key(self, point: NDArray[np.float64]) -> tuple[float, ...]:
        moved = [axis.wrapped(value) for axis, value in zip(self.axes, point, strict=True)]
        ends = [axis.parameter.low + (axis.period or np.inf) for axis in self.axes]
        closed = [
            axis.parameter.low if abs(value - end) < 10.0**-DIGITS else value
            for axis, value, end in zip(self.axes, moved, ends, strict=True)
        ]
        return tuple(round(float(value), DIGITS) for value in closed)

    def _values(self, points: NDArray[np.float64]) -> Values:
        parts = np.array_split(points, -(-len(points) // BATCH))
        return np.concatenate([self._batch(part) for part in parts])

    def _batch(self, points: NDArray[np.float64]) -> Values:
        coarse, fine = (self._solved(points, count) for count in (coarse_orders(self.orders), self.orders))
        values, counts = (
            self._columns(fine),
            (coarse.solution.effective_orders, fine.solution.effective_orders),
        )
        step = (extrapolated(self._columns(coarse), values, *counts) - values)[:, :4]
        self.truncation_error = max(self.truncation_error, float(step.abs().max()))
        return np.asarray(values.numpy())

    def _solved(self, points: NDArray[np.float64], orders: int) -> UnitCell:
        given: dict[str, Any] = {
            axis.parameter.name: points[:, i].round().astype(int) if axis.is_choice else points[:, i]
            for i, axis in enumerate(self.axes)
        }
        # Strips, of upright shapes alone, would make a jump in the angle as large as the truncation leaves.
        turns = any(axis.parameter.kind is Kind.ANGLE for axis in self.axes)
        rule = Factorisation.NORMAL if turns else Factorisation.LI
        return solve(self.platform, self.light, orders=orders, factorisation=rule, **given)

    def _columns(self, cell: UnitCell) -> Tensor:
        jones = [torch.as_tensor(each).reshape(-1, 4) for each in (cell.jones, cell.jones_reflected)]
        return torch.cat([*jones, _others(cell.solution.transmitted), _others(cell.solution.reflected)], -1)


def _labels(channels: Channels, transmitted: bool) -> list[Label]:
    rows = zip(channels.m, channels.n, channels.polarisation, strict=True)
    return [Label(m, n, kind, transmitted) for m, n, kind in rows if (m, n) != (0, 0)]


def _others(channels: Channels) -> Tensor:
    """[s, o] amplitudes of all orders but the zeroth."""
    columns = [i for i, order in enumerate(zip(channels.m, channels.n, strict=True)) if order != (0, 0)]
    amplitudes: Tensor = channels.amplitude[..., columns]
    return amplitudes
