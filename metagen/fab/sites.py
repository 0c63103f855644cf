"""Pillars to the sites of a lattice, or the reason why they are on none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError, InputError
from metagen.device.circles import CircleLimits
from metagen.device.layout import Layout
from metagen.device.platform import Platform
from metagen.fab.found import Pillars
from metagen.fab.steps import is_circle, turned_by

OFF_LATTICE = 1e-3
"""Largest distance along an axis between a pillar and its lattice site.

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
        counts: numbers of its cells along x and y.
    """

    centre: complex
    counts: tuple[int, int]


def frame_of(pillars: Pillars, platform: Platform) -> Frame:
    """Find the smallest array of cells that holds all pillars; a square one of circles on a square lattice.

    It is centred on them, or half a period aside where one side of the square has an odd and one an even
    number of sites. Where a cell has several sites, the outermost pillar may be on any of them: what is taken
    is what puts the pillars closest to sites, and then has the fewest cells.
    """
    frames = [_frame(pillars, platform, site) for site in range(len(platform.lattice.sites))]
    return min(frames, key=lambda frame: _misfit(pillars, platform, frame))


def _misfit(pillars: Pillars, platform: Platform, frame: Frame) -> tuple[float, int]:
    """How far pillars are off their sites, in steps of what is allowed, and how many cells there are."""
    off = _nearest(pillars, platform, frame)[2].max()
    return max(1.0, float(off) / OFF_LATTICE), frame.counts[0] * frame.counts[1]


def _frame(pillars: Pillars, platform: Platform, site: int) -> Frame:
    """The frame in which the lowest of the leftmost pillars is on this site of its cell.

    The outermost pillars say where the lattice is to within their own rounding; the median of all, exactly.
    """
    axes = np.stack([pillars.centres.real, pillars.centres.imag])
    pitch, offsets = np.array(platform.lattice.pitch), platform.lattice.positions
    left = axes[0] < axes[0].min() + OFF_LATTICE
    origin = np.array([axes[0].min(), axes[1, left].min()]) - offsets[site]
    cells = ((axes - origin[:, None])[:, None] - offsets.T[:, :, None]) / pitch[:, None, None]
    closest = np.abs(cells - np.rint(cells)).max(axis=0).argmin(axis=0)
    own = np.take_along_axis(cells, closest[None, None], axis=1)[:, 0]
    whole = np.rint(own)
    low, high = whole.min(axis=1), whole.max(axis=1)
    counts = (high - low + 1).astype(int)
    centre = origin + ((low + high) / 2 + np.median(own - whole, axis=1)) * pitch
    if CircleLimits.of(platform.lattice, platform.atom) is not None:
        centre += (counts.max() - counts) % 2 * pitch / 2
        counts[:] = counts.max()
    return Frame(complex(*centre), (int(counts[0]), int(counts[1])))


def layout_of(
    pillars: Pillars, platform: Platform, frame: Frame, source: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Put the pillars on their sites: values [Nx, Ny, S, P], and the mask [Nx, Ny, S] of pillars.

    Raises:
        FormatError: the file is in a wrong unit, or pillars are off the lattice, too large for it, or two on
            one site.
    """
    _check_size(pillars, platform, source)
    _check_filling(pillars, frame, platform, source)
    sites = _site_indices(pillars, platform, frame, source)
    shape = (*frame.counts, len(platform.lattice.sites))
    _check_single(np.ravel_multi_index(sites, shape), pillars, source)
    values = np.zeros((*shape, pillars.values.shape[1]))
    present = np.zeros(shape, dtype=np.bool_)
    values[sites] = _reduced(pillars, platform)
    present[sites] = True
    return values, present


def checked_layout(
    platform: Platform,
    values: NDArray[np.float64],
    present: NDArray[np.bool_],
    name: str,
    provenance: dict[str, str],
    source: str,
) -> Layout:
    """A layout of pillars that were read.

    Raises:
        FormatError: no pillar of the platform can have such values.
    """
    try:
        return Layout(platform, values, name, provenance, present=present)
    except InputError as error:
        raise FormatError(f"{source}: {error}") from error


def _reduced(pillars: Pillars, platform: Platform) -> NDArray[np.float64]:
    """[M, P] values with circles no larger than has room, and angles within a period from the lower limit."""
    atom, values = platform.atom, pillars.values
    angle = turned_by(atom)
    if is_circle(atom):
        return np.minimum(values, platform.lattice.spacing / 2)
    if angle is None:
        return values
    low = atom.parameters[angle].low
    values = values.copy()
    values[:, angle] = low + (values[:, angle] - low) % atom.period
    return values


