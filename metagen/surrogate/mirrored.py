"""Convolutions over the lattice that respect its mirrors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from metagen.device.symmetry import Symmetry
from metagen.surrogate.lattice import flipped_axes


def convolve(
    maps: Tensor, weights: Tensor, before: Tensor, after: Tensor, mirrors: Sequence[Symmetry]
) -> Tensor:
    """Convolve maps of parities ``before`` into maps of parities ``after``.

    The weights are averaged over the mirrors, with the signs that the parities demand, and multiplied by
    :func:`closeness`, so that one step size suits all of them.

    Args:
        maps: [D, I, A + w − 1, B + w − 1] maps.
        weights: [O, I, w, w] weights of the kernels.
        before: [I, M] factors of the maps under the mirrors; 1 for maps that are even in every mirror.
        after: [O, M] factors of the results under the mirrors.
        mirrors: the mirrors.

    Returns:
        [D, O, A, B] maps.
    """
    weights = weights.to(maps.dtype)
    kernel = torch.zeros_like(weights)
    for number, mirror in enumerate(mirrors):
        sign = (after[:, number, None] * before[None, :, number]).to(weights.dtype)
        axes = [axis - 2 for axis in flipped_axes(mirror)]
        kernel = kernel + weights.flip(axes) * (sign / len(mirrors))[..., None, None]
    kernel = kernel * closeness(weights.shape[-1]).to(kernel)
    return conv2d(
        maps.contiguous(memory_format=torch.channels_last),
        kernel.contiguous(memory_format=torch.channels_last),
    )


def closeness(width: int) -> Tensor:
    """[width, width] factors of weights: 1 in the middle, smaller with distance."""
    steps = torch.arange(width) - width // 2
    return 1 / (1 + torch.hypot(steps[:, None].float(), steps[None, :].float()))


def cropped(maps: Tensor, like: Tensor) -> Tensor:
    """The middle part of maps [..., A, B], of the size of ``like``."""
    rows, columns = ((a - b) // 2 for a, b in zip(maps.shape[-2:], like.shape[-2:], strict=True))
    return maps[..., rows : maps.shape[-2] - rows, columns : maps.shape[-1] - columns]
