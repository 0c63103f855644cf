"""From the radii of a device to neighbourhoods, and from patches to the field over the plane (in torch)."""

from __future__ import annotations

import torch
from torch import Tensor

from metagen.device.sampling import MIRROR_X, MIRROR_Y

MIRRORS = ((1, 1), (-1, 1), (1, -1), (-1, -1))
"""The mirror images of a device as factors of (x, y): itself, x → −x, y → −y, both."""

STRIP = 8
"""How many rows of cells are laid out at once."""


def surround(radii: Tensor, width: int) -> Tensor:
    """[..., N + 2m, N + 2m] radii surrounded by a margin m = ⌊width / 2⌋ of sites without a pillar."""
    return torch.nn.functional.pad(radii, [width // 2] * 4)


def windows(surrounded: Tensor, width: int) -> Tensor:
    """[..., A, B, width²] radii around every cell of a block, from those of the block and its margin.

    Their order is that of :meth:`metagen.data.dataset.Dataset.neighbourhoods`.
    """
    return surrounded.unfold(-2, width, 1).unfold(-2, width, 1).flatten(-2)


def neighbourhoods(radii: Tensor, width: int) -> Tensor:
    """[..., N, N, width²] radii around every cell of [..., N, N] radii, 0 outside the array."""
    return windows(surround(radii, width), width)


def assemble(patches: Tensor, samples: int, components: int) -> Tensor:
    """Lay patches [..., A, B, n·n·C] out as the plane [..., C, A·n, B·n]."""
    *leading, rows, columns, _ = patches.shape
    cells = torch.unflatten(patches, -1, (samples, samples, components)).movedim(-1, -5)
    return cells.transpose(-3, -2).reshape(*leading, components, rows * samples, columns * samples)


def lay_out(coefficients: Tensor, modes: Tensor, samples: int, components: int) -> Tensor:
    """The plane (:func:`assemble`) of coefficients [..., A, B, rank] times modes [rank, n·n·C].

    Without gradients: it works row by row, so that what is written twice stays in the processor's cache.
    """
    *leading, rows, columns, _ = coefficients.shape
    plane = coefficients.new_empty(*leading, components, rows, samples, columns, samples)
    step = STRIP if coefficients.device.type == "cpu" else rows
    for start in range(0, rows, step):
        some = slice(start, start + step)
        patches = torch.unflatten(coefficients[..., some, :, :] @ modes, -1, (samples, samples, components))
        plane[..., some, :, :, :] = patches.movedim(-1, -5).transpose(-3, -2)
    return plane.reshape(*leading, components, rows * samples, columns * samples)


def mirror_images(width: int) -> Tensor:
    """[4, width²] order of the columns that mirrors a neighbourhood, for each entry of :data:`MIRRORS`."""
    grid = torch.arange(width * width).reshape(width, width)
    return torch.stack([_flipped(grid, mirror).flatten() for mirror in MIRRORS])


def mirror_patches(patches: Tensor, samples: int, components: int) -> Tensor:
    """[4, M, n·n·C] patches of the mirrored device, for each entry of :data:`MIRRORS`."""
    split = torch.unflatten(patches, -1, (samples, samples, components))
    images = []
    for mirror in MIRRORS:
        flipped = _flipped(split.movedim(0, -1), mirror).movedim(-1, 0)
        images.append((flipped * _signs(mirror, components, patches)).flatten(1))
    return torch.stack(images)


def _flipped(grid: Tensor, mirror: tuple[int, int]) -> Tensor:
    axes = [axis for axis, factor in enumerate(mirror) if factor < 0]
    return grid.flip(axes)


def _signs(mirror: tuple[int, int], components: int, like: Tensor) -> Tensor:
    along_x = MIRROR_X if mirror[0] < 0 else MIRROR_X**2
    along_y = MIRROR_Y if mirror[1] < 0 else MIRROR_Y**2
    return torch.tensor((along_x * along_y)[:components], device=like.device)
