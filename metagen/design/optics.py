"""The field at points from what a model predicts, computed in the fastest way that the model allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import TypeVar, TypeVarTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.design.model import Modal, Model, Pillars, TransmittedField, Transmitting
from metagen.device.illumination import Illumination
from metagen.device.sampling import mirror_signs
from metagen.device.symmetry import Symmetry
from metagen.propagation import PointPropagator, attainable_intensity, rayleigh_sommerfeld
from metagen.surrogate import Domain
from metagen.surrogate.prediction import near_field

COARSE = 3
"""Samples per cell along each axis for the attainable intensity; its integrand K(p)·K(q)* varies slowly."""
LARGEST = 1 << 25
"""Most kernel values that are kept (complex, 268 MB in single precision); more are computed anew."""
KEPT = 16
"""For how many sets of points the results are kept."""
LARGE = 1 << 18
"""Largest number of cells whose coefficients are kept at once: for 16 modes they take 34 MB, with gradients
several times that. Larger devices are summed block by block."""
ROUNDING = 1e-5
"""Parameters of mirror images that differ by less (micrometres, radians) are equal in single precision."""

Made = TypeVar("Made")
Rest = TypeVarTuple("Rest")


class Optics:
    """A model with the optics behind it; what does not depend on the pillars is computed once.

    Attributes:
        model: the model that predicts the near field.
        attainable: from points [P, 3] and the cells (Nx, Ny) of a device to the largest mean intensity over
            the points that all incident power could make.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._source = transmitting(model)
        self.attainable = once_per_points(self._attainable)

    @property
    def domain(self) -> Domain:
        """What the model predicts, and for which pillars."""
        return self.model.domain

    def behind(self, pillars: Pillars) -> TransmittedField:
        """The field behind devices."""
        return self._source.behind(pillars)

    def incident_power(self, counts: tuple[int, int]) -> float:
        """Power incident on Nx × Ny cells, in the unit of :meth:`Wave.flux`."""
        area = math.prod(counts) * self.domain.platform.lattice.area
        return self.domain.illumination.flux(self.domain.media.substrate) * area

    def _attainable(self, points: Tensor, counts: tuple[int, int]) -> float:
        domain, (px, py) = self.domain, self.domain.platform.lattice.pitch
        per_power = attainable_intensity(
            (counts[0] * COARSE, counts[1] * COARSE),
            (px / COARSE, py / COARSE),
            domain.wavelength,
            points,
            domain.media.cover,
        )
        return per_power * domain.illumination.flux(domain.media.substrate) / domain.media.cover


def transmitting(model: Model) -> Transmitting:
    """The model itself if it computes its field at points; otherwise the fastest way to do so for it."""
    if isinstance(model, Transmitting):
        return model
    return ByModes(model) if isinstance(model, Modal) else BySamples(model)


def once_per_points(make: Callable[[Tensor, *Rest], Made]) -> Callable[[Tensor, *Rest], Made]:
    """A function of points [P, 3] that keeps its results for the last few sets of points.

    ``make`` gets the points in double precision.
    """

    @lru_cache(KEPT)
    def kept(points: tuple[tuple[float, ...], ...], *rest: *Rest) -> Made:
        return make(torch.tensor(points, dtype=torch.float64), *rest)

    return lambda points, *rest: kept(tuple(map(tuple, points.tolist())), *rest)


def field_at(points: Tensor, field: Tensor, domain: Domain) -> Tensor:
    """[..., P] field at points from its samples [..., X, Y], by the integral itself."""
    return rayleigh_sommerfeld(field, domain.sample_spacings, domain.wavelength, points, domain.media.cover)


class _NearField:
    """The near field of a model behind devices, computed when it is first asked for."""

    def __init__(self, model: Model, pillars: Pillars) -> None:
        self.model, self.pillars = model, pillars
        self.counts = pillars.counts(model.domain.platform)

    @cached_property
    def near_field(self) -> Tensor:
        """[..., C, X, Y] field on the monitor plane."""
        return near_field(self.model, *self.pillars.arguments)


