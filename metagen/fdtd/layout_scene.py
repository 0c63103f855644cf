"""From a layout and its light to the scene that is simulated: pillars, grid and mirrors."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.data.folding import MIRRORS
from metagen.device.illumination import Illumination
from metagen.device.lattice import Lattice
from metagen.device.layout import Layout
from metagen.device.shapes import Shape
from metagen.fdtd.beam import Beam
from metagen.fdtd.grid import Grid, layout_grid, periodic_grid, pixel_size
from metagen.fdtd.indices import Indices
from metagen.fdtd.scene import Scene
from metagen.fdtd.solids import Pillar, repeated, takes_prisms


def layout_scene(layout: Layout, beam: Beam, *, periodic: bool = False, mirrors: bool | None = None) -> Scene:
    """Check that layout and settings fit together and lay out the simulation cell.

    Raises:
        InputError: mirrors are asked for where layout and light do not both have them, or too coarse a grid.
    """
    pillars = list(pillars_of(layout))
    used = _chosen_mirrors(layout, pillars, beam.light, periodic, mirrors)
    media, periods = layout.platform.at(beam.wavelength), (1, 1)
    if periodic:
        pixel = pixel_size(layout.platform.lattice.pitch[0], media, beam.numerics)
        grid, periods = periodic_grid(layout.sides, pixel, layout.platform.height, beam.numerics)
    else:
        grid = aperture_grid(layout, beam)
    indices = Indices(media, beam.light, beam.numerics, grid, pillar_spacing(layout.platform.lattice))
    return Scene(indices, layout.platform.height, repeated(pillars, layout.sides, periods), periodic, used)


def aperture_grid(layout: Layout, beam: Beam) -> Grid:
    """The grid of a layout with bare substrate around it.

    Raises:
        InputError: the wavelength in the densest medium has too few pixels.
    """
    return layout_grid(layout.platform, beam.numerics, _extent(layout))


def usable_mirrors(layout: Layout, light: Illumination) -> tuple[bool, bool]:
    """Whether x → −x and y → −y can be used: layout and light have them, and no corner lies on them."""
    return _chosen_mirrors(layout, list(pillars_of(layout)), light, periodic=False, wanted=None)


def has_prisms(layout: Layout) -> bool:
    """Whether Meep draws a pillar of a layout on bare substrate as a prism."""
    values = torch.from_numpy(layout.values[layout.present])
    return len(values) > 0 and takes_prisms(layout.platform.atom.shape(values))


def pillars_of(layout: Layout) -> Iterator[Pillar]:
    """The pillars of a layout; equal ones share one shape."""
    values, which = np.unique(layout.values[layout.present], axis=0, return_inverse=True)
    shapes = [layout.platform.atom.shape(torch.from_numpy(each)) for each in values]
    for number, (x, y) in zip(which.tolist(), layout.centres[layout.present].tolist(), strict=True):
        yield Pillar(shapes[number], (x, y))


def pillar_spacing(lattice: Lattice) -> float:
    """Side of a square with the area of the lattice that belongs to one pillar."""
    return math.sqrt(lattice.area / len(lattice.sites))


def _extent(layout: Layout) -> tuple[float, float]:
    """Sides of the smallest rectangle about the axis that holds all cells and pillars."""
    outermost = np.zeros(2)
    if layout.present.any():
        shapes: Shape = layout.platform.atom.shape(torch.from_numpy(layout.values[layout.present]))
        reach: NDArray[np.float64] = shapes.reach.expand(int(layout.present.sum())).numpy()
        outermost = (np.abs(layout.centres[layout.present]) + reach[:, None]).max(axis=0)
    along_x, along_y = np.maximum(layout.sides, 2 * outermost).tolist()
    return along_x, along_y


def _chosen_mirrors(
    layout: Layout, pillars: list[Pillar], light: Illumination, periodic: bool, wanted: bool | None
) -> tuple[bool, bool]:
    if wanted is False:
        return False, False
    kept, sides = layout.symmetry & light.symmetry, layout.sides if periodic else (math.inf, math.inf)
    along_x, along_y = (
        mirror in kept and not any(pillar.has_corner_on_mirror(axis, sides[axis]) for pillar in pillars)
        for axis, mirror in enumerate(MIRRORS)
    )
    if wanted and not (along_x and along_y):
        raise InputError(
            f"layout {layout.name!r} has no mirror planes for this light; call simulate with mirrors=False"
        )
    return along_x, along_y
