"""Training: from a dataset and a recipe to a model."""

from __future__ import annotations

import time
from dataclasses import asdict

import torch

from metagen.data.dataset import Dataset
from metagen.data.nearfield import provenance
from metagen.surrogate.card import Card
from metagen.surrogate.descent import descend
from metagen.surrogate.domain import Domain
from metagen.surrogate.examples import Examples, neighbourhoods_and_fields
from metagen.surrogate.expansion import ExpansionSurrogate, SymmetricSurrogate
from metagen.surrogate.models import build_expansion
from metagen.surrogate.settings import TrainingSettings
from metagen.surrogate.trust import learn_error_map


def train(dataset: Dataset, settings: TrainingSettings, *, progress: bool = True) -> ExpansionSurrogate:
    """Train a model on the layouts that the recipe does not hold out.

    Ctrl-C during the descent returns the best model so far. Equal data and settings give equal models on one
    machine, to the last bit where the number of threads is equal too (OMP_NUM_THREADS).

    Args:
        dataset: the near fields, including those of held-out layouts.
        settings: the recipe.
        progress: whether to show a bar with the time left and the errors.

    Raises:
        InputError: a held-out layout is not there, or there are too few cells.
    """
    kept = dataset.split_layouts(settings.held_out)[0] if settings.held_out else dataset
    started = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = build_expansion(Domain.of(kept, settings.components), settings.model)
        measured = _fit(model, kept, settings, progress)
        if settings.error_map:
            model.error_map = learn_error_map(model, kept, progress)
    seconds = round(time.perf_counter() - started, 3)
    model.card = Card(
        settings=settings,
        dataset=kept.hash,
        layouts=kept.names,
        near_fields=tuple(near.hash for near in kept.near_fields),
        devices=tuple(layout.hash for layout in kept.layouts),
        provenance={**provenance(cells=kept.size, wall_time_s=seconds), **measured},
    )
    return model.eval()


def train_to_the_end(
    dataset: Dataset, settings: TrainingSettings, *, progress: bool = True
) -> ExpansionSurrogate:
    """As :func:`train`, but Ctrl-C is raised, so that callers stop instead of using a half-trained model.

    Raises:
        InputError: see :func:`train`.
        KeyboardInterrupt: after Ctrl-C.
    """
    model = train(dataset, settings, progress=progress)
    if model.card.provenance.get("interrupted"):
        raise KeyboardInterrupt
    return model


def _fit(
    model: ExpansionSurrogate, dataset: Dataset, settings: TrainingSettings, progress: bool
) -> dict[str, object]:
    """Fit the model; return what was measured on the way."""
    if not list(model.parameters()):
        _prepare(model, dataset)
        return {}
    learnt, watched = dataset.split_patches(1 - settings.validation, settings.seed, twins_together=True)
    _prepare(model, learnt)
    outcome = descend(model, Examples.of(model, learnt), Examples.of(model, watched), settings, progress)
    return asdict(outcome)


def _prepare(model: ExpansionSurrogate, dataset: Dataset) -> None:
    if isinstance(model, SymmetricSurrogate):
        distinct, counts = dataset.distinct()
        model.prepare(*neighbourhoods_and_fields(model, distinct), torch.from_numpy(counts))
    else:
        model.prepare(*neighbourhoods_and_fields(model, dataset))
