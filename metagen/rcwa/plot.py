"""Draw a phase table, or a library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagen.device.atoms.parameter import Kind, Parameter
from metagen.rcwa.library import Library
from metagen.rcwa.table import PhaseTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 2001
"""Radii along the axis: resonances a thousandth of the range wide are seen."""
MAP_POINTS = 201
"""Values of each parameter in a map."""


def plot_table(table: PhaseTable) -> Figure:
    """Phase and amplitude of t, and the transmitted power, against the radius, with resonances marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7), layout="constrained")
    phase, amplitude, power = figure.subplots(3, 1, sharex=True)
    radii = np.linspace(table.platform.radius_min, table.platform.radius_max, POINTS)
    t = table(radii)
    phase.plot(radii, np.unwrap(np.angle(t)) / (2 * np.pi))
    phase.set_ylabel("phase of t / 2π")
    phase.set_title(f"wavelength {table.wavelength:g} µm, period {table.platform.period:g} µm")
    amplitude.plot(radii, np.abs(t))
    amplitude.set_ylabel("|t|")
    power.plot(radii, table.transmittance(radii), label="all transmitted orders")
    power.plot(radii, table.zero_order_transmittance(radii), "--", label="zeroth order")
    power.set_ylabel("power / incident power")
    power.set_ylim(0, 1.02)
    power.set_xlabel("pillar radius (µm)")
    power.set_xlim(radii[0], radii[-1])
    for axes in (phase, amplitude, power):
        _mark_resonances(axes, table)
    power.legend(loc="best")
    return figure


def _mark_resonances(axes: Axes, table: PhaseTable) -> None:
    for resonance in table.resonances:
        low, high = resonance.radius - resonance.half_width, resonance.radius + resonance.half_width
        axes.axvspan(low, high, color="0.85", zorder=0, label=_label_once(axes))


def _label_once(axes: Axes) -> str:
    return "_" if any(patch.get_label() == "resonance" for patch in axes.patches) else "resonance"


def plot_library(library: Library) -> Figure:
    """Phase and amplitude of the Jones matrix, and powers: curves over one parameter, maps over two.

    A third parameter is in the middle of its range.
    """
    return _curves(library) if len(library.platform.atom.parameters) == 1 else _maps(library)


def _curves(library: Library) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7), layout="constrained")
    phase, amplitude, power = figure.subplots(3, 1, sharex=True)
    (parameter,) = library.platform.atom.parameters
    x = np.linspace(parameter.low, parameter.high, POINTS)
    given = {parameter.name: x}
    jones = library(**given)
    for label, value in (("xx", jones[:, 0, 0]), ("yy", jones[:, 1, 1])):
        phase.plot(x, np.unwrap(np.angle(value)) / (2 * np.pi), label=label)
    for label, value in (("xx", jones[:, 0, 0]), ("yy", jones[:, 1, 1]), ("yx", jones[:, 1, 0])):
        amplitude.plot(x, np.abs(value), label=label)
    power.plot(x, library.transmittance(**given), label="all transmitted orders")
    power.plot(x, library.conversion(**given), "--", label="left to right, zeroth order")
    phase.set(ylabel="phase of J / 2π", title=f"wavelength {library.light.wavelength:g} µm")
    amplitude.set_ylabel("|J|")
    power.set(
        ylabel="power / incident power", ylim=(0, 1.02), xlabel=_axis_label(parameter), xlim=(x[0], x[-1])
    )
    for axes in (phase, amplitude, power):
        axes.legend(loc="best")
    return figure


def _maps(library: Library) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7.4), layout="constrained")
    first, second, *third = library.platform.atom.parameters
    x, y = (np.linspace(each.low, each.high, MAP_POINTS) for each in (first, second))
    given = {first.name: x[:, None], second.name: y[None, :]}
    given |= {each.name: np.array((each.low + each.high) / 2) for each in third}
    jones = library(**given)
    shown = {
        "phase of Jxx / 2π": (np.angle(jones[..., 0, 0]) / (2 * np.pi), "twilight"),
        "|Jxx|": (np.abs(jones[..., 0, 0]), "viridis"),
        "phase of Jyy / 2π": (np.angle(jones[..., 1, 1]) / (2 * np.pi), "twilight"),
        "conversion, left to right": (library.conversion(**given), "viridis"),
    }
    for axes, (title, (values, colours)) in zip(figure.subplots(2, 2).flat, shown.items(), strict=True):
        drawn = axes.pcolormesh(x, y, values.T, cmap=colours, shading="nearest", rasterized=True)
        axes.set(title=title, xlabel=_axis_label(first), ylabel=_axis_label(second))
        figure.colorbar(drawn, ax=axes, shrink=0.85)
    return figure


def _axis_label(parameter: Parameter) -> str:
    return f"{parameter.name} ({'rad' if parameter.kind is Kind.ANGLE else 'µm'})"
