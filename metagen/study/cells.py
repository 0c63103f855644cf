"""Errors on layouts with radii that a model has not learned."""

from __future__ import annotations

from metagen.data.dataset import Dataset
from metagen.surrogate import FieldError, Surrogate, cell_errors


def clamped_errors(model: Surrogate, dataset: Dataset) -> tuple[FieldError, ...]:
    """The error on every layout; radii outside the range that a model knows are moved to its nearer end."""
    errors = []
    for one in dataset.by_layout():
        differences, powers = cell_errors(model, one, clamp=True)
        errors.append(FieldError(one.names[0], float(differences.sum()), float(powers.sum())))
    return tuple(errors)
