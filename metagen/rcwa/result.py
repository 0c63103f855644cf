"""What a solved cell gives: field ratios, powers per order and the field at any point."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.device.sampling import SAMPLES
from metagen.rcwa.accuracy import Orders, compared_with, estimated_errors, extrapolated, least_error
from metagen.rcwa.fields import amplitudes_at, at_points
from metagen.rcwa.half_space import HalfSpace
from metagen.rcwa.problem import Problem, X, Y
from metagen.rcwa.tensors import as_tensor
from metagen.rcwa.unit_cell import SurfaceFields
from metagen.rcwa.waves import Waves

GRAZING = 1e-12
"""Orders whose kz/k0 is smaller travel along the surface: they carry no power away."""


@dataclass(frozen=True)
class Channels:
    """The propagating orders on one side of the cell, in both polarisations, the zeroth first.

    Attributes:
        m, n: [c] order: of the primitive lattice, whose first vector is along x; on a rectangular lattice
            the orders along x and y.
        polarisation: [c] "p" if E lies in the plane of the order and the z axis, "s" if it is normal to it;
            of an order along z, "p" is along x and "s" along y.
        amplitude: [..., c] complex, with |amplitude|² the power in the channel / incident power.
    """

    m: tuple[int, ...]
    n: tuple[int, ...]
    polarisation: tuple[str, ...]
    amplitude: Tensor

    @property
    def power(self) -> Tensor:
        """[..., c] power in each channel / incident power."""
        return self.amplitude.abs() ** 2


@dataclass(frozen=True, eq=False)
class UnitCell:
    """A solved cell of the periodic lattice, or a batch of them.

    Everything is given as torch tensors if a tensor went in, else as numbers and numpy arrays. The leading
    axes are those of parameters and wavelength broadcast together; there are none for one cell.

    Attributes:
        problem: what was solved.
        orders: truncation, one number or one along x and one along y.
        classes: harmonics at the surfaces, per symmetry class that the light excites.
        coarser: the same with fewer orders; if there are any, :attr:`t` and the Jones matrices are
            extrapolated in the number of orders. All else is that of ``orders``.
        given_tensors: whether results are torch tensors.
    """

    problem: Problem
    orders: Orders
    classes: tuple[SurfaceFields, ...]
    coarser: tuple[UnitCell, ...] = ()
    given_tensors: bool = False

    def __repr__(self) -> str:
        """What is asked for first; not the harmonics."""
        powers = f"transmittance={self.transmittance}, reflectance={self.reflectance}"
        return f"UnitCell(t={self.t}, {powers}, orders={self.orders})"

    @property
    def t(self) -> Any:
        """[...] the part of order 0 at the pillar top that is polarised as the light / the light at z = 0.

        With the Jones matrix J and the polarisation e it is conj(e)·J·e; for light along x it is Ex / Ex. At
        normal incidence |t|²·n_cover/n_substrate is the power of order 0 in this polarisation.
        """
        return self._as_given(self._alike(self.limit(zeroth_transmitted)))

    @property
    def r(self) -> Any:
        """[...] as :attr:`t`, of order 0 reflected, at z = 0 in the substrate."""
        return self._as_given(self._alike(self.limit(zeroth_reflected)))

    @cached_property
    def error(self) -> Any:
        """[...] estimated |Δ| of the field of order 0 at the pillar top, due to the truncation.

        It is found from two solves with fewer orders, which are made when it is asked for.
        """
        coarse, near = self.coarser or (self.again(orders) for orders in compared_with(self.orders))
        three = (coarse, near, self)
        values = [zeroth_transmitted(one) for one in three]
        step, of_limit = estimated_errors(values, [one.effective_orders for one in three])
        of_limit = torch.maximum(of_limit, least_error(self.problem.contrast, self.effective_orders))
        return self._as_given(of_limit if self.coarser else step + of_limit)

    def again(self, orders: Orders) -> UnitCell:
        """The same problem, solved with other orders."""
        classes = self.problem.solved(self.problem.truncation(orders), self.problem.polarisations)
        return replace(self, orders=orders, classes=classes, coarser=())

    @property
    def jones(self) -> Any:
        """[..., 2, 2] J[out, in] over (x, y): order 0 at the pillar top / incident wave at z = 0."""
        return self._as_given(self.both.limit(jones_transmitted))

    @property
    def jones_reflected(self) -> Any:
        """[..., 2, 2] J[out, in] over (x, y): order 0 reflected / incident wave, both at z = 0."""
        return self._as_given(self.both.limit(jones_reflected))

    @property
    def transmittance(self) -> Any:
        """[...] power through the pillar tops, all orders / incident power."""
        return self._as_given(_flux(self.top, self.h_top) / self._incident_power)

    @property
    def reflectance(self) -> Any:
        """[...] power reflected into the substrate, all orders / incident power."""
        return self._as_given(self._power(self.scattered_below, self.problem.setting.substrate).sum(-1))

    @property
    def absorptance(self) -> Any:
        """[...] the rest, 1 − transmittance − reflectance."""
        return self._as_given(1 - as_tensor(self.transmittance) - as_tensor(self.reflectance))

    @property
    def transmitted(self) -> Channels:
        """The orders that propagate in the cover."""
        return self._channels(self.top, self.problem.setting.cover)

    @property
    def reflected(self) -> Channels:
        """The orders that propagate in the substrate."""
        return self._channels(self.scattered_below, self.problem.setting.substrate)

    def near_field(self, z: float, samples: int | tuple[int, int] = SAMPLES) -> Any:
        """Field over one cell on a plane, all orders.

        Args:
            z: height of the plane above the pillar base; any, also within the pillars and below them.
            samples: points per lattice spacing, so n × n in a square cell; or the numbers along x and y. They
                are cell-centred, as in :func:`metagen.device.sampling.sample_points`.

        Returns:
            [..., nx, ny, 3] complex (Ex, Ey, Ez) / amplitude of the incident transverse field at the origin.

        Raises:
            InputError: z is not finite, is within some pillars of a batch and above others, or there are no
                samples.
        """
        counts = self._counts(samples)
        self._check_plane(z)
        problem = self.problem
        parts = [amplitudes_at(problem.setting, one, as_tensor(z)) for one in self.classes]
        transverse = self._of_light([part[0] for part in parts])
        along_z = sum(
            (one.waves.basis.ez.expanded(column) * amplitude)
            for one, part in zip(self.classes, parts, strict=True)
            for column, amplitude in self._columns(one, part[1])
        )
        amplitudes = torch.stack([*transverse.chunk(2, -1), as_tensor(along_z)], -2)
        field = at_points(amplitudes, self.waves, problem.incidence, problem.lattice, counts)
        return self._as_given(field.movedim(-3, -1))

    @cached_property
    def waves(self) -> Waves:
        """All plane waves."""
        return self.problem.plane_waves(self.problem.truncation(self.orders))

    @property
    def top(self) -> Tensor:
        """[..., 2w] Ex and Ey of all plane waves at the pillar tops, for the light as it is polarised."""
        return self._of_light([one.electric[-1] for one in self.classes])

    @property
    def h_top(self) -> Tensor:
        """[..., 2w] h = (Hy, −Hx) there, times the impedance of vacuum."""
        return self._of_light([one.magnetic[-1] for one in self.classes])

    @property
    def scattered_below(self) -> Tensor:
        """[..., 2w] Ex and Ey of all plane waves at z = 0, without the incident wave."""
        return self._of_light([one.electric[0] - one.incident for one in self.classes])

    @cached_property
    def both(self) -> UnitCell:
        """The cell solved for light along x and light along y; itself, if it was."""
        if sum(one.incident.shape[-1] for one in self.classes) == 2:
            return self
        classes = self.problem.solved(self.problem.truncation(self.orders), (X, Y))
        coarser = tuple(one.both for one in self.coarser)
        return replace(self, classes=classes, coarser=coarser)

    def limit(self, value: Callable[[UnitCell], Tensor]) -> Tensor:
        """Something linear in the field, extrapolated if there are coarser solutions."""
        if not self.coarser:
            return value(self)
        coarse = self.coarser[0]
        return extrapolated(value(coarse), value(self), coarse.effective_orders, self.effective_orders)

    @property
    def effective_orders(self) -> float:
        """The truncation as one number, by how many plane waves there are."""
        return self.problem.truncation(self.orders).size - 0.5

    def _alike(self, vector: Tensor) -> Tensor:
        """[...] the component of [..., 2] that is polarised as the light."""
        return (self.problem.incidence.jones.conj() * vector).sum(-1)

    def _columns(self, one: SurfaceFields, values: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The columns of values [..., n, c] of a class, and the amplitude that each has in the light."""
        basis = one.waves.basis
        axes = basis.is_y[basis.zeroth].long().tolist()
        return [(values[..., c], self.problem.incidence.jones[axis]) for c, axis in enumerate(axes)]

    def _of_light(self, values: list[Tensor]) -> Tensor:
        """[..., 2w] plane waves that values [..., n, c] of the classes add up to, for the light."""
        total = torch.zeros((), dtype=torch.complex128)
        for one, part in zip(self.classes, values, strict=True):
            for column, amplitude in self._columns(one, part):
                total = total + one.waves.basis.expanded(column) * amplitude
        return total

    @property
    def _incident_power(self) -> Tensor:
        field = self._of_light([one.incident for one in self.classes])
        return _flux(field, self._of_light([one.h_incident for one in self.classes]))

    def _power(self, field: Tensor, index: Tensor) -> Tensor:
        """[..., 2w] power that plane waves carry away, of E along and across k / incident power."""
        return self._amplitudes(field, index).abs() ** 2

    def _amplitudes(self, field: Tensor, index: Tensor) -> Tensor:
        """[..., 2w] their amplitudes along and across; |amplitude|² is that power."""
        kz = (1j * HalfSpace(self.waves, index).decay).real
        is_open = kz > GRAZING
        admittance = torch.where(self.waves.is_along, (index**2).real[..., None] / kz.clamp(min=GRAZING), kz)
        root = torch.sqrt(torch.where(is_open, admittance / self._incident_power[..., None], 1.0)) * is_open
        return self.waves.rotated(field[..., None])[..., 0] * root

    def _channels(self, field: Tensor, index: Tensor) -> Channels:
        kz = (1j * HalfSpace(self.waves, index).decay).real.detach()
        rows = torch.nonzero((kz > GRAZING).reshape(-1, kz.shape[-1]).any(0))[:, 0]
        basis = self.waves.basis
        labels = self.problem.labels(basis.orders[rows])
        names = ["s" if is_y else "p" for is_y in basis.is_y[rows].tolist()]
        keys = [(m * m + n * n > 0, m, n, name) for (m, n), name in zip(labels, names, strict=True)]
        order = sorted(range(len(keys)), key=keys.__getitem__)
        _, m, n, polarisation = zip(*(keys[k] for k in order), strict=True) if order else ((),) * 4
        return Channels(m, n, polarisation, self._amplitudes(field, index)[..., rows[order]])

    def _counts(self, samples: int | tuple[int, int]) -> tuple[int, int]:
        lattice = self.problem.lattice
        if isinstance(samples, tuple):
            counts = samples
        else:
            counts = tuple(round(samples * side / lattice.spacing) for side in lattice.pitch)  # type: ignore[assignment]
        if min(counts) < 1:
            raise InputError(f"samples is {samples}; at least 1 is needed")
        return counts

    def _check_plane(self, z: float) -> None:
        if not math.isfinite(z):
            raise InputError(f"z is {z}; it must be finite (micrometres)")
        height = self.problem.setting.height
        above = height <= z
        if z > 0 and bool(above.any()) and not bool(above.all()):
            raise InputError(
                f"z is {z}, above some pillars and within others (heights {height.tolist()}); "
                "solve cells of different heights one by one"
            )

    def _as_given(self, value: Tensor) -> Any:
        if self.given_tensors:
            return value
        return value.item() if value.ndim == 0 else np.asarray(value)


