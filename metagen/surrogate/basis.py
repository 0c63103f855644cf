"""Modes of the field over one cell: the singular vectors of the patches."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from metagen.base.errors import InputError
from metagen.surrogate.domain import Domain
from metagen.surrogate.lattice import mirror_patches
from metagen.surrogate.parity import distinct_signs

CHUNK = 4096
"""How many patches, with their mirror images, are held in memory at once."""
RESOLVED = 1e-6
"""Singular values below this share of the largest are rounding errors: they are roots of eigenvalues, which
double precision gives to 1e-15 of the largest, and their vectors have no parity."""


class PatchBasis(nn.Module):
    """Orthonormal modes of the patches, ordered by singular value.

    A patch E [n·m·C] is close to the sum of c_k times mode k, with c_k = <mode k, E>. As the modes are
    orthonormal, the squared error of the coefficients equals that of the field within the span of the modes.

    Attributes:
        modes_parts: [rank, n·m·C, 2] the modes, real and imaginary parts.
        spectrum: [n·m·C] singular values of the patches that the basis was made from, decreasing.
        parity: [rank, M] factor of each mode under each of ``domain.mirrors``; 0 if the modes were not made
            mirror-symmetric.
    """

    modes_parts: Tensor
    spectrum: Tensor
    parity: Tensor

    def __init__(self, domain: Domain, rank: int) -> None:
        super().__init__()
        self.rank = rank
        self.register_buffer("modes_parts", torch.zeros(rank, domain.patch_size, 2))
        self.register_buffer("spectrum", torch.zeros(domain.patch_size))
        self.register_buffer("parity", torch.zeros(rank, len(domain.mirrors)))

    @property
    def modes(self) -> Tensor:
        """[rank, n·m·C] complex modes."""
        return torch.view_as_complex(self.modes_parts)

    @property
    def floor(self) -> float:
        """The relative error that truncation alone leaves on the patches that the basis was made from."""
        power = self.spectrum.double() ** 2
        return float(power[self.rank :].sum() / power.sum())

    def project(self, patches: Tensor) -> Tensor:
        """[..., rank] coefficients of patches [..., n·m·C]."""
        return patches @ self.modes.mH.to(patches.dtype)

    def expand(self, coefficients: Tensor) -> Tensor:
        """[..., n·m·C] field of coefficients [..., rank]."""
        return coefficients @ self.modes.to(coefficients.dtype)

    def fit(self, patches: Tensor) -> None:
        """Take the leading right singular vectors of patches [M, n·m·C].

        Raises:
            InputError: there are fewer of them than the rank.
        """
        _, values, vectors = torch.linalg.svd(patches, full_matrices=False)
        self._store(values, vectors[: self.rank], torch.zeros_like(self.parity))

    def fit_symmetric(self, patches: Tensor, domain: Domain, counts: Tensor | None = None) -> None:
        """Take the leading singular vectors of patches [M, n·m·C], each ``counts`` [M] times (by default
        once), and all their mirror images.

        Every mode is then even or odd under each mirror: the mirror images are sorted into classes by parity,
        which are orthogonal to each other, and each class has singular vectors of its own.

        Raises:
            InputError: the patches have fewer singular vectors than the rank.
        """
        grams = self._grams(patches if counts is None else patches * counts.double().sqrt()[:, None], domain)
        squares, vectors = torch.linalg.eigh(grams)
        values, modes = squares.clamp(min=0).sqrt(), vectors.mH
        parity = distinct_signs(domain.mirrors).to(values)[:, None].expand(-1, values.shape[1], -1)
        order = values.flatten().argsort(descending=True)
        leading = order[: min(self.rank, int((values > RESOLVED * values.max()).sum()))]
        self._store(values.flatten()[order], modes.flatten(0, 1)[leading], parity.flatten(0, 1)[leading])

    def _grams(self, patches: Tensor, domain: Domain) -> Tensor:
        """[classes, n·m·C, n·m·C] products of the patches' samples with each other, for each class of parity.

        Their eigenvectors are the singular vectors; the memory does not grow with the number of patches.
        """
        characters = distinct_signs(domain.mirrors).to(patches)
        grams = patches.new_zeros(len(characters), patches.shape[1], patches.shape[1])
        for part in torch.split(patches, CHUNK):
            images = mirror_patches(part, domain)
            classes = torch.einsum("cg,gmp->cmp", characters, images) / math.sqrt(len(images))
            grams += classes.mH @ classes
        return grams

    def _store(self, values: Tensor, modes: Tensor, parity: Tensor) -> None:
        if len(modes) < self.rank:
            raise InputError(
                f"rank is {self.rank}, but the patches have {len(modes)} singular vectors; "
                "lower the rank or give more layouts"
            )
        self.spectrum.zero_()[: len(values)] = values[: len(self.spectrum)]
        self.modes_parts.copy_(torch.view_as_real(modes.resolve_conj()))
        self.parity.copy_(parity)
