"""Errors cell by cell."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from metagen.data.dataset import Dataset, cut
from metagen.device.layout import Layout
from metagen.surrogate import FieldError, Surrogate

Floats = NDArray[np.float64]


def predicted(model: Surrogate, layout: Layout, *, clamp: bool = False) -> NDArray[np.complex64]:
    """[N·n, N·n, C] near field of a layout by a model; ``clamp`` as in :meth:`Surrogate.forward`."""
    radii = torch.tensor(layout.radii, dtype=torch.float32)
    with torch.no_grad():
        field: NDArray[np.complex64] = model(radii, clamp=clamp).numpy()
    return field[..., None] if field.ndim == 2 else field


def cell_errors(model: Surrogate, dataset: Dataset, *, clamp: bool = False) -> tuple[Floats, Floats]:
    """‖E_pred − E‖² and ‖E‖² of every cell of a dataset, each [M], in its order."""
    parts = []
    for one in dataset.by_layout():
        truth = one.patches(model.domain.components)
        guess = cut(predicted(model, one.layouts[0], clamp=clamp), model.samples)[one.cells[0]]
        parts.append((_squares(guess - truth), _squares(truth)))
    differences, powers = zip(*parts, strict=True)
    return np.concatenate(differences), np.concatenate(powers)


def clamped_errors(model: Surrogate, dataset: Dataset) -> tuple[FieldError, ...]:
    """The error on every layout; radii that a model's few layouts did not show are moved to the nearest."""
    errors = []
    for one in dataset.by_layout():
        differences, powers = cell_errors(model, one, clamp=True)
        errors.append(FieldError(one.names[0], float(differences.sum()), float(powers.sum())))
    return tuple(errors)


def _squares(patches: NDArray[np.complex64]) -> Floats:
    return np.asarray((np.abs(patches).astype(np.float64) ** 2).sum(-1))
