"""One layer between two half spaces: the fields at both of its surfaces."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.rcwa.half_space import HalfSpace
from metagen.rcwa.layer import AnyLayer, SlabMaps, layer_matrices
from metagen.rcwa.waves import Waves

SINGULAR = 1e5
"""Response of the real part of the boundary equations that is taken for singular: t has lost ten digits by
then. An empty cell whose height is a whole number of half wavelengths is exactly so."""


@dataclass(frozen=True, eq=False)
class SurfaceFields:
    """Harmonics of the transverse field at the surfaces of the layers, for unit incident amplitudes.

    The columns are incident waves along x, along y, or both, as the class of the basis has them.

    Attributes:
        waves: the harmonics.
        incident, h_incident: [..., n, c] of the incident wave at z = 0; h = (Hy, −Hx) times the impedance of
            vacuum.
        electric, magnetic: E and h at every surface from z = 0 upwards, all light together; likewise.
    """

    waves: Waves
    incident: Tensor
    h_incident: Tensor
    electric: tuple[Tensor, ...]
    magnetic: tuple[Tensor, ...]


def surface_fields(
    layer: AnyLayer, waves: Waves, wavelength: Tensor, substrate: Tensor, cover: Tensor
) -> SurfaceFields:
    """Solve Maxwell's equations for one cell or a batch of them.

    Args:
        layer: what lies between the half spaces.
        waves: the harmonics, and the light by its wave vector.
        wavelength: [...] in vacuum.
        substrate, cover: [...] refractive indices below and above; that below is real.
    """
    maps = SlabMaps.of(layer_matrices(layer, waves), math.pi * layer.thickness / wavelength)
    parts = (maps.g_even, maps.even, maps.g_odd, maps.odd)
    rotated = torch.stack([waves.rotated(part) for part in parts])
    below, above = HalfSpace(waves, substrate), HalfSpace(waves, cover)
    u, w = _excited(rotated, below.outgoing, above.outgoing, below.source)
    even, odd = apply(maps.even, u), -apply(maps.odd, w)
    g_even, g_odd = apply(maps.g_even, u), apply(maps.g_odd, w)
    electric = (even - odd, even + odd)
    magnetic = (1j * (g_odd - g_even), 1j * (g_odd + g_even))
    return SurfaceFields(waves, below.incident, below.h_incident, electric, magnetic)


def _excited(rotated: Tensor, below: Tensor, above: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """Solve the boundary equations for the amplitudes u, w [..., n, c] of the even and the odd part.

    The coefficients are real, if the layer is, but for the few rows of propagating orders; so a real system
    is factored, and the imaginary part of those rows is added by the Woodbury identity.

    Args:
        rotated: [4, ..., n, n] g_even, E_even from u and g_odd, −E_odd from w at the top, along and across k.
        below, above: [2, ..., n, 1] α, β of waves that leave, see :attr:`HalfSpace.outgoing`.
        source: [..., n, c] right-hand side of the equations at the bottom.
    """
    open_below, open_above = (_open_rows(part) for part in (below, above))
    system = torch.cat([_equations(rotated, below.real, -1), _equations(rotated, above.real, 1)], -2)
    size = rotated.shape[-1]
    imaginary = torch.cat(
        [
            _equations(rotated[..., open_below, :], below.imag[..., open_below, :], -1),
            _equations(rotated[..., open_above, :], above.imag[..., open_above, :], 1),
        ],
        -2,
    )
    columns = torch.eye(2 * size, dtype=system.dtype)[:, torch.cat([open_below, open_above + size])]
    response, info = torch.linalg.solve_ex(system, columns.expand(*system.shape[:-2], *columns.shape))
    if bool(info.any()) or not float(response.detach().abs().max()) < SINGULAR:
        return _excited_directly(rotated, below, above, source)
    feedback = torch.eye(columns.shape[1]) + 1j * (imaginary @ response)
    drive = torch.zeros(*feedback.shape[:-1], source.shape[-1], dtype=torch.complex128)
    drive[..., : len(open_below), :] = source[..., open_below, :]
    amplitudes = apply(response, torch.linalg.solve(feedback, drive))
    return amplitudes[..., :size, :], amplitudes[..., size:, :]


def _excited_directly(rotated: Tensor, below: Tensor, above: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """As :func:`_excited`, from the complex system: four times the work, and nothing is singular."""
    system = torch.cat([_equations(rotated, below, -1), _equations(rotated, above, 1)], -2)
    drive = torch.cat([source, torch.zeros_like(source)], -2)
    u, w = torch.linalg.solve(system, drive.expand(*system.shape[:-1], drive.shape[-1])).chunk(2, -2)
    return u, w


def _equations(rotated: Tensor, coefficients: Tensor, direction: int) -> Tensor:
    """[..., rows, 2n] equations on (u, w) at the top (direction 1) or the bottom (−1)."""
    g_even, e_even, g_odd, e_odd = rotated
    alpha, beta = coefficients
    on_even = direction * (alpha * g_even) + direction * (beta * e_even)
    return torch.cat([on_even, alpha * g_odd - beta * e_odd], -1)


def _open_rows(coefficients: Tensor) -> Tensor:
    """Rows with an imaginary coefficient in any cell of the batch."""
    is_open = (coefficients.detach().imag != 0).any(0)[..., 0]
    return torch.nonzero(is_open.reshape(-1, is_open.shape[-1]).any(0))[:, 0]


def apply(matrix: Tensor, columns: Tensor) -> Tensor:
    """[..., n, m] real or complex matrix times [..., m, c] complex columns."""
    if matrix.is_complex():
        return matrix @ columns
    product = matrix @ torch.view_as_real(columns).flatten(-2)
    return torch.view_as_complex(product.reshape(*product.shape[:-1], -1, 2).contiguous())
