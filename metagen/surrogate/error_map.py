"""The error that a model expects over every cell, from a small network on the pillars."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from metagen.surrogate.domain import Domain
from metagen.surrogate.pillars import feature_maps
from metagen.surrogate.sites import CENTRE

DEGREES, CHANNELS, STEP, LAYERS = 6, 12, 5, 3
"""Degrees of the features of each pillar; channels between the layers; pillars along one side that a layer
sees; layers."""
LEAST = 1e-6
"""Smallest expected error; it keeps the quotient in the likelihood finite."""
SIDE = 128
"""Largest number of cells along one side of a block that is evaluated at once."""


class ErrorMap(nn.Module):
    """The expected squared error of a model over each cell, relative to the mean power of a cell.

    The squared error of a cell is taken to be exponentially distributed with a mean μ that depends on the
    pillars around it; the most likely μ minimises the mean of log μ + error / μ, and equals the mean
    error of all cells that get the same μ (D. Nix and A. Weigend, Proc. ICNN 1994, for Gaussian errors).
    Mirroring the device mirrors it, because the kernels are mirror-symmetric.

    It is learned from layouts that the model was trained on: it knows the errors that the model makes because
    it is too simple, but errors for pillars unlike those layouts only as far as such pillars look difficult.
    """

    parity: Tensor
    width = LAYERS * (STEP - 1) + 1

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        self.domain = domain
        parity = domain.parity(DEGREES).repeat(domain.sites, 1)
        self.register_buffer("parity", parity, persistent=False)
        sizes = (len(parity), *[CHANNELS] * (LAYERS - 1), 1)
        self.kernels = nn.ParameterList(
            torch.randn(after, before, STEP, STEP) / (before * STEP) ** 0.5
            for before, after in pairwise(sizes)
        )
        self.offsets = nn.ParameterList(torch.zeros(after) for after in sizes[1:])

    def forward(self, surrounded: Tensor) -> Tensor:
        """[D, A, B, 1] expected errors of blocks with their margins [D, A + 2w, B + 2w, K]."""
        maps, parity = feature_maps(surrounded, self.domain, DEGREES), self.parity
        sites = self.domain.platform.lattice.sites
        for number, (kernel, offset) in enumerate(zip(self.kernels, self.offsets, strict=True)):
            maps = silu(maps) if number else maps
            even = torch.ones_like(parity[:1]).expand(len(kernel), -1)
            maps = self.domain.convolutions(maps, kernel, parity, even, (sites, CENTRE))
            parity, sites = even, CENTRE
            maps = maps + offset.to(maps.dtype)[:, None, None]
        return maps.exp().movedim(1, -1) + LEAST
