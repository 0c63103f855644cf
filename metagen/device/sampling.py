"""Where the near field of a device is sampled, and how mirrors change it there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    """[count·samples] coordinates of the field samples along one axis, for ``count`` cells."""
    pitch = period / samples
    return (np.arange(count * samples) - (count * samples - 1) / 2) * pitch
