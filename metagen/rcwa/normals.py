"""A smooth field of directions that is normal to all walls of a cell, as a projector n·nᵀ.

N has trace one everywhere and is n·nᵀ on the walls; where no direction is preferred it is ½. It is periodic
and smooth away from corners, so that its Fourier series converges fast. Two fields are in use: between the
walls of any shapes directions are weighted by distance; an ellipse alone in a square cell has its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from metagen.device.lattice import Lattice
from metagen.device.shapes import Difference, Ellipse, Polygon, Shape
from metagen.device.shapes.shape import spread
from metagen.device.symmetry import Symmetry
from metagen.rcwa.cell import Cell

QUADRATURE = 96
"""Points along either side of the primitive cell for the Fourier integrals. More change t of the paper's cell
by less than 1e-7, and by up to 1e-4 where neighbouring pillars almost touch (a gap of 3 nm)."""
SMALLEST = 1e-6
"""Semi-axes below this count as this; without a pillar the direction has no meaning."""
NEAR = 1e-4
"""Distance from a wall, as a share of the range of the weights, below which all walls are equally close."""

Projector = tuple[Tensor, Tensor]
"""[..., X, Y] N_xx and N_xy; N_yy is 1 − N_xx."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Points that fill a primitive cell evenly.

    They are r = (u + origin)·a1 + (v + origin)·a2 with the lattice vectors a1, a2. In a rectangular cell all
    mirrors keep the points and none lies on an axis; else the origin is one, so that turns keep them.

    Attributes:
        x, y: [X, Y] positions.
        steps: [X] u or v, from 0 to 1.
        labels: [2, 2] from orders (m, n) of the rectangular cell to those of the primitive one.
    """

    x: Tensor
    y: Tensor
    steps: Tensor
    labels: Tensor

    @classmethod
    def of(cls, lattice: Lattice) -> Grid:
        """The points of a lattice."""
        vectors = torch.from_numpy(lattice.primitive)
        is_rectangular = abs(float(vectors[1, 0])) < 1e-9 * lattice.pitch[0]
        steps = (torch.arange(QUADRATURE, dtype=torch.float64) + 0.5 * is_rectangular) / QUADRATURE - 0.5
        places = (steps[:, None] * vectors[0, axis] + steps * vectors[1, axis] for axis in (0, 1))
        x, y = (p - side * (p / side).round() for p, side in zip(places, lattice.pitch, strict=True))
        labels = vectors / torch.tensor(lattice.pitch, dtype=torch.float64)
        return cls(x, y, steps, labels)

    def transform(self, values: Tensor, orders: Tensor) -> Tensor:
        """[..., d] Fourier coefficients at orders [d, 2] of a function sampled at the points [..., X, Y]."""
        p, q = (orders.double() @ self.labels.T).round().long().unbind(-1)
        columns, column = torch.unique(p, return_inverse=True)
        rows, row = torch.unique(q, return_inverse=True)
        along, across = (2 * math.pi * k.double()[:, None] * self.steps for k in (columns, rows))
        real, imaginary = torch.cos(along) @ values, torch.sin(along) @ values
        cosine, sine = torch.cos(across).T, torch.sin(across).T
        even = (real @ cosine - imaginary @ sine) / QUADRATURE**2
        odd = (real @ sine + imaginary @ cosine) / QUADRATURE**2
        return torch.complex(even, -odd)[..., column, row]


def normal_projector(cell: Cell, orders: Tensor) -> Projector:
    """[..., d] Fourier coefficients of N_xx and N_xy at orders [d, 2], real if the cell has a half turn."""
    grid = Grid.of(cell.lattice)
    parts = _on_grid(_field_of(cell), grid, cell.symmetry)
    n_xx, n_xy = (grid.transform(part, orders) for part in parts)
    return (n_xx.real, n_xy.real) if Symmetry.HALF_TURN in cell.symmetry else (n_xx, n_xy)


def _on_grid(field: Callable[[Tensor, Tensor], Projector], grid: Grid, symmetry: Symmetry) -> Projector:
    """The field at all points; where it has two mirrors, from those of a quarter."""
    if Symmetry.TWO_MIRRORS not in symmetry or grid.steps[0] == -0.5:
        return field(grid.x, grid.y)
    half = QUADRATURE // 2
    n_xx, n_xy = field(grid.x[half:, half:], grid.y[half:, half:])
    n_xx = torch.cat([n_xx.flip(-1), n_xx], -1)
    n_xy = torch.cat([-n_xy.flip(-1), n_xy], -1)
    return torch.cat([n_xx.flip(-2), n_xx], -2), torch.cat([-n_xy.flip(-2), n_xy], -2)


def _field_of(cell: Cell) -> Callable[[Tensor, Tensor], Projector]:
    ellipses = _concentric(cell.shapes[0]) if len(cell.shapes) == 1 and cell.lattice.is_square else None
    if ellipses is not None:
        outline = _Outline.of(*ellipses)
        return lambda x, y: _radial(outline, cell.lattice.pitch[0], x, y)
    return lambda x, y: _between_walls(cell, x, y)


# An ellipse, or a ring, alone in a square cell.


def _concentric(shape: Shape) -> tuple[Ellipse, Ellipse | None] | None:
    """The ellipse about its site that a shape is, and a hole in it of the same proportions; else None."""
    if isinstance(shape, Ellipse):
        centred = not bool(torch.stack([shape.x, shape.y]).detach().any())
        return (shape, None) if centred else None
    if not (isinstance(shape, Difference) and isinstance(shape.outer, Ellipse)):
        return None
    outer, inner = shape.outer, shape.inner
    if not isinstance(inner, Ellipse) or _concentric(outer) is None or _concentric(inner) is None:
        return None
    alike = torch.allclose(inner.a * outer.b, inner.b * outer.a, rtol=1e-9, atol=0)
    is_round = torch.equal(outer.a.detach(), outer.b.detach())
    return (outer, inner) if alike and (is_round or torch.equal(inner.angle, outer.angle)) else None


@dataclass(frozen=True, eq=False)
class _Outline:
    """Semi-axes and turn of the outer wall, and the inner wall as a fraction of it, [..., 1, 1] each."""

    a: Tensor
    b: Tensor
    cosine: Tensor
    sine: Tensor
    hole: Tensor

    @classmethod
    def of(cls, outer: Ellipse, inner: Ellipse | None) -> _Outline:
        a, b = outer.a.clamp(min=SMALLEST), outer.b.clamp(min=SMALLEST)
        hole = torch.zeros_like(a) if inner is None else inner.a / a
        values = (a, b, torch.cos(outer.angle), torch.sin(outer.angle), hole)
        return cls(*(spread(value, 2) for value in values))

    def turned(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates along the axes."""
        return self.cosine * x + self.sine * y, self.cosine * y - self.sine * x


