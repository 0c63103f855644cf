"""A problem solved for one truncation: plane waves at the surfaces, and Jones matrices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from metagen.rcwa.accuracy import Orders
from metagen.rcwa.basis import TransverseBasis
from metagen.rcwa.channels import Channels, channels, outgoing_amplitudes
from metagen.rcwa.fields import amplitudes_at, at_points
from metagen.rcwa.half_space import HalfSpace
from metagen.rcwa.problem import Problem, X, Y
from metagen.rcwa.unit_cell import SurfaceFields
from metagen.rcwa.waves import Waves


@dataclass(frozen=True, eq=False)
class Solution:
    """The fields of a cell, or of a batch of them, as torch tensors.

    Attributes:
        problem: what was solved.
        orders: truncation, one number or one along x and one along y.
        classes: harmonics at the surfaces, per symmetry class that was solved for.
    """

    problem: Problem
    orders: Orders
    classes: tuple[SurfaceFields, ...]

    @classmethod
    def of(cls, problem: Problem, orders: Orders) -> Solution:
        """Solve for the polarisations that the light has."""
        return cls(problem, orders, problem.solved(problem.truncation(orders), problem.polarisations))

    @cached_property
    def both(self) -> Solution:
        """Solved for light along x and for light along y; itself, if it was."""
        if sum(one.incident.shape[-1] for one in self.classes) == 2:
            return self
        return replace(self, classes=self.problem.solved(self.problem.truncation(self.orders), (X, Y)))

    @property
    def effective_orders(self) -> float:
        """The truncation as one number, by how many plane waves there are."""
        return self.problem.truncation(self.orders).size - 0.5

    @property
    def jones(self) -> Tensor:
        """[..., 2, 2] order 0 at the top / incident wave at z = 0; 0 for light that was not solved for."""
        return self._zeroth([one.electric[-1] for one in self.classes])

    @property
    def jones_reflected(self) -> Tensor:
        """[..., 2, 2] order 0 reflected / incident wave, both at z = 0; likewise."""
        return self._zeroth([_scattered_below(one) for one in self.classes])

    @property
    def transmittance(self) -> Tensor:
        """[...] power through the top, all orders / incident power."""
        h = self._of_light([one.magnetic[-1] for one in self.classes])
        return _flux(self._top, h) / self._incident_power

    @property
    def reflectance(self) -> Tensor:
        """[...] power reflected, all orders / incident power."""
        return self._reflected.abs().square().sum(-1)

    @property
    def transmitted(self) -> Channels:
        """The orders that propagate in the cover."""
        cover = self._medium(self.problem.setting.cover)
        return channels(outgoing_amplitudes(self._top, cover, self._incident_power), cover, self._labels)

    @property
    def reflected(self) -> Channels:
        """The orders that propagate in the substrate."""
        return channels(self._reflected, self._medium(self.problem.setting.substrate), self._labels)

    def near_field(self, z: Tensor, counts: tuple[int, int]) -> Tensor:
        """[..., nx, ny, 3] field at cell-centred points of a plane, see :meth:`UnitCell.near_field`."""
        at = [amplitudes_at(self.problem.setting, one, z) for one in self.classes]
        transverse = self._of_light([part for part, _ in at])
        along_z = self._summed([part for _, part in at], lambda basis, part: basis.ez.expanded(part))
        amplitudes = torch.stack([*transverse.chunk(2, -1), along_z], -2)
        field = at_points(amplitudes, self.waves, self.problem.incidence, self.problem.lattice, counts)
        return field.movedim(-3, -1)

    @cached_property
    def waves(self) -> Waves:
        """All plane waves."""
        return self.problem.plane_waves(self.problem.truncation(self.orders))

    def _medium(self, index: Tensor) -> HalfSpace:
        return HalfSpace(self.waves, index)

    @property
    def _labels(self) -> list[tuple[int, int]]:
        return self.problem.labels(self.waves.basis.truncation.waves)

    @cached_property
    def _reflected(self) -> Tensor:
        """[..., 2w] amplitudes of the waves that leave into the substrate."""
        substrate = self._medium(self.problem.setting.substrate)
        field = self._of_light([_scattered_below(one) for one in self.classes])
        return outgoing_amplitudes(field, substrate, self._incident_power)

    @cached_property
    def _incident_power(self) -> Tensor:
        field = self._of_light([one.incident for one in self.classes])
        return _flux(field, self._of_light([one.h_incident for one in self.classes]))

    def _columns(self, one: SurfaceFields) -> list[tuple[int, Tensor]]:
        """The columns of the fields of a class, and the amplitude that each has in the light."""
        axes = one.waves.basis.is_y[one.waves.basis.zeroth].long().tolist()
        return [(column, self.problem.incidence.jones[axis]) for column, axis in enumerate(axes)]

    @property
    def _top(self) -> Tensor:
        """[..., 2w] Ex and Ey of all plane waves at the top."""
        return self._of_light([one.electric[-1] for one in self.classes])

    def _of_light(self, values: list[Tensor]) -> Tensor:
        """[..., 2w] plane waves that values [..., n, c] of the classes add up to, for the light."""
        return self._summed(values, lambda basis, part: basis.expanded(part))

    def _summed(self, values: list[Tensor], expanded: Callable[[TransverseBasis, Tensor], Tensor]) -> Tensor:
        total = torch.zeros((), dtype=torch.complex128)
        for one, part in zip(self.classes, values, strict=True):
            for column, amplitude in self._columns(one):
                total = total + expanded(one.waves.basis, part[..., column]) * amplitude
        return total

    def _zeroth(self, values: list[Tensor]) -> Tensor:
        """[..., 2, 2] rows and columns of order 0 of values [..., n, c] of the classes, c = 1 or 2."""
        bases = [one.waves.basis for one in self.classes]
        first, *others = (
            value[..., basis.zeroth, :] * basis.in_jones for basis, value in zip(bases, values, strict=True)
        )
        return sum(others, first)


def _scattered_below(one: SurfaceFields) -> Tensor:
    return one.electric[0] - one.incident


def _flux(transverse: Tensor, h: Tensor) -> Tensor:
    return (transverse.conj() * h).sum(-1).real
