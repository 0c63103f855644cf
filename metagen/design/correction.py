"""A model that is exact for one device, because that device was simulated."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from metagen.base.contents import content_hash
from metagen.base.errors import MismatchError
from metagen.data.nearfield import NearField
from metagen.design.model import (
    Model,
    Pillars,
    TransmittedField,
    Transmitting,
    expected_error,
    model_hash,
)
from metagen.design.optics import field_at, once_per_points, transmitting
from metagen.surrogate.prediction import predict


class Corrected(torch.nn.Module):
    """A model plus a fixed correction: simulated field − predicted field of one simulated device.

    For that device it gives the simulated field. For devices close to it, the error that is left is that of
    the *change* that the model predicts, which for small steps is far below the error of the model itself.
    (In optimisation with approximate models this is known as additive correction.)

    Attributes:
        model: the model that is corrected.
        residual: [C, X, Y] complex correction, which is added to the field of the model.
        residual_at: function from points [P, 3] to the correction of the field there, [C, P]; it is the same
            for all pillars.
    """

    residual: Tensor

    def __init__(self, model: Model, near: NearField) -> None:
        """Correct a model by the near field of a device.

        Raises:
            MismatchError: the near field has another platform, light or sampling.
        """
        super().__init__()
        self.model = model
        self.domain = model.domain
        self.domain.require_light(near.illumination)
        self.domain.require_samples(near.samples)
        simulated = np.moveaxis(near.field[..., self.domain.axes], -1, 0)
        self.register_buffer("residual", torch.from_numpy(simulated - predict(model, near.layout)))
        self._near_hash = near.hash
        self.residual_at = once_per_points(self._residual_at)

    def forward(self, values: Tensor, present: Tensor | None = None) -> Tensor:
        """[..., C, X, Y] field of devices, whose pillars are given as to the model.

        Raises:
            MismatchError: the devices are of another size than the simulated one.
        """
        pillars = Pillars(values, present)
        self._require_size(pillars)
        return self.model(*pillars.arguments) + self.residual

    def behind(self, pillars: Pillars) -> CorrectedField:
        """The field behind devices.

        Raises:
            MismatchError: the devices are of another size than the simulated one.
        """
        self._require_size(pillars)
        return CorrectedField(self, self._uncorrected.behind(pillars))

    def expected_error(self, values: Tensor, present: Tensor | None = None) -> Tensor:
        """[..., Nx, Ny] error that the model expects without its correction, see :class:`Confident`.

        Raises:
            InputError: this model does not know its own error.
        """
        return expected_error(self.model, Pillars(values, present))

    @property
    def hash(self) -> str:
        """Content hash of the model and of the near field that corrects it."""
        return corrected_hash(model_hash(self.model), self._near_hash)

    @cached_property
    def _uncorrected(self) -> Transmitting:
        return transmitting(self.model)

    def _residual_at(self, points: Tensor) -> Tensor:
        return field_at(points, self.residual, self.domain)

    def _require_size(self, pillars: Pillars) -> None:
        n, m = self.domain.cell_samples
        known, given = (
            (self.residual.shape[-2] // n, self.residual.shape[-1] // m),
            pillars.counts(self.domain.platform),
        )
        if given != known:
            raise MismatchError(
                f"the model was corrected by a device of {known[0]} × {known[1]} cells, this one has "
                f"{given[0]} × {given[1]}; correct it by a device of that size"
            )


class CorrectedField:
    """The field that a model gives behind devices, and the correction added to it."""

    def __init__(self, corrected: Corrected, plain: TransmittedField) -> None:
        self._corrected, self._plain = corrected, plain

    @cached_property
    def near_field(self) -> Tensor:
        """[..., C, X, Y] field on the monitor plane."""
        return self._plain.near_field + self._corrected.residual

    def at(self, points: Tensor) -> Tensor:
        """[..., C, P] field at points [P, 3]."""
        plain = self._plain.at(points)
        return plain + self._corrected.residual_at(points).to(plain.dtype)


def corrected_hash(model: str, near_field: str) -> str:
    """Content hash of a model of this hash, corrected by a near field of that hash."""
    return content_hash(model, near_field)


def as_recorded(model: Model, hashes: Collection[str], near_fields: Sequence[NearField]) -> Model | None:
    """The model as a device was designed with it: as it is, or corrected by one of the near fields.

    Args:
        model: a model of one wavelength.
        hashes: content hashes of the models that the device was designed with.
        near_fields: near fields that may have corrected the model.

    Returns:
        The model, or None if the device was designed with another one.
    """
    plain = model_hash(model)
    if plain in hashes:
        return model
    own = _of_its_light(near_fields, model)
    return next((Corrected(model, near) for near in own if corrected_hash(plain, near.hash) in hashes), None)


def corrected(models: Sequence[Model], near_fields: Sequence[NearField]) -> list[Model]:
    """The models, each corrected by the near field of its wavelength, if there is one."""
    return [_corrected(model, near_fields) for model in models]


def _corrected(model: Model, near_fields: Sequence[NearField]) -> Model:
    own = _of_its_light(near_fields, model)
    return Corrected(model, own[0]) if own else model


def _of_its_light(near_fields: Sequence[NearField], model: Model) -> list[NearField]:
    return [near for near in near_fields if near.illumination.is_like(model.domain.illumination)]
