"""Where the near field of a device is looked at, and what the mirrors do to it there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLES = 10
"""Samples per cell and axis, where nothing else is said (the paper's)."""

MIRROR_X = np.array([1, -1, -1])
"""Sign of (Ex, Ey, Ez) under x → −x for x-polarised light on a device with both mirror planes."""
MIRROR_Y = np.array([1, -1, 1])
"""Sign of (Ex, Ey, Ez) under y → −y."""


def monitor_height(pillar_height: float, wavelength: float) -> float:
    """z of the monitor plane: half a wavelength above the pillars."""
    return pillar_height + wavelength / 2


def sample_points(count: int, samples: int, period: float) -> NDArray[np.float64]:
    """[count·samples] coordinates of the field samples along either axis."""
    pitch = period / samples
    return (np.arange(count * samples) - (count * samples - 1) / 2) * pitch
