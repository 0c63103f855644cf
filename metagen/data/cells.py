"""The cells of a device: which are around one, which are mirror images, and the field over each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.data.folding import Folding, mirrors_of
from metagen.device.illumination import Illumination, in_words


def components_of(light: Illumination, count: int) -> slice:
    """Which of (Ex, Ey, Ez) are meant by a number of components: all three, or the one along the light.

    Args:
        light: what meets the device.
        count: 1 or 3.

    Raises:
        InputError: one component of light that is polarised along neither x nor y.
    """
    if count == 3:
        return slice(0, 3)
    if light.polarisation not in ("x", "y"):
        raise InputError(
            f"components is {count}, and the light ({in_words(light)}) is polarised along neither x nor y; "
            "take all 3"
        )
    along = "xy".index(str(light.polarisation))
    return slice(along, along + 1)


def twins(counts: tuple[int, int], folding: Folding) -> NDArray[np.int_]:
    """[Nx, Ny] a number for every cell, the same for its images under some mirrors and for no other cell."""
    rows, columns = (
        np.minimum(np.arange(count), count - 1 - np.arange(count)) if folds else np.arange(count)
        for count, folds in zip(counts, mirrors_of(folding), strict=True)
    )
    numbers: NDArray[np.int_] = rows[:, None] * counts[1] + columns[None, :]
    return numbers


def around(cells: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """[Nx, Ny, width², K] cells around every one of [Nx, Ny, K]; 0 outside the array.

    Raises:
        InputError: the width is not odd and positive.
    """
    if width < 1 or width % 2 == 0:
        raise InputError(f"neighbourhood width is {width}; it must be odd (1, 3, 5, …)")
    margin = width // 2
    padded = np.pad(cells, ((margin, margin), (margin, margin), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (width, width), axis=(0, 1))  # type: ignore[call-overload]
    return np.moveaxis(windows.reshape(*cells.shape, width * width), -1, -2)


def cut(field: NDArray[np.complex64], samples: tuple[int, int]) -> NDArray[np.complex64]:
    """[Nx, Ny, n·m·C] field over every cell of a field [Nx·n, Ny·m, C], with (n, m) samples per cell."""
    (n, m), (along_x, along_y, components) = samples, field.shape
    rows, columns = along_x // n, along_y // m
    blocks = field.reshape(rows, n, columns, m, components).swapaxes(1, 2)
    return blocks.reshape(rows, columns, n * m * components)
