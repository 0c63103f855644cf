"""Layout files back to layouts, ours and foreign ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import gdstk
import numpy as np

from metagen.base.errors import FormatError, InputError, MismatchError
from metagen.device.layout import Layout, on_grid
from metagen.device.platform import Platform
from metagen.fab.hierarchy import collect, hole_finder, pillar_finder, placed_cells
from metagen.fab.label import DeviceLabel, parse_label, steps_hash
from metagen.fab.options import DEFAULTS, Layer, Tone, designed_radii
from metagen.fab.sites import Frame, frame_of, sites_of
from metagen.fab.whole import check_oasis

MICROMETRE = 1e-6


def read_gds(
    path: str | Path,
    platform: Platform,
    layer: Layer | None = None,
    cell: str | None = None,
) -> Layout:
    """Read a GDSII file as a layout.

    A file of ours gives the layout that was written, with its radii rounded to the grid of the file (bias and
    tone are undone as its label says). A foreign file may hold circles as polygons or as cells of polygons in
    any hierarchy; its lattice is centred, and it is as large as the outermost circles say.

    Args:
        path: of the file.
        platform: the process; its period is the lattice constant that the circles must be on.
        layer: layer and datatype of the pillars; by default the one that our label names, (1, 0) without a
            label.
        cell: which cell is the device; by default the only one that no other cell places.

    Returns:
        The layout; ``provenance`` holds the file and the hashes that a label of ours records: ``layout_hash``
        of the layout that was written, ``steps_hash`` of its rounded radii.

    Raises:
        InputError: no such file or cell.
        MismatchError: the file was written for a platform with another period.
        FormatError: damaged, a file of ours that was edited, cells that place each other in a circle, shapes
            that are no circles, circles off the lattice or on top of each other.
    """
    return _read(Path(path), platform, layer, cell, _open_gds)


def read_oasis(
    path: str | Path,
    platform: Platform,
    layer: Layer | None = None,
    cell: str | None = None,
) -> Layout:
    """Read an OASIS file as a layout; see :func:`read_gds`."""
    return _read(Path(path), platform, layer, cell, _open_oasis)


def load_device(path: str | Path, platform: Platform, cell: str | None = None) -> Layout:
    """Read a device from a layout file (.gds, .oas), or from a layout or device file of ours (HDF5).

    Args:
        path: of the file; its suffix says what it is.
        platform: the process of a layout file, which holds shapes only; ours bring their own.
        cell: which cell of a layout file; by default the only one that no other cell places.

    Raises:
        MetagenError: see :func:`read_gds` and :meth:`metagen.Layout.load`.
    """
    match Path(path).suffix.lower():
        case ".gds":
            return read_gds(path, platform, cell=cell)
        case ".oas":
            return read_oasis(path, platform, cell=cell)
        case _:
            return Layout.load(path)


def _read(
    path: Path,
    platform: Platform,
    layer: Layer | None,
    cell: str | None,
    load: Callable[[Path], gdstk.Library],
) -> Layout:
    library, source = _library(path, load), str(path)
    cells = placed_cells(_device_cell(library, cell, source), source)
    found = find_label(cells, source)
    if found is None:
        layer = layer or DEFAULTS.pillar_layer
        circles = collect(cells, pillar_finder(layer, library.precision / MICROMETRE, source))
        radii = sites_of(circles, platform, frame_of(circles, platform.period), source)
        return Layout(platform, radii, path.stem, {"file": path.name})
    label, origin = found
    check_lattice(label, platform, source)
    layer = layer or label.layer
    finder = (
        pillar_finder(layer, library.precision / MICROMETRE, source)
        if label.tone is Tone.PILLARS
        else hole_finder(layer, label.period)
    )
    drawn = sites_of(collect(cells, finder), platform, Frame(origin, label.count), source)
    drawn_as = designed_radii(drawn, label.bias)
    steps = np.rint(drawn_as / label.grid).astype(np.int32)
    if steps_hash(steps) != label.steps:
        raise FormatError(
            f"{source}: the pillars are not those that its device label announces; the file was edited or "
            "damaged. Write it again, or remove the label to read it as it is"
        )
    return Layout(
        platform,
        on_grid(drawn_as, label.grid),
        label.name,
        {"file": path.name, "layout_hash": label.hash, "steps_hash": label.steps},
    )


def device_labels(path: str | Path) -> dict[str, DeviceLabel]:
    """Our labels in a GDSII or OASIS file, by the cell of each device; none in a foreign file.

    Raises:
        InputError, FormatError: no such file, damaged, or another suffix than .gds and .oas.
    """
    path = Path(path)
    openers = {".gds": _open_gds, ".oas": _open_oasis}
    if path.suffix.lower() not in openers:
        raise InputError(f"path is {path}; its suffix must be one of {', '.join(openers)}")
    library = _library(path, openers[path.suffix.lower()])
    cells = [cell for cell in library.cells if isinstance(cell, gdstk.Cell)]
    parsed = {cell.name: [parse_label(each.text, str(path)) for each in cell.labels] for cell in cells}
    return {name: label for name, labels in parsed.items() for label in labels if label is not None}


def _library(path: Path, load: Callable[[Path], gdstk.Library]) -> gdstk.Library:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return load(path)
    except (OSError, RuntimeError) as error:
        raise FormatError(
            f"{path}: damaged, incomplete or of another format ({error}); export it again"
        ) from error


def _open_gds(path: Path) -> gdstk.Library:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Missing reference", RuntimeWarning)  # refused below, with its name
        return gdstk.read_gds(path, unit=MICROMETRE)


def _open_oasis(path: Path) -> gdstk.Library:
    check_oasis(path)
    return gdstk.read_oas(path, unit=MICROMETRE)


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
            f"{source}: several cells are at the top ({', '.join(tops[:20])}); choose one (set cell)"
        )
    return cells[tops[0]] if tops else next(iter(cells.values()))


def find_label(cells: list[gdstk.Cell], source: str) -> tuple[DeviceLabel, complex] | None:
    """Our label in the last of the cells and where it is; None if the file has none."""
    labelled = {}
    for cell in cells:
        for label in cell.labels:
            parsed = parse_label(label.text, source)
            if parsed is not None:
                labelled[cell.name] = (parsed, complex(*label.origin))
    if labelled and cells[-1].name not in labelled:
        raise InputError(
            f"{source}: cell {cells[-1].name!r} holds the device(s) {', '.join(sorted(labelled)[:20])}; "
            "choose one (set cell)"
        )
    return labelled.get(cells[-1].name)


def check_lattice(label: DeviceLabel, platform: Platform, source: str) -> None:
    """Refuse a file that was written for another lattice."""
    if label.period != platform.period:
        raise MismatchError(
            f"{source}: written for a period of {label.period:g}, the platform has {platform.period:g}; use "
            "the platform of the layout"
        )
