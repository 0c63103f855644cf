"""Meep against RCWA on periodic cells, no factor fitted: the acceptance test of a campaign's numerics."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metagen.base.files import content_hash
from metagen.base.memo import recall, store
from metagen.base.norms import relative_error
from metagen.base.tables import Table, number
from metagen.device.layout import Layout
from metagen.device.platform import Platform
from metagen.device.sampling import SAMPLES
from metagen.fdtd.numerics import Numerics
from metagen.fdtd.simulation import simulate
from metagen.fdtd.stepping import UnsettledWarning
from metagen.rcwa import near_fields

DEFAULT_RADII = (0.05, 0.08, 0.10, 0.12, 0.15)


@dataclass(frozen=True)
class CellError:
    """Relative error (eq. 9, all three components) of the near field of one periodic cell."""

    wavelength: float
    pixels_per_period: int
    radius: float
    relative_error: float


def remembered_errors(
    platform: Platform, light: Sequence[Numerics], radii: Sequence[float], path: Path | None
) -> list[CellError]:
    """The errors of :func:`compare_with_rcwa`: read from ``path`` if they are there, or computed and kept."""
    key = validation_key(platform, light, radii)
    known = recall(path, key, list[CellError]) if path else None
    if known is not None:
        return known
    errors = compare_with_rcwa(platform, light, radii)
    return store(path, key, errors, list[CellError]) if path else errors


def validation_key(platform: Platform, light: Sequence[Numerics], radii: Sequence[float]) -> str:
    """Hash of everything that determines the errors."""
    return content_hash(platform.hash, [asdict(numerics) for numerics in light], list(radii))


def compare_with_rcwa(
    platform: Platform, light: Sequence[Numerics], radii: Sequence[float]
) -> list[CellError]:
    """Simulate periodic cells of each radius with each numerics and compare their near fields with RCWA.

    Raises:
        MissingDependencyError: no Meep.
        InputError: a radius over half the period.
    """
    errors = []
    for numerics in light:
        truth = near_fields(platform, radii, numerics.wavelength)
        for radius, true in zip(radii, truth, strict=True):
            error = relative_error(periodic_field(platform, radius, numerics), true)
            errors.append(CellError(numerics.wavelength, numerics.pixels_per_period, radius, error))
    return errors


def periodic_field(platform: Platform, radius: float, numerics: Numerics) -> NDArray[np.complex64]:
    """[n, n, 3] near field over one cell of the endless lattice.

    Two periods are simulated where one has an odd number of pixels, which Meep would round. Orders that
    graze the surface may not have settled at ``max_time``; this counts as part of the error.
    """
    count = 1 + numerics.pixels_per_period % 2
    layout = Layout(platform, np.full((count, count), radius), name=f"cell-r{radius:g}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnsettledWarning)
        return simulate(layout, numerics, periodic=True).field[:SAMPLES, :SAMPLES]


def validation_table(errors: Iterable[CellError]) -> Table:
    """A table of the errors of Meep against RCWA on periodic cells."""
    return Table(
        "Meep against RCWA on periodic cells",
        ("wavelength (µm)", "pixels per period", "radius (µm)", "relative error"),
        tuple(
            (f"{e.wavelength:g}", f"{e.pixels_per_period}", f"{e.radius:g}", number(e.relative_error))
            for e in errors
        ),
        "‖E − E_RCWA‖² / ‖E_RCWA‖² of (Ex, Ey, Ez) half a wavelength above the pillars, with nothing fitted.",
    )
