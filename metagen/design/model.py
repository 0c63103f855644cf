"""What a design needs of a model, as protocols, so that users can give models of their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from metagen.base.contents import content_hash
from metagen.base.errors import InputError, MismatchError
from metagen.base.validation import plain
from metagen.device.illumination import Illumination, in_words
from metagen.device.layout import Layout
from metagen.device.platform import Platform, difference
from metagen.surrogate.known import admitted
from metagen.surrogate.prediction import Model as Model
from metagen.surrogate.prediction import arguments


@dataclass(frozen=True)
class Pillars:
    """The pillars of devices, as models take them.

    Attributes:
        values: [..., Nx, Ny, S, P] parameters, or [..., Nx, Ny] where a cell has one value.
        present: [..., Nx, Ny, S] where there is a pillar; None if the values say so.
    """

    values: Tensor
    present: Tensor | None = None

    @classmethod
    def of(cls, layout: Layout) -> Pillars:
        """Those of a layout, in single precision."""
        return cls(*arguments(layout))

    @property
    def arguments(self) -> tuple[Tensor] | tuple[Tensor, Tensor]:
        """What a model is called with."""
        return (self.values,) if self.present is None else (self.values, self.present)

    def with_values(self, values: Tensor) -> Pillars:
        """Other values at the same sites."""
        return Pillars(values, self.present)

    def counts(self, platform: Platform) -> tuple[int, int]:
        """Cells along x and y, (Nx, Ny)."""
        along, across, _ = self.admitted(platform)[1].shape[-3:]
        return along, across

    def admitted(self, platform: Platform) -> tuple[Tensor, Tensor]:
        """[..., Nx, Ny, S, P] values, and [..., Nx, Ny, S] where there is a pillar."""
        return admitted(platform, self.values, self.present)


@runtime_checkable
class Confident(Protocol):
    """A model that knows how wrong it may be."""

    def expected_error(self, values: Tensor, present: Tensor | None = None, /) -> Tensor:
        """[..., Nx, Ny] expected squared error of the near field over each cell, relative to the mean power
        of a cell, differentiable."""


@runtime_checkable
class Modal(Model, Protocol):
    """A model whose field over every cell is a sum of modes that the pillars do not change.

    Linear operations on the field (propagation to a point) are then applied to the modes once; after that
    only the coefficients of the cells change.
    """

    @property
    def modes(self) -> Tensor:
        """[rank, n·m·C] complex field of each mode over a cell."""

    @property
    def keeps_mirrors(self) -> bool:
        """Whether every mode is even or odd under each mirror, and mirroring a device mirrors its field."""

    def coefficients_from(
        self, first: tuple[int, int], values: Tensor, present: Tensor | None = None
    ) -> Tensor:
        """[..., Nx − i, Ny − j, rank] complex coefficients of the cells from ``first``, (i, j), on."""

    def sum_from(
        self,
        first: tuple[int, int],
        values: Tensor,
        contribution: Callable[[Tensor, slice, slice], Tensor],
        present: Tensor | None = None,
    ) -> Tensor:
        """Sum of contributions over blocks of the cells of :meth:`coefficients_from`.

        ``contribution`` takes the coefficients [D, A, B, rank] of a block, its rows and its columns; D is the
        number of devices. Coefficients are not kept, not even for the gradient.
        """


class TransmittedField(Protocol):
    """The complex field behind devices, with the leading axes of their pillars."""

    @property
    def near_field(self) -> Tensor:
        """[..., C, X, Y] field on the monitor plane."""

    def at(self, points: Tensor) -> Tensor:
        """[..., C, P] field at points [P, 3], measured from the centre of the monitor plane."""


@runtime_checkable
class Transmitting(Protocol):
    """A model that computes its field at points itself."""

    def behind(self, pillars: Pillars) -> TransmittedField:
        """The field behind devices."""


@runtime_checkable
class Identified(Protocol):
    """A model that computes its content hash itself."""

    @property
    def hash(self) -> str:
        """Content hash of the model."""


def expected_error(model: Model, pillars: Pillars) -> Tensor:
    """[..., Nx, Ny] error that a model expects over each cell, see :meth:`Confident.expected_error`.

    Raises:
        InputError: the model does not know its own error.
    """
    if not isinstance(model, Confident):
        raise InputError(
            f"the model of wavelength {model.domain.wavelength:g} has no expected_error; leave the trust "
            "penalty away, or train a model that has a trust map"
        )
    return model.expected_error(*pillars.arguments)


def model_hash(model: Model) -> str:
    """Content hash of a model: what it is, what it stands for, and its weights."""
    if isinstance(model, Identified):
        return model.hash
    weights = model.state_dict() if isinstance(model, torch.nn.Module) else {}
    arrays = [tensor.detach().cpu().numpy() for _, tensor in sorted(weights.items())]
    return content_hash(type(model).__qualname__, plain(model.domain), *arrays)


def known_ranges(models: Sequence[Model]) -> list[tuple[float, float]]:
    """The smallest and the largest value of every free parameter that all models know."""
    each = zip(*(model.domain.known for model in models), strict=True)
    return [(max(low for low, _ in ranges), min(high for _, high in ranges)) for ranges in each]


def common_platform(models: Sequence[Model]) -> Platform:
    """The one platform of all models.

    Raises:
        InputError: there is no model, or two models are for the same light.
        MismatchError: the models are of different platforms.
    """
    if not models:
        raise InputError("no model is given; a design needs one per wavelength and polarisation")
    lights = [model.domain.illumination for model in models]
    if any(one.is_like(other) for one, other in itertools.combinations(lights, 2)):
        raise InputError(
            f"the models are for {', '.join(map(name_of, lights))}; give one model per wavelength and "
            "polarisation"
        )
    platform = models[0].domain.platform
    for model in models[1:]:
        if model.domain.platform != platform:
            raise MismatchError(
                f"the models are of different platforms: that of wavelength {model.domain.wavelength:g} has "
                f"{difference(platform, model.domain.platform)}; a design needs models of one platform"
            )
    return platform


def name_of(light: Illumination) -> str:
    """Light in a few words: its wavelength, and what it has other than x-polarised light along the axis."""
    others = "" if light.is_plain else f", polarisation {in_words(light)}"
    return f"wavelength {light.wavelength:g}{others}"
