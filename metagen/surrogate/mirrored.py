"""Convolutions over the lattice that respect its mirrors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from metagen.surrogate.lattice import MIRRORS


def spread(maps: Tensor, weights: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Convolve maps of parities ``before`` into maps of parities ``after``.

    The weights are averaged over the mirrors with the sign that the parities demand, and count less with
    distance, so that one step size suits them all.

    Args:
        maps: [D, I, A + w − 1, B + w − 1].
        weights: [O, I, w, w].
        before: [I, 4] factors of the maps under the mirrors; 1 for what no mirror changes.
        after: [O, 4] factors of the results.

    Returns:
        [D, O, A, B].
    """
    weights = weights.to(maps.dtype)
    kernel = torch.zeros_like(weights)
    for number, mirror in enumerate(MIRRORS):
        sign = (after[:, number, None] * before[None, :, number]).to(weights.dtype)
        axes = [axis for axis, factor in zip((-2, -1), mirror, strict=True) if factor < 0]
        kernel = kernel + weights.flip(axes) * (sign / len(MIRRORS))[..., None, None]
    kernel = kernel * closeness(weights.shape[-1]).to(kernel)
    return conv2d(
        maps.contiguous(memory_format=torch.channels_last),
        kernel.contiguous(memory_format=torch.channels_last),
    )


def closeness(width: int) -> Tensor:
    """[width, width] what a weight counts: 1 in the middle, less with distance."""
    steps = torch.arange(width) - width // 2
    return 1 / (1 + torch.hypot(steps[:, None].float(), steps[None, :].float()))


def unchanged(count: int, like: Tensor) -> Tensor:
    """[count, 4] factors of what no mirror changes."""
    return like.new_ones(count, len(MIRRORS))


def cropped(maps: Tensor, like: Tensor) -> Tensor:
    """The middle of maps [..., A, B], as large as ``like``."""
    rows, columns = ((a - b) // 2 for a, b in zip(maps.shape[-2:], like.shape[-2:], strict=True))
    return maps[..., rows : maps.shape[-2] - rows, columns : maps.shape[-1] - columns]
