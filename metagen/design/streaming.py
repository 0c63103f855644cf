"""Light at points behind devices of which not even the coefficients of all cells should be in memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metagen.propagation import PointPropagator
from metagen.surrogate import ExpansionSurrogate
from metagen.surrogate.blocks import sum_of_blocks

LARGE = 1 << 18
"""Devices with more cells are worth it: 34 MB of coefficients of 16 modes, several times with gradients."""


def streamed(model: ExpansionSurrogate, surrounded: Tensor, propagators: Sequence[PointPropagator]) -> Tensor:
    """Add up what the cells contribute at points, block by block; for the gradient every block is made again.

    Args:
        model: from radii to coefficients.
        surrounded: [..., A + 2m, B + 2m] radii of the cells and of the margin of the model around them.
        propagators: one per component, for [A, B] cells.

    Returns:
        [..., C, P] complex fields.
    """

    def contribution(block: Tensor, rows: slice, columns: slice) -> Tensor:
        coefficients = model.block(block)
        return torch.stack([each.part(rows, columns)(coefficients) for each in propagators], -2)

    fields = sum_of_blocks(contribution, surrounded, model.width // 2, model.block_side)
    return fields.reshape(*surrounded.shape[:-2], *fields.shape[-2:])
