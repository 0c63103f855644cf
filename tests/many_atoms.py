"""Platforms of every meta-atom on several lattices, and layouts of them, for the tests of layout files."""

import math

import numpy as np
import shapely
import shapely.affinity
import torch

import metagen as mg
from metagen.device.atoms import Circle, Cross, Ellipse, Fixed, Kind, LShape, Rectangle, Ring, Square
from metagen.device.lattice import Lattice

SQUARE, WIDE, HEXAGONAL = Lattice.square(0.45), Lattice.rectangular(0.5, 0.45), Lattice.hexagonal(0.45)
TURN = (0.0, math.pi)
L_SHAPE = ((-0.15, -0.15), (0.15, -0.15), (0.15, -0.05), (-0.05, -0.05), (-0.05, 0.15), (-0.15, 0.15))
BAR = ((-0.18, -0.05), (0.18, -0.05), (0.18, 0.05), (-0.18, 0.05))
FIN = Rectangle((0.2, 0.35), (0.06, 0.15), TURN)
PLATFORMS = {
    "fins": mg.Platform(lattice=SQUARE, atom=FIN),
    "turned fins": mg.Platform(lattice=Lattice.square(0.43), atom=Rectangle(0.41, 0.085, TURN)),
    "fins, hexagonal": mg.Platform(lattice=HEXAGONAL, atom=FIN),
    "upright fins": mg.Platform(lattice=WIDE, atom=Rectangle((0.1, 0.4), (0.1, 0.4))),
    "ellipses": mg.Platform(lattice=HEXAGONAL, atom=Ellipse((0.2, 0.4), (0.1, 0.2), (-1.0, 1.0))),
    "squares": mg.Platform(lattice=WIDE, atom=Square((0.1, 0.3), (0.0, math.pi / 2))),
    "rings": mg.Platform(lattice=HEXAGONAL, atom=Ring((0.12, 0.2), (0.02, 0.1))),
    "thin rings": mg.Platform(lattice=SQUARE, atom=Ring((0.12, 0.2), 0.05)),
    "crosses": mg.Platform(lattice=WIDE, atom=Cross((0.2, 0.3), (0.05, 0.15), (-math.pi / 4, math.pi / 4))),
    "Ls": mg.Platform(lattice=SQUARE, atom=LShape((0.2, 0.3), (0.05, 0.15), (0.0, 2 * math.pi))),
    "a list": mg.Platform(lattice=WIDE, atom=Fixed((L_SHAPE, BAR))),
    "one shape": mg.Platform(lattice=SQUARE, atom=Fixed((L_SHAPE,))),
    "circles, hexagonal": mg.Platform(lattice=HEXAGONAL, atom=Circle((0.05, 0.2))),
    "equal circles": mg.Platform(lattice=SQUARE, atom=Circle(0.1)),
}


def some_layout(platform, counts=(7, 5), seed=0, empty=0.2):
    """Independent values within the limits, and a share of sites without a pillar."""
    random = np.random.default_rng(seed)
    shape = (*counts, len(platform.lattice.sites))
    columns = [
        random.integers(p.low, p.high + 1, shape)
        if p.kind is Kind.CHOICE
        else random.uniform(p.low, p.high, shape)
        for p in platform.atom.parameters
    ]
    values = np.stack(columns, -1).astype(float) if columns else np.zeros((*shape, 0))
    return mg.Layout(platform, values, "some", present=random.random(shape) >= empty)


def regions(layout, tolerance=1e-6):
    """The pillars of a layout as the geometry library has them, by [i, j, s]."""
    found = {}
    for place in zip(*np.nonzero(layout.present), strict=True):
        shape = layout.platform.atom.shape(torch.tensor(layout.values[place]))
        outer, *holes = (shapely.Polygon(polygon) for polygon in shape.outline(tolerance))
        found[place] = shapely.affinity.translate(
            outer.difference(shapely.union_all(holes)), *layout.centres[place]
        )
    return found
