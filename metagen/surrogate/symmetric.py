"""Our model: additive terms of many neighbours, a small network for the rest, exact mirror symmetry."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import ExpansionSurrogate, as_complex, as_parts
from metagen.surrogate.lattice import MIRRORS, mirror_images
from metagen.surrogate.network import stack
from metagen.surrogate.pillars import powers, scaled
from metagen.surrogate.settings import SymmetricSettings


class SymmetricNetwork(ExpansionSurrogate):
    """The coefficients are a sum over the pillars around a cell, plus a network of the nearest ones.

    To first order every pillar scatters on its own, so its contribution depends on its place and radius
    alone: the additive terms, solved by least squares, reach far and need few data. What pillars do to each
    other is left to the network. Every mode is even or odd under each mirror; averaging over the four mirror
    images of the neighbourhood, with the sign of the mode, makes the field of a mirrored device the mirrored
    field, for any weights.

    Attributes:
        weights: [width²·powers, 2·rank] of the additive terms.
        scale: root of the mean square of what the additive terms leave, the unit of the network's output.
    """

    weights: Tensor
    scale: Tensor
    images: Tensor
    core: Tensor

    def __init__(self, domain: Domain, settings: SymmetricSettings) -> None:
        super().__init__(domain, settings)
        self.terms_per_pillar, self.ridge = settings.powers, settings.ridge
        inputs = 2 * settings.core**2
        self.layers = stack((inputs, *settings.hidden, 2 * settings.rank), nn.SiLU)
        self.register_buffer("weights", torch.zeros(settings.width**2 * settings.powers, 2 * settings.rank))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("images", mirror_images(settings.width), persistent=False)
        self.register_buffer("core", _middle(settings.width, settings.core), persistent=False)

    def coefficients(self, radii: Tensor) -> Tensor:
        """[..., rank] complex coefficients of cells with neighbourhoods [..., width²]."""
        return self._additive(radii) + self._rest(radii)

    def prepare(self, radii: Tensor, patches: Tensor) -> None:
        """Set the modes, solve for the additive terms, and scale the network to what they leave."""
        self.basis.fit_symmetric(patches, self.domain)
        coefficients = self.basis.project(patches)
        terms = self._terms(radii[:, self.images])
        weights = torch.zeros(len(self.weights), self.basis.rank, dtype=torch.complex128)
        for parity in torch.unique(self.basis.parity, dim=0):
            modes = (self.basis.parity == parity).all(-1)
            symmetric = torch.einsum("g,mgt->mt", parity.double(), terms) / len(MIRRORS)
            solution = self._ridge(symmetric, as_parts(coefficients[:, modes]))
            weights[:, modes] = as_complex(self._symmetrised(solution, parity))
        self.weights.copy_(as_parts(weights))
        rest = coefficients - self._additive(radii)
        self.scale.copy_(torch.view_as_real(rest).square().mean().sqrt())

    def _additive(self, radii: Tensor) -> Tensor:
        return as_complex(self._terms(radii) @ self.weights.to(radii.dtype))

    def _rest(self, radii: Tensor) -> Tensor:
        images = radii[..., self.images][..., self.core]
        present = (images > 0).to(images.dtype)
        inputs = torch.cat([present, scaled(images, self.domain) * present], dim=-1)
        outputs = as_complex(self.layers(inputs) * self.scale)
        rest: Tensor = (outputs * self.basis.parity.T).mean(-2)
        return rest

    def _terms(self, radii: Tensor) -> Tensor:
        return powers(radii, self.domain, self.terms_per_pillar).flatten(-2)

    def _ridge(self, terms: Tensor, targets: Tensor) -> Tensor:
        normal = terms.mT @ terms
        penalty = self.ridge * torch.linalg.matrix_norm(normal, 2) * torch.eye(len(normal))
        solution: Tensor = torch.linalg.solve(normal + penalty, terms.mT @ targets)
        return solution

    def _symmetrised(self, weights: Tensor, parity: Tensor) -> Tensor:
        """The weights that act on the terms of one image as ``weights`` act on the average over all."""
        by_place = torch.unflatten(weights, 0, (-1, self.terms_per_pillar))
        images = by_place[self.images]
        return torch.einsum("g,gptk->ptk", parity.double(), images).flatten(0, 1) / len(MIRRORS)


def _middle(width: int, core: int) -> Tensor:
    """[core²] columns of a neighbourhood of ``width`` that make the neighbourhood of ``core``."""
    first, last = (width - core) // 2, (width + core) // 2
    return torch.arange(width * width).reshape(width, width)[first:last, first:last].flatten()
