"""Whether pillars have room on a lattice, whatever shape each of them has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
import shapely.affinity
from numpy.typing import NDArray

from metagen.device.lattice import Lattice
from metagen.device.shapes import Shape

OUTLINE = 1e-4
"""Tolerance of outlines, as a share of the reach."""
TOUCHING = 1e-5
"""Overlap of two shapes, as a share of the squared reach, that counts as none: at most 4·10⁻⁴ of the reach
deep."""


def overlap(shapes: Sequence[Shape], lattice: Lattice) -> NDArray[np.float64] | None:
    """The way [2] from a site to a neighbour where any two of some shapes overlap; None if none do.

    Since every pillar may have any of the shapes, what counts is the region that all of them cover. Holes are
    no room: a pillar within a hole of its neighbour is none that can be made.
    """
    reach = max(float(shape.reach) for shape in shapes)
    lattice.check_reach(reach)
    bodies = [shapely.Polygon(shape.outline(OUTLINE * reach)[0]) for shape in shapes]
    covered = shapely.union_all(bodies)
    for vector in lattice.neighbours(2 * reach):
        shared = shapely.intersection(covered, shapely.affinity.translate(covered, *vector)).area
        if shared > TOUCHING * reach**2:
            return np.asarray(vector)
    return None
