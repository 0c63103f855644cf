"""Goals and metrics of devices, in words and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from metagen.base.tables import Table, number
from metagen.base.wavelength import nanometres
from metagen.design.objectives import Goal
from metagen.device.illumination import Illumination, in_words
from metagen.verify.metrics import DepthOfFocus, FocusMetrics, RingMetrics, SquareMetrics
from metagen.verify.verification import Metrics, Verification

WHOLE = "in Meep, (Ex, Ey, Ez)"
"""Heading over values from all three components of a simulated field."""


def verification_table(verifications: Sequence[Verification]) -> Table:
    """A table of goals and metrics of devices: simulated, and predicted where there was a model.

    Without a prediction a goal is of all three components, and the table says so.
    """
    reached = [each for device in verifications for each in device.goals]
    alone = all(each.predicted is None for each in reached)
    predictions, simulated = ([], WHOLE) if alone else (["predicted"], "in Meep")
    return Table(
        "Figures of merit",
        ("device", "goal", *predictions, simulated, "metrics in Meep (Ex, Ey, Ez)"),
        tuple(
            (
                device.device,
                describe_goal(each.goal),
                *("–" if each.predicted is None else number(each.predicted) for _ in predictions),
                number(each.verified),
                describe_metrics(metrics),
            )
            for device in verifications
            for each, metrics in zip(device.goals, device.metrics, strict=True)
        ),
        ("" if alone else "Predicted and 'in Meep' are of the components that the models predict. ")
        + "A goal's value is a share of the incident power, or the mean intensity over the largest that the "
        "aperture could give with all incident power.",
    )


def describe_goal(goal: Goal) -> str:
    """A goal in a few words."""
    return f"{goal.label} at {describe_light(goal)}"


def describe_light(goal: Goal) -> str:
    """The light that a goal looks at: "633 nm" if it is along x, or "660 nm, left, seen through right"."""
    light, analyser = goal.illumination, goal.analyser
    incident = "" if light.is_plain else f", {in_words(light)}"
    seen = "" if analyser is None else f", seen through {in_words(Illumination(light.wavelength, analyser))}"
    return f"{nanometres(light.wavelength)} nm{incident}{seen}"


def describe_metrics(metrics: Metrics | None) -> str:
    """The main metrics in a few words."""
    match metrics:
        case FocusMetrics():
            return (
                f"focusing efficiency {metrics.efficiency:.1%}, FWHM {metrics.fwhm:.2f} µm, "
                f"Strehl {metrics.strehl:.2f}, transmission {metrics.transmission:.1%}"
            )
        case SquareMetrics():
            return f"square efficiency {metrics.efficiency:.1%}, transmission {metrics.transmission:.1%}"
        case RingMetrics():
            return (
                f"ring ratio {number(metrics.ratio)}, ring efficiency {metrics.efficiency:.1%}, "
                f"transmission {metrics.transmission:.1%}"
            )
        case DepthOfFocus():
            return describe_depth(metrics)
        case None:
            return "–"


def describe_depth(depth: DepthOfFocus) -> str:
    """The range in which the light on the axis is above half of its maximum, in words."""
    return f"{depth.start:.0f}–{depth.end:.0f} µm{'' if depth.complete else ' or more'}"
