"""Circles to radii on a square lattice, or the reason why they are on none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError
from metagen.device.platform import Platform
from metagen.fab.hierarchy import Circles

OFF_LATTICE = 1e-3
"""Largest distance along an axis between a circle and its lattice site.

On a grid of 1 nm a position is rounded by up to 0.5 nm, and the centroid of the rounded outline is another
0.3 nm off."""
TOO_LARGE = 1e-3
"""Relative margin on half the period: the area of a written pillar is true to this."""
CELL_OPTION = "cell='NAME' in Python, --cell NAME in commands"
SPARSEST = 0.01
"""A lattice with a smaller share of its sites filled is taken for a mistake."""


@dataclass(frozen=True)
class Frame:
    """Where the lattice is.

    Attributes:
        centre: position of its centre, x + i·y.
        count: number of sites along one side.
    """

    centre: complex
    count: int


def frame_of(circles: Circles, period: float) -> Frame:
    """Find the smallest square lattice that holds all circles.

    It is centred on them, or half a period aside where one side has an odd and one an even number of sites.
    The outermost circles say where it is to within their own rounding; the median of all says it exactly.
    """
    axes = (circles.centres.real, circles.centres.imag)
    counts = [round(float(np.ptp(each)) / period) + 1 for each in axes]
    count = max(counts)
    x, y = (
        (each.min() + each.max()) / 2 + (count - own) % 2 * period / 2
        for each, own in zip(axes, counts, strict=True)
    )
    exact = _lattice_coordinates(circles, period, Frame(complex(x, y), count))
    shift = np.median(exact - np.rint(exact), axis=1) * period
    return Frame(complex(x + shift[0], y + shift[1]), count)


def sites_of(circles: Circles, platform: Platform, frame: Frame, source: str) -> NDArray[np.float64]:
    """Put the circles on their sites: radii [N, N], 0 where there is no circle.

    Raises:
        FormatError: the file is in a wrong unit, or circles are off the lattice, too large for it, or two on
            one site.
    """
    _check_size(circles, platform.period, source)
    _check_filling(circles, frame, source)
    sites = _site_indices(circles, platform.period, frame, source)
    radii = np.zeros((frame.count, frame.count))
    flat = np.ravel_multi_index(tuple(sites), radii.shape)
    _check_single(flat, circles, source)
    radii.flat[flat] = np.minimum(circles.radii, platform.period / 2)
    return radii


def _check_size(circles: Circles, period: float, source: str) -> None:
    largest = circles.radii.argmax()
    if circles.radii[largest] > period / 2 * (1 + TOO_LARGE):
        raise FormatError(
            f"{source}: the pillar at {_at(circles, largest)} has radius {circles.radii[largest]:.4g}, over "
            f"half the period ({period / 2:.4g}); neighbours would overlap{_spacing_hint(circles, period)}"
        )


def _check_filling(circles: Circles, frame: Frame, source: str) -> None:
    if circles.radii.size < SPARSEST * frame.count**2:
        raise FormatError(
            f"{source}: {circles.radii.size} circles are spread over a lattice of {frame.count} × "
            f"{frame.count} sites; this is no single device, choose its cell ({CELL_OPTION})"
        )


def _site_indices(circles: Circles, period: float, frame: Frame, source: str) -> NDArray[np.int64]:
    """[2, M] indices of the sites that the circles are on."""
    exact = _lattice_coordinates(circles, period, frame)
    nearest = np.rint(exact)
    off = np.abs(exact - nearest).max(axis=0) * period
    worst = off.argmax()
    if off[worst] > OFF_LATTICE:
        raise FormatError(
            f"{source}: the circle at {_at(circles, worst)} is {off[worst]:.4g} off the square lattice of "
            f"period {period:g}, at most {OFF_LATTICE:g} is allowed{_spacing_hint(circles, period)}"
        )
    outside = ((nearest < 0) | (nearest >= frame.count)).any(axis=0)
    if outside.any():
        raise FormatError(
            f"{source}: the circle at {_at(circles, outside.argmax())} is outside the {frame.count} × "
            f"{frame.count} sites that the device label announces"
        )
    return np.asarray(nearest, dtype=np.int64)


def _lattice_coordinates(circles: Circles, period: float, frame: Frame) -> NDArray[np.float64]:
    """[2, M] coordinates of the circles in periods, from the first site."""
    relative = circles.centres - frame.centre
    return np.asarray(np.stack([relative.real, relative.imag]) / period + (frame.count - 1) / 2)


def _check_single(flat: NDArray[np.int64], circles: Circles, source: str) -> None:
    order = np.argsort(flat, kind="stable")
    twice = np.flatnonzero(np.diff(flat[order]) == 0)
    if twice.size:
        raise FormatError(
            f"{source}: {twice.size} pillars lie over another one, the first at "
            f"{_at(circles, order[twice[0] + 1])}; remove the duplicates"
        )


def _at(circles: Circles, index: np.int64 | int) -> str:
    centre = circles.centres[index]
    return f"({centre.real:.4f}, {centre.imag:.4f})"


def _spacing_hint(circles: Circles, period: float) -> str:
    """What the spacing of the circles says about the unit of the file."""
    columns = np.unique(np.sort(circles.centres.real))
    steps = np.diff(columns)
    if not steps.size:
        return ""
    spacing = float(np.median(steps[steps > steps.max() / 2]))
    power = round(np.log10(spacing / period))
    if power == 0 or abs(spacing / period / 10.0**power - 1) > 0.05:
        return f"; the circles are {spacing:.4g} apart, so the period of the platform may be wrong"
    return (
        f"; the circles are {spacing:.4g} apart, 1e{power:+d} times the period, so the unit of the file is "
        "wrong: export it in micrometres"
    )
