"""Our model: the field as a sum over pillars and pairs of pillars, with exact mirror symmetry."""

from __future__ import annotations

import torch
from torch import Tensor

from metagen.surrogate.convolution import ClusterConvolution
from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import SymmetricSurrogate, as_complex
from metagen.surrogate.settings import ClusterSettings
from metagen.surrogate.terms import ClusterTerms, Reach, SymmetricTerms

CHUNK = 1024
"""How many cells have their terms in memory at once while the least-squares problem is set up."""
SIDE = 128
"""Largest number of cells along one side of a block that is convolved at once: about 15 MB of maps."""


class ClusterModel(SymmetricSurrogate):
    """The coefficients are a sum over the pillars around a cell and a sum over pairs of them.

    To first order every pillar scatters on its own, to second order every pair does. Such terms reach far
    and need few data, because every cell shows each of them; they are found by ridge regression. Every
    mode is even or odd under each mirror, and only terms of the same parity contribute to it, so that
    mirroring a device mirrors its field.

    The weights are the same for every cell, so the sums over neighbours are evaluated as convolutions.

    Attributes:
        weights: [terms, 2·rank] weights of the terms in the coefficients.
    """

    weights: Tensor
    block_side = SIDE

    def __init__(self, domain: Domain, settings: ClusterSettings) -> None:
        super().__init__(domain, settings)
        self.ridge = settings.ridge
        reach = Reach(settings.width, settings.powers, settings.pair_width, settings.pair_powers)
        self.terms = ClusterTerms(domain, reach)
        self.convolution = ClusterConvolution(domain, reach, self.terms)
        self.register_buffer("weights", torch.zeros(self.terms.count, 2 * settings.rank))

    def coefficients(self, around: Tensor) -> Tensor:
        """See :meth:`ExpansionSurrogate.coefficients`."""
        weights = self.weights.to(around.dtype)
        parts = [self.terms(some) @ weights for some in torch.split(around.flatten(0, -3), CHUNK)]
        return as_complex(torch.cat(parts).reshape(*around.shape[:-2], -1))

    def block(self, surrounded: Tensor) -> Tensor:
        """[D, A, B, rank] complex coefficients of blocks with their margins [D, A + 2w, B + 2w, K]."""
        weights = (self.weights * self.terms.scale[:, None]).to(surrounded.dtype)
        return as_complex(self.convolution(surrounded, weights))

    def prepare(self, around: Tensor, patches: Tensor, counts: Tensor | None = None) -> None:
        """Set the modes and solve for the weights."""
        self.basis.fit_symmetric(patches, self.domain, counts)
        counts = around.new_ones(len(around)) if counts is None else counts
        classes = [
            _Class(self.terms, parity, (self.basis.parity == parity).all(-1))
            for parity in torch.unique(self.basis.parity, dim=0)
        ]
        wanted = torch.view_as_real(self.basis.project(patches))
        for index in torch.split(torch.arange(len(around)), CHUNK):
            terms = self.terms(around[index])
            for each in classes:
                each.add(terms, wanted[index], counts[index])
        weights = wanted.new_zeros(self.terms.count, self.basis.rank, 2)
        for each in classes:
            weights[:, each.modes] = each.solve(self.ridge * float(counts.sum()))
        self.weights.copy_(weights.flatten(1))


class _Class:
    """The least-squares problem of the modes of one parity.

    It fits symmetric combinations of the terms to the cells alone. The weights are those that a fit of all
    terms to the cells and their mirror images would give, at a sixteenth of the work.
    """

    def __init__(self, terms: ClusterTerms, parity: Tensor, modes: Tensor) -> None:
        self.modes = modes
        self._terms = terms.count
        self._combinations = SymmetricTerms.of(terms.mirrored, terms.signs, parity)
        size = self._combinations.images.shape[1]
        self._gram = torch.zeros(size, size, dtype=torch.float64, device=modes.device)
        self._cross = self._gram.new_zeros(size, 2 * int(modes.sum()))

    def add(self, terms: Tensor, coefficients: Tensor, counts: Tensor) -> None:
        """Add M cells with their terms [M, terms] and coefficients [M, rank, 2], counted [M] times each."""
        own = self._combinations.combine(terms)
        weighted = (own * counts[:, None]).T
        self._gram.addmm_(weighted, own)
        self._cross.addmm_(weighted, coefficients[:, self.modes].flatten(1))

    def solve(self, penalty: float) -> Tensor:
        """[terms, modes, 2] weights that minimise squared error + penalty·|weights|²."""
        penalised = self._gram + penalty * torch.eye(len(self._gram)).to(self._gram)
        weights = self._combinations.spread(torch.linalg.solve(penalised, self._cross), self._terms)
        return torch.unflatten(weights, -1, (-1, 2))
