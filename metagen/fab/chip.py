"""Arrays of devices on one chip, described by a small TOML file.

width = 5000.0
height = 5000.0

[export]                      # LayoutFileOptions, for all devices
grid = 0.001

[[device]]
name = "F50"
layout = "lens-f50.h5"        # beside this file
at = [-1500.0, 0.0]           # centre of the array
columns = 5
rows = 4
pitch = [150.0, 150.0]
text = "F50"
bias = 0.004                  # instead of the one under [export]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import gdstk
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metagen.base.errors import InputError
from metagen.base.validation import Positive, PositiveInt, checked, load_toml
from metagen.device.layout import Layout
from metagen.fab.drawing import Drawing, draw
from metagen.fab.formats import DrawnFormat, format_to_write
from metagen.fab.options import DEFAULTS, BiasTable, LayoutFileOptions
from metagen.fab.write import LayoutFile, Save, layout_cells, save_cells, save_gds, save_oasis

CellName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,15}$")]
CHIP_CELL = "CHIP"
SAVERS: dict[DrawnFormat, Save] = {DrawnFormat.GDS: save_gds, DrawnFormat.OASIS: save_oasis}


@checked
class DeviceArray:
    """Copies of one device on a rectangular grid; lengths in micrometres.

    Attributes:
        name: name of the device's cell, by which :func:`metagen.fab.read_gds` finds it again.
        layout: layout file (HDF5) of the device; a relative path starts at the folder of the chip file.
        at: position of the array's centre; the centre of the chip is the origin.
        columns: how many copies stand along x.
        rows: how many copies stand along y.
        pitch: distance between neighbouring copies, along x and along y.
        bias: process bias for this device; None takes that of the chip.
        text: text engraved below each copy; None takes that of the chip.
    """

    name: CellName
    layout: Path
    at: tuple[float, float] = (0.0, 0.0)
    columns: PositiveInt = 1
    rows: PositiveInt = 1
    pitch: tuple[Positive, Positive] = (200.0, 200.0)
    bias: float | BiasTable | None = None
    text: str | None = None

    @property
    def centres(self) -> NDArray[np.float64]:
        """[columns·rows, 2] centres of the copies."""
        x, y = (
            start + (np.arange(number) - (number - 1) / 2) * pitch
            for start, number, pitch in zip(self.at, (self.columns, self.rows), self.pitch, strict=True)
        )
        return np.asarray(np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2))

    def options(self, common: LayoutFileOptions) -> LayoutFileOptions:
        """The options of the chip with what this device has of its own."""
        own = {key: value for key in ("bias", "text") if (value := getattr(self, key)) is not None}
        return dataclasses.replace(common, **own)


@checked
class Chip:
    """Arrays of devices on a chip; lengths in micrometres.

    Attributes:
        width: size of the chip along x.
        height: size of the chip along y.
        device: the arrays of devices.
        export: how every device is drawn.
    """

    width: Positive
    height: Positive
    device: Annotated[tuple[DeviceArray, ...], Field(min_length=1)]
    export: LayoutFileOptions = DEFAULTS

    def __post_init__(self) -> None:
        names = [array.name for array in self.device]
        if len({*names, CHIP_CELL}) <= len(names):
            raise InputError(
                f"device names are {names}; each must differ from the others and from {CHIP_CELL}"
            )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a chip file (TOML); layouts are looked for beside it."""
        chip, folder = load_toml(path, cls), Path(path).parent
        arrays = tuple(dataclasses.replace(array, layout=folder / array.layout) for array in chip.device)
        return dataclasses.replace(chip, device=arrays)


