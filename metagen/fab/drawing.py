"""A layout rounded to what a file can hold: radii to the grid, coordinates to the database unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.device.layout import Layout
from metagen.fab.cells import site_polygons
from metagen.fab.circle import polygon_areas
from metagen.fab.options import LayoutFileOptions, Tone, drawn_radii

AREA_TOLERANCE = 1e-3
"""Largest relative error of a pillar's area that rounding to the database unit may cause."""
ROUNDING = 1e-12
"""Relative margin on half the period, for what sums and products of floats add to it."""
LARGEST_COORDINATE = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Drawing:
    """A layout rounded to what a file can hold.

    Attributes:
        distinct: [M] radii that are drawn, each once and in increasing order; 0 is a site without a pillar.
        grid_steps: [M] the radii before the bias, in steps of the grid.
        steps: [N, N] for each site, the index of its radius in ``distinct``.
        positions: [N] lattice coordinates, rounded to the database unit.
        area_error: largest relative difference between the area of a drawn pillar and its circle.
        position_error: largest distance along an axis between a rounded position and its lattice site.
    """

    distinct: NDArray[np.float64]
    grid_steps: NDArray[np.int64]
    steps: NDArray[np.int32]
    positions: NDArray[np.float64]
    area_error: float
    position_error: float

    @property
    def radii_in_steps(self) -> NDArray[np.int32]:
        """[N, N] radii before the bias, in steps of the grid."""
        return self.grid_steps[self.steps].astype(np.int32)

    @property
    def pillars(self) -> int:
        """How many pillars are drawn."""
        return int(np.count_nonzero(self.distinct[self.steps]))


def draw(layout: Layout, options: LayoutFileOptions) -> Drawing:
    """Round the radii to the grid and the positions to the database unit, and apply the bias.

    Raises:
        InputError: the bias leaves a radius of 0 or less, or pillars that overlap; the grid would lose a
            pillar; the device is too wide for the database unit, or the unit too coarse for its pillars.
    """
    period = layout.platform.period
    in_steps = grid_steps_of(layout, options.grid)
    grid_steps = np.flatnonzero(np.bincount(in_steps.ravel()))
    distinct = drawn_radii(grid_steps * options.grid, options.bias)
    wrong = (distinct > period / 2 * (1 + ROUNDING)) | ((distinct <= 0) & (grid_steps > 0))
    if wrong.any():
        raise InputError(
            f"bias is {options.bias}: a pillar of radius {grid_steps[wrong][0] * options.grid:g} would be "
            f"drawn with radius {distinct[wrong][0]:g}; allowed are radii over 0, up to half the period, "
            f"{period / 2:g}"
        )
    unit = options.database_unit
    if layout.side + 20 * options.mark_size > LARGEST_COORDINATE * unit:
        raise InputError(
            f"database_unit is {unit:g}: coordinates end at ±{LARGEST_COORDINATE * unit:.4g}, the device is "
            f"{layout.side:.4g} wide; use a coarser database_unit"
        )
    index_of = np.zeros(grid_steps[-1] + 1, dtype=np.int32)
    index_of[grid_steps] = np.arange(len(grid_steps))
    positions = np.rint(layout.positions / unit) * unit
    return Drawing(
        distinct,
        grid_steps,
        index_of[in_steps],
        positions,
        area_error=_checked_area_error(distinct, period, options),
        position_error=float(np.abs(positions - layout.positions).max()),
    )


def grid_steps_of(layout: Layout, grid: float) -> NDArray[np.int32]:
    """[N, N] radii in whole steps of the grid; a radius up to half the period is not rounded beyond it."""
    touching = np.floor(layout.platform.period / 2 / grid * (1 + ROUNDING))
    steps = np.minimum(np.rint(layout.radii / grid), touching).astype(np.int32)
    lost = (steps == 0) & (layout.radii > 0)
    if lost.any():
        raise InputError(
            f"grid is {grid:g}: the pillar of radius {layout.radii[lost][0]:g} would vanish; use a "
            "finer grid, or radius 0 for a site without a pillar"
        )
    return np.asarray(steps)


def _checked_area_error(distinct: NDArray[np.float64], period: float, options: LayoutFileOptions) -> float:
    """Largest relative error of the drawn areas; refuses a database unit that is too coarse."""
    unit = options.database_unit
    if options.tone is Tone.HOLES and abs(period / 2 - np.rint(period / 2 / unit) * unit) > 1e-3 * unit:
        raise InputError(
            f"database_unit is {unit:g}, and half the period ({period / 2:g}) is no multiple of it: inverted "
            "lattice cells would overlap or leave slits; use a finer database_unit"
        )
    pillars = distinct[distinct > 0]
    errors = [abs(_drawn_area(radius, period, options) / (np.pi * radius**2) - 1) for radius in pillars]
    worst = max(errors, default=0.0)
    if worst > AREA_TOLERANCE:
        raise InputError(
            f"database_unit is {unit:g}: rounding the vertices to it changes the area of a pillar by "
            f"{worst:.1e}, at most {AREA_TOLERANCE:g} is allowed; use a finer database_unit"
        )
    return worst


def _drawn_area(radius: float, period: float, options: LayoutFileOptions) -> float:
    """Area of the pillar that the polygons of one site draw or leave out."""
    covered = sum(float(polygon_areas(points[None])[0]) for points in site_polygons(radius, period, options))
    return covered if options.tone is Tone.PILLARS else period**2 - covered
