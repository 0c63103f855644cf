"""What every model has in common: radii in, complex field out."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from metagen.errors import InputError, MismatchError
from metagen.platform import Platform
from metagen.surrogate.card import Card
from metagen.surrogate.domain import Domain
from metagen.surrogate.lattice import assemble, neighbourhoods
from metagen.surrogate.settings import ModelSettings

TOLERANCE = 1e-6
"""Radii this close to the known range (micrometres) are inside: single precision rounds by about 1e-8."""


class Surrogate(nn.Module, ABC):
    """A differentiable map from the radii of a device to its near field.

    ``model(radii)`` takes [..., N, N] radii (any N, any leading axes; 0 is a site without a pillar) and
    returns the complex field [..., N·n, N·n] (Ex), or [..., N·n, N·n, 3] where ``domain.components`` is 3, in
    the conventions of :class:`metagen.NearField`. Everything around the array is bare substrate.

    Attributes:
        domain: what the model stands for, and which radii it knows.
        settings: kind and size of the model.
        width: pillars along one side of the neighbourhood that determines the field over a cell.
        card: what made the model.
    """

    def __init__(self, domain: Domain, settings: ModelSettings, width: int) -> None:
        super().__init__()
        self.domain = domain
        self.settings = settings
        self.width = width
        self.card = Card()

    @abstractmethod
    def patches(self, radii: Tensor) -> Tensor:
        """[..., n·n·C] complex field over cells with neighbourhoods [..., width²]."""

    def forward(self, radii: Tensor, *, clamp: bool = False) -> Tensor:
        """Predict the near field of devices.

        Args:
            radii: [..., N, N].
            clamp: move radii that the model does not know to the nearest one that it does (their gradient is
                then 0); a radius of 0 stays 0. Otherwise they are an error.

        Raises:
            InputError: another shape, a NaN, or a radius that the model does not know.
        """
        around = neighbourhoods(self.admit(radii, clamp=clamp), self.width)
        return assemble(self.patches(around), self.domain.samples, self.domain.components)

    def admit(self, radii: Tensor, *, clamp: bool = False) -> Tensor:
        """Check radii as :meth:`forward` does, and clamp them if asked to."""
        low, high = self.domain.radius_low, self.domain.radius_high
        if radii.ndim < 2 or radii.shape[-1] != radii.shape[-2]:
            raise InputError(f"radii have shape {tuple(radii.shape)}, expected [..., N, N]")
        known = (radii >= low - TOLERANCE) & (radii <= high + TOLERANCE)
        if clamp and not radii.isnan().any():
            return torch.where(radii == 0, radii, radii.clamp(low, high))
        wrong = ~(known | (radii == 0))
        if wrong.any():
            index = [int(i) for i in wrong.nonzero()[0]]
            raise InputError(
                f"radii{index} is {float(radii[tuple(index)]):g}; the model knows radii from {low:g} to "
                f"{high:g} and 0 (no pillar): keep to them, pass clamp=True, or train on more radii"
            )
        return radii

    @property
    def platform(self) -> Platform:
        """What the process fixes."""
        return self.domain.platform

    @property
    def wavelength(self) -> float:
        """The one wavelength that the model predicts."""
        return self.domain.wavelength

    @property
    def samples(self) -> int:
        """Field samples per cell and axis, n."""
        return self.domain.samples

    @property
    def pitch(self) -> float:
        """Distance of neighbouring field samples."""
        return self.platform.period / self.samples


def require_wavelength(model: Surrogate, wavelength: float) -> None:
    """Refuse a wavelength that a model was not trained for.

    Raises:
        MismatchError: the model predicts another wavelength.
    """
    if abs(model.wavelength - wavelength) > TOLERANCE:
        raise MismatchError(
            f"the model was trained for wavelength {model.wavelength:g}, not {wavelength:g}; use a model of "
            "that wavelength, or train one"
        )
