"""How a compact file stores a field: patches of some cells, from which mirrors make the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from metagen.data.cells import cut
from metagen.data.folding import Folding, mirrors_of, unfolded
from metagen.data.nearfield import NearField
from metagen.device.illumination import Illumination

FIXED_POINT = 2.0**36
"""Basis vectors are unpacked as whole multiples of its inverse, finer than the single precision of the field.
A patch is at most 2¹⁵ steps long and the basis orthonormal: coefficients times basis sum to less than 2⁵¹
multiples, which double precision adds without rounding, in whatever order a processor does it. So the field
that is unpacked, and its hash, is the same on every processor."""

Complex = NDArray[np.complex64]


@dataclass(frozen=True)
class Form:
    """How the field of a device is made of patches.

    Attributes:
        counts: cells along x and y.
        samples: field samples per cell along x and y.
        folding: the mirrors; of cells that they turn into each other, one is stored.
        light: whose field it is.
    """

    counts: tuple[int, int]
    samples: tuple[int, int]
    folding: Folding
    light: Illumination

    @classmethod
    def of(cls, near: NearField) -> Self:
        """How the field of a near field is stored."""
        return cls(near.layout.counts, near.cell_samples, near.symmetry, near.illumination)

    @property
    def first(self) -> tuple[int, int]:
        """The first stored cell; cells on an axis are taken whole."""
        used = zip(self.counts, mirrors_of(self.folding), strict=True)
        row, column = (count // 2 if folds else 0 for count, folds in used)
        return row, column

    @property
    def beyond(self) -> tuple[int, int]:
        """How many samples of the first stored cell are on the other side of the axis: half of those of a
        cell that is on it."""
        each = zip(self.counts, self.samples, mirrors_of(self.folding), strict=True)
        along_x, along_y = (count % 2 * (n // 2) if folds else 0 for count, n, folds in each)
        return along_x, along_y


def stored_patches(near: NearField) -> Complex:
    """[cells, n·m·3] field over the stored cells."""
    form = Form.of(near)
    (row, column), (n, m) = form.first, form.samples
    patches = cut(near.field[row * n :, column * m :], form.samples)
    return patches.reshape(-1, patches.shape[-1])


def real_basis(basis: Complex) -> NDArray[np.float64]:
    """[2K, 2P] basis vectors and i times these, as real and imaginary parts, in units of 1/FIXED_POINT."""
    pairs = np.ascontiguousarray(np.stack([basis, 1j * basis], axis=1), dtype=np.complex128)
    rows = pairs.reshape(-1, pairs.shape[-1]).view(np.float64)
    whole: NDArray[np.float64] = np.rint(rows * FIXED_POINT)
    return whole


def unpacked(steps: NDArray[np.int16], basis: NDArray[np.float64], step: float, form: Form) -> Complex:
    """[Nx·n, Ny·m, 3] field of the coefficients [2K, cells] of the stored cells."""
    sums = steps.T.astype(np.float64) @ basis
    patches = (sums * (step / FIXED_POINT) + 0.0).astype(np.float32).view(np.complex64)  # + 0.0: no −0
    (n, m), (nx, ny) = form.samples, form.counts
    rows, columns = nx - form.first[0], ny - form.first[1]
    cells = patches.reshape(rows, columns, n, m, 3).swapaxes(1, 2).reshape(rows * n, columns * m, 3)
    beyond_x, beyond_y = form.beyond
    return unfolded(cells[beyond_x:, beyond_y:], (nx * n, ny * m), form.folding, form.light)
