"""The general path: stacks of layers with any permittivity, any direction and polarisation of incidence.

Layers are joined from the top down by the relation α·g + β·E = 0 that the field obeys at each interface (the
surface admittance, g = −i·h); it is as stable as a scattering matrix, which it determines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.base.threads import one_thread
from metagen.rcwa.cell import is_passive
from metagen.rcwa.factorisation import Factorisation
from metagen.rcwa.grid import grid_permittivity, twice
from metagen.rcwa.planewaves import Incidence, PlaneWaves, plane_waves
from metagen.rcwa.slab import half_slab
from metagen.rcwa.special import Numbers, Reals, as_tensor


@dataclass(frozen=True)
class Layer:
    """A layer that does not change along z.

    Attributes:
        permittivity: [nx, ny] mean ε of each pixel of a grid over the cell, index order [x, y]; a number for
            a uniform layer. Real or complex; an imaginary part > 0 absorbs.
        thickness: of the layer.
        inverse_permittivity: [nx, ny] mean of 1/ε of each pixel. It matters for pixels that a wall crosses;
            without it pixels count as uniform, and t is right to the first power of their size only.
    """

    permittivity: Numbers
    thickness: Reals
    inverse_permittivity: Numbers | None = None

    @classmethod
    def of_two_media(cls, fill: Reals, inner: Numbers, outer: Numbers, thickness: Reals) -> Layer:
        """A layer of permittivity ``inner`` in a fraction ``fill`` [nx, ny] of each pixel, ``outer`` else."""
        part, inner, outer = (as_tensor(value) for value in (fill, inner, outer))
        return cls(part * inner + (1 - part) * outer, thickness, part / inner + (1 - part) / outer)


@dataclass(frozen=True)
class Stack:
    """Layers on a substrate.

    Attributes:
        period: lattice constant of the square lattice.
        layers: from the substrate upwards.
        substrate: refractive index where the light comes from, real.
        cover: refractive index beyond, real or complex.
    """

    period: Reals
    layers: tuple[Layer, ...]
    substrate: Numbers = 1.0
    cover: Numbers = 1.0


@dataclass(frozen=True, eq=False)
class StackFields:
    """A solved stack, as torch tensors with gradients.

    Attributes:
        waves: the orders.
        incidence: the light.
        incident, bottom, top: [2, w] Ex, Ey of the incident wave at z = 0, of the whole field at z = 0 and of
            the field at the top of the stack.
        h_incident, h_bottom, h_top: [2, w] h = (Hy, −Hx) times the impedance of vacuum, likewise.
    """

    waves: PlaneWaves
    incidence: Incidence
    incident: Tensor
    bottom: Tensor
    top: Tensor
    h_incident: Tensor
    h_bottom: Tensor
    h_top: Tensor

    @property
    def transmitted(self) -> Tensor:
        """[w] power in each transmitted order / incident power, at the top of the stack."""
        return _power(self.top, self.h_top) / self._incident_power

    @property
    def reflected(self) -> Tensor:
        """[w] power in each reflected order / incident power."""
        return -_power(self.bottom - self.incident, self.h_bottom - self.h_incident) / self._incident_power

    @property
    def transmittance(self) -> Tensor:
        """Power through the top of the stack / incident power."""
        return self.transmitted.sum()

    @property
    def reflectance(self) -> Tensor:
        """Power reflected / incident power."""
        return self.reflected.sum()

    @property
    def t(self) -> Tensor:
        """[2] Ex, Ey of order 0 at the top of the stack, for incident amplitudes as given."""
        return self.top[:, self.waves.zeroth]

    @property
    def r(self) -> Tensor:
        """[2] Ex, Ey of order 0 reflected, at z = 0."""
        return (self.bottom - self.incident)[:, self.waves.zeroth]

    @property
    def _incident_power(self) -> Tensor:
        return _power(self.incident, self.h_incident).sum()


@one_thread()
def solve_stack(
    stack: Stack, incidence: Incidence, *, orders: int, factorisation: Factorisation = Factorisation.NORMAL
) -> StackFields:
    """Solve a periodic stack for one plane wave.

    Args:
        stack: the layers.
        incidence: the light.
        orders: truncation |m|, |n| ≤ orders; work grows as orders⁶.
        factorisation: how products are truncated.

    Raises:
        InputError: an index, a thickness or a grid that no stack can have.
    """
    if orders < 0:
        raise InputError(f"orders is {orders}; it must be 0 or more")
    period, substrate, cover = _checked(stack)
    waves = plane_waves(orders, incidence, period, substrate)
    rotation = waves.rotation().to(torch.complex128)
    alpha, beta = (part[:, None] * rotation for part in waves.outgoing(cover**2))
    transfers = []
    for layer in reversed(stack.layers):
        transfers.append(_Transfer.through(layer, waves, incidence.wavelength, alpha, beta, factorisation))
        alpha, beta = torch.eye(len(rotation), dtype=torch.complex128), transfers[-1].admittance
    incident, g_incident = _incident(incidence, waves, substrate)
    alpha_b, beta_b = (part[:, None] * rotation for part in waves.outgoing(substrate**2))
    source = alpha_b @ g_incident - beta_b @ incident
    field, g = _meet(alpha_b, -beta_b, alpha, beta, source)
    bottom, g_bottom = field, g
    for transfer in reversed(transfers):
        field, g = transfer.upwards(field)
    parts = (incident, bottom, field, 1j * g_incident, 1j * g_bottom, 1j * g)
    return StackFields(waves, incidence, *(part.reshape(2, -1) for part in parts))


def _checked(stack: Stack) -> tuple[Tensor, Tensor, Tensor]:
    """Period, index of the substrate and of the cover, of which every stack has one."""
    period, substrate, cover = (as_tensor(value) for value in (stack.period, stack.substrate, stack.cover))
    if not (period.ndim == 0 and period > 0 and torch.isfinite(period)):
        raise InputError(f"period is {stack.period}; it must be one positive, finite number (micrometres)")
    if substrate.ndim or substrate.is_complex() or not (substrate > 0 and torch.isfinite(substrate)):
        raise InputError(
            f"substrate is {stack.substrate}; light must come from a medium with a positive real index"
        )
    if cover.ndim or not is_passive(cover**2) or cover.real < 0:
        raise InputError(
            f"cover is {stack.cover}; it must be one finite index that is not 0, with a positive imaginary "
            "part if it absorbs: time is exp(−iωt)"
        )
    return period, substrate, cover


def _meet(
    alpha_b: Tensor, beta_b: Tensor, alpha: Tensor, beta: Tensor, source: Tensor
) -> tuple[Tensor, Tensor]:
    """E and g where α_b·g + β_b·E = source from below and α·g + β·E = 0 from above."""
    system = torch.cat([torch.cat([beta_b, alpha_b], 1), torch.cat([beta, alpha], 1)])
    known = torch.cat([source, torch.zeros_like(source)])
    field, g = torch.linalg.solve(system, known).chunk(2)
    return field, g


@dataclass(frozen=True)
class _Transfer:
    """What a layer does: amplitudes u, w = −Z·u of its even and odd part from E at its bottom.

    With A = P·Q and U, V of :func:`half_slab`, E = U·u ± V·A·w and g = ±(−Q·V·u) + Q·U·w at bottom and top.
    """

    U: Tensor
    VA: Tensor
    QV: Tensor
    QU: Tensor
    Z: Tensor

    @classmethod
    def through(
        cls,
        layer: Layer,
        waves: PlaneWaves,
        wavelength: float,
        alpha: Tensor,
        beta: Tensor,
        rule: Factorisation,
    ) -> _Transfer:
        """From the relation α·g + β·E = 0 at the layer's top."""
        P, Q = _layer_matrices(layer, waves, rule)
        A = P @ Q
        thickness = as_tensor(layer.thickness)
        if not (thickness > 0 and torch.isfinite(thickness)):
            raise InputError(f"thickness is {layer.thickness}; it must be positive and finite (micrometres)")
        U, V = half_slab(A, math.pi * thickness / wavelength)
        VA, QV, QU = V @ A, Q @ V, Q @ U
        Z: Tensor = torch.linalg.solve(alpha @ QU - beta @ VA, alpha @ QV + beta @ U)
        return cls(U, VA, QV, QU, Z)

    @property
    def admittance(self) -> Tensor:
        """β of g + β·E = 0 at the bottom."""
        even, odd = self.QU @ self.Z + self.QV, self.U - self.VA @ self.Z
        transposed: Tensor = torch.linalg.solve(odd.T, even.T)
        return transposed.T

    def upwards(self, bottom: Tensor) -> tuple[Tensor, Tensor]:
        """E and g at the top from E at the bottom."""
        u = torch.linalg.solve(self.U - self.VA @ self.Z, bottom)
        w = -self.Z @ u
        return self.U @ u - self.VA @ w, self.QV @ u + self.QU @ w


