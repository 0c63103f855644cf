"""The report of designed devices: their light where the goals are, and cuts beside the ideal lens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metagen.base.tables import Table
from metagen.data.nearfield import provenance
from metagen.design import DesignSettings, Device, Goal, Light
from metagen.design.questions import DepthAlongAxis
from metagen.report import plot
from metagen.report.page import Section, write_report
from metagen.report.words import add_legend
from metagen.verify.cards import card_table, metric_cards
from metagen.verify.comparison import Candidate, with_distinct_names
from metagen.verify.metrics import Wavefront, ideal_lens, intensity, plane_intensity
from metagen.verify.tables import describe_light
from metagen.verify.verification import Simulated, wavefront

SMALLEST_REACH = 4.0
"""Least half side of the drawn planes, in micrometres; larger where the goal's points are farther out."""
IDEAL = "ideal lens"
POINTS = 201
"""How many points a cut has."""


def write_device_report(
    path: Path, settings: DesignSettings, candidates: Sequence[Candidate], table: Table, about: str = ""
) -> None:
    """Write the report (HTML, atomically).

    Args:
        path: where the file is written.
        settings: the design that holds the goals.
        candidates: the devices. Their simulated light is drawn, or else what their models predict; a goal has
            no section if there is neither in its light.
        table: the measured numbers, as :func:`metagen.verify.comparison.comparison_table` makes them.
        about: hash of the goals and the devices, which the page keeps.
    """
    candidates = with_distinct_names(candidates)
    layouts = [candidate.layout for candidate in candidates]
    histories = {
        layout.name: layout.history
        for layout in layouts
        if isinstance(layout, Device) and len(layout.history)
    }
    figures = [plot.layout_map(layouts)]
    if histories:
        figures.append(plot.histories(histories, "step", "figure of merit"))
    cards = card_table(metric_cards(settings.goals, layouts))
    sections = [
        Section("Devices", "Pillars, and how the figures of merit grew.", tuple(figures), (table, cards)),
        *(_goal_section(goal, waves) for goal, waves in _lit(settings.goals, candidates)),
    ]
    write_report(
        path,
        title=f"metagen: {settings.name}",
        lead=f"{len(layouts)} devices for the same job, measured by the same functions.",
        sections=sections,
        about=about,
        facts=provenance(goals=[repr(goal) for goal in settings.goals]),
    )


def _distinct(goals: Sequence[Goal]) -> Iterator[Goal]:
    """The goals whose light is drawn: the first of those that share light, analyser and plane (or line)."""
    seen = set()
    for goal in goals:
        at = (describe_light(goal), float(goal.points()[0, 2]), isinstance(goal.question, DepthAlongAxis))
        if at not in seen:
            seen.add(at)
            yield goal


def _lit(
    goals: Sequence[Goal], candidates: Sequence[Candidate]
) -> Iterator[tuple[Goal, dict[str, Wavefront]]]:
    """Each goal for which some device was simulated or can be predicted, with the light of those devices."""
    for goal in _distinct(goals):
        if waves := dict(_waves(goal, candidates)):
            yield goal, waves


def _goal_section(goal: Goal, waves: Mapping[str, Wavefront]) -> Section:
    points = goal.points()
    reach = max(SMALLEST_REACH, 1.3 * float(points[:, :2].abs().max()))
    distances, question = points[:, 2], goal.question
    figures = [plot.axial_sections(waves, 1.5 * float(distances.max()), reach)]
    planes = [float(distances[0])]
    if isinstance(question, DepthAlongAxis):
        planes = [question.nearest, float(distances.median()), question.farthest]
        figures.insert(0, on_axis(waves, question))
    for distance in planes:
        figures += [plot.focal_planes(waves, distance, reach), cuts(waves, distance, reach)]
    return Section(
        f"Light at {describe_light(goal)}: {goal.kind}",
        "Σ|E|² over that of the incident wave: along the axis, in the plane of the goal, and cuts through it "
        f"beside the ideal lens of the same aperture (planes at {', '.join(f'{z:.0f}' for z in planes)} µm).",
        tuple(figures),
    )


def _waves(goal: Goal, candidates: Sequence[Candidate]) -> Iterator[tuple[str, Wavefront]]:
    """The light of every device that the goal looks at: simulated if it was, or else predicted."""
    for candidate in candidates:
        simulated = [Simulated(near, components=3) for near in candidate.near_fields]
        for models, how in ((simulated, "Meep"), (candidate.models, "predicted")):
            light = Light.behind(candidate.layout, models)
            if goal.illumination in light:
                yield f"{candidate.layout.name}, {how}", wavefront(goal, light, candidate.layout)
                break


def cuts(waves: Mapping[str, Wavefront], distance: float, reach: float) -> Figure:
    """Intensity along x in a plane, over its maximum, beside that of the ideal lens (the Airy pattern)."""
    x = torch.linspace(-reach, reach, POINTS, dtype=torch.float64)
    axis = torch.zeros(1, dtype=torch.float64)
    curves = {name: plane_intensity(wave, distance, x, axis)[:, 0] for name, wave in waves.items()}
    first = next(iter(waves.values()))
    curves[IDEAL] = plane_intensity(ideal_lens(first, distance), distance, x, axis)[:, 0]
    figure, axes = _axes(f"plane at {distance:.0f} µm")
    for name, values in curves.items():
        axes.plot(x, values / values.max(), "--" if name == IDEAL else "-", label=name)
    axes.set(xlabel="x (µm)", ylabel="|E|² / its maximum")
    add_legend(axes)
    return figure


def on_axis(waves: Mapping[str, Wavefront], wanted: DepthAlongAxis) -> Figure:
    """Intensity on the axis, where it is wanted and around that."""
    z = torch.linspace(0.5 * wanted.nearest, 1.5 * wanted.farthest, POINTS, dtype=torch.float64)
    points = torch.stack([0 * z, 0 * z, z], dim=1)
    figure, axes = _axes("on the axis")
    for name, wave in waves.items():
        axes.plot(z, intensity(wave, points), label=name)
    for end in (wanted.nearest, wanted.farthest):
        axes.axvline(end, color="grey", linestyle=":")
    axes.set(xlabel="distance from the monitor plane (µm)", ylabel="|E|² / incident")
    add_legend(axes)
    return figure


def _axes(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    axes.grid(alpha=0.3)
    return figure, axes
