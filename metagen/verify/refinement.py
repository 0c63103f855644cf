"""The closed loop: simulate a device, correct the models by what came out, go on from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from metagen.base.errors import InputError
from metagen.base.parallel import communicator
from metagen.base.tables import Table, number
from metagen.base.validation import Positive, PositiveInt, checked
from metagen.base.wavelength import nanometres, of_wavelength
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.design import DesignSettings, Method, Model, OptimizerSettings, optimize
from metagen.design.correction import corrected
from metagen.device.layout import Layout
from metagen.fdtd.campaign import Task, run
from metagen.fdtd.numerics import Numerics
from metagen.surrogate import Surrogate, TrainingSettings
from metagen.surrogate.kept import trained
from metagen.verify.verification import Verification, verify

Simulate = Callable[[Layout], Sequence[NearField]]
"""From a device to its near field at each wavelength of the goals."""


@checked
class RefineSettings:
    """When the loop ends, and how far each round goes.

    Attributes:
        rounds: of optimisation at most; every one is followed by a simulation.
        tolerance: stop when no goal's |predicted / simulated − 1| is larger.
        steps: of each round.
        learning_rate: of the first round; small, because what is known of a device holds for its neighbours.
        shrink: factor of the learning rate from one round to the next, which makes the loop settle.
    """

    rounds: PositiveInt = 3
    tolerance: Positive = 0.02
    steps: PositiveInt = 60
    learning_rate: Positive = 0.01
    shrink: Annotated[float, Field(gt=0, le=1)] = 0.5

    def optimizer(self, before: OptimizerSettings, done: int) -> OptimizerSettings:
        """The settings of a round after so many others: small steps, with the constraints of the design."""
        rate = self.learning_rate * self.shrink**done
        return replace(before, method=Method.ADAM, steps=self.steps, learning_rate=rate)


@dataclass(frozen=True, eq=False)
class Round:
    """A device of the loop.

    Attributes:
        device: as simulated.
        verification: predicted by the models that it was designed with, and simulated.
    """

    device: Layout
    verification: Verification


@dataclass(frozen=True, eq=False)
class Retraining:
    """Fine-tuning: every model is trained again, by its own recipe, with the simulated devices added.

    Attributes:
        data: that the models were trained on, one dataset per wavelength, as
            :func:`metagen.data.sources.by_wavelength` gives them.
        folder: where the models are kept, ``model-633-round1.safetensors`` and so on; those that are there
            and fit are taken as they are.
    """

    data: Sequence[Dataset]
    folder: Path

    def __call__(self, model: Model, seen: Sequence[NearField]) -> Model:
        """The model of one wavelength, trained on the data and on what has been seen.

        Raises:
            InputError: see :meth:`check`.
            MismatchError: what has been seen was simulated in another way than the data.
            KeyboardInterrupt: Ctrl-C.
        """
        recipe, known = self.check(model)
        devices = {near.layout.hash for near in known.near_fields}
        new = of_wavelength(seen, known.wavelength)
        fields = (*known.near_fields, *(near for near in new if near.layout.hash not in devices))
        file = f"model-{nanometres(known.wavelength)}-round{len(new)}.safetensors"
        return trained(Dataset(fields), recipe, self.folder / file)

    def check(self, model: Model) -> tuple[TrainingSettings, Dataset]:
        """The recipe of a model, with nothing held out, and the data of its wavelength.

        Raises:
            InputError: the model's card has no recipe, or no data are of its wavelength.
        """
        recipe = model.card.settings if isinstance(model, Surrogate) else None
        if recipe is None:
            raise InputError(
                f"the model of wavelength {model.domain.wavelength:g} has no training recipe on its card, so "
                "it cannot be trained again; leave the training data away: it is then only corrected"
            )
        known = of_wavelength(self.data, model.domain.wavelength)
        if not known:
            raise InputError(
                f"the training data have no near field of wavelength {model.domain.wavelength:g}"
            )
        return replace(recipe, held_out=()), known[0]


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
    """Simulate a device, and while prediction and simulation differ, correct the models and design on.

    The models are corrected by the near field of the last device (:class:`metagen.design.Corrected`): about
    it they are then exact, and about its neighbours nearly so. With ``retrain`` they are also trained again
    with all devices of the loop. Each round starts from the last device. Everything that was computed is in
    ``folder`` or with ``simulate``; the same call goes on where it was stopped.

    Args:
        device: to begin with.
        models: that it was designed with.
        design: goals and constraints.
        simulate: what a near field is asked from; it should remember what it has computed.
        folder: for the devices, ``round-1.h5`` and so on.
        settings: of the loop.
        retrain: the training data, to train again as well.
        progress: whether to show progress bars.

    Returns:
        Every device with its verification, from the given one to the last.

    Raises:
        InputError: a model that cannot be trained again.
        KeyboardInterrupt: Ctrl-C; what was finished is in ``folder``.
    """
    settings = settings or RefineSettings()
    if retrain:
        for model in models:
            retrain.check(model)
    seen: list[NearField] = []
    base = list(models)
    found: list[Round] = []
    for done in range(settings.rounds + 1):
        fields = simulate(device)
        verification = verify(device, fields, design.goals, models)
        found.append(Round(device, verification))
        if done == settings.rounds or (verification.gap or 0) <= settings.tolerance:
            break
        seen += fields
        base = [retrain(model, seen) for model in base] if retrain else base
        models = corrected(base, fields)
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


def best(rounds: Sequence[Round]) -> Round:
    """The round whose worst goal is best in the simulation."""
    return max(rounds, key=lambda each: each.verification.verified)


def refinement_table(found: Sequence[Round]) -> Table:
    """One row per round."""
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
    """Simulations on demand, on all MPI ranks: rank 0 asks, the others :meth:`serve` until it closes.

    Attributes:
        light: numerics of each wavelength.
        folder: where near-field files are written; what is there is not computed again.
        known: other folders of near-field files, such as that of an earlier verification; nothing is written
            there.
    """

    def __init__(self, light: Sequence[Numerics], folder: Path, known: Sequence[Path] = ()) -> None:
        self.light = light
        self.folder = folder
        self.known = known
        self._world: Any = communicator()

    def __call__(self, layout: Layout) -> list[NearField]:
        """Near field of a layout at every wavelength (on rank 0)."""
        tasks = [Task(layout, each) for each in self.light]
        there = {task: folder for folder in self.known for task in tasks if task.is_done(folder)}
        self._world.bcast(True)
        run([task for task in tasks if task not in there], self.folder)
        return [NearField.load(there.get(task, self.folder) / task.file_name) for task in tasks]

    def serve(self) -> None:
        """Take part in what rank 0 asks for (on the other ranks)."""
        while self._world.bcast(None):
            run(None, self.folder)

    def close(self) -> None:
        """End :meth:`serve` (on rank 0)."""
        self._world.bcast(False)
