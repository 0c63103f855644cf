"""Layouts to GDSII and OASIS files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import gdstk

from metagen.base.atomic import replacing
from metagen.base.errors import FormatError
from metagen.base.tables import Table
from metagen.device.layout import Layout
from metagen.fab.cells import Shapes, device_cells
from metagen.fab.circle import MOST_VERTICES
from metagen.fab.drawing import Drawing, draw
from metagen.fab.formats import refuse_compressed
from metagen.fab.label import label_of
from metagen.fab.mirrors import mirrors
from metagen.fab.options import DEFAULTS, LayoutFileOptions
from metagen.fab.outline import Polygons
from metagen.fab.whole import is_whole

MICROMETRE = 1e-6
TIMESTAMP = datetime(2000, 1, 1)
"""The time that is stored in every GDS file, so that equal layouts give equal files."""
Save = Callable[[Path, Iterator[gdstk.Cell], LayoutFileOptions], None]
"""A function that writes cells to a file of one format."""


@dataclass(frozen=True)
class LayoutFile:
    """A layout file that was written; lengths in micrometres.

    Attributes:
        path: the file.
        cells: number of its cells, those that only place others included.
        references: number of placements that the file stores; a repetition counts once for each member.
        pillars: number of pillars that they amount to.
        bytes: size of the file in bytes.
        area_error: largest relative difference between the area of a pillar and its (rounded, biased) shape.
        position_error: largest distance along an axis between a stored position and its lattice site.
    """

    path: Path
    cells: int
    references: int
    pillars: int
    bytes: int
    area_error: float
    position_error: float


def write_gds(layout: Layout, path: str | Path, options: LayoutFileOptions = DEFAULTS) -> LayoutFile:
    """Write a layout as a GDSII file, cell by cell, so that memory stays flat.

    The file has one cell per distinct rounded shape, placed by references that are turned as the pillars are,
    and a text label with which :func:`read_gds` gives the layout back. It appears under its name when it is
    complete.

    Args:
        layout: the device; the centre of its aperture becomes the origin of the file.
        path: the file to write.
        options: how the layout is drawn.

    Returns:
        Counts, size, and how far the rounding moved anything.

    Raises:
        InputError: the bias makes a length negative or neighbours overlap, the device does not fit the
            coordinates of a file, the database unit is too coarse for its pillars or its lattice, the tone is
            not drawn for its shapes, or the name is that of a compressed file.
        FormatError: the disk took only a part of the file, which is then removed.
    """
    return _write(layout, Path(path), options, save_gds)


def write_oasis(layout: Layout, path: str | Path, options: LayoutFileOptions = DEFAULTS) -> LayoutFile:
    """Write a layout as an OASIS file, several times smaller than GDSII; see :func:`write_gds`."""
    return _write(layout, Path(path), options, save_oasis)


def _write(layout: Layout, path: Path, options: LayoutFileOptions, save: Save) -> LayoutFile:
    drawing = draw(layout, options)
    tally = save_cells(path, layout_cells(drawing), options, save)
    return LayoutFile(
        path, *tally, drawing.pillars, path.stat().st_size, drawing.area_error, drawing.position_error
    )


def save_cells(
    path: Path, cells: Iterator[gdstk.Cell], options: LayoutFileOptions, save: Save
) -> tuple[int, int]:
    """Write cells to a file that appears when it is complete; return how many cells and references it has.

    Raises:
        InputError: the ending is that of a compressed file.
        FormatError: the disk took only a part of the file.
    """
    refuse_compressed(path)
    counts = [0, 0]

    def counted() -> Iterator[gdstk.Cell]:
        for cell in cells:
            counts[0] += 1
            counts[1] += sum(max(1, reference.repetition.size) for reference in cell.references)
            yield cell

    with replacing(path) as partial:
        save(partial, counted(), options)
        if not is_whole(partial, counts[0]):
            raise FormatError(f"{path}: the disk took only a part of the file; make room and write it again")
    return counts[0], counts[1]


def layout_cells(drawing: Drawing, name: str = "DEVICE", prefix: str = "") -> Iterator[gdstk.Cell]:
    """Yield every cell of a device; the last one is the device itself, with its label and marks.

    Args:
        drawing: what is drawn.
        name: name of the device's cell.
        prefix: how names of the cells of its shapes begin.
    """
    names = [prefix + form if form else "" for form in drawing.names]
    for own, polygons in zip(filter(None, names), drawing.polygons(), strict=True):
        yield shape_cell(own, polygons, drawing.options)
    planes = mirrors(drawing.sites, drawing.forms, drawing.grids)
    for cell in device_cells(drawing.sites, planes, Shapes(names, drawing.grids.angle), name):
        if cell.name == name:
            add_surroundings(cell, drawing)
        yield cell


def shape_cell(name: str, polygons: Polygons, options: LayoutFileOptions) -> gdstk.Cell:
    """Draw one shape."""
    cell = gdstk.Cell(name)
    layer, datatype = options.pillar_layer
    for points in polygons:
        cell.add(gdstk.Polygon(points.tolist(), layer, datatype))
    return cell


def add_surroundings(cell: gdstk.Cell, drawing: Drawing) -> None:
    """Add the label, the aperture outline, the datum marks and the engraved text."""
    layout, options = drawing.layout, drawing.options
    right, top = (side / 2 for side in layout.sides)
    layer, texttype = options.label_layer
    for text in label_of(layout, drawing.steps_hash, options, drawing.grids).texts:
        cell.add(gdstk.Label(text, (0, 0), layer=layer, texttype=texttype))
    if options.outline:
        cell.add(gdstk.rectangle((-right, -top), (right, top), *options.outline_layer))
    size = options.mark_size
    if size > 0:
        for x, y in ((1, 1), (-1, 1), (-1, -1), (1, -1)):
            centre = (x * (right + 2 * size), y * (top + 2 * size))
            cell.add(gdstk.cross(centre, size, size / 5, *options.mark_layer))
    if options.text:
        corner = (-right, -top - 3 * size - options.text_height)
        cell.add(*gdstk.text(options.text, options.text_height, corner, False, *options.mark_layer))


def save_gds(path: Path, cells: Iterator[gdstk.Cell], options: LayoutFileOptions) -> None:
    """Write GDSII; every cell is forgotten once it is written."""
    precision = options.database_unit * MICROMETRE
    writer = gdstk.GdsWriter(path, "metagen", MICROMETRE, precision, MOST_VERTICES, TIMESTAMP)
    for cell in cells:
        writer.write(cell)
    writer.close()


def save_oasis(path: Path, cells: Iterator[gdstk.Cell], options: LayoutFileOptions) -> None:
    """Write OASIS; meanwhile gdstk holds all cells in memory, 16 bytes per placed pillar."""
    library = gdstk.Library("metagen", MICROMETRE, options.database_unit * MICROMETRE)
    library.add(*cells)
    library.write_oas(path, detect_rectangles=False, detect_trapezoids=False, validation="crc32")


def file_table(files: Sequence[LayoutFile]) -> Table:
    """Make a table of what layout files contain."""
    return Table(
        "Layout files",
        ("file", "pillars", "cells", "placements", "bytes", "largest area error"),
        tuple(
            (
                each.path.name,
                f"{each.pillars}",
                f"{each.cells}",
                f"{each.references}",
                f"{each.bytes}",
                f"{each.area_error:.1e}",
            )
            for each in files
        ),
    )
