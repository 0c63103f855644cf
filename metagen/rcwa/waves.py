"""The wave vectors of a basis, and waves that leave into a homogeneous medium."""

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

    @cached_property
    def other(self) -> Tensor:
        """[..., n] what multiplies each component in kx·Ey − ky·Ex."""
        return torch.where(self.basis.is_y, self.kx, -self.ky)

    @cached_property
    def _square(self) -> Tensor:
        """[..., n] squared length."""
        return self.kx.square() + self.ky.square()

    @cached_property
    def is_along(self) -> Tensor:
        """[..., n] whether a row of :meth:`rotated` is E along k (TM); without a direction it is not."""
        paired = self.basis.is_paired
        oblique = self._square > NORMAL**2
        return torch.where(paired, oblique & ~self.basis.is_y, self.own.abs() > NORMAL)

    @cached_property
    def _rotation(self) -> tuple[Tensor, Tensor]:
        """Cosine and sine that take Ex, Ey of the same orders to components along and across k."""
        turned = self.basis.is_paired & (self._square > NORMAL**2)
        safe = torch.where(turned, self._square, 1.0).sqrt()
        cosine = torch.where(turned, self.kx / safe, 1.0)
        sine = torch.where(turned, torch.where(self.basis.is_y, -self.ky, self.ky) / safe, 0.0)
        return cosine[..., None], sine[..., None]

    def rotated(self, rows: Tensor, *, back: bool = False) -> Tensor:
        """[..., n, c] rows for Ex and Ey as rows along and across the transverse wave vector, or back."""
        cosine, sine = self._rotation
        turned = sine * rows[..., self.basis.partner, :]
        return cosine * rows - turned if back else cosine * rows + turned

    def decay(self, index: Tensor) -> Tensor:
        """[..., n] κ = −i·kz/k0 in a homogeneous medium: waves that leave upwards are exp(−κ·k0·z).

        κ² is kept from being zero, where its root has no slope.
        """
        square = self._square - (index**2)[..., None]
        if square.is_complex():
            return torch.sqrt(square)
        root = torch.sqrt(square.abs().clamp(min=1e-30))
        return torch.where(square > 0, root, 0 * root) - 1j * torch.where(square > 0, 0 * root, root)

    def outgoing(self, index: Tensor) -> Tensor:
        """[2, ..., n, 1] coefficients α, β of α·g + β·E = 0, which waves that leave upwards obey.

        κ·g + ε·E = 0 for E along the transverse wave vector, g − κ·E = 0 across it: nothing diverges on a
        light line (κ = 0). For waves that leave downwards the sign of β changes.
        """
        kappa = self.decay(index)
        epsilon = (index**2)[..., None].to(kappa.dtype).expand_as(kappa)
        alpha = torch.where(self.is_along, kappa, torch.ones_like(kappa))
        beta = torch.where(self.is_along, epsilon, -kappa)
        return torch.stack([alpha, beta])[..., None]

    def incident(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """[..., n, c] E and g of waves of unit amplitude from below, one per component of order 0."""
        field = torch.zeros(*self.kx.shape, len(self.basis.zeroth), dtype=torch.complex128)
        field[..., self.basis.zeroth, torch.arange(len(self.basis.zeroth))] = 1
        kappa, epsilon = self.decay(index)[..., None], (index**2)[..., None, None]
        along = self.rotated(field)
        g = torch.where(self.is_along[..., None], -epsilon / kappa, kappa) * along
        return field, self.rotated(g, back=True)


def waves_of(basis: TransverseBasis, incidence: Incidence, lattice: Lattice) -> Waves:
    """The harmonics that light excites in a lattice."""
    step_x, step_y = (incidence.wavelength[..., None] / side for side in lattice.pitch)
    orders = basis.orders.double()
    return Waves(basis, incidence.kx + orders[:, 0] * step_x, incidence.ky + orders[:, 1] * step_y)
