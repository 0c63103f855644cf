"""What is to be solved, and its solution for one truncation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.base.memory import check_fits
from metagen.device.lattice import Lattice
from metagen.device.symmetry import Symmetry
from metagen.rcwa.accuracy import Orders
from metagen.rcwa.basis import transverse_basis
from metagen.rcwa.fields import Setting
from metagen.rcwa.incidence import Incidence
from metagen.rcwa.layers import solve_layers
from metagen.rcwa.truncation import WHOLE, Truncation, truncation
from metagen.rcwa.unit_cell import SurfaceFields
from metagen.rcwa.waves import Waves, waves_of

X, Y = 0, 1
"""Incident polarisations."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Layers on a substrate, and the light that meets them.

    Attributes:
        lattice: the cell.
        setting: layers and media.
        incidence: the light.
        symmetry: mirrors and turns about the origin that leave the layers as they are.
        translations: moves, as fractions of the cell, that do.
    """

    lattice: Lattice
    setting: Setting
    incidence: Incidence
    symmetry: Symmetry = Symmetry.NONE
    translations: tuple[tuple[float, float], ...] = WHOLE

    def truncation(self, orders: Orders) -> Truncation:
        """The plane waves for a number of orders, or for one along x and one along y."""
        m, n = orders if isinstance(orders, tuple) else (orders, orders)
        unknowns = (2 * m + 1) * (2 * n + 1) / 2  # at least: two components, over the mirrors of a circle
        check_fits(f"orders is {orders}: a matrix of {unknowns:.3g} unknowns", 8 * unknowns**2)
        if isinstance(orders, tuple):
            return Truncation(orders, self.translations)
        return truncation(orders, self.lattice, self.translations)

    @property
    def reach(self) -> float:
        """Length of the longest reciprocal vector whose wave may propagate, in units of 2π per micrometre."""
        media = self.setting.substrate, self.setting.cover
        index = max(float(medium.detach().real.max()) for medium in media)
        light = math.hypot(self.incidence.kx, self.incidence.ky)
        return (index + light) / float(self.incidence.wavelength.detach().min())

    def unknowns(self, orders: Orders) -> int:
        """Unknowns of each linear system that is solved for a number of orders."""
        basis = transverse_basis(self.truncation(orders), self.incidence.group(self.symmetry))
        return len(basis)

    @property
    def contrast(self) -> Tensor:
        """[...] sum of the jumps of permittivity, over all walls and layers."""
        return sum((one.contrast.detach() for one in self.setting.layers), torch.zeros(()).double())

    @property
    def polarisations(self) -> tuple[int, ...]:
        """The polarisations, of :data:`X` and :data:`Y`, that the light has."""
        return tuple(axis for axis in (X, Y) if self.incidence.polarisation[axis] != 0)

    def solved(self, truncation: Truncation, polarisations: tuple[int, ...]) -> tuple[SurfaceFields, ...]:
        """The fields for incident waves of unit amplitude along x, along y, or both.

        Where the light has a mirror they belong to different classes and are solved one by one, else at once.
        """
        group = self.incidence.group(self.symmetry)
        has_mirror = any(sign_x != sign_y for sign_x, sign_y in group)
        bases = [transverse_basis(truncation, group, axis == X) for axis in polarisations]
        return tuple(
            solve_layers(self.setting, waves_of(basis, self.incidence, self.lattice))
            for basis in (bases if has_mirror else bases[:1])
        )

    def plane_waves(self, truncation: Truncation) -> Waves:
        """All plane waves, without symmetry."""
        return waves_of(transverse_basis(truncation), self.incidence, self.lattice)

    def labels(self, orders: Tensor) -> list[tuple[int, int]]:
        """Orders [c, 2] along x and y as orders of the lattice of all translations."""
        if len(self.translations) == 1:
            return [(int(m), int(n)) for m, n in orders.tolist()]
        vectors = torch.from_numpy(self.lattice.primitive) / torch.tensor(self.lattice.pitch)
        return [(round(p), round(q)) for p, q in (orders.double() @ vectors.T).tolist()]
