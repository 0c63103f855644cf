"""The near field of one cell of an endless lattice: pillars of any shape, any lattice, any light."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from metagen.base.arguments import check_kind
from metagen.base.errors import InputError
from metagen.data.folding import MIRRORS
from metagen.device.illumination import Illumination
from metagen.device.media import Media
from metagen.device.sampling import SAMPLES, sample_axes
from metagen.device.symmetry import Symmetry
from metagen.fdtd.beam import Beam
from metagen.fdtd.grid import periodic_grid, pixel_size
from metagen.fdtd.indices import Indices
from metagen.fdtd.layout_scene import pillar_spacing
from metagen.fdtd.numerics import Numerics
from metagen.fdtd.scene import Scene
from metagen.fdtd.simulation import solve
from metagen.fdtd.solids import Pillar, repeated
from metagen.fdtd.stepping import UnsettledWarning
from metagen.rcwa import Cell


def cell_field(
    cell: Cell, light: Illumination, numerics: Numerics, *, mirrors: bool = True, samples: int = SAMPLES
) -> NDArray[np.complex128]:
    """Compute the near field of a periodic cell with Meep, for comparison with RCWA.

    Orders that graze the surface may not have settled at ``max_time``: what that costs is part of the error.

    Args:
        cell: lattice, pillars and media, made by :func:`metagen.rcwa.make_cell`; a single one.
        light: what comes from the substrate.
        numerics: resolution along x (per side of the cell) and the other settings of the simulation.
        mirrors: whether the mirror planes that cell and light have are used.
        samples: per lattice spacing, so n × n in a square cell.

    Returns:
        [nx, ny, 3] (Ex, Ey, Ez) half a wavelength above the pillars, over the incident amplitude.

    Raises:
        MissingDependencyError: no Meep.
        InputError: a batch of cells, too coarse a grid, or an argument of another kind.
        MismatchError: light and numerics are of different wavelengths.
        SimulationError: the fields diverged.
    """
    check_kind("cell", cell, Cell, " of metagen.rcwa: make_cell or platform_cell builds one")
    check_kind("light", light, Illumination, ": metagen.Illumination(wavelength)")
    check_kind("numerics", numerics, Numerics, ": metagen.fdtd.Numerics(wavelength, pixels_per_period)")
    scene = periodic_scene(cell, light, numerics, mirrors)
    x, y = sample_axes((1, 1), cell.lattice, samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnsettledWarning)
        return solve(scene, numerics, x, y, name="periodic cell").field


def periodic_scene(cell: Cell, light: Illumination, numerics: Numerics, mirrors: bool) -> Scene:
    """Lay out the simulation of a periodic cell."""
    _check_single(cell)
    Beam(numerics, light)  # refuses those of different wavelengths
    media, height, lattice = _media(cell, numerics.wavelength), float(cell.height), cell.lattice
    pixel = pixel_size(lattice.pitch[0], media, numerics)
    grid, periods = periodic_grid(lattice.pitch, pixel, height, numerics)
    spacing = pillar_spacing(lattice)
    pillars = [Pillar(shape, site) for shape, site in cell.pillars]
    kept = cell.symmetry & light.symmetry if mirrors else Symmetry.NONE
    mirror_x, mirror_y = (
        mirror in kept and not any(pillar.has_corner_on_mirror(axis, side) for pillar in pillars)
        for axis, (mirror, side) in enumerate(zip(MIRRORS, lattice.pitch, strict=True))
    )
    return Scene(
        Indices(media, light, numerics, grid, spacing),
        height,
        repeated(pillars, lattice.pitch, periods),
        periodic=True,
        mirrors=(mirror_x, mirror_y),
    )


def _check_single(cell: Cell) -> None:
    values = (cell.height, cell.pillar, cell.substrate, cell.cover, *(shape.area for shape in cell.shapes))
    batches = [list(value.shape) for value in values if value.ndim]
    if batches:
        raise InputError(f"the cell is a batch {batches[0]}; Meep takes one at a time")


def _media(cell: Cell, wavelength: float) -> Media:
    return Media(
        wavelength,
        pillar=complex(cell.pillar),
        substrate=float(cell.substrate),
        cover=float(cell.cover),
    )
