"""Networks from the radii of a neighbourhood to the coefficients: the paper's, and a mirror-symmetric one."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import ExpansionSurrogate, SymmetricSurrogate, as_complex, as_parts
from metagen.surrogate.lattice import mirror_images
from metagen.surrogate.pillars import scaled
from metagen.surrogate.settings import MirrorSettings, NetworkSettings


class Network(ExpansionSurrogate):
    """The paper's network: fully connected layers with ReLU between them and a linear output.

    Inputs and outputs are normalised inside: the radii by their mean and spread, the coefficients by their
    means and one common spread, so that their squared error remains that of the field.

    Attributes:
        mean: [width²] mean of the radii of each neighbour.
        spread: [width²] standard deviation of the radii of each neighbour; 1 where all are equal.
        offset: [2·rank] mean of the coefficients.
        scale: root of the mean square of the coefficients about their means.
    """

    mean: Tensor
    spread: Tensor
    offset: Tensor
    scale: Tensor

    def __init__(self, domain: Domain, settings: NetworkSettings) -> None:
        super().__init__(domain, settings)
        self.layers = stack((settings.width**2, *settings.hidden, 2 * settings.rank), nn.ReLU)
        self.register_buffer("mean", torch.zeros(settings.width**2))
        self.register_buffer("spread", torch.ones(settings.width**2))
        self.register_buffer("offset", torch.zeros(2 * settings.rank))
        self.register_buffer("scale", torch.ones(()))

    def coefficients(self, radii: Tensor) -> Tensor:
        """[..., rank] complex coefficients of cells with neighbourhoods [..., width²]."""
        normalised = self.layers((radii.to(self.mean.dtype) - self.mean) / self.spread)
        return as_complex(normalised * self.scale + self.offset)

    def prepare(self, radii: Tensor, patches: Tensor) -> None:
        """Set the modes and the normalisation."""
        self.basis.fit(patches)
        targets = as_parts(self.basis.project(patches))
        self.mean.copy_(radii.mean(0))
        spread = radii.std(0)
        self.spread.copy_(torch.where(spread > 0, spread, 1))  # 0 where a site is empty around every cell
        self.offset.copy_(targets.mean(0))
        self.scale.copy_((targets - targets.mean(0)).square().mean().sqrt())


class MirrorNetwork(SymmetricSurrogate):
    """A small network that is averaged over the mirror images of the neighbourhood.

    Every mode is even or odd under each mirror, and counts with that sign in the average: mirroring a
    device mirrors its field, whatever was learned.

    Attributes:
        scale: root of the mean square of the coefficients, the unit of the network's output.
        images: [4, width²] order of the neighbours in each mirror image.
    """

    scale: Tensor
    images: Tensor

    def __init__(self, domain: Domain, settings: MirrorSettings) -> None:
        super().__init__(domain, settings)
        self.layers = stack((2 * settings.width**2, *settings.hidden, 2 * settings.rank), nn.SiLU)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("images", mirror_images(settings.width), persistent=False)

    def coefficients(self, radii: Tensor) -> Tensor:
        """[..., rank] complex coefficients of cells with neighbourhoods [..., width²]."""
        images = radii.to(self.scale.dtype)[..., self.images]
        present = (images > 0).to(images.dtype)
        inputs = torch.cat([present, scaled(images, self.domain) * present], dim=-1)
        outputs = as_complex(self.layers(inputs) * self.scale)
        average: Tensor = (outputs * self.basis.parity.T).mean(-2)
        return average

    def prepare(self, radii: Tensor, patches: Tensor, counts: Tensor | None = None) -> None:
        """Set the modes and the scale."""
        self.basis.fit_symmetric(patches, self.domain, counts)
        self.scale.copy_(as_parts(self.basis.project(patches)).square().mean().sqrt())


def stack(sizes: tuple[int, ...], activation: type[nn.Module]) -> nn.Sequential:
    """Linear layers of these sizes with the activation between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])
