"""What a device should make of light: the wave that it sends out, and in which polarisation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from metagen.device.atoms import Atom, Kind
from metagen.device.illumination import Illumination, Polarisation, in_words
from metagen.device.media import Media
from metagen.device.symmetry import Symmetry
from metagen.forward.targets import Places, Target, Wave

OTHER = {"left": "right", "right": "left"}
"""The other handedness of circular light."""
SAME = 1e-9
"""Jones vectors, or directions, that differ by less than this are the same."""

Complex = NDArray[np.complex128]


def seen_through(light: Illumination, atom: Atom, analyser: Polarisation | None) -> Illumination:
    """The part of the light behind a device that follows its pillars: along the axis, with its polarisation.

    Args:
        light: what meets the device.
        atom: the family of its pillars.
        analyser: polarisation of that part; None is that of the light, and for circular light on pillars that
            may turn the other handedness, whose phase follows the angle.
    """
    name = light.polarisation
    turns = any(parameter.kind is Kind.ANGLE for parameter in atom.parameters)
    if analyser is None and turns and isinstance(name, str):
        name = OTHER.get(name, name)
    return Illumination(light.wavelength, name if analyser is None else analyser)


@dataclass(frozen=True, eq=False)
class Aim:
    """What a device should make of light.

    Attributes:
        light: the illumination; a wavelength alone is light along x at normal incidence.
        target: the wave that the device should send out, as a function of the place
            (:mod:`metagen.forward.targets`).
        analyser: polarisation of the light that should make this wave, a name or a Jones vector. None is that
            of the illumination, and for circular light on pillars that may turn the other handedness, whose
            phase follows the angle.
    """

    light: Illumination
    target: Target
    analyser: Polarisation | None = None

    if TYPE_CHECKING:

        def __init__(
            self, light: Illumination | float, target: Target, analyser: Polarisation | None = ...
        ) -> None: ...

    def __post_init__(self) -> None:
        if not isinstance(self.light, Illumination):
            object.__setattr__(self, "light", Illumination(self.light))

    @property
    def label(self) -> str:
        """A short name for files."""
        return self.target.label if isinstance(self.target, Wave) else "wave"

    @property
    def described(self) -> str:
        """The aim in words."""
        return f"{self.label} of {self.light.wavelength:g} µm, {in_words(self.light)}"

    def output(self, atom: Atom) -> Complex:
        """[2] Jones vector of the light that should make the wave."""
        return seen_through(self.light, atom, self.analyser).jones

    def seen(self, atom: Atom, jones: Complex) -> Complex:
        """[...] amplitude of the analysed part of the light, behind Jones matrices [..., 2, 2]."""
        return np.asarray(np.conj(self.output(atom)) @ (jones @ self.light.jones)[..., None])[..., 0]

    def largest(self, media: Media) -> float:
        """The largest amplitude behind a pillar: all power is in the zeroth order."""
        tilt = float(np.sum(self.light.direction**2))
        return math.sqrt(math.sqrt(media.substrate**2 - tilt) / math.sqrt(media.cover**2 - tilt))

    def wanted(self, places: Places, media: Media) -> Complex:
        """[M] what pillars at places [M, 2] should let through, over the light that arrives there.

        Its mean square is 1.
        """
        x, y = places.T
        wave = np.asarray(self.target(x, y, 2 * math.pi / media.wavelength * media.cover))
        field = wave * np.exp(-1j * (places @ self.light.wave_vector))
        return np.asarray(field / np.sqrt(np.mean(np.abs(field) ** 2)))

    def is_kept_by(self, operation: Symmetry, atom: Atom) -> bool:
        """Whether a mirror or turn of a pillar leaves what is seen of the light as it is."""
        before, after = self.light.jones, self.output(atom)
        turned, analysed = (operation.matrix @ each for each in (before, after))
        factors = np.vdot(before, turned), np.vdot(after, analysed)
        straight = np.abs(operation.matrix @ self.light.direction - self.light.direction).max() < SAME
        return bool(straight and abs(np.conj(factors[1]) * factors[0] - 1) < SAME)
