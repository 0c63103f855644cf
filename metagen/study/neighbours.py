"""How much of the surroundings a model must see, and how many layouts it must learn from."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from pydantic import Field
from tqdm import tqdm

from metagen.base.tables import Table, number
from metagen.base.validation import FromToml, PositiveInt, Seed, checked
from metagen.base.wavelength import nanometres
from metagen.data.dataset import Dataset
from metagen.study.cells import clamped_errors
from metagen.surrogate import ClusterSettings, FieldError, ScatteringSettings, TrainingSettings
from metagen.surrogate.kept import trained

STYLES = ("-", "--", ":", "-.")
MARKERS = "osd^"


@checked
class NeighbourSettings(FromToml):
    """What is trained.

    Attributes:
        held_out: layouts that every model is tested on, as a whole.
        models: the recipes; their width (or reach) is replaced by each of ``widths``.
        widths: pillars along one side of the neighbourhood.
        counts: numbers of layouts to learn from, with the recipes' own widths; the other points learn from
            all layouts.
        share: share of the cells that is learnt from, chosen at random; cells near the border are all used.
        seed: seed of that choice, and of the order in which layouts are added.
    """

    held_out: tuple[str, ...]
    models: Annotated[tuple[TrainingSettings, ...], Field(min_length=1)]
    widths: tuple[PositiveInt, ...] = (1, 3, 5, 7, 9)
    counts: tuple[PositiveInt, ...] = (1, 2, 4, 8)
    share: Annotated[float, Field(gt=0, lt=1)] = 0.25
    seed: Seed = 0


@dataclass(frozen=True)
class Point:
    """One model that was trained and tested.

    Attributes:
        wavelength: wavelength in vacuum.
        label: what the model is, in a word or two.
        width: pillars along one side of its neighbourhood.
        count: how many layouts it learnt from.
        seconds: how long training took.
        errors: its errors on the held-out layouts.
    """

    wavelength: float
    label: str
    width: int
    count: int
    seconds: float
    errors: tuple[FieldError, ...]


def neighbour_study(dataset: Dataset, settings: NeighbourSettings, folder: Path) -> list[Point]:
    """Train every recipe with every width on all layouts, and with its own width on few layouts.

    Args:
        dataset: near fields of one wavelength.
        settings: what is trained.
        folder: where the trained models are kept; those that are there and fit are taken as they are.

    Raises:
        InputError: a held-out layout is not there.
    """
    learnt, tested = dataset.split_layouts(settings.held_out)
    order = np.random.default_rng(settings.seed).permutation(len(learnt.names))
    ordered = Dataset(tuple(learnt.near_fields[index] for index in order))
    points = []
    cases = list(_cases(settings, len(order)))
    for recipe, count in tqdm(cases, f"models {dataset.wavelength:g}", unit="model"):
        some = _some(Dataset(ordered.near_fields[:count]), settings)
        model = trained(some, recipe, folder / _file(dataset, recipe, count))
        points.append(
            Point(
                wavelength=dataset.wavelength,
                label=model.settings.label,
                width=model.width,
                count=count,
                seconds=float(str(model.card.provenance["wall_time_s"])),
                errors=clamped_errors(model, tested),
            )
        )
    return points


def _some(dataset: Dataset, settings: NeighbourSettings) -> Dataset:
    """A random share of the cells, and all cells that see beyond the border, which are few of each kind."""
    chosen = dataset.split_patches(settings.share, settings.seed)[0]
    edge = max(settings.widths) // 2
    masks = []
    for mask, drawn in zip(dataset.cells, chosen.cells, strict=True):
        inside = np.zeros_like(mask)
        inside[edge : -edge or None, edge : -edge or None] = True
        masks.append(drawn | ~inside)
    return replace(dataset, cells=tuple(masks))


def _cases(settings: NeighbourSettings, layouts: int) -> Iterator[tuple[TrainingSettings, int]]:
    for recipe, width in itertools.product(settings.models, settings.widths):
        yield _widened(recipe, width), layouts
    for recipe, count in itertools.product(settings.models, settings.counts):
        if count < layouts:
            yield recipe, count


def _widened(recipe: TrainingSettings, width: int) -> TrainingSettings:
    model = recipe.model
    if isinstance(model, ClusterSettings):
        return replace(recipe, model=replace(model, width=width, pair_width=min(width, model.pair_width)))
    if isinstance(model, ScatteringSettings):  # sees more than it reaches in one step
        return replace(recipe, model=replace(model, reach=width))
    return replace(recipe, model=replace(model, width=width))


def _file(dataset: Dataset, recipe: TrainingSettings, count: int) -> str:
    model = recipe.model
    return f"{model.kind}-{nanometres(dataset.wavelength)}-width{model.width}-layouts{count}.safetensors"


def neighbour_table(points: Sequence[Point]) -> Table:
    """A table of all points."""
    names = [error.name for error in points[0].errors]
    return Table(
        "Neighbours and data",
        ("model", "nm", "neighbours", "layouts", "training (s)", *names),
        tuple(
            (
                point.label,
                f"{nanometres(point.wavelength)}",
                f"{point.width**2}",
                f"{point.count}",
                f"{point.seconds:.0f}",
                *(number(error.relative_error) for error in point.errors),
            )
            for point in points
        ),
        "Relative error of Ex on layouts that were not trained on. Neighbours: pillars whose radii a model "
        "sees, its own included.",
    )


def neighbour_figure(points: Sequence[Point]) -> Figure:
    """Error against neighbours and against layouts; a line style per held-out layout."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    most = max(point.count for point in points)
    labels = list(dict.fromkeys(point.label for point in points))
    for colour, label in enumerate(labels):
        own = sorted((p for p in points if p.label == label), key=lambda p: (p.count, p.width))
        usual = own[0].width if own[0].count < most else own[-1].width
        _draw(left, colour, [(p.width**2, p) for p in own if p.count == most])
        _draw(right, colour, [(p.count, p) for p in own if p.width == usual])
    left.set(xscale="log", xlabel="pillars that the model sees", ylabel="relative error", yscale="log")
    left.set_xticks([p**2 for p in sorted({point.width for point in points})])
    right.set(xscale="log", xlabel="layouts that it learnt from")
    right.set_xticks(sorted({point.count for point in points}))
    left.legend(fontsize="small")
    for axes in (left, right):
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(alpha=0.3)
    return figure


def _draw(axes: Axes, colour: int, line: Sequence[tuple[int, Point]]) -> None:
    for index, error in enumerate(line[0][1].errors):
        axes.plot(
            [x for x, _ in line],
            [point.errors[index].relative_error for _, point in line],
            color=f"C{colour}",
            linestyle=STYLES[index % len(STYLES)],
            marker=MARKERS[index % len(MARKERS)],
            label=f"{line[0][1].label}, {error.name}",
        )
