"""A design as a file: the start, the models, the goals and the optimiser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field

from metagen import lens, surrogate
from metagen.design.ascent import OptimizerSettings
from metagen.design.combine import WorstOf
from metagen.design.device import Device
from metagen.design.light import Model, common_platform
from metagen.design.objectives import Goal
from metagen.design.starts import optimize
from metagen.layout import Layout, random_layout
from metagen.platform import Platform
from metagen.validation import Positive, PositiveInt, checked, load_toml


@checked
class LensStart:
    """Start from a forward-designed lens (:func:`metagen.lens.focusing`)."""

    focal_length: Positive
    wavelength: Positive
    kind: Literal["lens"] = "lens"


@checked
class RandomStart:
    """Start from random radii (:func:`metagen.layout.random_layout`)."""

    seed: int
    kind: Literal["random"] = "random"


@checked
class DesignSettings:
    """All that a design needs, as read from a TOML file.

    Attributes:
        name: of the device.
        count: pillars along one side.
        start: where to start.
        models: model files or names, one per wavelength (:func:`metagen.surrogate.load`).
        goals: what to reach; the worst of them is improved.
        optimizer: how.
    """

    name: str
    count: PositiveInt
    start: Annotated[LensStart | RandomStart, Field(discriminator="kind")]
    models: Annotated[tuple[str, ...], Field(min_length=1)]
    goals: Annotated[tuple[Annotated[Goal, Field(discriminator="kind")], ...], Field(min_length=1)]
    optimizer: OptimizerSettings = Field(default_factory=OptimizerSettings)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read settings from a TOML file.

        Raises:
            InputError: no such file, an unknown key, or a value that is not allowed.
        """
        return load_toml(path, cls)

    @property
    def objective(self) -> WorstOf:
        """The worst of the goals."""
        return WorstOf(self.goals)


def run(
    settings: DesignSettings,
    path: str | Path,
    *,
    models: tuple[Model, ...] | None = None,
    progress: bool = True,
) -> Device:
    """Design a device as its file says, and write it.

    Args:
        settings: of the design.
        path: of the device file; see :func:`metagen.design.optimize` for what happens if it exists.
        models: instead of those that the settings name.
        progress: whether to show a progress bar.

    Raises:
        MetagenError: see :func:`metagen.surrogate.load` and :func:`metagen.design.optimize`.
    """
    models = models or tuple(surrogate.load(name) for name in settings.models)
    layout = start_layout(settings, common_platform(models))
    return optimize(
        layout,
        models,
        settings.objective,
        settings.optimizer,
        name=settings.name,
        path=path,
        progress=progress,
    )


def start_layout(settings: DesignSettings, platform: Platform) -> Layout:
    """The layout that a design starts from."""
    start = settings.start
    if isinstance(start, RandomStart):
        return random_layout(platform, settings.count, start.seed)
    return lens.focusing(platform, start.focal_length, start.wavelength, settings.count)
