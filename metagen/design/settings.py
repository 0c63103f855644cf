"""A design as a file: the start, the models, the goals and the optimiser."""

from __future__ import annotations

import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from traceback import extract_tb
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from metagen import surrogate
from metagen.base.arguments import brief
from metagen.base.errors import InputError, MetagenError
from metagen.base.names import Name
from metagen.base.texts import check_ordinary
from metagen.base.validation import FromToml, Positive, Seed, checked
from metagen.design.ascent import OptimizerSettings
from metagen.design.combine import Sum, Trust, WorstOf
from metagen.design.device import Device
from metagen.design.goal import Lit, Objective
from metagen.design.matched import matched
from metagen.design.model import Model, common_platform
from metagen.design.objectives import Goal
from metagen.design.starts import optimize
from metagen.design.supply import with_mirrored
from metagen.device.illumination import Illumination
from metagen.device.layout import Layout, on_wider, random_layout
from metagen.device.platform import Platform, with_fixed
from metagen.device.sites import Aperture, Count
from metagen.forward import lens


@checked
class LensStart(Lit):
    """Start from a forward-designed lens for some light (:func:`metagen.forward.lens.focusing`).

    Attributes:
        focal_length: distance from the monitor plane to the focus.
        wavelength: wavelength in vacuum.
        pillar: values of parameters that all pillars share at the start, by name. Fins of one length and
            width are turned by half the phase in circular light, for instance. By default every pillar gets
            the values that serve best.
    """

    focal_length: Positive
    wavelength: Positive
    pillar: Mapping[str, float] = Field(default_factory=dict)
    kind: Literal["lens"] = "lens"


@checked
class RandomStart:
    """Start from random pillars (:func:`metagen.device.layout.random_layout`)."""

    seed: Seed
    kind: Literal["random"] = "random"


@checked
class MatchedStart:
    """Start from a forward design for all goals at once (:func:`metagen.design.matched`)."""

    kind: Literal["matched"] = "matched"


Start = Annotated[LensStart | RandomStart | MatchedStart, Field(discriminator="kind")]


@checked
class DesignSettings(FromToml):
    """All that a design needs, as read from a TOML file or written in a script.

    The device has the platform of its models, which must all be of one platform.

    Attributes:
        name: name of the device, and of files about it (:func:`metagen.base.names.check_name`).
        count: cells along x, or along x and y (:func:`metagen.device.sites.counts_of`).
        aperture: shape of the device; outside a circle there are no pillars.
        start: where to start; with several starts the best one goes on (:func:`metagen.design.optimize`).
        models: model files or names, one per wavelength and polarisation (:func:`metagen.surrogate.load`).
            Where lattice and meta-atom have the mirror x ↔ y, the one for light along x is enough.
        goals: what to reach; the worst of them is improved, each measured by its target.
        sharpness: how much the other goals count beside the worst (:class:`metagen.design.WorstOf`).
        trust: weight of the penalty on expected errors (:class:`metagen.design.Trust`) in every light;
            the models must know their errors. None for no penalty.
        optimizer: how the device is optimised.
    """

    name: Name
    count: Count
    start: Start | Annotated[tuple[Start, ...], Field(min_length=1)]
    models: Annotated[tuple[str, ...], Field(min_length=1)]
    goals: Annotated[tuple[Annotated[Goal, Field(discriminator="kind")], ...], Field(min_length=1)]
    sharpness: Positive | None = None
    trust: Positive | None = None
    aperture: Aperture = "rectangle"
    optimizer: OptimizerSettings = Field(default_factory=OptimizerSettings)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read settings from a TOML file, or from a Python script that calls them ``settings``.

        A script is code and runs with your rights (not as ``__main__``): load only scripts that you trust.

        Raises:
            InputError: there is no such file, a key or value is not allowed, or the script fails or has no
                settings.
        """
        path = Path(path)
        if path.suffix != ".py":
            return super().load(path)
        check_ordinary(path)
        found = _run(path).get("settings")
        if not isinstance(found, cls):
            raise InputError(
                f"{path}: settings is {brief(found)}; the script must make DesignSettings of that name"
            )
        return found

    def load_models(self, names: Sequence[str] | None = None) -> list[Model]:
        """The models, or those of other files or names, and what the mirror x ↔ y makes of them for goals.

        Raises:
            InputError, FormatError: see :func:`metagen.surrogate.load`.
        """
        return with_mirrored([surrogate.load(name) for name in names or self.models], self.goals)

    @property
    def objective(self) -> Objective:
        """The worst of the goals, with the trust penalty if there is one."""
        worst = WorstOf(self.goals, self.sharpness)
        if self.trust is None:
            return worst
        lights: list[Illumination] = []
        for goal in self.goals:
            if not any(goal.illumination.is_like(light) for light in lights):
                lights.append(goal.illumination)
        return Sum((worst, *(Trust.of(light, self.trust) for light in lights)))


def _run(script: Path) -> dict[str, Any]:
    """The names that a script makes.

    Raises:
        InputError: it fails; the error that it raised is the cause.
    """
    try:
        return runpy.run_path(str(script))
    except MetagenError:
        raise
    except (Exception, SystemExit) as error:
        lines = [each.lineno for each in extract_tb(error.__traceback__) if each.filename == str(script)]
        where = f"line {lines[-1]}: " if lines else ""
        raise InputError(f"{script}: {where}the script fails with {type(error).__name__}: {error}") from error


def run(
    settings: DesignSettings,
    path: str | Path,
    *,
    models: Sequence[Model] | None = None,
    progress: bool = True,
) -> Device:
    """Design a device by its settings, and write it.

    Args:
        settings: the settings of the design.
        path: path of the device file; see :func:`metagen.design.optimize` for what happens if it exists.
        models: models to use instead of those that the settings name, completed in the same way.
        progress: whether to show a progress bar.

    Raises:
        MetagenError: see :func:`metagen.surrogate.load` and :func:`metagen.design.optimize`.
    """
    models = with_mirrored(models, settings.goals) if models else settings.load_models()
    starts = start_layouts(settings, common_platform(models))
    for goal in settings.goals:
        lens.warn_if_far(min(starts[0].sides), goal.wavelength, float(goal.points()[:, 2].max()))
    return optimize(
        starts,
        models,
        settings.objective,
        settings.optimizer,
        name=settings.name,
        path=path,
        progress=progress,
    )


def start_layouts(settings: DesignSettings, platform: Platform) -> list[Layout]:
    """The layouts that a design starts from."""
    starts = settings.start if isinstance(settings.start, tuple) else (settings.start,)
    return [_start_layout(start, settings, platform) for start in starts]


def start_layout(settings: DesignSettings, platform: Platform) -> Layout:
    """The first of the layouts that a design starts from."""
    return start_layouts(settings, platform)[0]


def _start_layout(start: Start, settings: DesignSettings, platform: Platform) -> Layout:
    match start:
        case RandomStart():
            return random_layout(platform, settings.count, start.seed, settings.aperture)
        case MatchedStart():
            return matched(platform, settings.goals, settings.count, aperture=settings.aperture)
        case LensStart():
            made = lens.focusing(
                with_fixed(platform, start.pillar),
                start.focal_length,
                start.illumination,
                settings.count,
                aperture=settings.aperture,
            )
            return on_wider(platform, made) if start.pillar else made
