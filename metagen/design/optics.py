"""The field at points from what a model predicts, computed in the fastest way that the model allows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TypeVar, TypeVarTuple

import torch
from torch import Tensor

from metagen.design.model import Modal, Model, TransmittedField, Transmitting
from metagen.device.sampling import MIRROR_X, MIRROR_Y
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

Made = TypeVar("Made")
Rest = TypeVarTuple("Rest")


class Optics:
    """A model with the optics behind it; what does not depend on the radii is computed once.

    Attributes:
        model: the model that predicts the near field.
        attainable: from points [P, 3] and the cells along one side of a device to the largest mean intensity
            over the points that all incident power could make.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._source = transmitting(model)
        self.attainable = once_per_points(self._attainable)

    @property
    def domain(self) -> Domain:
        """What the model predicts, and for which radii."""
        return self.model.domain

    def behind(self, radii: Tensor) -> TransmittedField:
        """The field behind devices of [..., N, N] radii."""
        return self._source.behind(radii)

    def _attainable(self, points: Tensor, count: int) -> float:
        domain, media, side = self.domain, self.domain.media, count * COARSE
        sample_spacing = domain.platform.period / COARSE
        per_power = attainable_intensity((side, side), sample_spacing, domain.wavelength, points, media.cover)
        return per_power * media.substrate / media.cover


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
    return rayleigh_sommerfeld(field, domain.sample_spacing, domain.wavelength, points, domain.media.cover)


class _NearField:
    """The near field of a model behind devices, computed when it is first asked for."""

    def __init__(self, model: Model, radii: Tensor) -> None:
        self.model, self.radii = model, radii

    @cached_property
    def near_field(self) -> Tensor:
        """[..., C, X, Y] field on the monitor plane."""
        return near_field(self.model, self.radii)


class BySamples:
    """Propagates every sample of the near field to the points, which is possible for any model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.propagator = once_per_points(self._propagator)

    def behind(self, radii: Tensor) -> SampledField:
        """The field behind devices of [..., N, N] radii."""
        return SampledField(self, radii)

    def _propagator(self, points: Tensor, count: int) -> Callable[[Tensor], Tensor]:
        """Takes the samples [..., X, Y] of one component behind ``count`` × ``count`` cells to the points."""
        domain, side = self.model.domain, count * self.model.domain.samples
        if len(points) * side**2 > LARGEST:
            return lambda field: field_at(points, field, domain)
        dtype = torch.complex128 if torch.get_default_dtype() == torch.float64 else torch.complex64
        medium = (domain.sample_spacing, domain.wavelength, points, domain.media.cover)
        return PointPropagator.for_samples(side, *medium, dtype)


class SampledField(_NearField):
    """The field behind devices, computed from the samples of the near field."""

    def __init__(self, way: BySamples, radii: Tensor) -> None:
        super().__init__(way.model, radii)
        self._way = way

    def at(self, points: Tensor) -> Tensor:
        """[..., C, P] field at points [P, 3]."""
        propagator = self._way.propagator(points, self.radii.shape[-1])
        return torch.stack([propagator(component) for component in self.near_field.unbind(-3)], -2)


class ByModes:
    """Propagates the modes to the points once; after that, only their coefficients are needed."""

    def __init__(self, model: Modal) -> None:
        self.model = model
        self.propagators = once_per_points(self._propagators)

    def behind(self, radii: Tensor) -> ModalField:
        """The field behind devices of [..., N, N] radii."""
        return ModalField(self, radii)

    def _propagators(self, points: Tensor, count: int, folded: bool) -> tuple[PointPropagator, ...]:
        """One propagator per component, for all cells or (``folded``) for those with x, y ≥ 0."""
        domain = self.model.domain
        modes = self.model.modes.reshape(-1, domain.samples, domain.samples, domain.components)
        signs = list(zip(MIRROR_X.tolist(), MIRROR_Y.tolist(), strict=True))[: domain.components]
        size = (count, domain.platform.period, domain.wavelength)
        return tuple(
            PointPropagator.for_basis(mode, *size, points, domain.media.cover, sign if folded else None)
            for mode, sign in zip(modes.unbind(-1), signs, strict=True)
        )


class ModalField(_NearField):
    """The field behind devices, computed from the coefficients of the modes over each cell."""

    def __init__(self, way: ByModes, radii: Tensor) -> None:
        super().__init__(way.model, radii)
        self._way = way

    def at(self, points: Tensor) -> Tensor:
        """[..., C, P] field at points [P, 3]; large devices are summed block by block."""
        propagators = self._way.propagators(points, self.radii.shape[-1], self._folds)
        if self.radii.numel() <= LARGE:
            return torch.stack([each(self.coefficients) for each in propagators], -2)

        def contribution(coefficients: Tensor, rows: slice, columns: slice) -> Tensor:
            return torch.stack([each.part(rows, columns)(coefficients) for each in propagators], -2)

        fields = self._way.model.sum_from(self._first, self.radii, contribution)
        return fields.reshape(*self.radii.shape[:-2], *fields.shape[-2:])

    @cached_property
    def coefficients(self) -> Tensor:
        """[..., A, B, rank] coefficients of all cells, or of those with x, y ≥ 0 if these suffice."""
        return self._way.model.coefficients_from(self._first, self.radii)

    @property
    def _first(self) -> int:
        return self.radii.shape[-1] // 2 if self._folds else 0

    @cached_property
    def _folds(self) -> bool:
        """Whether the cells x, y ≥ 0 determine the light: device and modes have both mirror planes."""
        mirrored = all(torch.equal(self.radii, self.radii.flip(axis)) for axis in (-2, -1))
        return mirrored and self._way.model.keeps_mirrors
