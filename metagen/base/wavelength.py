"""When two wavelengths are the same, and how one is written in tables, on plots and in names of files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

TOLERANCE = 1e-6
"""Wavelengths this close (micrometres) are the same: a thousandth of a nanometre."""
DECIMALS = 3
"""Decimals of the nanometres in a label: enough that different wavelengths have different labels."""


def same_wavelength(one: float, other: float) -> bool:
    """Whether two wavelengths (micrometres) are the same, up to rounding."""
    return abs(one - other) < TOLERANCE


class _Monochrome(Protocol):
    @property
    def wavelength(self) -> float: ...


T = TypeVar("T", bound=_Monochrome)


def of_wavelength(things: Iterable[T], wavelength: float) -> list[T]:
    """The ones of several near fields, models, datasets, … whose wavelength is the given one."""
    return [each for each in things if same_wavelength(each.wavelength, wavelength)]


def nanometres(wavelength: float) -> str:
    """A wavelength in nanometres without needless digits: ``"633"`` for 0.633, ``"633.1"`` for 0.6331.

    Different wavelengths have different labels, so that they serve in names of files.
    """
    return f"{round(wavelength * 1000, DECIMALS):.10g}"
