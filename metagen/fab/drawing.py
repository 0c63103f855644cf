"""A layout rounded to what a file can hold: parameters to the grids, coordinates to the database unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.device.layout import Layout, cell_centres
from metagen.fab.block import ABSENT, Block
from metagen.fab.circle import polygon_areas
from metagen.fab.forms import Forms, forms_of
from metagen.fab.options import LayoutFileOptions, Tone, drawn_radii
from metagen.fab.outline import Polygons, drawn_shape, pillar_polygons, space_polygons
from metagen.fab.steps import ROUNDING, Grids, in_steps, is_circle, steps_hash, turned_by

AREA_TOLERANCE = 1e-3
"""Largest relative error of a pillar's area that rounding to the database unit may cause."""
TOUCHING = 1e-9
"""Outlines closer than this touch or overlap."""
LARGEST_COORDINATE = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Drawing:
    """A layout rounded to what a file can hold.

    Attributes:
        layout: the device, as it is.
        options: how it is drawn.
        grids: the steps to which its parameters are rounded.
        forms: the distinct shapes, before they are turned.
        sites: which form, turned how far, stands where.
        steps_hash: hash of the pillars in steps of the grids.
        area_error: largest relative difference between the area of a drawn pillar and its shape.
        position_error: largest distance along an axis between a rounded position and its lattice site.
    """

    layout: Layout
    options: LayoutFileOptions
    grids: Grids
    forms: Forms
    sites: Block
    steps_hash: str
    area_error: float
    position_error: float

    @property
    def pillars(self) -> int:
        """How many pillars are drawn."""
        return int(np.count_nonzero(self.layout.present))

    @property
    def names(self) -> list[str]:
        """[M] names of the forms; empty for one that draws nothing."""
        names = self.forms.names
        if self.options.tone is Tone.HOLES:
            return names
        return [name if there else "" for name, there in zip(names, self.forms.there, strict=True)]

    def polygons(self) -> Iterator[Polygons]:
        """What is drawn for each form that has a name."""
        yield from (polygons for polygons, _ in _drawn(self.layout, self.forms, self.grids, self.options))


def draw(layout: Layout, options: LayoutFileOptions) -> Drawing:
    """Round the parameters to the grids and the positions to the database unit, and apply the bias.

    Raises:
        InputError: the bias leaves nothing of a pillar, or pillars that overlap; the grid would lose a
            pillar; the device is too wide for the database unit, or the unit too coarse for its pillars; the
            space between pillars is to be drawn, and they are no circles on a square lattice.
    """
    atom = layout.platform.atom
    _check_tone(layout, options)
    grids = Grids.of(options, atom)
    steps = in_steps(layout, grids)
    forms, numbers = forms_of(steps, layout.present, atom)
    _check_bias(layout, forms.values(grids)[forms.there], options)
    _check_width(layout, options)
    angle = turned_by(atom)
    turns = np.broadcast_to(np.int32(0), numbers.shape) if angle is None else steps[..., angle]
    sites, position_error = _placed(layout, numbers, turns, options.database_unit)
    if len(layout.platform.lattice.sites) > 1:
        sites = sites.with_pillars_only(forms.there)
    return Drawing(
        layout,
        options,
        grids,
        forms,
        sites,
        steps_hash=steps_hash(steps, layout.present, atom),
        area_error=_area_error(layout, forms, grids, options),
        position_error=position_error,
    )


def _check_tone(layout: Layout, options: LayoutFileOptions) -> None:
    if options.tone is not Tone.HOLES:
        return
    lattice, unit = layout.platform.lattice, options.database_unit
    if not (lattice.is_square and is_circle(layout.platform.atom)):
        raise InputError(
            "tone is holes: the space between pillars is drawn for circles on a square lattice only; draw "
            "the pillars, and invert the layer in the mask program"
        )
    half = lattice.pitch[0] / 2
    if abs(half - np.rint(half / unit) * unit) > 1e-3 * unit:
        raise InputError(
            f"database_unit is {unit:g}, and half the period ({half:g}) is no multiple of it: inverted "
            "lattice cells would overlap or leave slits; use a finer database_unit"
        )


def _check_bias(layout: Layout, values: NDArray[np.float64], options: LayoutFileOptions) -> None:
    """Refuse a bias that leaves nothing of pillars of parameters [M, P], or with which neighbours overlap."""
    if not options.bias:
        return
    room = layout.platform.lattice.spacing / 2
    reach, area = _reach_and_area(layout, values, options)
    large = reach > room * (1 + ROUNDING)
    wrong = (area <= 0) | (large & is_circle(layout.platform.atom))
    if wrong.any():
        names = [parameter.name for parameter in layout.platform.atom.parameters]
        which = ", ".join(f"{name} {value:g}" for name, value in zip(names, values[wrong][0], strict=True))
        raise InputError(
            f"bias is {options.bias}: a pillar of {which} would be drawn with an area of {area[wrong][0]:g}, "
            f"reaching {reach[wrong][0]:g} from its site; it must have an area, and circles reach up to half "
            f"the period, {room:g}"
        )
    if large.any():
        _check_overlap(layout, options)


