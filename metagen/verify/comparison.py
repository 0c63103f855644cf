"""Several devices for the same job, measured by the same functions, as predicted and as simulated by Meep."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from tqdm import tqdm

from metagen.base.tables import Table, number, numbered
from metagen.data.nearfield import NearField
from metagen.design import Goal, Light, Model
from metagen.device.layout import Layout
from metagen.device.platform import Platform
from metagen.verify.metrics import DepthOfFocus, FocusMetrics, RingMetrics, SquareMetrics, warn_if_active
from metagen.verify.tables import WHOLE, describe_depth, describe_goal, describe_light
from metagen.verify.verification import Metrics, Simulated, as_predicted, metrics_of_goals

WORST = "worst goal"
PUBLISHED = {
    "focusing efficiency at 633 nm": "0.2682",
    "ring ratio at 400 nm": "58.47",
    "depth of focus at 633 nm": "100–350 µm",
}
"""The paper's values; its definitions of efficiency and ratio are in a supplement that we do not have."""

COLUMNS = ("", "device", "predicted", "in Meep", "gap", WHOLE)
PAPERS_COUNT = 113
"""Pillars along one side of the paper's devices; their platform is the default one."""

Finding = float | DepthOfFocus
Findings = Mapping[str, Finding]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A device, the models that it was designed with, and what was simulated of it.

    Attributes:
        layout: the device.
        models: the models that predict its light, one per wavelength; none for no prediction.
        near_fields: simulated near fields of the device, one for each wavelength that was simulated.
    """

    layout: Layout
    models: Sequence[Model] = ()
    near_fields: Sequence[NearField] = ()


@dataclass(frozen=True)
class Compared:
    """What was found about one device, by name of the quantity.

    Attributes:
        device: name of the layout.
        predicted: values from the field that the models predict.
        verified: values from the same components of the simulated field.
        whole: values from all three components of the simulated field.
    """

    device: str
    predicted: Findings = field(default_factory=dict)
    verified: Findings = field(default_factory=dict)
    whole: Findings = field(default_factory=dict)

    def gap(self, quantity: str) -> float | None:
        """predicted / verified − 1 of a quantity; None unless both are numbers, and in the dark."""
        predicted, verified = self.predicted.get(quantity), self.verified.get(quantity)
        if isinstance(predicted, float) and isinstance(verified, float) and verified:
            return predicted / verified - 1
        return None


def compare_devices(goals: Sequence[Goal], candidates: Iterable[Candidate]) -> list[Compared]:
    """Measure every device: the goals, the mean intensity at their points, and the metrics behind them.

    Args:
        goals: what the devices are for.
        candidates: the devices. A goal is left out where its wavelength has no model, or no near field.

    Raises:
        MismatchError: a near field is of another device.

    Warns:
        UserWarning: a model predicts more power than falls on the device
            (:func:`metagen.verify.metrics.warn_if_active`).
    """
    bar = tqdm(with_distinct_names(candidates), "measure", unit="device", leave=False)
    return [_compared(goals, candidate) for candidate in bar]


def with_distinct_names(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates; where several have the same name, a number is added to all but the first."""
    given = list(candidates)
    names = numbered(each.layout.name for each in given)
    return [
        replace(each, layout=replace(each.layout, name=name)) for each, name in zip(given, names, strict=True)
    ]


def published_values(layouts: Iterable[Layout]) -> Mapping[str, str]:
    """The paper's values if all layouts have its size and platform; otherwise none."""
    papers = all(each.count == PAPERS_COUNT and each.platform == Platform() for each in layouts)
    return PUBLISHED if papers else {}


