"""What a solved cell gives: field ratios, powers per order and the field at any point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metagen.base.arguments import real
from metagen.base.errors import InputError
from metagen.device.sampling import SAMPLES, cell_samples
from metagen.rcwa.accuracy import Orders, compared_with, estimated_errors, extrapolated, least_error
from metagen.rcwa.channels import Channels
from metagen.rcwa.problem import Problem
from metagen.rcwa.solution import Solution
from metagen.rcwa.tensors import as_tensor


@dataclass(frozen=True, eq=False)
class UnitCell:
    """A solved cell of the periodic lattice, or a batch of them.

    Everything is given as torch tensors if a tensor went in, else as numbers and numpy arrays. The leading
    axes are those of parameters and wavelength broadcast together; there are none for one cell.

    Attributes:
        solution: fields for one truncation.
        coarser: solutions with fewer orders; if there are any, :attr:`t`, :attr:`r` and the Jones matrices
            are extrapolated in the number of orders. All else is that of ``solution``.
        given_tensors: whether results are torch tensors.
    """

    solution: Solution
    coarser: tuple[Solution, ...] = ()
    given_tensors: bool = False

    def __repr__(self) -> str:
        """What is asked for first; not the harmonics."""
        powers = f"transmittance={self.transmittance}, reflectance={self.reflectance}"
        return f"UnitCell(t={self.t}, {powers}, orders={self.orders})"

    @property
    def problem(self) -> Problem:
        """What was solved."""
        return self.solution.problem

    @property
    def orders(self) -> Orders:
        """Truncation of the fields: one number, or one along x and one along y."""
        return self.solution.orders

    @property
    def t(self) -> Any:
        """[...] the part of order 0 at the pillar top that is polarised as the light / the light at z = 0.

        With the Jones matrix J and the polarisation e it is conj(e)·J·e; for light along x it is Ex / Ex. At
        normal incidence |t|²·n_cover/n_substrate is the power of order 0 in this polarisation.
        """
        return self._as_given(self._alike(self._limit(lambda one: one.jones)))

    @property
    def r(self) -> Any:
        """[...] the part of the reflected order 0 that is polarised as the light / the light, at z = 0."""
        return self._as_given(self._alike(self._limit(lambda one: one.jones_reflected)))

    @cached_property
    def error(self) -> Any:
        """[...] estimated |Δ| of :attr:`t` and of the elements of the Jones matrix for light like this.

        It is what the truncation does, found from two solves with fewer orders, which are made when it is
        asked for. Where mirrors keep x and y apart it says nothing of the other polarisation.
        """
        others = self.coarser or tuple(
            Solution.of(self.problem, orders) for orders in compared_with(self.orders)
        )
        three = (*others, self.solution)
        values = [one.jones.flatten(-2) for one in three]
        step, of_limit = estimated_errors(values, [one.effective_orders for one in three])
        least = least_error(self.problem.contrast, self.solution.effective_orders)
        of_limit = torch.maximum(of_limit, least)
        return self._as_given(of_limit if self.coarser else step + of_limit)

    @property
    def jones(self) -> Any:
        """[..., 2, 2] J[out, in] over (x, y): order 0 at the pillar top / incident wave at z = 0."""
        return self._as_given(self._limit(lambda one: one.both.jones))

    @property
    def jones_reflected(self) -> Any:
        """[..., 2, 2] J[out, in] over (x, y): order 0 reflected / incident wave, both at z = 0."""
        return self._as_given(self._limit(lambda one: one.both.jones_reflected))

    @property
    def transmittance(self) -> Any:
        """[...] power through the pillar tops, all orders / incident power."""
        return self._as_given(self.solution.transmittance)

    @property
    def reflectance(self) -> Any:
        """[...] power reflected into the substrate, all orders / incident power."""
        return self._as_given(self.solution.reflectance)

    @property
    def absorptance(self) -> Any:
        """[...] power that is absorbed / incident power: 1 − transmittance − reflectance."""
        return self._as_given(1 - self.solution.transmittance - self.solution.reflectance)

    @property
    def transmitted(self) -> Channels:
        """The orders that propagate in the cover."""
        return self._channels(self.solution.transmitted)

    @property
    def reflected(self) -> Channels:
        """The orders that propagate in the substrate."""
        return self._channels(self.solution.reflected)

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
        counts = cell_samples(self.problem.lattice, samples)
        self._check_plane(real("z", z))
        return self._as_given(self.solution.near_field(as_tensor(z), counts))

    def _limit(self, value: Callable[[Solution], Tensor]) -> Tensor:
        """Something linear in the field, extrapolated if there are coarser solutions."""
        fine = value(self.solution)
        if not self.coarser:
            return fine
        coarse, orders = value(self.coarser[0]), self.coarser[0].effective_orders
        return extrapolated(coarse, fine, orders, self.solution.effective_orders)

    def _alike(self, jones: Tensor) -> Tensor:
        """[...] conj(e)·J·e with the polarisation e of the light."""
        e = self.problem.incidence.jones
        return (e.conj() * (jones @ e)).sum(-1)

    def _check_plane(self, z: float) -> None:
        height = self.problem.setting.height
        above = height <= z
        if z > 0 and bool(above.any()) and not bool(above.all()):
            raise InputError(
                f"z is {z}, above some pillars and within others (heights {height.tolist()}); "
                "solve cells of different heights one by one"
            )

    def _channels(self, found: Channels) -> Channels:
        return replace(found, amplitude=self._as_given(found.amplitude))

    def _as_given(self, value: Tensor) -> Any:
        if self.given_tensors:
            return value
        return value.item() if value.ndim == 0 else np.asarray(value)
