"""One-pillar and two-pillar terms of a neighbourhood, and what the mirrors do to them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from metagen.surrogate.domain import Domain
from metagen.surrogate.lattice import MIRRORS, mirror_images
from metagen.surrogate.pillars import powers

ADJACENT = 1.5
"""Two pillars closer than this (in periods) are neighbours: side by side or on the diagonal."""
CONSTANT = 10.0
"""Value of the constant term: so large that the ridge penalty does not hold it back."""
PAIR = 3.0
"""Weight of the pair terms beside the one-pillar terms.

It and the weights of :class:`ClusterTerms` were chosen by leaving out one of six 21 × 21 layouts (four
lenses, two random) at a time, at 633 and 400 nm; the error depends little on them.
"""

Places = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Reach:
    """Which terms there are.

    Attributes:
        width: pillars along one side of the neighbourhood.
        powers: functions of the radius per pillar.
        pair_width: pillars along one side of the neighbourhood whose pairs count.
        pair_powers: functions of the radius per pillar of a pair.
    """

    width: int
    powers: int
    pair_width: int
    pair_powers: int


class ClusterTerms(nn.Module):
    """[..., terms] numbers from [..., width²] radii: functions of each radius, and products for pairs.

    Pairs are those of adjacent pillars, and of the pillar in the middle with each other one. Every term
    carries a weight that says how large its contribution is expected to be, so that one ridge penalty suits
    them all: pillars count less the farther from the middle, functions the higher their degree, pairs the
    farther apart. The first term is a constant.

    Attributes:
        mirrored: [4, terms] the term of the device itself that each term of a mirror image is.
    """

    mirrored: Tensor
    expected: Tensor
    pairs: Tensor
    closeness: Tensor

    def __init__(self, domain: Domain, reach: Reach) -> None:
        super().__init__()
        self.domain = domain
        self.reach = reach
        places = _places(reach.width)
        pairs = _pairs(reach)
        distance = torch.tensor([math.hypot(*place) for place in places])
        degree = torch.arange(1, reach.powers + 1)
        apart = torch.tensor([math.dist(places[i], places[j]) for i, j in pairs])
        buffers = {
            "expected": 1 / ((1 + distance) ** 2 * degree[:, None]),
            "pairs": torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T,
            "closeness": PAIR / apart,
            "mirrored": _mirrored(reach, pairs),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    @property
    def count(self) -> int:
        """Number of terms."""
        return self.mirrored.shape[1]

    def forward(self, radii: Tensor) -> Tensor:
        """[..., terms] of neighbourhoods [..., width²]."""
        single = powers(radii, self.domain, self.reach.powers) * self.expected.to(radii.dtype)
        few = single[..., : self.reach.pair_powers, :]
        first, second = (few.index_select(-1, places) for places in self.pairs)
        weighted = first * self.closeness.to(radii.dtype)
        products = weighted.unsqueeze(-2) * second.unsqueeze(-3)
        constant = torch.full_like(radii[..., :1], CONSTANT)
        return torch.cat([constant, single.flatten(-2), products.flatten(-3)], dim=-1)

    def symmetric(self, parity: Tensor) -> Tensor:
        """[terms, s] orthonormal combinations of the terms that take these factors under the mirrors.

        Args:
            parity: [4] factor under each of the mirrors.
        """
        rows = torch.arange(self.count)
        combinations = torch.zeros(self.count, self.count, dtype=torch.float64)
        for image, factor in zip(self.mirrored, parity.tolist(), strict=True):
            combinations[image, rows] += factor
        leads = (self.mirrored.min(0).values == rows) & (combinations != 0).any(0)
        chosen = combinations[:, leads]
        return chosen / chosen.square().sum(0).sqrt()


def _places(width: int) -> Places:
    """Coordinates of the neighbours, in periods, in the order of a neighbourhood."""
    side = range(-(width // 2), width // 2 + 1)
    return tuple(itertools.product(side, side))


def _pairs(reach: Reach) -> Places:
    """Index pairs (i < j) of the places whose pairs count."""
    places = _places(reach.width)
    near = [i for i, place in enumerate(places) if max(map(abs, place)) <= reach.pair_width // 2]
    return tuple(
        (i, j)
        for i, j in itertools.combinations(near, 2)
        if math.dist(places[i], places[j]) < ADJACENT or (0, 0) in (places[i], places[j])
    )


def _mirrored(reach: Reach, pairs: Places) -> Tensor:
    """[4, terms] index of the term that each term becomes under the mirrors."""
    images = mirror_images(reach.width)
    places = images.shape[1]
    single = torch.arange(reach.powers)[:, None] * places + images[:, None, :]
    grid = torch.arange(reach.pair_powers**2).reshape(reach.pair_powers, reach.pair_powers)
    number = {pair: index for index, pair in enumerate(pairs)}
    product = torch.empty(len(MIRRORS), *grid.shape, len(pairs), dtype=torch.long)
    for mirror, image in enumerate(images.tolist()):
        for index, (i, j) in enumerate(pairs):
            ordered = image[i] < image[j]
            target = number[(image[i], image[j]) if ordered else (image[j], image[i])]
            product[mirror, :, :, index] = (grid if ordered else grid.T) * len(pairs) + target
    constant = torch.zeros(len(MIRRORS), 1, dtype=torch.long)
    start = 1 + reach.powers * places
    return torch.cat([constant, 1 + single.flatten(1), start + product.flatten(1)], dim=1)
