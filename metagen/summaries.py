"""Results as tables, each with the definitions of its columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from metagen.design.objectives import Goal
from metagen.fab import LayoutFile
from metagen.fdtd.calibration import CELLS, SAFETY, Trial
from metagen.fdtd.validation import CellError
from metagen.materials import index_at
from metagen.metrics import DepthOfFocus, FocusMetrics, RingMetrics
from metagen.rcwa import PhaseTable
from metagen.surrogate import Comparison
from metagen.tables import Table, number
from metagen.tolerance import BAND, Tolerance
from metagen.verification import Metrics, Verification

TABLE_ROWS = 13


@dataclass(frozen=True)
class ErrorRow:
    """Errors of one model in one split, as a report shows them."""

    wavelength: float
    split: str
    model: str
    relative_error: float
    floor: float
    layouts: tuple[tuple[str, float], ...]


def phase_table(table: PhaseTable) -> Table:
    """Amplitude, phase and powers of a phase table at equidistant radii."""
    platform = table.platform
    radii = np.linspace(platform.radius_min, platform.radius_max, TABLE_ROWS)
    t, zero, total = table(radii), table.zero_order_transmittance(radii), table.transmittance(radii)
    phase, reflected = np.unwrap(np.angle(t)) / (2 * np.pi), table.reflectance(radii)
    return Table(
        f"Phase table at {table.wavelength:g} µm",
        ("radius (µm)", "|t|", "phase / 2π", "zero order", "transmitted", "reflected"),
        tuple(
            (f"{r:.4f}", f"{abs(a):.4f}", f"{p:+.4f}", f"{z:.4f}", f"{s:.4f}", f"{b:.4f}")
            for r, a, p, z, s, b in zip(radii, t, phase, zero, total, reflected, strict=True)
        ),
        "t: Ex at the pillar top over incident Ex at the base. Full transmission from the substrate is |t| = "
        f"{_full_transmission(table):.3f}, the root of the ratio of the indices. Powers: in the zeroth, in "
        f"all transmitted, in all reflected orders over the incident power. {_resonances(table)}",
    )


def _full_transmission(table: PhaseTable) -> float:
    """|t| of the zeroth order when all power is in it."""
    media = (
        index_at(index, table.wavelength).real for index in (table.platform.substrate, table.platform.cover)
    )
    return math.sqrt(next(media) / next(media))


def _resonances(table: PhaseTable) -> str:
    found = [
        f"{each.radius:.4f} ± {each.half_width:.4f} µm (|Δt| {number(each.strength)})"
        for each in table.resonances
    ]
    return f"Guided-mode resonances at radius {', '.join(found)}." if found else "No guided-mode resonance."


def validation_table(errors: Iterable[CellError]) -> Table:
    """Meep against RCWA on periodic cells."""
    return Table(
        "Meep against RCWA on periodic cells",
        ("wavelength (µm)", "pixels per period", "radius (µm)", "relative error"),
        tuple(
            (f"{e.wavelength:g}", f"{e.pixels_per_period}", f"{e.radius:g}", number(e.relative_error))
            for e in errors
        ),
        "‖E − E_RCWA‖² / ‖E_RCWA‖² of (Ex, Ey, Ez) half a wavelength above the pillars, with nothing fitted.",
    )


def calibration_table(trials: Iterable[Trial]) -> Table:
    """Index compensation and errors of ever finer grids."""
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
        f"Relative errors: against RCWA (mean over {CELLS} radii), and against a much finer grid. A target "
        f"is kept where {SAFETY:g} times the latter is not larger.",
    )


def error_rows(comparisons: Iterable[Comparison]) -> list[ErrorRow]:
    """Plain numbers of a comparison, for keeping."""
    return [
        ErrorRow(
            wavelength=each.model.wavelength,
            split=str(each.split),
            model=each.evaluation.model,
            relative_error=each.evaluation.overall.relative_error,
            floor=each.evaluation.overall.floor,
            layouts=tuple((e.name, e.relative_error) for e in each.evaluation.layouts),
        )
        for each in comparisons
    ]


def error_table(rows: Iterable[ErrorRow]) -> Table:
    """Errors of models and baselines on both splits."""
    return Table(
        "Near field: error on patches and layouts that were not trained on",
        ("model", "nm", "tested on", "relative error", "of the modes alone", "worst layout"),
        tuple(
            (
                row.model,
                f"{row.wavelength * 1000:.0f}",
                row.split,
                number(row.relative_error),
                number(row.floor) if row.floor else "–",
                "{} {}".format(*_worst(row)),
            )
            for row in rows
        ),
        "‖E_pred − E‖² / ‖E‖² (the paper's eq. 9) of Ex. Random patches share pillars and mirror twins with "
        "the training set; whole layouts do not. Of the modes alone: the error of the best field that "
        "the model's modes can make, whatever it predicts.",
    )


def _worst(row: ErrorRow) -> tuple[str, str]:
    name, error = max(row.layouts, key=lambda each: each[1])
    return name, number(error)


def verification_table(verifications: Sequence[Verification]) -> Table:
    """Goals and metrics of devices, simulated, and predicted where there was a model."""
    reached = [each for device in verifications for each in device.goals]
    predictions = [] if all(each.predicted is None for each in reached) else ["predicted"]
    return Table(
        "Figures of merit",
        ("device", "goal", *predictions, "in Meep", "metrics in Meep"),
        tuple(
            (
                device.device,
                describe(each.goal),
                *("–" if each.predicted is None else number(each.predicted) for _ in predictions),
                number(each.verified),
                describe_metrics(metrics),
            )
            for device in verifications
            for each, metrics in zip(device.goals, device.metrics, strict=True)
        ),
        "A goal's value is its mean |Ex|² over the largest that the aperture could give with all incident "
        "power. Efficiency: power within 1.5 FWHM (focus) or 0.5 µm of the circle (ring) over incident "
        "power. Ring ratio: power within 0.5 µm of the circle over power inside it.",
    )


def describe(goal: Goal) -> str:
    """A goal in a few words."""
    return f"{goal.kind} at {goal.wavelength * 1000:.0f} nm"


def describe_metrics(metrics: Metrics | None) -> str:
    """The main metrics in a few words."""
    match metrics:
        case FocusMetrics():
            return (
                f"efficiency {metrics.efficiency:.1%}, FWHM {metrics.fwhm:.2f} µm, "
                f"Strehl {metrics.strehl:.2f}, transmission {metrics.transmission:.1%}"
            )
        case RingMetrics():
            return (
                f"ring ratio {number(metrics.ratio)}, efficiency {metrics.efficiency:.1%}, "
                f"transmission {metrics.transmission:.1%}"
            )
        case DepthOfFocus():
            return describe_depth(metrics)
        case None:
            return "–"


def describe_depth(depth: DepthOfFocus) -> str:
    """Where the light on the axis is above half of its maximum."""
    return f"{depth.start:.0f}–{depth.end:.0f} µm{'' if depth.complete else ' or more'}"


def file_table(files: Sequence[LayoutFile]) -> Table:
    """Layout files: what is in them."""
    return Table(
        "Layout files",
        ("file", "pillars", "cells", "placements", "bytes", "largest area error"),
        tuple(
            (
                each.path.name,
                f"{each.pillars}",
                f"{each.cells}",
                f"{each.references}",
                f"{each.bytes}",
                f"{each.area_error:.1e}",
            )
            for each in files
        ),
    )


def tolerance_table(found: Tolerance, keep: float) -> Table:
    """What the errors of a process do to each goal, and to the worst of them."""
    values = np.column_stack([found.samples.values, found.samples.worst])
    names = [*(describe(goal) for goal in found.goals), "the worst of them"]
    nominal = np.append(found.nominal, found.nominal.min())
    low, errors = np.quantile(values, BAND[0], axis=0), found.errors
    return Table(
        f"Process errors: {found.device}",
        ("goal", "as designed", "mean", "standard deviation", f"{BAND[0]:.0%} are below", f"keep {keep:.0%}"),
        tuple(
            (name, number(aim), number(column.mean()), number(column.std()), number(bound), f"{share:.1%}")
            for name, aim, column, bound, share in zip(
                names, nominal, values.T, low, found.share_keeping(keep), strict=True
            )
        ),
        f"{len(values)} copies (seed {found.seed}), as the surrogates predict them: radii with a standard "
        f"deviation of {errors.noise * 1000:g} nm per pillar and {errors.bias * 1000:g} nm per device, "
        f"{errors.missing:.1%} of the pillars missing. Keep {keep:.0%}: share of the copies that reach that "
        f"part of the value as designed. {found.samples.clamped:.1%} of the radii left the range that the "
        "surrogates know, and were moved to its end.",
    )
