"""A new platform from few simulations: models adapted from an old platform's, or trained from scratch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from pydantic import Field

from metagen.base.errors import InputError
from metagen.base.tables import Table, number
from metagen.base.validation import FromToml, PositiveInt, checked
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.device.platform import Platform, difference
from metagen.fdtd.campaign import Task, run
from metagen.fdtd.numerics import Numerics
from metagen.forward.families import Family
from metagen.study.adapt import adapt, on_platform
from metagen.study.cells import clamped_errors
from metagen.surrogate import Evaluation, ExpansionSurrogate, FieldError, TrainingSettings
from metagen.surrogate.training import train_to_the_end

Families = Annotated[tuple[Family, ...], Field(min_length=1)]


class Way(StrEnum):
    """How a model of the new platform is made."""

    SCRATCH = "from scratch"
    ADAPTED = "adapted"


@checked
class TransferSettings(FromToml):
    """What is simulated and trained.

    Attributes:
        light: settings of all simulations.
        learnt: layouts to learn from: on a new platform as many as ``counts`` says, from the first one on; on
            the old platform all of them.
        tested: layouts that every model of a new platform is tested on.
        new: the new platforms.
        models: the recipes of the models.
        old: the platform that models are adapted from.
        counts: how many simulations of the new platform are learnt from, one point each.
    """

    light: Numerics
    learnt: Families
    tested: Families
    new: Annotated[tuple[Platform, ...], Field(min_length=1)]
    models: Annotated[tuple[TrainingSettings, ...], Field(min_length=1)]
    old: Platform = Field(default_factory=Platform)
    counts: tuple[PositiveInt, ...] = (1, 2, 4, 8)


@dataclass(frozen=True)
class Transferred:
    """One model of a new platform, tested.

    Attributes:
        platform: what is new about the platform.
        label: what the model is, in a word or two.
        way: how the model was made.
        count: how many simulations of the new platform it learnt from.
        errors: its errors on layouts that it was not trained on.
    """

    platform: str
    label: str
    way: Way
    count: int
    errors: tuple[FieldError, ...]

    @property
    def relative_error(self) -> float:
        """Relative error over all tested layouts together."""
        return Evaluation(self.label, self.errors).overall.relative_error


def transfer_study(settings: TransferSettings, folder: Path) -> list[Transferred]:
    """Simulate, train on the old platform, and adapt to each new one with ever more simulations.

    Args:
        settings: what is simulated and trained.
        folder: where the near fields are kept; those that are there are taken as they are.

    Raises:
        InputError: a count of simulations is larger than the number of layouts to learn from.
        MissingDependencyError, SimulationError: see :func:`metagen.fdtd.campaign.run`.
        KeyboardInterrupt: after Ctrl-C, so that callers stop instead of using a half-trained model.
    """
    _check_counts(settings)
    known = _simulated(settings.learnt, settings.old, settings.light, folder)
    olds = [train_to_the_end(Dataset(known), recipe) for recipe in settings.models]
    found = []
    for platform in settings.new:
        learnt = _simulated(settings.learnt, platform, settings.light, folder)
        tested = Dataset(_simulated(settings.tested, platform, settings.light, folder))
        for old, recipe in zip(olds, settings.models, strict=True):
            for way, count, model in _models(old, recipe, learnt, settings.counts):
                found.append(
                    Transferred(
                        platform=difference(settings.old, platform),
                        label=model.settings.label,
                        way=way,
                        count=count,
                        errors=clamped_errors(model, tested),
                    )
                )
    return found


def _check_counts(settings: TransferSettings) -> None:
    layouts = sum(1 for family in settings.learnt for _ in family.layouts(settings.old))
    if max(settings.counts, default=0) > layouts:
        raise InputError(
            f"counts is {settings.counts}, but there are {layouts} layouts to learn from; add layouts to "
            "`learnt`, or lower the counts"
        )


def _models(
    old: ExpansionSurrogate,
    recipe: TrainingSettings,
    learnt: Sequence[NearField],
    counts: Sequence[int],
) -> Iterator[tuple[Way, int, ExpansionSurrogate]]:
    yield Way.ADAPTED, 0, on_platform(old, learnt[0].layout.platform)
    for count in counts:
        some = Dataset(tuple(learnt[:count]))
        yield Way.SCRATCH, count, train_to_the_end(some, recipe)
        yield Way.ADAPTED, count, adapt(old, some, recipe)


def _simulated(
    families: Sequence[Family], platform: Platform, light: Numerics, folder: Path
) -> tuple[NearField, ...]:
    layouts = [layout for family in families for layout in family.layouts(platform)]
    return tuple(NearField.load(path) for path in run([Task(layout, light) for layout in layouts], folder))


def transfer_table(found: Sequence[Transferred]) -> Table:
    """A table with a row per platform, model and way, and a column per number of simulations."""
    counts = sorted({each.count for each in found})
    rows: dict[tuple[str, str, Way], dict[int, float]] = {}
    for each in found:
        rows.setdefault((each.platform, each.label, each.way), {})[each.count] = each.relative_error
    tested = ", ".join(error.name for error in found[0].errors)
    return Table(
        "A new platform from few simulations",
        ("new platform", "model", "start", *(f"{count} simulated" for count in counts)),
        tuple(
            (*row, *(number(errors[count]) if count in errors else "–" for count in counts))
            for row, errors in rows.items()
        ),
        f"Relative error of Ex on {tested} of the new platform, which were not trained on. 0 simulations: "
        "the model of the old platform as it is.",
    )


def transfer_figure(found: Sequence[Transferred]) -> Figure:
    """Error against simulations of the new platform, one panel per platform."""
    platforms = list(dict.fromkeys(each.platform for each in found))
    labels = list(dict.fromkeys(each.label for each in found))
    figure = Figure(figsize=(5.5 * len(platforms), 4.2), layout="constrained")
    panels = figure.subplots(1, len(platforms), sharey=True, squeeze=False)[0]
    for axes, platform in zip(panels, platforms, strict=True):
        for label in labels:
            for way, style in ((Way.SCRATCH, "o--"), (Way.ADAPTED, "s-")):
                own = [e for e in found if (e.platform, e.label, e.way) == (platform, label, way)]
                axes.plot(
                    [each.count for each in own],
                    [each.relative_error for each in own],
                    style,
                    color=f"C{labels.index(label)}",
                    label=f"{label}, {way}",
                )
        axes.set(title=platform, xlabel="simulations of the new platform", yscale="log")
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xticks(sorted({each.count for each in found}))
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("relative error")
    panels[0].legend()
    return figure
