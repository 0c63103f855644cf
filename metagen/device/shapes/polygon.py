"""The polygon."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import shapely
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.errors import InputError
from metagen.base.tensors import Real, as_real, reduced_bessel
from metagen.device.shapes.shape import SAME, broadcast, check_outline, check_turn, spread
from metagen.device.symmetry import Symmetry

SMALL_PHASE = 0.5
"""Where |k·r| stays below this all over a polygon its transform is a power series in k."""
SERIES_TERMS = 15
"""Terms of that series; the next term is 1.4·10⁻¹⁸ of the area at most."""
TINY = 1e-200
"""Squares of wave vectors below this are replaced in the branch that is not used there."""
FLAT = 1e-12
"""A polygon whose hull is a smaller share of the square about it has no area but rounding."""
EDGE_MARKS = (0.0, 0.25, 0.5, 0.75)
"""Points of every edge, as shares of it, that a symmetry must carry to such points."""


@dataclass(frozen=True, eq=False, init=False)
class Polygon:
    """A polygon (or a batch of them), see :class:`metagen.device.shapes.Shape`.

    Attributes:
        vertices: [..., V, 2] corners in counterclockwise order, turned and moved. Equal neighbours are
            allowed: they add nothing, and let polygons with fewer corners share a batch with others.
    """

    vertices: Tensor

    def __init__(self, vertices: Real, angle: Real = 0.0, centre: tuple[Real, Real] = (0.0, 0.0)) -> None:
        """Make a polygon from corners [..., V, 2] in either order.

        Args:
            vertices: corners, before the turn.
            angle: [...] turn about the origin, counterclockwise, in radians.
            centre: [...] x and y by which it is then moved.

        Raises:
            InputError: fewer than three corners, a number that is not finite, or edges that cross.
        """
        corners = as_real(vertices, "vertices")
        if corners.dim() < 2 or corners.shape[-1] != 2 or corners.shape[-2] < 3:
            raise InputError(f"vertices have shape {list(corners.shape)}; they must be [..., V, 2], V ≥ 3")
        turn = as_real(angle, "angle")
        check_turn(turn)
        x, y = _turned(corners[..., 0], corners[..., 1], turn[..., None])
        shift_x, shift_y = broadcast(*centre)
        placed = torch.stack([x + shift_x[..., None], y + shift_y[..., None]], -1)
        check_simple(placed.detach().numpy())
        clockwise = (_signed_area(placed) < 0)[..., None, None]
        object.__setattr__(self, "vertices", torch.where(clockwise, placed.flip(-2), placed))

    @classmethod
    def through(cls, *corners: tuple[Real, Real], angle: Real = 0.0) -> Self:
        """Make a polygon from its corners in order, each x [...] and y [...]; they broadcast together.

        Args:
            corners: before the turn.
            angle: [...] turn about the origin, counterclockwise, in radians.

        Raises:
            InputError: fewer than three corners, a number that is not finite, or edges that cross.
        """
        values = broadcast(*itertools.chain(*corners))
        return cls(torch.stack([torch.stack(values[::2], -1), torch.stack(values[1::2], -1)], -1), angle)

    @property
    def area(self) -> Tensor:
        """Area by the shoelace formula."""
        return _signed_area(self.vertices)

    @property
    def reach(self) -> Tensor:
        """Distance of the farthest corner from the origin."""
        square = self.vertices.square().sum(-1).amax(-1)
        return torch.where(square > 0, torch.where(square > 0, square, 1.0).sqrt(), 0.0)

    @property
    def symmetry(self) -> Symmetry:
        """The mirrors and turns which carry every edge to an edge."""
        vertices = self.vertices.detach().numpy()
        edges = np.roll(vertices, -1, -2) - vertices
        marks = np.concatenate([vertices + share * edges for share in EDGE_MARKS], -2)

        def kept(operation: Symmetry) -> bool:
            matrix = operation.matrix
            apart = np.abs((marks @ matrix.T)[..., :, None, :] - marks[..., None, :, :]).max(-1)
            return bool(apart.min(-1).max() <= SAME * float(self.reach.detach().max()))

        return Symmetry.where(kept)

    def fourier(self, kx: Real, ky: Real) -> Tensor:
        """Fourier integral as a sum over edges (the divergence theorem); where k is small, a power series.

        Both are taken about the mean of the corners: what point that is changes nothing.
        """
        kx, ky = broadcast(kx, ky)
        flat_x, flat_y = kx.reshape(-1), ky.reshape(-1)
        middle = self.vertices.detach().mean(-2)
        corners = self.vertices - middle[..., None, :]
        phases = corners[..., 0, None] * flat_x + corners[..., 1, None] * flat_y
        value = _edge_sum(corners, phases, flat_x, flat_y)
        small = phases.detach().abs().amax(-2) < SMALL_PHASE
        columns = torch.nonzero(small.reshape(-1, small.shape[-1]).any(0))[:, 0]
        series = _power_series(corners, phases[..., columns])
        mended = torch.where(small[..., columns], series, value[..., columns])
        shift = middle[..., 0, None] * flat_x + middle[..., 1, None] * flat_y
        whole = value.index_copy(-1, columns, mended) * torch.polar(torch.ones_like(shift), -shift)
        return whole.reshape((*whole.shape[:-1], *kx.shape))

    def contains(self, x: Real, y: Real) -> Tensor:
        """Whether a point lies inside."""
        x, y = broadcast(x, y)
        bodies = np.asarray(shapely.polygons(self.vertices.detach().numpy()))
        inside = shapely.contains_xy(
            bodies.reshape((*bodies.shape, *([1] * x.dim()))), x.detach().numpy(), y.detach().numpy()
        )
        return torch.from_numpy(np.asarray(inside))

    def distance(self, x: Real, y: Real) -> Tensor:
        """Distance from the boundary, exact."""
        away_x, away_y, _, _ = self._nearest(x, y)
        square = away_x.square() + away_y.square()
        length = torch.where(square > 0, torch.where(square > 0, square, 1.0).sqrt(), 0.0)
        return torch.where(self.contains(x, y), -length, length)

    def normal(self, x: Real, y: Real) -> tuple[Tensor, Tensor]:
        """Normal of the nearest edge; outside a corner the direction from the corner."""
        away_x, away_y, edge_x, edge_y = self._nearest(x, y)
        square = away_x.square() + away_y.square()
        far = square > (SAME * spread(self.reach.detach(), square.dim() - self.reach.dim())).square()
        sign = torch.where(self.contains(x, y), -1.0, 1.0)
        inverse = sign / torch.where(far, square, 1.0).sqrt()
        return torch.where(far, away_x * inverse, edge_y), torch.where(far, away_y * inverse, -edge_x)

    def support(self, x: Real, y: Real) -> Tensor:
        """Support of the farthest corner."""
        x, y = broadcast(x, y)
        corners_x, corners_y = (spread(part, x.dim()) for part in self.vertices.unbind(-1))
        return (corners_x * x + corners_y * y).amax(-1 - x.dim())

    def outline(self, tolerance: float) -> tuple[NDArray[np.float64], ...]:
        """The corners of the polygon itself."""
        check_outline(tolerance)
        return (self.vertices.detach().numpy().copy(),)

    def _nearest(self, x: Real, y: Real) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """From the nearest point of the boundary to a point, and the direction of the edge it lies on."""
        x, y = broadcast(x, y)
        start = spread(self.vertices, x.dim())
        edge = spread(self.vertices.roll(-1, -2) - self.vertices, x.dim())
        axis = self.vertices.dim() - 1
        (start_x, start_y), (edge_x, edge_y) = start.unbind(axis), edge.unbind(axis)
        square = edge_x.square() + edge_y.square()
        safe = torch.where(square > 0, square, 1.0)
        share = (((x - start_x) * edge_x + (y - start_y) * edge_y) / safe).clamp(0, 1)
        away_x, away_y = x - start_x - share * edge_x, y - start_y - share * edge_y
        apart = torch.where(square > 0, away_x.square() + away_y.square(), math.inf)
        nearest = apart.argmin(axis - 1, keepdim=True)
        parts = (away_x, away_y, edge_x / safe.sqrt(), edge_y / safe.sqrt())
        found = [part.expand(apart.shape).gather(axis - 1, nearest).squeeze(axis - 1) for part in parts]
        return found[0], found[1], found[2], found[3]


def check_simple(vertices: NDArray[np.float64]) -> None:
    """Refuse polygons [..., V, 2] whose edges cross; those without any area are no pillar, and pass.

    Raises:
        InputError: edges cross, or a corner is not finite.
    """
    if not np.isfinite(vertices).all():
        raise InputError(f"vertices are {vertices.tolist()}; every coordinate must be a finite number")
    bodies = np.asarray(shapely.polygons(vertices)).reshape(-1)
    extent = np.ptp(vertices, axis=-2).max(-1).reshape(-1)
    crossed = ~shapely.is_valid(bodies) & (shapely.area(shapely.convex_hull(bodies)) > FLAT * extent**2)
    if crossed.any():
        first = int(np.argmax(crossed))
        corners = vertices.reshape(-1, *vertices.shape[-2:])[first]
        raise InputError(
            f"polygon with the corners {corners.tolist()} crosses or touches itself "
            f"({shapely.is_valid_reason(bodies[first])}); list the corners in order along the boundary"
        )


def _turned(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """A vector turned counterclockwise."""
    cosine, sine = torch.cos(angle), torch.sin(angle)
    return cosine * x - sine * y, sine * x + cosine * y


def _cross_products(corners: Tensor) -> Tensor:
    """[..., V] x_j·y_{j+1} − y_j·x_{j+1}, twice the area between an edge and the origin."""
    following = corners.roll(-1, -2)
    return corners[..., 0] * following[..., 1] - corners[..., 1] * following[..., 0]


def _signed_area(vertices: Tensor) -> Tensor:
    middle = vertices.detach().mean(-2, keepdim=True)
    return _cross_products(vertices - middle).sum(-1) / 2


def _edge_sum(corners: Tensor, phases: Tensor, kx: Tensor, ky: Tensor) -> Tensor:
    """[..., K] (i/k²)·Σ (k × e)·exp(−i·k·m)·sinc(k·e/2) over edges e with middles m.

    sinc(k·e/2) is 1 where k is normal to an edge.
    """
    following = phases.roll(-1, -2)
    edges = corners.roll(-1, -2) - corners
    flux = kx * edges[..., 1, None] - ky * edges[..., 0, None]
    weight = flux * reduced_bessel(((following - phases) / 2).square(), 0.5)
    middle = (following + phases) / 2
    square = kx.square() + ky.square()
    real, imaginary = (weight * torch.sin(middle)).sum(-2), (weight * torch.cos(middle)).sum(-2)
    return torch.complex(real, imaginary) / torch.where(square > TINY, square, 1.0)


def _power_series(corners: Tensor, phases: Tensor) -> Tensor:
    """[..., K] Σ over edges and n of (x_j·y_{j+1} − y_j·x_{j+1})·(−i)ⁿ·h_n/(n + 2)!.

    h_n is the sum of αⁱ·βⁿ⁻ⁱ with the phases α, β of the ends of an edge: the moments of the triangle between
    the edge and the origin.
    """
    following = phases.roll(-1, -2)
    moment, power = torch.ones_like(phases), torch.ones_like(phases)
    parts = [torch.zeros_like(phases), torch.zeros_like(phases)]
    for n in range(SERIES_TERMS):
        sign = -1 if n % 4 in (1, 2) else 1
        parts[n % 2] = parts[n % 2] + moment * (sign / math.factorial(n + 2))
        power = power * following
        moment = moment * phases + power
    cross = _cross_products(corners)[..., None]
    return torch.complex((cross * parts[0]).sum(-2), (cross * parts[1]).sum(-2))