def _flux(transverse: Tensor, h: Tensor) -> Tensor:
    return (transverse.conj() * h).sum(-1).real


def jones_transmitted(solved: UnitCell) -> Tensor:
    """[..., 2, 2] of one truncation, of a cell that is solved for both polarisations."""
    return _jones([one.electric[-1] for one in solved.classes], solved)


def jones_reflected(solved: UnitCell) -> Tensor:
    """[..., 2, 2] likewise."""
    return _jones([one.electric[0] - one.incident for one in solved.classes], solved)


def zeroth_transmitted(solved: UnitCell) -> Tensor:
    """[..., 2] Ex and Ey of order 0 at the pillar tops, of one truncation, for the light as polarised."""
    return _jones([one.electric[-1] for one in solved.classes], solved) @ solved.problem.incidence.jones


def zeroth_reflected(solved: UnitCell) -> Tensor:
    """[..., 2] of order 0 reflected, at z = 0, likewise."""
    matrix = _jones([one.electric[0] - one.incident for one in solved.classes], solved)
    return matrix @ solved.problem.incidence.jones


def _jones(values: list[Tensor], solved: UnitCell) -> Tensor:
    """[..., 2, 2] rows and columns of order 0 of values [..., n, c] of the classes; 0 if none is solved."""
    total = torch.zeros((), dtype=torch.complex128)
    for one, value in zip(solved.classes, values, strict=True):
        basis = one.waves.basis
        place = torch.nn.functional.one_hot(basis.is_y[basis.zeroth].long(), 2).to(torch.complex128)
        total = total + place.T @ value[..., basis.zeroth, :] @ place
    return total
