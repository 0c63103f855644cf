"""The dispersion formulas of refractiveindex.info."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any

from metagen.base.errors import InputError
from metagen.base.validation import Positive, checked


class FormulaKind(IntEnum):
    """The dispersion formulas of refractiveindex.info, by its numbers; λ in micrometres."""

    SELLMEIER = 1
    SELLMEIER_2 = 2
    POLYNOMIAL = 3
    FRACTION = 4
    CAUCHY = 5
    GAS = 6
    HERZBERGER = 7
    RETRO = 8
    EXOTIC = 9


MOST = 17
"""Largest number of coefficients of a formula."""
PAIRS = tuple(range(3, MOST + 1, 2))
"""Possible numbers of coefficients of a formula that is a constant and terms of two coefficients each."""
COUNTS = {
    FormulaKind.FRACTION: (5, *range(9, MOST + 1, 2)),
    FormulaKind.HERZBERGER: (5, 6),
    FormulaKind.RETRO: (4,),
    FormulaKind.EXOTIC: (6,),
}
"""Possible numbers of coefficients of each kind of formula; kinds that are not listed have PAIRS."""


@checked
class Formula:
    """A dispersion formula within its range of validity.

    Attributes:
        kind: which formula.
        coefficients: C1, C2, … in the order of refractiveindex.info.
        shortest: shortest wavelength in vacuum at which the formula holds.
        longest: longest wavelength in vacuum at which the formula holds.

    Raises:
        InputError: too few or too many coefficients for this kind, or a range that does not increase.
    """

    kind: FormulaKind
    coefficients: tuple[float, ...]
    shortest: Positive
    longest: Positive

    def __post_init__(self) -> None:
        count, allowed = len(self.coefficients), COUNTS.get(self.kind, PAIRS)
        if count not in allowed:
            raise InputError(
                f"formula {self.kind:d} has {count} coefficients; {', '.join(map(str, allowed))} are "
                "possible: the list may be cut short (0 stands for a term that is not there)"
            )
        if not self.shortest < self.longest:
            raise InputError(
                f"formula {self.kind:d} is to hold for {self.shortest:g} .. {self.longest:g} micrometres; "
                "the first must be the smaller one"
            )

    def __call__(self, wavelength: Any) -> Any:
        """[...] value at wavelengths [...] (numbers, arrays or torch tensors)."""
        count = len(self.coefficients)
        c = (*self.coefficients, *([0.0] * (MOST - count)))
        return _FORMULAS[self.kind](c, count, wavelength)

    def at(self, wavelength: float) -> float:
        """The value at one wavelength.

        Raises:
            InputError: the formula has a pole there, or gives a negative square of the index.
        """
        try:
            value = self(wavelength)
        except (ZeroDivisionError, OverflowError):
            value = math.inf
        if isinstance(value, complex):
            raise InputError(f"formula {self.kind:d} gives a negative n² at wavelength {wavelength:g}")
        if not math.isfinite(value):
            raise InputError(f"formula {self.kind:d} has a pole at wavelength {wavelength:g}")
        return float(value)


def _sellmeier(c: tuple[float, ...], count: int, w: Any) -> Any:
    square = 1 + c[0] + sum(c[i] * w**2 / (w**2 - c[i + 1] ** 2) for i in range(1, count - 1, 2))
    return square**0.5


def _sellmeier_2(c: tuple[float, ...], count: int, w: Any) -> Any:
    square = 1 + c[0] + sum(c[i] * w**2 / (w**2 - c[i + 1]) for i in range(1, count - 1, 2))
    return square**0.5


def _polynomial(c: tuple[float, ...], count: int, w: Any) -> Any:
    return (c[0] + sum(c[i] * w ** c[i + 1] for i in range(1, count - 1, 2))) ** 0.5


def _fraction(c: tuple[float, ...], count: int, w: Any) -> Any:
    fractions = sum(
        c[i] * w ** c[i + 1] / (w**2 - c[i + 2] ** c[i + 3])
        for i in (1, 5)
        if c[i]  # a missing fraction (coefficient 0) would have a pole at 1
    )
    return (c[0] + fractions + sum(c[i] * w ** c[i + 1] for i in range(9, count - 1, 2))) ** 0.5


def _cauchy(c: tuple[float, ...], count: int, w: Any) -> Any:
    return c[0] + sum(c[i] * w ** c[i + 1] for i in range(1, count - 1, 2))


def _gas(c: tuple[float, ...], count: int, w: Any) -> Any:
    return 1 + c[0] + sum(c[i] / (c[i + 1] - w**-2) for i in range(1, count - 1, 2))


def _herzberger(c: tuple[float, ...], count: int, w: Any) -> Any:
    pole = 1 / (w**2 - 0.028)
    return c[0] + c[1] * pole + c[2] * pole**2 + c[3] * w**2 + c[4] * w**4 + c[5] * w**6


def _retro(c: tuple[float, ...], count: int, w: Any) -> Any:
    ratio = c[0] + c[1] * w**2 / (w**2 - c[2]) + c[3] * w**2
    return ((1 + 2 * ratio) / (1 - ratio)) ** 0.5


def _exotic(c: tuple[float, ...], count: int, w: Any) -> Any:
    return (c[0] + c[1] / (w**2 - c[2]) + c[3] * (w - c[4]) / ((w - c[4]) ** 2 + c[5])) ** 0.5


_FORMULAS = {
    FormulaKind.SELLMEIER: _sellmeier,
    FormulaKind.SELLMEIER_2: _sellmeier_2,
    FormulaKind.POLYNOMIAL: _polynomial,
    FormulaKind.FRACTION: _fraction,
    FormulaKind.CAUCHY: _cauchy,
    FormulaKind.GAS: _gas,
    FormulaKind.HERZBERGER: _herzberger,
    FormulaKind.RETRO: _retro,
    FormulaKind.EXOTIC: _exotic,
}
