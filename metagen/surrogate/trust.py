"""Learning the error that a model makes over each cell."""

from __future__ import annotations

import torch
from torch import Tensor
from tqdm import trange

from metagen.data.dataset import Dataset
from metagen.surrogate.descent import step, warm_up_and_fall
from metagen.surrogate.error_map import ErrorMap
from metagen.surrogate.examples import Examples
from metagen.surrogate.expansion import ExpansionSurrogate

EPOCHS, LEARNING_RATE = 60, 1e-2


def learn_error_map(model: ExpansionSurrogate, dataset: Dataset, progress: bool) -> ErrorMap:
    """Learn an error map from a model's errors on a dataset; for the likelihood see :class:`ErrorMap`."""
    found = ErrorMap(model.domain)
    margin = max(found.width, model.width) // 2
    examples = Examples.blocks(model, dataset, margin)
    errors = _errors(model, examples, margin)
    surrounded = _narrowed(examples.surrounded, margin - found.width // 2)
    mean = (errors * examples.counts).sum() / examples.counts.sum()
    torch.nn.init.constant_(found.offsets[-1], float(mean.log()))
    optimiser = torch.optim.Adam(found.parameters(), LEARNING_RATE)
    schedule = warm_up_and_fall(optimiser, LEARNING_RATE, EPOCHS * len(examples))
    for _ in trange(EPOCHS, desc="error map", unit="epoch", disable=not progress):
        for index in torch.randperm(len(examples)).tolist():
            expected = found(surrounded[index : index + 1])[0, ..., 0]
            unlikely = (expected.log() + errors[index] / expected) * examples.counts[index]
            step(found, unlikely.sum() / examples.counts[index].sum(), optimiser, schedule)
    return found.requires_grad_(False)


def _errors(model: ExpansionSurrogate, examples: Examples, margin: int) -> Tensor:
    """[M, A, B] squared errors of blocks with margin ``margin``, relative to the mean power of a cell."""
    surrounded = _narrowed(examples.surrounded, margin - model.width // 2)
    with torch.no_grad():
        found = torch.cat([model.coefficient_map(block) for block in torch.split(surrounded, 1)])
    return torch.view_as_real(found - examples.coefficients).square().sum((-2, -1)) / examples.power


def _narrowed(surrounded: Tensor, excess: int) -> Tensor:
    """Blocks without the outermost ``excess`` sites of their margins."""
    rows, columns = surrounded.shape[-3:-1]
    return surrounded[..., excess : rows - excess, excess : columns - excess, :]
