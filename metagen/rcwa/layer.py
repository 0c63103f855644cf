"""Maxwell's equations in a layer that does not change along z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from metagen.rcwa.basis import TransverseBasis
from metagen.rcwa.slab import half_slab
from metagen.rcwa.tensors import add_to_diagonal
from metagen.rcwa.waves import Waves


@dataclass(frozen=True, eq=False)
class Permittivity:
    """Matrices of the relative permittivity.

    Attributes:
        transverse: [..., n, n] from (Ex, Ey) to (Dx, Dy).
        inverse_z: [..., n_z, n_z] from Dz to Ez.
        symmetric: whether both are symmetric, as they are where a half turn leaves the layer as it is.
    """

    transverse: Tensor
    inverse_z: Tensor
    symmetric: bool


@dataclass(frozen=True, eq=False)
class LayerMatrices:
    """Matrices P and Q of dE/dz = i·P·h, dh/dz = i·Q·E, with z in units of 1/k0; and [ε]⁻¹ for Ez.

    Attributes:
        P, Q: [..., n, n].
        inverse_z: [..., n_z, n_z].
        symmetric: whether P and Q are symmetric.
    """

    P: Tensor
    Q: Tensor
    inverse_z: Tensor
    symmetric: bool


class AnyLayer(Protocol):
    """A layer that a solver can ask for its matrices."""

    @property
    def thickness(self) -> Tensor:
        """[...] thickness of the layer, in micrometres."""

    @property
    def contrast(self) -> Tensor:
        """[...] by how much the permittivity jumps, summed over walls on the way from its centre."""

    @property
    def absorbs(self) -> bool:
        """Whether its permittivity has an imaginary part anywhere."""

    def permittivity(self, waves: Waves) -> Permittivity:
        """Its permittivity in a basis."""


def layer_matrices(layer: AnyLayer, waves: Waves) -> LayerMatrices:
    """The matrices of a layer in a basis."""
    epsilon, basis = layer.permittivity(waves), waves.basis
    inverse = _between_transverse(epsilon.inverse_z, basis)
    P = add_to_diagonal(-waves.own[..., :, None] * inverse * waves.own[..., None, :], 1)
    other = waves.other
    Q = epsilon.transverse - basis.same_orders * other[..., :, None] * other[..., None, :]
    return LayerMatrices(P, Q, epsilon.inverse_z, epsilon.symmetric)


def _between_transverse(inverse_z: Tensor, basis: TransverseBasis) -> Tensor:
    """[..., n, n] elements of [ε]⁻¹ by the orders of Ex and Ey.

    Where Ez has no harmonic of these orders any element will do: :attr:`Waves.own` is 0 there.
    """
    if not len(basis.ez):
        return inverse_z.new_zeros(len(basis), len(basis))
    return inverse_z[..., basis.ez_position[:, None], basis.ez_position]


@dataclass(frozen=True, eq=False)
class SlabMaps:
    """The field at the surfaces of a slab, from the amplitudes u, w of its even and its odd part.

    E = even·u − odd·w and g = g_even·u + g_odd·w at the top; E = even·u + odd·w and g = −g_even·u + g_odd·w
    at the bottom.
    """

    even: Tensor
    odd: Tensor
    g_even: Tensor
    g_odd: Tensor

    @classmethod
    def of(cls, matrices: LayerMatrices, half_thickness: Tensor) -> SlabMaps:
        """The maps of a slab of twice a thickness, in units of 1/k0."""
        A = matrices.P @ matrices.Q
        U, V = half_slab(A, half_thickness)
        if matrices.symmetric:
            return cls(U, V @ matrices.P, matrices.Q @ V, U.mT)
        return cls(U, V @ A, matrices.Q @ V, matrices.Q @ U)


def displacement_z(h: Tensor, waves: Waves) -> Tensor:
    """[..., n_z, c] harmonics of Dz = −k·h, from h [..., n, c]."""
    basis = waves.basis
    exists = basis.ez_position >= 0
    parts = (h * waves.own[..., None])[..., exists, :]
    total = torch.zeros(*h.shape[:-2], len(basis.ez), h.shape[-1], dtype=h.dtype)
    return -total.index_add(-2, basis.ez_position[exists], parts)
