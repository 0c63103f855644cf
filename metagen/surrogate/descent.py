"""Gradient descent on the parameters of a model, with early stopping."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from metagen.surrogate.expansion import ExpansionSurrogate
from metagen.surrogate.settings import TrainingSettings


@dataclass(frozen=True)
class Examples:
    """Cells to learn from.

    Attributes:
        radii: [M, width²] neighbourhoods.
        coefficients: [M, rank] of the modes.
        power: mean power of the field of a cell, the scale of the errors.
    """

    radii: Tensor
    coefficients: Tensor
    power: float

    def __getitem__(self, index: Tensor) -> Examples:
        return Examples(self.radii[index], self.coefficients[index], self.power)


@dataclass(frozen=True)
class Outcome:
    """How a descent went.

    Attributes:
        epochs: passes over the training cells that were finished.
        validation_error: the least relative error of the coefficients of the validation cells.
        interrupted: whether Ctrl-C ended it.
    """

    epochs: int
    validation_error: float
    interrupted: bool


def descend(
    model: ExpansionSurrogate,
    training: Examples,
    validation: Examples,
    settings: TrainingSettings,
    progress: bool,
) -> Outcome:
    """Lower the squared error of the coefficients with Adam; leave the model with the least validation error.

    Ctrl-C ends the descent as early stopping does.
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs)
    best = _Best(model, error(model, validation))
    done, interrupted = 0, False
    bar = tqdm(total=settings.epochs, desc=f"train {model.wavelength:g}", unit="epoch", disable=not progress)
    try:
        while done < settings.epochs and best.age < settings.patience:
            loss = _epoch(model, training, optimiser, settings.batch)
            schedule.step()
            now = error(model, validation)
            done += 1
            best.consider(model, now)
            bar.set_postfix(loss=f"{loss:.2e}", validation=f"{now:.2e}", best=f"{best.error:.2e}")
            bar.update()
    except KeyboardInterrupt:
        interrupted = True
    bar.close()
    model.load_state_dict(best.weights)
    return Outcome(done, best.error, interrupted)


class _Best:
    """The weights with the least validation error so far, and how many epochs ago that was."""

    def __init__(self, model: ExpansionSurrogate, error: float) -> None:
        self.error = math.inf
        self.consider(model, error)

    def consider(self, model: ExpansionSurrogate, error: float) -> None:
        """Take the weights of the model if this is the least error."""
        if error < self.error:
            self.error, self.age = error, 0
            self.weights = copy.deepcopy(model.state_dict())
        else:
            self.age += 1


def error(model: ExpansionSurrogate, examples: Examples) -> float:
    """Relative error (squared) of the coefficients."""
    with torch.no_grad():
        return float(_loss(model, examples))


def _epoch(
    model: ExpansionSurrogate, training: Examples, optimiser: torch.optim.Optimizer, batch: int
) -> float:
    total = 0.0
    for index in torch.split(torch.randperm(len(training.radii)), batch):
        loss = _loss(model, training[index])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        total += float(loss.detach()) * len(index)
    return total / len(training.radii)


def _loss(model: ExpansionSurrogate, examples: Examples) -> Tensor:
    difference = torch.view_as_real(model.coefficients(examples.radii) - examples.coefficients)
    return difference.square().sum((-2, -1)).mean() / examples.power
