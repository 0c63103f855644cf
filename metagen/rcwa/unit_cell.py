"""One cell of a periodic lattice at normal incidence: the fields at both surfaces of the pillar layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.rcwa.basis import TransverseBasis
from metagen.rcwa.cell import Cell
from metagen.rcwa.factorisation import Factorisation, permittivity
from metagen.rcwa.slab import half_slab

SINGULAR = 1e5
"""Response of the real part of the boundary equations that is taken for singular: t has lost ten digits by
then. An empty cell whose height is a whole number of half wavelengths is exactly so."""


@dataclass(frozen=True)
class SurfaceFields:
    """Harmonics of the transverse field at the surfaces of the pillar layer, for unit incident Ex.

    Attributes:
        basis: which harmonics.
        rule: how products were truncated.
        bottom, top: [..., n] E at z = 0 and at z = height, incident and reflected light together.
        h_bottom, h_top: [..., n] h = (Hy, −Hx) times the impedance of vacuum.
    """

    basis: TransverseBasis
    rule: Factorisation
    bottom: Tensor
    top: Tensor
    h_bottom: Tensor
    h_top: Tensor


def decay(wavelength: Tensor, period: Tensor, index: Tensor, basis: TransverseBasis) -> Tensor:
    """[..., n] κ = −i·kz/k0 of each harmonic in a homogeneous medium: real when it is evanescent.

    A wave that leaves upwards is exp(−κ·k0·z). κ² is kept from being zero, where its root has no slope.
    """
    k_square = (basis.m**2 + basis.n**2) * ((wavelength / period) ** 2)[..., None]
    square = k_square - (index**2)[..., None]
    root = torch.sqrt(square.abs().clamp(min=1e-30))
    return torch.where(square > 0, root, 0 * root) - 1j * torch.where(square > 0, 0 * root, root)


def surface_fields(
    cell: Cell, wavelength: Tensor, basis: TransverseBasis, rule: Factorisation
) -> SurfaceFields:
    """Solve Maxwell's equations for one cell or a batch of them."""
    P, Q, _ = propagation(cell, wavelength, basis, rule)
    U, V = half_slab(P @ Q, math.pi * cell.height / wavelength)
    QV, VP = Q @ V, V @ P
    above = _outgoing(decay(wavelength, cell.period, cell.cover, basis), cell.cover, basis)
    kappa = decay(wavelength, cell.period, cell.substrate, basis)
    below = _outgoing(kappa, cell.substrate, basis)
    u, w = _excited(_rotated(U, QV, VP, basis), below, above, 2 * kappa[..., 0])
    even, odd = apply(U, u), -apply(VP, w)
    g_even, g_odd = apply(QV, u), apply(U.transpose(-1, -2), w)
    return SurfaceFields(basis, rule, even - odd, even + odd, 1j * (g_odd - g_even), 1j * (g_odd + g_even))


def propagation(
    cell: Cell, wavelength: Tensor, basis: TransverseBasis, rule: Factorisation
) -> tuple[Tensor, Tensor, Tensor]:
    """The symmetric matrices P and Q of :class:`TransverseBasis` in the pillar layer, and [ε]⁻¹ for Ez."""
    epsilon = permittivity(cell.shape, cell.period, cell.pillar**2, cell.cover**2, basis, rule)
    order, position = basis.divergence_order, basis.ez_position
    square = ((wavelength / cell.period) ** 2)[..., None, None]
    inverse = epsilon.inverse_z[..., position[:, None], position[None, :]]
    identity = torch.eye(len(basis), dtype=torch.float64)
    P = identity - square * (order[:, None] * inverse * order[None, :])
    return P, epsilon.transverse - square * basis.curl_square, epsilon.inverse_z


def _rotated(U: Tensor, QV: Tensor, VP: Tensor, basis: TransverseBasis) -> Tensor:
    """[4, ..., n, n]: g_even, E_even from u and g_odd, −E_odd from w at the top, along and across k."""
    return torch.stack([basis.along_k(part) for part in (QV, U, U.transpose(-1, -2), VP)])


def _outgoing(kappa: Tensor, index: Tensor, basis: TransverseBasis) -> Tensor:
    """[2, ..., n, 1] coefficients α, β of α·g + β·E = 0, which waves that leave upwards obey.

    κ·g + ε·E = 0 for E along the transverse wave vector, g − κ·E = 0 across it: nothing diverges on a light
    line (κ = 0). For waves that leave downwards the sign of β changes.
    """
    epsilon = (index**2)[..., None].to(kappa.dtype).expand_as(kappa)
    alpha = torch.where(basis.is_tm, kappa, torch.ones_like(kappa))
    beta = torch.where(basis.is_tm, epsilon, -kappa)
    return torch.stack([alpha, beta])[..., None]


def _excited(rotated: Tensor, below: Tensor, above: Tensor, incident: Tensor) -> tuple[Tensor, Tensor]:
    """Solve the boundary equations for the amplitudes u, w of the even and the odd part.

    The coefficients are real but for the few rows of propagating orders, so a real system is factored, and
    the imaginary part of those rows is added by the Woodbury identity.
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
        return _excited_directly(rotated, below, above, incident)
    feedback = torch.eye(columns.shape[1]) + 1j * (imaginary @ response)
    source = torch.zeros(*incident.shape, columns.shape[1], dtype=torch.complex128)
    source[..., 0] = incident
    drive = torch.linalg.solve(feedback, source.expand(feedback.shape[:-1])[..., None])[..., 0]
    amplitudes = apply(response, drive)
    return amplitudes[..., :size], amplitudes[..., size:]


def _excited_directly(
    rotated: Tensor, below: Tensor, above: Tensor, incident: Tensor
) -> tuple[Tensor, Tensor]:
    """As :func:`_excited`, from the complex system: four times the work, and nothing is singular."""
    system = torch.cat([_equations(rotated, below, -1), _equations(rotated, above, 1)], -2)
    source = torch.zeros(*system.shape[:-1], dtype=system.dtype)
    source[..., 0] = incident
    u, w = torch.linalg.solve(system, source[..., None])[..., 0].chunk(2, -1)
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


def apply(matrix: Tensor, vector: Tensor) -> Tensor:
    """[..., n, m] real or complex matrix times [..., m] complex vector."""
    if matrix.is_complex():
        return (matrix @ vector[..., None])[..., 0]
    return torch.view_as_complex((matrix @ torch.view_as_real(vector)).contiguous())
