"""Our model: the field as a sum over pillars and pairs of pillars, with exact mirror symmetry."""

from __future__ import annotations

import torch
from torch import Tensor

from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import ExpansionSurrogate, as_complex, as_parts
from metagen.surrogate.settings import ClusterSettings
from metagen.surrogate.terms import ClusterTerms, Reach

CHUNK = 1024
"""Cells whose terms are held in memory together while the least-squares problem is set up."""


class ClusterModel(ExpansionSurrogate):
    """The coefficients are a sum over the pillars around a cell and a sum over pairs of them.

    To first order every pillar scatters on its own, to second order every pair does. Such terms reach far
    and need few data, because each of them is seen in every cell; they are found by ridge regression. Every
    mode is even or odd under each mirror, and only terms of the same parity contribute to it, so that the
    field of a mirrored device is the mirrored field.

    Attributes:
        weights: [terms, 2·rank] of the terms.
    """

    weights: Tensor

    def __init__(self, domain: Domain, settings: ClusterSettings) -> None:
        super().__init__(domain, settings)
        self.ridge = settings.ridge
        reach = Reach(settings.width, settings.powers, settings.pair_width, settings.pair_powers)
        self.terms = ClusterTerms(domain, reach)
        self.register_buffer("weights", torch.zeros(self.terms.count, 2 * settings.rank))

    def coefficients(self, radii: Tensor) -> Tensor:
        """[..., rank] complex coefficients of cells with neighbourhoods [..., width²]."""
        return as_complex(self.terms(radii) @ self.weights.to(radii.dtype))

    def prepare(self, radii: Tensor, patches: Tensor) -> None:
        """Set the modes and solve for the weights."""
        self.basis.fit_symmetric(patches, self.domain)
        gram, cross = self._normal_equations(radii, self.basis.project(patches))
        weights = torch.zeros_like(cross)
        for parity in torch.unique(self.basis.parity, dim=0):
            modes = (self.basis.parity == parity).all(-1)
            combinations = self.terms.symmetric(parity)
            normal = combinations.T @ gram @ combinations
            normal.diagonal().add_(self.ridge)
            wanted = as_parts(combinations.T.to(cross.dtype) @ cross[:, modes])
            weights[:, modes] = as_complex(combinations @ torch.linalg.solve(normal, wanted))
        self.weights.copy_(as_parts(weights))

    def _normal_equations(self, radii: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """[terms, terms] and [terms, rank] mean products of the terms with each other and with the data."""
        gram = torch.zeros(self.terms.count, self.terms.count, dtype=torch.float64)
        cross = torch.zeros(self.terms.count, self.basis.rank, dtype=torch.complex128)
        for index in torch.split(torch.arange(len(radii)), CHUNK):
            terms = self.terms(radii[index])
            gram += terms.T @ terms / len(radii)
            cross += terms.T.to(cross.dtype) @ coefficients[index] / len(radii)
        return gram, cross