def comparison_table(
    found: Sequence[Compared], title: str = "Devices", published: Mapping[str, str] | None = None
) -> Table:
    """One row per quantity and device, quantity by quantity.

    Args:
        found: what was measured of each device.
        title: title of the table.
        published: the paper's value by name of the quantity (:func:`published_values`), shown in a column of
            its own; no column without them.
    """
    quantities = dict.fromkeys(name for each in found for name in (*each.predicted, *each.whole))
    rows = [
        (
            quantity if first else "",
            each.device,
            _text(each.predicted.get(quantity)),
            _text(each.verified.get(quantity)),
            _percent(each.gap(quantity)),
            _text(each.whole.get(quantity)),
            *([published.get(quantity, "") if first else ""] if published else ()),
        )
        for quantity in quantities
        for first, each in _with_first(found)
    ]
    return Table(
        title,
        (*COLUMNS, *(["paper"] if published else ())),
        tuple(rows),
        "Predicted: by the local phase approximation for a device that was designed with it, by the "
        "models of the design for all others. Predicted and the first 'in Meep' are of the components "
        "that the models predict; gap: their ratio − 1. The worst goal is the smallest value over "
        "target. Intensities: Σ|E|² over that of the incident wave.",
    )


def _compared(goals: Sequence[Goal], candidate: Candidate) -> Compared:
    fields, components = candidate.near_fields, [model.domain.components for model in candidate.models]
    for model in candidate.models:
        warn_if_active(model, candidate.layout)
    comparable = as_predicted(fields, candidate.models, otherwise=min(components, default=3))
    whole = _findings(goals, candidate.layout, [Simulated(near, components=3) for near in fields])
    same = all(each.domain.components == 3 for each in comparable)
    return Compared(
        candidate.layout.name,
        predicted=_findings(goals, candidate.layout, candidate.models),
        verified=whole if same else _findings(goals, candidate.layout, comparable),
        whole=whole,
    )


def _findings(goals: Sequence[Goal], layout: Layout, models: Sequence[Model]) -> Findings:
    """All quantities that belong to the goals whose light has a model."""
    light, found = Light.behind(layout, models), dict[str, Finding]()
    known = [goal for goal in goals if goal.illumination in light]
    if not known:
        return {}
    with torch.no_grad():
        reached = [float(goal(light)) for goal in known]
        means = [float(goal.wave(light).intensity(goal.points()).mean()) for goal in known]
    measured = zip(known, reached, means, metrics_of_goals(known, layout, models), strict=True)
    for goal, value, mean, metrics in measured:
        _add(found, f"goal: {describe_goal(goal)}", value)
        _add(found, f"mean intensity, {describe_goal(goal)}", mean)
        for name, each in _named(metrics):
            _add(found, f"{name} at {describe_light(goal)}", each)
    if len(known) == len(goals):
        found[WORST] = min(value / goal.target for goal, value in zip(known, reached, strict=True))
    return found


def _add(found: dict[str, Finding], name: str, value: Finding) -> None:
    """Add a finding; several goals of one kind get numbers, but what they share is there once."""
    names = itertools.chain([name], (f"{name} ({count})" for count in itertools.count(2)))
    found[next(each for each in names if found.get(each, value) in (value,))] = value


def _named(metrics: Metrics | None) -> Iterator[tuple[str, Finding]]:
    match metrics:
        case FocusMetrics():
            yield "focusing efficiency", metrics.efficiency
            yield "Strehl", metrics.strehl
            yield "intensity at the focus", metrics.intensity
            yield "FWHM (µm)", metrics.fwhm
            yield "transmission", metrics.transmission
        case SquareMetrics():
            yield "square efficiency", metrics.efficiency
            yield "transmission", metrics.transmission
        case RingMetrics():
            yield "ring ratio", metrics.ratio
            yield "ring efficiency", metrics.efficiency
            yield "transmission", metrics.transmission
        case DepthOfFocus():
            yield "depth of focus", metrics


def _with_first(found: Sequence[Compared]) -> Iterator[tuple[bool, Compared]]:
    return ((index == 0, each) for index, each in enumerate(found))


def _text(found: Finding | None) -> str:
    match found:
        case None:
            return "–"
        case DepthOfFocus():
            return describe_depth(found)
        case _:
            return number(found)


def _percent(gap: float | None) -> str:
    return "" if gap is None else f"{gap:+.1%}"
