"""Numerics from an error target: index compensation and resolution, calibrated on periodic cells with RCWA.

The field of a periodic cell depends on the compensation only through the one fraction that its pillar gets.
Three simulations per radius, with three fractions, therefore tell the error for every other fraction (the
field is interpolated quadratically), and the best pair of numbers follows without further simulations. It is
rounded, so that equal platforms give equal numerics, and its error is then measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from metagen.errors import InputError
from metagen.fdtd.numerics import Numerics, coarsest
from metagen.fdtd.validation import CellError, compare_with_rcwa, periodic_field
from metagen.files import content_hash
from metagen.parallel import communicator, launched, launched_rank
from metagen.platform import Platform
from metagen.rcwa import near_fields
from metagen.results import cache_folder, recall, store

VERSION = 1
"""Raised when the simulation or the method changes, so that cached calibrations are made again."""
CELLS = 8
"""Radii of the calibration: the middles of so many equal parts of the platform's range."""
FRACTIONS = (-0.25, 0.5, 1.25)
"""Fractions of the compensation that are simulated; the fields between are interpolated."""
FINEST = 40
"""Pixels per period at which the search for an error target gives up."""
SAFETY = 2.0
"""Error of an aperiodic layout over the mean error of the periodic cells, at most (docs/fdtd.md)."""


@dataclass(frozen=True)
class Calibration:
    """The numerics that suit a platform best at one wavelength and resolution, and what they reach.

    Attributes:
        numerics: with the pillar compensation that was found.
        cells: relative error of the near field of each periodic cell, all three components.
    """

    numerics: Numerics
    cells: tuple[CellError, ...]

    @property
    def relative_error(self) -> float:
        """Mean over the cells."""
        return float(np.mean([cell.relative_error for cell in self.cells]))


def numerics_for(platform: Platform, wavelength: float, error_target: float) -> Numerics:
    """The numerics of the coarsest grid that keeps an error target; see :func:`search`."""
    return search(platform, wavelength, error_target)[-1].numerics


def search(platform: Platform, wavelength: float, error_target: float) -> list[Calibration]:
    """Calibrate ever finer grids (even pixels per period) until SAFETY times the error is allowed.

    Args:
        platform: what the process fixes.
        wavelength: in vacuum.
        error_target: largest relative error of an aperiodic layout's near field against the converged one.

    Returns:
        All grids that were tried; the last one keeps the target.

    Raises:
        InputError: not even the finest grid keeps the target.
        MissingDependencyError: no Meep.
    """
    start = coarsest(platform, wavelength)
    tried = []
    for pixels in range(start + start % 2, FINEST + 1, 2):
        tried.append(calibrate(platform, Numerics(wavelength=wavelength, pixels_per_period=pixels)))
        if SAFETY * tried[-1].relative_error <= error_target:
            return tried
    raise InputError(
        f"error_target = {error_target:g} at wavelength {wavelength:g} needs more than {FINEST} pixels per "
        f"period (at {tried[-1].numerics.pixels_per_period}: {SAFETY * tried[-1].relative_error:.2g}); allow "
        "a larger error"
    )


def calibrate(platform: Platform, numerics: Numerics) -> Calibration:
    """Find the pillar compensation of least mean error, or read it from the cache.

    The cache is the directory METAGEN_CACHE, or the user's cache directory if that is not set. Under MPI,
    every rank must call this together.

    Args:
        platform: what the process fixes; radii over its whole range are compared.
        numerics: everything else; its own pillar compensation does not matter.

    Raises:
        MissingDependencyError: no Meep.
    """
    numerics = replace(numerics, pillar_compensation=(0.5, 0.5))
    key = content_hash(platform.hash, asdict(numerics), CELLS, list(FRACTIONS), VERSION)
    path = cache_folder() / f"calibration-{key[:32]}.json"
    known = recall(path, key, Calibration) if launched_rank() == 0 else None
    if launched():
        known = communicator().bcast(known)
    if known is not None:
        return known
    made = _calibrate(platform, numerics)
    return store(path, key, made, Calibration) if launched_rank() == 0 else made


def _calibrate(platform: Platform, numerics: Numerics) -> Calibration:
    edges = np.linspace(platform.radius_min, platform.radius_max, CELLS + 1)
    radii = [float(radius) for radius in (edges[1:] + edges[:-1]) / 2]
    thin, thick = best_compensation(radii, platform.period / 2, _deviations(platform, numerics, radii))
    found = replace(numerics, pillar_compensation=(thin, thick))
    return Calibration(found, tuple(compare_with_rcwa(platform, [found], radii)))


def _deviations(platform: Platform, numerics: Numerics, radii: Sequence[float]) -> NDArray[np.complex128]:
    """[K, F, samples] field minus true field over the norm of the true one, per radius and fraction."""
    truth = near_fields(platform, radii, numerics.wavelength)
    rows = []
    for radius, true in zip(radii, truth, strict=True):
        fields = (
            periodic_field(platform, radius, replace(numerics, pillar_compensation=(fraction, fraction)))
            for fraction in FRACTIONS
        )
        rows.append([((field - true) / np.linalg.norm(true)).ravel() for field in fields])
    return np.array(rows)


def best_compensation(
    radii: Sequence[float], half_period: float, deviations: NDArray[np.complex128]
) -> tuple[float, float]:
    """The pair (for radius 0, for half the period) with the least mean relative error, to two decimals.

    Args:
        radii: [K] of the cells.
        half_period: half the lattice constant.
        deviations: [K, F, samples] relative deviation of the field for each of FRACTIONS.
    """
    gram = np.einsum("kfs,kgs->kfg", deviations.conj(), deviations).real
    position = np.asarray(radii) / half_period

    def mean_error(pair: NDArray[np.float64]) -> float:
        weights = _lagrange(pair[0] + (pair[1] - pair[0]) * position)
        return float(np.einsum("kf,kfg,kg->k", weights, gram, weights).mean())

    best = minimize(mean_error, x0=[0.5, 0.5], method="L-BFGS-B", bounds=[(-1, 2), (-1, 2)]).x
    return round(float(best[0]), 2), round(float(best[1]), 2)


def _lagrange(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """[K, F] weights with which values at FRACTIONS are interpolated to x."""
    columns = []
    for here in FRACTIONS:
        others = [other for other in FRACTIONS if other != here]
        columns.append(np.prod([(x - other) / (here - other) for other in others], axis=0))
    return np.stack(columns, axis=-1)
