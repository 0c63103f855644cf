"""Meep against RCWA on periodic cells, no factor fitted: the acceptance test of a campaign's numerics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from metagen.base.contents import content_hash
from metagen.base.memo import recall, store
from metagen.base.norms import relative_error
from metagen.base.tables import Table, number
from metagen.base.tensors import as_real
from metagen.device.atoms import Atom, Kind, Parameter
from metagen.device.illumination import Illumination, in_words
from metagen.device.platform import Platform
from metagen.device.sampling import monitor_height
from metagen.fdtd.beam import Beam
from metagen.fdtd.periodic import cell_field
from metagen.rcwa import Cell, platform_cell, solve_cell

CELLS = 5
"""Cells that are compared where nothing else is said."""

Parameters = Mapping[str, float]
"""Values of the parameters of a meta-atom, by name."""


@dataclass(frozen=True)
class CellError:
    """How far the near fields of one periodic cell are apart.

    Attributes:
        wavelength: wavelength in vacuum.
        light: polarisation and direction, in words.
        pixels_per_period: resolution of the simulation.
        parameters: parameters of the pillar, by name.
        relative_error: relative error of all three components (eq. 9).
    """

    wavelength: float
    light: str
    pixels_per_period: int
    parameters: dict[str, float]
    relative_error: float


def spread(atom: Atom, count: int) -> list[dict[str, float]]:
    """Parameters that cover the ranges of an atom evenly; the one cell that there is if all are fixed.

    One parameter takes the middles of ``count`` equal parts of its range, several the points of a Halton
    sequence.
    """
    if not atom.parameters:
        return [{}]
    if len(atom.parameters) == 1:
        edges = np.linspace(atom.parameters[0].low, atom.parameters[0].high, count + 1)
        return [_named(atom.parameters, [float(value)]) for value in (edges[1:] + edges[:-1]) / 2]
    low, high = zip(*((each.low, each.high) for each in atom.parameters), strict=True)
    points = qmc.Halton(len(low), scramble=False).random(count + 1)[1:]
    return [_named(atom.parameters, row) for row in qmc.scale(points, low, high).tolist()]


def _named(parameters: Sequence[Parameter], values: Sequence[float]) -> dict[str, float]:
    return {
        each.name: round(value) if each.kind is Kind.CHOICE else value
        for each, value in zip(parameters, values, strict=True)
    }


def remembered_errors(
    platform: Platform, light: Sequence[Beam], cells: Sequence[Parameters], path: Path | None
) -> list[CellError]:
    """The errors of :func:`compare_with_rcwa`: read from ``path`` if they are there, or computed and kept."""
    key = validation_key(platform, light, cells)
    known = recall(path, key, list[CellError]) if path else None
    if known is not None:
        return known
    errors = compare_with_rcwa(platform, light, cells)
    return store(path, key, errors, list[CellError]) if path else errors


def validation_key(platform: Platform, light: Sequence[Beam], cells: Sequence[Parameters]) -> str:
    """Hash of everything that determines the errors."""
    beams = [[beam.light.described, asdict(beam.numerics)] for beam in light]
    return content_hash(platform.hash, beams, [dict(cell) for cell in cells])


def other_light(
    beams: Sequence[Beam], polarisation: str | None, polar: float | None, azimuth: float | None
) -> list[Beam]:
    """The same beams with another polarisation or direction, where one is given; equal ones once."""
    given = {"polarisation": polarisation, "polar": polar, "azimuth": azimuth}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return list(dict.fromkeys(Beam(each.numerics, replace(each.light, **chosen)) for each in beams))


def compare_with_rcwa(
    platform: Platform, light: Sequence[Beam], cells: Sequence[Parameters]
) -> list[CellError]:
    """Simulate periodic cells with each light and compare their near fields with those of RCWA.

    Args:
        platform: lattice, meta-atom and media.
        light: each light, with the numerics to simulate it with.
        cells: parameters of the pillars.

    Raises:
        MissingDependencyError: no Meep.
        InputError: parameters that no pillar can have, or see :func:`metagen.fdtd.periodic.cell_field`.
    """
    return [
        CellError(
            beam.wavelength,
            in_words(beam.light),
            beam.numerics.pixels_per_period,
            dict(cell),
            cell_error(platform, beam, cell),
        )
        for beam in light
        for cell in cells
    ]


def cell_error(platform: Platform, beam: Beam, parameters: Parameters) -> float:
    """Relative error of Meep against RCWA for one periodic cell."""
    cell = unit_cell(platform, beam.wavelength, parameters)
    return relative_error(cell_field(cell, beam.light, beam.numerics), rcwa_field(cell, beam.light))


def unit_cell(platform: Platform, wavelength: float, parameters: Parameters) -> Cell:
    """The cell of a platform whose pillars all have the same parameters.

    Raises:
        InputError: parameters that no pillar can have.
    """
    return platform_cell(platform, platform.atom.named_shape(**parameters), as_real(wavelength))


def rcwa_field(cell: Cell, light: Illumination) -> NDArray[np.complex128]:
    """[nx, ny, 3] near field of a periodic cell from RCWA, as :func:`metagen.fdtd.periodic.cell_field`."""
    height = monitor_height(float(cell.height), light.wavelength)
    field: NDArray[np.complex128] = solve_cell(cell, light, given_tensors=False).near_field(height)
    return field


def validation_table(errors: Sequence[CellError]) -> Table:
    """A table of the errors of Meep against RCWA on periodic cells."""
    names = list(errors[0].parameters) if errors else []
    return Table(
        "Meep against RCWA on periodic cells",
        ("wavelength (µm)", "light", "pixels per period", *names, "relative error"),
        tuple(
            (
                f"{each.wavelength:g}",
                each.light,
                f"{each.pixels_per_period}",
                *(f"{each.parameters[name]:.4g}" for name in names),
                number(each.relative_error),
            )
            for each in errors
        ),
        "‖E − E_RCWA‖² / ‖E_RCWA‖² of (Ex, Ey, Ez) half a wavelength above the pillars, with nothing fitted. "
        "Lengths in µm, angles in radians. Where this is more than you allow: more pixels per period, or the "
        "numerics that `metagen calibrate` finds for an error target.",
    )
