"""Smooth functions of one radius through computed cells."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from torch import Tensor, nn

from metagen.surrogate.domain import Domain


def knots(domain: Domain, points: int) -> NDArray[np.float64]:
    """[points] evenly spaced radii over the known range."""
    return np.linspace(domain.radius_low, domain.radius_high, points)


class RadiusSpline(nn.Module):
    """A complex vector as a smooth function of one radius: a cubic spline over even knots, and a value at 0.

    Attributes:
        pieces: [points − 1, 4, size, 2] cubic coefficients per interval, highest power first.
        empty: [size, 2] value at a site without a pillar.
    """

    pieces: Tensor
    empty: Tensor

    def __init__(self, domain: Domain, points: int, size: int) -> None:
        super().__init__()
        self.domain = domain
        self.register_buffer("pieces", torch.zeros(points - 1, 4, size, 2))
        self.register_buffer("empty", torch.zeros(size, 2))

    def fit(self, values: Tensor, empty: Tensor) -> None:
        """Fit complex ``values`` [points, size] at the knots and ``empty`` [size] at radius 0."""
        radii = knots(self.domain, len(values))
        pieces = (
            torch.from_numpy(CubicSpline(radii, values.numpy(), axis=0).c)
            .swapaxes(0, 1)
            .resolve_conj()
            .contiguous()
        )
        self.pieces.copy_(torch.view_as_real(pieces))
        self.empty.copy_(torch.view_as_real(empty.resolve_conj()))

    def forward(self, radii: Tensor) -> Tensor:
        """[..., size] complex values at the radii [...]."""
        low, high = self.domain.radius_low, self.domain.radius_high
        step = (high - low) / len(self.pieces)
        index = ((radii.detach() - low) / step).long().clamp(0, len(self.pieces) - 1)
        offset = (radii - low - index * step)[..., None, None]
        cubic, square, slope, value = self.pieces[index].unbind(-3)
        found = ((cubic * offset + square) * offset + slope) * offset + value
        present = (radii > 0)[..., None, None]
        return torch.view_as_complex(torch.where(present, found, self.empty).contiguous())
