"""Families of layouts that a campaign file can ask for: a few lines describe many devices.

All layouts have both mirrors x → −x and y → −y, so that Meep needs a quarter of the time in light that has
them: the image of a fin at the angle θ is a fin at −θ.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from metagen.base.arguments import generator
from metagen.base.errors import InputError
from metagen.base.validation import Positive, Seed, check_angle, checked, in_radians
from metagen.device.atoms import Atom, Kind
from metagen.device.illumination import Illumination, Polarisation, in_words
from metagen.device.layout import Layout, limits_of, mirrored_layout, random_layout
from metagen.device.orbits import SiteOrbits
from metagen.device.platform import Platform
from metagen.device.sites import Aperture, Count, Sites, counts_of, suffix
from metagen.forward.smooth import smooth_values

Seeds = Annotated[tuple[Seed, ...], Field(min_length=1, max_length=10_000)]
"""Each seed is a layout, and a simulation for every light: more than ten thousand are a mistake."""
Spread = Annotated[float, Field(ge=0)]


def _turn(angle: float) -> float:
    check_angle("angle_spread", angle)
    return angle


@checked
class Focusing:
    """Forward-designed lenses, one per focal length.

    A lens for circular light has no mirrors: the layout is then its quadrant x, y > 0 with the mirror images
    of that, in two of which it focuses the other handedness.

    Attributes:
        count: cells along x, or along x and y.
        wavelength: wavelength in vacuum at which the lenses focus.
        focal_lengths: distances from the monitor plane to the focus.
        polarisation: of the light that they focus, a name or a Jones vector.
        aperture: shape of the device.
    """

    family: Literal["focusing"]
    count: Count
    wavelength: Positive
    focal_lengths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    polarisation: Polarisation = "x"
    aperture: Aperture = "rectangle"

    def layouts(self, platform: Platform) -> Iterator[Layout]:
        """Design the lenses (computes the phase table or the library where it is not cached)."""
        from metagen.forward.lens import focusing

        light = Illumination(self.wavelength, self.polarisation)
        for focal_length in self.focal_lengths:
            made = focusing(platform, focal_length, light, self.count, aperture=self.aperture)
            yield made if made.has_mirror_planes else _mirrored(made, light)


@checked
class Random:
    """Independent random pillars, one layout per seed.

    Attributes:
        count: cells along x, or along x and y.
        seeds: seeds of the random generator.
        aperture: shape of the device.
    """

    family: Literal["random"]
    count: Count
    seeds: Seeds
    aperture: Aperture = "rectangle"

    def layouts(self, platform: Platform) -> Iterator[Layout]:
        """Draw the layouts."""
        for seed in self.seeds:
            yield random_layout(platform, self.count, seed, self.aperture)


@checked
class Smooth:
    """Random pillars that vary slowly, one layout per correlation length and seed.

    The parameters are spread evenly over the platform's limits, as in :class:`Random`, but neighbours differ
    less, as they do in a lens.

    Attributes:
        count: cells along x, or along x and y.
        correlation_lengths: distances at which the correlation has fallen to 1/e.
        seeds: seeds of the random generator.
        aperture: shape of the device.
    """

    family: Literal["smooth"]
    count: Count
    correlation_lengths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    seeds: Seeds
    aperture: Aperture = "rectangle"

    def layouts(self, platform: Platform) -> Iterator[Layout]:
        """Draw the layouts."""
        for length in self.correlation_lengths:
            for seed in self.seeds:
                yield smooth_layout(platform, self.count, length, seed, self.aperture)


@checked
class Perturbed:
    """Forward-designed lenses (:class:`Focusing`) with random deviations of the parameters.

    Attributes:
        count: cells along x, or along x and y.
        wavelength: wavelength in vacuum at which the lenses focus.
        focal_lengths: distances from the monitor plane to the focus.
        spread: standard deviation of the lengths (radii) from those of the lens; the platform's limits are
            kept.
        seeds: seeds of the random generator; each lens is made once with each seed.
        angle_spread: standard deviation of the angles, in radians; in a file also in degrees, as
            ``angle_spread_deg``.
        polarisation: of the light that the lenses focus.
        aperture: shape of the device.
    """

    family: Literal["perturbed"]
    count: Count
    wavelength: Positive
    focal_lengths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    spread: Spread
    seeds: Seeds
    angle_spread: Annotated[Spread, AfterValidator(_turn)] = 0.0
    polarisation: Polarisation = "x"
    aperture: Aperture = "rectangle"

    @model_validator(mode="before")
    @classmethod
    def _angles(cls, given: Any) -> Any:
        return in_radians(given, "angle_spread") if isinstance(given, dict) else given

    def layouts(self, platform: Platform) -> Iterator[Layout]:
        """Design the lenses and move their parameters."""
        lenses = Focusing(
            "focusing", self.count, self.wavelength, self.focal_lengths, self.polarisation, self.aperture
        )
        for lens in lenses.layouts(platform):
            for seed in self.seeds:
                yield perturbed(lens, self.spread, seed, self.angle_spread)


Family = Annotated[Focusing | Random | Smooth | Perturbed, Field(discriminator="family")]


def smooth_layout(
    platform: Platform,
    count: int | tuple[int, int],
    correlation_length: float,
    seed: int,
    aperture: Aperture = "rectangle",
) -> Layout:
    """Random pillars with a Gaussian correlation, spread evenly over the platform's limits.

    Args:
        platform: what the process fixes.
        count: cells along x, or along x and y (:func:`metagen.device.sites.counts_of`).
        correlation_length: distance at which the correlation has fallen to 1/e.
        seed: seed of the random generator; equal seeds give equal layouts.
        aperture: shape of the device.

    Raises:
        InputError: a count is not positive, or lattice or meta-atom lack one of the mirrors.
    """
    orbits = SiteOrbits.of(Sites.within(platform.lattice, counts_of(platform.lattice, count), aperture))
    values = smooth_values(platform.atom, orbits, correlation_length, generator(seed))
    name = f"smooth-l{correlation_length:g}-s{seed}{suffix(aperture)}"
    about = {"family": "smooth", "correlation_length": repr(correlation_length), "seed": str(seed)}
    return mirrored_layout(platform, orbits, values, name, about)


def perturbed(layout: Layout, spread: float, seed: int, angle_spread: float = 0.0) -> Layout:
    """A layout with mirror planes whose parameters are moved at random, within the platform's limits.

    Args:
        layout: a layout with both mirror planes.
        spread: standard deviation of the lengths from those of the layout.
        seed: seed of the random generator; equal seeds give equal layouts.
        angle_spread: standard deviation of the angles, in radians. Choices among given shapes stay.

    Raises:
        InputError: nothing is moved, or the layout lacks a mirror plane.
    """
    platform, spreads = layout.platform, {Kind.LENGTH: spread, Kind.ANGLE: angle_spread}
    scales = np.array([spreads.get(parameter.kind, 0.0) for parameter in platform.atom.parameters])
    if not scales.any():
        raise InputError(
            f"spread {spread:g} (of lengths) and angle_spread {angle_spread:g} move no free parameter of "
            f"{platform.atom}; give that of its kind"
        )
    orbits = SiteOrbits.of(Sites(platform.lattice, layout.present))
    before = layout.values[layout.present][orbits.images[0]]
    moved = before + generator(seed).normal(0, scales, before.shape)
    about = {**layout.provenance, "spread": repr(spread), "seed": str(seed)}
    name = f"{layout.name}-perturbed-s{seed}"
    return mirrored_layout(platform, orbits, _limited(platform.atom, moved), name, about)


def _mirrored(layout: Layout, light: Illumination) -> Layout:
    """The quadrant x, y > 0 of a layout, and its mirror images."""
    orbits = SiteOrbits.of(Sites(layout.platform.lattice, layout.present))
    values = layout.values[layout.present][orbits.images[0]]
    name = f"{layout.name}-{in_words(light)}"
    return mirrored_layout(layout.platform, orbits, values, name, layout.provenance)


def _limited(atom: Atom, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Parameters [K, P] within the limits; angles that may turn all the way round go on at the other end."""
    low, high = limits_of(atom)
    turning = [atom.turns_round(parameter) for parameter in atom.parameters]
    turned = np.where(turning, low + np.mod(values - low, atom.period or np.inf), values)
    return np.asarray(turned.clip(low, high))
