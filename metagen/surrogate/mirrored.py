"""Convolutions over the lattice that respect its mirrors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from metagen.device.lattice import Lattice
from metagen.device.symmetry import Symmetry
from metagen.surrogate.sites import CENTRE, Sites, flipped_axes, moves, units


@dataclass(frozen=True)
class Convolutions:
    """Convolutions over one lattice.

    Attributes:
        lattice: the lattice.
        mirrors: the mirrors that are respected.
    """

    lattice: Lattice
    mirrors: tuple[Symmetry, ...]

    def __call__(
        self,
        maps: Tensor,
        weights: Tensor,
        before: Tensor,
        after: Tensor,
        sites: tuple[Sites, Sites] = (CENTRE, CENTRE),
    ) -> Tensor:
        """Convolve maps of parities ``before`` into maps of parities ``after``.

        The weights are averaged over the mirrors, with the signs that the parities demand, and multiplied by
        :meth:`closeness`, so that one step size suits all of them.

        Args:
            maps: [D, I, A + w − 1, B + w − 1] maps; those of one site stand together.
            weights: [O, I, w, w] weights of the kernels.
            before: [I, M] factors of the maps under the mirrors; 1 for maps that are even in every mirror.
            after: [O, M] factors of the results under the mirrors.
            sites: what the maps belong to, and the results: sites of a cell, or the cell as a whole.

        Returns:
            [D, O, A, B] maps.
        """
        weights = weights.to(maps.dtype)
        kernel = torch.zeros_like(weights)
        for number, mirror in enumerate(self.mirrors):
            sign = (after[:, number, None] * before[None, :, number]).to(weights.dtype)
            image = _image(weights, mirror, *sites)
            kernel = kernel + image * (sign / len(self.mirrors))[..., None, None]
        kernel = kernel * self.closeness(weights.shape, *sites).to(kernel)
        return conv2d(
            maps.contiguous(memory_format=torch.channels_last),
            kernel.contiguous(memory_format=torch.channels_last),
        )

    def closeness(self, shape: Sequence[int], sites: Sites = CENTRE, results: Sites = CENTRE) -> Tensor:
        """[width, width] or [O, I, width, width] factors of weights [O, I, width, width]: smaller with the
        distance, 0 where a mirror image is outside the kernel."""
        width = shape[-1]
        if _stay(sites, self.mirrors) and _stay(results, self.mirrors):
            return _falling(width, (0.0, 0.0), (1.0, 1.0))
        blocks = [
            [self._block(width, site, result, sites, results) for site in range(len(sites))]
            for result in range(len(results))
        ]
        of_sites = torch.stack([torch.stack(row) for row in blocks])
        rows = of_sites.repeat_interleave(shape[0] // len(results), 0)
        return rows.repeat_interleave(shape[1] // len(sites), 1)

    def _block(self, width: int, site: int, result: int, sites: Sites, results: Sites) -> Tensor:
        """[width, width] factors of the weights from one site to one result."""
        apart = (sites[site][0] - results[result][0], sites[site][1] - results[result][1])
        inside = torch.ones(width, width)
        for mirror in self.mirrors:
            shift = _shift(mirror, site, result, sites, results)
            for axis, cells in enumerate(shift):
                inside *= _kept(width, cells).unsqueeze(1 - axis)
        return inside * _falling(width, apart, units(self.lattice))


def cropped(maps: Tensor, like: Tensor) -> Tensor:
    """The middle part of maps [..., A, B], of the size of ``like``."""
    rows, columns = ((a - b) // 2 for a, b in zip(maps.shape[-2:], like.shape[-2:], strict=True))
    return maps[..., rows : maps.shape[-2] - rows, columns : maps.shape[-1] - columns]


def _falling(width: int, apart: tuple[float, float], unit: tuple[float, float]) -> Tensor:
    """[width, width] 1 in the middle, smaller with distance."""
    steps = torch.arange(width) - width // 2
    x, y = ((steps + offset) * length for offset, length in zip(apart, unit, strict=True))
    return 1 / (1 + torch.hypot(x[:, None].float(), y[None, :].float()))


def _stay(sites: Sites, mirrors: Sequence[Symmetry]) -> bool:
    """Whether no mirror moves a site to another one or to another cell."""
    here = [(number, (0, 0)) for number in range(len(sites))]
    return len(sites) == 1 and all(moves(sites, mirror) == here for mirror in mirrors)


def _shift(mirror: Symmetry, site: int, result: int, sites: Sites, results: Sites) -> tuple[int, int]:
    """By how many cells the way from a result to a site grows in the mirror, besides being turned round."""
    (ax, ay), (bx, by) = moves(sites, mirror)[site][1], moves(results, mirror)[result][1]
    return ax - bx, ay - by


def _kept(width: int, cells: int) -> Tensor:
    """[width] 1 at the steps −w … w that stay among these when turned round and moved by some cells."""
    steps = cells - (torch.arange(width) - width // 2)
    return (steps.abs() <= width // 2).float()


def _image(weights: Tensor, mirror: Symmetry, sites: Sites, results: Sites) -> Tensor:
    """[O, I, w, w] kernels in a mirror; what comes from outside the kernel is to be left out."""
    flipped = weights.flip([axis - 2 for axis in flipped_axes(mirror)])
    if _stay(sites, [mirror]) and _stay(results, [mirror]):
        return flipped
    shape = (len(results), weights.shape[0] // len(results), len(sites), weights.shape[1] // len(sites))
    blocks = flipped.reshape(*shape, *weights.shape[-2:])
    image = torch.empty_like(blocks)
    for result, (result_image, _) in enumerate(moves(results, mirror)):
        for site, (site_image, _) in enumerate(moves(sites, mirror)):
            shift = _shift(mirror, site, result, sites, results)
            moved = blocks[result, :, site].roll(shift, (-2, -1))
            image[result_image, :, site_image] = moved
    return image.reshape(weights.shape)
