"""What a solved cell gives: field ratios, powers per order and the field anywhere above the pillar."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metagen.errors import InputError
from metagen.nearfield import SAMPLES
from metagen.rcwa.basis import Harmonics
from metagen.rcwa.unit_cell import Cell, SurfaceFields, apply, decay


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
class UnitCell:
    """A solved cell of the periodic lattice, or a batch of them.

    Everything is given as torch tensors if a tensor went in, else as numbers and numpy arrays. The leading
    axes are those of radius and wavelength broadcast together; there are none for one cell.

    Attributes:
        cell: what was solved.
        wavelength: in vacuum.
        fields: harmonics at the surfaces of the pillar layer.
        given_tensors: whether results are torch tensors.
    """

    cell: Cell
    wavelength: Tensor
    fields: SurfaceFields
    given_tensors: bool = False

    @property
    def t(self) -> Any:
        """[...] Ex of order 0 at the pillar top / incident Ex at z = 0 in the substrate."""
        return self._as_given(self.fields.top[..., 0])

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
        return self._as_given(1 - _flux(self.fields.bottom, self.fields.h_bottom) / self.cell.substrate)

    @property
    def transmitted(self) -> Channels:
        """The orders that propagate in the cover."""
        return self._channels(self.fields.top, self.cell.cover)

    @property
    def reflected(self) -> Channels:
        """The orders that propagate in the substrate."""
        incident = torch.zeros_like(self.fields.bottom)
        incident[..., 0] = 1
        return self._channels(self.fields.bottom - incident, self.cell.substrate)

    def near_field(self, z: float, samples: int = SAMPLES) -> Any:
        """Field over one cell on a plane above the pillar, all orders.

        Args:
            z: height of the plane above the pillar base, at least the pillar height.
            samples: n, points per axis, cell-centred as in :func:`metagen.nearfield.sample_points`.

        Returns:
            [..., n, n, 3] complex (Ex, Ey, Ez) / incident Ex at z = 0.

        Raises:
            InputError: the plane is not above the pillar.
        """
        distance = torch.as_tensor(z, dtype=torch.float64) - self.cell.height
        if bool((distance < 0).any()):
            raise InputError(f"z is {z}; the plane must lie at or above the pillar top, {self.cell.height}")
        basis = self.fields.basis
        kappa = decay(self.wavelength, self.cell.period, self.cell.cover, basis)
        phase = torch.exp(-kappa * (2 * math.pi * distance / self.wavelength)[..., None])
        transverse = self.fields.top * phase
        divergence = self.fields.h_top * phase * basis.divergence_order
        ez = torch.zeros(*divergence.shape[:-1], len(basis.ez), dtype=divergence.dtype)
        known = basis.divergence_order > 0
        ez = ez.index_add(-1, basis.ez_position[known], divergence[..., known])
        ez = -ez * (self.wavelength / self.cell.period / self.cell.cover**2)[..., None]
        split = len(basis.ex)
        components = [
            _synthesis(transverse[..., :split], basis.ex, samples),
            -_synthesis(transverse[..., split:], basis.ey, samples),
            1j * _synthesis(ez, basis.ez, samples),
        ]
        return self._as_given(torch.stack(components, -1))

    def _channels(self, transverse: Tensor, index: Tensor) -> Channels:
        basis = self.fields.basis
        kappa = decay(self.wavelength, self.cell.period, index, basis)
        open_rows = (kappa.detach().imag < -1e-12).reshape(-1, len(basis)).any(0)
        rows = torch.nonzero(open_rows)[:, 0]
        kz = (1j * kappa[..., rows]).real
        epsilon = (index**2)[..., None].real
        admittance = torch.where(basis.is_tm[rows], epsilon / kz.clamp(min=1e-12), kz).clamp(min=0)
        rotated = basis.along_k(transverse[..., None])[..., rows, 0]
        amplitude = rotated * torch.sqrt(admittance / self.cell.substrate[..., None])
        return Channels(
            tuple(basis.m[rows].tolist()),
            tuple(basis.n[rows].tolist()),
            tuple(basis.is_tm[rows].tolist()),
            amplitude,
        )

    def _as_given(self, value: Tensor) -> Any:
        if self.given_tensors:
            return value
        return value.item() if value.ndim == 0 else np.asarray(value)


def _flux(transverse: Tensor, h: Tensor) -> Tensor:
    return (transverse.conj() * h).sum(-1).real


def _synthesis(coefficients: Tensor, harmonics: Harmonics, samples: int) -> Tensor:
    """[..., n, n] sum of the harmonics at the sample points: cosines for even, sines for odd parity."""
    along_x = _waves(harmonics.m, harmonics.parity_x, samples)
    along_y = _waves(harmonics.n, harmonics.parity_y, samples)
    waves = along_x[:, None, :] * along_y[None, :, :] * harmonics.multiplicity.sqrt()
    points = apply(waves.reshape(samples * samples, -1), coefficients)
    return points.reshape(*points.shape[:-1], samples, samples)


def _waves(order: Tensor, parity: int, samples: int) -> Tensor:
    position = (torch.arange(samples, dtype=torch.float64) - (samples - 1) / 2) / samples
    phase = 2 * math.pi * position[:, None] * order
    return torch.cos(phase) if parity == 1 else torch.sin(phase)