def _check_overlap(layout: Layout, options: LayoutFileOptions) -> None:
    from metagen.fab.gaps import narrow_gaps

    there, centres = layout.present, layout.centres
    pairs, _ = narrow_gaps(
        layout.platform.atom, layout.values[there], centres[there], TOUCHING, options.edge_bias
    )
    if len(pairs):
        (x, y), (other_x, other_y) = centres[there][pairs[0]]
        raise InputError(
            f"bias is {options.bias}: the pillars at ({x:.4f}, {y:.4f}) and ({other_x:.4f}, {other_y:.4f}) "
            f"would overlap, as {len(pairs)} pairs would; use a smaller bias"
        )


def _reach_and_area(
    layout: Layout, values: NDArray[np.float64], options: LayoutFileOptions
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[M] reach and area of what is drawn for pillars of these parameters."""
    if is_circle(layout.platform.atom):
        radii = drawn_radii(values[:, 0], options.bias)
        return radii, np.sign(radii) * np.pi * radii**2
    shape = drawn_shape(layout.platform.atom, values, options.edge_bias)
    return shape.reach.numpy(), shape.area.numpy()


def _check_width(layout: Layout, options: LayoutFileOptions) -> None:
    unit, side = options.database_unit, max(layout.sides)
    if side + 20 * options.mark_size > LARGEST_COORDINATE * unit:
        raise InputError(
            f"database_unit is {unit:g}: coordinates end at ±{LARGEST_COORDINATE * unit:.4g}, the device is "
            f"{side:.4g} wide; use a coarser database_unit"
        )


def _drawn(
    layout: Layout, forms: Forms, grids: Grids, options: LayoutFileOptions
) -> Iterator[tuple[Polygons, float]]:
    """What is drawn for each form, and by what share the area of the pillar is missed."""
    values = forms.values(grids)
    if options.tone is Tone.PILLARS:
        yield from pillar_polygons(layout.platform.atom, values[forms.there], options)
        return
    period = layout.platform.lattice.pitch[0]
    for radius in drawn_radii(values[:, 0], options.bias).tolist():
        polygons = space_polygons(radius, period, options)
        left = period**2 - sum(float(polygon_areas(points[None])[0]) for points in polygons)
        yield polygons, abs(left / (np.pi * radius**2) - 1) if radius else 0.0


def _area_error(layout: Layout, forms: Forms, grids: Grids, options: LayoutFileOptions) -> float:
    """The largest relative error of the drawn areas; refuses a database unit that is too coarse."""
    worst = max((error for _, error in _drawn(layout, forms, grids, options)), default=0.0)
    if worst > AREA_TOLERANCE:
        raise InputError(
            f"database_unit is {options.database_unit:g}: rounding the vertices to it changes the area of a "
            f"pillar by {worst:.1e}, at most {AREA_TOLERANCE:g} is allowed; use a finer database_unit"
        )
    return worst


def _placed(
    layout: Layout, numbers: NDArray[np.int32], turns: NDArray[np.int32], unit: float
) -> tuple[Block, float]:
    """The sites on one rectangular grid of coordinates, rounded, and by how much that moved any."""
    lattice = layout.platform.lattice
    exact = [
        cell_centres(count, pitch)[:, None] + offsets
        for count, pitch, offsets in zip(layout.counts, lattice.pitch, lattice.positions.T, strict=True)
    ]
    whole = [np.rint(each / unit) for each in exact]
    moved = max(float(np.abs(a * unit - b).max()) for a, b in zip(whole, exact, strict=True))
    if len(lattice.sites) == 1:
        x, y = (each[:, 0] * unit for each in whole)
        return Block(numbers[:, :, 0], turns[:, :, 0], x, y), moved
    return _spread(numbers, turns, whole[0], whole[1], unit), moved


def _spread(
    numbers: NDArray[np.int32],
    turns: NDArray[np.int32],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    unit: float,
) -> Block:
    """Several sites per cell as one per crossing of a row and a column, most of them empty."""
    (rows, i), (columns, j) = (np.unique(each, return_inverse=True) for each in (x, y))
    place = i.reshape(x.shape)[:, None, :], j.reshape(y.shape)[None, :, :]
    forms = np.full((len(rows), len(columns)), ABSENT, dtype=np.int32)
    turned = np.zeros_like(forms)
    forms[place], turned[place] = numbers, turns
    return Block(forms, turned, rows * unit, columns * unit)
