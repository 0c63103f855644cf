"""Layouts to GDSII and OASIS files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import gdstk
import numpy as np
from numpy.typing import NDArray

from metagen.errors import InputError
from metagen.fab.cells import device_cells, radius_cell, site_polygons
from metagen.fab.circle import MOST_VERTICES, polygon_areas
from metagen.fab.label import label_of
from metagen.fab.options import DEFAULTS, LayoutFileOptions, Tone, drawn_radii
from metagen.files import replacing
from metagen.layout import Layout

MICROMETRE = 1e-6
AREA_TOLERANCE = 1e-3
"""Largest relative error of a pillar's area that rounding to the database unit may cause."""
TIMESTAMP = datetime(2000, 1, 1)
"""Stored in every GDS file, so that equal layouts give equal files."""
LARGEST_COORDINATE = 2**31 - 1


@dataclass(frozen=True)
class LayoutFile:
    """What was written.

    Attributes:
        path: the file.
        cells: number of cells, those of the hierarchy included.
        references: number of placements as the file stores them (a repetition counts as its members).
        pillars: number of pillars that they amount to.
        bytes: size of the file.
        area_error: largest relative difference between the area of a pillar and its (rounded, biased) circle.
        position_error: largest distance along an axis between a stored position and its lattice site.
    """

    path: Path
    cells: int
    references: int
    pillars: int
    bytes: int
    area_error: float
    position_error: float


@dataclass(frozen=True, eq=False)
class Drawing:
    """A layout rounded to what a file can hold.

    Attributes:
        distinct: [M] drawn radii that occur, increasing; 0 is a site without a pillar.
        grid_steps: [M] the radii before the bias, in steps of the grid.
        steps: [N, N] index into ``distinct``.
        positions: [N] lattice coordinates, rounded to the database unit.
    """

    distinct: NDArray[np.float64]
    grid_steps: NDArray[np.int64]
    steps: NDArray[np.int32]
    positions: NDArray[np.float64]


def write_gds(layout: Layout, path: str | Path, options: LayoutFileOptions = DEFAULTS) -> LayoutFile:
    """Write a layout as a GDSII file, cell by cell, so that memory stays flat.

    The file has one cell per distinct rounded radius, placed by reference, and a text label from which
    :func:`read_gds` gives the layout back. It appears under its name when it is complete.

    Args:
        layout: the device; the centre of its aperture becomes the origin of the file.
        path: of the file.
        options: how it is drawn.

    Returns:
        Counts, size, and how far the rounding moved anything.

    Raises:
        InputError: the bias makes a radius negative or neighbours overlap, the device does not fit the
            coordinates of a file, or the database unit is too coarse for its pillars or its lattice.
    """
    return _write(layout, Path(path), options, _save_gds)


def write_oasis(layout: Layout, path: str | Path, options: LayoutFileOptions = DEFAULTS) -> LayoutFile:
    """Write a layout as an OASIS file: as :func:`write_gds`, several times smaller."""
    return _write(layout, Path(path), options, _save_oasis)


def _write(
    layout: Layout,
    path: Path,
    options: LayoutFileOptions,
    save: Callable[[Path, Iterator[gdstk.Cell], LayoutFileOptions], None],
) -> LayoutFile:
    drawing = draw(layout, options)
    area_error = _checked_area_error(drawing, layout.platform.period, options)
    counts = {"cells": 0, "references": 0}

    def counted() -> Iterator[gdstk.Cell]:
        for cell in layout_cells(layout, drawing, options):
            counts["cells"] += 1
            counts["references"] += sum(max(1, r.repetition.size) for r in cell.references)
            yield cell

    with replacing(path) as partial:
        save(partial, counted(), options)
    return LayoutFile(
        path,
        **counts,
        pillars=int(np.count_nonzero(drawing.distinct[drawing.steps])),
        bytes=path.stat().st_size,
        area_error=area_error,
        position_error=float(np.abs(drawing.positions - layout.positions).max()),
    )


