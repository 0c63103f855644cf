"""Pictures of every stage, as matplotlib figures that do not touch pyplot's global state."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from shapely.affinity import translate
from shapely.plotting import patch_from_polygon

from metagen.base.atomic import replacing
from metagen.base.errors import InputError
from metagen.base.wavelength import nanometres
from metagen.data.nearfield import NearField
from metagen.device.lattice import Lattice
from metagen.device.layout import Layout
from metagen.device.platform import Platform
from metagen.device.shapes import Shape
from metagen.report.pillars import OUTLINE, draw_map, draw_outlines
from metagen.report.words import add_legend, entitle
from metagen.verify.metrics import Wavefront, plane_intensity, section_intensity
from metagen.verify.tolerance import Tolerance

METADATA = {"png": "Description", "pdf": "Subject", "svg": "Description"}
"""Where files of each format say what they show."""
WSPACE = 0.08
"""Space between panels, over their width: it keeps the label of a colour bar off the next panel's axis."""
POINTS = 121
"""How many points a drawn plane has along each axis."""
MOST_OUTLINES = 20_000
"""The most pillars that are drawn one by one."""


def save(figure: Figure, path: Path, about: str = "") -> None:
    """Write a figure (atomically) in the format that the ending of the path names.

    Args:
        figure: the figure.
        path: where it is written.
        about: hash of what it shows, which PNG, PDF and SVG files keep.

    Raises:
        InputError: there is no such format.
    """
    kind, known = path.suffix.lower().removeprefix("."), figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise InputError(
            f"{path}: no format of pictures ends in {path.suffix!r}; allowed: {', '.join(known)}"
        )
    with replacing(path) as partial:
        metadata = {METADATA[kind]: about} if about and kind in METADATA else None
        figure.savefig(partial, format=kind, metadata=metadata)


def layout_map(layouts: Layout | Sequence[Layout], parameter: str | None = None) -> Figure:
    """One parameter of a device over its sites, such as the radius; or of several devices side by side.

    Args:
        layouts: the devices.
        parameter: its name; by default the first free one.

    Raises:
        InputError: the meta-atom has no such parameter.
    """
    layouts = [layouts] if isinstance(layouts, Layout) else layouts
    figure, panels = _row(len(layouts))
    for axes, each in zip(panels, layouts, strict=True):
        draw_map(figure, axes, each, parameter)
    return figure


def layout(device: Layout, parameter: str | None = None) -> Figure:
    """Every pillar of a device as it is drawn for the fab, coloured by one parameter.

    Of more than :data:`MOST_OUTLINES` pillars the map (:func:`layout_map`) is drawn instead: nobody would see
    their outlines.

    Args:
        device: the device.
        parameter: its name; by default the first free one.

    Raises:
        InputError: the meta-atom has no such parameter.
    """
    if device.present.sum() > MOST_OUTLINES:
        return layout_map(device, parameter)
    figure = Figure(figsize=(7.4, 6.2), layout="constrained")
    draw_outlines(figure, figure.subplots(), device, parameter)
    return figure


def unit_cells(platform: Platform, pillars: Mapping[str, float] | Sequence[Mapping[str, float]]) -> Figure:
    """Pillars of chosen parameters, each among its twins on the lattice; dashed the unit cell.

    Args:
        platform: lattice and meta-atom.
        pillars: parameters by name, as :func:`metagen.rcwa.solve` takes them; or several of these for
            pictures side by side.

    Raises:
        InputError: no pillar is given, or one has parameters that this meta-atom does not have.
    """
    pillars = [pillars] if isinstance(pillars, Mapping) else pillars
    if not pillars:
        raise InputError("pillars is empty; give the parameters of one pillar at least")
    figure, panels = _row(len(pillars))
    for axes, parameters in zip(panels, pillars, strict=True):
        _draw_pillars(axes, platform.lattice, platform.atom.named_shape(**parameters))
        axes.set_title(", ".join(f"{name} {value:.3g}" for name, value in parameters.items()))
    return figure


def overview(layout: Layout, planes: Mapping[str, tuple[Wavefront, float]], reach: float) -> Figure:
    """A device, and its light in chosen planes: each a wave and a distance, under its title."""
    figure, panels = _row(1 + len(planes))
    draw_map(figure, panels[0], layout)
    x = torch.linspace(-reach, reach, POINTS, dtype=torch.float64)
    for axes, (title, (wave, distance)) in zip(panels[1:], planes.items(), strict=True):
        _draw_intensity(figure, axes, plane_intensity(wave, distance, x).numpy(), reach, title)
    return figure


def near_field_comparison(near: NearField, predicted: NDArray[np.complex64]) -> Figure:
    """Simulated Ex, predicted Ex and their difference, on one colour scale.

    Args:
        near: the simulated near field.
        predicted: [C, X, Y] as :func:`metagen.surrogate.predict` gives it.
    """
    simulated = near.field[..., 0]
    planes = {"Meep": simulated, "surrogate": predicted[0], "difference": predicted[0] - simulated}
    figure, panels = _row(len(planes))
    limit, half = float(np.abs(simulated).max()), near.layout.side / 2
    for axes, (title, plane) in zip(panels, planes.items(), strict=True):
        image = axes.imshow(
            plane.real.T,
            origin="lower",
            extent=(-half, half, -half, half),
            cmap="RdBu_r",
            vmin=-limit,
            vmax=limit,
        )
        axes.set(title=f"{title}, {nanometres(near.wavelength)} nm", xlabel="x (µm)", ylabel="y (µm)")
        figure.colorbar(image, ax=axes, label="Re Ex / incident", shrink=0.8)
    return figure


