"""Parameters of a meta-atom: free ones are a range, fixed ones a number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from numbers import Real
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BeforeValidator, ValidationInfo

from metagen.base.errors import InputError
from metagen.base.validation import check_angle

WHOLE = 1e-4
"""Share of a turn by which a range of angles may miss it, since people write 3.1415 for π."""


class Kind(Enum):
    """What a parameter counts."""

    LENGTH = "length"
    """Micrometres; the larger it is, the more room the pillar takes, or the same."""
    ANGLE = "angle"
    """Radians, counterclockwise."""
    CHOICE = "choice"
    """The number of a shape in a list, from 0."""


@dataclass(frozen=True)
class Parameter:
    """A free parameter of a meta-atom.

    Attributes:
        name: what it is called.
        low: its smallest value.
        high: its largest value.
        kind: what it counts.
    """

    name: str
    low: float
    high: float
    kind: Kind


Extent = float | tuple[float, float]
"""A number (fixed), or the lowest and the highest value (free)."""


def _extent(value: Any, info: ValidationInfo) -> Extent:
    ends = list(value) if isinstance(value, list | tuple | np.ndarray) and np.ndim(value) else [value]
    numbers = all(isinstance(end, Real) and math.isfinite(end) for end in ends)
    if len(ends) not in (1, 2) or not numbers:
        raise InputError(
            f"{info.field_name} is {value!r}; give a number (a fixed parameter) or [low, high] (a free one)"
        )
    if len(ends) == 2 and not ends[0] < ends[1]:
        raise InputError(f"{info.field_name} is {value!r}; the range must increase, from low to high")
    return float(ends[0]) if len(ends) == 1 else (float(ends[0]), float(ends[1]))


def _length(value: Any, info: ValidationInfo) -> Extent:
    extent = _extent(value, info)
    if not limits(extent)[0] > 0:
        raise InputError(f"{info.field_name} is {value!r}; lengths are positive (micrometres)")
    return extent


def _angle(value: Any, info: ValidationInfo) -> Extent:
    extent = _extent(value, info)
    check_angle(str(info.field_name), max(limits(extent), key=abs))
    return extent


def goes_round(limits: tuple[float, float], period: float) -> bool:
    """Whether a range of angles is the whole turn after which shapes repeat; 3.1415 is π."""
    return limits[1] - limits[0] >= period * (1 - WHOLE)


def limits(extent: Extent) -> tuple[float, float]:
    """Lowest and highest value; twice the number if it is fixed."""
    return extent if isinstance(extent, tuple) else (extent, extent)


if TYPE_CHECKING:
    Length = Extent
    Angle = Extent
else:
    Length = Annotated[Extent, BeforeValidator(_length)]
    Angle = Annotated[Extent, BeforeValidator(_angle)]