def _radial(outline: _Outline, period: float, x: Tensor, y: Tensor) -> Projector:
    """Outside, the wall's own direction fades along each ray from the centre into that of a periodic field
    whose direction is radial near the centre; inside, it fades into ½.
    """
    half = period / 2
    u, v = outline.turned(x, y)
    level, hole = torch.hypot(u / outline.a, v / outline.b), outline.hole
    edge = level * half / torch.maximum(x.abs(), y.abs())
    toward = 1 - (level / torch.where(hole > 0, hole, 1.0)).clamp(max=1).square()
    certain = 1 - toward.square().square()
    beyond = torch.where(level > 1, smooth_step((level - 1) / (edge - 1)), torch.zeros_like(level))
    after_hole = torch.where(hole > 0, smooth_step((level - hole) / (1 - hole)), torch.ones_like(level))
    wall = _direction(outline, u, v)
    here = _periodic_projector(math.pi * x / half, math.pi * y / half)
    there = _periodic_projector(math.pi * x / (level * half), math.pi * y / (level * half))
    n_xx, n_xy = (
        w + (h - t) * after_hole - (w - t) * beyond for w, h, t in zip(wall, here, there, strict=True)
    )
    return 0.5 + certain * (n_xx - 0.5), certain * n_xy


def _direction(outline: _Outline, u: Tensor, v: Tensor) -> Projector:
    """The projector on the normal of an ellipse through a point that is given along the axes."""
    slope_u, slope_v = u / outline.a**2, v / outline.b**2
    slope_x = outline.cosine * slope_u - outline.sine * slope_v
    slope_y = outline.sine * slope_u + outline.cosine * slope_v
    square = slope_x * slope_x + slope_y * slope_y
    square = torch.where(square > 0, square, 1.0)
    return slope_x * slope_x / square, slope_x * slope_y / square


def smooth_step(u: Tensor) -> Tensor:
    """0 below 0, 1 above 1, with three continuous derivatives."""
    u = u.clamp(0, 1)
    square = u * u
    return square * square * (35 - 84 * u + (70 - 20 * u) * square)


