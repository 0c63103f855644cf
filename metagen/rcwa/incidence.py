"""The incident plane wave, as the solver takes it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.base.arguments import brief
from metagen.base.errors import InputError
from metagen.device.illumination import Illumination
from metagen.device.symmetry import Symmetry
from metagen.rcwa.basis import Element
from metagen.rcwa.tensors import Reals, as_tensor, is_positive

ROUNDING = 1e-15
"""Components of the wave vector / k0 below this are none: at an azimuth of π/2 rounding leaves 6e-17."""
IDENTITY: Element = (1, 1)
ELEMENTS = {Symmetry.MIRROR_Y: (1, -1), Symmetry.MIRROR_X: (-1, 1), Symmetry.HALF_TURN: (-1, -1)}


@dataclass(frozen=True, eq=False)
class Incidence:
    """A plane wave that comes from the substrate.

    Attributes:
        wavelength: [...] in vacuum.
        kx, ky: transverse wave vector / k0.
        polarisation: amplitudes of Ex and Ey at z = 0.
    """

    wavelength: Tensor
    kx: float = 0.0
    ky: float = 0.0
    polarisation: tuple[complex, complex] = (1.0, 0.0)

    def __post_init__(self) -> None:
        if self.wavelength.is_complex() or not self.wavelength.numel():
            raise InputError(
                f"wavelength is {self.wavelength}; it must be real, and one at least (micrometres)"
            )
        if not is_positive(self.wavelength):
            raise InputError(f"wavelength is {self.wavelength}; it must be positive and finite (micrometres)")

    def group(self, symmetry: Symmetry) -> tuple[Element, ...]:
        """Of the mirrors and the half turn of a cell, those that leave the wave vector as it is."""
        kept = [
            element
            for name, element in ELEMENTS.items()
            if name in symmetry and self.kx * element[0] == self.kx and self.ky * element[1] == self.ky
        ]
        return (IDENTITY, *kept)

    @property
    def is_normal(self) -> bool:
        """Whether the light comes along the z axis."""
        return self.kx == self.ky == 0

    @property
    def jones(self) -> Tensor:
        """[2] the polarisation as a tensor."""
        return torch.tensor(self.polarisation, dtype=torch.complex128)


def incidence_of(light: Illumination | Reals) -> Incidence:
    """Light as the solver takes it; wavelengths alone are of light along x at normal incidence.

    Raises:
        InputError: it is neither an illumination nor wavelengths.
    """
    if not isinstance(light, Illumination):
        return Incidence(_wavelengths(light))
    kx, ky = (0.0 if abs(k) < ROUNDING else k for k in light.direction.tolist())
    return Incidence(as_tensor(light.wavelength), kx, ky, tuple(light.jones.tolist()))


def _wavelengths(light: Reals) -> Tensor:
    try:
        return as_tensor(light)
    except InputError:
        raise InputError(
            f"light is {brief(light)}; give a metagen.Illumination, or wavelengths (micrometres)"
        ) from None
