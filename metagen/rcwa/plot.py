"""Draw a phase table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagen.rcwa.table import PhaseTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 2001
"""Radii along the axis: resonances a thousandth of the range wide are seen."""


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
