"""Which light goals ask for, and which models give it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from metagen.design.goal import Aimed
from metagen.design.model import Model
from metagen.device.illumination import Illumination
from metagen.surrogate import Surrogate
from metagen.surrogate.light import mirrored


def lights_of(goals: Iterable[Aimed], models: Sequence[Model]) -> list[Illumination]:
    """The light that makes up that of the goals, each once: that of a model, or else along x and along y.

    Args:
        goals: what a device is for.
        models: the models that predict its light.
    """
    found: list[Illumination] = []
    for goal in goals:
        own = goal.illumination
        parts = [own] if _knows(models, own) else [part for _, part in own.parts]
        found += [part for part in parts if not any(part.is_like(other) for other in found)]
    return found


def with_mirrored(models: Sequence[Model], goals: Iterable[Aimed]) -> list[Model]:
    """The models, and those that the mirror x ↔ y makes of them for light of the goals that has no model.

    Light for which nothing can be made has no model afterwards either; :class:`metagen.design.Light` says so.
    """
    known = list(models)
    trained = [each for each in models if isinstance(each, Surrogate)]
    for light in lights_of(goals, models):
        made = None if _knows(known, light) else mirrored(trained, light)
        known += [] if made is None else [cast(Model, made)]
    return known


def _knows(models: Sequence[Model], light: Illumination) -> bool:
    return any(model.domain.illumination.is_like(light) for model in models)
