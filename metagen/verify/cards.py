"""What the metrics of a table are: a published number is comparable only if all five parts are the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from metagen.base.tables import Table
from metagen.design.objectives import Goal
from metagen.design.questions import DepthAlongAxis, FocusOnAxis, Question, RingAroundAxis, SquareOnAxis
from metagen.device.layout import Layout
from metagen.verify.metrics import CIRCLE
from metagen.verify.tables import describe_light

INCIDENT = "incident power"
POWERS = (
    "Power: the flux Σ Im(E*·∂E/∂z)/k0 over the components; Poynting's power: that of his vector. Incident "
    "power: on the rectangle that the device fills, empty sites included. Distances: from the monitor plane."
)
TRANSMISSION = ("transmission", "power", INCIDENT, "rectangle of the device at 0 µm")


@dataclass(frozen=True)
class MetricCard:
    """One metric, in the parts that a number has to share with another one to be compared with it.

    Attributes:
        metric: what tables call it.
        device: the devices that were measured, with the sides of the rectangle that they fill.
        illumination: the light that met them, and the analyser that it was seen through.
        numerator: what was measured.
        denominator: what it was divided by.
        bucket: where it was measured; distances are those from the monitor plane.
    """

    metric: str
    device: str
    illumination: str
    numerator: str
    denominator: str
    bucket: str


def metric_cards(goals: Iterable[Goal], layouts: Sequence[Layout]) -> list[MetricCard]:
    """The cards of all metrics that belong to goals, each once, in the order of the goals."""
    device = ", ".join(
        f"{each.name} ({' × '.join(f'{side:.4g}' for side in each.sides)} µm)" for each in layouts
    )
    cards = [
        MetricCard(metric, device, describe_light(goal), *parts)
        for goal in goals
        if goal.question is not None
        for metric, *parts in _definitions(goal.question)
    ]
    return list(dict.fromkeys(cards))


def card_table(cards: Sequence[MetricCard]) -> Table:
    """One row per metric; the devices, which are the same for all, are named below."""
    devices = "; ".join(dict.fromkeys(card.device for card in cards))
    return Table(
        "What the metrics are",
        ("metric", "illumination", "numerator", "denominator", "bucket"),
        tuple(
            (card.metric, card.illumination, card.numerator, card.denominator, card.bucket) for card in cards
        ),
        f"Device: {devices}. {POWERS}",
    )


def _definitions(question: Question) -> Iterator[tuple[str, str, str, str]]:
    """Metric, numerator, denominator and bucket of all that is measured to answer a question.

    Buckets lie around the axis.
    """
    match question:
        case FocusOnAxis(distance):
            plane = f"at {distance:.4g} µm"
            yield "focusing efficiency", "power", INCIDENT, f"circle of radius {CIRCLE:g} FWHM {plane}"
            yield "FWHM", "width at half of the focus", "–", f"cuts along x and y {plane}"
            yield "intensity at the focus", "|E|²", "of the incident wave", f"point {plane}"
            yield "Strehl", "|E|² over transmitted power", "of an ideal lens", f"point {plane}"
            yield TRANSMISSION
        case SquareOnAxis(distance, width):
            square = f"square of {width:.4g} µm at {distance:.4g} µm"
            yield "square efficiency", "Poynting's power", INCIDENT, square
            yield TRANSMISSION
        case RingAroundAxis(distance, radius, half_width):
            ring = f"ring of radius {radius:.4g} ± {half_width:.4g} µm at {distance:.4g} µm"
            yield "ring ratio", "power", "power inside the ring", ring
            yield "ring efficiency", "power", INCIDENT, ring
            yield TRANSMISSION
        case DepthAlongAxis():
            yield "depth of focus", "range above half of the maximum", "–", "axis"
