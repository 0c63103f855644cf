"""What all models have in common: they take radii and return a complex field."""

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
from metagen.surrogate.lattice import assemble, surround
from metagen.surrogate.settings import ModelSettings

PRECISIONS = (torch.float32, torch.float64)
"""Precisions that radii may have; PyTorch has complex tensors only for these two."""
TILE = 128
"""Pillars along one side of a tile: 13 MB of complex64 field at ten samples per cell and axis."""


class Surrogate(nn.Module, ABC):
    """A differentiable map from the radii of a device to its near field.

    ``model(radii)`` takes [..., N, N] radii (any N, any leading axes; 0 is a site without a pillar) and
    returns the complex field [..., C, N·n, N·n] in the conventions of :class:`metagen.NearField`: C is 1 for
    Ex and 3 for (Ex, Ey, Ez), as ``domain.components`` says. Everything around the array is bare substrate.

    Attributes:
        domain: platform, wavelength and sampling of the model, and the radii that it knows.
        settings: kind and size of the model.
        width: pillars along one side of the neighbourhood that determines the field over a cell.
        card: what made the model.
    """

    def __init__(self, domain: Domain, settings: ModelSettings, width: int) -> None:
        super().__init__()
        self.domain = domain
        self.settings = settings
        self.width = width
        self.card = Card()

    def extra_repr(self) -> str:
        """Wavelength, known radii, components and width, for printing the model."""
        known = self.domain
        radii = f"radii={known.radius_low:g} .. {known.radius_high:g}"
        return f"wavelength={known.wavelength:g}, {radii}, components={known.components}, width={self.width}"

    @abstractmethod
    def fields(self, surrounded: Tensor) -> Tensor:
        """[..., A, B, n·n·C] complex field over the cells of a block.

        Args:
            surrounded: [..., A + 2m, B + 2m] radii of the block and of a margin m = ⌊width / 2⌋ around it.
        """

    def forward(self, radii: Tensor, *, clamp: bool = False) -> Tensor:
        """Predict the near field of devices.

        Args:
            radii: [..., N, N] radii, as a tensor on the same processor as the model.
            clamp: whether to move unknown radii to the nearest known one (their gradient is then 0; a radius
                of 0 stays 0). Otherwise they are an error.

        Raises:
            InputError: the radii have another shape, a NaN, or a radius that the model does not know.
            MismatchError: radii and model are on different processors.
        """
        return self.plane(surround(self.admit(radii, clamp=clamp), self.width))

    def tiles(self, radii: Tensor, size: int = TILE, *, clamp: bool = False) -> Iterator[Tile]:
        """Predict the near field part by part, for devices whose whole field does not fit into memory.

        Every tile has its own graph: the gradient of a sum over tiles can be taken tile by tile.

        Args:
            radii: [..., N, N] radii.
            size: pillars along one side of a tile.
            clamp: see :meth:`forward`.

        Returns:
            The tiles, row by row; each is computed when it is asked for.

        Raises:
            InputError, MismatchError: see :meth:`forward`; also if the size is not positive.
        """
        if size < 1:
            raise InputError(f"size is {size}; a tile has at least one pillar along a side")
        self.admit(radii, clamp=clamp)
        return self._tiles(radii, size, clamp)

    def _tiles(self, radii: Tensor, size: int, clamp: bool) -> Iterator[Tile]:
        count, margin = radii.shape[-1], self.width // 2
        for along, across in itertools.product(slices(count, size), repeat=2):
            block = cut_out(radii, along, across, margin)
            known = self._clamped(block) if clamp else block
            x, y = (slice(cells.start * self.samples, cells.stop * self.samples) for cells in (along, across))
            yield Tile(x, y, self.plane(known))

    def plane(self, surrounded: Tensor) -> Tensor:
        """[..., C, A·n, B·n] complex field over a block, see :meth:`fields`."""
        return assemble(self.fields(surrounded), self.domain.samples, self.domain.components)

    def admit(self, radii: Tensor, *, clamp: bool = False) -> Tensor:
        """Check radii as :meth:`forward` does, and clamp them if asked to."""
        self._check_form(radii)
        self.domain.require_known(radii, clamp=clamp)
        return self._clamped(radii) if clamp else radii

    def _check_form(self, radii: Tensor) -> None:
        if not isinstance(radii, Tensor) or radii.dtype not in PRECISIONS:
            kind = radii.dtype if isinstance(radii, Tensor) else type(radii).__name__
            raise InputError(
                f"radii are {kind}, expected a torch tensor of real numbers, of single or double precision; "
                "see torch.tensor"
            )
        if radii.ndim < 2 or radii.shape[-1] != radii.shape[-2] or not radii.numel():
            raise InputError(f"radii have shape {tuple(radii.shape)}, expected [..., N, N]")
        if radii.device != self.device:
            raise MismatchError(
                f"radii are on {radii.device}, the model is on {self.device}; move one of them with .to()"
            )

    def _clamped(self, radii: Tensor) -> Tensor:
        return torch.where(radii == 0, radii, radii.clamp(self.domain.radius_low, self.domain.radius_high))

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
        """Field samples per cell along each axis, n."""
        return self.domain.samples

    @property
    def sample_spacing(self) -> float:
        """Distance between neighbouring field samples."""
        return self.domain.sample_spacing