def _check_size(pillars: Pillars, platform: Platform, source: str) -> None:
    if not is_circle(platform.atom):
        return
    radii, room = pillars.values[:, 0], platform.lattice.spacing / 2
    largest = radii.argmax()
    if radii[largest] > room * (1 + TOO_LARGE):
        raise FormatError(
            f"{source}: the pillar at {pillars.at(largest)} has radius {radii[largest]:.4g}, over "
            f"half the period ({room:.4g}); neighbours would overlap{_spacing_hint(pillars, platform)}"
        )


def _check_filling(pillars: Pillars, frame: Frame, platform: Platform, source: str) -> None:
    (nx, ny), kind = frame.counts, platform.atom.kind
    if pillars.count < SPARSEST * nx * ny * len(platform.lattice.sites):
        raise FormatError(
            f"{source}: {pillars.count} pillars ({kind}) are spread over a lattice of {nx} × {ny} cells; "
            f"this is no single device, choose its cell ({CELL_OPTION})"
        )


def _site_indices(
    pillars: Pillars, platform: Platform, frame: Frame, source: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Cells along x and y, and sites in the cells, of the pillars."""
    cells, sites, off = _nearest(pillars, platform, frame)
    worst, kind = off.argmax(), platform.atom.kind
    if off[worst] > OFF_LATTICE:
        raise FormatError(
            f"{source}: the {kind} at {pillars.at(worst)} is {off[worst]:.4g} off the {_named(platform)}, at "
            f"most {OFF_LATTICE:g} is allowed{_spacing_hint(pillars, platform)}"
        )
    outside = ((cells < 0) | (cells >= np.array(frame.counts)[:, None])).any(axis=0)
    if outside.any():
        raise FormatError(
            f"{source}: the {kind} at {pillars.at(outside.argmax())} is outside the {frame.counts[0]} × "
            f"{frame.counts[1]} cells that the device label announces"
        )
    return cells[0], cells[1], sites


def _named(platform: Platform) -> str:
    lattice = platform.lattice
    if lattice.is_square:
        return f"square lattice of period {lattice.pitch[0]:g}"
    return f"lattice with the pitch {lattice.pitch[0]:g} × {lattice.pitch[1]:g}"


def _nearest(
    pillars: Pillars, platform: Platform, frame: Frame
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """[2, M] cells and [M] sites that the pillars are closest to, and [M] how far off they are."""
    cells, best = _from_site(pillars, platform, frame, 0)
    sites = np.zeros(pillars.count, dtype=np.int64)
    for site in range(1, len(platform.lattice.sites)):
        others, off = _from_site(pillars, platform, frame, site)
        closer = off < best
        best[closer], sites[closer], cells[:, closer] = off[closer], site, others[:, closer]
    return cells, sites, best


def _from_site(
    pillars: Pillars, platform: Platform, frame: Frame, site: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """[2, M] cells to whose site the pillars are closest, and [M] how far off they are."""
    exact = _cell_coordinates(pillars, platform, frame, site)
    nearest = np.rint(exact)
    exact -= nearest
    np.abs(exact, out=exact)
    exact *= np.array(platform.lattice.pitch)[:, None]
    return nearest.astype(np.int64), exact.max(axis=0)


def _cell_coordinates(pillars: Pillars, platform: Platform, frame: Frame, site: int) -> NDArray[np.float64]:
    """[2, M] coordinates of the pillars in pitches, from that site of the first cell."""
    relative = pillars.centres - frame.centre - complex(*platform.lattice.positions[site])
    pitch, counts = np.array(platform.lattice.pitch), np.array(frame.counts)
    stacked = np.stack([relative.real, relative.imag])
    return np.asarray(stacked / pitch[:, None] + (counts[:, None] - 1) / 2)


def _check_single(flat: NDArray[np.int64], pillars: Pillars, source: str) -> None:
    order = np.argsort(flat, kind="stable")
    twice = np.flatnonzero(np.diff(flat[order]) == 0)
    if twice.size:
        raise FormatError(
            f"{source}: {twice.size} pillars lie over another one, the first at "
            f"{pillars.at(order[twice[0] + 1])}; remove the duplicates"
        )


def _spacing_hint(pillars: Pillars, platform: Platform) -> str:
    """What the spacing of the pillars says about the unit of the file."""
    rows = np.array(platform.lattice.sites)[:, 0] % 1
    expected = platform.lattice.pitch[0] / len(np.unique(np.round(rows, 6)))
    columns = np.unique(np.sort(pillars.centres.real))
    steps = np.diff(columns)
    if not steps.size:
        return ""
    spacing = float(np.median(steps[steps > steps.max() / 2]))
    power = round(np.log10(spacing / expected))
    if power == 0 or abs(spacing / expected / 10.0**power - 1) > 0.05:
        return f"; columns are {spacing:.4g} apart, so the lattice of the platform may be another one"
    return (
        f"; columns are {spacing:.4g} apart, 1e{power:+d} times the period, so the unit of the file is "
        "wrong: export it in micrometres"
    )
