"""A picture of what breaks the design rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagen.device.layout import Layout
from metagen.fab.rules import Rule, Violation
from metagen.fab.steps import is_circle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    Rule.MIN_DIAMETER: "tab:orange",
    Rule.MIN_GAP: "tab:red",
    Rule.GRID: "tab:cyan",
    Rule.MAX_DENSITY: "tab:purple",
}


def plot_violations(layout: Layout, violations: tuple[Violation, ...]) -> Figure:
    """Draw the radii in grey, or how much of its cell each other shape covers, and every violation over them.

    A bar joins the two pillars of a gap.

    Args:
        layout: the device.
        violations: what :func:`metagen.fab.check` found in it.

    Returns:
        The figure (matplotlib).
    """
    from matplotlib.figure import Figure

    from metagen.fab.check_shapes import areas

    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    simple = layout.is_simple and is_circle(layout.platform.atom)
    shown = layout.radii if simple else areas(layout) / layout.platform.lattice.area
    x, y = (side / 2 for side in layout.sides)
    image = axes.imshow(shown.T, origin="lower", extent=(-x, x, -y, y), cmap="Greys", vmin=0)
    figure.colorbar(image, label="radius (µm)" if simple else "covered share of the cell")
    for violation in violations:
        _mark(axes, violation)
    axes.set(xlabel="x (µm)", ylabel="y (µm)")
    axes.set_title(f"{layout.name}: design rules", parse_math=False)
    if violations:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), fontsize="small")
    return figure


def _mark(axes: Axes, violation: Violation) -> None:
    colour = COLOURS[violation.rule]
    label = f"{violation.rule} {violation.limit:g} µm: {len(violation.values)}"
    if violation.rule is Rule.MAX_DENSITY:
        label = f"{violation.rule} {violation.limit:g}: {len(violation.values)}"
    ends = violation.positions
    joined = np.concatenate([ends, np.full_like(ends[:, :1], np.nan)], axis=1).reshape(-1, 2)
    marker, line = ("o", "none") if ends.shape[1] == 1 else (".", "-")
    axes.plot(
        *joined.T, color=colour, marker=marker, linestyle=line, fillstyle="none", label=label, rasterized=True
    )
