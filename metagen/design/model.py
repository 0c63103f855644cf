"""What a design asks of a model: protocols, so that one's own models serve as well as ours."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from metagen.surrogate import Domain


class Model(Protocol):
    """What can be designed with: any model of :mod:`metagen.surrogate`, or one's own with these two."""

    @property
    def domain(self) -> Domain:
        """What the model predicts, and for which radii."""

    def __call__(self, radii: Tensor) -> Tensor:
        """[..., N·n, N·n] complex Ex, or [..., N·n, N·n, 3] where the domain has three components, on the
        monitor plane of devices of [..., N, N] radii; the design itself passes one device at a time."""


@runtime_checkable
class Confident(Protocol):
    """A model that knows how wrong it may be."""

    def expected_error(self, radii: Tensor) -> Tensor:
        """[..., N, N] expected squared error of the near field over each cell, relative to the mean power of
        a cell, differentiable."""
