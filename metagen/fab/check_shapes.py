"""Design rules of pillars of any shape on any lattice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metagen.device.atoms import Kind
from metagen.device.layout import Layout, cell_centres
from metagen.fab.gaps import narrow_gaps
from metagen.fab.rules import ROUNDING, DesignRules, Rule, Violation
from metagen.fab.steps import is_circle, turned_by
from metagen.fab.width import narrowest

Values = NDArray[np.float64]


def checks_of_shapes(layout: Layout, rules: DesignRules) -> list[Violation]:
    """What is found of each rule, perhaps nothing; see :func:`metagen.fab.check`."""
    widths, notches = _widths(layout)
    found = [
        _violation(layout, Rule.MIN_DIAMETER, widths, rules.min_diameter),
        _check_gap(layout, notches, rules.min_gap),
    ]
    if rules.grid is not None:
        found.append(_check_grid(layout, rules.grid))
    if rules.max_density is not None:
        found.append(_check_density(layout, rules.max_density, rules.density_window))
    return found


def _widths(layout: Layout) -> tuple[Values, Values]:
    """[N] the narrowest place of each pillar that there is, and of the holes and notches in it."""
    atom, values = layout.platform.atom, layout.values[layout.present].copy()
    if is_circle(atom):
        return 2 * values[:, 0], np.full(len(values), np.inf)
    import torch

    angle = turned_by(atom)
    if angle is not None:
        values[:, angle] = 0.0
    distinct, place = np.unique(values, axis=0, return_inverse=True)
    widths, notches = narrowest(atom.shape(torch.from_numpy(distinct)), len(distinct))
    return widths[place.reshape(-1)], notches[place.reshape(-1)]


def _violation(layout: Layout, rule: Rule, values: Values, limit: float) -> Violation:
    """The pillars whose value, one of [N], is below the limit."""
    broken = values < limit - ROUNDING
    return Violation(rule, layout.centres[layout.present][broken][:, None], values[broken], limit)


def _check_gap(layout: Layout, notches: Values, limit: float) -> Violation:
    """Gaps between pillars, and then holes and notches, between a pillar and itself."""
    centres = layout.centres[layout.present]
    pairs, gaps = narrow_gaps(layout.platform.atom, layout.values[layout.present], centres, limit - ROUNDING)
    own = np.flatnonzero(notches < limit - ROUNDING)
    places = np.concatenate([centres[pairs], np.stack([centres[own]] * 2, axis=1)])
    return Violation(Rule.MIN_GAP, places, np.concatenate([gaps, notches[own]]), limit)


def _check_grid(layout: Layout, grid: float) -> Violation:
    lengths = [i for i, each in enumerate(layout.platform.atom.parameters) if each.kind is Kind.LENGTH]
    values = layout.values[layout.present][:, lengths]
    off = np.abs(values - np.rint(values / grid) * grid).max(axis=1, initial=0.0)
    broken = off > ROUNDING
    places = layout.centres[layout.present][broken][:, None]
    return Violation(Rule.GRID, places, off[broken], 0.0, of="pillars")


def _check_density(layout: Layout, limit: float, window: float) -> Violation:
    """Every placement of the window, by a table of sums from the corner."""
    pitch, counts = np.array(layout.platform.lattice.pitch), np.array(layout.counts)
    a, b = np.minimum(np.maximum(1, np.rint(window / pitch)), counts).astype(int)
    table = np.zeros(counts + 1)
    table[1:, 1:] = np.cumsum(np.cumsum(areas(layout), axis=0), axis=1)
    covered = table[a:, b:] - table[:-a, b:] - table[a:, :-b] + table[:-a, :-b]
    density = covered / (a * b * layout.platform.lattice.area)
    broken = density > limit + ROUNDING
    corner = np.argwhere(broken)
    x, y = (
        cell_centres(count, step)[first] + (side - 1) / 2 * step
        for count, step, first, side in zip(counts, pitch, corner.T, (a, b), strict=True)
    )
    return Violation(Rule.MAX_DENSITY, np.stack([x, y], -1)[:, None], density[broken], limit)


def areas(layout: Layout) -> Values:
    """[Nx, Ny] area of the pillars of each cell."""
    import torch

    found = np.zeros(layout.present.shape)
    found[layout.present] = layout.platform.atom.shape(torch.from_numpy(layout.values[layout.present])).area
    return np.asarray(found.sum(axis=2))
