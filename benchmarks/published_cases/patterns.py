"""Patterns of pixels from files of two values: the larger is silicon; rows run along x, columns along y."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError

GLOB = "device*.csv"
SEPARATOR = re.compile(r"\s*[,;\s]\s*")


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
        """Read a file of numbers with commas, semicolons or spaces between them.

        Raises:
            InputError: it is empty, ragged, holds other things than two numbers, or does not change along x.
        """
        rows = _rows(path)
        lengths = sorted({len(row) for row in rows})
        if len(lengths) != 1:
            found = " or ".join(map(str, lengths))
            raise InputError(f"{path}: rows have {found} values; every row must have as many")
        values = np.array([[_number(path, text) for text in row] for row in rows])
        if (values == values[:1]).all():
            raise InputError(f"{path}: all rows are equal, so nothing changes along x; rows must run along x")
        _check_two(path, values)
        return cls(path.stem, values == values.max())

    @property
    def is_line_grating(self) -> bool:
        """Whether nothing changes along y."""
        return bool((self.filled == self.filled[:, :1]).all())

    def repeated(self, least: tuple[int, int]) -> NDArray[np.bool_]:
        """[nx, ny] the same pattern on pixels that are cut into equal parts, so that there are enough."""
        parts = [-(-wanted // size) for wanted, size in zip(least, self.filled.shape, strict=True)]
        return np.kron(self.filled, np.ones(parts, dtype=bool))

    @property
    def mirrored_along_y(self) -> NDArray[np.bool_] | None:
        """[nx, 2 ny] the same grating, moved along y until a mirror is in the middle; None without one."""
        halves = np.repeat(self.filled, 2, axis=1)
        moved = (np.roll(halves, step, axis=1) for step in range(halves.shape[1]))
        return next((each for each in moved if (each == each[:, ::-1]).all()), None)


def pattern_files(folder: Path) -> list[Path]:
    """All device*.csv in a folder, by name.

    Raises:
        InputError: there is no such folder, or no such file in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that holds {GLOB}")
    paths = sorted(folder.glob(GLOB))
    if not paths:
        raise InputError(f"{folder}: no {GLOB} in it")
    return paths


def _rows(path: Path) -> list[list[str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({error})") from error
    rows = [SEPARATOR.split(line.strip()) for line in lines if line.strip()]
    if not rows:
        raise InputError(f"{path}: the file is empty; it must hold rows of 0 and 1")
    return rows


def _number(path: Path, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f"{path}: holds {text!r}; every value must be 0 (gap) or 1 (silicon)")
    return value


def _check_two(path: Path, values: NDArray[np.float64]) -> None:
    found = np.unique(values)
    if len(found) != 2:
        shown = ", ".join(f"{value:g}" for value in found[:4]) + (", …" if len(found) > 4 else "")
        raise InputError(
            f"{path}: holds {len(found)} different values ({shown}); give two, 0 (gap) and 1 (silicon)"
        )
