"""One parameter of a grid of cells, sampled ever finer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.rcwa.axes import Axis


@dataclass(frozen=True)
class GridAxis:
    """A parameter, and the functions of it that join as many samples.

    Attributes:
        axis: the parameter.
        level: how finely it is sampled: 2^level + 1 lengths, 2^level angles; a choice has all its values.
    """

    axis: Axis
    level: int

    @property
    def count(self) -> int:
        """How many samples there are."""
        if self.axis.is_choice:
            return self.axis.choices
        return int(2**self.level) + (self.axis.period is None)

    @property
    def nodes(self) -> NDArray[np.float64]:
        """[count] where the samples are."""
        axis, number = self.axis, np.arange(self.count)
        low, high = axis.parameter.low, axis.parameter.high
        if axis.is_choice:
            return low + number
        if axis.period is not None:
            return low + axis.period * number / len(number)
        return np.asarray((low + high) / 2 - (high - low) / 2 * np.cos(np.pi * number / 2**self.level))

    def functions(self, x: Tensor) -> Tensor:
        """[..., count] the functions that join the samples, at values [...]."""
        degree = 2**self.level if self.axis.period is None else 2 ** (self.level - 1)
        return self.axis.functions(x, degree)[..., : self.count]

    def to_factors(self) -> NDArray[np.float64]:
        """[count, count] from the samples to the factors of the functions."""
        return np.asarray(np.linalg.inv(self.functions(torch.from_numpy(self.nodes)).numpy()))
