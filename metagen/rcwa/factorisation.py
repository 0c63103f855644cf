"""Matrices of the permittivity of one cell in the truncated basis (Li's rules).

L. Li, "Use of Fourier series in the analysis of discontinuous periodic structures", J. Opt. Soc. Am. A 13,
1870 (1996): where permittivity and field both jump but their product does not, the inverse rule converges
fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor

from metagen.device.shapes import Difference
from metagen.device.symmetry import Symmetry
from metagen.rcwa.basis import TransverseBasis, product_matrix
from metagen.rcwa.cell import Cell
from metagen.rcwa.layer import Permittivity
from metagen.rcwa.normals import normal_projector
from metagen.rcwa.rectilinear import is_rectilinear, strip_permittivity
from metagen.rcwa.tensors import add_to_diagonal
from metagen.rcwa.waves import Waves


class Factorisation(Enum):
    """How the product of permittivity and field is truncated."""

    LI = "li"
    """Li's rules: strip by strip where all walls run along x or y, else the inverse rule along a smooth field
    of normals. Converges fast."""
    NORMAL = "normal"
    """Li's rules along a smooth field of normals, for every shape: results then go smoothly through angles at
    which walls run along x and y."""
    LAURENT = "laurent"
    """The same truncation for every component. Converges slowly; for comparison with other programs."""


@dataclass(frozen=True, eq=False)
class PillarLayer:
    """The layer of pillars of a cell, with the rule by which its products are truncated."""

    cell: Cell
    rule: Factorisation

    @property
    def thickness(self) -> Tensor:
        """[...] height of the pillars."""
        return self.cell.height

    @property
    def contrast(self) -> Tensor:
        """[...] see :class:`metagen.rcwa.layer.AnyLayer`."""
        walls = max(2 if isinstance(shape, Difference) else 1 for shape in self.cell.shapes)
        return walls * (self.cell.pillar**2 - self.cell.cover**2).abs()

    @property
    def absorbs(self) -> bool:
        """Whether any of the pillars does."""
        return self.cell.pillar.is_complex() and bool((self.cell.pillar.imag != 0).any())

    def permittivity(self, waves: Waves) -> Permittivity:
        """Permittivity matrices in a basis.

        The matrices of the shapes are built before they are combined with the media, so that a batch over
        wavelengths (whose axes the shapes do not have) builds them once.
        """
        cell, basis = self.cell, waves.basis
        symmetric = Symmetry.HALF_TURN in cell.symmetry
        inner, outer = (cell.pillar**2)[..., None, None], (cell.cover**2)[..., None, None]
        transform = cell.transform(basis.differences)
        inside = [product_matrix(transform, part, part) for part in (basis.ex, basis.ey, basis.ez)]
        jump = inner - outer
        eps_x, eps_y, eps_z = (_mixed(part, outer, jump) for part in inside)
        if self.rule is Factorisation.LAURENT:
            transverse = block(eps_x, eps_y)
        elif self.rule is Factorisation.LI and is_rectilinear(cell):
            transverse = block(*strip_permittivity(cell, inner, outer, basis))
        else:
            of_inverse = 1 / outer, 1 / inner - 1 / outer
            inverses = [torch.linalg.inv(_mixed(part, *of_inverse)) for part in inside[:2]]
            normals = normal_projector(cell, basis)
            transverse = along_normals((eps_x, eps_y), inverses, normals, basis, symmetric=symmetric)
        return Permittivity(transverse, torch.linalg.inv(eps_z), symmetric)


def along_normals(
    laurent: Sequence[Tensor],
    inverse: Sequence[Tensor],
    projector: Sequence[Tensor],
    basis: TransverseBasis,
    *,
    symmetric: bool,
) -> Tensor:
    """[..., n, n] the inverse rule along the normal, the Laurent rule across it.

    With D = [ε] − [1/ε]⁻¹, what the two rules differ by, it is [ε] − (D·N + N·D)/2.

    Args:
        laurent: [ε] on Ex and on Ey.
        inverse: [1/ε]⁻¹ likewise.
        projector: [..., d] Fourier coefficients of N_xx and N_xy.
        basis: the harmonics.
        symmetric: whether the matrix is symmetric.
    """
    d_x, d_y = (eps - inv for eps, inv in zip(laurent, inverse, strict=True))
    n_xx, n_xy = (part.to(d_x.dtype) for part in projector)
    on_x = product_matrix(n_xx, basis.ex, basis.ex)
    on_y = add_to_diagonal(-product_matrix(n_xx, basis.ey, basis.ey), 1)
    to_x = product_matrix(n_xy, basis.ex, basis.ey)
    xx = laurent[0] - _half_anticommutator(d_x, on_x, symmetric=symmetric)
    yy = laurent[1] - _half_anticommutator(d_y, on_y, symmetric=symmetric)
    xy = -(d_x @ to_x + to_x @ d_y) / 2
    if symmetric:
        return block(xx, yy, xy, xy.mT)
    to_y = product_matrix(n_xy, basis.ey, basis.ex)
    return block(xx, yy, xy, -(d_y @ to_y + to_y @ d_x) / 2)


def _half_anticommutator(d: Tensor, n: Tensor, *, symmetric: bool) -> Tensor:
    product = d @ n
    return (product + (product.mT if symmetric else n @ d)) / 2


def _mixed(inside: Tensor, outer: Tensor, jump: Tensor) -> Tensor:
    """Matrix of a function that is ``outer`` outside and by ``jump`` more inside."""
    return add_to_diagonal(jump * inside, outer[..., 0])


def block(xx: Tensor, yy: Tensor, xy: Tensor | None = None, yx: Tensor | None = None) -> Tensor:
    """[[xx, xy], [yx, yy]], with zeros for what is not given."""
    xy = xx.new_zeros(*xx.shape[:-1], yy.shape[-1]) if xy is None else xy
    yx = xy.mT if yx is None else yx
    return torch.cat([torch.cat([xx, xy], -1), torch.cat([yx, yy], -1)], -2)
