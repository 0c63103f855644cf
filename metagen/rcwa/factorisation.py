"""Matrices of the permittivity of one cell in the truncated basis (Li's rules).

L. Li, "Use of Fourier series in the analysis of discontinuous periodic structures", J. Opt. Soc. Am. A 13,
1870 (1996): where permittivity and field both jump but their product does not, the inverse rule converges
fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor

from metagen.rcwa.basis import (
    ODD,
    Harmonics,
    TransverseBasis,
    line_product_matrix,
    product_matrix,
)
from metagen.rcwa.normals import normal_projector
from metagen.rcwa.shapes import (
    Curved,
    Rectilinear,
    Shape,
    Strip,
    interval_transform,
    strip_transform,
)


class Factorisation(Enum):
    """How the product of permittivity and field is truncated."""

    NORMAL = "normal"
    """Li's rules: the inverse rule for the field component normal to the walls. Converges fast."""
    LAURENT = "laurent"
    """The same truncation for every component. Converges slowly; for comparison with other programs."""


@dataclass(frozen=True)
class Permittivity:
    """Matrices of the relative permittivity.

    Attributes:
        transverse: [..., n, n] from (Ex, Ey) to (Dx, Dy); symmetric.
        inverse_z: [..., n_z, n_z] from Dz to Ez.
    """

    transverse: Tensor
    inverse_z: Tensor


def permittivity(
    shape: Shape, period: Tensor, pillar: Tensor, cover: Tensor, basis: TransverseBasis, rule: Factorisation
) -> Permittivity:
    """Permittivity matrices of a shape of permittivity ``pillar`` [...] in ``cover`` [...].

    The matrices of the shape itself are built before they are combined with the media, so that a batch over
    wavelengths (whose axes the shape does not have) builds them once.
    """
    inner, outer = pillar[..., None, None], cover[..., None, None]
    transform = _transform(shape, period, 2 * basis.orders + 1)
    inside = [product_matrix(transform, part, part) for part in (basis.ex, basis.ey, basis.ez)]
    eps_x, eps_y, eps_z = (_mixed(part, inner, outer) for part in inside)
    inverse_z = torch.linalg.inv(eps_z)
    if rule is Factorisation.LAURENT:
        return Permittivity(_block(eps_x, eps_y), inverse_z)
    if isinstance(shape, Rectilinear):
        along_x = _strips(shape.strips_along_x, basis.ex, period, inner, outer, transposed=False)
        along_y = _strips(shape.strips_along_y, basis.ey, period, inner, outer, transposed=True)
        return Permittivity(_block(along_x, along_y), inverse_z)
    d_x, d_y = (
        eps - torch.linalg.inv(_mixed(part, 1 / inner, 1 / outer))
        for eps, part in zip((eps_x, eps_y), inside[:2], strict=True)
    )
    n_xx, n_yy, n_xy = (part.to(d_x.dtype) for part in _normals(shape, period, basis))
    cross = -(d_x @ n_xy + n_xy @ d_y) / 2
    return Permittivity(
        _block(eps_x - _symmetric(d_x @ n_xx), eps_y - _symmetric(d_y @ n_yy), cross), inverse_z
    )


def _mixed(inside: Tensor, inner: Tensor, outer: Tensor) -> Tensor:
    """Matrix of a function that is ``inner`` inside and ``outer`` outside."""
    identity = torch.eye(inside.shape[-1], dtype=torch.float64)
    return outer * identity + (inner - outer) * inside


def _normals(shape: Curved, period: Tensor, basis: TransverseBasis) -> tuple[Tensor, Tensor, Tensor]:
    """Matrices of N_xx, N_yy and N_xy on Ex, on Ey and from Ey to Ex.

    With D = [ε] − [1/ε]⁻¹, what the two rules differ by, [ε] − (D·N + N·D)/2 is the inverse rule along the
    normal and the Laurent rule across it.
    """
    n_xx, n_xy = normal_projector(shape, period, 2 * basis.orders + 1)
    identity = torch.eye(len(basis.ey), dtype=torch.float64)
    return (
        product_matrix(n_xx, basis.ex, basis.ex),
        identity - product_matrix(n_xx, basis.ey, basis.ey),
        product_matrix(n_xy, basis.ex, basis.ey),
    )


def _transform(shape: Shape, period: Tensor, size: int) -> Tensor:
    """[..., size, size] Fourier coefficients of the indicator function."""
    if not isinstance(shape, Rectilinear):
        return shape.transform(period, size)
    total = torch.zeros(size, size, dtype=torch.float64)
    for strip in shape.strips_along_x:
        width = interval_transform(strip.half_width, period, size)
        total = total + width[..., :, None] * strip_transform(strip, period, size)[..., None, :]
    return total


def _strips(
    strips: tuple[Strip, ...],
    basis: Harmonics,
    period: Tensor,
    inner: Tensor,
    outer: Tensor,
    *,
    transposed: bool,
) -> Tensor:
    """Inverse rule across walls that are normal to x (or to y), Laurent rule along them, strip by strip.

    L. Li, J. Opt. Soc. Am. A 14, 2758 (1997), for shapes whose walls all run along x or y.
    """
    size, parity = 2 * basis.orders + 1, basis.parity_x
    count = basis.orders + (0 if parity == ODD else 1)
    identity = torch.eye(count, dtype=torch.float64)
    total = outer * torch.eye(len(basis), dtype=torch.float64)
    for strip in strips:
        width = line_product_matrix(interval_transform(strip.half_width, period, size), parity)
        across = torch.linalg.inv(_mixed(width, 1 / inner, 1 / outer)) - outer * identity
        along = line_product_matrix(strip_transform(strip, period, size), parity).to(across.dtype)
        pair = (along, across) if transposed else (across, along)
        total = total + _kronecker(*pair)
    return total


def _kronecker(first: Tensor, second: Tensor) -> Tensor:
    product = first[..., :, None, :, None] * second[..., None, :, None, :]
    size = first.shape[-1] * second.shape[-1]
    return product.reshape(*product.shape[:-4], size, size)


def _symmetric(matrix: Tensor) -> Tensor:
    return (matrix + matrix.transpose(-1, -2)) / 2


def _block(xx: Tensor, yy: Tensor, xy: Tensor | None = None) -> Tensor:
    """[[xx, xy], [xyᵀ, yy]], with xy = 0 if it is not given."""
    if xy is None:
        xy = xx.new_zeros(*xx.shape[:-1], yy.shape[-1])
    return torch.cat([torch.cat([xx, xy], -1), torch.cat([xy.transpose(-1, -2), yy], -1)], -2)
