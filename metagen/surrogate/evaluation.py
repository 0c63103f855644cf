"""How good models are: errors of the near field by layout and in all, beside baselines, on both splits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.base.tables import numbered
from metagen.data.cells import cut
from metagen.data.dataset import Dataset
from metagen.surrogate.base import Surrogate
from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import ExpansionSurrogate
from metagen.surrogate.lpa import LPA
from metagen.surrogate.prediction import predict
from metagen.surrogate.settings import CellField, LPASettings, TrainingSettings
from metagen.surrogate.training import train_to_the_end

Floats = NDArray[np.float64]

PATCH_FRACTION = 0.8
"""Share of the patches that the paper's split trains on."""


@dataclass(frozen=True)
class FieldError:
    """Squared error and power of a predicted field, summed over cells.

    Attributes:
        name: name of the layout, or of the group of layouts.
        difference: squared error, ‖E_pred − E‖²_F.
        power: power of the field, ‖E‖²_F.
        truncated: squared error ‖E_basis − E‖²_F of the best field that the modes of the model can make; 0
            for a model without modes.
    """

    name: str
    difference: float
    power: float
    truncated: float = 0.0

    @property
    def relative_error(self) -> float:
        """‖E_pred − E‖²_F / ‖E‖²_F, the paper's eq. 9 (squared)."""
        return self.difference / self.power

    @property
    def relative_l2(self) -> float:
        """The square root of :attr:`relative_error`."""
        return math.sqrt(self.relative_error)

    @property
    def floor(self) -> float:
        """The relative error that the modes leave with the best coefficients."""
        return self.truncated / self.power


@dataclass(frozen=True)
class Evaluation:
    """Errors of one model on a dataset.

    Attributes:
        model: what the model is, in a word or two.
        layouts: the error on each layout.
    """

    model: str
    layouts: tuple[FieldError, ...]

    @property
    def overall(self) -> FieldError:
        """The error on all layouts together."""
        return FieldError(
            "all",
            difference=sum(error.difference for error in self.layouts),
            power=sum(error.power for error in self.layouts),
            truncated=sum(error.truncated for error in self.layouts),
        )


class Split(StrEnum):
    """Which cells a model is tested on."""

    PATCHES = "random patches"
    """The paper's: a random fifth of the patches. It flatters: neighbouring patches share pillars, and in
    a layout with mirror planes most tested patches have a mirror twin in the training set."""
    LAYOUTS = "whole layouts"
    """The honest split: layouts no part of which was trained on."""


@dataclass(frozen=True)
class Comparison:
    """One row of a comparison: a model, the split it was trained and tested with, and its errors."""

    split: Split
    model: Surrogate
    evaluation: Evaluation


def evaluate(model: Surrogate, dataset: Dataset) -> Evaluation:
    """Compare a model with the near fields of a dataset, on the cells that belong to it.

    Raises:
        MismatchError: the model is for another platform, light or number of samples.
        InputError: the dataset has pillars that the model does not know.
    """
    model.domain.require_light(dataset.illumination)
    model.domain.require_samples(dataset.samples)
    return Evaluation(model.settings.label, tuple(_error(model, one) for one in dataset.by_layout()))


def record(model: Surrogate, evaluation: Evaluation) -> None:
    """Write the relative errors of an evaluation on the model's card, by layout and for all together."""
    measured = (*evaluation.layouts, evaluation.overall)
    names = numbered(error.name for error in measured)
    errors = {name: error.relative_error for name, error in zip(names, measured, strict=True)}
    model.card = dataclasses.replace(model.card, errors=errors)


def compare_recipes(
    dataset: Dataset, recipes: Sequence[TrainingSettings], *, progress: bool = True
) -> tuple[Comparison, ...]:
    """Train every recipe on both splits, and test it beside both versions of the local phase approximation.

    For the random split, other copies of the models are trained on the patches of all layouts, as in the
    paper.

    Raises:
        InputError: there is no recipe, one holds nothing out, or recipes hold out different layouts.
        KeyboardInterrupt: after Ctrl-C.
    """
    held_out = {recipe.held_out for recipe in recipes}
    if len(held_out) != 1 or held_out == {()}:
        raise InputError(
            f"held_out of the recipes is {sorted(held_out)}; give one or more recipes that hold out the same "
            "layouts"
        )
    seed = recipes[0].seed
    periodic = baselines(dataset)
    rows = []
    for split in Split:
        training, test = (
            dataset.split_layouts(recipes[0].held_out)
            if split == Split.LAYOUTS
            else dataset.split_patches(PATCH_FRACTION, seed)
        )
        models: list[Surrogate] = list(periodic)
        models += [
            train_to_the_end(training, dataclasses.replace(recipe, held_out=()), progress=progress)
            for recipe in recipes
        ]
        rows += [Comparison(split, model, evaluate(model, test)) for model in models]
    return tuple(rows)


def baselines(dataset: Dataset) -> tuple[LPA, ...]:
    """Both versions of the local phase approximation, for the radii of a dataset."""
    domain = Domain.of(dataset)
    return tuple(LPA.compute(domain, LPASettings(cell=cell)) for cell in CellField)


def cell_errors(model: Surrogate, dataset: Dataset, *, clamp: bool = False) -> tuple[Floats, Floats]:
    """‖E_pred − E‖² and ‖E‖² of every cell of a dataset, each [M], in its order.

    Args:
        model: the model that predicts the field.
        dataset: the true fields, with the platform and samples of the model.
        clamp: whether to move unknown values to the nearest known ones.
    """
    parts = []
    for one in dataset.by_layout():
        truth = one.patches(model.domain.components)
        layout = model.domain.clamped(one.layouts[0]) if clamp else one.layouts[0]
        cells = cut(np.moveaxis(predict(model, layout), 0, -1), model.domain.cell_samples)[one.cells[0]]
        parts.append((_squares(cells - truth), _squares(truth)))
    differences, powers = zip(*parts, strict=True)
    return np.concatenate(differences), np.concatenate(powers)


def _error(model: Surrogate, one: Dataset) -> FieldError:
    """The error on a dataset of a single layout."""
    differences, powers = cell_errors(model, one)
    truncated = 0.0
    if isinstance(model, ExpansionSurrogate):
        patches = torch.from_numpy(one.patches(model.domain.components))
        left = model.basis.expand(model.basis.project(patches)) - patches
        truncated = float(_squares(left.numpy()).sum())
    return FieldError(one.names[0], float(differences.sum()), float(powers.sum()), truncated)


def _squares(patches: NDArray[np.complex64]) -> Floats:
    return np.asarray((np.abs(patches).astype(np.float64) ** 2).sum(-1))
