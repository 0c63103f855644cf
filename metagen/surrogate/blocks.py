"""Functions on a lattice, evaluated block by block so that memory stays bounded."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial, reduce
from typing import NamedTuple, ParamSpec

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

Arguments = ParamSpec("Arguments")

PARALLEL = 8
"""On an accelerator, blocks are this many times as long and wide, as it needs many cells to be busy."""


class Tile(NamedTuple):
    """A rectangular part of a field [..., C, X, Y]: ``whole[..., x, y]`` is ``field``.

    Attributes:
        x: slice of the samples along the first axis.
        y: slice of the samples along the second axis.
        field: the complex field of the tile.
    """

    x: slice
    y: slice
    field: Tensor


def slices(length: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that together cover ``length``."""
    return (slice(start, min(start + size, length)) for start in range(0, length, size))


def in_blocks(function: Callable[[Tensor], Tensor], surrounded: Tensor, margin: int, side: int) -> Tensor:
    """Evaluate a function on a lattice, block by block if the lattice is large.

    For the gradient every block is evaluated again, so that only the results are kept.

    Args:
        function: function from [D, a + 2·margin, b + 2·margin, K] pillars to [D, a, b, L] values.
        surrounded: [..., A + 2·margin, B + 2·margin, K] pillars, with the margin.
        margin: how many sites around a block its values depend on.
        side: largest number of sites along one side of a block.

    Returns:
        [..., A, B, L] values.
    """
    side = _side(side, surrounded.device)
    devices = surrounded.reshape(-1, *surrounded.shape[-3:])
    rows, columns = (length - 2 * margin for length in devices.shape[1:3])
    together = max(1, side * side // (min(rows, side) * min(columns, side)))
    if rows <= side and columns <= side and len(devices) <= together:
        values = function(devices)
    else:
        values = _joined(_saving(function), devices, margin, together, side)
    return values.reshape(*surrounded.shape[:-3], *values.shape[1:])


def sum_of_blocks(
    function: Callable[[Tensor, slice, slice], Tensor], surrounded: Tensor, margin: int, side: int
) -> Tensor:
    """Sum a function over the blocks of a lattice; its values are not kept, not even for the gradient.

    Args:
        function: function of the [D, a + 2·margin, b + 2·margin, K] pillars of a block, its rows and its
            columns.
        surrounded, margin, side: see :func:`in_blocks`.
    """
    side = _side(side, surrounded.device)
    devices = surrounded.reshape(-1, *surrounded.shape[-3:])
    rows, columns = (slices(length - 2 * margin, side) for length in devices.shape[1:3])
    evaluate = _saving(function)
    values = (
        evaluate(devices[:, with_margin(along, margin), with_margin(across, margin)], along, across)
        for along, across in itertools.product(rows, columns)
    )
    return reduce(torch.add, values)


def cut_out(cells: Tensor, along: slice, across: slice, margin: int) -> Tensor:
    """[..., a + 2·margin, b + 2·margin, K] some cells of [..., Nx, Ny, K], and a margin around them.

    Outside the array there are zeros.
    """
    limits = [
        (some.start - margin, some.stop + margin, count)
        for some, count in zip((along, across), cells.shape[-3:-1], strict=True)
    ]
    rows, columns = (slice(max(low, 0), min(high, count)) for low, high, count in limits)
    above, beside = ((max(-low, 0), max(high - count, 0)) for low, high, count in limits)
    return torch.nn.functional.pad(cells[..., rows, columns, :], (0, 0, *beside, *above))


def with_margin(cells: slice, margin: int) -> slice:
    """The sites that the values of some cells depend on, counted from the start of the margin."""
    return slice(cells.start, cells.stop + 2 * margin)


def _joined(
    function: Callable[[Tensor], Tensor], devices: Tensor, margin: int, together: int, side: int
) -> Tensor:
    """Values of all devices, by blocks of at most ``together`` devices and ``side`` × ``side`` cells."""
    columns = devices.shape[2] - 2 * margin
    rows = devices.shape[1] - 2 * margin

    def strip(part: Tensor, along: slice) -> Tensor:
        sites = part[:, with_margin(along, margin)]
        blocks = [function(sites[:, :, with_margin(across, margin)]) for across in slices(columns, side)]
        return torch.cat(blocks, dim=2)

    parts = [
        torch.cat([strip(part, along) for along in slices(rows, side)], dim=1)
        for part in torch.split(devices, together)
    ]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _side(side: int, device: torch.device) -> int:
    return side if device.type == "cpu" else side * PARALLEL


def _saving(function: Callable[Arguments, Tensor]) -> Callable[Arguments, Tensor]:
    """The same function, but only its argument is kept for the gradient."""
    if not torch.is_grad_enabled():
        return function
    kept: Callable[Arguments, Tensor] = partial(
        checkpoint, function, use_reentrant=False, preserve_rng_state=False
    )
    return kept
