"""Examples for descent: cells, or whole blocks of cells, with their coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from metagen.data.dataset import Dataset
from metagen.surrogate.blocks import cut_out
from metagen.surrogate.expansion import ExpansionSurrogate, SymmetricSurrogate
from metagen.surrogate.lattice import neighbourhoods
from metagen.surrogate.pillars import pillars_of


@dataclass(frozen=True)
class Examples:
    """M blocks of A × B cells (single cells for most models) to learn from.

    Attributes:
        surrounded: [M, A + 2w, B + 2w, K] packed pillars of the blocks and of the margin that the model
            needs.
        coefficients: [M, A, B, rank] coefficients of the modes that the model should predict.
        counts: [M, A, B] how many times each cell counts.
        power: mean power of the field over a cell, which errors are relative to.
    """

    surrounded: Tensor
    coefficients: Tensor
    counts: Tensor
    power: float

    @classmethod
    def of(cls, model: ExpansionSurrogate, dataset: Dataset) -> Examples:
        """The cells of a dataset that are not mirror images of others, as the model learns from them."""
        if model.learns_from_blocks:
            return cls.blocks(model, dataset, model.width // 2)
        dataset, coefficients, weights, power = _targets(model, dataset)
        around = _neighbourhoods(dataset, model.width, torch.float32)
        return cls(
            torch.unflatten(around, -2, (model.width, model.width)),
            coefficients[:, None, None],
            weights[:, None, None],
            power,
        )

    @classmethod
    def blocks(cls, model: ExpansionSurrogate, dataset: Dataset, margin: int) -> Examples:
        """For every layout, the smallest block that holds all its cells, filled up so that all have one size.

        Cells that fill a block up have no pillars and count zero times.
        """
        dataset, coefficients, counts, power = _targets(model, dataset)
        ends = np.cumsum([0, *(int(mask.sum()) for mask in dataset.cells)])
        parts = []
        for layout, mask, (start, end) in zip(dataset.layouts, dataset.cells, pairwise(ends), strict=True):
            if start == end:
                continue
            along, across = _box(mask.any(1)), _box(mask.any(0))
            inside = torch.from_numpy(mask[along, across])
            wanted = coefficients.new_zeros(*inside.shape, coefficients.shape[-1])
            weights = counts.new_zeros(inside.shape)
            wanted[inside], weights[inside] = coefficients[start:end], counts[start:end]
            pillars = pillars_of(layout, torch.float32)
            parts.append((cut_out(pillars, along, across, margin), wanted, weights))
        rows, columns = (max(part[2].shape[axis] for part in parts) for axis in (0, 1))
        filled = [_filled(part, rows, columns) for part in parts]
        surrounded, wanted, weights = (torch.stack(each) for each in zip(*filled, strict=True))
        return cls(surrounded, wanted, weights, power)

    def __len__(self) -> int:
        return len(self.surrounded)

    def __getitem__(self, index: Tensor) -> Examples:
        return Examples(self.surrounded[index], self.coefficients[index], self.counts[index], self.power)

    @property
    def cells(self) -> int:
        """Number of cells in one block."""
        return self.counts[0].numel()

    def loss(self, model: ExpansionSurrogate) -> Tensor:
        """Relative error (squared) of the coefficients that the model predicts."""
        difference = torch.view_as_real(model.block(self.surrounded) - self.coefficients)
        squares = difference.square().sum((-2, -1)) * self.counts
        return squares.sum() / (self.counts.sum() * self.power)


def neighbourhoods_and_fields(model: ExpansionSurrogate, dataset: Dataset) -> tuple[Tensor, Tensor]:
    """[M, width², K] packed pillars around every cell and [M, n·m·C] fields over it, in double precision."""
    patches = torch.from_numpy(dataset.patches(model.domain.components))
    return _neighbourhoods(dataset, model.width, torch.float64), patches.to(torch.complex128)


def _neighbourhoods(dataset: Dataset, width: int, dtype: torch.dtype) -> Tensor:
    """[M, width², K] packed pillars around every cell of a dataset."""
    pairs = zip(dataset.layouts, dataset.cells, strict=True)
    return torch.cat(
        [neighbourhoods(pillars_of(layout, dtype), width)[torch.from_numpy(mask)] for layout, mask in pairs]
    )


def _targets(model: ExpansionSurrogate, dataset: Dataset) -> tuple[Dataset, Tensor, Tensor, float]:
    """The cells to learn from, their coefficients [M, rank], how often they count [M], their mean power."""
    weights = torch.ones(dataset.size)
    if isinstance(model, SymmetricSurrogate):
        dataset, counts = dataset.distinct()
        weights = torch.from_numpy(counts).float()
    patches = torch.from_numpy(dataset.patches(model.domain.components))
    power = float((patches.abs().square().sum(-1) * weights).sum() / weights.sum())
    return dataset, model.basis.project(patches), weights, power


def _box(occupied: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> slice:
    found = np.flatnonzero(occupied)
    return slice(int(found[0]), int(found[-1]) + 1)


def _filled(part: tuple[Tensor, Tensor, Tensor], rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor]:
    surrounded, wanted, weights = part
    below, beside = rows - weights.shape[0], columns - weights.shape[1]
    return (
        pad(surrounded, (0, 0, 0, beside, 0, below)),
        pad(wanted, (0, 0, 0, beside, 0, below)),
        pad(weights, (0, beside, 0, below)),
    )
