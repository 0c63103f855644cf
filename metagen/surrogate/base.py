"""What all models have in common: they take the pillars of devices and return a complex field."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from metagen.base.errors import InputError, MismatchError
from metagen.device.platform import Platform
from metagen.surrogate.blocks import Tile, cut_out, slices
from metagen.surrogate.card import Card
from metagen.surrogate.domain import Domain
from metagen.surrogate.known import admitted
from metagen.surrogate.lattice import assemble, surround
from metagen.surrogate.pillars import packed
from metagen.surrogate.settings import ModelSettings

PRECISIONS = (torch.float32, torch.float64)
"""Precisions that values may have; PyTorch has complex tensors only for these two."""
TILE = 128
"""Cells along one side of a tile: 13 MB of complex64 field at ten samples per cell and axis."""


class Surrogate(nn.Module, ABC):
    """A differentiable map from the pillars of a device to its near field.

    ``model(values)`` takes the parameters of pillars on Nx × Ny cells, with any leading axes, and returns the
    complex field [..., C, Nx·n, Ny·m] in the conventions of :class:`metagen.NearField`: C is 3 for
    (Ex, Ey, Ez) and 1 for the one along the light, as ``domain.components`` says. Everything around the array
    is bare substrate.

    Attributes:
        domain: platform, light and sampling of the model, and the pillars that it knows.
        settings: kind and size of the model.
        width: cells along one side of the neighbourhood that determines the field over a cell.
        card: what made the model.
    """

    def __init__(self, domain: Domain, settings: ModelSettings, width: int) -> None:
        super().__init__()
        self.domain = domain
        self.settings = settings
        self.width = width
        self.card = Card()

    def extra_repr(self) -> str:
        """Light, known pillars, components and width, for printing the model."""
        known = ", ".join(
            f"{each.name}={low:g} .. {high:g}"
            for each, (low, high) in zip(self.platform.atom.parameters, self.domain.known, strict=True)
        )
        light = f"wavelength={self.wavelength:g}, polarisation={self.domain.illumination.polarisation}"
        return f"{light}, {known}, components={self.domain.components}, width={self.width}"

    @abstractmethod
    def fields(self, surrounded: Tensor) -> Tensor:
        """[..., A, B, n·m·C] complex field over the cells of a block.

        Args:
            surrounded: [..., A + 2w, B + 2w, K] packed pillars (:func:`metagen.surrogate.pillars.packed`) of
                the block and of a margin w = ⌊width / 2⌋ around it.
        """

    def forward(self, values: Tensor, present: Tensor | None = None, *, clamp: bool = False) -> Tensor:
        """Predict the near field of devices.

        Args:
            values: [..., Nx, Ny, S, P] parameters of the pillars, as in :class:`metagen.Layout`, as a tensor
                on the same processor as the model; or [..., Nx, Ny] where a cell has one value (circles: 0 is
                a site without a pillar).
            present: [..., Nx, Ny, S], or [..., Nx, Ny] where a cell has one site, whether there is a pillar.
                Without it, there is one wherever no length is 0 that makes it vanish.
            clamp: whether to move unknown values to the nearest known ones (their gradient is then 0; no
                pillar stays no pillar). Otherwise they are an error.

        Raises:
            InputError: the values have another form, a NaN, or a pillar that the model does not know.
            MismatchError: values and model are on different processors.
        """
        return self.plane(surround(self.admit(values, present, clamp=clamp), self.width))

    def tiles(
        self, values: Tensor, size: int = TILE, *, present: Tensor | None = None, clamp: bool = False
    ) -> Iterator[Tile]:
        """Predict the near field part by part, for devices whose whole field does not fit into memory.

        Every tile has its own graph: the gradient of a sum over tiles can be taken tile by tile.

        Args:
            values, present, clamp: see :meth:`forward`.
            size: cells along one side of a tile.

        Returns:
            The tiles, row by row; each is computed when it is asked for.

        Raises:
            InputError, MismatchError: see :meth:`forward`; also if the size is not positive.
        """
        if size < 1:
            raise InputError(f"size is {size}; a tile has at least one pillar along a side")
        return self._tiles(*self._checked(values, present, clamp), size, clamp)

    def _tiles(self, values: Tensor, present: Tensor, size: int, clamp: bool) -> Iterator[Tile]:
        (rows, columns), margin = present.shape[-3:-1], self.width // 2
        n, m = self.domain.cell_samples
        numbers = values.flatten(-2)
        for along, across in itertools.product(slices(rows, size), slices(columns, size)):
            some = torch.unflatten(cut_out(numbers, along, across, margin), -1, values.shape[-2:])
            there = cut_out(present, along, across, margin)
            x, y = slice(along.start * n, along.stop * n), slice(across.start * m, across.stop * m)
            yield Tile(x, y, self.plane(self._packed(some, there, clamp)))

    def plane(self, surrounded: Tensor) -> Tensor:
        """[..., C, A·n, B·m] complex field over a block, see :meth:`fields`."""
        return assemble(self.fields(surrounded), self.domain.cell_samples, self.domain.components)

    def admit(self, values: Tensor, present: Tensor | None = None, *, clamp: bool = False) -> Tensor:
        """[..., Nx, Ny, K] packed pillars, checked as :meth:`forward` does, and clamped if asked to."""
        return self._packed(*self._checked(values, present, clamp), clamp)

    def _packed(self, values: Tensor, present: Tensor, clamp: bool) -> Tensor:
        return packed(self.domain.nearest(values, present) if clamp else values, present)

    def _checked(self, values: Tensor, present: Tensor | None, clamp: bool) -> tuple[Tensor, Tensor]:
        if not isinstance(values, Tensor) or values.dtype not in PRECISIONS:
            kind = values.dtype if isinstance(values, Tensor) else type(values).__name__
            raise InputError(
                f"values are {kind}, expected a torch tensor of real numbers, of single or double precision; "
                "see torch.tensor"
            )
        if values.device != self.device:
            raise MismatchError(
                f"values are on {values.device}, the model is on {self.device}; move one of them with .to()"
            )
        pillars = admitted(self.platform, values, present)
        self.domain.require_known(*pillars, clamp=clamp)
        return pillars

    @property
    def device(self) -> torch.device:
        """The processor on which the model computes; ``model.to(...)`` changes it."""
        return next(self.buffers()).device

    @property
    def platform(self) -> Platform:
        """What the process fixes."""
        return self.domain.platform

    @property
    def wavelength(self) -> float:
        """The one wavelength that the model predicts."""
        return self.domain.wavelength

    @property
    def samples(self) -> int:
        """Field samples per lattice spacing along each axis."""
        return self.domain.samples

    @property
    def sample_spacing(self) -> float:
        """Distance between neighbouring field samples."""
        return self.domain.sample_spacing
