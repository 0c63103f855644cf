"""Draw a phase table, or a library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metagen.device.atoms.parameter import Kind, Parameter
from metagen.rcwa.library import Library
from metagen.rcwa.resonances import Resonance
from metagen.rcwa.table import PhaseTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

POINTS = 2001
"""Radii along the axis: resonances a thousandth of the range wide are seen."""
MAP_POINTS = 201
"""Values of each parameter in a map."""
LINES = 101
"""Values of the second parameter at which resonances are drawn into a map."""


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
        _mark_resonances(axes, table.resonances)
    power.legend(loc="best")
    return figure


def _mark_resonances(axes: Axes, found: tuple[Resonance, ...]) -> None:
    for resonance in found:
        low, high = resonance.value - resonance.half_width, resonance.value + resonance.half_width
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
        _mark_resonances(axes, library.resonances())
        axes.legend(loc="best")
    return figure


def _maps(library: Library) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(17, 7.6), layout="constrained")
    first, second, *third = library.platform.atom.parameters
    x, y = (np.linspace(each.low, each.high, MAP_POINTS) for each in (first, second))
    middle = {each.name: (each.low + each.high) / 2 for each in third}
    shown = _shown(library, {first.name: x[:, None], second.name: y[None, :], **middle})
    for axes, each in zip(figure.subplots(2, 4).flat, shown, strict=True):
        drawn = axes.pcolormesh(
            x, y, each.values.T, cmap=each.colours, norm=each.norm, shading="nearest", rasterized=True
        )
        axes.set(title=each.title, xlabel=_axis_label(first), ylabel=_axis_label(second), ylim=(y[0], y[-1]))
        figure.colorbar(drawn, ax=axes, shrink=0.85)
    axes.plot(*_resonant_places(library, second, middle), ".", color="red", markersize=1)
    figure.suptitle(_map_title(library, middle))
    return figure


@dataclass(frozen=True, eq=False)
class _Map:
    """Values [X, Y] with what they are and how they are coloured."""

    title: str
    values: NDArray[np.float64]
    colours: str = "viridis"
    norm: Normalize | None = None


def _shown(library: Library, given: dict[str, Any]) -> list[_Map]:
    from matplotlib.colors import LogNorm, Normalize

    jones, light = library(**given), library.light.polarisation
    cycle, share = Normalize(-0.5, 0.5), Normalize(0, 1)

    def phase(values: NDArray[np.complex128]) -> NDArray[np.float64]:
        return np.asarray(np.angle(values) / (2 * np.pi))

    xx, yy = jones[..., 0, 0], jones[..., 1, 1]
    size = Normalize(0, float(np.abs([xx, yy]).max()))
    name = light if isinstance(light, str) else "given"
    return [
        _Map("phase of Jxx / 2π", phase(xx), "twilight", cycle),
        _Map("|Jxx|", np.abs(xx), norm=size),
        _Map("power, left to right circular", library.conversion(**given), "viridis", Normalize(0, 1)),
        _Map(f"power transmitted, {name} light", library.transmittance(**given), "viridis", share),
        _Map("phase of Jyy / 2π", phase(yy), "twilight", cycle),
        _Map("|Jyy|", np.abs(yy), norm=size),
        _Map("phase of Jyy/Jxx / 2π", phase(yy / xx), "twilight", cycle),
        _Map(
            "|ΔJ| of the truncation; red: resonances",
            library.truncation_error(**given),
            "magma",
            LogNorm(1e-4, 1),
        ),
    ]


def _resonant_places(
    library: Library, second: Parameter, middle: dict[str, float]
) -> tuple[list[float], list[float]]:
    """Values of the first and of the second parameter where there is a resonance."""
    places = [
        (found.value, float(value))
        for value in np.linspace(second.low, second.high, LINES)
        for found in library.resonances(**{second.name: float(value)}, **middle)
    ]
    return [place[0] for place in places], [place[1] for place in places]


def _map_title(library: Library, middle: dict[str, float]) -> str:
    fixed = "".join(f", {name} {value:.4g}" for name, value in middle.items())
    return f"wavelength {library.light.wavelength:g} µm{fixed}"


def _axis_label(parameter: Parameter) -> str:
    return f"{parameter.name} ({'rad' if parameter.kind is Kind.ANGLE else 'µm'})"
