"""Drawings of devices: a map of one parameter, or the outline of every pillar."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.device.atoms import Kind, Parameter
from metagen.device.layout import Layout
from metagen.forward.nearest import NearestSites
from metagen.report.words import entitle

OUTLINE = 1e-3
"""Tolerance of drawn outlines, over the distance of neighbours."""
FINER = 4
"""Points of a map per distance of neighbours, where cells have several sites."""

UNITS = {Kind.LENGTH: (" (nm)", 1000.0), Kind.ANGLE: (" (degrees)", 180 / np.pi), Kind.CHOICE: ("", 1.0)}
COLOURS = {Kind.LENGTH: "viridis", Kind.ANGLE: "twilight", Kind.CHOICE: "tab10"}
EDGES = {Kind.LENGTH: 0.0, Kind.ANGLE: 0.3, Kind.CHOICE: 0.0}
"""Width of drawn edges: angles of 0 have a colour that is nearly white."""


def draw_map(figure: Figure, axes: Axes, layout: Layout, name: str | None = None) -> None:
    """Draw one parameter of a device over its sites; nothing where there is no pillar.

    Args:
        figure, axes: where to draw.
        layout: the device.
        name: of the parameter; by default the first free one.
    """
    parameter, (along_x, along_y) = _parameter(layout, name), (side / 2 for side in layout.sides)
    unit, factor = UNITS[parameter.kind]
    image = axes.imshow(
        _over_sites(layout, parameter).T * factor,
        origin="lower",
        extent=(-along_x, along_x, -along_y, along_y),
        vmin=parameter.low * factor,
        vmax=parameter.high * factor,
        cmap=COLOURS[parameter.kind],
    )
    axes.set(xlabel="x (µm)", ylabel="y (µm)")
    entitle(axes, layout.name)
    figure.colorbar(image, ax=axes, label=f"{parameter.name}{unit}", shrink=0.8)


def draw_outlines(figure: Figure, axes: Axes, layout: Layout, name: str | None = None) -> None:
    """Draw every pillar of a device as it is, coloured by one parameter; arguments as :func:`draw_map`."""
    parameter, values = _parameter(layout, name), layout.values[layout.present]
    unit, factor = UNITS[parameter.kind]
    drawn = PathCollection(
        _paths(layout, values), cmap=COLOURS[parameter.kind], linewidths=EDGES[parameter.kind]
    )
    drawn.set_edgecolor("0.3")
    drawn.set_array(values[:, layout.platform.atom.position(parameter.name)] * factor)
    drawn.set_clim(parameter.low * factor, parameter.high * factor)
    axes.add_collection(drawn)
    along_x, along_y = (side / 2 for side in layout.sides)
    axes.set(xlim=(-along_x, along_x), ylim=(-along_y, along_y), aspect="equal")
    axes.set(xlabel="x (µm)", ylabel="y (µm)")
    entitle(axes, layout.name)
    figure.colorbar(drawn, ax=axes, label=f"{parameter.name}{unit}", shrink=0.8)


def _parameter(layout: Layout, name: str | None) -> Parameter:
    """The parameter of that name, or the first free one."""
    atom = layout.platform.atom
    if not atom.parameters:
        raise InputError(f"the meta-atom ({atom.kind}) has no free parameter; all pillars are alike")
    return atom.parameters[0 if name is None else atom.position(name)]


def _over_sites(layout: Layout, parameter: Parameter) -> NDArray[np.float64]:
    """[X, Y] values on a regular grid over the device; not a number where there is no pillar."""
    column = layout.values[..., layout.platform.atom.position(parameter.name)]
    values = np.where(layout.present, column, np.nan)
    if values.shape[2] == 1:
        return np.asarray(values[..., 0])
    spacing = layout.platform.lattice.spacing / FINER
    nearest = NearestSites.of(layout.centres.reshape(-1, 2), layout.sides, spacing)
    return np.asarray(values.reshape(-1)[nearest.numbers])


def _paths(layout: Layout, values: NDArray[np.float64]) -> list[Path]:
    """The outline of each pillar [M, P] where it stands; holes run the other way round."""
    platform = layout.platform
    loops = platform.atom.shape(torch.from_numpy(values)).outline(OUTLINE * platform.lattice.spacing)
    places = layout.centres[layout.present][:, None]
    moved = [np.concatenate([loop, loop[:, :1]], axis=1) + places for loop in loops]
    codes = [_codes(loop.shape[1]) for loop in moved]
    corners = np.concatenate(moved, axis=1)
    return [Path(each, np.concatenate(codes)) for each in corners]


def _codes(count: int) -> NDArray[np.uint8]:
    """What a path does at each of the corners of one loop, whose last corner is its first."""
    codes = np.full(count, Path.LINETO, dtype=Path.code_type)
    codes[0], codes[-1] = Path.MOVETO, Path.CLOSEPOLY
    return codes
