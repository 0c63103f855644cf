"""How well a device makes a wave, as the local phase approximation has it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metagen.device.layout import Layout
from metagen.forward.aim import Aim
from metagen.forward.response import Response, layout_jones


@dataclass(frozen=True)
class Fit:
    """How well a device meets an aim in the local phase approximation.

    Both compare t, the analysed amplitude behind each pillar over the largest that conserves power, with the
    target of modulus 1, up to one common phase.

    Attributes:
        error: mean of |t − target| over the pillars.
        efficiency: |mean of t·conj(target)|²: power in the wanted wave over power incident on the pillars.
    """

    error: float
    efficiency: float


def fit(layout: Layout, aim: Aim, response: Response | None = None) -> Fit:
    """How well a device meets an aim in the local phase approximation; sites without a pillar do not count.

    Args:
        layout: the device.
        aim: what it should make of light.
        response: the phase table or library; by default computed, or taken from the cache.

    Raises:
        MismatchError: the table or library is of another platform or other light.
    """
    platform = layout.platform
    matrices = layout_jones(layout, aim.light, response)[layout.present]
    media = platform.at(aim.light.wavelength)
    seen = aim.seen(platform.atom, matrices) / aim.largest(media)
    wanted = aim.wanted(layout.centres[layout.present], media)
    overlap = np.mean(seen * wanted.conj())
    apart = np.abs(seen * np.exp(-1j * np.angle(overlap)) - wanted)
    return Fit(float(apart.mean()), float(np.abs(overlap) ** 2))
