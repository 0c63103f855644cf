"""One layer between two half spaces: the fields at both of its surfaces."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.rcwa.half_space import HalfSpace
from metagen.rcwa.layer import AnyLayer, SlabMaps, layer_matrices
from metagen.rcwa.tensors import add_to_diagonal
from metagen.rcwa.waves import Waves

SINGULAR = 1e5
"""Response of the real part of the boundary equations that is taken for singular: t has lost ten digits by
then. An empty cell whose height is a whole number of half wavelengths is exactly so."""
DIRECTIONS = torch.tensor([-1.0, 1.0], dtype=torch.float64)[:, None, None]
"""[2, 1, 1] in which light leaves the bottom and the top, along z."""


@dataclass(frozen=True, eq=False)
class SurfaceFields:
    """Harmonics of the transverse field at the surfaces of the layers, for unit incident amplitudes.

    The columns are incident waves along x, along y, or both, as the class of the basis has them.

    Attributes:
        below: the medium that the light comes from.
        electric, magnetic: [..., n, c] E and h = (Hy, −Hx), times the impedance of vacuum, at every surface
            from z = 0 upwards, all light together.
    """

    below: HalfSpace
    electric: tuple[Tensor, ...]
    magnetic: tuple[Tensor, ...]

    @property
    def waves(self) -> Waves:
        """The harmonics."""
        return self.below.waves

    @property
    def incident(self) -> Tensor:
        """[..., n, c] E of the incident waves at z = 0."""
        return self.below.incident

    @property
    def h_incident(self) -> Tensor:
        """[..., n, c] their h."""
        return self.below.h_incident


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
    rotated = waves.rotated(torch.stack([maps.g_even, maps.even, maps.g_odd, maps.odd]))
    below, above = HalfSpace(waves, substrate), HalfSpace(waves, cover)
    source = torch.cat([below.source, torch.zeros_like(below.source)], -2)
    u, w = _excited(rotated, _coefficients(below, above), source)
    even, odd = apply(maps.even, u), -apply(maps.odd, w)
    g_even, g_odd = apply(maps.g_even, u), apply(maps.g_odd, w)
    electric = (even - odd, even + odd)
    magnetic = (1j * (g_odd - g_even), 1j * (g_odd + g_even))
    return SurfaceFields(below, electric, magnetic)


def _coefficients(below: HalfSpace, above: HalfSpace) -> Tensor:
    """[4, ..., 2, n, 1] of the equations at the bottom and at the top, on what ``rotated`` holds.

    The light that leaves obeys α·g + β·E = 0 at the top and α·g − β·E = 0 at the bottom.
    """
    alpha, beta = torch.stack([below.outgoing, above.outgoing], -3)
    return torch.stack([DIRECTIONS * alpha, DIRECTIONS * beta, alpha, -beta])


def _excited(rotated: Tensor, coefficients: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """Solve the boundary equations for the amplitudes u, w of the even and the odd part.

    The coefficients are real, if the layer is, but for the few rows of propagating orders; so a real system
    is factored, and the imaginary part of those rows is added by the Woodbury identity.

    Args:
        rotated: [4, ..., n, n] g_even, E_even from u and g_odd, −E_odd from w at the top, along and across k.
        coefficients: [4, ..., 2, n, 1] see :func:`_coefficients`.
        source: [..., 2n, c] right-hand side of the equations, those at the bottom first.
    """
    size = rotated.shape[-1]
    flat = coefficients.flatten(-3, -2)
    rows = torch.nonzero((flat.detach().imag != 0).reshape(-1, 2 * size).any(0))[:, 0]
    system = _equations(rotated[..., None, :, :], coefficients.real).flatten(-3, -2)
    imaginary = _equations(rotated[..., rows % size, :], flat.imag[..., rows, :])
    columns = torch.zeros(2 * size, len(rows), dtype=system.dtype)
    columns[rows, torch.arange(len(rows))] = 1
    response, info = torch.linalg.solve_ex(system, columns.expand(*system.shape[:-2], *columns.shape))
    if bool(info.any()) or not float(response.detach().abs().max()) < SINGULAR:
        return _excited_directly(rotated, coefficients, source)
    feedback = add_to_diagonal(1j * (imaginary @ response), 1)
    drive = source[..., rows, :].expand(*feedback.shape[:-1], source.shape[-1])
    u, w = apply(response, torch.linalg.solve(feedback, drive)).chunk(2, -2)
    return u, w


def _excited_directly(rotated: Tensor, coefficients: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """As :func:`_excited`, from the complex system: four times the work, and nothing is singular."""
    system = _equations(rotated[..., None, :, :], coefficients).flatten(-3, -2)
    u, w = torch.linalg.solve(system, source.expand(*system.shape[:-1], source.shape[-1])).chunk(2, -2)
    return u, w


def _equations(rotated: Tensor, coefficients: Tensor) -> Tensor:
    """[..., rows, 2n] equations on (u, w)."""
    g_even, e_even, g_odd, e_odd = rotated
    on_g_even, on_e_even, on_g_odd, on_e_odd = coefficients
    return torch.cat([on_g_even * g_even + on_e_even * e_even, on_g_odd * g_odd + on_e_odd * e_odd], -1)


def apply(matrix: Tensor, columns: Tensor) -> Tensor:
    """[..., n, m] real or complex matrix times [..., m, c] complex columns."""
    if matrix.is_complex():
        return matrix @ columns
    product = matrix @ torch.view_as_real(columns).flatten(-2)
    return torch.view_as_complex(product.reshape(*product.shape[:-1], -1, 2).contiguous())
