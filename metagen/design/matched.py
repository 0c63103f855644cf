"""Forward design for several goals at once: a good start for a design at several wavelengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid

from metagen.base.errors import InputError
from metagen.design.objectives import Goal
from metagen.device.layout import Layout, cell_centres, unfold
from metagen.device.platform import Platform
from metagen.forward.matching import best_of_several
from metagen.rcwa.table import PhaseTable

RADII = 401
"""Number of radii among which the best one is sought."""
RAYS = 2000
"""Number of distances from the axis over which the phase of an axilens is integrated."""
Targets = dict[float, NDArray[np.complex128]]


def matched(
    platform: Platform,
    goals: Sequence[Goal],
    count: int,
    tables: Mapping[float, PhaseTable] | None = None,
) -> Layout:
    """Design a device in the local phase approximation that serves several goals at several wavelengths.

    Light that leaves the goals' points in phase and travels backwards has a certain field at the device; its
    conjugate is the target, which sends light to these points. Every site takes the radius with the largest
    sum over the wavelengths of Re(t·conj(target)). The target of each wavelength has unit mean power and a
    common phase of its own, which is chosen so that the sum over all sites becomes large.

    Args:
        platform: what the process fixes.
        goals: what the light should do; the targets of goals at one wavelength are added up.
        count: pillars along one side.
        tables: the phase table of each wavelength; by default computed, or taken from the cache.

    Returns:
        A layout with both mirror planes.

    Raises:
        InputError: there are no goals, or the points of a goal lack the mirror planes.
    """
    if not goals:
        raise InputError("goals is empty; a matched start needs at least one")
    x = cell_centres(count, platform.period)[count // 2 :]
    targets = _targets(platform, goals, x)
    radii = np.linspace(platform.radius_min, platform.radius_max, RADII)
    tables = tables or {w: PhaseTable.compute(platform, wavelength=w) for w in targets}
    transmissions = [tables[wavelength](radii) for wavelength in targets]
    anywhere = [(np.arange(len(radii)), np.arange(len(x) ** 2))]
    chosen = best_of_several(list(targets.values()), transmissions, anywhere)
    return Layout(
        platform,
        unfold(radii[chosen].reshape(len(x), len(x)), count),
        name="matched",
        provenance={"family": "matched", "goals": repr(tuple(goals))},
    )


def _targets(platform: Platform, goals: Sequence[Goal], x: NDArray[np.float64]) -> Targets:
    """For each wavelength, [sites] field that the sites should send out, of unit mean power."""
    targets: Targets = {}
    for goal in goals:
        k = 2 * np.pi / goal.wavelength * platform.at(goal.wavelength).cover
        field = _unit(_axilens(goal, x, k) if goal.in_turn else _conjugate(goal, x, k))
        targets[goal.wavelength] = _unit(targets.get(goal.wavelength, np.zeros_like(field)) + field)
    return targets


def _conjugate(goal: Goal, x: NDArray[np.float64], k: float) -> NDArray[np.complex128]:
    """[sites] conjugate of the field that sources at the goal's points would send to the device."""
    points = goal.sources().numpy()
    _check_mirrors(goal, points)
    return np.asarray(np.sum([_backwards(point, x, k) for point in points], axis=0))


def _axilens(goal: Goal, x: NDArray[np.float64], k: float) -> NDArray[np.complex128]:
    """[sites] field of a lens whose focal length grows with the area inside a radius, from the nearest to the
    farthest distance: equal parts of the line get equal power (N. Davidson, A. A. Friesem and E. Hasman,
    Opt. Lett. 16, 523 (1991))."""
    distances = goal.sources()[:, 2]
    near, far = float(distances.min()), float(distances.max())
    rho = np.linspace(0, np.hypot(x[-1], x[-1]), RAYS)
    focal_length = near + (far - near) * np.minimum(rho / x[-1], 1) ** 2
    slope = -k * rho / np.hypot(rho, focal_length)
    phase = cumulative_trapezoid(slope, rho, initial=0)
    return np.asarray(np.exp(1j * np.interp(np.hypot(x[:, None], x).ravel(), rho, phase)))


def _backwards(point: NDArray[np.float64], x: NDArray[np.float64], k: float) -> NDArray[np.complex128]:
    """[sites] conjugate of a spherical wave from a point."""
    distance = np.sqrt((x[:, None] - point[0]) ** 2 + (x - point[1]) ** 2 + point[2] ** 2).ravel()
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
