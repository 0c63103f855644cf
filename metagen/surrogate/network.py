"""Networks from the pillars of a neighbourhood to the coefficients: the paper's, and a mirror-symmetric
one."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import ExpansionSurrogate, SymmetricSurrogate, as_complex, as_parts
from metagen.surrogate.pillars import functions, plain_inputs
from metagen.surrogate.settings import MirrorSettings, NetworkSettings
from metagen.surrogate.sites import mirror_images

DEGREES = 2
"""Inputs of the mirror-symmetric network are functions of degrees 0 and 1: whether there is a pillar, its
scaled lengths, cosine and sine of its angle."""


class Network(ExpansionSurrogate):
    """The paper's network: fully connected layers with ReLU between them and a linear output.

    Its inputs are the radii, or whatever lengths the pillars have, and cosine and sine of angles. Inputs and
    outputs are normalised inside: the inputs by their mean and spread, the coefficients by their means and
    one common spread, so that their squared error remains that of the field.

    Attributes:
        mean: [width²·S·I] mean of each input.
        spread: [width²·S·I] standard deviation of each input; 1 where all are equal.
        offset: [2·rank] mean of the coefficients.
        scale: root of the mean square of the coefficients about their means.
    """

    mean: Tensor
    spread: Tensor
    offset: Tensor
    scale: Tensor

    def __init__(self, domain: Domain, settings: NetworkSettings) -> None:
        super().__init__(domain, settings)
        count = settings.width**2 * plain_inputs(torch.zeros(domain.numbers), domain).numel()
        self.layers = stack((count, *settings.hidden, 2 * settings.rank), nn.ReLU)
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("spread", torch.ones(count))
        self.register_buffer("offset", torch.zeros(2 * settings.rank))
        self.register_buffer("scale", torch.ones(()))

    def coefficients(self, around: Tensor) -> Tensor:
        """See :meth:`ExpansionSurrogate.coefficients`."""
        normalised = self.layers((self._inputs(around).to(self.mean.dtype) - self.mean) / self.spread)
        return as_complex(normalised * self.scale + self.offset)

    def prepare(self, around: Tensor, patches: Tensor) -> None:
        """Set the modes and the normalisation."""
        self.basis.fit(patches)
        targets = as_parts(self.basis.project(patches))
        inputs = self._inputs(around)
        self.mean.copy_(inputs.mean(0))
        spread = inputs.std(0)
        self.spread.copy_(torch.where(spread > 0, spread, 1))  # 0 where a site is empty around every cell
        self.offset.copy_(targets.mean(0))
        self.scale.copy_((targets - targets.mean(0)).square().mean().sqrt())

    def _inputs(self, around: Tensor) -> Tensor:
        return plain_inputs(around, self.domain).flatten(-3)


class MirrorNetwork(SymmetricSurrogate):
    """A small network that is averaged over the mirror images of the neighbourhood.

    Every mode is even or odd under each mirror, and counts with that sign in the average: mirroring a
    device mirrors its field, whatever was learned.

    Attributes:
        scale: root of the mean square of the coefficients, the unit of the network's output.
        images: [M, width²·S] order of the neighbours in each mirror image.
        inside: [width²·S, 1] 1 for neighbours whose images are all in the neighbourhood; others are not seen.
        signs: [M, Q] signs of the inputs of a pillar in each mirror image.
    """

    scale: Tensor
    images: Tensor
    inside: Tensor
    signs: Tensor

    def __init__(self, domain: Domain, settings: MirrorSettings) -> None:
        super().__init__(domain, settings)
        signs = domain.parity(DEGREES).T
        images = mirror_images(settings.width, domain.mirrors, domain.platform.lattice.sites)
        inputs = images.shape[1] * signs.shape[1]
        self.layers = stack((inputs, *settings.hidden, 2 * settings.rank), nn.SiLU)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("images", images.clamp(min=0), persistent=False)
        self.register_buffer("inside", (images >= 0).all(0)[:, None], persistent=False)
        self.register_buffer("signs", signs, persistent=False)

    def coefficients(self, around: Tensor) -> Tensor:
        """See :meth:`ExpansionSurrogate.coefficients`."""
        found = functions(around.to(self.scale.dtype), self.domain, DEGREES).flatten(-3, -2)
        images = found[..., self.images, :] * (self.signs[:, None] * self.inside)
        outputs = as_complex(self.layers(images.mT.flatten(-2)) * self.scale)
        average: Tensor = (outputs * self.basis.parity.T).mean(-2)
        return average

    def prepare(self, around: Tensor, patches: Tensor, counts: Tensor | None = None) -> None:
        """Set the modes and the scale."""
        self.basis.fit_symmetric(patches, self.domain, counts)
        self.scale.copy_(as_parts(self.basis.project(patches)).square().mean().sqrt())


def stack(sizes: tuple[int, ...], activation: type[nn.Module]) -> nn.Sequential:
    """Linear layers of these sizes with the activation between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])
