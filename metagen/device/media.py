"""The media of a platform at one wavelength, as checked refractive indices."""

from __future__ import annotations

from dataclasses import dataclass

from metagen.base.errors import InputError

NEGLIGIBLE_LOSS = 1e-4
"""Largest imaginary part of an index that is left out where the index must be real: over the height of a
pillar it takes about a thousandth of the light."""


@dataclass(frozen=True)
class Media:
    """The refractive indices that light of one wavelength meets; made by :meth:`metagen.Platform.at`.

    Attributes:
        wavelength: wavelength in vacuum.
        pillar: refractive index of the pillars; its imaginary part is positive where they absorb.
        substrate: refractive index below z = 0, where the light comes from.
        cover: refractive index around and above the pillars.
    """

    wavelength: float
    pillar: complex
    substrate: float
    cover: float


def outer_index(name: str, index: complex, wavelength: float) -> float:
    """The index of the substrate or the cover, which must be real.

    Raises:
        InputError: its imaginary part is over :data:`NEGLIGIBLE_LOSS`.
    """
    if index.imag > NEGLIGIBLE_LOSS:
        raise InputError(
            f"{name} has the index {index:g} at wavelength {wavelength:g}; light comes from the substrate "
            "and leaves into the cover, so neither may absorb (an imaginary part up to "
            f"{NEGLIGIBLE_LOSS:g} is left out): give a real index, or another material"
        )
    return index.real
