"""Between the radius map, the neighbourhoods of its cells, and the field over the whole plane (in torch)."""

from __future__ import annotations

import torch
from torch import Tensor

from metagen.nearfield import MIRROR_X, MIRROR_Y

MIRRORS = ((1, 1), (-1, 1), (1, -1), (-1, -1))
"""The mirror images of a device as factors of (x, y): itself, x → −x, y → −y, both."""


def neighbourhoods(radii: Tensor, width: int) -> Tensor:
    """[…, N, N, width²] radii around every cell of [..., N, N] radii, 0 outside the array.

    The order is that of :meth:`metagen.dataset.Dataset.neighbourhoods`.
    """
    margin = width // 2
    padded = torch.nn.functional.pad(radii, (margin, margin, margin, margin))
    return padded.unfold(-2, width, 1).unfold(-2, width, 1).flatten(-2)


def assemble(patches: Tensor, samples: int, components: int) -> Tensor:
    """Lay patches [..., N, N, n·n·C] out as the plane [..., N·n, N·n], with a last axis [C] where C > 1."""
    count = patches.shape[-2]
    split = torch.unflatten(patches, -1, (samples, samples, components))
    side = count * samples
    plane: Tensor = split.transpose(-4, -3).reshape(*patches.shape[:-3], side, side, components)
    return plane.squeeze(-1) if components == 1 else plane


def mirror_images(width: int) -> Tensor:
    """[4, width²] column order that mirrors a neighbourhood, per entry of :data:`MIRRORS`."""
    grid = torch.arange(width * width).reshape(width, width)
    return torch.stack([_flipped(grid, mirror).flatten() for mirror in MIRRORS])


def mirror_patches(patches: Tensor, samples: int, components: int) -> Tensor:
    """[4, M, n·n·C] the patches that the mirror images of the device have, per entry of :data:`MIRRORS`."""
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
