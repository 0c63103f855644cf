"""Gaps between the pillars of a device, as smooth as a gradient needs them."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from metagen.device.layout import Layout
from metagen.fab.gaps import narrow_gaps

DIRECTIONS = 180
"""In how many directions pillars are held apart. Between two of them edges that face each other are taken for
closer than they are, by half their length times sin(π/DIRECTIONS) at most: 3.5 nm for 0.4 micrometres."""

ROUNDING = 1e-6
"""Gaps that are too small by less than this, a millionth of a micrometre, are not reported."""


@dataclass(frozen=True)
class Gaps:
    """Penalty on gaps between neighbours that are too small.

    A gap is how far apart two pillars are in the direction in which they are farthest apart; hollows count as
    filled. It is never too large, and right to the number of directions.

    Attributes:
        start: the layout whose sites and meta-atom they are.
        least: the smallest gap that is allowed.
    """

    start: Layout
    least: float

    def penalty(self, values: Tensor) -> Tensor:
        """Sum over all pairs of squares of what is missing from the gap, over the square of the least gap."""
        missing = torch.relu(self.least - self.between(values))
        return (missing / self.least).square().sum()

    def between(self, values: Tensor) -> Tensor:
        """[M] gaps of all pairs of neighbours, for values as :meth:`Variables.values` gives them."""
        atom = self.start.platform.atom
        pillars = values.reshape(-1, len(atom.parameters))[self._present]
        angles = 2 * math.pi * torch.arange(DIRECTIONS, dtype=values.dtype) / DIRECTIONS
        extent = atom.shape(pillars).support(torch.cos(angles), torch.sin(angles))
        first, second = self._pairs.unbind(-1)
        opposite = extent.roll(DIRECTIONS // 2, -1)
        directions = torch.stack([torch.cos(angles), torch.sin(angles)])
        apart = self._vectors.to(values.dtype) @ directions
        return (apart - extent[first] - opposite[second]).amax(-1)

    @cached_property
    def _present(self) -> Tensor:
        return torch.tensor(self.start.present.reshape(-1))

    @cached_property
    def _pairs(self) -> Tensor:
        """[M, 2] numbers of pillars that are close enough to break the rule."""
        tree = cKDTree(self.start.centres[self.start.present])
        reach = max(self._largest, self.start.platform.lattice.spacing / 2)
        return torch.from_numpy(tree.query_pairs(2 * reach + self.least, output_type="ndarray"))

    @property
    def _largest(self) -> float:
        """Reach of the pillar whose lengths are the largest that the platform allows."""
        atom = self.start.platform.atom
        return float(atom.shape(torch.tensor([parameter.high for parameter in atom.parameters])).reach)

    @cached_property
    def _vectors(self) -> Tensor:
        """[M, 2] from the first to the second pillar of each pair."""
        centres = self.start.centres[self.start.present]
        first, second = self._pairs.numpy().T
        return torch.from_numpy(np.asarray(centres[second] - centres[first]))


def warn_of_narrow_gaps(layout: Layout, least: float) -> None:
    """Warn if pillars are closer to each other than ``least``, by the exact distances of their outlines."""
    atom, there = layout.platform.atom, layout.present
    centres = layout.centres[there]
    pairs, gaps = narrow_gaps(atom, layout.values[there], centres, least - ROUNDING)
    if not len(gaps):
        return
    (x, y), (other_x, other_y) = centres[pairs[gaps.argmin()]]
    warnings.warn(
        f"{layout.name!r}: the pillars at ({x:.4f}, {y:.4f}) and ({other_x:.4f}, {other_y:.4f}) are "
        f"{gaps.min():.4f} apart; in all {len(gaps)} of the gaps are below minimum_gap, {least:g}; optimise "
        f"with more steps or with minimum_gap = {2 * least - gaps.min():.4f}, or allow smaller pillars",
        stacklevel=3,
    )
