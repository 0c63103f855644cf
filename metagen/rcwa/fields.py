"""The field of a solved cell at any height, as harmonics and at points."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metagen.rcwa.basis import EVEN, Harmonics, TransverseBasis
from metagen.rcwa.cell import Cell
from metagen.rcwa.slab import half_slab
from metagen.rcwa.unit_cell import SurfaceFields, apply, decay, propagation


def field_at(cell: Cell, wavelength: Tensor, fields: SurfaceFields, z: Tensor, samples: int) -> Tensor:
    """[..., n, n, 3] (Ex, Ey, Ez) at the sample points of one cell, on a plane at height z (a single number).

    At a surface of the pillar layer it is the field on the outer side.
    """
    if bool((z >= cell.height).all()):
        transverse, h = _above(cell, wavelength, fields, z)
        inverse = cell.cover**-2
    elif float(z) <= 0:
        transverse, h = _below(cell, wavelength, fields, z)
        inverse = cell.substrate**-2
    else:
        return _points(*_inside(cell, wavelength, fields, z), fields.basis, samples)
    dz = _displacement(h, wavelength, cell, fields.basis)
    return _points(transverse, dz * inverse[..., None], fields.basis, samples)


def _above(cell: Cell, wavelength: Tensor, fields: SurfaceFields, z: Tensor) -> tuple[Tensor, Tensor]:
    kappa = decay(wavelength, cell.period, cell.cover, fields.basis)
    phase = torch.exp(-kappa * (2 * math.pi * (z - cell.height) / wavelength)[..., None])
    return fields.top * phase, fields.h_top * phase


def _below(cell: Cell, wavelength: Tensor, fields: SurfaceFields, z: Tensor) -> tuple[Tensor, Tensor]:
    kappa = decay(wavelength, cell.period, cell.substrate, fields.basis)
    distance = (2 * math.pi * z / wavelength)[..., None]
    reflected = torch.exp(kappa * distance)
    incident = torch.zeros_like(fields.bottom)
    incident[..., 0] = 1
    index = cell.substrate[..., None]
    forth = incident * torch.exp(1j * index * distance)
    transverse = (fields.bottom - incident) * reflected + forth
    h = (fields.h_bottom - index * incident) * reflected + index * forth
    return transverse, h


def _inside(cell: Cell, wavelength: Tensor, fields: SurfaceFields, z: Tensor) -> tuple[Tensor, Tensor]:
    """E and Ez within the pillar layer, from E + h at its bottom and E − h at its top: stable at any height.

    These are what comes in. E alone, or h alone, would not tell what stands in a layer that resonates.
    """
    P, Q, inverse_z = propagation(cell, wavelength, fields.basis, fields.rule)
    lower = _half(P, Q, math.pi * z / wavelength)
    upper = _half(P, Q, math.pi * (cell.height - z) / wavelength)
    zero = torch.zeros_like(lower[0])
    system = torch.cat(
        [
            torch.cat([lower[0] - 1j * lower[2], lower[1] + 1j * lower[3], zero, zero], -1),
            torch.cat([zero, zero, upper[0] - 1j * upper[2], -upper[1] - 1j * upper[3]], -1),
            torch.cat([lower[0], -lower[1], -upper[0], -upper[1]], -1),
            torch.cat([lower[2], lower[3], upper[2], -upper[3]], -1),
        ],
        -2,
    )
    incoming = [fields.bottom + fields.h_bottom, fields.top - fields.h_top]
    known = torch.cat([*incoming, 0 * fields.top, 0 * fields.top], -1)
    u, w = torch.linalg.solve(system.to(known.dtype), known[..., None])[..., 0].chunk(4, -1)[:2]
    transverse = apply(lower[0], u) - apply(lower[1], w)
    h = 1j * (apply(lower[2], u) + apply(lower[3], w))
    return transverse, apply(inverse_z, _displacement(h, wavelength, cell, fields.basis))


def _half(P: Tensor, Q: Tensor, half_thickness: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """E_even, −E_odd, g_even, g_odd at the top of a slab, as matrices on its amplitudes u and w."""
    U, V = half_slab(P @ Q, half_thickness)
    return U, V @ P, Q @ V, U.transpose(-1, -2)


def _displacement(h: Tensor, wavelength: Tensor, cell: Cell, basis: TransverseBasis) -> Tensor:
    """[..., n_z] harmonics of Dz = −k·h."""
    along = basis.divergence_order > 0
    total = torch.zeros(*h.shape[:-1], len(basis.ez), dtype=h.dtype)
    total = total.index_add(-1, basis.ez_position[along], (h * basis.divergence_order)[..., along])
    return -total * (wavelength / cell.period)[..., None]


def _points(transverse: Tensor, ez: Tensor, basis: TransverseBasis, samples: int) -> Tensor:
    ex, ey = transverse[..., : len(basis.ex)], transverse[..., len(basis.ex) :]
    components = [
        _synthesis(ex, basis.ex, samples),
        -_synthesis(ey, basis.ey, samples),
        1j * _synthesis(ez, basis.ez, samples),
    ]
    return torch.stack(components, -1)


def _synthesis(coefficients: Tensor, harmonics: Harmonics, samples: int) -> Tensor:
    """[..., n, n] sum of the harmonics at the sample points: cosines for even, sines for odd parity."""
    along_x = _waves(harmonics.m, harmonics.parity_x, samples)
    along_y = _waves(harmonics.n, harmonics.parity_y, samples)
    waves = along_x[:, None, :] * along_y[None, :, :] * harmonics.multiplicity.sqrt()
    points = apply(waves.reshape(samples * samples, -1), coefficients)
    return points.reshape(*points.shape[:-1], samples, samples)


def _waves(order: Tensor, parity: int, samples: int) -> Tensor:
    position = (torch.arange(samples, dtype=torch.float64) - (samples - 1) / 2) / samples
    phase = 2 * math.pi * position[:, None] * order
    return torch.cos(phase) if parity == EVEN else torch.sin(phase)
