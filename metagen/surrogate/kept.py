"""Trained models that are kept in files, so that work that was stopped goes on with the same models."""

from __future__ import annotations

from pathlib import Path

from metagen.base.errors import FormatError
from metagen.data.dataset import Dataset
from metagen.surrogate.expansion import ExpansionSurrogate
from metagen.surrogate.settings import TrainingSettings
from metagen.surrogate.store import load, save
from metagen.surrogate.training import train_to_the_end


def trained(dataset: Dataset, settings: TrainingSettings, path: Path) -> ExpansionSurrogate:
    """Train a model on a dataset, or read it from ``path`` if it was trained in this way before.

    Raises:
        KeyboardInterrupt: after Ctrl-C during the descent; a half-trained model is not kept.
    """
    known = _known(path)
    if known is not None and known.card.settings == settings and known.card.dataset == dataset.hash:
        return known
    model = train_to_the_end(dataset, settings)
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
