"""The field of normals between the walls of any shapes on any lattice: directions weighted by distance."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from metagen.device.lattice import Lattice
from metagen.device.shapes import Difference, Ellipse, Polygon, Shape
from metagen.device.shapes.shape import spread
from metagen.rcwa.cell import Cell
from metagen.rcwa.radial import SMALLEST, Outline, Projector

NEAR = 1e-4
"""Distance from a wall, as a share of the range of the weights, below which all walls are equally close."""

Wall = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""From points to the squared distance, and the cosine and the sine of twice the angle of the normal."""


def projector_between_walls(cell: Cell, x: Tensor, y: Tensor) -> Projector:
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
    outline = Outline.of(ellipse)
    centre_x, centre_y = spread(ellipse.x, 2), spread(ellipse.y, 2)

    def wall(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u, v = outline.turned(x - centre_x, y - centre_y)
        level_square = (u / outline.a).square() + (v / outline.b).square()
        slope = (u / outline.a**2).square() + (v / outline.b**2).square()
        level = torch.where(level_square > 0, level_square, SMALLEST).sqrt()
        square = ((level - 1) * level).square() / slope.clamp(min=1e-30)
        n_xx, n_xy = outline.direction(u, v)
        certain = 1 - (1 - level_square.clamp(max=1)).square()
        return square, certain * (2 * n_xx - 1), certain * 2 * n_xy

    return wall
