"""Forward design of lenses: every site gets the pillar whose transmission fits the phase there best."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError, MismatchError
from metagen.base.wavelength import same_wavelength
from metagen.device.layout import Layout, cell_centres, unfold
from metagen.device.platform import Platform
from metagen.propagation.grid import check_lengths
from metagen.rcwa.table import PhaseTable

RADII = 2001
"""Number of radii that are compared with the target."""
FAR = 0.05
"""Fresnel number (half the side)² / (wavelength · distance) below which an aperture does not focus: the light
spreads whatever its phase."""
PHASES = 2880
"""Number of steps of target phase in one turn: each is 1/8 degree."""


def focusing(
    platform: Platform,
    focal_length: float,
    wavelength: float,
    count: int,
    table: PhaseTable | None = None,
) -> Layout:
    """Design a lens in the local phase approximation.

    The transmission t of every pillar follows exp(−i(2π/λ)(√(x² + y² + f²) − f) + i·const) as closely as the
    radii allow: each site takes the radius with the largest Re(t·conj(target)), which gives up a little phase
    where |t| would be small. The constant is the one for which the sum of Re(t·conj(target)) is largest.

    Args:
        platform: what the process fixes.
        focal_length: distance from the monitor plane (see :mod:`metagen.propagation`) to the focus.
        wavelength: wavelength in vacuum.
        count: pillars along one side.
        table: the phase table of this platform and wavelength; by default computed, or taken from the cache.

    Returns:
        A layout with both mirror planes, exactly.

    Raises:
        InputError: a length or the count is not positive, the count is not whole, or the wavelength is out
            of all proportion to the period.
        MismatchError: the table is for another platform or wavelength.
    """
    check_lengths(focal_length=focal_length, wavelength=wavelength, count=count)
    if count != int(count):
        raise InputError(f"count is {count}; it must be a whole number of pillars")
    table = table or PhaseTable.compute(platform, wavelength=wavelength)
    _check_table(table, platform, wavelength)
    warn_if_far(count * platform.period, wavelength, focal_length)
    x = cell_centres(count, platform.period)[count // 2 :]
    k = 2 * np.pi / wavelength * platform.at(wavelength).cover
    path = np.sqrt(x[:, None] ** 2 + x**2 + focal_length**2) - focal_length
    quadrant = nearest_radii(-k * path, platform, table)
    return Layout(
        platform,
        unfold(quadrant, count),
        name=f"lens-f{focal_length:g}",
        provenance={"family": "lens", "focal_length": repr(focal_length), "wavelength": repr(wavelength)},
    )


def warn_if_far(side: float, wavelength: float, distance: float) -> None:
    """Warn if the aperture is too small to focus at this distance, or the distance is in another unit."""
    fresnel = (side / 2) ** 2 / (wavelength * distance)
    if fresnel < FAR:
        warnings.warn(
            f"a device of {side:.3g} cannot focus light of wavelength {wavelength:g} at a distance of "
            f"{distance:g} (Fresnel number {fresnel:.1g}); all lengths are micrometres",
            stacklevel=3,
        )


def nearest_radii(phase: NDArray[np.float64], platform: Platform, table: PhaseTable) -> NDArray[np.float64]:
    """Radii whose transmission is nearest to exp(i·phase), up to a common phase that suits all sites best.

    Args:
        phase: target phase of every site in radians, an array of any shape.
        platform: the platform whose radius limits are kept.
        table: the transmission for each radius.

    Returns:
        Radii of the same shape.
    """
    radii = np.linspace(platform.radius_min, platform.radius_max, RADII)
    turn = np.exp(2j * np.pi * np.arange(PHASES) / PHASES)
    overlap = np.real(np.outer(turn.conj(), table(radii)))
    best: NDArray[np.float64] = radii[overlap.argmax(axis=1)]
    steps = np.rint(phase / (2 * np.pi) * PHASES).astype(int) % PHASES
    found: NDArray[np.float64] = best[(steps + _best_shift(steps, overlap.max(axis=1))) % PHASES]
    return found


def _best_shift(steps: NDArray[np.int_], reached: NDArray[np.float64]) -> int:
    """The shift s that maximises the sum of reached[steps + s]: the peak of a circular correlation."""
    sites = np.bincount(steps.ravel(), minlength=PHASES)
    return int(np.fft.ifft(np.fft.fft(reached) * np.fft.fft(sites).conj()).real.argmax())


def _check_table(table: PhaseTable, platform: Platform, wavelength: float) -> None:
    if table.platform != platform or not same_wavelength(table.wavelength, wavelength):
        raise MismatchError(
            f"the phase table is of wavelength {table.wavelength:g} on {table.platform}, the lens of "
            f"{wavelength:g} on {platform}; compute the table for the lens"
        )
