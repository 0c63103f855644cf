"""Models that predict the coefficients of a patch in the modes of a basis."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from metagen.surrogate.base import Surrogate
from metagen.surrogate.basis import PatchBasis
from metagen.surrogate.domain import Domain
from metagen.surrogate.settings import ExpansionSettings


class ExpansionSurrogate(Surrogate):
    """A surrogate whose field over every cell is a sum of a few fixed modes.

    ``coefficients`` is all that depends on the radii; what is linear in the field (propagation to a point,
    say) can be applied to the modes once.

    Attributes:
        basis: the modes.
    """

    def __init__(self, domain: Domain, settings: ExpansionSettings) -> None:
        super().__init__(domain, settings, settings.width)
        self.basis = PatchBasis(domain, settings.rank)

    @abstractmethod
    def coefficients(self, radii: Tensor) -> Tensor:
        """[..., rank] complex coefficients of cells with neighbourhoods [..., width²]."""

    def patches(self, radii: Tensor) -> Tensor:
        """[..., n·n·C] complex field over cells with neighbourhoods [..., width²]."""
        return self.basis.expand(self.coefficients(radii))

    @abstractmethod
    def prepare(self, radii: Tensor, patches: Tensor) -> None:
        """Set all that needs no descent: modes, scales and least-squares terms.

        Args:
            radii: [M, width²] neighbourhoods, double precision.
            patches: [M, n·n·C] fields, double precision.
        """


def as_complex(parts: Tensor) -> Tensor:
    """[..., K] complex from [..., 2·K] real numbers: real and imaginary parts, one pair after the other."""
    return torch.view_as_complex(torch.unflatten(parts, -1, (-1, 2)).contiguous())


def as_parts(values: Tensor) -> Tensor:
    """[..., 2·K] real numbers from [..., K] complex: real and imaginary parts, one pair after the other."""
    return torch.view_as_real(values.resolve_conj()).flatten(-2)
