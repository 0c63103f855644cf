"""The paper's experiment as tables."""

from __future__ import annotations

from collections.abc import Sequence

from metagen.base.tables import Table, number
from metagen.base.wavelength import nanometres
from metagen.study.lpa_readings import Readings
from metagen.study.paper import ModelTrial, Reproduction
from metagen.surrogate import LinearSettings, LPASettings, ModelSettings, NetworkSettings, Split

PAPER_LINEAR = {0.633: 0.395}
"""Errors that the paper states, by wavelength."""
PAPER_NETWORK = {0.633: 0.26, 0.4: 0.37}
PAPER_LPA = {0.633: 1.35}


def reproduction_table(found: Sequence[Reproduction]) -> Table:
    """The paper's errors beside ours."""
    return Table(
        "The paper's models",
        (
            "model",
            "nm",
            "tested on",
            "paper",
            "relative error",
            "its root",
            "mean root of cells",
            "on training cells",
        ),
        tuple(_row(each, split, trial) for each in found for split in Split for trial in each.trials(split)),
        " ".join(_used(each) for each in found) + " Relative error: ‖E_pred − E‖² / ‖E‖² of Ex over all "
        "tested cells; mean root of cells: mean over the cells of ‖E_pred − E‖ / ‖E‖ of each.",
    )


def powers_table(found: Sequence[Reproduction]) -> Table:
    """Error of the linear models against the highest power of the radii."""
    return Table(
        "The paper's linear model: highest power of the radii",
        ("nm", "tested on", *(f"m = {m}" for m in range(1, 1 + len(found[0].linear[Split.PATCHES])))),
        tuple(
            (
                f"{nanometres(each.dataset.wavelength)}",
                str(split),
                *(number(trial.relative_error) for trial in each.linear[split]),
            )
            for each in found
            for split in Split
        ),
        "Relative error.",
    )


def readings_table(wavelength: float, found: Sequence[Readings]) -> Table:
    """The error of the local phase approximation, read in several ways."""
    return Table(
        f"Local phase approximation at {nanometres(wavelength)} nm",
        (
            "layout",
            "flat",
            "near field",
            "not carried to the monitor",
            "best phase",
            "that phase (turns)",
            "best factor",
        ),
        tuple(
            (
                each.layout,
                number(each.flat),
                number(each.near_field),
                number(each.at_top),
                number(each.free_phase),
                f"{each.phase:+.3f}",
                number(each.free_factor),
            )
            for each in found
        ),
        "Relative error. Flat: zero-order transmission, carried to the monitor as a plane wave; best phase, "
        "best factor: times one number that suits the layout best.",
    )


def _row(found: Reproduction, split: Split, trial: ModelTrial) -> tuple[str, ...]:
    wavelength = found.dataset.wavelength
    stated = _stated(trial.model.settings).get(round(wavelength, 3))
    return (
        trial.label,
        f"{nanometres(wavelength)}",
        str(split),
        "–" if stated is None else number(stated),
        number(trial.relative_error),
        number(trial.relative_l2),
        number(trial.mean_cell_l2),
        "–" if trial.training_error is None else number(trial.training_error),
    )


def _stated(settings: ModelSettings) -> dict[float, float]:
    match settings:
        case LinearSettings():
            return PAPER_LINEAR
        case NetworkSettings():
            return PAPER_NETWORK
        case LPASettings():
            return PAPER_LPA
    return {}


def _used(found: Reproduction) -> str:
    made = [trial.model.card.provenance for trial in found.network.values()]
    epochs = ", ".join(f"{each['epochs']} epochs in {each['wall_time_s']:.0f} s" for each in made)
    return (
        f"{nanometres(found.dataset.wavelength)} nm: {', '.join(found.dataset.names)}; held out as a whole: "
        f"{', '.join(found.held_out)}; networks: {epochs}."
    )
