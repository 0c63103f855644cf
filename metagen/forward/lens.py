"""Forward design of lenses: every site gets the pillar whose transmission fits the phase there best."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

from metagen.device.illumination import Illumination
from metagen.device.layout import Layout
from metagen.device.platform import Platform
from metagen.device.sites import Aperture
from metagen.forward.aim import Aim
from metagen.forward.matched import designed, matched
from metagen.forward.response import Response
from metagen.forward.targets import Focus

FAR = 0.05
"""Fresnel number (half the side)² / (wavelength · distance) below which an aperture does not focus: the light
spreads whatever its phase."""


def focusing(
    platform: Platform,
    focal_length: float,
    wavelength: float | Illumination,
    count: int | tuple[int, int],
    table: Response | None = None,
    aperture: Aperture = "rectangle",
) -> Layout:
    """Design a lens in the local phase approximation.

    The transmission t of every pillar follows exp(−i(2π/λ)(√(x² + y² + f²) − f) + i·const) as closely as the
    pillars allow: see :func:`metagen.forward.matched`. In circular light, pillars of which the angle alone is
    free are turned by half the phase: see :func:`metagen.forward.geometric_phase`.

    Args:
        platform: what the process fixes.
        focal_length: distance from the monitor plane (see :mod:`metagen.propagation`) to the focus.
        wavelength: wavelength in vacuum of light along x at normal incidence, or the illumination.
        count: cells along x, or along x and y (:func:`metagen.device.sites.counts_of`).
        table: the phase table or library of this platform and light; by default computed, or taken from the
            cache.
        aperture: shape of the lens.

    Returns:
        A layout; for circles on a square lattice with both mirror planes, exactly.

    Raises:
        InputError: a length or the count is not positive, the count is not whole, or the wavelength is out
            of all proportion to the period.
        MismatchError: the table is for another platform or wavelength.
    """
    light = wavelength if isinstance(wavelength, Illumination) else Illumination(wavelength)
    aim = Aim(light, Focus(focal_length))
    made = (
        matched(platform, aim, count, aperture, [table])
        if table
        else designed(platform, aim, count, aperture)
    )
    warn_if_far(min(made.sides), light.wavelength, focal_length)
    about = {"family": "lens", "focal_length": repr(focal_length), "wavelength": repr(light.wavelength)}
    if light != Illumination(light.wavelength):
        about["light"] = json.dumps(light.described)
    return replace(made, provenance=about)


def warn_if_far(side: float, wavelength: float, distance: float) -> None:
    """Warn if the aperture is too small to focus at this distance, or the distance is in another unit."""
    fresnel = (side / 2) ** 2 / (wavelength * distance)
    if fresnel < FAR:
        warnings.warn(
            f"a device of {side:.3g} cannot focus light of wavelength {wavelength:g} at a distance of "
            f"{distance:g} (Fresnel number {fresnel:.1g}); all lengths are micrometres",
            stacklevel=3,
        )
