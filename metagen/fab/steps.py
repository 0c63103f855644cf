"""Parameters of pillars in whole steps of a file's grids, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from metagen.base.contents import content_hash
from metagen.base.errors import InputError
from metagen.device.atoms import Atom, Kind, Parameter
from metagen.device.layout import DIGITS, Layout, on_grid
from metagen.fab.options import CIRCLE_GRID, DEFAULTS, LayoutFileOptions

ROUNDING = 1e-12
"""Relative margin on lengths, for what sums and products of floats add to them."""
SLACK = 1e-9
"""Values this far outside the limits, in micrometres or radians, are taken for the limits."""

Steps = NDArray[np.int32]
"""[Nx, Ny, S, P] parameters in whole steps, 0 without a pillar."""


@dataclass(frozen=True)
class Grids:
    """The steps to which a file rounds parameters.

    Attributes:
        length: of lengths, in micrometres.
        angle: of angles, in radians; a quarter turn is a whole number of them.
    """

    length: float
    angle: float

    @classmethod
    def of(cls, options: LayoutFileOptions, atom: Atom) -> Self:
        """Those of a file with these options; without a grid among them, see there."""
        if options.grid is not None:
            return cls(options.grid, options.angle_grid)
        finest = 2 * options.database_unit
        return cls(CIRCLE_GRID if is_circle(atom) else finest, options.angle_grid)


def is_circle(atom: Atom) -> bool:
    """Whether a free radius is all that the pillars have: they are drawn, and read, as circles."""
    return atom.growth.keys() == {"radius"} == {parameter.name for parameter in atom.parameters}


def turned_by(atom: Atom) -> int | None:
    """Which free parameter is the angle by which the pillars are turned; None if they are not."""
    return next((i for i, each in enumerate(atom.parameters) if each.kind is Kind.ANGLE), None)


def whole_turn(atom: Atom, grids: Grids) -> int:
    """How many steps of the angle turn a shape into itself; 1 if the pillars are not turned."""
    return 1 if turned_by(atom) is None else round(atom.period / grids.angle)


def in_steps(layout: Layout, grids: Grids) -> Steps:
    """Round the parameters of a layout to whole steps, without leaving the limits of the platform.

    Angles are brought into one period of the shape, from the lower limit on. A circle up to half the distance
    of neighbours is not rounded beyond it.

    Raises:
        InputError: a pillar would vanish.
    """
    atom = layout.platform.atom
    steps = np.empty(layout.values.shape, dtype=np.int32)
    for i, parameter in enumerate(atom.parameters):
        column = layout.values[..., i]
        if parameter.kind is Kind.CHOICE:
            steps[..., i] = np.rint(column)
        elif parameter.kind is Kind.ANGLE:
            steps[..., i] = _angle_steps(column, parameter, whole_turn(atom, grids), grids.angle)
        elif is_circle(atom):
            touching = np.floor(layout.platform.lattice.spacing / 2 / grids.length * (1 + ROUNDING))
            steps[..., i] = np.minimum(np.rint(column / grids.length), touching)
        else:
            steps[..., i] = _length_steps(column, parameter, grids.length)
        if parameter.kind is Kind.LENGTH:
            _check_kept(steps[..., i], column, parameter, grids.length)
    steps[~layout.present] = 0
    return steps


def steps_of_values(
    values: NDArray[np.float64], present: NDArray[np.bool_], atom: Atom, grids: Grids
) -> Steps:
    """Round values [Nx, Ny, S, P] that were read to whole steps, angles within one period."""
    steps = np.empty(values.shape, dtype=np.int32)
    for i, parameter in enumerate(atom.parameters):
        match parameter.kind:
            case Kind.CHOICE:
                steps[..., i] = np.rint(values[..., i])
            case Kind.ANGLE:
                turn = whole_turn(atom, grids)
                steps[..., i] = reduced(values[..., i], parameter, turn, grids.angle)
            case Kind.LENGTH:
                steps[..., i] = np.rint(values[..., i] / grids.length)
    steps[~present] = 0
    return steps


def at_steps(steps: Steps, atom: Atom, grids: Grids) -> NDArray[np.float64]:
    """[..., P] the parameters of whole steps [..., P], always as the same floats."""
    values = np.empty(steps.shape)
    for i, parameter in enumerate(atom.parameters):
        match parameter.kind:
            case Kind.CHOICE:
                values[..., i] = steps[..., i]
            case Kind.ANGLE:
                values[..., i] = np.round(steps[..., i] * grids.angle, DIGITS)
            case Kind.LENGTH:
                values[..., i] = on_grid(steps[..., i] * grids.length, grids.length)
    return values


def rounded(layout: Layout, options: LayoutFileOptions = DEFAULTS) -> Layout:
    """The layout that a file with these options holds, and that reading it gives.

    Raises:
        InputError: a pillar would vanish.
    """
    grids = Grids.of(options, layout.platform.atom)
    values = at_steps(in_steps(layout, grids), layout.platform.atom, grids)
    return layout.with_values(values, present=layout.present)


def steps_hash(steps: Steps, present: NDArray[np.bool_], atom: Atom) -> str:
    """Hash pillars in whole steps; returns sixteen hexadecimal digits.

    Circles with one site per cell are hashed as in earlier releases: by their radii [Nx, Ny].
    """
    if is_circle(atom) and steps.shape[2:] == (1, 1):
        return content_hash(steps[:, :, 0, 0].astype("<i4"))[:16]
    return content_hash(steps.astype("<i4"), present)[:16]


def reduced(angle: NDArray[np.float64], parameter: Parameter, turn: int, grid: float) -> NDArray[np.float64]:
    """Angles in whole steps, as floats, within one period from the lower limit on."""
    low = math.ceil((parameter.low - SLACK) / grid)
    return np.asarray(low + (np.rint(angle / grid) - low) % turn)


def _angle_steps(
    angle: NDArray[np.float64], parameter: Parameter, turn: int, grid: float
) -> NDArray[np.float64]:
    """Angles a little outside of a range that ends before the shape repeats are brought back into it."""
    steps = reduced(angle, parameter, turn, grid)
    below = steps - turn
    low, high = math.ceil((parameter.low - SLACK) / grid), math.floor((parameter.high + SLACK) / grid)
    steps = np.where((below == low - 1) & (high < low + turn - 1), low, steps)
    return np.where((steps == high + 1) & (high < low + turn - 1), high, steps)


def _length_steps(lengths: NDArray[np.float64], parameter: Parameter, grid: float) -> NDArray[np.float64]:
    """Lengths within the limits are rounded to steps that are within them too."""
    low, high = math.ceil((parameter.low - SLACK) / grid), math.floor((parameter.high + SLACK) / grid)
    inside = (lengths >= parameter.low - SLACK) & (lengths <= parameter.high + SLACK)
    steps = np.rint(lengths / grid)
    return np.where(inside & (low <= high), np.clip(steps, low, high), steps)


def _check_kept(steps: Steps, column: NDArray[np.float64], parameter: Parameter, grid: float) -> None:
    lost = (steps == 0) & (column > 0)
    if lost.any():
        raise InputError(
            f"grid is {grid:g}: the pillar of {parameter.name} {column[lost][0]:g} would vanish; use a "
            f"finer grid, or {parameter.name} 0 for a site without a pillar"
        )
