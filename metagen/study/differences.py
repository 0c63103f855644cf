"""Why our errors differ from the paper's: its experiment on small lenses, one thing changed at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from metagen.base.names import in_file_name
from metagen.base.tables import Table, number
from metagen.base.validation import FromToml, checked
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.device.layout import Layout
from metagen.device.platform import Platform
from metagen.device.sampling import SAMPLES
from metagen.fdtd.campaign import Task, run
from metagen.fdtd.numerics import Numerics
from metagen.forward.families import Family
from metagen.study.lpa_readings import readings
from metagen.surrogate import TrainingSettings, evaluate
from metagen.surrogate.evaluation import PATCH_FRACTION
from metagen.surrogate.kept import trained


@checked
class Variant:
    """One thing that may be different in the paper.

    Attributes:
        name: what is different, in a few words.
        platform: what the process fixes.
        light: settings of the simulations.
        staircase: whether the simulated pillars are as large as a staircase of 10 pixels per period makes
            them, while the models are told the radii that were meant.
    """

    name: str
    light: Numerics
    platform: Platform = Field(default_factory=Platform)
    staircase: bool = False


@checked
class DifferenceSettings(FromToml):
    """What is simulated and trained.

    Attributes:
        layouts: the lenses that are simulated.
        variants: the differences that are tried, one at a time.
        models: the recipes of the models that are trained.
    """

    layouts: Annotated[tuple[Family, ...], Field(min_length=1)]
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)]
    models: tuple[TrainingSettings, ...]


@dataclass(frozen=True)
class VariantErrors:
    """Errors of one variant, on a random fifth of its patches.

    Attributes:
        variant: what was different.
        approximation: error of the local phase approximation (flat cells), mean over the layouts.
        free_phase: the same, with the overall phase that suits each layout best.
        models: label and relative error of each model.
    """

    variant: str
    approximation: float
    free_phase: float
    models: tuple[tuple[str, float], ...]


def difference_study(settings: DifferenceSettings, folder: Path) -> list[VariantErrors]:
    """Simulate and learn every variant.

    Args:
        settings: what is simulated and trained.
        folder: where near fields and models are kept; those that are there and fit are taken as they are.
    """
    return [_outcome(variant, settings, folder) for variant in settings.variants]


def _outcome(variant: Variant, settings: DifferenceSettings, folder: Path) -> VariantErrors:
    layouts = [each for family in settings.layouts for each in family.layouts(variant.platform)]
    dataset = Dataset(_simulated(layouts, variant, folder))
    learnt, tested = dataset.split_patches(PATCH_FRACTION)
    models = []
    for recipe in settings.models:
        file = f"{recipe.model.kind}-{in_file_name(variant.name.replace(' ', '-'))}.safetensors"
        model = trained(learnt, recipe, folder / file)
        models.append((model.settings.label, evaluate(model, tested).overall.relative_error))
    periodic = readings(dataset)
    return VariantErrors(
        variant=variant.name,
        approximation=float(np.mean([each.flat for each in periodic])),
        free_phase=float(np.mean([each.free_phase for each in periodic])),
        models=tuple(models),
    )


def _simulated(layouts: Sequence[Layout], variant: Variant, folder: Path) -> tuple[NearField, ...]:
    made = [staircase(layout) if variant.staircase else layout for layout in layouts]
    files = run([Task(layout, variant.light) for layout in made], folder)
    fields = (NearField.load(path) for path in files)
    return tuple(replace(near, layout=layout) for near, layout in zip(fields, layouts, strict=True))


def staircase(layout: Layout, pixels: int = SAMPLES) -> Layout:
    """A layout whose pillars have the areas of the pixels whose centres lie inside them.

    Args:
        layout: the layout as it was meant.
        pixels: pixels per period, an even number; the pillars are centred on a corner of four pixels.
    """
    pixel = layout.platform.period / pixels
    offset = (np.arange(pixels) - (pixels - 1) / 2) * pixel
    distance = np.hypot(offset[:, None], offset).ravel()
    inside = np.searchsorted(np.sort(distance), layout.radii, side="right")
    return layout.with_values(np.sqrt(inside / np.pi) * pixel, name=f"{layout.name}-staircase")


def difference_table(outcomes: Sequence[VariantErrors]) -> Table:
    """A table of all variants and their errors."""
    labels = [label for label, _ in outcomes[0].models]
    columns = [f"{label}{kind}" for label in labels for kind in ("", ", root")]
    return Table(
        "What may differ from the paper",
        ("variant", "LPA, flat", "LPA, best phase", *columns),
        tuple(
            (
                each.variant,
                number(each.approximation),
                number(each.free_phase),
                *(number(value) for _, error in each.models for value in (error, error**0.5)),
            )
            for each in outcomes
        ),
        "Relative error of Ex: of the local phase approximation the mean over the lenses, without and with "
        "the phase factor that suits each lens best; of the models on a random fifth of the patches.",
    )
