"""Square samples of a plane, each of which belongs to the nearest site of a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from metagen.device.layout import cell_centres

Places = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NearestSites:
    """Which site is nearest to each sample of a rectangle that is centred on the axis.

    Attributes:
        numbers: [X, Y] numbers of the sites; −1 where all are too far.
        sample_spacing: distance of neighbouring samples, along x and y.
        distance: [X, Y] of each sample from its site.
    """

    numbers: NDArray[np.intp]
    sample_spacing: float
    distance: Places

    @classmethod
    def of(cls, places: Places, sides: tuple[float, float], sample_spacing: float) -> Self:
        """Find the sites.

        Args:
            places: [M, 2] x and y of the sites.
            sides: of the rectangle, along x and y.
            sample_spacing: distance of neighbouring samples.
        """
        from scipy.spatial import cKDTree

        axes = (cell_centres(max(1, round(side / sample_spacing)), sample_spacing) for side in sides)
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        distance, numbers = cKDTree(places).query(points)
        return cls(numbers, sample_spacing, distance)

    def within(self, reach: float) -> NearestSites:
        """The same, without the samples that are farther than ``reach`` from their site."""
        return NearestSites(
            np.where(self.distance > reach, -1, self.numbers), self.sample_spacing, self.distance
        )

    def spread(self, values: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """[X, Y, ...] the value [M, ...] of the site that each sample belongs to, 0 where there is none."""
        padded = np.concatenate([values, np.zeros_like(values[:1])])
        return np.asarray(padded[self.numbers])

    def summed(self, field: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """[M] sum over the samples of each site of a field [X, Y]."""
        inside, count = self.numbers >= 0, int(self.numbers.max()) + 1
        parts = (field.real, field.imag)
        real, imag = (np.bincount(self.numbers[inside], part[inside], minlength=count) for part in parts)
        return np.asarray(real + 1j * imag)
