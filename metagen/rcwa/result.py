"""What a solved cell gives: field ratios, powers per order and the field at any point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.device.sampling import SAMPLES
from metagen.rcwa.cell import Cell
from metagen.rcwa.fields import field_at
from metagen.rcwa.special import as_tensor
from metagen.rcwa.unit_cell import SurfaceFields, decay

GRAZING = 1e-12
"""Orders whose kz/k0 is smaller travel along the surface: they carry no power away."""


@dataclass(frozen=True)
class Channels:
    """The propagating orders on one side of the cell.

    The waves (±m, ±n) leave with equal power, by symmetry; they are one channel.

    Attributes:
        m: [c] order along x, ≥ 0.
        n: [c] order along y, ≥ 0.
        tm: [c] whether E lies in the plane of incidence of the order (both polarisations are listed).
        amplitude: [..., c] complex, with |amplitude|² the power in the channel / incident power.
    """

    m: tuple[int, ...]
    n: tuple[int, ...]
    tm: tuple[bool, ...]
    amplitude: Tensor

    @property
    def power(self) -> Tensor:
        """[..., c] power in each channel / incident power."""
        return self.amplitude.abs() ** 2


@dataclass(frozen=True, eq=False)
class Estimate:
    """The zero-order transmission extrapolated in the number of orders.

    Attributes:
        t: [...] the extrapolated value.
        error: [...] estimated error |Δt| of it.
    """

    t: Tensor
    error: Tensor


@dataclass(frozen=True, eq=False)
class UnitCell:
    """A solved cell of the periodic lattice, or a batch of them.

    Everything is given as torch tensors if a tensor went in, else as numbers and numpy arrays. The leading
    axes are those of radius and wavelength broadcast together; there are none for one cell.

    Attributes:
        cell: what was solved.
        wavelength: in vacuum.
        fields: harmonics at the surfaces of the pillar layer.
        estimate: t extrapolated, if a tolerance was asked for; all else is that of the finest truncation.
        given_tensors: whether results are torch tensors.
    """

    cell: Cell
    wavelength: Tensor
    fields: SurfaceFields
    estimate: Estimate | None = None
    given_tensors: bool = False

    def __repr__(self) -> str:
        """What is asked for first; not the harmonics."""
        powers = f"transmittance={self.transmittance}, reflectance={self.reflectance}"
        return f"UnitCell(t={self.t}, {powers}, orders={self.orders})"

    @property
    def t(self) -> Any:
        """[...] Ex of order 0 at the pillar top / incident Ex at z = 0 in the substrate.

        The power in order 0 is |t|²·n_cover/n_substrate.
        """
        return self._as_given(self.fields.top[..., 0] if self.estimate is None else self.estimate.t)

    @property
    def error(self) -> Any:
        """[...] estimated error |Δt|; None unless a tolerance was asked for."""
        return None if self.estimate is None else self._as_given(self.estimate.error)

    @property
    def orders(self) -> int:
        """Truncation |m|, |n| ≤ orders of the fields."""
        return self.fields.basis.orders

    @property
    def r(self) -> Any:
        """[...] Ex of order 0 reflected / incident, both at z = 0 in the substrate."""
        return self._as_given(self.fields.bottom[..., 0] - 1)

    @property
    def transmittance(self) -> Any:
        """[...] power through the plane z = height, all orders / incident power."""
        return self._as_given(_flux(self.fields.top, self.fields.h_top) / self.cell.substrate)

    @property
    def reflectance(self) -> Any:
        """[...] power reflected into the substrate, all orders / incident power."""
        basis = self.fields.basis
        kz = (1j * decay(self.wavelength, self.cell.period, self.cell.substrate, basis)).real
        index = self.cell.substrate[..., None]
        admittance = torch.where(basis.is_tm, index**2 / kz.clamp(min=GRAZING), kz) * (kz > GRAZING)
        rotated = basis.along_k(self._scattered_below()[..., None])[..., 0]
        return self._as_given((rotated.abs() ** 2 * admittance / index).sum(-1))

    @property
    def transmitted(self) -> Channels:
        """The orders that propagate in the cover."""
        return self._channels(self.fields.top, self.cell.cover)

    @property
    def reflected(self) -> Channels:
        """The orders that propagate in the substrate."""
        return self._channels(self._scattered_below(), self.cell.substrate)

    def near_field(self, z: float, samples: int = SAMPLES) -> Any:
        """Field over one cell on a plane, all orders.

        Args:
            z: height of the plane above the pillar base; any, also within the pillars and below them.
            samples: n, points per axis, cell-centred as in :func:`metagen.device.sampling.sample_points`.

        Returns:
            [..., n, n, 3] complex (Ex, Ey, Ez) / incident Ex at z = 0.

        Raises:
            InputError: z is not finite, is within some pillars of a batch and above others, or there are no
                samples.
        """
        if samples < 1:
            raise InputError(f"samples is {samples}; at least 1 is needed")
        if not math.isfinite(z):
            raise InputError(f"z is {z}; it must be finite (micrometres)")
        above = self.cell.height <= z
        if z > 0 and bool(above.any()) and not bool(above.all()):
            raise InputError(
                f"z is {z}, above some pillars and within others (heights {self.cell.height.tolist()}); "
                "solve cells of different heights one by one"
            )
        return self._as_given(field_at(self.cell, self.wavelength, self.fields, as_tensor(z), samples))

    def _scattered_below(self) -> Tensor:
        incident = torch.zeros_like(self.fields.bottom)
        incident[..., 0] = 1
        return self.fields.bottom - incident

    def _channels(self, transverse: Tensor, index: Tensor) -> Channels:
        basis = self.fields.basis
        kz = (1j * decay(self.wavelength, self.cell.period, index, basis)).real
        rows = torch.nonzero((kz.detach() > GRAZING).reshape(-1, len(basis)).any(0))[:, 0]
        kz = kz[..., rows]
        is_open = kz > GRAZING
        admittance = torch.where(basis.is_tm[rows], (index**2)[..., None] / kz.clamp(min=GRAZING), kz)
        root = torch.sqrt(torch.where(is_open, admittance / self.cell.substrate[..., None], 1.0)) * is_open
        rotated = basis.along_k(transverse[..., None])[..., rows, 0]
        return Channels(
            tuple(basis.m[rows].tolist()),
            tuple(basis.n[rows].tolist()),
            tuple(basis.is_tm[rows].tolist()),
            rotated * root,
        )

    def _as_given(self, value: Tensor) -> Any:
        if self.given_tensors:
            return value
        return value.item() if value.ndim == 0 else np.asarray(value)


def _flux(transverse: Tensor, h: Tensor) -> Tensor:
    return (transverse.conj() * h).sum(-1).real
