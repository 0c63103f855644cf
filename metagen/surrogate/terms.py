"""One-pillar and two-pillar terms of a neighbourhood, and how mirrors change them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from metagen.surrogate.domain import Domain
from metagen.surrogate.pillars import features
from metagen.surrogate.sites import Sites, mirror_images, places, units

ADJACENT = 1.5
"""Two pillars closer than this are adjacent: on lattices of one site per cell, in cells (side by side or on a
diagonal), on others in units of the smallest distance of sites."""
CONSTANT = 10.0
"""Value of the constant term, so large that the ridge penalty has little effect on its weight."""
PAIR = 3.0
"""Weight of the pair terms relative to the one-pillar terms.

It and the weights of :class:`ClusterTerms` were chosen by leaving out one of six 21 × 21 layouts (four
lenses, two random) at a time, at 633 and 400 nm; the error depends little on them.
"""

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Reach:
    """How far the terms reach, and which features of pillars they have.

    Attributes:
        width: pillars along one side of the neighbourhood.
        powers: the features of each pillar have degrees below this; of a circle there are as many.
        pair_width: pillars along one side of the neighbourhood whose pairs count.
        pair_powers: the features of each pillar in a pair have degrees below this.
    """

    width: int
    powers: int
    pair_width: int
    pair_powers: int


class ClusterTerms(nn.Module):
    """[..., terms] numbers from [..., width², K] pillars: features of each pillar, and products for pairs.

    Pairs are all pairs of adjacent pillars, and the pillar in the middle with each other one. Every term has
    a weight for how large its contribution is expected to be, so that one ridge penalty suits all terms. The
    weight falls with the distance of pillars from the middle, with the degree of the function, and with the
    distance within a pair. The order of the terms: a constant; for each feature, all places; for each
    feature of the first and each of the second pillar, all pairs.

    Attributes:
        scale: [terms] how large the contribution of each term is expected to be.
        pairs: [2, pairs] places of the first and the second pillar of each pair.
        adjacent: [pairs] whether the two are neighbours.
        mirrored: [M, terms] index of the term that each term becomes under the mirrors.
        signs: [M, terms] sign that it gets.
    """

    scale: Tensor
    pairs: Tensor
    adjacent: Tensor
    mirrored: Tensor
    signs: Tensor

    def __init__(self, domain: Domain, reach: Reach) -> None:
        super().__init__()
        self.domain = domain
        self.reach = reach
        images = mirror_images(reach.width, domain.mirrors, domain.platform.lattice.sites)
        inside = (images >= 0).all(0)
        images = torch.where(inside, images, torch.arange(images.shape[1]))
        found = _pairs(domain, reach, inside)
        pairs = tuple(found)
        parity = domain.parity(reach.powers)
        self.few = len(domain.parity(reach.pair_powers))
        buffers = {
            "scale": _scale(domain, reach, pairs, inside),
            "pairs": torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T,
            "adjacent": torch.tensor(list(found.values()), dtype=torch.bool),
            "mirrored": _mirrored(images, len(parity), self.few, pairs),
            "signs": _signs(parity.T, self.few, images.shape[1], len(pairs)),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    @property
    def count(self) -> int:
        """Number of terms."""
        return len(self.scale)

    def forward(self, around: Tensor) -> Tensor:
        """[..., terms] terms of neighbourhoods [..., width², K]."""
        single = features(around, self.domain, self.reach.powers).flatten(-3, -2).mT
        few = single[..., : self.few, :]
        first, second = (few.index_select(-1, places) for places in self.pairs)
        products = first.unsqueeze(-2) * second.unsqueeze(-3)
        constant = torch.ones_like(around[..., 0, :1])
        terms = torch.cat([constant, single.flatten(-2), products.flatten(-3)], dim=-1)
        return terms * self.scale.to(terms.dtype)


@dataclass(frozen=True)
class SymmetricTerms:
    """Orthonormal combinations of terms that get given factors under the mirrors.

    Attributes:
        images: [M, s] the terms that each combination is made of, one for each mirror.
        factors: [M, s] factors of these terms.
    """

    images: Tensor
    factors: Tensor

    @classmethod
    def of(cls, mirrored: Tensor, signs: Tensor, parity: Tensor) -> Self:
        """All combinations with the factors ``parity`` [M], from what mirrors do to the terms
        (:class:`ClusterTerms`)."""
        factors = parity.double()[:, None] * signs
        same = (mirrored[:, None] == mirrored).to(factors)
        norm = torch.einsum("gt,ht,ght->t", factors, factors, same).sqrt()
        leads = (mirrored.amin(0) == mirrored[0]) & (norm > 0)
        return cls(mirrored[:, leads], factors[:, leads] / norm[leads])

    def combine(self, terms: Tensor) -> Tensor:
        """[..., s] combinations of terms [..., terms]."""
        images = zip(self.images, self.factors.to(terms.dtype), strict=True)
        return torch.stack([terms.index_select(-1, image) * factor for image, factor in images]).sum(0)

    def spread(self, weights: Tensor, count: int) -> Tensor:
        """[count, K] weights of the terms from weights [s, K] of the combinations."""
        spread = weights.new_zeros(count, weights.shape[1])
        for image, factor in zip(self.images, self.factors.to(weights), strict=True):
            spread.index_add_(0, image, factor[:, None] * weights)
        return spread


def _scale(domain: Domain, reach: Reach, pairs: Pairs, inside: Tensor) -> Tensor:
    """[terms] expected size of each term, to the last digit equal for the mirror images of a term; 0 for
    places whose mirror images are not all ``inside``."""
    at = _positions(domain, reach.width, units(domain.platform.lattice))
    distance = torch.tensor([math.hypot(*place) for place in at])
    single = inside / ((1 + distance) ** 2 * domain.degrees(reach.powers)[:, None])
    first, second = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T
    few = single[: len(domain.degrees(reach.pair_powers))]
    apart = torch.tensor([math.dist(at[i], at[j]) for i, j in pairs])
    products = few[:, None, first] * few[None, :, second] * (PAIR / apart)
    return torch.cat([torch.tensor([CONSTANT]), single.flatten(), products.flatten()])


def _positions(domain: Domain, width: int, unit: tuple[float, float]) -> Sites:
    """Where the places of a neighbourhood are, in some units along x and y."""
    sites = domain.platform.lattice.sites
    return tuple((a * unit[0], b * unit[1]) for a, b in places(sites, width))


def _pairs(domain: Domain, reach: Reach, inside: Tensor) -> dict[tuple[int, int], bool]:
    """Indices (i < j) of the two places of each pair that counts, and whether they are neighbours."""
    lattice = domain.platform.lattice
    in_cells = places(lattice.sites, reach.width)
    at = _positions(domain, reach.width, units(lattice) if domain.sites > 1 else (1.0, 1.0))
    largest = reach.pair_width // 2
    near = [i for i, place in enumerate(in_cells) if inside[i] and max(map(abs, place)) <= largest]
    pairs = itertools.combinations(near, 2)
    found = {(i, j): math.dist(at[i], at[j]) < ADJACENT for i, j in pairs}
    middle = in_cells.index((0.0, 0.0))
    return {pair: adjacent for pair, adjacent in found.items() if adjacent or middle in pair}


def _mirrored(images: Tensor, functions: int, few: int, pairs: Pairs) -> Tensor:
    """[M, terms] index of the term that each term becomes under the mirrors.

    Args:
        images: [M, width²] order of the places in each mirror image.
        functions: number of features of a pillar.
        few: number of features of a pillar in a pair.
        pairs: see :func:`_pairs`.
    """
    places = images.shape[1]
    single = torch.arange(functions)[:, None] * places + images[:, None, :]
    grid = torch.arange(few**2).reshape(few, few)
    number = {pair: index for index, pair in enumerate(pairs)}
    product = torch.empty(len(images), *grid.shape, len(pairs), dtype=torch.long)
    for mirror, image in enumerate(images.tolist()):
        for index, (i, j) in enumerate(pairs):
            ordered = image[i] < image[j]
            target = number[(image[i], image[j]) if ordered else (image[j], image[i])]
            product[mirror, :, :, index] = (grid if ordered else grid.T) * len(pairs) + target
    constant = torch.zeros(len(images), 1, dtype=torch.long)
    start = 1 + functions * places
    return torch.cat([constant, 1 + single.flatten(1), start + product.flatten(1)], dim=1)


def _signs(parity: Tensor, few: int, places: int, pairs: int) -> Tensor:
    """[M, terms] signs that the terms get under the mirrors, from those [M, Q] of the features."""
    single = parity[..., None].expand(-1, -1, places)
    products = parity[:, :few, None] * parity[:, None, :few]
    of_pairs = products[..., None].expand(-1, -1, -1, pairs)
    return torch.cat([torch.ones_like(parity[:, :1]), single.flatten(1), of_pairs.flatten(1)], dim=1)
