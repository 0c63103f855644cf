"""Numerics from an error target: index compensation and resolution, calibrated on periodic cells with RCWA.

The field of a periodic cell depends on the compensation only through the one fraction that its pillar gets.
Three simulations per cell, with three fractions, therefore tell the error for every other fraction (the
field is interpolated quadratically), and the best pair of numbers follows without further simulations. It is
rounded, so that equal platforms give equal numerics, and its error is then measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from tqdm import tqdm

from metagen.base.contents import content_hash
from metagen.base.errors import InputError
from metagen.base.memo import cache_folder, keep, recall, store
from metagen.base.norms import relative_error
from metagen.base.parallel import aborting_together, communicator, launched, launched_rank
from metagen.base.tables import Table, number
from metagen.device.illumination import Illumination
from metagen.device.layout import Layout, random_layout
from metagen.device.platform import Platform
from metagen.device.symmetry import Symmetry
from metagen.fdtd.beam import Beam
from metagen.fdtd.grid import coarsest
from metagen.fdtd.layout_scene import pillar_spacing
from metagen.fdtd.numerics import Numerics
from metagen.fdtd.periodic import cell_field
from metagen.fdtd.simulation import simulate
from metagen.fdtd.solids import Pillar
from metagen.fdtd.validation import CellError, compare_with_rcwa, rcwa_field, spread, unit_cell
from metagen.rcwa import Cell

VERSION = 1
"""Version of cached calibrations. A change of the simulation or of the method raises it."""
CELLS = 8
"""How many cells are compared, spread over the ranges of the meta-atom."""
FRACTIONS = (-0.25, 0.5, 1.25)
"""Fractions of the compensation that are simulated; the fields between are interpolated."""
FINE_FACTOR = 3
"""Errors are measured against a grid with this many times the pixels per period of the coarsest one possible
(which has four pixels per wavelength in the pillar)."""
JUDGED = 0.6
"""Largest share of the fine grid's pixels per period that a grid may have to be judged by it: there, the fine
grid's own error is an eighth of the judged one's."""
PROBE_COUNT, PROBE_SEED = 5, 1
"""Pillars along one side, and seed, of the random layout on which an error is measured."""
SAFETY = 1.8
"""Other layouts have at most this many times the error of the measured one (docs/fdtd.md)."""

T = TypeVar("T")


@dataclass(frozen=True)
class Calibration:
    """The numerics that suit a platform best at one wavelength and resolution, and what they reach.

    Attributes:
        numerics: settings of the simulation, with the pillar compensation that was found.
        cells: relative error of the near field of each periodic cell, all three components.
    """

    numerics: Numerics
    cells: tuple[CellError, ...]

    @property
    def mean_error(self) -> float:
        """Mean relative error of the cells."""
        return float(np.mean([cell.relative_error for cell in self.cells]))


@dataclass(frozen=True)
class GridTrial:
    """One resolution on the way to an error target.

    Attributes:
        calibration: what was found on periodic cells at this resolution.
        aperiodic_error: relative error of a small random layout against a much finer grid. Unlike the errors
            of periodic cells, it contains that of waves in all directions.
    """

    calibration: Calibration
    aperiodic_error: float


def numerics_for(platform: Platform, wavelength: float, error_target: float) -> Numerics:
    """The numerics of the coarsest grid that keeps an error target; see :func:`search`."""
    return search(platform, wavelength, error_target)[-1].calibration.numerics


def search(platform: Platform, wavelength: float, error_target: float) -> list[GridTrial]:
    """Calibrate ever finer grids (even pixels per period) until SAFETY times the error is below the target.

    Everything is cached: in the directory METAGEN_CACHE, or the user's cache directory if that is not set.
    Under MPI, every rank must call this together.

    Args:
        platform: what the process fixes.
        wavelength: wavelength in vacuum.
        error_target: largest relative error of a near field against the converged one.

    Returns:
        All grids that were tried; the last one keeps the target.

    Raises:
        InputError: not even the finest grid that can be judged keeps the target.
        MissingDependencyError: no Meep.
    """
    start = coarsest(platform, wavelength)
    start, fine = start + start % 2, FINE_FACTOR * start
    finest, trials = int(JUDGED * fine), []
    grids = range(start, finest + 1, 2)
    bar = tqdm(
        grids, f"calibration, {wavelength:g} µm", unit="grid", leave=False, disable=launched_rank() > 0
    )
    for pixels in bar:
        trials.append(_trial(platform, wavelength, pixels, fine))
        if SAFETY * trials[-1].aperiodic_error <= error_target:
            return trials
    raise InputError(
        f"error_target = {error_target:g} at wavelength {wavelength:g} needs more than {finest} pixels per "
        f"period ({SAFETY * trials[-1].aperiodic_error:.2g} there); allow a larger error, or give "
        "pixels_per_period"
    )


def calibrate(platform: Platform, numerics: Numerics) -> Calibration:
    """Find the pillar compensation of least mean error on periodic cells (cached; see :func:`search`).

    Args:
        platform: what the process fixes; pillars over its whole range are compared, in the light that
            :func:`lights` says.
        numerics: all other settings of the simulation; the pillar compensation in them is ignored.

    Raises:
        MissingDependencyError: no Meep.
    """
    numerics = replace(numerics, pillar_compensation=(0.5, 0.5))
    key = content_hash(platform.hash, asdict(numerics), CELLS, list(FRACTIONS), VERSION)
    return _remembered("calibration", key, Calibration, lambda: _calibrate(platform, numerics))


def _trial(platform: Platform, wavelength: float, pixels: int, fine: int) -> GridTrial:
    numerics = Numerics(wavelength=wavelength, pixels_per_period=pixels)
    calibration = calibrate(platform, numerics)

    def measure() -> GridTrial:
        layout = random_layout(platform, PROBE_COUNT, PROBE_SEED)
        errors = (
            relative_error(
                simulate(layout, calibration.numerics, light).field, _converged(layout, light, fine)
            )
            for light in lights(platform, wavelength)
        )
        return GridTrial(calibration, max(errors))

    key = content_hash(platform.hash, asdict(calibration.numerics), fine, PROBE_COUNT, PROBE_SEED, VERSION)
    return _remembered("error", key, GridTrial, measure)


@lru_cache(maxsize=4)
def _converged(layout: Layout, light: Illumination, fine: int) -> NDArray[np.complex64]:
    """The field on a fine grid. Compensation matters little there, so that of the coarsest grid is used."""
    start = coarsest(layout.platform, light.wavelength)
    coarse = Numerics(wavelength=light.wavelength, pixels_per_period=start + start % 2)
    numerics = replace(calibrate(layout.platform, coarse).numerics, pixels_per_period=fine)
    return simulate(layout, numerics, light).field


def lights(platform: Platform, wavelength: float) -> list[Illumination]:
    """The light in which a platform is calibrated: along x, and along y too if that tells something else.

    Where lattice and meta-atom have the mirror x ↔ y, light along y sees the images of the same pillars.
    """
    kept = platform.lattice.symmetry & platform.atom.symmetry
    names = ["x"] if Symmetry.MIRROR_DIAGONAL in kept else ["x", "y"]
    return [Illumination(wavelength, name) for name in names]


def _remembered(what: str, key: str, kind: type[T], make: Callable[[], T]) -> T:
    path = cache_folder() / f"{what}-{key[:32]}.json"
    if not launched():
        known = recall(path, key, kind)
        return known if known is not None else _kept(path, key, make(), kind)
    world = communicator()
    with aborting_together(world):  # only rank 0 touches the disk, which may be full
        shared: T | None = world.bcast(recall(path, key, kind) if world.rank == 0 else None)
        if shared is not None:
            return shared
        made = make()
        return _kept(path, key, made, kind) if world.rank == 0 else made


def _kept(path: Path, key: str, made: T, kind: type[T]) -> T:
    keep(lambda place: store(place, key, made, kind), path)
    return made


def _calibrate(platform: Platform, numerics: Numerics) -> Calibration:
    chosen, cells = lights(platform, numerics.wavelength), spread(platform.atom, CELLS)
    units = [unit_cell(platform, numerics.wavelength, parameters) for parameters in cells]
    radii = [Pillar(unit.shapes[0], (0, 0)).radius for unit in units]
    half = pillar_spacing(platform.lattice) / 2
    deviations = np.concatenate([_deviations(units, light, numerics) for light in chosen])
    thin, thick = best_compensation(radii * len(chosen), half, deviations)
    found = replace(numerics, pillar_compensation=(thin, thick))
    beams = [Beam(found, light) for light in chosen]
    return Calibration(found, tuple(compare_with_rcwa(platform, beams, cells)))


def _deviations(cells: Sequence[Cell], light: Illumination, numerics: Numerics) -> NDArray[np.complex128]:
    """[K, F, samples] field minus true field over the norm of the true one, per cell and fraction."""
    rows = []
    for cell in cells:
        true = rcwa_field(cell, light)
        fields = (
            cell_field(cell, light, replace(numerics, pillar_compensation=(fraction, fraction)))
            for fraction in FRACTIONS
        )
        rows.append([((field - true) / np.linalg.norm(true)).ravel() for field in fields])
    return np.array(rows)


def best_compensation(
    radii: Sequence[float], half_spacing: float, deviations: NDArray[np.complex128]
) -> tuple[float, float]:
    """The pair (for radius 0, for half the period) with the least mean relative error, to two decimals.

    Args:
        radii: [K] of circles that have the area of the pillars.
        half_spacing: half the side of a square that has the area of the lattice for one pillar.
        deviations: [K, F, samples] relative deviation of the field for each of FRACTIONS.
    """
    gram = np.einsum("kfs,kgs->kfg", deviations.conj(), deviations).real
    position = np.asarray(radii) / half_spacing

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


def calibration_table(trials: Iterable[GridTrial]) -> Table:
    """A table of the index compensation and the errors of ever finer grids."""
    return Table(
        "Calibration",
        ("wavelength (µm)", "pixels per period", "pillar compensation", "periodic cells", "random layout"),
        tuple(
            (
                f"{each.calibration.numerics.wavelength:g}",
                f"{each.calibration.numerics.pixels_per_period}",
                "{:g}, {:g}".format(*each.calibration.numerics.pillar_compensation),
                number(each.calibration.mean_error),
                number(each.aperiodic_error),
            )
            for each in trials
        ),
        f"Relative errors: against RCWA (mean over {CELLS} cells), and against a much finer grid. A target "
        f"is kept where {SAFETY:g} times the latter is not larger.",
    )
