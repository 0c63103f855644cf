"""From the pillars of a device to neighbourhoods, and from patches to the field over the plane (in torch)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from metagen.device.sampling import mirror_signs
from metagen.device.symmetry import Symmetry
from metagen.surrogate.sites import flipped_axes

if TYPE_CHECKING:
    from metagen.surrogate.domain import Domain

STRIP = 8
"""How many rows of cells are laid out at once."""


def surround(pillars: Tensor, width: int) -> Tensor:
    """[..., A + 2m, B + 2m, K] cells surrounded by a margin m = ⌊width / 2⌋ of cells without a pillar."""
    return torch.nn.functional.pad(pillars, [0, 0, *[width // 2] * 4])


def windows(surrounded: Tensor, width: int) -> Tensor:
    """[..., A, B, width², K] neighbourhoods of every cell of a block, from the cells of the block and its
    margin.

    Their order is that of :meth:`metagen.data.dataset.Dataset.neighbourhoods`.
    """
    return surrounded.unfold(-3, width, 1).unfold(-3, width, 1).flatten(-2).movedim(-1, -2)


def neighbourhoods(pillars: Tensor, width: int) -> Tensor:
    """[..., A, B, width², K] cells around every cell of [..., A, B, K], without pillars outside the array."""
    return windows(surround(pillars, width), width)


def assemble(patches: Tensor, samples: tuple[int, int], components: int) -> Tensor:
    """Lay patches [..., A, B, n·m·C] out as the plane [..., C, A·n, B·m], with (n, m) samples per cell."""
    *leading, rows, columns, _ = patches.shape
    n, m = samples
    cells = torch.unflatten(patches, -1, (n, m, components)).movedim(-1, -5)
    return cells.transpose(-3, -2).reshape(*leading, components, rows * n, columns * m)


def lay_out(coefficients: Tensor, modes: Tensor, samples: tuple[int, int], components: int) -> Tensor:
    """The plane (:func:`assemble`) of coefficients [..., A, B, rank] times modes [rank, n·m·C].

    Without gradients: it works row by row, so that what is written twice stays in the processor's cache.
    """
    *leading, rows, columns, _ = coefficients.shape
    n, m = samples
    plane = coefficients.new_empty(*leading, components, rows, n, columns, m)
    step = STRIP if coefficients.device.type == "cpu" else rows
    for start in range(0, rows, step):
        some = slice(start, start + step)
        patches = torch.unflatten(coefficients[..., some, :, :] @ modes, -1, (n, m, components))
        plane[..., some, :, :, :] = patches.movedim(-1, -5).transpose(-3, -2)
    return plane.reshape(*leading, components, rows * n, columns * m)


def mirror_patches(patches: Tensor, domain: Domain) -> Tensor:
    """[M, P, n·m·C] patches [P, n·m·C] of the mirrored device, for each of ``domain.mirrors``."""
    split = torch.unflatten(patches, -1, (*domain.cell_samples, domain.components))
    images = []
    for mirror in domain.mirrors:
        flipped = split.flip([axis + 1 for axis in flipped_axes(mirror)])
        images.append((flipped * _signs(mirror, domain, patches)).flatten(1))
    return torch.stack(images)


def _signs(mirror: Symmetry, domain: Domain, like: Tensor) -> Tensor:
    """Signs of the components under a mirror, both mirrors, or nothing."""
    signs = mirror_signs(domain.illumination, mirror)
    return torch.tensor(signs[domain.axes], device=like.device)
