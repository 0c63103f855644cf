"""Classes of functions by what mirrors do to them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from metagen.device.symmetry import Symmetry

CLASSES = ((1, 1), (-1, 1), (1, -1), (-1, -1))
"""Sign under x → −x and under y → −y: even in both, odd in x, odd in y, odd in both."""


def signs_of_classes(mirrors: Sequence[Symmetry]) -> Tensor:
    """[4, M] sign that a function of each of :data:`CLASSES` gets under each of some mirrors."""
    flips = [mirror.matrix.diagonal() for mirror in mirrors]
    signs = [[(px if mx < 0 else 1) * (py if my < 0 else 1) for mx, my in flips] for px, py in CLASSES]
    return torch.tensor(signs)


def distinct_signs(mirrors: Sequence[Symmetry]) -> Tensor:
    """[classes, M] the rows of :func:`signs_of_classes`, each once: without mirrors all are one class."""
    rows = dict.fromkeys(map(tuple, signs_of_classes(mirrors).tolist()))
    return torch.tensor(list(rows))
