"""The local phase approximation in two versions: every pillar as if its neighbours were equal to it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Self

from torch import Tensor

from metagen.base.contents import content_hash
from metagen.base.errors import InputError
from metagen.base.validation import plain
from metagen.device.illumination import in_words
from metagen.rcwa.table import SOLVER_VERSION
from metagen.surrogate.base import Surrogate
from metagen.surrogate.blocks import in_blocks
from metagen.surrogate.domain import Domain
from metagen.surrogate.interpolation import interpolation
from metagen.surrogate.periodic import bare_cell, cells
from metagen.surrogate.settings import LPASettings

SIDE = 64
"""Largest number of cells along one side of a block that is evaluated at once."""


class LPA(Surrogate):
    """A model with the field of a periodic lattice over every cell, with all pillars equal to the one there.

    Attributes:
        cells: the field over a cell as a function of the parameters of its pillar.

    Raises:
        InputError: a cell has several sites, or the light is tilted.
    """

    def __init__(self, domain: Domain, settings: LPASettings) -> None:
        if domain.sites > 1 or not domain.illumination.is_normal:
            raise InputError(
                "the local phase approximation is for one site per cell and light along the axis; the "
                f"platform has {domain.sites} per cell, and the light is {in_words(domain.illumination)}"
            )
        super().__init__(domain, settings, width=1)
        self.cells = interpolation(domain, settings.points, domain.patch_size)

    @classmethod
    def compute(cls, domain: Domain, settings: LPASettings | None = None) -> Self:
        """Make the model by computing periodic cells with RCWA.

        Raises:
            InputError: a cell has several sites, or the light is tilted.
        """
        settings = settings or LPASettings()
        model = cls(domain, settings)
        model.cells.fit(cells(domain, model.cells.knots, settings.cell), bare_cell(domain))
        return model.eval()

    @property
    def hash(self) -> str:
        """Content hash of what the cells are computed from; each processor rounds the cells themselves
        differently."""
        return content_hash(
            type(self).__qualname__, plain(self.domain), asdict(self.settings), SOLVER_VERSION
        )

    def fields(self, surrounded: Tensor) -> Tensor:
        """See :meth:`Surrogate.fields`."""
        return in_blocks(self.cells, surrounded, 0, SIDE)