def focal_planes(waves: Mapping[str, Wavefront], distance: float, reach: float) -> Figure:
    """|E|² in the plane at ``distance``, out to ``reach`` from the axis, on one colour scale."""
    x = torch.linspace(-reach, reach, POINTS, dtype=torch.float64)
    planes = {title: plane_intensity(wave, distance, x).numpy() for title, wave in waves.items()}
    limit = max(float(plane.max()) for plane in planes.values())
    figure, panels = _row(len(planes))
    for axes, (title, plane) in zip(panels, planes.items(), strict=True):
        _draw_intensity(figure, axes, plane, reach, title, limit)
    return figure


def axial_sections(waves: Mapping[str, Wavefront], far: float, reach: float) -> Figure:
    """|E|² in the plane y = 0 from the device to the distance ``far``."""
    z = torch.linspace(far / 50, far, POINTS, dtype=torch.float64)
    x = torch.linspace(-reach, reach, POINTS, dtype=torch.float64)
    figure, panels = _row(len(waves))
    for axes, (title, wave) in zip(panels, waves.items(), strict=True):
        image = axes.imshow(
            section_intensity(wave, z, x).numpy().T,
            origin="lower",
            extent=(float(z[0]), far, -reach, reach),
            aspect="auto",
            cmap="inferno",
        )
        axes.set(xlabel="distance from the monitor plane (µm)", ylabel="x (µm)")
        entitle(axes, title)
        figure.colorbar(image, ax=axes, label="|E|² / incident", shrink=0.8)
    return figure


def histories(curves: Mapping[str, Sequence[float] | NDArray[Any]], xlabel: str, ylabel: str) -> Figure:
    """Curves over steps or epochs, logarithmic where all values are positive."""
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, values in curves.items():
        axes.plot(values, label=name)
    if all(np.all(np.asarray(values) > 0) for values in curves.values()):
        axes.set_yscale("log")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.grid(alpha=0.3)
    add_legend(axes)
    return figure


def spectra(curves: Mapping[str, NDArray[Any]], rank: int) -> Figure:
    """Singular values relative to the largest, with the number of modes that are kept."""
    figure = histories(
        {name: values / values[0] for name, values in curves.items()}, "mode", "singular value"
    )
    axes = figure.axes[0]
    axes.axvline(rank - 0.5, color="grey", linestyle="--", label=f"{rank} modes kept")
    axes.set_ylim(bottom=1e-7)
    add_legend(axes)
    return figure


def tolerances(found: Tolerance) -> Figure:
    """What process errors do to a device: the distribution over imperfect copies, then shift and noise alone.

    The band holds the copies between the quantiles :data:`metagen.verify.tolerance.BAND`.
    """
    figure, (spread, shifted, noisy) = _row(3)
    noises = np.append(0, found.noises) * 1000
    for index, goal in enumerate(found.goals):
        label, nominal = f"{goal.kind}, {nanometres(goal.wavelength)} nm", found.nominal[index]
        line = shifted.plot(found.shifts * 1000, found.shifted[:, index], label=label)[0]
        spread.hist(found.samples.values[:, index], bins=30, alpha=0.6, color=line.get_color())
        spread.axvline(nominal, color=line.get_color(), linestyle="--")
        means = [nominal, *(each.values[:, index].mean() for each in found.noisy)]
        low, high = np.transpose([(nominal, nominal), *(each.band[:, index] for each in found.noisy)])
        noisy.plot(noises, means, color=line.get_color(), label=label)
        noisy.fill_between(noises, low, high, color=line.get_color(), alpha=0.2)
    spread.set(title="all errors (dashed: as designed)", xlabel="value of the goal", ylabel="devices")
    shifted.set(
        title=f"all {'radii' if found.sizes == 'radii' else 'walls'} shifted",
        xlabel="shift (nm)",
        ylabel="value of the goal",
    )
    noisy.set(
        title="noise alone", xlabel=f"standard deviation of {found.sizes} (nm)", ylabel="value of the goal"
    )
    shifted.legend()
    noisy.legend()
    return figure


def _row(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(4.4 * count, 3.8), layout=ConstrainedLayoutEngine(wspace=WSPACE))
    panels: list[Axes] = list(figure.subplots(1, count, squeeze=False)[0])
    return figure, panels


def _draw_pillars(axes: Axes, lattice: Lattice, shape: Shape) -> None:
    outer, *holes = shape.outline(OUTLINE * lattice.spacing)
    body, (px, py), half = shapely.Polygon(outer, holes), lattice.pitch, max(lattice.pitch)
    along_x, along_y = (range(-math.ceil(half / side) - 1, math.ceil(half / side) + 2) for side in (px, py))
    for (x, y), i, j in itertools.product(lattice.positions, along_x, along_y):
        axes.add_patch(patch_from_polygon(translate(body, x + i * px, y + j * py), linewidth=0))
    axes.add_patch(Rectangle((-px / 2, -py / 2), px, py, fill=False, linestyle="--", edgecolor="0.3"))
    axes.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xlabel="x (µm)", ylabel="y (µm)")
    axes.locator_params(nbins=5)


def _draw_intensity(
    figure: Figure, axes: Axes, plane: NDArray[Any], reach: float, title: str, limit: float | None = None
) -> None:
    image = axes.imshow(
        plane.T, origin="lower", extent=(-reach, reach, -reach, reach), cmap="inferno", vmin=0, vmax=limit
    )
    axes.set(xlabel="x (µm)", ylabel="y (µm)")
    entitle(axes, title)
    figure.colorbar(image, ax=axes, label="|E|² / incident", shrink=0.8)
