"""Our model: terms of one and two pillars, a small network for the rest, exact mirror symmetry."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import ExpansionSurrogate, as_complex, as_parts
from metagen.surrogate.lattice import mirror_images
from metagen.surrogate.network import stack
from metagen.surrogate.pillars import scaled
from metagen.surrogate.settings import ClusterSettings
from metagen.surrogate.terms import ClusterTerms, Reach

CHUNK = 1024
"""Cells whose terms are held in memory together while the least-squares problem is set up."""


class ClusterModel(ExpansionSurrogate):
    """The coefficients are a sum over the pillars around a cell, a sum over pairs of them, and a small rest.

    To first order every pillar scatters on its own, to second order every pair does: these terms reach far,
    need few data, and are solved for by ridge regression. What is left to a network is small and near. Every
    mode is even or odd under each mirror, the terms are combined to the same parity, and the network is
    averaged over the four mirror images with the sign of the mode: the field of a mirrored device is the
    mirrored field, whatever the weights.

    Attributes:
        weights: [terms, 2·rank] of the terms.
        scale: root of the mean square of what the terms leave, the unit of the network's output.
    """

    weights: Tensor
    scale: Tensor
    images: Tensor
    core: Tensor

    def __init__(self, domain: Domain, settings: ClusterSettings) -> None:
        super().__init__(domain, settings)
        self.ridge = settings.ridge
        reach = Reach(settings.width, settings.powers, settings.pair_width, settings.pair_powers)
        self.terms = ClusterTerms(domain, reach)
        self.layers = stack((2 * settings.core**2, *settings.hidden, 2 * settings.rank), nn.SiLU)
        self.register_buffer("weights", torch.zeros(self.terms.count, 2 * settings.rank))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("images", mirror_images(settings.core), persistent=False)
        self.register_buffer("core", _middle(settings.width, settings.core), persistent=False)

    def coefficients(self, radii: Tensor) -> Tensor:
        """[..., rank] complex coefficients of cells with neighbourhoods [..., width²]."""
        return self._expanded(radii) + self.learned(radii)

    def learned(self, radii: Tensor) -> Tensor:
        """[..., rank] the part of the coefficients that the network gives."""
        images = radii[..., self.core][..., self.images]
        present = (images > 0).to(images.dtype)
        inputs = torch.cat([present, scaled(images, self.domain) * present], dim=-1)
        outputs = as_complex(self.layers(inputs) * self.scale)
        rest: Tensor = (outputs * self.basis.parity.T).mean(-2)
        return rest

    def prepare(self, radii: Tensor, patches: Tensor) -> Tensor:
        """Set the modes, solve for the terms, and return what is left to the network."""
        self.basis.fit_symmetric(patches, self.domain)
        coefficients = self.basis.project(patches)
        self.weights.copy_(as_parts(self._solved(radii, coefficients)))
        rest = coefficients - torch.cat([self._expanded(part) for part in torch.split(radii, CHUNK)])
        self.scale.copy_(torch.view_as_real(rest).square().mean().sqrt())
        return rest

    def _expanded(self, radii: Tensor) -> Tensor:
        return as_complex(self.terms(radii) @ self.weights.to(radii.dtype))

    def _solved(self, radii: Tensor, coefficients: Tensor) -> Tensor:
        """[terms, rank] complex weights of the ridge regression, class of parity by class."""
        gram = torch.zeros(self.terms.count, self.terms.count, dtype=torch.float64)
        cross = torch.zeros(self.terms.count, self.basis.rank, dtype=torch.complex128)
        for index in torch.split(torch.arange(len(radii)), CHUNK):
            terms = self.terms(radii[index])
            gram += terms.T @ terms / len(radii)
            cross += terms.T.to(cross.dtype) @ coefficients[index] / len(radii)
        weights = torch.zeros_like(cross)
        for parity in torch.unique(self.basis.parity, dim=0):
            modes = (self.basis.parity == parity).all(-1)
            combinations = self.terms.symmetric(parity)
            normal = combinations.T @ gram @ combinations
            normal.diagonal().add_(self.ridge)
            wanted = as_parts(combinations.T.to(cross.dtype) @ cross[:, modes])
            solution = combinations @ torch.linalg.solve(normal, wanted)
            weights[:, modes] = as_complex(solution)
        return weights


def _middle(width: int, core: int) -> Tensor:
    """[core²] columns of a neighbourhood of ``width`` that make the neighbourhood of ``core``."""
    first, last = (width - core) // 2, (width + core) // 2
    return torch.arange(width * width).reshape(width, width)[first:last, first:last].flatten()
