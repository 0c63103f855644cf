"""Patterns of pixels from files: 1 is silicon, 0 a gap; rows run along x, columns along y."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.device.lattice import Lattice
from metagen.device.shapes import Difference, Polygon, Shape

GLOB = "device*.csv"
SNAP = 1e-9
"""Corners of neighbouring pixels, in micrometres, that are one."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """One period of a grating.

    Attributes:
        name: of the file, without its ending.
        filled: [nx, ny] whether each pixel is silicon; ny = 1 if nothing changes along y.
    """

    name: str
    filled: NDArray[np.bool_]

    @classmethod
    def read(cls, path: Path) -> Pattern:
        """Read a file of zeros and ones with commas between them.

        Raises:
            InputError: it is empty, ragged, holds something else, or has no structure along x.
        """
        rows = _rows(path)
        lengths = {len(row) for row in rows}
        if len(lengths) != 1:
            raise InputError(f"{path}: rows have {_listed(lengths)} values; every row must have as many")
        filled = np.array([[_pixel(path, text) for text in row] for row in rows])
        if (filled == filled[:1]).all():
            raise InputError(
                f"{path}: nothing changes along x (one row of the file after the other), so it is no grating"
            )
        return cls(path.stem, filled)

    @property
    def is_line_grating(self) -> bool:
        """Whether nothing changes along y."""
        return bool((self.filled == self.filled[:, :1]).all())

    def repeated(self, least: tuple[int, int]) -> NDArray[np.bool_]:
        """[nx, ny] the same pattern on pixels that are cut into equal parts, so that there are enough."""
        parts = [-(-wanted // size) for wanted, size in zip(least, self.filled.shape, strict=True)]
        return np.kron(self.filled, np.ones(parts, dtype=bool))

    def pillars(self, pitch: tuple[float, float]) -> tuple[Lattice, tuple[Shape, ...]]:
        """A lattice with a site for each connected part, and the parts about their sites.

        The sites only tell the parts apart. They lie on the x axis: a mirror in it that the parts have is
        then kept.
        """
        parts = _connected(self.filled, pitch)
        sites = tuple((k / len(parts), 0.0) for k in range(len(parts)))
        shapes = tuple(_shape(part, x * pitch[0]) for part, (x, _) in zip(parts, sites, strict=True))
        return Lattice(pitch, sites), shapes


def read_folder(folder: Path) -> list[Pattern]:
    """The patterns of all device*.csv in a folder, by name.

    Raises:
        InputError: there is no such folder, no such file in it, or see :meth:`Pattern.read`.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that holds {GLOB}")
    paths = sorted(folder.glob(GLOB))
    if not paths:
        raise InputError(f"{folder}: no {GLOB} in it")
    return [Pattern.read(path) for path in paths]


def _rows(path: Path) -> list[list[str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({error})") from error
    rows = [[text.strip() for text in line.split(",")] for line in lines if line.strip()]
    if not rows:
        raise InputError(f"{path}: the file is empty; it must hold rows of 0 and 1")
    return rows


def _pixel(path: Path, text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if value not in (0, 1):
        raise InputError(f"{path}: holds {text!r}; every value must be 0 (gap) or 1 (silicon)")
    return bool(value)


def _listed(numbers: set[int]) -> str:
    return " or ".join(str(number) for number in sorted(numbers))


def _connected(filled: NDArray[np.bool_], pitch: tuple[float, float]) -> list[shapely.Polygon]:
    """The parts of a pattern whose middle is at (0, 0), each with its holes."""
    steps = np.array(pitch) / filled.shape
    low = np.argwhere(filled) * steps - np.array(pitch) / 2
    pixels = shapely.box(*low.T, *(low + steps).T)
    whole = shapely.simplify(shapely.union_all(pixels, grid_size=SNAP), SNAP)
    return list(shapely.get_parts(whole))


def _shape(part: shapely.Polygon, x: float) -> Shape:
    def polygon(ring: shapely.LinearRing) -> Polygon:
        return Polygon(shapely.get_coordinates(ring)[:-1] - [x, 0.0])

    shape: Shape = polygon(part.exterior)
    for hole in part.interiors:
        shape = Difference(shape, polygon(hole))
    return shape
