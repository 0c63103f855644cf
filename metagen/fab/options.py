"""What a layout file looks like: layers, grids, process bias, tone and the marks around the device."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from metagen.base.errors import InputError
from metagen.base.validation import FromToml, Positive, checked, in_radians

LayerNumber = Annotated[int, Field(ge=0, le=32767)]
Layer = tuple[LayerNumber, LayerNumber]
"""Layer and datatype."""
BiasTable = Annotated[tuple[tuple[float, float], ...], Field(min_length=2, max_length=12)]
"""(radius, bias) pairs; at most twelve, as the label that records them is a GDS string."""
CIRCLE_GRID = 1e-3
"""Step of the radii of circles where no grid is given."""
SAME_ANGLE = 1e-9
"""Radians."""


class Tone(StrEnum):
    """What the polygons on the pillar layer are."""

    PILLARS = "pillars"
    """The pillars."""
    HOLES = "holes"
    """Everything in the aperture that is not a pillar (inverted tone)."""


@checked
class LayoutFileOptions(FromToml):
    """How a layout is drawn; lengths in micrometres.

    In a file, the step of angles may be given in degrees, as ``angle_grid_deg``.

    Attributes:
        pillar_layer: layer and datatype of the device itself.
        mark_layer: layer and datatype of datum marks and engraved text.
        outline_layer: layer and datatype of the aperture outline.
        label_layer: layer and text type of the label that says what the file is.
        grid: step to which lengths are rounded; each distinct rounded shape becomes one cell. None, the
            default, is 1 nm for circles and, for other shapes, two database units: the narrow sides of fins
            would lose up to 1 % of the area on a grid of 1 nm.
        angle_grid: step to which angles are rounded, in radians; a quarter turn is a whole number of steps.
            The default, 0.01°, moves a corner that is 0.2 µm from the site by at most 0.02 nm.
        polygon_tolerance: largest distance between a polygon and its circle, or another curved outline.
        database_unit: smallest step of a coordinate. The default, 0.01 nm, holds the positions of the paper's
            lattice exactly, keeps the area of the smallest pillar true to 1e-4 and reaches ±21 mm.
        bias: by how much walls are moved outwards to make up for what the process takes off: drawn radius =
            radius + bias, drawn length = length + 2·bias. A number or, for circles, (radius, bias) pairs,
            interpolated linearly and held beyond the ends.
        tone: whether the pillars or the space between them are drawn; the latter for circles on a square
            lattice only.
        outline: whether to draw the aperture outline.
        mark_size: length of the four datum crosses beyond the corners of the aperture; 0 draws none.
        text: text engraved below the aperture; empty for none.
        text_height: height of the engraved text.
    """

    pillar_layer: Layer = (1, 0)
    mark_layer: Layer = (2, 0)
    outline_layer: Layer = (10, 0)
    label_layer: Layer = (63, 0)
    grid: Positive | None = None
    angle_grid: Positive = math.radians(0.01)
    polygon_tolerance: Positive = 1e-4
    database_unit: Positive = 1e-5
    bias: float | BiasTable = 0.0
    tone: Tone = Tone.PILLARS
    outline: bool = True
    mark_size: Annotated[float, Field(ge=0)] = 5.0
    text: Annotated[str, Field(max_length=1000)] = ""
    text_height: Positive = 5.0

    @model_validator(mode="before")
    @classmethod
    def _angles(cls, given: Any) -> Any:
        return in_radians(given, "angle_grid") if isinstance(given, dict) else given

    def __post_init__(self) -> None:
        check_angle_grid(self.angle_grid)
        if self.pillar_layer in (self.mark_layer, self.outline_layer):
            raise InputError(
                f"pillar_layer is {self.pillar_layer}, as are the marks or the outline; give the pillars a "
                "layer of their own, or the file cannot be read back"
            )
        grid = CIRCLE_GRID if self.grid is None else self.grid
        if self.database_unit > grid:
            raise InputError(
                f"database_unit is {self.database_unit:g}, larger than grid {grid:g}; lengths that "
                "differ by one step would look alike; use a finer database_unit"
            )
        if not isinstance(self.bias, float):
            check_bias_table(np.array(self.bias))

    @property
    def edge_bias(self) -> float:
        """The bias of shapes that are no circles.

        Raises:
            InputError: it is a table, which says the bias by the radius.
        """
        if not isinstance(self.bias, float):
            raise InputError(
                f"bias is {self.bias}, by the radius; pillars that are no circles take one number"
            )
        return self.bias


def check_angle_grid(step: float) -> None:
    """Refuse a step of angles that does not divide a quarter turn: shapes that repeat after one would not."""
    count = round(math.pi / 2 / step)
    if count < 1 or abs(count * step - math.pi / 2) > SAME_ANGLE:
        raise InputError(
            f"angle_grid is {step:g} rad; a quarter turn must be a whole number of steps: give π/2 over a "
            "whole number, or angle_grid_deg = 0.01 in a file"
        )


def check_bias_table(table: NDArray[np.float64]) -> None:
    """Refuse a table whose drawn radii do not grow with the radius: it could not be undone when reading."""
    radii, drawn = table[:, 0], table.sum(axis=1)
    if not (np.all(np.diff(radii) > 0) and np.all(np.diff(drawn) > 0)):
        raise InputError(
            f"bias is {table.tolist()}; the radii, and the radii plus their bias, must both be increasing"
        )


DEFAULTS = LayoutFileOptions()


def drawn_radii(radii: NDArray[np.float64], bias: float | BiasTable) -> NDArray[np.float64]:
    """Return the radii to draw for pillars of these radii; 0 (no pillar) stays 0."""
    if isinstance(bias, float):
        return np.where(radii > 0, radii + bias, 0.0)
    table = np.array(bias)
    return np.where(radii > 0, radii + np.interp(radii, table[:, 0], table[:, 1]), 0.0)


def designed_radii(drawn: NDArray[np.float64], bias: float | BiasTable) -> NDArray[np.float64]:
    """Return the radii of pillars that are drawn with these radii: the inverse of :func:`drawn_radii`."""
    if isinstance(bias, float):
        return np.where(drawn > 0, drawn - bias, 0.0)
    table = np.array(bias)
    return np.where(drawn > 0, drawn - np.interp(drawn, table.sum(axis=1), table[:, 1]), 0.0)
