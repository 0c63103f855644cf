"""The wave vectors of a basis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from metagen.device.lattice import Lattice
from metagen.rcwa.basis import TransverseBasis
from metagen.rcwa.incidence import Incidence

NORMAL = 1e-12
"""Transverse wave vectors / k0 that are shorter have no direction."""


@dataclass(frozen=True, eq=False)
class Waves:
    """The harmonics of a basis with their transverse wave vectors.

    Attributes:
        basis: which harmonics.
        kx, ky: [..., n] transverse wave vector / k0 of each.
    """

    basis: TransverseBasis
    kx: Tensor
    ky: Tensor

    @cached_property
    def own(self) -> Tensor:
        """[..., n] the part along the component itself, so that its sum with it is kx·Ex + ky·Ey."""
        return torch.where(self.basis.is_y, self.ky, self.kx)

    @property
    def other(self) -> Tensor:
        """[..., n] what multiplies each component in kx·Ey − ky·Ex."""
        return torch.where(self.basis.is_y, self.kx, -self.ky)

    @cached_property
    def square(self) -> Tensor:
        """[..., n] squared length."""
        return self.kx.square() + self.ky.square()

    @cached_property
    def is_along(self) -> Tensor:
        """[..., n] whether a row of :meth:`rotated` is E along k (TM); without a direction it is not."""
        paired = self.basis.is_paired
        oblique = self.square > NORMAL**2
        return torch.where(paired, oblique & ~self.basis.is_y, self.own.abs() > NORMAL)

    @cached_property
    def _rotation(self) -> tuple[Tensor, Tensor]:
        """Cosine and sine that take Ex, Ey of the same orders to components along and across k."""
        turned = self.basis.is_paired & (self.square > NORMAL**2)
        safe = torch.where(turned, self.square, 1.0).sqrt()
        cosine = torch.where(turned, self.kx / safe, 1.0)
        sine = torch.where(turned, torch.where(self.basis.is_y, -self.ky, self.ky) / safe, 0.0)
        return cosine[..., None], sine[..., None]

    def rotated(self, rows: Tensor, *, back: bool = False) -> Tensor:
        """[..., n, c] rows for Ex and Ey as rows along and across the transverse wave vector, or back."""
        cosine, sine = self._rotation
        turned = sine * rows[..., self.basis.partner, :]
        return cosine * rows - turned if back else cosine * rows + turned


def waves_of(basis: TransverseBasis, incidence: Incidence, lattice: Lattice) -> Waves:
    """The harmonics that light excites in a lattice."""
    step_x, step_y = (incidence.wavelength[..., None] / side for side in lattice.pitch)
    m, n = basis.orders.unbind(-1)
    return Waves(basis, incidence.kx + m * step_x, incidence.ky + n * step_y)
