"""From a model of one platform to a model of another, with few simulations of the new one."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from metagen.data.dataset import Dataset
from metagen.data.nearfield import provenance
from metagen.device.platform import Platform
from metagen.surrogate import Card, ClusterModel, ExpansionSurrogate, PatchBasis, TrainingSettings
from metagen.surrogate.descent import descend
from metagen.surrogate.examples import Examples, neighbourhoods_and_fields
from metagen.surrogate.expansion import as_complex, as_parts

Model = TypeVar("Model", bound=ExpansionSurrogate)
DECADES = 6
"""How many ridge penalties are tried: the old model's, ten times that, and so on."""


def on_platform(old: Model, platform: Platform) -> Model:
    """The same model, declared to be one of another platform."""
    new = copy.deepcopy(old)
    new.domain = replace(old.domain, platform=platform)
    return new


def adapt(
    old: ExpansionSurrogate, dataset: Dataset, recipe: TrainingSettings, *, progress: bool = True
) -> ExpansionSurrogate:
    """Make a model of a new platform from one of an old platform and simulations of the new one.

    Args:
        old: model of the old platform; it is not changed.
        dataset: near fields of the new platform, at the wavelength of the model.
        recipe: the settings with which the old model was trained; networks go on training with them.
        progress: whether to show a bar with the time left and the errors.

    Returns:
        A model of the same kind and size; its card names the dataset, and that of the old model as
        ``adapted_from``.

    Raises:
        KeyboardInterrupt: after Ctrl-C, so that callers stop instead of using a half-trained model.
    """
    new: ExpansionSurrogate
    if isinstance(old, ClusterModel):
        new = _adapt_cluster(old, dataset)
    else:
        new = _train_on(old, dataset, recipe, progress)
    new.error_map = None  # the old model's errors are not those of the new one
    new.card = Card(
        settings=recipe,
        dataset=dataset.hash,
        layouts=dataset.names,
        near_fields=tuple(near.hash for near in dataset.near_fields),
        devices=tuple(layout.hash for layout in dataset.layouts),
        provenance=provenance(adapted_from=old.card.dataset),
    )
    return new


def _adapt_cluster(old: ClusterModel, dataset: Dataset) -> ClusterModel:
    """Fit new weights by ridge regression that keeps them near the old ones, translated to the new modes.

    How strongly it keeps them there is chosen on cells that are left out of the fit.
    """
    folds = dataset.split_patches(0.5, twins_together=True)
    ridges = [old.ridge * 10**power for power in range(DECADES)]
    left_out = [
        sum(_missing(_towards(old, one, ridge), other) for one, other in (folds, folds[::-1]))
        for ridge in ridges
    ]
    return _towards(old, dataset, ridges[left_out.index(min(left_out))])


def _missing(model: ClusterModel, dataset: Dataset) -> float:
    """Sum of squared errors on the cells of a dataset."""
    radii, patches = neighbourhoods_and_fields(model, dataset)
    return float((patches - model.basis.expand(model.coefficients(radii))).abs().square().sum())


def _towards(old: ClusterModel, dataset: Dataset, ridge: float) -> ClusterModel:
    """Minimise squared error + ridge·|weights − translated old weights|²."""
    radii, patches = neighbourhoods_and_fields(old, dataset)
    new, correction = on_platform(old, dataset.platform), on_platform(old, dataset.platform)
    new.basis.fit_symmetric(patches, new.domain)
    translation = _translation(old, new.basis, radii, patches)
    correction.ridge = ridge
    correction.prepare(radii, patches - new.basis.expand(old.coefficients(radii) @ translation))
    overlap = correction.basis.modes @ new.basis.modes.mH
    weights = _weights(old) @ translation + _weights(correction) @ overlap.to(translation.dtype)
    new.weights.copy_(as_parts(weights))
    return new


def _translation(old: ClusterModel, basis: PatchBasis, radii: Tensor, patches: Tensor) -> Tensor:
    """[old rank, rank] the linear map from old coefficients to those in a basis that suits the data best.

    Only modes of equal parity contribute to each other, so that the mirror symmetry stays exact.
    """
    before, after = old.coefficients(radii), basis.project(patches)
    found = torch.zeros(old.basis.rank, basis.rank, dtype=before.dtype)
    for parity in torch.unique(basis.parity, dim=0):
        source, target = ((each.parity == parity).all(-1) for each in (old.basis, basis))
        solution = torch.linalg.lstsq(before[:, source], after[:, target]).solution
        found[source.nonzero(), target.nonzero().T] = solution
    return found


def _train_on(old: Model, dataset: Dataset, recipe: TrainingSettings, progress: bool) -> Model:
    """Train a network further from its old weights; its modes stay, because the weights belong to them."""
    new = on_platform(old, dataset.platform)
    learnt, watched = dataset.split_patches(1 - recipe.validation, recipe.seed, twins_together=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        outcome = descend(new, Examples.of(new, learnt), Examples.of(new, watched), recipe, progress)
    if outcome.interrupted:
        raise KeyboardInterrupt
    return new


def _weights(model: ClusterModel) -> Tensor:
    """[terms, rank] complex, in double precision."""
    return as_complex(model.weights.double())
