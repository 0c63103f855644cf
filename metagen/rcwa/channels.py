"""The propagating orders on one side of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from metagen.rcwa.half_space import HalfSpace

GRAZING = 1e-12
"""Orders whose kz/k0 is smaller travel along the surface: they carry no power away."""


@dataclass(frozen=True)
class Channels:
    """The propagating orders on one side of the cell, in both polarisations, the zeroth first.

    Attributes:
        m, n: [c] order: of the primitive lattice, whose first vector is along x; on a rectangular lattice
            the orders along x and y.
        polarisation: [c] "p" if E lies in the plane of the order and the z axis, "s" if it is normal to it;
            of an order along z, "p" is along x and "s" along y.
        amplitude: [..., c] complex, with |amplitude|² the power in the channel / incident power; an array or
            a torch tensor.
    """

    m: tuple[int, ...]
    n: tuple[int, ...]
    polarisation: tuple[str, ...]
    amplitude: Any

    @property
    def power(self) -> Any:
        """[..., c] power in each channel / incident power, an array or a torch tensor likewise."""
        return abs(self.amplitude) ** 2


def normal_wave_vectors(medium: HalfSpace) -> Tensor:
    """[..., 2w] kz/k0 of the plane waves, 0 for those that fade."""
    return (1j * medium.decay).real


def outgoing_amplitudes(field: Tensor, medium: HalfSpace, incident_power: Tensor) -> Tensor:
    """[..., 2w] amplitudes of plane waves that leave, of E along and across their transverse wave vector.

    Args:
        field: [..., 2w] Ex and then Ey of them.
        medium: the medium that they leave into.
        incident_power: [...] of the light; |amplitude|² is the power of a wave / that.
    """
    kz, waves = normal_wave_vectors(medium), medium.waves
    is_open = kz > GRAZING
    of_along = (medium.index**2).real[..., None] / kz.clamp(min=GRAZING)
    admittance = torch.where(waves.is_along, of_along, kz)
    root = torch.sqrt(torch.where(is_open, admittance / incident_power[..., None], 1.0)) * is_open
    return waves.rotated(field[..., None])[..., 0] * root


def channels(amplitudes: Tensor, medium: HalfSpace, labels: list[tuple[int, int]]) -> Channels:
    """The channels that are open in any cell of a batch.

    Args:
        amplitudes: [..., 2w] of :func:`outgoing_amplitudes`.
        medium: the medium that the waves leave into.
        labels: [w] orders (m, n) of the plane waves.
    """
    kz = normal_wave_vectors(medium).detach()
    rows = torch.nonzero((kz > GRAZING).reshape(-1, kz.shape[-1]).any(0))[:, 0].tolist()
    names = [((m, n), name) for name in "ps" for m, n in labels]
    rows.sort(key=lambda row: (names[row][0] != (0, 0), names[row]))
    orders, polarisations = ([names[row][part] for row in rows] for part in (0, 1))
    m, n = (tuple(order[axis] for order in orders) for axis in (0, 1))
    return Channels(m, n, tuple(polarisations), amplitudes[..., rows])
