"""What a design asks of a model: protocols, so that one's own models serve as well as ours."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from metagen.surrogate.prediction import Model as Model


@runtime_checkable
class Confident(Protocol):
    """A model that knows how wrong it may be."""

    def expected_error(self, radii: Tensor) -> Tensor:
        """[..., N, N] expected squared error of the near field over each cell, relative to the mean power of
        a cell, differentiable."""
