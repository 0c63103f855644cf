"""The field behind a device in the local phase approximation, to be propagated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metagen.device.illumination import Illumination
from metagen.device.layout import Layout
from metagen.forward.nearest import NearestSites
from metagen.forward.response import Response, layout_jones

FINER = 4
"""Samples per distance of neighbouring sites by default."""


@dataclass(frozen=True, eq=False)
class LocalField:
    """A field over the rectangle of a device, as functions of :mod:`metagen.propagation` take it.

    Attributes:
        field: [2, X, Y] complex Ex and Ey.
        sample_spacing: distance of neighbouring samples.
    """

    field: NDArray[np.complex128]
    sample_spacing: float

    def seen(self, analyser: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """[X, Y] amplitude of the part that is polarised as a Jones vector [2]."""
        return np.asarray(np.tensordot(np.conj(analyser), self.field, 1))


def local_field(
    layout: Layout, light: Illumination, response: Response | None = None, finer: int = FINER
) -> LocalField:
    """The field behind a device, at the pillar top or, but for a constant phase, on the monitor plane.

    Every sample has the zeroth order of the pillar of the nearest site, among its twins; a site without a
    pillar is bare.

    Args:
        layout: the device.
        light: the illumination.
        response: the phase table or library; by default computed, or taken from the cache.
        finer: samples per distance of neighbouring sites.

    Raises:
        MismatchError: the table or library is of another platform or other light.
    """
    spacing = layout.platform.lattice.spacing / finer
    sites = NearestSites.of(layout.centres.reshape(-1, 2), layout.sides, spacing)
    field = layout_jones(layout, light, response).reshape(-1, 2, 2) @ light.jones
    arrived = np.exp(1j * (layout.centres.reshape(-1, 2) @ light.wave_vector))
    return LocalField(np.moveaxis(sites.spread(field * arrived[:, None]), -1, 0), spacing)
