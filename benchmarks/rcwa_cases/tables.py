"""Phase tables of the default platform, timed."""

from __future__ import annotations

import os
import tempfile
import time
import warnings

import numpy as np

import metagen as mg

RADII, WAVELENGTHS = 100, (0.633, 0.400)
PLATFORM = mg.Platform()


def radii() -> np.ndarray:
    return np.linspace(PLATFORM.radius_min, PLATFORM.radius_max, RADII)


def direct(truncations: list[int]) -> float:
    """Seconds for all radii and wavelengths, the shape's matrices being shared by the wavelengths."""
    start = time.perf_counter()
    for part in np.array_split(radii(), RADII // 4):
        for m in truncations:
            mg.rcwa.solve(PLATFORM, part[:, None], np.array(WAVELENGTHS)[None, :], orders=m)
    return time.perf_counter() - start


def adaptive(orders: int) -> float:
    """Seconds for the adaptive tables of both wavelengths, and their values at all radii."""
    with tempfile.TemporaryDirectory() as cache, warnings.catch_warnings():
        warnings.simplefilter("ignore", mg.rcwa.PropagatingOrdersWarning)
        os.environ["METAGEN_CACHE"] = cache
        start = time.perf_counter()
        for wavelength in WAVELENGTHS:
            mg.PhaseTable.compute(PLATFORM, wavelength, orders=orders)(radii())
        return time.perf_counter() - start
