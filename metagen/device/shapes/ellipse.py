"""The ellipse, turned and moved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.errors import InputError
from metagen.base.tensors import Real, reduced_bessel
from metagen.device.shapes.shape import SAME, broadcast, check_outline, check_turn, spread
from metagen.device.symmetry import Symmetry

SMALLEST = 1e-9
"""Semi-axes below this count as this where a direction is asked for; without a pillar it has no meaning."""
NAMES = ("a", "b", "angle", "x", "y")
"""Of the attributes of an ellipse."""
LEAST = torch.tensor([0.0, 0.0] + 3 * [torch.finfo(torch.float64).min], dtype=torch.float64)
"""[5] least values that they may have: the least finite numbers, where there is no bound."""


@dataclass(frozen=True, eq=False, init=False)
class Ellipse:
    """An ellipse (or a batch of them), see :class:`metagen.device.shapes.Shape`.

    Attributes:
        a: [...] semi-axis along x, before the turn; 0 is no pillar.
        b: [...] semi-axis along y.
        angle: [...] turn, counterclockwise, in radians.
        x, y: [...] centre.
    """

    a: Tensor
    b: Tensor
    angle: Tensor
    x: Tensor
    y: Tensor

    def __init__(self, a: Real, b: Real, angle: Real = 0.0, centre: tuple[Real, Real] = (0.0, 0.0)) -> None:
        values = dict(zip(NAMES, broadcast(a, b, angle, *centre), strict=True))
        check_turn(values["angle"])
        _check(values)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def area(self) -> Tensor:
        """Area π·a·b."""
        return math.pi * self.a * self.b

    @cached_property
    def is_centred(self) -> bool:
        """Whether the centre is the origin."""
        return not bool(self.x.any()) and not bool(self.y.any())

    @property
    def reach(self) -> Tensor:
        """Length of the longer semi-axis, and how far the centre is off."""
        longer = torch.maximum(self.a, self.b)
        return longer if self.is_centred else longer + _length(self.x, self.y)

    @property
    def symmetry(self) -> Symmetry:
        """The mirrors and turns which keep the centre and the axes."""
        if self.is_centred and torch.equal(self.a, self.b):
            return Symmetry.ALL
        scale = float(self.reach.detach().max())
        centre = torch.stack([self.x, self.y], -1).detach().numpy()
        spread_out = _second_moments(*(value.detach().numpy() for value in (self.a, self.b, self.angle)))

        def kept(operation: Symmetry) -> bool:
            matrix = operation.matrix
            moved = np.abs(centre @ matrix.T - centre).max()
            turned = np.abs(matrix @ spread_out @ matrix.T - spread_out).max()
            return bool(moved <= SAME * scale and turned <= SAME * scale**2)

        return Symmetry.where(kept)

    def fourier(self, kx: Real, ky: Real) -> Tensor:
        """Fourier integral: the area times 2·J1(q)/q, q² = (a·k_u)² + (b·k_v)², and the centre's phase."""
        kx, ky = broadcast(kx, ky)
        a, b, angle, x, y = self._spread(kx.dim())
        along, across = _turned(kx, ky, angle)
        size = math.pi * a * b * reduced_bessel((a * along).square() + (b * across).square(), 1)
        phase = kx * x + ky * y
        return torch.complex(size * torch.cos(phase), -size * torch.sin(phase))

    def contains(self, x: Real, y: Real) -> Tensor:
        """Whether a point lies inside."""
        return self.distance(x, y) < 0

    def distance(self, x: Real, y: Real) -> Tensor:
        """Distance from the boundary: exact for a circle, else to first order."""
        level, slope_u, slope_v, _ = self._level(x, y)
        slope = _length(slope_u, slope_v)
        return torch.where(slope > 0, (level - 1) / torch.where(slope > 0, slope, 1.0), -self._least(slope))

    def normal(self, x: Real, y: Real) -> tuple[Tensor, Tensor]:
        """Normal of the ellipse of the same centre and proportions that goes through the point."""
        _, slope_u, slope_v, angle = self._level(x, y)
        slope = _length(slope_u, slope_v)
        inverse = torch.where(slope > 0, 1 / torch.where(slope > 0, slope, 1.0), 0.0)
        return _turned(slope_u * inverse, slope_v * inverse, -angle)

    def support(self, x: Real, y: Real) -> Tensor:
        """Support √((a·u)² + (b·v)²) along the axes, and how far the centre is off."""
        x, y = broadcast(x, y)
        a, b, angle, offset_x, offset_y = self._spread(x.dim())
        along, across = _turned(x, y, angle)
        return _length(a * along, b * across) + offset_x * x + offset_y * y

    def outline(self, tolerance: float) -> tuple[NDArray[np.float64], ...]:
        """A polygon whose corners lie a little outside, so that its area is that of the ellipse."""
        check_outline(tolerance)
        values = (self.a, self.b, self.angle, self.x, self.y)
        a, b, angle, x, y = (value.detach().numpy()[..., None] for value in values)
        corners = _corner_count(tolerance / max(float(a.max(initial=SMALLEST)), float(b.max(initial=0.0))))
        t = 2 * math.pi * np.arange(corners) / corners
        u, v = a * _excess(corners) * np.cos(t), b * _excess(corners) * np.sin(t)
        cosine, sine = np.cos(angle), np.sin(angle)
        return (np.stack([x + cosine * u - sine * v, y + sine * u + cosine * v], -1),)

    def _spread(self, axes: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        a, b, angle, x, y = (spread(value, axes) for value in (self.a, self.b, self.angle, self.x, self.y))
        return a, b, angle, x, y

    def _level(self, x: Real, y: Real) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """√((u/a)² + (v/b)²), its gradient along the axes, and the angle of the axes."""
        x, y = broadcast(x, y)
        a, b, angle, x0, y0 = self._spread(x.dim())
        a, b = a.clamp(min=SMALLEST), b.clamp(min=SMALLEST)
        u, v = _turned(x - x0, y - y0, angle)
        level = _length(u / a, v / b)
        safe = torch.where(level > 0, level, 1.0)
        return level, u / a**2 / safe, v / b**2 / safe, angle

    def _least(self, like: Tensor) -> Tensor:
        """The shorter semi-axis: how deep the centre lies."""
        return spread(torch.minimum(self.a, self.b), like.dim() - self.a.dim())


def _check(values: dict[str, Tensor]) -> None:
    together = torch.stack(list(values.values()), -1).detach()
    allowed = (together >= LEAST) & (together < math.inf)
    if bool(allowed.all()):
        return
    wrong = int((~allowed).reshape(-1, len(NAMES)).any(0).long().argmax())
    name, value = NAMES[wrong], together[..., wrong]
    raise InputError(f"{name} of an ellipse is {value}; semi-axes are positive numbers, or 0: no pillar")


def _turned(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Components of a vector along axes that are turned by an angle."""
    if not angle.requires_grad and not angle.any():
        return x, y
    cosine, sine = torch.cos(angle), torch.sin(angle)
    return cosine * x + sine * y, cosine * y - sine * x


def _length(x: Tensor, y: Tensor) -> Tensor:
    """√(x² + y²), with the gradient 0 at 0."""
    square = x.square() + y.square()
    return torch.where(square > 0, torch.where(square > 0, square, 1.0).sqrt(), 0.0)


def _second_moments(
    a: NDArray[np.float64], b: NDArray[np.float64], angle: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[..., 2, 2] a²·u·uᵀ + b²·v·vᵀ with the directions u, v of the axes: it says all but the centre."""
    u = np.stack([np.cos(angle), np.sin(angle)], -1)
    outer = u[..., :, None] * u[..., None, :]
    return np.asarray((a**2 - b**2)[..., None, None] * outer + (b**2)[..., None, None] * np.eye(2))


def _excess(corners: int) -> float:
    """Corner radius of a regular polygon that has the area of the unit circle."""
    return math.sqrt(2 * math.pi / corners / math.sin(2 * math.pi / corners))


def _corner_count(tolerance: float) -> int:
    """The fewest corners, a multiple of four, that stay within a share of the radius."""
    corners = 4 * math.ceil(math.pi / math.sqrt(3 * tolerance) / 4)
    while _excess(corners) - 1 > tolerance:
        corners += 4
    return corners