def _layer_matrices(layer: Layer, waves: PlaneWaves, rule: Factorisation) -> tuple[Tensor, Tensor]:
    """P and Q of dE/dz = i·P·h, dh/dz = i·Q·E."""
    grid = as_tensor(layer.permittivity)
    if not is_passive(grid):
        raise InputError(
            "permittivity has values that are not finite, 0, or with a negative imaginary part; absorption "
            "is positive: time is exp(−iωt)"
        )
    if grid.ndim == 0:
        identity = torch.eye(len(waves.m), dtype=torch.complex128)
        transverse, inverse_z = twice(grid * identity), identity / grid
    elif grid.ndim == 2:
        given = layer.inverse_permittivity
        inverse = 1 / grid if given is None else as_tensor(given)
        if inverse.shape != grid.shape:
            raise InputError(
                f"inverse_permittivity has shape {tuple(inverse.shape)}, permittivity {tuple(grid.shape)}; "
                "they are of the same pixels"
            )
        transverse, inverse_z = grid_permittivity(grid, inverse, waves, rule)
    else:
        raise InputError(f"permittivity has shape {tuple(grid.shape)}; it is a number or a grid [nx, ny]")
    k, across = (part.to(torch.complex128) for part in (waves.k, waves.k_across))
    identity = torch.eye(2 * len(waves.m), dtype=torch.complex128)
    return identity - k @ inverse_z @ k.T, transverse - across @ across.T


def _incident(incidence: Incidence, waves: PlaneWaves, substrate: Tensor) -> tuple[Tensor, Tensor]:
    """[2w] E and g = −i·h of the incident wave at z = 0."""
    cosine = math.cos(incidence.polar)
    along, across = incidence.p * cosine, incidence.s
    h_along, h_across = incidence.p * substrate, incidence.s * substrate * cosine
    count = len(waves.m)
    field, h = (torch.zeros(2 * count, dtype=torch.complex128) for _ in range(2))
    c, s = math.cos(incidence.azimuth), math.sin(incidence.azimuth)
    zeroth = [waves.zeroth, waves.zeroth + count]
    field[zeroth] = torch.stack([as_tensor(c * along - s * across), as_tensor(s * along + c * across)]).to(
        h.dtype
    )
    h[zeroth] = torch.stack([c * h_along - s * h_across, s * h_along + c * h_across]).to(h.dtype)
    return field, -1j * h


def _power(field: Tensor, h: Tensor) -> Tensor:
    power: Tensor = (field.conj() * h).real
    return power.reshape(2, -1).sum(0)
