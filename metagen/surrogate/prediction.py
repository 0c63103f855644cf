"""Prediction of the near field of a layout by a model, with and without a gradient."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.errors import InputError, MismatchError
from metagen.device.layout import Layout
from metagen.surrogate.domain import Domain


class Model(Protocol):
    """A model that predicts near fields: one of :mod:`metagen.surrogate`, or your own with these two."""

    @property
    def domain(self) -> Domain:
        """What the model predicts, and for which radii."""

    def __call__(self, radii: Tensor) -> Tensor:
        """[..., C, N·n, N·n] complex field on the monitor plane of devices with [..., N, N] radii.

        C is 1 for Ex and 3 for (Ex, Ey, Ez), as ``domain.components`` says.
        """


def predict(model: Model, layout: Layout) -> NDArray[np.complex64]:
    """The near field of a layout as a model predicts it, without a gradient.

    Args:
        model: a model of the layout's platform.
        layout: the device; the model must know all its radii.

    Returns:
        [C, N·n, N·n] in the conventions of :class:`metagen.NearField`: C is 1 for Ex and 3 for (Ex, Ey, Ez).

    Raises:
        MismatchError: the layout is of another platform than the model.
        InputError: the model does not know one of the radii.
    """
    model.domain.require_platform(layout)
    radii = torch.tensor(layout.radii, dtype=torch.float32)
    try:
        model.domain.require_known(radii)
    except InputError as error:
        raise InputError(f"layout {layout.name!r}: {error}") from error
    with torch.no_grad():
        field: NDArray[np.complex64] = near_field(model, radii).to(torch.complex64).numpy()
    return field


def near_field(model: Model, radii: Tensor) -> Tensor:
    """[..., C, N·n, N·n] near field of devices with [..., N, N] radii by a model, with its gradient.

    Raises:
        MismatchError: the model returns another shape.
    """
    field, side = model(radii), radii.shape[-1] * model.domain.samples
    expected = (*radii.shape[:-2], model.domain.components, side, side)
    if field.shape != expected:
        raise MismatchError(
            f"a model of type {type(model).__name__} returned a field of shape {tuple(field.shape)}; by its "
            f"domain it is {expected}: [..., components, N · samples, N · samples]"
        )
    return field
