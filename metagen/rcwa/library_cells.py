"""The cells of a library: solved in batches, for both polarisations, at two truncations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.device.atoms.parameter import Kind
from metagen.device.illumination import Illumination, plane_wave_power
from metagen.device.platform import Platform
from metagen.device.symmetry import Symmetry
from metagen.rcwa.accuracy import coarse_orders
from metagen.rcwa.axes import Axis
from metagen.rcwa.channels import Channels
from metagen.rcwa.factorisation import Factorisation
from metagen.rcwa.result import UnitCell
from metagen.rcwa.solution import Solution
from metagen.rcwa.solver import BATCH, solve

SAME = 1e-9
"""Parameters of a cell and of its image that differ by less are the same."""
GENERIC = 0.381966
"""A share of every range at which no cell is its own image by chance."""
POLARISATIONS = ((1.0, 0.0), (0.0, 1.0))
JONES = 4
"""Values of one polarisation that belong to the zeroth order: Ex and Ey transmitted, Ex and Ey reflected."""

Points = NDArray[np.float64]
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


@dataclass(frozen=True)
class Image:
    """A mirror or a turn that makes of a cell of a library another one.

    Attributes:
        operation: which.
        matrix: [2, 2] what it does to (x, y).
    """

    operation: Symmetry
    matrix: NDArray[np.float64]


class LibraryCells:
    """From parameters [s, P] to values [g, s, 2, 2, c], of the cells and of their images.

    The axes are: the images, the cells; the coarse and the fine truncation; light along x and light along y,
    each of amplitude 1; and Ex and Ey of order 0 transmitted, Ex and Ey of order 0 reflected, then the
    amplitudes of the other propagating orders, whose squares are powers in units of
    :func:`metagen.device.illumination.plane_wave_power`.

    Truncations are kept apart: each has a resonance at a place of its own, and what is extrapolated from both
    would have it twice, and more power than there is.
    """

    def __init__(self, platform: Platform, light: Illumination, axes: tuple[Axis, ...], orders: int) -> None:
        self.platform, self.axes = platform, axes
        self.light = replace(light, polarisation="left")
        self.orders = (coarse_orders(orders), orders)

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """The propagating orders besides the zeroth; they follow from lattice, media and light alone."""
        cell = self._solved(self._generic, self.orders[0])
        return (*_labels(cell.solution.transmitted, True), *_labels(cell.solution.reflected, False))

    @cached_property
    def _generic(self) -> Points:
        return np.array([[float(axis.evenly(np.array(GENERIC))) for axis in self.axes]])

    @cached_property
    def _images(self) -> tuple[Image, ...]:
        """What makes new cells, where there is no other order, which it would mix."""
        kept = self.platform.lattice.symmetry & self.platform.atom.symmetry
        found, places = [Image(Symmetry.NONE, np.eye(2))], [self._generic]
        for operation in Symmetry if self.light.is_normal and not self.labels else ():
            if operation in kept:
                place = self.platform.atom.image(self._generic, operation)
                if all(np.abs(place - other).max() > SAME for other in places):
                    found.append(Image(operation, operation.matrix))
                    places.append(place)
        return tuple(found)

    def images(self, points: Points) -> Points:
        """[g, s, P] parameters, and those that mirrors and turns make of them."""
        atom, (_, *others) = self.platform.atom, self._images
        return np.stack([points, *(atom.image(points, image.operation) for image in others)])

    def __call__(self, points: Points) -> Values:
        """[g, s, 2, 2, c] values at parameters [s, P]."""
        parts = np.array_split(points, -(-len(points) // BATCH))
        values = np.concatenate([self._batch(part) for part in parts])
        return np.stack([_turned(values, image.matrix) for image in self._images])

    def _batch(self, points: Points) -> Values:
        """[s, 2, 2, c] of both truncations and polarisations."""
        cells = (self._solved(points, count) for count in self.orders)
        return torch.stack([self._columns(cell.solution) for cell in cells], 1).numpy()

    def _solved(self, points: Points, orders: int) -> UnitCell:
        given: dict[str, Any] = {
            axis.parameter.name: points[:, i].round().astype(int) if axis.is_choice else points[:, i]
            for i, axis in enumerate(self.axes)
        }
        # Strips, of upright shapes alone, would make a jump in the angle as large as the truncation leaves.
        turns = any(axis.parameter.kind is Kind.ANGLE for axis in self.axes)
        rule = Factorisation.NORMAL if turns else Factorisation.LI
        return solve(self.platform, self.light, orders=orders, factorisation=rule, **given)

    def _columns(self, solution: Solution) -> Tensor:
        """[s, 2, c] for light along x and along y."""
        return torch.stack([self._column(solution, column) for column in range(len(POLARISATIONS))], 1)

    def _column(self, solution: Solution, column: int) -> Tensor:
        """[s, c] for light along x or along y, of a solution for both."""
        jones = [each[..., column] for each in (solution.jones, solution.jones_reflected)]
        incidence = replace(solution.problem.incidence, polarisation=POLARISATIONS[column])
        alone = replace(solution, problem=replace(solution.problem, incidence=incidence))
        root = self._incident_power[column].sqrt()
        return torch.cat([*jones, root * _others(alone.transmitted), root * _others(alone.reflected)], -1)

    @cached_property
    def _incident_power(self) -> Tensor:
        fields = torch.tensor(POLARISATIONS, dtype=torch.complex128)
        return plane_wave_power(fields, self.light, self.platform.at(self.light.wavelength).substrate)


def _turned(values: Values, matrix: NDArray[np.float64]) -> Values:
    """Values [s, 2, 2, c] of the cells that a mirror or a turn makes of some, if there is no other order."""
    zeroth = values[..., :JONES].reshape(*values.shape[:-1], 2, 2)
    turned = np.einsum("ia,jb,stbwa->stjwi", matrix, matrix, zeroth).reshape(*values.shape[:-1], JONES)
    return np.concatenate([turned, values[..., JONES:]], -1)


def _labels(channels: Channels, transmitted: bool) -> list[Label]:
    rows = zip(channels.m, channels.n, channels.polarisation, strict=True)
    return [Label(m, n, kind, transmitted) for m, n, kind in rows if (m, n) != (0, 0)]


def _others(channels: Channels) -> Tensor:
    """[s, o] amplitudes of all orders but the zeroth."""
    columns = [i for i, order in enumerate(zip(channels.m, channels.n, strict=True)) if order != (0, 0)]
    amplitudes: Tensor = channels.amplitude[..., columns]
    return amplitudes
