"""The field of solved layers at any height, as amplitudes of plane waves and at points."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.device.lattice import Lattice
from metagen.rcwa.half_space import HalfSpace
from metagen.rcwa.incidence import Incidence
from metagen.rcwa.layer import AnyLayer, LayerMatrices, SlabMaps, displacement_z, layer_matrices
from metagen.rcwa.unit_cell import SurfaceFields, apply
from metagen.rcwa.waves import Waves


@dataclass(frozen=True, eq=False)
class Setting:
    """What stands around the waves of a solved class.

    Attributes:
        layers: from z = 0 upwards.
        wavelength: [...] in vacuum.
        substrate, cover: [...] refractive indices below and above.
    """

    layers: tuple[AnyLayer, ...]
    wavelength: Tensor
    substrate: Tensor
    cover: Tensor

    @property
    def height(self) -> Tensor:
        """[...] height of all layers together."""
        return sum((layer.thickness for layer in self.layers), torch.zeros((), dtype=torch.float64))


def amplitudes_at(setting: Setting, fields: SurfaceFields, z: Tensor) -> tuple[Tensor, Tensor]:
    """[..., n, c] transverse E and [..., n_z, c] Ez of the harmonics on a plane at height z (one number).

    At a surface of a layer it is the field on the outer side, between two layers that in the upper one.
    """
    height = setting.height
    if bool((z >= height).all()):
        return _above(setting, fields, z - height)
    if float(z) <= 0:
        return _below(setting, fields, z)
    number, above_bottom = _layer_at(setting, z)
    return _inside(setting, fields, number, above_bottom)


def _layer_at(setting: Setting, z: Tensor) -> tuple[int, Tensor]:
    """Which layer a plane within the layers lies in, and how far above its bottom."""
    for number, layer in enumerate(setting.layers[:-1]):
        if bool((z < layer.thickness).all()):
            return number, z
        z = z - layer.thickness
    return len(setting.layers) - 1, z


def _above(setting: Setting, fields: SurfaceFields, z: Tensor) -> tuple[Tensor, Tensor]:
    kappa = HalfSpace(fields.waves, setting.cover).decay
    phase = torch.exp(-kappa * (2 * math.pi * z / setting.wavelength)[..., None])[..., None]
    h = fields.magnetic[-1] * phase
    return fields.electric[-1] * phase, _over(displacement_z(h, fields.waves), setting.cover)


def _below(setting: Setting, fields: SurfaceFields, z: Tensor) -> tuple[Tensor, Tensor]:
    kappa = HalfSpace(fields.waves, setting.substrate).decay
    back = torch.exp(kappa * (2 * math.pi * z / setting.wavelength)[..., None])[..., None]
    forth = 1 / back[..., fields.waves.basis.zeroth[:1], :]
    transverse = (fields.electric[0] - fields.incident) * back + fields.incident * forth
    h = (fields.magnetic[0] - fields.h_incident) * back + fields.h_incident * forth
    return transverse, _over(displacement_z(h, fields.waves), setting.substrate)


def _over(displacement: Tensor, index: Tensor) -> Tensor:
    return displacement / (index**2)[..., None, None]


def _inside(setting: Setting, fields: SurfaceFields, number: int, z: Tensor) -> tuple[Tensor, Tensor]:
    """From E + h at the bottom of a layer and E − h at its top: stable at any height.

    These are what comes in. E alone, or h alone, would not tell what stands in a layer that resonates.
    """
    layer = setting.layers[number]
    matrices = layer_matrices(layer, fields.waves)
    incoming = (
        fields.electric[number] + fields.magnetic[number],
        fields.electric[number + 1] - fields.magnetic[number + 1],
    )
    transverse, h = _between(matrices, incoming, z, layer.thickness - z, setting.wavelength)
    return transverse, apply(matrices.inverse_z, displacement_z(h, fields.waves))


def _between(
    matrices: LayerMatrices, incoming: tuple[Tensor, Tensor], below: Tensor, above: Tensor, wavelength: Tensor
) -> tuple[Tensor, Tensor]:
    """E and h at a plane within a layer, of which thicknesses ``below`` and ``above`` lie on either side."""
    lower = SlabMaps.of(matrices, math.pi * below / wavelength)
    upper = SlabMaps.of(matrices, math.pi * above / wavelength)
    zero = torch.zeros_like(lower.even)
    system = torch.cat(
        [
            torch.cat([lower.even - 1j * lower.g_even, lower.odd + 1j * lower.g_odd, zero, zero], -1),
            torch.cat([zero, zero, upper.even - 1j * upper.g_even, -upper.odd - 1j * upper.g_odd], -1),
            torch.cat([lower.even, -lower.odd, -upper.even, -upper.odd], -1),
            torch.cat([lower.g_even, lower.g_odd, upper.g_even, -upper.g_odd], -1),
        ],
        -2,
    )
    known = torch.cat([*incoming, 0 * incoming[0], 0 * incoming[0]], -2)
    u, w = torch.linalg.solve(system.to(known.dtype), known).chunk(4, -2)[:2]
    return apply(lower.even, u) - apply(lower.odd, w), 1j * (apply(lower.g_even, u) + apply(lower.g_odd, w))


def at_points(
    amplitudes: Tensor, waves: Waves, incidence: Incidence, lattice: Lattice, counts: tuple[int, int]
) -> Tensor:
    """[..., nx, ny] sum of plane waves of amplitudes [..., w], at cell-centred points of the cell about 0."""
    m, n = waves.basis.truncation.waves.double().unbind(-1)
    u, v = ((torch.arange(count, dtype=torch.float64) - (count - 1) / 2) / count for count in counts)
    phase = 2 * math.pi * (u[:, None, None] * m + v[:, None] * n)
    synthesis = torch.polar(torch.ones_like(phase), phase).flatten(0, 1)
    flat = amplitudes @ synthesis.T
    field = flat.reshape(*flat.shape[:-1], *counts)
    if incidence.is_normal:
        return field
    along = incidence.kx * u[:, None] * lattice.pitch[0] + incidence.ky * v * lattice.pitch[1]
    turn = along * (2 * math.pi / incidence.wavelength)[..., None, None]
    return field * torch.polar(torch.ones_like(turn), turn)
