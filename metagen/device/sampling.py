"""Where the near field of a device is sampled, and how mirrors change it there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metagen.base.arguments import count as whole
from metagen.base.errors import InputError
from metagen.device.illumination import Illumination
from metagen.device.lattice import Lattice
from metagen.device.symmetry import Symmetry

SAMPLES = 10
"""Field samples per lattice spacing along each axis by default, as in the paper."""

MIRROR_X = np.array([1, -1, -1])
"""Sign of (Ex, Ey, Ez) under x → −x for x-polarised light on a device with both mirror planes."""
MIRROR_Y = np.array([1, -1, 1])
"""Sign of (Ex, Ey, Ez) under y → −y, for the same light and devices."""


def monitor_height(pillar_height: float, wavelength: float) -> float:
    """z of the monitor plane: half a wavelength above the pillars."""
    return pillar_height + wavelength / 2


def mirror_signs(light: Illumination, mirror: Symmetry) -> NDArray[np.int_]:
    """[3] sign of (Ex, Ey, Ez) at the mirrored point, on a device that has the mirror.

    Args:
        light: what comes from the substrate.
        mirror: ``Symmetry.MIRROR_X`` (x → −x) or ``Symmetry.MIRROR_Y`` (y → −y).

    Raises:
        InputError: the light has no such mirror.
    """
    if mirror not in light.symmetry:
        raise InputError(f"{light} is not its own image under {mirror.name}; its field has no such symmetry")
    parity = round(float(np.vdot(light.jones, mirror.matrix @ light.jones).real))
    return np.asarray(parity * np.array([*mirror.matrix.diagonal(), 1]), dtype=np.int_)


def sample_points(count: int, samples: int, period: float) -> NDArray[np.float64]:
    """[count·samples] coordinates of the field samples along one axis, for ``count`` cells.

    Raises:
        InputError: ``samples`` is no whole number, or less than 1.
    """
    whole("samples", samples)
    sample_spacing = period / samples
    return (np.arange(count * samples) - (count * samples - 1) / 2) * sample_spacing


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


def sample_spacings(lattice: Lattice, samples: int | tuple[int, int]) -> tuple[float, float]:
    """Distances between neighbouring samples along x and y; arguments as of :func:`cell_samples`."""
    (px, py), (n, m) = lattice.pitch, cell_samples(lattice, samples)
    return px / n, py / m


def sample_axes(
    counts: tuple[int, int], lattice: Lattice, samples: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates x [Nx·n] and y [Ny·m] of the field samples of Nx × Ny cells.

    Args:
        counts: cells along x and y.
        lattice: the lattice of the cells.
        samples: per lattice spacing.
    """
    along_x, along_y = map(sample_points, counts, cell_samples(lattice, samples), lattice.pitch)
    return along_x, along_y