class BySamples:
    """Propagates every sample of the near field to the points, which is possible for any model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.propagator = once_per_points(self._propagator)

    def behind(self, pillars: Pillars) -> SampledField:
        """The field behind devices."""
        return SampledField(self, pillars)

    def _propagator(self, points: Tensor, counts: tuple[int, int]) -> Callable[[Tensor], Tensor]:
        """Takes the samples [..., X, Y] of one component behind Nx × Ny cells to the points."""
        domain = self.model.domain
        (along, across), (n, m) = counts, domain.cell_samples
        shape = (along * n, across * m)
        if len(points) * math.prod(shape) > LARGEST:
            return lambda field: field_at(points, field, domain)
        dtype = torch.complex128 if torch.get_default_dtype() == torch.float64 else torch.complex64
        medium = (domain.sample_spacings, domain.wavelength, points, domain.media.cover)
        return PointPropagator.for_samples(shape, *medium, dtype)


class SampledField(_NearField):
    """The field behind devices, computed from the samples of the near field."""

    def __init__(self, way: BySamples, pillars: Pillars) -> None:
        super().__init__(way.model, pillars)
        self._way = way

    def at(self, points: Tensor) -> Tensor:
        """[..., C, P] field at points [P, 3]."""
        propagator = self._way.propagator(points, self.counts)
        return torch.stack([propagator(component) for component in self.near_field.unbind(-3)], -2)


class ByModes:
    """Propagates the modes to the points once; after that, only their coefficients are needed."""

    def __init__(self, model: Modal) -> None:
        self.model = model
        self.propagators = once_per_points(self._propagators)

    def behind(self, pillars: Pillars) -> ModalField:
        """The field behind devices."""
        return ModalField(self, pillars)

    def _propagators(
        self, points: Tensor, counts: tuple[int, int], folded: bool
    ) -> tuple[PointPropagator, ...]:
        """One propagator per component, for all cells or (``folded``) for those with x, y ≥ 0."""
        domain = self.model.domain
        modes = self.model.modes.reshape(-1, *domain.cell_samples, domain.components)
        size = (counts, domain.platform.lattice.pitch, domain.wavelength)
        signs = _mirror_signs(domain.illumination) if folded else [None] * 3
        return tuple(
            PointPropagator.for_basis(mode, *size, points, domain.media.cover, sign)
            for mode, sign in zip(modes.unbind(-1), signs, strict=False)
        )


def _mirror_signs(light: Illumination) -> list[tuple[int, int] | None]:
    """For each of (Ex, Ey, Ez), the factors under x → −x and y → −y behind a device that has both mirrors."""
    along_x, along_y = (
        mirror_signs(light, mirror).tolist() for mirror in (Symmetry.MIRROR_X, Symmetry.MIRROR_Y)
    )
    return list(zip(along_x, along_y, strict=True))


class ModalField(_NearField):
    """The field behind devices, computed from the coefficients of the modes over each cell."""

    def __init__(self, way: ByModes, pillars: Pillars) -> None:
        super().__init__(way.model, pillars)
        self._way = way

    def at(self, points: Tensor) -> Tensor:
        """[..., C, P] field at points [P, 3]; large devices are summed block by block."""
        propagators = self._way.propagators(points, self.counts, self._folds)
        values, *present = self.pillars.arguments
        there = self.pillars.admitted(self.model.domain.platform)[1]
        if there.numel() <= LARGE:
            return torch.stack([each(self.coefficients) for each in propagators], -2)

        def contribution(coefficients: Tensor, rows: slice, columns: slice) -> Tensor:
            return torch.stack([each.part(rows, columns)(coefficients) for each in propagators], -2)

        fields = self._way.model.sum_from(self._first, values, contribution, *present)
        return fields.reshape(*there.shape[:-3], *fields.shape[-2:])

    @cached_property
    def coefficients(self) -> Tensor:
        """[..., A, B, rank] coefficients of all cells, or of those with x, y ≥ 0 if these suffice."""
        return self._way.model.coefficients_from(self._first, *self.pillars.arguments)

    @property
    def _first(self) -> tuple[int, int]:
        return (self.counts[0] // 2, self.counts[1] // 2) if self._folds else (0, 0)

    @cached_property
    def _folds(self) -> bool:
        """Whether the cells x, y ≥ 0 determine the light: device and modes have both mirror planes."""
        domain = self.model.domain
        if not self._way.model.keeps_mirrors or len(domain.platform.lattice.sites) > 1:
            return False
        values, present = self.pillars.admitted(domain.platform)
        atom, own = domain.platform.atom, domain.platform.atom.image(values, Symmetry.NONE)
        for mirror, axis in ((Symmetry.MIRROR_X, -4), (Symmetry.MIRROR_Y, -3)):
            apart = (atom.image(values, mirror).flip(axis) - own).detach().abs()
            same = torch.equal(present, present.flip(axis + 1))
            if not same or bool((apart[present] > ROUNDING).any()):
                return False
        return True


class SuperposedField:
    """The field behind devices of several waves at once, each with an amplitude."""

    def __init__(self, parts: Sequence[tuple[complex, TransmittedField]]) -> None:
        self._parts = parts

    @property
    def near_field(self) -> Tensor:
        """[..., C, X, Y] field on the monitor plane."""
        return torch.stack([factor * field.near_field for factor, field in self._parts]).sum(0)

    def at(self, points: Tensor) -> Tensor:
        """[..., C, P] field at points [P, 3]."""
        return torch.stack([factor * field.at(points) for factor, field in self._parts]).sum(0)


class AnalysedField:
    """What an analyser lets through of the field behind devices: one component, along a Jones vector."""

    def __init__(self, field: TransmittedField, jones: NDArray[np.complex128]) -> None:
        self._field, self._jones = field, jones.conj().tolist()

    @property
    def near_field(self) -> Tensor:
        """[..., 1, X, Y] field on the monitor plane."""
        return self._through(self._field.near_field, -3)

    def at(self, points: Tensor) -> Tensor:
        """[..., 1, P] field at points [P, 3]."""
        return self._through(self._field.at(points), -2)

    def _through(self, field: Tensor, axis: int) -> Tensor:
        x, y = self._jones
        passed: Tensor = field.narrow(axis, 0, 1) * x + field.narrow(axis, 1, 1) * y
        return passed
