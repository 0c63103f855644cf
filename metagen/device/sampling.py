"""Where the near field of a device is sampled, and how mirrors change it there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metagen.base.arguments import count as whole
from metagen.device.lattice import Lattice

SAMPLES = 10
"""Field samples per cell along each axis by default, as in the paper."""

MIRROR_X = np.array([1, -1, -1])
"""Sign of (Ex, Ey, Ez) under x → −x for x-polarised light on a device with both mirror planes."""
MIRROR_Y = np.array([1, -1, 1])
"""Sign of (Ex, Ey, Ez) under y → −y, for the same light and devices."""


def monitor_height(pillar_height: float, wavelength: float) -> float:
    """z of the monitor plane: half a wavelength above the pillars."""
    return pillar_height + wavelength / 2


def sample_points(count: int, samples: int, period: float) -> NDArray[np.float64]:
    """[count·samples] coordinates of the field samples along one axis, for ``count`` cells.

    Raises:
        InputError: ``samples`` is no whole number, or less than 1.
    """
    whole("samples", samples)
    pitch = period / samples
    return (np.arange(count * samples) - (count * samples - 1) / 2) * pitch


def cell_samples(lattice: Lattice, samples: int | tuple[int, int]) -> tuple[int, int]:
    """How many samples a cell has along x and y.

    Args:
        lattice: the cell.
        samples: per lattice spacing, so n × n in a square cell; or the two numbers themselves.

    Raises:
        InputError: a number that is not whole, or less than 1.
    """
    if isinstance(samples, tuple | list) and len(samples) == 2:
        return whole("samples", samples[0]), whole("samples", samples[1])
    along_x, along_y = (round(whole("samples", samples) * side / lattice.spacing) for side in lattice.pitch)
    return along_x, along_y
