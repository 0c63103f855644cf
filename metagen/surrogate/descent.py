"""Gradient descent on the parameters of a model, with early stopping."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from tqdm import tqdm

from metagen.base.threads import enough_threads
from metagen.surrogate.examples import Examples
from metagen.surrogate.expansion import ExpansionSurrogate
from metagen.surrogate.settings import TrainingSettings

AT_ONCE = 16384
"""How many cells have their error computed at once."""
WARM_UP = 0.05
"""Share of the steps in which the step size rises; after that it falls as half a cosine."""
LARGEST_GRADIENT = 1.0
"""Longer gradients (of the relative error) are cut to this norm, so that no odd batch undoes the rest."""


@dataclass(frozen=True)
class Outcome:
    """How a descent went.

    Attributes:
        epochs: finished passes over the training cells.
        validation_error: least relative error of the coefficients of the validation cells.
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

    The bar shows errors on single cells of the training layouts, of which some are kept apart for validation;
    errors on whole layouts that were held out are larger. Ctrl-C ends the descent as early stopping does.
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    steps = settings.epochs * math.ceil(len(training) / _together(training, settings.batch))
    schedule = warm_up_and_fall(optimiser, settings.learning_rate, steps)
    best = _Best(model, error(model, validation))
    done, interrupted = 0, False
    bar = tqdm(total=settings.epochs, desc=f"train {model.wavelength:g}", unit="epoch", disable=not progress)
    try:
        while done < settings.epochs and best.age < settings.patience:
            with enough_threads(max(settings.batch, training.cells)):
                loss = _epoch(model, training, optimiser, schedule, settings.batch)
                now = error(model, validation)
            done += 1
            best.consider(model, now)
            bar.set_postfix_str(
                f"error of cells: learnt {loss:.1e}, kept apart {now:.1e}, least {best.error:.1e}"
            )
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
        """Keep the weights of the model if this is the least error so far."""
        if error < self.error:
            self.error, self.age = error, 0
            self.weights = copy.deepcopy(model.state_dict())
        else:
            self.age += 1


def error(model: ExpansionSurrogate, examples: Examples) -> float:
    """Relative error (squared) of the coefficients that a model predicts."""
    with torch.no_grad():
        parts = torch.split(torch.arange(len(examples)), max(1, AT_ONCE // examples.cells))
        sums = [
            (float(part.loss(model)), float(part.counts.sum())) for part in map(examples.__getitem__, parts)
        ]
    return sum(loss * count for loss, count in sums) / sum(count for _, count in sums)


def _epoch(
    model: ExpansionSurrogate,
    training: Examples,
    optimiser: Optimizer,
    schedule: LRScheduler,
    batch: int,
) -> float:
    total = 0.0
    for index in torch.split(torch.randperm(len(training)), _together(training, batch)):
        loss = training[index].loss(model)
        step(model, loss, optimiser, schedule)
        total += float(loss.detach()) * len(index)
    return total / len(training)


def _together(examples: Examples, batch: int) -> int:
    """How many blocks make a step of about ``batch`` cells."""
    return max(1, batch // examples.cells)


def warm_up_and_fall(optimiser: Optimizer, rate: float, steps: int) -> LRScheduler:
    """Step sizes that rise to ``rate`` and then fall as half a cosine."""
    rise = WARM_UP if WARM_UP * steps != 1 else 2 / steps  # PyTorch divides by the length of the rise − 1
    return OneCycleLR(optimiser, rate, steps, pct_start=rise, cycle_momentum=False)


def step(model: nn.Module, loss: Tensor, optimiser: Optimizer, schedule: LRScheduler) -> None:
    """One step downhill."""
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
    optimiser.step()
    schedule.step()
