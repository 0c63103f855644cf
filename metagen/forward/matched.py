"""Forward design: every site gets the pillar whose Jones matrix fits the wanted wave there best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.base.names import name_from
from metagen.device.atoms import Kind
from metagen.device.layout import Layout, mirrored_layout
from metagen.device.orbits import SiteOrbits, own_image
from metagen.device.platform import Platform
from metagen.device.sites import Aperture, Sites, counts_of, suffix
from metagen.device.symmetry import Symmetry
from metagen.forward.aim import OTHER, Aim
from metagen.forward.matching import Groups, best_candidates
from metagen.forward.response import (
    Response,
    candidates,
    check_response,
    jones,
    response_of,
)
from metagen.forward.targets import Wave

DARK = 0.05
"""Amplitude below which light is none, over that of the light which arrives."""
ROUNDING = 0.02
"""An amplitude may exceed the largest that conserves power by this share, as far as libraries are right."""
ALIKE = 1e-6
"""Two responses whose correlation is nearer to 1 than this are one; and targets that differ by less."""

Complex = NDArray[np.complex128]


def matched(
    platform: Platform,
    aims: Aim | Sequence[Aim],
    count: int | tuple[int, int],
    aperture: Aperture = "rectangle",
    responses: Sequence[Response] | None = None,
) -> Layout:
    """Design a device in the local phase approximation.

    Every site takes, of all pillars within the platform's limits, that with the largest Re(t·conj(target)),
    which gives up a little phase where |t| would be small. With several aims (two polarisations, two
    wavelengths) the sum over the aims counts. The phase of each target is free but for a constant, which is
    chosen so that the sum over all sites is largest (of several aims, nearly so).

    Args:
        platform: what the process fixes.
        aims: what the device should make of light.
        count: cells along x, or along x and y (:func:`metagen.device.sites.counts_of`).
        aperture: shape of the device.
        responses: the phase table or library for each aim, as :func:`metagen.forward.response.response_of`
            gives it; by default computed, or taken from the cache.

    Returns:
        A layout. It has those of the mirrors x → −x and y → −y, exactly, that lattice, meta-atom, light and
        targets all have.

    Raises:
        InputError: the count is no number of cells, there is no free parameter, the lattice is too coarse for
            a target, no pillar lets the analysed light through, or the pillars do the same to two aims.
        MismatchError: a response is of another platform or other light.
    """
    aims = (aims,) if isinstance(aims, Aim) else tuple(aims)
    sites = Sites.within(platform.lattice, counts_of(platform.lattice, count), aperture)
    wanted, tried = _wanted(platform, aims, sites), candidates(platform.atom)
    responses = responses or [response_of(platform, aim.light) for aim in aims]
    given = [_seen(platform, *each, tried) for each in zip(aims, responses, strict=True)]
    _check_apart(platform, aims, given)
    orbits = SiteOrbits.of(sites, _symmetry(platform, aims, sites, wanted))
    firsts = [each[orbits.images[0]] for each in wanted]
    chosen = best_candidates(firsts, given, _groups(platform, orbits, tried))
    name = name_from("+".join(aim.label for aim in aims)) + suffix(aperture)
    about = {"family": "matched", "aims": "; ".join(aim.described for aim in aims)}
    return mirrored_layout(platform, orbits, tried[chosen], name, about)


def geometric_phase(
    platform: Platform, aim: Aim, count: int | tuple[int, int], aperture: Aperture = "rectangle"
) -> Layout:
    """Turn equal pillars so that circular light, as it changes its handedness, gets the phase of a target.

    A pillar turned by θ multiplies the light of the other handedness by exp(2iθ) if it was "left", and by
    exp(−2iθ) if it was "right". So θ is half the phase of the target, or minus that: no library is needed.

    Args:
        platform: what the process fixes; the angle is the only free parameter, over a whole period of π.
        aim: light along z, "left" or "right", and the wave that it should become.
        count: cells along x, or along x and y (:func:`metagen.device.sites.counts_of`).
        aperture: shape of the device.

    Raises:
        InputError: other parameters are free, other light, or the lattice is too coarse for the target.
    """
    if not turns_alone(platform, aim):
        raise InputError(
            f"the geometric phase is for circular light along z on pillars whose only free parameter is the "
            f"angle, over a whole turn; this is {aim.described} on {platform.atom}: see matched"
        )
    (parameter,) = platform.atom.parameters
    sites = Sites.within(platform.lattice, counts_of(platform.lattice, count), aperture)
    sense = 1 if aim.light.polarisation == "left" else -1
    angles = sense / 2 * np.angle(_wanted(platform, [aim], sites)[0])
    angles = parameter.low + np.mod(angles - parameter.low, platform.atom.period)
    about = {"family": "geometric phase", "aims": aim.described}
    orbits = SiteOrbits.of(sites, Symmetry.NONE)
    return mirrored_layout(
        platform, orbits, angles[orbits.images[0], None], aim.label + suffix(aperture), about
    )


def turns_alone(platform: Platform, aim: Aim) -> bool:
    """Whether the geometric phase alone decides: circular light along z that changes its handedness behind
    pillars of which the angle alone is free."""
    atom, name = platform.atom, str(aim.light.polarisation)
    free = atom.parameters
    turning = len(free) == 1 and free[0].kind is Kind.ANGLE and atom.turns_round(free[0])
    changes = aim.analyser in (None, OTHER.get(name)) and name in OTHER
    return turning and changes and aim.light.is_normal and abs(atom.period - np.pi) < ALIKE


def designed(
    platform: Platform, aim: Aim, count: int | tuple[int, int], aperture: Aperture = "rectangle"
) -> Layout:
    """:func:`geometric_phase` where it decides, else :func:`matched`."""
    how = geometric_phase if turns_alone(platform, aim) else matched
    return how(platform, aim, count, aperture)


def _wanted(platform: Platform, aims: Sequence[Aim], sites: Sites) -> list[Complex]:
    """For each aim, [M] what the sites should let through."""
    found = []
    for aim in aims:
        media = platform.at(aim.light.wavelength)
        if isinstance(aim.target, Wave):
            aim.target.check(platform.lattice, 2 * np.pi / media.wavelength * media.cover)
        found.append(aim.wanted(sites.centres, media))
    return found


def _seen(platform: Platform, aim: Aim, response: Response, tried: NDArray[np.float64]) -> Complex:
    """[K] what the candidates let through of the analysed light."""
    check_response(response, platform, aim.light)
    seen = aim.seen(platform.atom, jones(response, tried))
    # What is brighter than the light that arrives is an error of the library, close to a resonance.
    seen[np.abs(seen) > (1 + ROUNDING) * aim.largest(platform.at(aim.light.wavelength))] = 0
    if np.abs(seen).max() < DARK:
        raise InputError(
            f"{aim.described}: pillars ({platform.atom.kind}) let {np.abs(seen).max():.2g} of the amplitude "
            "through at most in the polarisation of the analyser; choose another analyser, or pillars that "
            "change the polarisation"
        )
    return seen


def _check_apart(platform: Platform, aims: Sequence[Aim], given: Sequence[Complex]) -> None:
    """Refuse two aims that all pillars treat alike."""
    for second in range(len(given)):
        for first in range(second):
            one, other = given[first], given[second]
            overlap = abs(np.vdot(one, other)) / (np.linalg.norm(one) * np.linalg.norm(other))
            if 1 - overlap < ALIKE:
                raise InputError(
                    f"{aims[first].described}, and {aims[second].described}: the pillars "
                    f"({platform.atom.kind}) do the same to both; give pillars that tell them apart, such as "
                    "rectangles of free length and width"
                )


def _symmetry(platform: Platform, aims: Sequence[Aim], sites: Sites, wanted: Sequence[Complex]) -> Symmetry:
    """The mirrors, and the half turn, that lattice, meta-atom, light and targets have."""
    found = Symmetry.NONE
    for operation in (Symmetry.MIRROR_X, Symmetry.MIRROR_Y, Symmetry.HALF_TURN):
        kept = operation in platform.lattice.symmetry & platform.atom.symmetry
        if kept and all(aim.is_kept_by(operation, platform.atom) for aim in aims):
            moved = sites.moved(operation)
            if all(np.abs(each[moved] - each).max() < ALIKE for each in wanted):
                found |= operation
    return found


def _groups(platform: Platform, orbits: SiteOrbits, tried: NDArray[np.float64]) -> Groups:
    """Which candidates sites may have: on a mirror plane only those that are their own image.

    Where there are none, the site will stay empty, and any will do.
    """
    groups = []
    for operations, numbers in orbits.groups():
        allowed = np.flatnonzero(own_image(platform.atom, tried, operations))
        groups.append((allowed if len(allowed) else np.arange(len(tried)), numbers))
    return groups
