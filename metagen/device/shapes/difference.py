"""A shape with a hole in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.tensors import Real
from metagen.device.shapes.shape import Shape, check_shape
from metagen.device.symmetry import Symmetry


@dataclass(frozen=True, eq=False)
class Difference:
    """What is left of one shape without another that lies within it, see :class:`Shape`.

    Attributes:
        outer: the shape.
        inner: the hole, inside ``outer``. Batches broadcast together.

    Raises:
        InputError: one of them is no shape.
    """

    outer: Shape
    inner: Shape

    def __post_init__(self) -> None:
        check_shape("outer", self.outer)
        check_shape("inner", self.inner)

    @property
    def area(self) -> Tensor:
        """Area of the shape less that of the hole."""
        return self.outer.area - self.inner.area

    @property
    def reach(self) -> Tensor:
        """Reach of the shape; a hole does not change it."""
        return self.outer.reach

    @property
    def symmetry(self) -> Symmetry:
        """The mirrors and turns that shape and hole have in common."""
        return self.outer.symmetry & self.inner.symmetry

    def fourier(self, kx: Real, ky: Real) -> Tensor:
        """Fourier integral of the shape less that of the hole."""
        return self.outer.fourier(kx, ky) - self.inner.fourier(kx, ky)

    def contains(self, x: Real, y: Real) -> Tensor:
        """Whether a point lies inside, and not in the hole."""
        return self.outer.contains(x, y) & ~self.inner.contains(x, y)

    def distance(self, x: Real, y: Real) -> Tensor:
        """Distance from the nearer of the two boundaries."""
        return torch.maximum(self.outer.distance(x, y), -self.inner.distance(x, y))

    def normal(self, x: Real, y: Real) -> tuple[Tensor, Tensor]:
        """Normal of the nearer boundary; at the hole it points into the hole."""
        near = self.outer.distance(x, y).abs() <= self.inner.distance(x, y).abs()
        outer, inner = self.outer.normal(x, y), self.inner.normal(x, y)
        return torch.where(near, outer[0], -inner[0]), torch.where(near, outer[1], -inner[1])

    def support(self, x: Real, y: Real) -> Tensor:
        """Support of the shape; a hole does not change it."""
        return self.outer.support(x, y)

    def outline(self, tolerance: float) -> tuple[NDArray[np.float64], ...]:
        """The outline of the shape, then that of the hole, clockwise."""
        batch = np.broadcast_shapes(self.outer.area.shape, self.inner.area.shape)
        holes = (polygon[..., ::-1, :] for polygon in self.inner.outline(tolerance))
        polygons = (*self.outer.outline(tolerance), *holes)
        return tuple(np.broadcast_to(polygon, (*batch, *polygon.shape[-2:])) for polygon in polygons)
