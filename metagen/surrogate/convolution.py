"""One-pillar and two-pillar terms of all cells of a lattice at once, by convolutions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, fold
from torch.nn.grad import conv2d_weight

from metagen.surrogate.domain import Domain
from metagen.surrogate.pillars import feature_maps
from metagen.surrogate.terms import Reach, is_adjacent


class ClusterConvolution(nn.Module):
    """Weighted sums of the terms of :class:`metagen.surrogate.terms.ClusterTerms`, without forming the terms.

    A feature of the pillars is a map over the lattice, and so is the product of features of a pillar and of
    its neighbour in one direction; a sum of such terms over the neighbourhood is a convolution of the map
    with a kernel made of the weights. For pairs of the middle pillar with distant ones, the map of the
    distant pillar's feature is convolved, and the result multiplied by the middle pillar's.

    Attributes:
        single: [Q, width, width] index of the term at each place of the kernel.
        near: [steps, q, q, pair_width, pair_width] the same for adjacent pairs: by the step from the first
            pillar to the second, features of both, and place of the first.
        far: [q, q, pair_width, pair_width] the same for the other pairs: by the features of the middle pillar
            and of the other one, and the place of the other one.
        steps: steps from a pillar to its adjacent ones; of two opposite steps only one is listed.
    """

    single: Tensor
    near: Tensor
    far: Tensor

    def __init__(self, domain: Domain, reach: Reach, pairs: Tensor) -> None:
        super().__init__()
        self.domain = domain
        self.reach = reach
        self.steps = _steps(reach, pairs)
        functions, self.few = (len(domain.parity(count)) for count in (reach.powers, reach.pair_powers))
        places = torch.arange(1, 1 + functions * reach.width**2)
        self.register_buffer("single", places.reshape(-1, reach.width, reach.width), persistent=False)
        near, far = _pair_indices(reach, functions, self.few, pairs, self.steps)
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
            few = maps[:, : self.few]
            around = _cropped(few, (reach.width - reach.pair_width) // 2)
            middle = _cropped(few, reach.width // 2)
            sums = sums + self._adjacent(around, weights)
            for function, others in zip(
                torch.split(middle, 1, dim=1), self._distant(around, weights), strict=True
            ):
                sums = torch.addcmul(sums, function, others)
        return sums.movedim(1, -1).contiguous()

    def _adjacent(self, maps: Tensor, weights: Tensor) -> Tensor:
        """[D, K, A, B] sums over adjacent pairs; values that a roll wraps around have weight zero."""
        second = torch.stack([maps.roll((-a, -b), (2, 3)) for a, b in self.steps], dim=1)
        products = (maps[:, None, :, None] * second[:, :, None]).flatten(1, 3)
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


def _steps(reach: Reach, pairs: Tensor) -> list[tuple[int, int]]:
    """The steps between the pillars of adjacent pairs."""
    first, second = (_coordinates(places, reach) for places in pairs)
    steps = torch.unique(second - first, dim=0) if pairs.numel() else pairs.T
    return [(int(a), int(b)) for a, b in steps if is_adjacent((0, 0), (int(a), int(b)))]


def _coordinates(places: Tensor, reach: Reach) -> Tensor:
    """[P, 2] coordinates of places relative to the middle, in periods."""
    return torch.stack([places // reach.width, places % reach.width], dim=-1) - reach.width // 2


def _pair_indices(
    reach: Reach, functions: int, count: int, pairs: Tensor, steps: list[tuple[int, int]]
) -> tuple[Tensor, Tensor]:
    """The indices ``near`` and ``far`` of :class:`ClusterConvolution`, for as many features of a pillar alone
    and of one in a pair."""
    side, middle = reach.pair_width, reach.pair_width // 2
    near = torch.full((len(steps), count, count, side, side), -1)
    far = torch.full((count, count, side, side), -1)
    products = torch.arange(count * count).reshape(count, count)
    start = 1 + functions * reach.width**2
    first, second = (_coordinates(places, reach).tolist() for places in pairs)
    for index, ((a, b), (c, d)) in enumerate(zip(first, second, strict=True)):
        terms = start + products * pairs.shape[1] + index
        if (c - a, d - b) in steps:
            near[steps.index((c - a, d - b)), :, :, middle + a, middle + b] = terms
        elif (a, b) == (0, 0):
            far[:, :, middle + c, middle + d] = terms
        else:
            far[:, :, middle + a, middle + b] = terms.T
    return near, far
