"""A homogeneous medium below or above the layers: waves that leave into it, and those that come from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from metagen.rcwa.waves import Waves


@dataclass(frozen=True, eq=False)
class HalfSpace:
    """A medium, for the harmonics of a basis.

    Attributes:
        waves: the harmonics.
        index: [...] refractive index, complex if the medium absorbs.
    """

    waves: Waves
    index: Tensor

    @cached_property
    def decay(self) -> Tensor:
        """[..., n] κ = −i·kz/k0: waves that leave upwards are exp(−κ·k0·z).

        κ² is kept from being zero, where its root has no slope.
        """
        square = self.waves.square - (self.index**2)[..., None]
        if square.is_complex():
            root = torch.sqrt(square)
            return torch.where(root.imag > 0, -root, root)
        root, fades = torch.sqrt(square.abs().clamp(min=1e-30)), square > 0
        return torch.complex(torch.where(fades, root, 0.0), torch.where(fades, 0.0, -root))

    @property
    def _permittivity(self) -> Tensor:
        """[..., 1] as complex numbers, which torch needs in a choice between complex gradients."""
        return (self.index**2)[..., None].to(torch.complex128)

    @property
    def outgoing(self) -> Tensor:
        """[2, ..., n, 1] coefficients α, β of α·g + β·E = 0, which waves that leave upwards obey.

        κ·g + ε·E = 0 for E along the transverse wave vector, g − κ·E = 0 across it: nothing diverges on a
        light line (κ = 0). For waves that leave downwards the sign of β changes.
        """
        alpha = torch.where(self.waves.is_along, self.decay, 1.0)
        beta = torch.where(self.waves.is_along, self._permittivity, -self.decay)
        return torch.stack([alpha, beta])[..., None]

    @cached_property
    def incident(self) -> Tensor:
        """[..., n, c] E of waves of unit amplitude that come from below, one per component of order 0."""
        basis = self.waves.basis
        field = torch.zeros(*self.decay.shape, len(basis.zeroth), dtype=torch.complex128)
        field[..., basis.zeroth, torch.arange(len(basis.zeroth))] = 1
        return field

    @property
    def h_incident(self) -> Tensor:
        """[..., n, c] h = i·g of these waves."""
        admittance = torch.where(self.waves.is_along, -self._permittivity / self.decay, self.decay)
        g = admittance[..., None] * self.waves.rotated(self.incident)
        return 1j * self.waves.rotated(g, back=True)

    @property
    def source(self) -> Tensor:
        """[..., n, c] α·g − β·E of these waves, along and across k: the equations at the bottom hold them."""
        twice = 2 * torch.where(self.waves.is_along, -self._permittivity, self.decay)
        return twice[..., None] * self.waves.rotated(self.incident)