def draw(layout: Layout, options: LayoutFileOptions) -> Drawing:
    """Round the radii to the grid and the positions to the database unit, and apply the bias."""
    period = layout.platform.period
    in_steps = np.rint(layout.radii / options.grid).astype(np.int32)
    grid_steps = np.flatnonzero(np.bincount(in_steps.ravel()))
    distinct = drawn_radii(grid_steps * options.grid, options.bias)
    wrong = (distinct > period / 2) | ((distinct <= 0) & (grid_steps > 0))
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
    return Drawing(distinct, grid_steps, index_of[in_steps], np.rint(layout.positions / unit) * unit)


def _checked_area_error(drawing: Drawing, period: float, options: LayoutFileOptions) -> float:
    """Largest relative error of the drawn areas; refuses a database unit that is too coarse."""
    unit = options.database_unit
    if options.tone is Tone.HOLES and abs(period / 2 - np.rint(period / 2 / unit) * unit) > 1e-3 * unit:
        raise InputError(
            f"database_unit is {unit:g}, and half the period ({period / 2:g}) is no multiple of it: inverted "
            "lattice cells would overlap or leave slits; use a finer database_unit"
        )
    pillars = drawing.distinct[drawing.distinct > 0]
    errors = [abs(_drawn_area(radius, period, options) / (np.pi * radius**2) - 1) for radius in pillars]
    worst = max(errors, default=0.0)
    if worst > AREA_TOLERANCE:
        raise InputError(
            f"database_unit is {unit:g}: rounding the vertices to it changes the area of a pillar by "
            f"{worst:.1e}, at most {AREA_TOLERANCE:g} is allowed; use a finer database_unit"
        )
    return worst


def _drawn_area(radius: float, period: float, options: LayoutFileOptions) -> float:
    """Area of the pillar that the polygons of one site make."""
    covered = sum(float(polygon_areas(points[None])[0]) for points in site_polygons(radius, period, options))
    return covered if options.tone is Tone.PILLARS else period**2 - covered


def layout_cells(layout: Layout, drawing: Drawing, options: LayoutFileOptions) -> Iterator[gdstk.Cell]:
    """Yield every cell of the file; the last one is the device with its label and marks."""
    names = radius_names(drawing, options)
    for name, drawn in zip(names, drawing.distinct, strict=True):
        if name:
            yield radius_cell(name, drawn, layout.platform.period, options)
    cells = device_cells(drawing.steps, names, drawing.positions, prefix="DEVICE")
    for cell in cells:
        if cell.name == "DEVICE":
            add_surroundings(cell, layout, options)
        yield cell


def radius_names(drawing: Drawing, options: LayoutFileOptions) -> list[str]:
    """Name of the cell of each distinct radius, "R" and the radius in grid steps; empty for no cell."""
    return [f"R{step}" if step > 0 or options.tone is Tone.HOLES else "" for step in drawing.grid_steps]


def add_surroundings(cell: gdstk.Cell, layout: Layout, options: LayoutFileOptions) -> None:
    """Add the label, the aperture outline, the datum marks and the engraved text."""
    half = layout.side / 2
    layer, texttype = options.label_layer
    cell.add(gdstk.Label(label_of(layout, options).text, (0, 0), layer=layer, texttype=texttype))
    if options.outline:
        cell.add(gdstk.rectangle((-half, -half), (half, half), *options.outline_layer))
    size = options.mark_size
    if size > 0:
        for x, y in ((1, 1), (-1, 1), (-1, -1), (1, -1)):
            centre = (x * (half + 2 * size), y * (half + 2 * size))
            cell.add(gdstk.cross(centre, size, size / 5, *options.mark_layer))
    if options.text:
        corner = (-half, -half - 3 * size - options.text_height)
        cell.add(*gdstk.text(options.text, options.text_height, corner, False, *options.mark_layer))


def _save_gds(path: Path, cells: Iterator[gdstk.Cell], options: LayoutFileOptions) -> None:
    precision = options.database_unit * MICROMETRE
    writer = gdstk.GdsWriter(path, "metagen", MICROMETRE, precision, MOST_VERTICES, TIMESTAMP)
    for cell in cells:
        writer.write(cell)
    writer.close()


def _save_oasis(path: Path, cells: Iterator[gdstk.Cell], options: LayoutFileOptions) -> None:
    library = gdstk.Library("metagen", MICROMETRE, options.database_unit * MICROMETRE)
    library.add(*cells)
    library.write_oas(path, detect_rectangles=False, detect_trapezoids=False, validation="crc32")
