"""Matrices of the permittivity of one cell in the truncated basis (Li's rules)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor

from metagen.rcwa.basis import TransverseBasis, product_matrix
from metagen.rcwa.shapes import Ellipse


class Factorisation(Enum):
    """How the product of permittivity and field is truncated."""

    NORMAL = "normal"
    """Li's rules: the inverse rule for the field component normal to the walls. Converges fast."""
    LAURENT = "laurent"
    """The same truncation for every component. Converges slowly; for comparison with other programs."""


@dataclass(frozen=True)
class Geometry:
    """What depends on the shape only: matrices that multiply by its indicator and by its normal projector.

    [..., n, n] each; the components they act on are in the names.
    """

    inside_x: Tensor
    inside_y: Tensor
    inside_z: Tensor
    normal_xx: Tensor
    normal_yy: Tensor
    normal_xy: Tensor


def geometry(shape: Ellipse, period: Tensor, basis: TransverseBasis) -> Geometry:
    """The matrices of a shape; they serve every wavelength."""
    size = 2 * basis.orders + 1
    inside = shape.transform(period, size)
    n_xx, n_xy = shape.normal_projector(period, size)
    n_yy = -n_xx
    n_yy[..., 0, 0] += 1
    return Geometry(
        product_matrix(inside, basis.ex, basis.ex),
        product_matrix(inside, basis.ey, basis.ey),
        product_matrix(inside, basis.ez, basis.ez),
        product_matrix(n_xx, basis.ex, basis.ex),
        product_matrix(n_yy, basis.ey, basis.ey),
        product_matrix(n_xy, basis.ex, basis.ey),
    )


@dataclass(frozen=True)
class Permittivity:
    """Matrices of the relative permittivity.

    Attributes:
        transverse: [..., n, n] from (Ex, Ey) to (Dx, Dy).
        inverse_z: [..., n_z, n_z] from Dz to Ez.
    """

    transverse: Tensor
    inverse_z: Tensor


def permittivity(shape: Geometry, pillar: Tensor, cover: Tensor, rule: Factorisation) -> Permittivity:
    """Permittivity matrices of a pillar of permittivity ``pillar`` in ``cover``.

    With D = [ε] − [1/ε]⁻¹, what the two rules of Li differ by, and N = n·nᵀ, the transverse matrix is
    [ε] − (D·N + N·D)/2: the inverse rule along the normal, the Laurent rule across it.
    """
    pillar, cover = pillar[..., None, None], cover[..., None, None]

    def mixed(inside: Tensor, inner: Tensor, outer: Tensor) -> Tensor:
        identity = torch.eye(inside.shape[-1], dtype=torch.float64, device=inside.device)
        return outer * identity + (inner - outer) * inside

    eps_x, eps_y = (mixed(part, pillar, cover) for part in (shape.inside_x, shape.inside_y))
    inverse_z = torch.linalg.inv(mixed(shape.inside_z, pillar, cover))
    if rule is Factorisation.LAURENT:
        return Permittivity(_block(eps_x, 0 * (eps_x @ shape.normal_xy.to(eps_x.dtype)), eps_y), inverse_z)
    d_x = eps_x - torch.linalg.inv(mixed(shape.inside_x, 1 / pillar, 1 / cover))
    d_y = eps_y - torch.linalg.inv(mixed(shape.inside_y, 1 / pillar, 1 / cover))
    normal_xx, normal_xy, normal_yy = (
        part.to(d_x.dtype) for part in (shape.normal_xx, shape.normal_xy, shape.normal_yy)
    )
    cross = -(d_x @ normal_xy + normal_xy @ d_y) / 2
    return Permittivity(
        _block(eps_x - _symmetric(d_x @ normal_xx), cross, eps_y - _symmetric(d_y @ normal_yy)), inverse_z
    )


def _symmetric(matrix: Tensor) -> Tensor:
    return (matrix + matrix.transpose(-1, -2)) / 2


def _block(xx: Tensor, xy: Tensor, yy: Tensor) -> Tensor:
    top = torch.cat([xx, xy], -1)
    bottom = torch.cat([xy.transpose(-1, -2), yy], -1)
    return torch.cat([top, bottom], -2)
