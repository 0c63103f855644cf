"""The paper's linear model: powers of the radii (or other features of pillars), least squares onto the
coefficients of the modes."""

from __future__ import annotations

import torch
from torch import Tensor

from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import ExpansionSurrogate, as_complex, as_parts
from metagen.surrogate.pillars import features
from metagen.surrogate.settings import LinearSettings


class LinearModel(ExpansionSurrogate):
    """Coefficients that are linear in the features of the pillars of the neighbourhood.

    For circles these span the powers r, r², …, r^m of the radii.

    Attributes:
        weights: [Q·width²·S, 2·rank] weights of the features (:meth:`metagen.device.atoms.Atom.features`).
    """

    weights: Tensor

    def __init__(self, domain: Domain, settings: LinearSettings) -> None:
        super().__init__(domain, settings)
        self.terms_per_pillar = settings.powers
        terms = settings.width**2 * domain.sites * len(domain.parity(settings.powers))
        self.register_buffer("weights", torch.zeros(terms, 2 * settings.rank))

    def coefficients(self, around: Tensor) -> Tensor:
        """See :meth:`ExpansionSurrogate.coefficients`."""
        return as_complex(self._terms(around) @ self.weights.to(around.dtype))

    def prepare(self, around: Tensor, patches: Tensor) -> None:
        """Solve the least-squares problem; if the solution is not unique, take that of least norm."""
        self.basis.fit(patches)
        targets = as_parts(self.basis.project(patches))
        self.weights.copy_(torch.linalg.lstsq(self._terms(around), targets, driver="gelsd").solution)

    def _terms(self, around: Tensor) -> Tensor:
        found = features(around, self.domain, self.terms_per_pillar)
        return found.flatten(-3, -2).mT.flatten(-2)
