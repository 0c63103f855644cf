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

Cell = int | tuple[int, int]
"""Row and column of a cell; one number if they are equal."""


class ExpansionSurrogate(Surrogate):
    """A surrogate whose field over every cell is a sum of a few fixed modes.

    Only ``coefficients`` depends on the pillars; operations that are linear in the field (propagation to a
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
    def coefficients(self, around: Tensor) -> Tensor:
        """[..., rank] complex coefficients of cells with neighbourhoods [..., width², K] of pillars."""

    def block(self, surrounded: Tensor) -> Tensor:
        """[..., A, B, rank] complex coefficients of a block that is small enough to be evaluated at once.

        Args:
            surrounded: [..., A + 2w, B + 2w, K] packed pillars of the block and of a margin w = ⌊width / 2⌋
                around it.
        """
        return self.coefficients(windows(surrounded, self.width))

    def coefficient_map(self, surrounded: Tensor) -> Tensor:
        """[..., A, B, rank] complex coefficients of a block of any size, see :meth:`block`."""
        return in_blocks(self.block, surrounded, self.width // 2, self.block_side)

    def fields(self, surrounded: Tensor) -> Tensor:
        """[..., A, B, n·m·C] complex field over the cells of a block, see :meth:`Surrogate.fields`."""
        return self.basis.expand(self.coefficient_map(surrounded))

    def plane(self, surrounded: Tensor) -> Tensor:
        """[..., C, A·n, B·m] complex field over a block, see :meth:`fields`."""
        samples, components = self.domain.cell_samples, self.domain.components
        coefficients = self.coefficient_map(surrounded)
        if coefficients.requires_grad:
            return assemble(self.basis.expand(coefficients), samples, components)
        return lay_out(coefficients, self.basis.modes.to(coefficients.dtype), samples, components)

    @property
    def modes(self) -> Tensor:
        """[rank, n·m·C] complex field of each mode over a cell."""
        return self.basis.modes

    @property
    def keeps_mirrors(self) -> bool:
        """Whether every mode is even or odd under each mirror, as in a :class:`SymmetricSurrogate`."""
        return bool(self.basis.parity.all())

    def coefficients_from(self, first: Cell, values: Tensor, present: Tensor | None = None) -> Tensor:
        """[..., Nx − first, Ny − first, rank] complex coefficients of the cells whose row and column are
        ``first`` or later, one number for both or one for each; for the pillars see :meth:`forward`."""
        return self.coefficient_map(self._surrounded_from(first, values, present))

    def sum_from(
        self,
        first: Cell,
        values: Tensor,
        contribution: Callable[[Tensor, slice, slice], Tensor],
        present: Tensor | None = None,
    ) -> Tensor:
        """Sum of contributions over blocks of cells, see :meth:`metagen.design.model.Modal.sum_from`."""

        def of_pillars(block: Tensor, rows: slice, columns: slice) -> Tensor:
            return contribution(self.block(block), rows, columns)

        surrounded = self._surrounded_from(first, values, present)
        return sum_of_blocks(of_pillars, surrounded, self.width // 2, self.block_side)

    def _surrounded_from(self, first: Cell, values: Tensor, present: Tensor | None) -> Tensor:
        """Pillars of the cells whose row and column are ``first`` or later, and of a margin around them."""
        row, column = (first, first) if isinstance(first, int) else first
        return surround(self.admit(values, present), self.width)[..., row:, column:, :]

    def expected_error(self, values: Tensor, present: Tensor | None = None, *, clamp: bool = False) -> Tensor:
        """[..., Nx, Ny] squared error of the near field that the model expects over each cell of devices,
        relative to the mean power of a cell; differentiable.

        Args:
            values, present, clamp: see :meth:`forward`.

        Raises:
            InputError, MismatchError: see :meth:`forward`; also if the model has no error map.
        """
        if self.error_map is None:
            raise InputError(
                "the model does not know its own error; train one with `error_map = true` in its recipe"
            )
        surrounded = surround(self.admit(values, present, clamp=clamp), self.error_map.width)
        of_coefficients = in_blocks(self.error_map, surrounded, self.error_map.width // 2, SIDE).squeeze(-1)
        return of_coefficients + self.basis.floor  # the modes alone leave the floor

    @abstractmethod
    def prepare(self, around: Tensor, patches: Tensor) -> None:
        """Set all that is learned without descent: modes, scales and least-squares terms.

        Args:
            around: [M, width², K] packed pillars of the neighbourhoods, in double precision.
            patches: [M, n·m·C] fields over the cells, in double precision.
        """


class SymmetricSurrogate(ExpansionSurrogate):
    """A model that commutes with the mirrors, whatever it learned: mirroring a device mirrors its field."""

    @abstractmethod
    def prepare(self, around: Tensor, patches: Tensor, counts: Tensor | None = None) -> None:
        """Set all that is learned without descent: modes, scales and least-squares terms.

        Mirror images of the same cells need not be given.

        Args:
            around: [M, width², K] packed pillars of the neighbourhoods, in double precision.
            patches: [M, n·m·C] fields over the cells, in double precision.
            counts: [M] how many times each cell counts; by default once.
        """


def as_complex(parts: Tensor) -> Tensor:
    """[..., K] complex from [..., 2·K] real numbers: real and imaginary parts, one pair after the other."""
    return torch.view_as_complex(torch.unflatten(parts, -1, (-1, 2)).contiguous())


def as_parts(values: Tensor) -> Tensor:
    """[..., 2·K] real numbers from [..., K] complex: real and imaginary parts, one pair after the other."""
    return torch.view_as_real(values.resolve_conj()).flatten(-2)
