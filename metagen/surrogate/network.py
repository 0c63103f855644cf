"""The paper's network: fully connected layers from the radii of a neighbourhood to the coefficients."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import ExpansionSurrogate, as_complex, as_parts
from metagen.surrogate.settings import NetworkSettings


class Network(ExpansionSurrogate):
    """Fully connected layers with ReLU between them and a linear output.

    Inputs and outputs are normalised inside: the radii by their mean and spread; the coefficients by their
    means and one spread for all, so that the squared error stays that of the field.

    Attributes:
        mean: [width²] of the radii, per neighbour.
        spread: [width²] standard deviation of the radii, per neighbour.
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
        normalised = self.layers((radii - self.mean) / self.spread)
        return as_complex(normalised * self.scale + self.offset)

    def prepare(self, radii: Tensor, patches: Tensor) -> Tensor:
        """Set the modes and the normalisation."""
        self.basis.fit(patches)
        coefficients = self.basis.project(patches)
        targets = as_parts(coefficients)
        self.mean.copy_(radii.mean(0))
        self.spread.copy_(radii.std(0))
        self.offset.copy_(targets.mean(0))
        self.scale.copy_((targets - targets.mean(0)).square().mean().sqrt())
        return coefficients


def stack(sizes: tuple[int, ...], activation: type[nn.Module]) -> nn.Sequential:
    """Linear layers of these sizes with the activation between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])
