"""What every shape can say about itself."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.arguments import brief, positive
from metagen.base.errors import InputError
from metagen.base.tensors import Real, as_real
from metagen.base.validation import WHOLE_TURN, check_angle
from metagen.device.symmetry import Symmetry

SAME = 1e-9
"""Distances below this share of a shape's reach are none: two shapes that close are the same."""


class Shape(Protocol):
    """A cross-section, or a batch of them [...], as functions of parameters with gradients.

    Points (x, y) and wave vectors (kx, ky) are numbers, arrays or tensors that broadcast together; results
    have the axes of the batch first ("..."), then those of the points or of the wave vectors.
    """

    @property
    def area(self) -> Tensor:
        """[...] area."""

    @property
    def reach(self) -> Tensor:
        """[...] radius of a circle about the origin that holds the shape; the smallest one, if the shape is a
        polygon or is centred on the origin."""

    @property
    def symmetry(self) -> Symmetry:
        """The mirrors and turns about the origin that leave the shape (all of the batch) as it is."""

    def fourier(self, kx: Real, ky: Real) -> Tensor:
        """[..., k] Fourier integral of exp(−i(kx·x + ky·y)) over the shape, complex; its area at k = 0.

        Exact to about 1e-15 of the area of the circle that encloses the shape, and differentiable in the
        parameters and in k, at k = 0 and at k along an edge too.
        """

    def contains(self, x: Real, y: Real) -> Tensor:
        """[..., points] whether a point lies inside, boolean."""

    def distance(self, x: Real, y: Real) -> Tensor:
        """[..., points] distance from the boundary, negative inside.

        Exact for polygons and circles; for other ellipses to first order, close to the boundary.
        """

    def normal(self, x: Real, y: Real) -> tuple[Tensor, Tensor]:
        """[..., points] components (nx, ny) of the outward unit normal, extended from the boundary to the
        plane; (0, 0) at the centre of an ellipse, where no direction is preferred."""

    def support(self, x: Real, y: Real) -> Tensor:
        """[..., directions] how far it reaches from the origin in a direction (x, y) of length 1."""

    def outline(self, tolerance: float) -> tuple[NDArray[np.float64], ...]:
        """Polygons [..., V, 2] that have the area of the shape and stay within a distance of its boundary.

        Solid ones run counterclockwise and holes clockwise, so that their signed areas add up to the area.
        Those of a batch have as many corners as its largest shape needs.

        Raises:
            InputError: the tolerance is not positive.
        """


def spread(values: Tensor, axes: int) -> Tensor:
    """[..., 1, …, 1] values with more axes at the end, to broadcast with points or wave vectors."""
    return values.reshape((*values.shape, *([1] * axes)))


def broadcast(*values: Real) -> tuple[Tensor, ...]:
    """Values as tensors of one shape."""
    tensors = [as_real(value) for value in values]
    return tuple(torch.broadcast_tensors(*tensors))  # type: ignore[no-untyped-call]


def check_shape(name: str, value: object) -> None:
    """Refuse what is no shape.

    Raises:
        InputError: it has no Fourier transform.
    """
    if not hasattr(value, "fourier"):
        raise InputError(
            f"{name} is {brief(value)}; it must be a shape: an Ellipse, a Polygon or a Difference of "
            "metagen.device.shapes, or what named_shape(...) of a meta-atom gives"
        )


def check_turn(angle: Tensor) -> None:
    """Refuse angles [...] that must be in degrees: beyond two whole turns, which no sum of two angles is.

    Raises:
        InputError: there is one.
    """
    largest = float(angle.detach().abs().max()) if angle.numel() else 0.0
    if largest > 2 * WHOLE_TURN:
        check_angle("angle", largest)


def check_outline(tolerance: float) -> None:
    """Refuse outlines that cannot be drawn.

    Raises:
        InputError: the tolerance is not positive.
    """
    positive("tolerance", tolerance, "(1e-3 micrometres is usual)")
