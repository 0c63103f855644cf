"""Models that predict the coefficients of a patch in a basis of modes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.surrogate.base import Surrogate
from metagen.surrogate.basis import PatchBasis
from metagen.surrogate.blocks import in_blocks, sum_of_blocks
from metagen.surrogate.domain import Domain
from metagen.surrogate.error_map import SIDE, ErrorMap
from metagen.surrogate.lattice import assemble, lay_out, surround, windows
from metagen.surrogate.settings import ExpansionSettings


class ExpansionSurrogate(Surrogate):
    """A surrogate whose field over every cell is a sum of a few fixed modes.

    Only ``coefficients`` depends on the radii; operations that are linear in the field (propagation to a
    point, say) can be applied to the modes once.

    Attributes:
        basis: the modes.
        error_map: the error that the model expects over every cell; None if this was not learned.
        block_side: largest number of cells along one side of a block that is evaluated at once.
        learns_from_blocks: whether descent takes whole blocks of cells, which share intermediate results.
    """

    block_side: ClassVar[int] = 32
    learns_from_blocks: ClassVar[bool] = False

    def __init__(self, domain: Domain, settings: ExpansionSettings) -> None:
        super().__init__(domain, settings, settings.width)
        self.basis = PatchBasis(domain, settings.rank)
        self.error_map: ErrorMap | None = None

    @abstractmethod
    def coefficients(self, radii: Tensor) -> Tensor:
        """[..., rank] complex coefficients of cells with neighbourhoods [..., width²]."""

    def block(self, surrounded: Tensor) -> Tensor:
        """[..., A, B, rank] complex coefficients of a block that is small enough to be evaluated at once.

        Args:
            surrounded: [..., A + 2m, B + 2m] radii of the block and of a margin m = ⌊width / 2⌋ around it.
        """
        return self.coefficients(windows(surrounded, self.width))

    def coefficient_map(self, surrounded: Tensor) -> Tensor:
        """[..., A, B, rank] complex coefficients of a block of any size, see :meth:`block`."""
        return in_blocks(self.block, surrounded, self.width // 2, self.block_side)

    def fields(self, surrounded: Tensor) -> Tensor:
        """[..., A, B, n·n·C] complex field over the cells of a block, see :meth:`Surrogate.fields`."""
        return self.basis.expand(self.coefficient_map(surrounded))

    def plane(self, surrounded: Tensor) -> Tensor:
        """[..., C, A·n, B·n] complex field over a block, see :meth:`fields`."""
        samples, components = self.domain.samples, self.domain.components
        coefficients = self.coefficient_map(surrounded)
        if coefficients.requires_grad:
            return assemble(self.basis.expand(coefficients), samples, components)
        return lay_out(coefficients, self.basis.modes.to(coefficients.dtype), samples, components)

    @property
    def modes(self) -> Tensor:
        """[rank, n·n·C] complex field of each mode over a cell."""
        return self.basis.modes

    @property
    def keeps_mirrors(self) -> bool:
        """Whether every mode is even or odd under each mirror, as in a :class:`SymmetricSurrogate`."""
        return bool(self.basis.parity.all())

    def coefficients_from(self, first: int, radii: Tensor) -> Tensor:
        """[..., N − first, N − first, rank] complex coefficients of the cells whose row and column are
        ``first`` or later, for devices of [..., N, N] radii."""
        return self.coefficient_map(self._surrounded_from(first, radii))

    def sum_from(
        self, first: int, radii: Tensor, contribution: Callable[[Tensor, slice, slice], Tensor]
    ) -> Tensor:
        """Sum of contributions over blocks of cells, see :meth:`metagen.design.model.Modal.sum_from`."""

        def of_radii(block: Tensor, rows: slice, columns: slice) -> Tensor:
            return contribution(self.block(block), rows, columns)

        return sum_of_blocks(of_radii, self._surrounded_from(first, radii), self.width // 2, self.block_side)

    def _surrounded_from(self, first: int, radii: Tensor) -> Tensor:
        """Radii of the cells whose row and column are ``first`` or later, and of a margin around them."""
        return surround(self.admit(radii), self.width)[..., first:, first:]

    def expected_error(self, radii: Tensor, *, clamp: bool = False) -> Tensor:
        """[..., N, N] squared error of the near field that the model expects over each cell of devices,
        relative to the mean power of a cell; differentiable.

        Args:
            radii: [..., N, N] radii.
            clamp: see :meth:`forward`.

        Raises:
            InputError, MismatchError: see :meth:`forward`; also if the model has no error map.
        """
        if self.error_map is None:
            raise InputError(
                "the model does not know its own error; train one with `error_map = true` in its recipe"
            )
        surrounded = surround(self.admit(radii, clamp=clamp), self.error_map.width)
        of_coefficients = in_blocks(self.error_map, surrounded, self.error_map.width // 2, SIDE).squeeze(-1)
        return of_coefficients + self.basis.floor  # the modes alone leave the floor

    @abstractmethod
    def prepare(self, radii: Tensor, patches: Tensor) -> None:
        """Set all that is learned without descent: modes, scales and least-squares terms.

        Args:
            radii: [M, width²] radii of the neighbourhoods, in double precision.
            patches: [M, n·n·C] fields over the cells, in double precision.
        """


class SymmetricSurrogate(ExpansionSurrogate):
    """A model that commutes with the mirrors, whatever it learned: mirroring a device mirrors its field."""

    @abstractmethod
    def prepare(self, radii: Tensor, patches: Tensor, counts: Tensor | None = None) -> None:
        """Set all that is learned without descent: modes, scales and least-squares terms.

        Mirror images of the same cells need not be given.

        Args:
            radii: [M, width²] radii of the neighbourhoods, in double precision.
            patches: [M, n·n·C] fields over the cells, in double precision.
            counts: [M] how many times each cell counts; by default once.
        """


def as_complex(parts: Tensor) -> Tensor:
    """[..., K] complex from [..., 2·K] real numbers: real and imaginary parts, one pair after the other."""
    return torch.view_as_complex(torch.unflatten(parts, -1, (-1, 2)).contiguous())


def as_parts(values: Tensor) -> Tensor:
    """[..., 2·K] real numbers from [..., K] complex: real and imaginary parts, one pair after the other."""
    return torch.view_as_real(values.resolve_conj()).flatten(-2)
