"""The fields of one layer or of several between two half spaces.

Several are joined from the top down by the relation α·g + β·E = 0 that the field obeys at each interface (the
surface admittance, g = −i·h); it is as stable as a scattering matrix, which it determines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from metagen.rcwa.fields import Setting
from metagen.rcwa.half_space import HalfSpace
from metagen.rcwa.layer import AnyLayer, SlabMaps, layer_matrices
from metagen.rcwa.unit_cell import SurfaceFields, surface_fields
from metagen.rcwa.waves import Waves


def solve_layers(setting: Setting, waves: Waves) -> SurfaceFields:
    """The fields at all surfaces, in a basis."""
    if len(setting.layers) == 1:
        layer = setting.layers[0]
        return surface_fields(layer, waves, setting.wavelength, setting.substrate, setting.cover)
    return _joined(setting, waves)


def _joined(setting: Setting, waves: Waves) -> SurfaceFields:
    below, above = HalfSpace(waves, setting.substrate), HalfSpace(waves, setting.cover)
    alpha, beta = _outgoing(above)
    transfers = []
    for layer in reversed(setting.layers):
        transfers.append(_Transfer.through(layer, waves, setting.wavelength, alpha, beta))
        alpha, beta = torch.eye(len(waves.basis), dtype=torch.complex128), transfers[-1].admittance
    alpha_b, beta_b = _outgoing(below)
    field, g = _meet(alpha_b, -beta_b, alpha, beta, below.source)
    electric, magnetic = [field], [1j * g]
    for transfer in reversed(transfers):
        field, g = transfer.upwards(field)
        electric.append(field)
        magnetic.append(1j * g)
    return SurfaceFields(below, tuple(electric), tuple(magnetic))


def _outgoing(medium: HalfSpace) -> tuple[Tensor, Tensor]:
    """[..., n, n] matrices α and β of α·g + β·E = 0, on Ex and Ey, for waves that leave upwards."""
    turn = medium.waves.rotated(torch.eye(len(medium.waves.basis), dtype=torch.complex128))
    alpha, beta = medium.outgoing
    return alpha * turn, beta * turn


def _meet(
    alpha_b: Tensor, beta_b: Tensor, alpha: Tensor, beta: Tensor, source: Tensor
) -> tuple[Tensor, Tensor]:
    """E and g where α_b·g + β_b·E = source from below and α·g + β·E = 0 from above."""
    size = source.shape[-2]
    batch = np.broadcast_shapes(alpha_b.shape[:-2], alpha.shape[:-2], beta.shape[:-2])
    parts = [part.expand(*batch, size, size) for part in (beta_b, alpha_b, beta, alpha)]
    system = torch.cat([torch.cat(parts[:2], -1), torch.cat(parts[2:], -1)], -2)
    known = torch.cat([source, torch.zeros_like(source)], -2)
    field, g = torch.linalg.solve(system, known.expand(*batch, *known.shape[-2:])).chunk(2, -2)
    return field, g


@dataclass(frozen=True, eq=False)
class _Transfer:
    """What a layer does: its maps, and w = Z·u of the amplitudes of its odd and its even part."""

    maps: SlabMaps
    Z: Tensor

    @classmethod
    def through(
        cls, layer: AnyLayer, waves: Waves, wavelength: Tensor, alpha: Tensor, beta: Tensor
    ) -> _Transfer:
        """From the relation α·g + β·E = 0 at the layer's top."""
        maps = SlabMaps.of(layer_matrices(layer, waves), math.pi * layer.thickness / wavelength)
        parts = (maps.even, maps.odd, maps.g_even, maps.g_odd)
        maps = SlabMaps(*(part.to(torch.complex128) for part in parts))
        on_odd = alpha @ maps.g_odd - beta @ maps.odd
        on_even = alpha @ maps.g_even + beta @ maps.even
        return cls(maps, -torch.linalg.solve(on_odd, on_even))

    @property
    def admittance(self) -> Tensor:
        """β of g + β·E = 0 at the bottom."""
        field = self.maps.even + self.maps.odd @ self.Z
        g = -self.maps.g_even + self.maps.g_odd @ self.Z
        transposed: Tensor = torch.linalg.solve(field.mT, -g.mT)
        return transposed.mT

    def upwards(self, bottom: Tensor) -> tuple[Tensor, Tensor]:
        """E and g at the top from E at the bottom."""
        u = torch.linalg.solve(self.maps.even + self.maps.odd @ self.Z, bottom)
        w = self.Z @ u
        return self.maps.even @ u - self.maps.odd @ w, self.maps.g_even @ u + self.maps.g_odd @ w
