"""Exact gaps between neighbouring pillars, of any shape and wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import KDTree

from metagen.device.atoms import Atom
from metagen.fab.steps import is_circle

OUTLINE = 1e-5
"""Tolerance of curved outlines, in micrometres: gaps are exact to twice that, of polygons to rounding."""
CHUNK = 1 << 15
"""Pairs that are measured at once, so that memory stays flat."""

Values = NDArray[np.float64]
Pairs = NDArray[np.intp]


def narrow_gaps(
    atom: Atom, values: Values, centres: Values, limit: float, bias: float = 0.0
) -> tuple[Pairs, Values]:
    """Find the pairs of pillars whose walls are closer to each other than a limit.

    Time and memory grow with the number of pillars: only pairs are looked at whose circles come that close.

    Args:
        atom: the family of their shapes.
        values: [N, P] their parameters.
        centres: [N, 2] where they stand.
        limit: the smallest gap that is not reported.
        bias: how far their walls are moved outwards first.

    Returns:
        [M, 2] which pillars, and [M] the distances between their outlines; 0 where they overlap.
    """
    pairs, bounds = _candidates(atom, values, centres, limit, bias)
    if is_circle(atom):
        return pairs, bounds.clip(min=0.0)
    gaps = np.concatenate([np.empty(0), *_measured(atom, values, centres, pairs, bias)])
    return pairs[gaps < limit], gaps[gaps < limit]


def _candidates(
    atom: Atom, values: Values, centres: Values, limit: float, bias: float
) -> tuple[Pairs, Values]:
    """Pairs of pillars the circles around which come closer than the limit, and how close these come."""
    if len(centres) < 2:
        return np.empty((0, 2), dtype=np.intp), np.empty(0)
    reach = _reach(atom, values, bias)
    pairs = KDTree(centres).query_pairs(2 * float(reach.max()) + limit, output_type="ndarray")
    apart = np.hypot(*(centres[pairs[:, 0]] - centres[pairs[:, 1]]).T)
    bounds = apart - reach[pairs].sum(axis=1)
    near = bounds < limit
    order = np.lexsort(pairs[near].T[::-1])
    return pairs[near][order], bounds[near][order]


def _reach(atom: Atom, values: Values, bias: float) -> Values:
    """[N] how far the pillars reach from their sites."""
    if is_circle(atom):
        return np.asarray(values[:, 0] + bias)
    import torch

    shape = atom.grown(torch.from_numpy(values), bias) if bias else atom.shape(torch.from_numpy(values))
    return np.broadcast_to(shape.reach.numpy(), len(values))


def _measured(atom: Atom, values: Values, centres: Values, pairs: Pairs, bias: float) -> Iterator[Values]:
    """Yield the distances between the outlines of pairs, part by part."""
    for start in range(0, len(pairs), CHUNK):
        part = pairs[start : start + CHUNK]
        pillars, place = np.unique(part, return_inverse=True)
        bodies = outer_walls(atom, values[pillars], centres[pillars], bias)
        first, second = bodies[place.reshape(part.shape)].T
        yield shapely.distance(first, second)


def outer_walls(atom: Atom, values: Values, centres: Values, bias: float = 0.0) -> NDArray[np.object_]:
    """[N] the regions of pillars with parameters [N, P] at their places [N, 2], without their holes."""
    import torch

    shape = atom.grown(torch.from_numpy(values), bias) if bias else atom.shape(torch.from_numpy(values))
    outline = shape.outline(OUTLINE)[0]
    whole = np.broadcast_to(outline, (len(values), *outline.shape[-2:])) + centres[:, None]
    return np.asarray(shapely.polygons(whole))
