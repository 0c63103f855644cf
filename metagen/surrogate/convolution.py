"""One-pillar and two-pillar terms of all cells of a lattice at once, by convolutions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, fold
from torch.nn.grad import conv2d_weight

from metagen.surrogate.domain import Domain
from metagen.surrogate.pillars import feature_maps
from metagen.surrogate.terms import ClusterTerms, Reach

Step = tuple[int, int, int, int]
"""From a pillar to an adjacent one: the sites of both in their cells, and the cells between along x and y."""


class ClusterConvolution(nn.Module):
    """Weighted sums of the terms of :class:`metagen.surrogate.terms.ClusterTerms`, without forming the terms.

    A feature of the pillars is a map over the lattice, and so is the product of features of a pillar and of
    its neighbour in one direction; a sum of such terms over the neighbourhood is a convolution of the map
    with a kernel made of the weights. For pairs of the middle pillar with distant ones, the map of the
    distant pillar's feature is convolved, and the result multiplied by the middle pillar's.

    Attributes:
        single: [S·Q, width, width] index of the term at each place of the kernel.
        near: [steps, q, q, pair_width, pair_width] the same for adjacent pairs: by the step from the first
            pillar to the second, features of both, and place of the first.
        far: [q, S·q, pair_width, pair_width] the same for the other pairs: by the features of the middle
            pillar and of the other one, and the place of the other one.
        steps: steps from a pillar to its adjacent ones; of two opposite steps only one is listed.
        few: number of features of a pillar in a pair, q.
    """

    single: Tensor
    near: Tensor
    far: Tensor

    def __init__(self, domain: Domain, reach: Reach, terms: ClusterTerms) -> None:
        super().__init__()
        self.domain = domain
        self.reach = reach
        self.few = terms.few
        functions, sites, width = len(domain.parity(reach.powers)), domain.sites, reach.width
        index = 1 + torch.arange(functions * width**2 * sites).reshape(functions, width, width, sites)
        self.register_buffer("single", index.movedim(-1, 0).flatten(0, 1), persistent=False)
        self.steps, near, far = _pair_indices(terms, sites, 1 + index.numel())
        self.register_buffer("near", near, persistent=False)
        self.register_buffer("far", far, persistent=False)

    def forward(self, surrounded: Tensor, weights: Tensor) -> Tensor:
        """[D, A, B, K] sums of the unscaled terms of every cell.

        Args:
            surrounded: [D, A + 2w, B + 2w, K] packed pillars of blocks and of the margin w = ⌊width / 2⌋
                around them.
            weights: [terms, K] weights.
        """
        reach = self.reach
        maps = feature_maps(surrounded, self.domain, reach.powers)
        maps = maps.contiguous(memory_format=torch.channels_last)
        sums = conv2d(maps, _kernel(weights, self.single), weights[0])
        if self.steps:
            few = [part[:, : self.few] for part in maps.chunk(self.domain.sites, dim=1)]
            around = [_cropped(part, (reach.width - reach.pair_width) // 2) for part in few]
            middle = _cropped(few[0], reach.width // 2)
            sums = sums + self._adjacent(around, weights)
            for function, others in zip(
                torch.split(middle, 1, dim=1), self._distant(torch.cat(around, dim=1), weights), strict=True
            ):
                sums = torch.addcmul(sums, function, others)
        return sums.movedim(1, -1).contiguous()

    def _adjacent(self, maps: list[Tensor], weights: Tensor) -> Tensor:
        """[D, K, A, B] sums over adjacent pairs, from the maps of each site; values that a roll wraps around
        have weight zero."""
        second = torch.stack([maps[t].roll((-a, -b), (2, 3)) for _, t, a, b in self.steps], dim=1)
        first = torch.stack([maps[s] for s, *_ in self.steps], dim=1) if len(maps) > 1 else maps[0][:, None]
        products = (first[:, :, :, None] * second[:, :, None]).flatten(1, 3)
        return conv2d(products.contiguous(memory_format=torch.channels_last), _kernel(weights, self.near))

    def _distant(self, maps: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        """For each function of the middle pillar, [D, K, A, B] sums over pillars that are not adjacent."""
        kernels = torch.cat([_kernel(weights, of_middle) for of_middle in self.far])
        sums = _few_to_many(maps.contiguous(memory_format=torch.channels_last), kernels)
        return sums.chunk(len(self.far), dim=1)


class _FewToMany(torch.autograd.Function):
    """A convolution from few channels to many.

    The gradient with respect to the maps is a convolution from many channels to few, which would use only a
    small part of the processor's vectors; as a matrix product it is about five times as fast.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, kernels: Tensor) -> Tensor:
        ctx.save_for_backward(maps, kernels)
        return conv2d(maps, kernels)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None]:
        maps, kernels = ctx.saved_tensors
        columns = kernels.flatten(1).mT @ gradient.flatten(2)
        of_kernels = None
        if ctx.needs_input_grad[1]:
            of_kernels = conv2d_weight(maps, kernels.shape, gradient)  # type: ignore[no-untyped-call]
        return fold(columns, maps.shape[-2:], kernels.shape[-2:]), of_kernels


def _few_to_many(maps: Tensor, kernels: Tensor) -> Tensor:
    result: Tensor = _FewToMany.apply(maps, kernels)  # type: ignore[no-untyped-call]
    return result


def _kernel(weights: Tensor, index: Tensor) -> Tensor:
    """[K, channels, w, w] weights at the places of the kernel; 0 where the index is −1."""
    flat = index.flatten(0, -3)
    chosen = weights[flat.clamp(min=0)] * (flat >= 0).unsqueeze(-1)
    return chosen.movedim(-1, 0).contiguous(memory_format=torch.channels_last)


def _cropped(maps: Tensor, margin: int) -> Tensor:
    rows, columns = maps.shape[-2:]
    return maps[..., margin : rows - margin, margin : columns - margin]


def _pair_indices(terms: ClusterTerms, sites: int, start: int) -> tuple[list[Step], Tensor, Tensor]:
    """The steps of adjacent pairs, and the indices ``near`` and ``far`` of :class:`ClusterConvolution`.

    Args:
        terms: the terms.
        sites: sites of one cell.
        start: index of the first term of a pair.
    """
    reach, count = terms.reach, terms.few
    side, shift = reach.pair_width, (reach.width - reach.pair_width) // 2
    cells, of_cell = terms.pairs // sites, terms.pairs % sites
    rows, columns = cells // reach.width - shift, cells % reach.width - shift
    ways = torch.stack([*of_cell, rows[1] - rows[0], columns[1] - columns[0]], -1)
    steps: list[Step] = [tuple(way) for way in torch.unique(ways[terms.adjacent], dim=0).tolist()]
    near = torch.full((len(steps), count, count, side, side), -1)
    far = torch.full((count, sites, count, side, side), -1)
    products = torch.arange(count * count).reshape(count, count)
    for index, way in enumerate(ways.tolist()):
        of_pair = start + products * len(ways) + index
        (i, k), (j, m), (s, t) = (each[:, index].tolist() for each in (rows, columns, of_cell))
        if terms.adjacent[index]:
            near[steps.index(tuple(way)), :, :, i, j] = of_pair
        elif (i, j, s) == (side // 2, side // 2, 0):
            far[:, t, :, k, m] = of_pair
        else:
            far[:, s, :, i, j] = of_pair.T
    return steps, near, far.flatten(1, 2)