def _periodic_projector(x: Tensor, y: Tensor) -> Projector:
    """xx and xy of a trace-one projector with period 2π that is radial near the origin."""
    sine_x, sine_y = torch.sin(x / 2), torch.sin(y / 2)
    x_part, y_part = 4 * sine_x * sine_x, 4 * sine_y * sine_y
    return x_part / (x_part + y_part), torch.sin(x) * torch.sin(y) / (x_part + y_part)


# Any shapes on any lattice.


def _between_walls(cell: Cell, x: Tensor, y: Tensor) -> Projector:
    """The doubled angles of all walls, weighted by (1/d² − 1/R²)² of the distance d up to a range R.

    On a wall its own direction wins; half way between walls at right angles, none does (D. Shepard, Proc. ACM
    National Conf. 517 (1968)).
    """
    reach = _range(cell.lattice)
    cosine, sine, total = torch.zeros_like(x), torch.zeros_like(x), torch.zeros_like(x)
    for wall, shift_x, shift_y in _walls(cell, reach):
        square, double_cosine, double_sine = wall(x - shift_x, y - shift_y)
        weight = (1 / (square + (NEAR * reach) ** 2) - 1 / reach**2).clamp(min=0).square()
        cosine = cosine + weight * double_cosine
        sine = sine + weight * double_sine
        total = total + weight
    return 0.5 + cosine / total / 2, sine / total / 2


def _range(lattice: Lattice) -> float:
    """A distance within which every point has a wall: as far as the sites of a square lattice are apart."""
    return float(np.hypot(*lattice.pitch)) / math.sqrt(2 * len(lattice.sites))


Wall = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""From points to the squared distance, and the cosine and the sine of twice the angle of the normal."""


def _walls(cell: Cell, reach: float) -> Iterator[tuple[Wall, float, float]]:
    """Every wall that is within reach of some point of the cell about the origin, and its displacement."""
    px, py = cell.lattice.pitch
    for shape, (site_x, site_y) in cell.pillars:
        walls = list(_walls_of(shape))
        far = reach + float(shape.reach.detach().max())
        for i in range(-math.ceil(far / px) - 1, math.ceil(far / px) + 2):
            for j in range(-math.ceil(far / py) - 1, math.ceil(far / py) + 2):
                shift = site_x + i * px, site_y + j * py
                if abs(shift[0]) <= px / 2 + far and abs(shift[1]) <= py / 2 + far:
                    yield from ((wall, *shift) for wall in walls)


def _walls_of(shape: Shape) -> Iterator[Wall]:
    if isinstance(shape, Difference):
        yield from _walls_of(shape.outer)
        yield from _walls_of(shape.inner)
    elif isinstance(shape, Ellipse):
        yield _ellipse_wall(shape)
    elif isinstance(shape, Polygon):
        yield from (_edge_wall(shape, edge) for edge in range(shape.vertices.shape[-2]))
    else:
        raise TypeError(f"{type(shape).__name__} has unknown walls; make it of Ellipse, Polygon, Difference")


def _edge_wall(polygon: Polygon, number: int) -> Wall:
    start = polygon.vertices[..., number, :]
    edge = polygon.vertices.roll(-1, -2)[..., number, :] - start
    start_x, start_y, edge_x, edge_y = (spread(v, 2) for v in (*start.unbind(-1), *edge.unbind(-1)))
    length = edge_x.square() + edge_y.square()
    safe = torch.where(length > 0, length, 1.0)

    def wall(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        share = (((x - start_x) * edge_x + (y - start_y) * edge_y) / safe).clamp(0, 1)
        square = (x - start_x - share * edge_x).square() + (y - start_y - share * edge_y).square()
        square = torch.where(length > 0, square, math.inf)
        return square, (edge_y.square() - edge_x.square()) / safe, -2 * edge_x * edge_y / safe

    return wall


def _ellipse_wall(ellipse: Ellipse) -> Wall:
    """Distances are to first order; towards the centre, which has no direction, the direction fades."""
    outline = _Outline.of(ellipse, None)
    centre_x, centre_y = spread(ellipse.x, 2), spread(ellipse.y, 2)

    def wall(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u, v = outline.turned(x - centre_x, y - centre_y)
        level_square = (u / outline.a).square() + (v / outline.b).square()
        slope = (u / outline.a**2).square() + (v / outline.b**2).square()
        level = torch.where(level_square > 0, level_square, SMALLEST).sqrt()
        square = ((level - 1) * level).square() / slope.clamp(min=1e-30)
        n_xx, n_xy = _direction(outline, u, v)
        certain = 1 - (1 - level_square.clamp(max=1)).square()
        return square, certain * (2 * n_xx - 1), certain * 2 * n_xy

    return wall
