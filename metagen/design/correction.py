"""A model that is right about one device, because that device was simulated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from metagen.base.errors import MismatchError
from metagen.base.wavelength import same_wavelength
from metagen.data.nearfield import NearField
from metagen.design.model import Model
from metagen.surrogate.prediction import predict


class Corrected(torch.nn.Module):
    """A model plus what it misses of one simulated device: simulated field − predicted field, held fixed.

    For that device it gives the simulated field. For its neighbours the error that is left is that of the
    model's *changes*, which for small steps is far below that of the model; so a device that goes on from
    there stays predictable. (In optimisation with approximate models this is known as additive correction.)

    Attributes:
        model: that is corrected.
        residual: [C, X, Y] complex: what is added to its field.
    """

    residual: Tensor

    def __init__(self, model: Model, near: NearField) -> None:
        """Correct a model by the near field of a device.

        Raises:
            MismatchError: the near field is of another platform, wavelength or sampling.
        """
        super().__init__()
        self.model = model
        self.domain = model.domain
        self.domain.require_wavelength(near.wavelength)
        self.domain.require_samples(near.samples)
        simulated = np.moveaxis(near.field[..., : self.domain.components], -1, 0)
        self.register_buffer("residual", torch.from_numpy(simulated - predict(model, near.layout)))

    def forward(self, radii: Tensor) -> Tensor:
        """[..., C, X, Y] field of devices of [..., N, N] radii.

        Raises:
            MismatchError: the device is of another size than the simulated one.
        """
        self.require_size(radii.shape[-1])
        return self.model(radii) + self.residual

    def require_size(self, count: int) -> None:
        """Refuse a device of another size than the simulated one.

        Raises:
            MismatchError: it has another number of pillars along a side.
        """
        known = self.residual.shape[-1] // self.domain.samples
        if count != known:
            raise MismatchError(
                f"the model was corrected by a device of {known} pillars along a side, this one has {count}; "
                "correct it by a device of that size"
            )


def corrected(models: Sequence[Model], near_fields: Sequence[NearField]) -> list[Model]:
    """Every model, corrected by the near field of its wavelength where there is one."""
    return [_corrected(model, near_fields) for model in models]


def _corrected(model: Model, near_fields: Sequence[NearField]) -> Model:
    for near in near_fields:
        if same_wavelength(near.wavelength, model.domain.wavelength):
            return Corrected(model, near)
    return model
