"""How the error of the local phase approximation depends on what is counted as an error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metagen.base.norms import relative_error
from metagen.data.dataset import Dataset
from metagen.surrogate import LPA, CellField, Domain, LPASettings, predict


@dataclass(frozen=True)
class Readings:
    """Relative errors of the local phase approximation on one layout, read in several ways.

    Attributes:
        layout: its name.
        flat: error with the zero-order transmission, constant over each cell.
        near_field: error with the near field of the periodic cell.
        at_top: as ``flat``, but not carried on from the pillar tops to the monitor half a wavelength above.
        free_phase: as ``flat``, times the phase factor that suits the layout best.
        free_factor: as ``flat``, times the complex factor that suits the layout best.
        phase: the phase of ``free_phase``, in turns.
    """

    layout: str
    flat: float
    near_field: float
    at_top: float
    free_phase: float
    free_factor: float
    phase: float


def readings(dataset: Dataset) -> tuple[Readings, ...]:
    """The error of the local phase approximation on every layout of a dataset."""
    domain = Domain.of(dataset)
    flat, near = (
        LPA.compute(domain, LPASettings(cell=cell)) for cell in (CellField.FLAT, CellField.NEAR_FIELD)
    )
    return tuple(_readings(flat, near, one) for one in dataset.by_layout())


def _readings(flat: LPA, near: LPA, one: Dataset) -> Readings:
    layout, truth = one.layouts[0], one.fields[0][..., 0].astype(np.complex128)
    guess = predict(flat, layout)[0].astype(np.complex128)
    overlap = np.vdot(guess, truth)
    phase, factor = overlap / abs(overlap), overlap / np.vdot(guess, guess)
    return Readings(
        layout=layout.name,
        flat=relative_error(guess, truth),
        near_field=relative_error(predict(near, layout)[0], truth),
        at_top=relative_error(-guess, truth),
        free_phase=relative_error(phase * guess, truth),
        free_factor=relative_error(factor * guess, truth),
        phase=float(np.angle(phase) / (2 * np.pi)),
    )
