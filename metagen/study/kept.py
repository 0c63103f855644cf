"""Trained models that are kept in the folder of a study, so that a study that was stopped goes on."""

from __future__ import annotations

from pathlib import Path

from metagen.dataset import Dataset
from metagen.errors import FormatError
from metagen.surrogate import ExpansionSurrogate, TrainingSettings, load, save, train


def trained(dataset: Dataset, settings: TrainingSettings, path: Path) -> ExpansionSurrogate:
    """Train a model on all of a dataset, or take it from ``path`` if it was trained so before.

    Raises:
        KeyboardInterrupt: Ctrl-C during the descent; a model that is not finished is not kept.
    """
    known = _known(path)
    if known is not None and known.card.settings == settings and known.card.dataset == dataset.hash:
        return known
    model = train(dataset, settings)
    if model.card.provenance.get("interrupted"):
        raise KeyboardInterrupt
    save(model, path)
    return model


def _known(path: Path) -> ExpansionSurrogate | None:
    if not path.is_file():
        return None
    try:
        model = load(path)
    except FormatError:  # written by another release: train again
        return None
    return model if isinstance(model, ExpansionSurrogate) else None
