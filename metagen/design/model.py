"""What a design needs of a model, as protocols, so that users can give models of their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from metagen.base.errors import InputError, MismatchError
from metagen.base.files import content_hash
from metagen.base.validation import plain
from metagen.base.wavelength import same_wavelength
from metagen.device.platform import Platform, difference
from metagen.surrogate.prediction import Model as Model


@runtime_checkable
class Confident(Protocol):
    """A model that knows how wrong it may be."""

    def expected_error(self, radii: Tensor) -> Tensor:
        """[..., N, N] expected squared error of the near field over each cell, relative to the mean power of
        a cell, differentiable."""


@runtime_checkable
class Modal(Model, Protocol):
    """A model whose field over every cell is a sum of modes that the radii do not change.

    Linear operations on the field (propagation to a point) are then applied to the modes once; after that
    only the coefficients of the cells change.
    """

    @property
    def modes(self) -> Tensor:
        """[rank, n·n·C] complex field of each mode over a cell."""

    @property
    def keeps_mirrors(self) -> bool:
        """Whether every mode is even or odd under each mirror, and mirroring a device mirrors its field."""

    def coefficients_from(self, first: int, radii: Tensor) -> Tensor:
        """[..., N − first, N − first, rank] complex coefficients of the cells whose row and column are
        ``first`` or later, for devices of [..., N, N] radii."""

    def sum_from(
        self, first: int, radii: Tensor, contribution: Callable[[Tensor, slice, slice], Tensor]
    ) -> Tensor:
        """Sum of contributions over blocks of the cells of :meth:`coefficients_from`.

        ``contribution`` takes the coefficients [D, A, B, rank] of a block, its rows and its columns; D is the
        number of devices. Coefficients are not kept, not even for the gradient.
        """


class TransmittedField(Protocol):
    """The complex field behind devices, with the leading axes of their radii."""

    @property
    def near_field(self) -> Tensor:
        """[..., C, X, Y] field on the monitor plane."""

    def at(self, points: Tensor) -> Tensor:
        """[..., C, P] field at points [P, 3], measured from the centre of the monitor plane."""


@runtime_checkable
class Transmitting(Protocol):
    """A model that computes its field at points itself."""

    def behind(self, radii: Tensor) -> TransmittedField:
        """The field behind devices of [..., N, N] radii."""


@runtime_checkable
class Identified(Protocol):
    """A model that computes its content hash itself."""

    @property
    def hash(self) -> str:
        """Content hash of the model."""


def expected_error(model: Model, radii: Tensor) -> Tensor:
    """[..., N, N] error that a model expects over each cell, see :meth:`Confident.expected_error`.

    Raises:
        InputError: the model does not know its own error.
    """
    if not isinstance(model, Confident):
        raise InputError(
            f"the model of wavelength {model.domain.wavelength:g} has no expected_error; leave the trust "
            "penalty away, or train a model that has a trust map"
        )
    return model.expected_error(radii)


def model_hash(model: Model) -> str:
    """Content hash of a model: what it is, what it stands for, and its weights."""
    if isinstance(model, Identified):
        return model.hash
    weights = model.state_dict() if isinstance(model, torch.nn.Module) else {}
    arrays = [tensor.detach().cpu().numpy() for _, tensor in sorted(weights.items())]
    return content_hash(type(model).__qualname__, plain(model.domain), *arrays)


def known_range(models: Sequence[Model]) -> tuple[float, float]:
    """The smallest and the largest radius that all models know."""
    domains = [model.domain for model in models]
    return max(each.radius_low for each in domains), min(each.radius_high for each in domains)


def common_platform(models: Sequence[Model]) -> Platform:
    """The one platform of all models.

    Raises:
        InputError: there is no model, or two models have the same wavelength.
        MismatchError: the models are of different platforms.
    """
    if not models:
        raise InputError("no model is given; a design needs one per wavelength")
    wavelengths = [model.domain.wavelength for model in models]
    if any(same_wavelength(*pair) for pair in itertools.combinations(wavelengths, 2)):
        raise InputError(f"the models' wavelengths are {wavelengths}; give one model per wavelength")
    platform = models[0].domain.platform
    for model in models[1:]:
        if model.domain.platform != platform:
            raise MismatchError(
                f"the models are of different platforms: that of wavelength {model.domain.wavelength:g} has "
                f"{difference(platform, model.domain.platform)}; a design needs models of one platform"
            )
    return platform
