"""Waves on the command line: a kind and the numbers that it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from metagen.base.errors import InputError

if TYPE_CHECKING:
    from metagen.forward.targets import Wave

Kind = Literal["lens", "deflector", "axicon", "vortex", "hologram"]
NEEDED: dict[str, tuple[str, ...]] = {
    "lens": ("focal_length",),
    "deflector": ("angle_deg",),
    "axicon": ("angle_deg",),
    "vortex": ("charge",),
    "hologram": ("image", "focal_length", "width"),
}
"""What each kind needs of :class:`Numbers`, in the order in which a text has it."""
ALLOWED: dict[str, tuple[str, ...]] = {
    "lens": ("at",),
    "deflector": ("direction_deg",),
    "vortex": ("focal_length",),
}
"""What it may have besides, likewise."""


@dataclass(frozen=True)
class Numbers:
    """What says which wave of a kind is wanted; None where nothing is said."""

    focal_length: float | None = None
    at: tuple[float, float] | None = None
    angle_deg: float | None = None
    direction_deg: float | None = None
    charge: int | None = None
    image: Path | None = None
    width: float | None = None


def wave(kind: str, numbers: Numbers) -> Wave:
    """The wave of a kind.

    Raises:
        InputError: something that it needs is missing, or something is given that it does not have.
    """
    from metagen.forward import Axicon, Deflection, Focus, Hologram, Vortex

    _check(kind, numbers)
    length, angle = numbers.focal_length, math.radians(numbers.angle_deg or 0.0)
    match kind:
        case "lens":
            return Focus(length or 0.0, *(numbers.at or ()))
        case "deflector":
            return Deflection(angle, math.radians(numbers.direction_deg or 0.0))
        case "axicon":
            return Axicon(angle)
        case "vortex":
            return Vortex(numbers.charge or 0, length)
    return Hologram.load(numbers.image or Path(), numbers.width or 0.0, length or 0.0)


def wave_in_words(text: str) -> Wave:
    """The wave that a text says by its kind and its numbers, such as "lens 10 -3 0".

    Raises:
        InputError: it says none.
    """
    kind, *words = text.split() or [""]
    if kind not in NEEDED:
        raise InputError(f"{text!r} is no wave; it begins with one of {', '.join(NEEDED)}")
    given: dict[str, Any] = {}
    for name in _names(kind):
        if words:
            taken = 2 if name == "at" else 1
            given[name] = _read(name, words[:taken], text)
            words = words[taken:]
    if words:
        raise InputError(f"{text!r}: what is {' '.join(words)!r}? A {kind} has {_options(_names(kind))}")
    return wave(kind, Numbers(**given))


def _read(name: str, words: list[str], text: str) -> object:
    try:
        match name:
            case "image":
                return Path(words[0])
            case "at":
                x, y = map(float, words)
                return x, y
            case "charge":
                return int(words[0])
        return float(words[0])
    except ValueError as error:
        raise InputError(f"{text!r}: {' '.join(words)!r} is no {_options([name])}") from error


def _check(kind: str, numbers: Numbers) -> None:
    given = [name for name, value in vars(numbers).items() if value is not None]
    missing = [name for name in NEEDED[kind] if name not in given]
    superfluous = [name for name in given if name not in _names(kind)]
    if missing:
        raise InputError(f"a {kind} needs {_options(missing)}")
    if superfluous:
        raise InputError(f"a {kind} has no {_options(superfluous)}; it has {_options(_names(kind))}")
    if numbers.angle_deg is not None and not 0 < numbers.angle_deg < 90:
        raise InputError(f"--angle-deg is {numbers.angle_deg:g}; it must be between 0 and 90 degrees")


def _names(kind: str) -> list[str]:
    return [*NEEDED[kind], *ALLOWED.get(kind, ())]


def _options(names: list[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)
