"""What callers give to functions: a value of the wrong kind is refused by the name of its argument."""

from __future__ import annotations

import math
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError

SHOWN = 60
"""Characters of a value that a message shows."""


def brief(value: object) -> str:
    """A value in one line that is not too long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def check_kind(name: str, value: object, kind: type, how: str = "") -> None:
    """Refuse an argument that is of another kind.

    Args:
        name: of the argument.
        value: what was given.
        kind: what it must be.
        how: what else to say of how one is made.

    Raises:
        InputError: it is of another kind; a path is answered by how such a file is read, if it can be.
    """
    if isinstance(value, kind):
        return
    if isinstance(value, str | Path) and hasattr(kind, "load"):
        how = f": {kind.__name__}.load({str(value)!r}) reads one from a file"
    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    raise InputError(f"{name} is {brief(value)}; it must be {article} {kind.__name__}{how}")


def positive(name: str, value: Any, unit: str = "(micrometres)") -> float:
    """One positive number: a Python or numpy one, or an array or a tensor without axes.

    Raises:
        InputError: it is something else, not finite, or not positive.
    """
    found = real(name, value, unit)
    if not found > 0:
        raise InputError(f"{name} is {found:g}; it must be positive and finite {unit}")
    return found


def real(name: str, value: Any, unit: str = "(micrometres)") -> float:
    """One finite number, likewise.

    Raises:
        InputError: it is something else, or not finite.
    """
    try:
        single = not isinstance(value, str | bool) and not getattr(value, "ndim", 0)
        found = float(value) if single else None
    except (TypeError, ValueError, RuntimeError):
        found = None
    if found is None:
        raise InputError(f"{name} is {brief(value)}; it must be one number {unit}")
    if not math.isfinite(found):
        raise InputError(f"{name} is {found:g}; it must be finite {unit}")
    return found


def count(name: str, value: Any) -> int:
    """A whole number from 1 on.

    Raises:
        InputError: it is something else.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name} is {brief(value)}; it must be a whole number, 1 at least")
    return int(value)


def generator(seed: Any) -> np.random.Generator:
    """The random generator of a seed; equal seeds give equal numbers.

    Raises:
        InputError: the seed is no whole number from 0 on.
    """
    if not isinstance(seed, Integral) or seed < 0:
        raise InputError(f"seed is {brief(seed)}; it must be a whole number, 0 at least")
    return np.random.default_rng(int(seed))


def array_of(value: Any, name: str, kinds: str = "biuf") -> NDArray[Any]:
    """An array of numbers of some kinds, as ``numpy.dtype.kind`` names them; of real ones by default.

    Raises:
        InputError: it is something else.
    """
    try:
        array = np.array(value)
    except (TypeError, ValueError, RuntimeError):
        array = np.array(None)
    if array.dtype.kind not in kinds:
        some = "numbers" if "c" in kinds else "real numbers"
        raise InputError(f"{name} is {brief(value)}; give a number, or an array or a tensor of {some}")
    return array
