"""The paper's experiment: modes, linear model, network and local phase approximation, on both splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from tqdm import tqdm

from metagen.base.validation import FromToml, checked
from metagen.base.wavelength import nanometres
from metagen.data.dataset import Dataset
from metagen.data.sources import only
from metagen.surrogate import (
    Domain,
    LinearSettings,
    NetworkSettings,
    PatchBasis,
    Split,
    Surrogate,
    TrainingSettings,
    baselines,
    cell_errors,
)
from metagen.surrogate.evaluation import PATCH_FRACTION
from metagen.surrogate.kept import trained

LENSES = tuple(f"lens-f{10 * step}" for step in range(1, 11))
"""The paper's ten lenses."""


@checked
class PaperSettings(FromToml):
    """What is compared with the paper.

    Attributes:
        held_out: layouts that are tested as a whole.
        layouts: layouts that are used; those that a campaign has not finished yet are left out.
        linear: settings of the linear model; every highest power 1 … ``linear.powers`` is tried.
        network: settings of the network and of its training.
    """

    held_out: tuple[str, ...]
    layouts: tuple[str, ...] = LENSES
    linear: LinearSettings = Field(default_factory=LinearSettings)
    network: TrainingSettings = Field(default_factory=lambda: TrainingSettings(model=NetworkSettings()))


@dataclass(frozen=True, eq=False)
class ModelTrial:
    """One model, tested on cells that it was not trained on.

    Attributes:
        model: the model that was tested.
        differences: [M] ‖E_pred − E‖² of every tested cell.
        powers: [M] ‖E‖² of every tested cell.
        training_error: relative error on the cells that were trained on; None for a model that is computed.
    """

    model: Surrogate
    differences: NDArray[np.float64]
    powers: NDArray[np.float64]
    training_error: float | None = None

    @property
    def label(self) -> str:
        """What the model is, in a word or two."""
        return self.model.settings.label

    @property
    def relative_error(self) -> float:
        """‖E_pred − E‖²_F / ‖E‖²_F (eq. 9 of the paper, squared)."""
        return float(self.differences.sum() / self.powers.sum())

    @property
    def relative_l2(self) -> float:
        """The root of :attr:`relative_error`."""
        return float(np.sqrt(self.relative_error))

    @property
    def mean_cell_l2(self) -> float:
        """‖E_pred − E‖ / ‖E‖ of each cell, mean over the cells."""
        return float(np.sqrt(self.differences / self.powers).mean())


@dataclass(frozen=True, eq=False)
class Reproduction:
    """The paper's experiment at one wavelength.

    Attributes:
        dataset: the near fields.
        held_out: the layouts among them that were tested as a whole.
        spectrum: [P] singular values of all patches, decreasing.
        modes: [rank, n, n] leading singular vectors as fields over a cell (Ex).
        linear: per split, the linear models with highest powers 1, 2, …
        network: per split, the network.
        approximations: per split, the local phase approximation with flat cells and with near fields.
    """

    dataset: Dataset
    held_out: tuple[str, ...]
    spectrum: NDArray[np.float64]
    modes: NDArray[np.complex64]
    linear: Mapping[Split, tuple[ModelTrial, ...]]
    network: Mapping[Split, ModelTrial]
    approximations: Mapping[Split, tuple[ModelTrial, ...]]

    def trials(self, split: Split) -> tuple[ModelTrial, ...]:
        """The models that the paper reports: LPA, the last linear model, the network."""
        return (*self.approximations[split], self.linear[split][-1], self.network[split])


def reproduce(dataset: Dataset, settings: PaperSettings, folder: Path) -> Reproduction:
    """Do the paper's experiment at one wavelength.

    Args:
        dataset: near fields; layouts that the settings do not name are left aside.
        settings: which models are trained, and on which layouts.
        folder: where the trained models are kept; those that are there and fit are taken as they are.

    Raises:
        InputError: too few of the layouts are there, or none to hold out.
    """
    chosen = only(dataset, settings.layouts)
    held_out = tuple(name for name in settings.held_out if name in chosen.names)
    splits = {
        Split.PATCHES: chosen.split_patches(PATCH_FRACTION, settings.network.seed),
        Split.LAYOUTS: chosen.split_layouts(held_out or settings.held_out),
    }
    periodic = baselines(chosen)
    basis = _basis(chosen, settings.linear.rank)
    return Reproduction(
        dataset=chosen,
        held_out=held_out,
        spectrum=basis.spectrum.double().numpy(),
        modes=basis.modes.numpy().reshape(-1, chosen.samples, chosen.samples),
        linear={
            split: _linear(*parts, settings.linear, folder / _slug(split)) for split, parts in splits.items()
        },
        network={
            split: _trial(*parts, settings.network, folder / _slug(split) / _file(chosen, "network"))
            for split, parts in splits.items()
        },
        approximations={
            split: tuple(ModelTrial(model, *cell_errors(model, test)) for model in periodic)
            for split, (_, test) in splits.items()
        },
    )


def _basis(dataset: Dataset, rank: int) -> PatchBasis:
    """The modes of all patches together."""
    basis = PatchBasis(Domain.of(dataset), rank)
    basis.fit(torch.from_numpy(dataset.patches()))
    return basis


def _linear(
    training: Dataset, test: Dataset, settings: LinearSettings, folder: Path
) -> tuple[ModelTrial, ...]:
    return tuple(
        _trial(
            training,
            test,
            TrainingSettings(model=replace(settings, powers=powers)),
            folder / _file(training, f"linear-{powers}"),
        )
        for powers in tqdm(
            range(1, settings.powers + 1), f"linear models {training.wavelength:g}", unit="model"
        )
    )


def _trial(training: Dataset, test: Dataset, settings: TrainingSettings, path: Path) -> ModelTrial:
    model = trained(training, settings, path)
    differences, powers = cell_errors(model, training)
    return ModelTrial(model, *cell_errors(model, test), float(differences.sum() / powers.sum()))


def _slug(split: Split) -> str:
    return split.replace(" ", "-")


def _file(dataset: Dataset, model: str) -> str:
    return f"{model}-{nanometres(dataset.wavelength)}.safetensors"
