"""The closed loop: simulate a device, correct the models by its near field, and design on from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field

from metagen.base.errors import InputError
from metagen.base.parallel import communicator
from metagen.base.tables import Table, number
from metagen.base.validation import Positive, PositiveInt, checked
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.design import DesignSettings, Method, Model, OptimizerSettings, optimize
from metagen.design.correction import corrected
from metagen.design.model import name_of
from metagen.device.illumination import short_label
from metagen.device.layout import Layout
from metagen.fdtd.beam import Beam
from metagen.fdtd.campaign import Task, run
from metagen.fdtd.numerics import Numerics
from metagen.surrogate import ExpansionSurrogate, Surrogate, TrainingSettings
from metagen.surrogate.kept import trained
from metagen.surrogate.swapped import Swapped, has_diagonal, image_of_near_field
from metagen.verify.verification import Verification, verify

Simulate = Callable[[Layout], Sequence[NearField]]
"""Simulates a device: returns its near field in the light of every model that the goals need."""


@checked
class RefineSettings:
    """When the loop ends, and how far each round goes.

    Attributes:
        rounds: largest number of rounds of optimisation; each is followed by a simulation.
        tolerance: the loop ends when |predicted / simulated − 1| of every goal is at most this.
        steps: how many iterations the optimiser makes in each round.
        learning_rate: learning rate of the first round; small, because the correction holds only for devices
            close to the simulated one.
        shrink: factor by which the learning rate falls from one round to the next, so that the loop settles.
    """

    rounds: PositiveInt = 3
    tolerance: Positive = 0.02
    steps: PositiveInt = 60
    learning_rate: Positive = 0.01
    shrink: Annotated[float, Field(gt=0, le=1)] = 0.5

    def optimizer(self, before: OptimizerSettings, done: int) -> OptimizerSettings:
        """Settings of a round after ``done`` others: small steps, but the constraints of the design."""
        rate = self.learning_rate * self.shrink**done
        return replace(before, method=Method.ADAM, steps=self.steps, learning_rate=rate)


@dataclass(frozen=True, eq=False)
class Round:
    """One device of the loop.

    Attributes:
        device: the device that was simulated.
        verification: what the models that it was designed with predict of it, beside the simulation.
    """

    device: Layout
    verification: Verification


@dataclass(frozen=True, eq=False)
class Retraining:
    """Fine-tuning: every model is trained again, by its own recipe, with the simulated devices added.

    Attributes:
        data: the data that the models were trained on, one dataset per light, as
            :func:`metagen.data.sources.by_wavelength` gives them.
        folder: folder in which the models are kept, as ``model-633-round1.safetensors``,
            ``model-633-y-round1.safetensors`` and so on; a model that is there already is taken as it is, if
            it was trained in the same way on the same data.
    """

    data: Sequence[Dataset]
    folder: Path

    def __call__(self, model: Model, seen: Sequence[NearField]) -> Model:
        """The model of some light, trained again on the data and on the simulated devices (``seen``).

        A model that the mirror x ↔ y made of another one is made of that one, trained again.

        Raises:
            InputError: see :meth:`check`.
            MismatchError: the devices were simulated in another way than the data.
            KeyboardInterrupt: after Ctrl-C; a half-trained model is not kept.
        """
        if isinstance(model, Swapped):
            return cast(Model, Swapped(cast(ExpansionSurrogate, self(model.model, seen))))
        recipe, known = self.check(model)
        devices = {near.layout.hash for near in known.near_fields}
        own, new = (
            [near for near in fields if near.illumination.is_like(known.illumination)]
            for fields in (seen, _with_images(seen))
        )
        fields = (*known.near_fields, *(near for near in new if near.layout.hash not in devices))
        file = f"model-{short_label(known.illumination)}-round{len(own)}.safetensors"
        return trained(Dataset(fields), recipe, self.folder / file)

    def check(self, model: Model) -> tuple[TrainingSettings, Dataset]:
        """The recipe of a model, without held-out layouts, and the data of its light.

        Raises:
            InputError: the model's card has no recipe, or there are no data of its light.
        """
        if isinstance(model, Swapped):
            return self.check(model.model)
        light = model.domain.illumination
        recipe = model.card.settings if isinstance(model, Surrogate) else None
        if recipe is None:
            raise InputError(
                f"the model of {name_of(light)} has no training recipe on its card, so "
                "it cannot be trained again; leave the training data away: it is then only corrected"
            )
        known = next((each for each in self.data if each.illumination.is_like(light)), None)
        if known is None:
            raise InputError(f"the training data have no near field of {name_of(light)}")
        return replace(recipe, held_out=()), known


def _with_images(fields: Sequence[NearField]) -> list[NearField]:
    """Near fields and, where there is the mirror x ↔ y, their images: light along y teaches light along x."""
    return [*fields, *(image_of_near_field(near) for near in fields if has_diagonal(near.layout.platform))]


def refine(
    device: Layout,
    models: Sequence[Model],
    design: DesignSettings,
    simulate: Simulate,
    folder: str | Path,
    settings: RefineSettings | None = None,
    retrain: Retraining | None = None,
    *,
    progress: bool = True,
) -> list[Round]:
    """Simulate a device; while prediction and simulation differ, correct the models and design on.

    The models are corrected by the near field of the last device (:class:`metagen.design.Corrected`): for
    this device they are then exact, and for devices close to it nearly so. With ``retrain`` they are also
    trained again on all devices of the loop. Each round starts from the last device. All results are kept in
    ``folder`` or by ``simulate``: the same call goes on where an earlier one was stopped.

    Args:
        device: the device to begin with.
        models: the models that it was designed with.
        design: the goals and constraints of the design.
        simulate: simulates a device; it should remember what it has computed.
        folder: folder for the devices, ``round-1.h5`` and so on.
        settings: when the loop ends, and how far each round goes.
        retrain: trains the models again; by default they are only corrected.
        progress: whether to show progress bars.

    Returns:
        Every device with its verification, from the given one to the last.

    Raises:
        InputError: a model cannot be trained again.
        KeyboardInterrupt: after Ctrl-C; finished devices are in ``folder``.
    """
    settings = settings or RefineSettings()
    learning = _Learning(models, retrain)
    found: list[Round] = []
    for done in range(settings.rounds + 1):
        fields = simulate(device)
        verification = verify(device, fields, design.goals, models)
        found.append(Round(device, verification))
        if done == settings.rounds or (verification.gap or 0) <= settings.tolerance:
            break
        models = learning.after(fields)
        device = optimize(
            device,
            models,
            design.objective,
            settings.optimizer(design.optimizer, done),
            name=f"{design.name}-round{done + 1}",
            path=Path(folder) / f"round-{done + 1}.h5",
            progress=progress,
        )
        if not device.finished:
            raise KeyboardInterrupt
    return found


class _Learning:
    """Models that get better with every simulated device: corrected by the last one, trained again on all."""

    def __init__(self, models: Sequence[Model], retrain: Retraining | None) -> None:
        if retrain is not None:
            for model in models:
                retrain.check(model)
        self._models, self._retrain = list(models), retrain
        self._seen: list[NearField] = []

    def after(self, fields: Sequence[NearField]) -> list[Model]:
        """The models after one more device."""
        self._seen += fields
        if self._retrain is not None:
            self._models = [self._retrain(model, self._seen) for model in self._models]
        return corrected(self._models, fields)


def best(rounds: Sequence[Round]) -> Round:
    """The round whose worst goal is the best of all rounds in the simulation."""
    return max(rounds, key=lambda each: each.verification.verified)


def refinement_table(found: Sequence[Round]) -> Table:
    """A table with one row per round."""
    return Table(
        "Closed loop",
        ("device", "worst goal, predicted", "in Meep", "gap of each goal"),
        tuple(
            (
                each.device.name,
                "–" if each.verification.predicted is None else number(each.verification.predicted),
                number(each.verification.verified),
                ", ".join(
                    "–" if goal.gap is None else f"{goal.gap:+.1%}" for goal in each.verification.goals
                ),
            )
            for each in found
        ),
        "Predicted by the models that the device was designed with; from the first round on these are "
        "corrected by the simulation of the device before. Gap: predicted / in Meep − 1.",
    )


class MeepService:
    """Simulations by Meep on all MPI ranks: rank 0 calls it, the others :meth:`serve` until rank 0 closes it.

    Attributes:
        light: each light, and the settings of its simulations; numerics alone stand for light along x.
        folder: folder for the near-field files; a simulation whose file is there is not done again.
        known: other folders in which near-field files are looked for, such as that of an earlier
            verification; nothing is written there.
    """

    def __init__(self, light: Sequence[Beam | Numerics], folder: Path, known: Sequence[Path] = ()) -> None:
        self.light = light
        self.folder = folder
        self.known = known
        self._world: Any = communicator()

    def __call__(self, layout: Layout) -> list[NearField]:
        """The near field of a layout in every light; to be called on rank 0."""
        tasks = [Task(layout, each) for each in self.light]
        there = {task: folder for folder in self.known for task in tasks if task.is_done(folder)}
        self._world.bcast(True)
        run([task for task in tasks if task not in there], self.folder)
        return [NearField.load(there.get(task, self.folder) / task.file_name) for task in tasks]

    def serve(self) -> None:
        """Take part in the simulations that rank 0 asks for; to be called on the other ranks."""
        while self._world.bcast(None):
            run(None, self.folder)

    def close(self) -> None:
        """End :meth:`serve` on the other ranks; to be called on rank 0."""
        self._world.bcast(False)
