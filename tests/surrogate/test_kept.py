"""Models that are kept: trained once for a recipe and its data."""

from dataclasses import replace

import coupled_dipoles
import pytest
import torch

from metagen.surrogate import (
    ClusterSettings,
    LinearSettings,
    NetworkSettings,
    TrainingSettings,
    kept,
    train,
    training,
)
from metagen.surrogate.kept import trained

LINEAR = TrainingSettings(model=LinearSettings(rank=8, powers=3))
CLUSTER = TrainingSettings(model=ClusterSettings(rank=8, width=5, pair_width=3))
NETWORK = TrainingSettings(model=NetworkSettings(rank=8, hidden=(20,)), epochs=2)


@pytest.fixture(scope="module")
def dataset():
    return coupled_dipoles.dataset(count=11)


def test_a_model_is_trained_again_only_if_recipe_or_data_differ(dataset, tmp_path, monkeypatch):
    path, fresh = tmp_path / "model.safetensors", []
    monkeypatch.setattr(
        kept, "train_to_the_end", lambda *given: fresh.append(given) or train(*given, progress=False)
    )
    first, second = (trained(dataset, LINEAR, path) for _ in range(2))
    assert len(fresh) == 1
    assert torch.equal(first.weights, second.weights)
    trained(dataset, CLUSTER, path)
    trained(dataset.split_layouts(["smooth-30"])[0], CLUSTER, path)
    assert len(fresh) == 3
    path.write_bytes(b"not a model")
    trained(dataset, LINEAR, path)
    assert len(fresh) == 4


def test_an_interrupted_descent_is_not_kept(dataset, tmp_path, monkeypatch):
    model = train(dataset, NETWORK, progress=False)
    model.card = replace(model.card, provenance={"interrupted": True})
    monkeypatch.setattr(training, "train", lambda *_, **__: model)
    with pytest.raises(KeyboardInterrupt):
        trained(dataset, NETWORK, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
