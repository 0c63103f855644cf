"""Forward design for several goals at once: a good start for a design at several wavelengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid

from metagen import forward
from metagen.base.errors import InputError
from metagen.design.objectives import Goal
from metagen.device.circles import CircleLimits
from metagen.device.layout import Layout, cell_centres, unfold
from metagen.device.platform import Platform
from metagen.device.sites import Aperture, counts_of
from metagen.forward.aim import Aim
from metagen.forward.matching import best_of_several
from metagen.rcwa.table import PhaseTable

RADII = 401
"""Number of radii among which the best one is sought."""
RAYS = 2000
"""Number of distances from the axis over which the phase of an axilens is integrated."""
Targets = dict[float, NDArray[np.complex128]]
Places = tuple[NDArray[np.float64], NDArray[np.float64]]


def matched(
    platform: Platform,
    goals: Sequence[Goal],
    count: int | tuple[int, int],
    tables: Mapping[float, PhaseTable] | None = None,
    aperture: Aperture = "rectangle",
) -> Layout:
    """Design a device in the local phase approximation that serves several goals in several kinds of light.

    Light that leaves the goals' points in phase and travels backwards has a certain field at the device; its
    conjugate is the target, which sends light to these points. Every site takes the pillar with the largest
    sum over the targets of Re(t·conj(target)). The target of each light has unit mean power and a common
    phase of its own, which is chosen so that the sum over all sites becomes large.

    Args:
        platform: what the process fixes.
        goals: what the light should do; the targets of goals in one light are added up.
        count: cells along x, or along x and y (:func:`metagen.device.sites.counts_of`).
        tables: for circles in x-polarised light, the phase table of each wavelength; by default computed, or
            taken from the cache.
        aperture: shape of the device.

    Returns:
        A layout; for circles in x-polarised light with both mirror planes.

    Raises:
        InputError: there are no goals, or the points of a goal lack the mirror planes of circles.
    """
    if not goals:
        raise InputError("goals is empty; a matched start needs at least one")
    plain = all(goal.illumination.is_plain for goal in goals)
    circles = CircleLimits.of(platform.lattice, platform.atom) is not None
    if circles and plain and isinstance(count, int) and aperture == "rectangle":
        return _of_circles(platform, goals, count, tables)
    aims = [
        Aim(together[0].illumination, _Wanted(together, _reach(platform, count)), together[0].analyser)
        for together in _by_light(goals)
    ]
    made = forward.matched(platform, aims, count, aperture)
    return replace(made, name="matched", provenance=_about(goals))


def _of_circles(
    platform: Platform, goals: Sequence[Goal], count: int, tables: Mapping[float, PhaseTable] | None
) -> Layout:
    x = cell_centres(count, platform.period)[count // 2 :]
    places = np.repeat(x, len(x)), np.tile(x, len(x))
    targets = _targets(platform, goals, places, x[-1])
    radii = np.linspace(platform.radius_min, platform.radius_max, RADII)
    tables = tables or {w: PhaseTable.compute(platform, wavelength=w) for w in targets}
    transmissions = [tables[wavelength](radii) for wavelength in targets]
    anywhere = [(np.arange(len(radii)), np.arange(len(x) ** 2))]
    chosen = best_of_several(list(targets.values()), transmissions, anywhere)
    return Layout(
        platform,
        unfold(radii[chosen].reshape(len(x), len(x)), count),
        name="matched",
        provenance=_about(goals),
    )


def _about(goals: Sequence[Goal]) -> dict[str, str]:
    return {"family": "matched", "goals": repr(tuple(goals))}


def _by_light(goals: Sequence[Goal]) -> list[list[Goal]]:
    """The goals that look at one light through one analyser, together."""
    groups: list[list[Goal]] = []
    for goal in goals:
        for group in groups:
            if group[0].illumination.is_like(goal.illumination) and group[0].analyser == goal.analyser:
                group.append(goal)
                break
        else:
            groups.append([goal])
    return groups


def _reach(platform: Platform, count: int | tuple[int, int]) -> float:
    """Half the shorter side of the device."""
    sides = zip(counts_of(platform.lattice, count), platform.lattice.pitch, strict=True)
    return min(n * pitch for n, pitch in sides) / 2


@dataclass(frozen=True)
class _Wanted:
    """The wave that serves some goals, as a target of the forward design."""

    goals: Sequence[Goal]
    reach: float

    def __call__(self, x: NDArray[np.float64], y: NDArray[np.float64], k: float) -> NDArray[np.complex128]:
        return np.asarray(sum(_wave(goal, (x, y), self.reach, k) for goal in self.goals))


def _targets(platform: Platform, goals: Sequence[Goal], places: Places, reach: float) -> Targets:
    """For each wavelength, [sites] field that the sites should send out, of unit mean power."""
    targets: Targets = {}
    for goal in goals:
        if not goal.in_turn:
            _check_mirrors(goal, goal.sources().numpy())
        k = 2 * np.pi / goal.wavelength * platform.at(goal.wavelength).cover
        field = _wave(goal, places, reach, k)
        targets[goal.wavelength] = _unit(targets.get(goal.wavelength, np.zeros_like(field)) + field)
    return targets


def _wave(goal: Goal, places: Places, reach: float, k: float) -> NDArray[np.complex128]:
    return _unit(_axilens(goal, places, reach, k) if goal.in_turn else _conjugate(goal, places, k))


def _conjugate(goal: Goal, places: Places, k: float) -> NDArray[np.complex128]:
    """[sites] conjugate of the field that sources at the goal's points would send to the device."""
    return np.asarray(np.sum([_backwards(point, places, k) for point in goal.sources().numpy()], axis=0))


def _axilens(goal: Goal, places: Places, reach: float, k: float) -> NDArray[np.complex128]:
    """[sites] field of a lens whose focal length grows with the area inside a radius, from the nearest to the
    farthest distance: equal parts of the line get equal power (N. Davidson, A. A. Friesem and E. Hasman,
    Opt. Lett. 16, 523 (1991))."""
    distances = goal.sources()[:, 2]
    near, far = float(distances.min()), float(distances.max())
    rho = np.linspace(0, np.hypot(reach, reach), RAYS)
    focal_length = near + (far - near) * np.minimum(rho / reach, 1) ** 2
    slope = -k * rho / np.hypot(rho, focal_length)
    phase = cumulative_trapezoid(slope, rho, initial=0)
    return np.asarray(np.exp(1j * np.interp(np.hypot(*places), rho, phase)))


def _backwards(point: NDArray[np.float64], places: Places, k: float) -> NDArray[np.complex128]:
    """[sites] conjugate of a spherical wave from a point."""
    x, y = places
    distance = np.sqrt((x - point[0]) ** 2 + (y - point[1]) ** 2 + point[2] ** 2)
    return np.asarray(np.exp(-1j * k * (distance - point[2])) / distance)


def _unit(field: NDArray[np.complex128]) -> NDArray[np.complex128]:
    return np.asarray(field / np.sqrt(np.mean(np.abs(field) ** 2)))


def _check_mirrors(goal: Goal, points: NDArray[np.float64]) -> None:
    known = {tuple(point) for point in points.round(9) + 0.0}
    images = {tuple(point * sign + 0.0) for point in points.round(9) for sign in ([-1, 1, 1], [1, -1, 1])}
    if not images <= known:
        raise InputError(
            f"the points of {goal.kind!r} at {goal.wavelength:g} lack a mirror image in x or y; a matched "
            "start has both mirror planes: give such points in pairs, or start from a lens"
        )
