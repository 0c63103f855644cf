"""The paper's linear model: powers of the radii, least squares onto the coefficients of the modes."""

from __future__ import annotations

import torch
from torch import Tensor

from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import ExpansionSurrogate, as_complex, as_parts
from metagen.surrogate.pillars import powers
from metagen.surrogate.settings import LinearSettings


class LinearModel(ExpansionSurrogate):
    """Coefficients that are linear in the powers r, r², …, r^m of the radii of the neighbourhood.

    Attributes:
        weights: [width²·m, 2·rank] weights of the well-conditioned functions that span the powers
            (:func:`metagen.surrogate.pillars.powers`).
    """

    weights: Tensor

    def __init__(self, domain: Domain, settings: LinearSettings) -> None:
        super().__init__(domain, settings)
        self.terms_per_pillar = settings.powers
        self.register_buffer("weights", torch.zeros(settings.width**2 * settings.powers, 2 * settings.rank))

    def coefficients(self, radii: Tensor) -> Tensor:
        """[..., rank] complex coefficients of cells with neighbourhoods [..., width²]."""
        return as_complex(self._terms(radii) @ self.weights.to(radii.dtype))

    def prepare(self, radii: Tensor, patches: Tensor) -> None:
        """Solve the least-squares problem; if the solution is not unique, take that of least norm."""
        self.basis.fit(patches)
        targets = as_parts(self.basis.project(patches))
        self.weights.copy_(torch.linalg.lstsq(self._terms(radii), targets, driver="gelsd").solution)

    def _terms(self, radii: Tensor) -> Tensor:
        return powers(radii, self.domain, self.terms_per_pillar).flatten(-2)
