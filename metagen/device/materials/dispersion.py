"""A refractive index that depends on the wavelength."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metagen.base.arguments import real
from metagen.base.errors import InputError
from metagen.base.validation import Positive, checked
from metagen.base.wavelength import same_wavelength
from metagen.device.materials.formulas import Formula

NOISE = 2e-5
"""A k down to minus this counts as 0: catalogues of clear glasses have measurements down to −1.4e-5."""


@checked
class Tabulated:
    """Values at increasing wavelengths, joined by straight lines.

    Attributes:
        wavelengths: [w] increasing wavelengths in vacuum.
        values: [w] values at these wavelengths.
    """

    wavelengths: tuple[Positive, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.wavelengths) != len(self.values) or len(self.values) < 2:
            raise InputError(
                f"a table has {len(self.wavelengths)} wavelengths and {len(self.values)} values; "
                "it needs equally many, two at least"
            )
        if not np.all(np.diff(self.wavelengths) > 0):
            raise InputError("the wavelengths of a table must increase; sort them and remove doubles")

    @property
    def shortest(self) -> float:
        """The first wavelength of the table."""
        return self.wavelengths[0]

    @property
    def longest(self) -> float:
        """The last wavelength of the table."""
        return self.wavelengths[-1]

    def __call__(self, wavelength: Any) -> NDArray[np.float64]:
        """[...] value at wavelengths [...]."""
        return np.asarray(np.interp(np.asarray(wavelength), self.wavelengths, self.values))

    def slope(self, wavelength: Any) -> NDArray[np.float64]:
        """[...] slope of the straight line at wavelengths [...]."""
        knots, values = np.asarray(self.wavelengths), np.asarray(self.values)
        interval = np.clip(np.searchsorted(knots, np.asarray(wavelength)) - 1, 0, len(knots) - 2)
        return np.asarray((np.diff(values) / np.diff(knots))[interval])

    def at(self, wavelength: float) -> float:
        """The value at one wavelength."""
        return float(self(wavelength))


@checked
class Dispersion:
    """A refractive index n + ik that depends on the wavelength.

    Attributes:
        name: name of the material.
        source: who measured the index.
        n: real part of the index.
        k: imaginary part of the index, positive for loss; None for a lossless material.

    Raises:
        InputError: there is no wavelength at which both n and k are known.
    """

    name: str
    source: str
    n: Formula | Tabulated
    k: Tabulated | None = None

    def __post_init__(self) -> None:
        if not self.shortest < self.longest:
            raise InputError(
                f"{self.name}: n and k have no wavelengths in common (one begins at {self.shortest:g}, the "
                f"other ends at {self.longest:g} micrometres)"
            )

    def __repr__(self) -> str:
        """The name and the range of wavelengths, without the table."""
        return f"Dispersion({self.name!r}, {self.shortest:g} .. {self.longest:g})"

    @property
    def shortest(self) -> float:
        """Shortest wavelength at which the index is known."""
        return max(self.n.shortest, self.k.shortest if self.k else 0.0)

    @property
    def longest(self) -> float:
        """Longest wavelength at which the index is known."""
        return min(self.n.longest, self.k.longest if self.k else np.inf)

    def index(self, wavelength: float) -> complex:
        """The index at a wavelength.

        Raises:
            InputError: the index is not known at this wavelength, or is not that of a passive material.
        """
        wavelength = real("wavelength", wavelength)
        if not self._knows(wavelength):
            raise InputError(
                f"wavelength is {wavelength:g}; {self.name} is known for {self.shortest:g} .. "
                f"{self.longest:g} micrometres: choose another source, or give a number"
            )
        try:
            n, k = self.n.at(wavelength), self.k.at(wavelength) if self.k else 0.0
        except InputError as error:
            raise InputError(f"{self.name}: {error}; choose another source, or give a number") from error
        if n <= 0 or k < -NOISE:
            raise InputError(
                f"{self.name} has the index {complex(n, k):g} at wavelength {wavelength:g}; n must be "
                "positive, and k not negative: materials that amplify light are not supported"
            )
        return complex(n, max(k, 0.0))

    def _knows(self, wavelength: float) -> bool:
        limits = self.shortest, self.longest
        return limits[0] <= wavelength <= limits[1] or any(same_wavelength(wavelength, one) for one in limits)
