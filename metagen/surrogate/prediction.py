"""Prediction of the near field of a layout by a model, with and without a gradient."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.errors import InputError, MismatchError
from metagen.base.threads import enough_threads
from metagen.device.layout import Layout
from metagen.surrogate.domain import Domain
from metagen.surrogate.known import admitted, vanishing


class Model(Protocol):
    """A model that predicts near fields: one of :mod:`metagen.surrogate`, or your own with these two."""

    @property
    def domain(self) -> Domain:
        """What the model predicts, and for which pillars."""

    def __call__(self, values: Tensor, present: Tensor | None = None, /) -> Tensor:
        """[..., C, Nx·n, Ny·m] complex field on the monitor plane of devices.

        C is 3 for (Ex, Ey, Ez) and 1 for the one along the light, as ``domain.components`` says. The pillars
        are given as to :meth:`metagen.surrogate.Surrogate.forward`: ``values`` alone, [..., Nx, Ny], for
        circles, and both where the values do not say which sites have a pillar.
        """


def predict(model: Model, layout: Layout) -> NDArray[np.complex64]:
    """The near field of a layout as a model predicts it, without a gradient.

    Args:
        model: a model of the layout's platform.
        layout: the device; the model must know all its pillars.

    Returns:
        [C, Nx·n, Ny·m] in the conventions of :class:`metagen.NearField`: C is 3 for
        (Ex, Ey, Ez) and 1 for the one along the light.

    Raises:
        MismatchError: the layout is of another platform than the model.
        InputError: the model does not know one of the pillars.
    """
    model.domain.require_platform(layout)
    given = arguments(layout)
    try:
        model.domain.require_known(*given)
    except InputError as error:
        raise InputError(f"layout {layout.name!r}: {error}") from error
    with torch.no_grad(), enough_threads(layout.present.size):
        field: NDArray[np.complex64] = near_field(model, *given).to(torch.complex64).numpy()
    return field


def arguments(layout: Layout) -> tuple[Tensor] | tuple[Tensor, Tensor]:
    """The pillars of a layout as a model takes them: [Nx, Ny] values alone if these say everything."""
    values, present = torch.tensor(layout.values, dtype=torch.float32), torch.tensor(layout.present)
    short = values[..., 0, 0] if values.shape[2:] == (1, 1) else values
    told = vanishing(layout.platform.atom) or bool(present.all())
    return (short,) if told else (short, present)


def near_field(model: Model, values: Tensor, present: Tensor | None = None) -> Tensor:
    """[..., C, Nx·n, Ny·m] near field of devices by a model, with its gradient.

    Args:
        model: the model.
        values, present: the pillars, see :meth:`metagen.surrogate.Surrogate.forward`.

    Raises:
        MismatchError: the model returns another shape.
    """
    field = model(values) if present is None else model(values, present)
    *leading, rows, columns = admitted(model.domain.platform, values, present)[1].shape[:-1]
    n, m = model.domain.cell_samples
    expected = (*leading, model.domain.components, rows * n, columns * m)
    if field.shape != expected:
        raise MismatchError(
            f"a model of type {type(model).__name__} returned a field of shape {tuple(field.shape)}; by its "
            f"domain it is {expected}: [..., components, cells · samples along x, and along y]"
        )
    return field
