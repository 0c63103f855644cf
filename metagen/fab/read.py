"""Layout files back to layouts, ours and foreign ones."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import gdstk

from metagen.base.errors import FormatError, InputError
from metagen.base.memory import check_fits
from metagen.base.names import name_from
from metagen.base.texts import check_ordinary, one_error
from metagen.device.layout import Layout
from metagen.device.platform import Platform
from metagen.fab.apart import read_apart
from metagen.fab.finders import finder_of, hole_finder
from metagen.fab.formats import DRAWN_ENDINGS, DrawnFormat, drawn_format, drawn_name, unpacked
from metagen.fab.found import Pillars, check_places
from metagen.fab.hierarchy import PlacedCell, collect, placed_cells
from metagen.fab.label import DeviceLabel, check_match, parse_labels
from metagen.fab.options import DEFAULTS, Layer, Tone, designed_radii
from metagen.fab.records import check_records
from metagen.fab.sites import CELL_OPTION, Frame, checked_layout, frame_of, layout_of
from metagen.fab.steps import at_steps, is_circle, steps_hash, steps_of_values
from metagen.fab.whole import check_oasis

MICROMETRE = 1e-6
OASIS_CIRCLES = 1e-4
"""Largest distance of a polygon from a circle that an OASIS file names as such; ours are as close."""
T = TypeVar("T")

LAYER_OPTION = "layer=(5, 0) in Python, --layer 5 0 in commands"


def read_gds(
    path: str | Path,
    platform: Platform,
    layer: Layer | None = None,
    cell: str | None = None,
) -> Layout:
    """Read a GDSII file, compressed by gzip or not, as a layout.

    A file of ours gives the layout that was written, with its parameters rounded to the grids of the file
    (bias and tone are undone as its label says). A file of another program may hold the shapes of the
    platform's pillars as polygons or as cells of polygons in any hierarchy: circles are those of equal area,
    any other shape has the parameters that fit best. Its lattice is centred on the axis, and it is as large
    as the outermost pillars say.

    Args:
        path: the file.
        platform: the process; the pillars must be of its kind, and lie on its lattice.
        layer: layer and datatype of the pillars; by default the one that our label names, (1, 0) without a
            label.
        cell: name of the cell that is the device; by default the only cell that no other cell places.

    Returns:
        The layout; ``provenance`` holds the name of the file and the hashes that a label of ours records:
        ``layout_hash`` of the layout that was written, ``steps_hash`` of its rounded parameters.

    Raises:
        InputError: there is no such file or cell, or several cells could be the device.
        MismatchError: the file was written for a platform with another lattice or other shapes.
        FormatError: the file is damaged, or one of ours that was edited; cells place each other in a circle;
            the layer has paths, polygons that are no pillars of the platform, or pillars off the lattice or
            on top of each other.
    """
    return _read(Path(path), platform, layer, cell, DrawnFormat.GDS)


def read_oasis(
    path: str | Path,
    platform: Platform,
    layer: Layer | None = None,
    cell: str | None = None,
) -> Layout:
    """Read an OASIS file as a layout; see :func:`read_gds`."""
    return _read(Path(path), platform, layer, cell, DrawnFormat.OASIS)


def load_device(
    path: str | Path, platform: Platform, layer: Layer | None = None, cell: str | None = None
) -> Layout:
    """Read a device from a drawn layout (GDSII or OASIS), or from a layout or device file of ours (HDF5).

    Args:
        path: the file; its ending says what it is.
        platform: the process for which a layout is drawn. Files of ours bring their own.
        layer: see :func:`read_gds`; of drawn layouts only.
        cell: see :func:`read_gds`; of drawn layouts only.

    Raises:
        MetagenError: see :func:`read_gds` and :meth:`metagen.Layout.load`.
    """
    drawn = drawn_format(path)
    if drawn is not None:
        return _read(Path(path), platform, layer, cell, drawn)
    try:
        return Layout.load(path)
    except FormatError as error:
        raise FormatError(f"{error}. Drawn layouts end in {', '.join(DRAWN_ENDINGS)}") from error


def _read(
    path: Path, platform: Platform, layer: Layer | None, cell: str | None, drawn: DrawnFormat
) -> Layout:
    return _using(path, drawn, lambda library: _layout(library, path, platform, layer, cell))


def _layout(
    library: gdstk.Library, path: Path, platform: Platform, layer: Layer | None, cell: str | None
) -> Layout:
    source = str(path)
    with _decoding_names(source):
        cells = placed_cells(_device_cell(library, cell, source), source)
    found = find_label(cells, source)
    if found is None:
        pillars = _pillars(library, cells, layer or DEFAULTS.pillar_layer, platform, None, source)
        values, present = layout_of(pillars, platform, frame_of(pillars, platform), source)
        return checked_layout(
            platform, values, present, name_from(drawn_name(path)), {"file": path.name}, source
        )
    label, origin = found
    check_match(label, platform, source)
    pillars = _pillars(library, cells, layer or label.layer, platform, label, source)
    values, present = layout_of(pillars, platform, Frame(origin, label.counts), source)
    if is_circle(platform.atom):
        values = designed_radii(values, label.bias)
    steps = steps_of_values(values, present, platform.atom, label.grids)
    if steps_hash(steps, present, platform.atom) != label.steps:
        raise FormatError(
            f"{source}: the pillars are not those that its device label announces; the file was edited or "
            "damaged. Write it again, or remove the label to read it as it is"
        )
    provenance = {"file": path.name, "layout_hash": label.hash, "steps_hash": label.steps}
    values = at_steps(steps, platform.atom, label.grids)
    return checked_layout(platform, values, present, label.name, provenance, source)


def _pillars(
    library: gdstk.Library,
    cells: list[PlacedCell],
    layer: Layer,
    platform: Platform,
    label: DeviceLabel | None,
    source: str,
) -> Pillars:
    """The pillars that the last cell draws on a layer, or leaves out there."""
    if label is not None and label.tone is Tone.HOLES:
        find = hole_finder(layer, label.lattice.pitch[0])
    else:
        find = finder_of(layer, platform.atom, label, library.precision / MICROMETRE, source)
    pillars = collect(cells, find, platform.atom, source)
    check_places(pillars, source)
    if not pillars.count:
        others = [f"{number}/{datatype}" for number, datatype in sorted(library.layers_and_datatypes())]
        raise FormatError(
            f"{source}: no {platform.atom.kind} on the pillar layer {layer[0]}/{layer[1]}; the file has "
            f"shapes on {', '.join(others[:20]) or 'no layer'}. Say which layer has the pillars "
            f"({LAYER_OPTION})"
        )
    return pillars


def device_labels(path: str | Path) -> dict[str, DeviceLabel]:
    """Our labels in a GDSII or OASIS file, by the cell of each device; none in a file of another program.

    Raises:
        InputError: there is no such file, or its ending is not that of a drawn layout.
        FormatError: it is damaged.
    """
    path = Path(path)
    drawn = drawn_format(path)
    if drawn is None:
        raise InputError(f"path is {path}; drawn layouts end in {', '.join(DRAWN_ENDINGS)}")
    return _using(path, drawn, lambda library: _labels(library, str(path)))


def _labels(library: gdstk.Library, source: str) -> dict[str, DeviceLabel]:
    with _decoding_names(source):
        cells = {cell.name: cell for cell in library.cells if isinstance(cell, gdstk.Cell)}
    return {name: label for name, cell in cells.items() for label, _ in _labels_of(cell, source)}


@contextmanager
def _decoding_names(source: str) -> Iterator[None]:
    """Turn the TypeError that gdstk raises for a name in another encoding into one that says what to do."""
    try:
        yield
    except TypeError as error:
        raise FormatError(
            f"{source}: the name of a cell is not written in UTF-8 ({error}); rename it, and export again"
        ) from error


def _labels_of(cell: gdstk.Cell, source: str) -> list[tuple[DeviceLabel, complex]]:
    """Our labels in a cell, and where they stand as x + i·y."""
    texts = []
    for label in cell.labels:
        try:
            texts.append((label.text, complex(*label.origin)))
        except TypeError:  # in another encoding than UTF-8: no label of ours, which is ASCII
            continue
    return parse_labels(texts, source)


def _using(path: Path, drawn: DrawnFormat, use: Callable[[gdstk.Library], T]) -> T:
    """What is made of the contents of a file, which are checked before, or where they can do no harm."""
    check_ordinary(path)
    source = str(path)
    try:
        with unpacked(path) as plain, one_error(source):
            check_fits(f"{path}: reading it", plain.stat().st_size)
            if drawn is DrawnFormat.GDS:
                check_records(plain, source)
                return use(_open_gds(plain))
            check_oasis(plain)
            return read_apart(plain, source, lambda: _open_oasis(plain, source), use)
    except (OSError, EOFError, zlib.error, RuntimeError) as error:
        raise _damaged(source, error) from error


def _open_gds(path: Path) -> gdstk.Library:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Missing reference", RuntimeWarning)  # refused below, with its name
        return gdstk.read_gds(path, unit=MICROMETRE)


def _open_oasis(path: Path, source: str) -> gdstk.Library:
    try:
        return gdstk.read_oas(path, unit=MICROMETRE, tolerance=OASIS_CIRCLES)
    except (OSError, RuntimeError) as error:
        raise _damaged(source, error) from error


def _damaged(source: str, error: Exception) -> FormatError:
    return FormatError(f"{source}: damaged, incomplete or of another format ({error}); export it again")


def _device_cell(library: gdstk.Library, name: str | None, source: str) -> gdstk.Cell:
    """The cell called ``name``, or the only one that no other places."""
    cells = {cell.name: cell for cell in library.cells if isinstance(cell, gdstk.Cell)}
    if name is not None:
        if name not in cells:
            raise InputError(f"{source}: no cell {name!r}; there are {', '.join(sorted(cells)[:20])}")
        return cells[name]
    if not cells:
        raise FormatError(f"{source}: no cells; the file is empty")
    tops = [cell.name for cell in library.top_level()]
    if len(tops) > 1:
        raise InputError(
            f"{source}: several cells are at the top ({', '.join(tops[:20])}); choose one ({CELL_OPTION})"
        )
    return cells[tops[0]] if tops else next(iter(cells.values()))


def find_label(cells: list[PlacedCell], source: str) -> tuple[DeviceLabel, complex] | None:
    """Our label in the last of the cells, and where it stands as x + i·y; None if no cell has one."""
    labelled = {each.cell.name: found for each in cells for found in _labels_of(each.cell, source)}
    top = cells[-1].cell.name
    if labelled and top not in labelled:
        raise InputError(
            f"{source}: cell {top!r} holds the device(s) {', '.join(sorted(labelled)[:20])}; "
            f"choose one ({CELL_OPTION})"
        )
    return labelled.get(top)