def write_chip(chip: Chip, path: str | Path) -> LayoutFile:
    """Write all devices of a chip to one GDSII or OASIS file, with one layout in memory at a time.

    Args:
        chip: the chip; its layout files are read one after the other.
        path: the file to write; its ending says in which format (.gds, .oas).

    Returns:
        Counts and size of the file, and how far the rounding moved anything.

    Raises:
        InputError: the ending is not that of a layout file, or a device leaves the chip, overlaps another one
            or cannot be drawn (see :func:`metagen.fab.write_gds`).
        FormatError: the disk took only a part of the file, which is then removed.
    """
    path = Path(path)
    save = SAVERS[format_to_write(path)]
    drawn: list[_Drawn] = []
    tally = save_cells(path, _chip_cells(chip, drawn), chip.export, save)
    return LayoutFile(
        path,
        *tally,
        pillars=sum(len(device.boxes) * device.pillars for device in drawn),
        bytes=path.stat().st_size,
        area_error=max(device.area_error for device in drawn),
        position_error=max(device.position_error for device in drawn),
    )


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What is remembered of a written device; ``boxes`` [M, 2, 2] are the corners of its copies."""

    name: str
    boxes: NDArray[np.float64]
    pillars: int
    area_error: float
    position_error: float


def _chip_cells(chip: Chip, drawn: list[_Drawn]) -> Iterator[gdstk.Cell]:
    """Yield the cells of all devices, then the chip; ``drawn`` is filled on the way."""
    top = gdstk.Cell(CHIP_CELL)
    corner = (chip.width / 2, chip.height / 2)
    if chip.export.outline:
        top.add(gdstk.rectangle((-corner[0], -corner[1]), corner, *chip.export.outline_layer))
    for array in chip.device:
        drawing = draw(Layout.load(array.layout), array.options(chip.export))
        boxes = array.centres[:, None] + footprint(drawing) * np.array([[-1, -1], [1, 1]])
        device = _Drawn(array.name, boxes, drawing.pillars, drawing.area_error, drawing.position_error)
        _check_place(device, drawn, corner)
        drawn.append(device)
        yield from layout_cells(drawing, array.name, f"{array.name}_")
        top.add(_placed(array))
    yield top


def footprint(drawing: Drawing) -> NDArray[np.float64]:
    """[2] half the sides of the rectangle that a device takes up with its marks and its text, in micrometres.

    Pillars of lattices with several sites reach beyond the aperture.
    """
    layout, options = drawing.layout, drawing.options
    text = 1.5 * options.text_height if options.text else 0.0
    marks = np.array(layout.sides) / 2 + 3 * options.mark_size + text
    lattice = layout.platform.lattice
    if len(lattice.sites) == 1:
        return np.asarray(marks)
    sites = [np.abs(axis).max() for axis in (drawing.sites.x, drawing.sites.y)]
    return np.maximum(marks, np.array(sites) + lattice.spacing / 2)


def _check_place(device: _Drawn, others: list[_Drawn], corner: tuple[float, float]) -> None:
    """Refuse a device that leaves the chip, or whose copies overlap each other or another device."""
    if (np.abs(device.boxes) > corner).any():
        raise InputError(
            f"device {device.name!r} reaches ({np.abs(device.boxes[..., 0]).max():g}, "
            f"{np.abs(device.boxes[..., 1]).max():g}) with its marks, the chip ends at {corner}; move it or "
            "enlarge the chip"
        )
    for index, box in enumerate(device.boxes):
        for other, boxes in [(device.name, device.boxes[:index]), *((o.name, o.boxes) for o in others)]:
            if ((box[0] < boxes[:, 1]) & (boxes[:, 0] < box[1])).all(axis=1).any():
                raise InputError(
                    f"device {device.name!r} around {tuple(box.mean(axis=0))} overlaps a copy of {other!r} "
                    "(marks and text included); use a larger pitch or another place"
                )


def _placed(array: DeviceArray) -> gdstk.Reference:
    x, y = array.centres[0]
    return gdstk.Reference(
        array.name,  # type: ignore[arg-type]
        (x, y),
        columns=array.columns,
        rows=array.rows,
        spacing=array.pitch,
    )
