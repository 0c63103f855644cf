"""What an objective looks at: the light that the models predict behind a device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from metagen.base.errors import InputError, MismatchError
from metagen.base.files import content_hash
from metagen.base.wavelength import same_wavelength
from metagen.design.correction import Corrected
from metagen.design.model import Confident, Model
from metagen.design.streaming import LARGE, streamed
from metagen.device.platform import Platform
from metagen.device.sampling import MIRROR_X, MIRROR_Y
from metagen.propagation import (
    PointPropagator,
    attainable_intensity,
    focal_plane,
    padding_for,
    rayleigh_sommerfeld,
)
from metagen.surrogate import ExpansionSurrogate
from metagen.surrogate.lattice import surround
from metagen.surrogate.prediction import near_field

COARSE = 3
"""Samples per cell and axis for the attainable intensity, whose integrand K(p)·K(q)* has no fast phase."""
LARGEST = 1 << 25
"""Kernel values (complex, 268 MB in single precision) that are kept; above it they are made each time."""
KEPT = 16
"""Sets of points per model whose propagators are kept."""

Propagator = Callable[[Tensor], Tensor]
"""From amplitudes on the monitor plane to the field at points."""


class Wave:
    """The light of one wavelength behind one device, differentiable with respect to its radii.

    The incident amplitude is 1. Points and distances are measured from the centre of the monitor plane
    (:mod:`metagen.propagation`). With radii [..., N, N] of several devices every result has the same leading
    axes.
    """

    def __init__(self, optics: Optics, radii: Tensor) -> None:
        optics.require_size(radii.shape[-1])
        self._optics = optics
        self._radii = radii

    @cached_property
    def near_field(self) -> Tensor:
        """[..., C, X, Y] complex field on the monitor plane: Ex, or (Ex, Ey, Ez) where they are predicted."""
        return self._optics.corrected(self._predicted)

    def intensity(self, points: Tensor) -> Tensor:
        """[..., P] Σ|E|² over the components at points [P, 3]."""
        return self._fields(points).abs().square().sum(-2)

    def relative_intensity(self, points: Tensor) -> Tensor:
        """[..., P] intensity / the largest mean over the points that a device could make of all the power.

        For one point the divisor is the focal intensity of a perfect lens without reflection; see
        :func:`metagen.propagation.attainable_intensity`. It makes goals of any kind, wavelength and aperture
        comparable.
        """
        return self.intensity(points) / self._optics.attainable(points, self._radii.shape[-1])

    def plane(self, distance: float, x: Tensor, y: Tensor | None = None) -> Tensor:
        """[..., A, B] Σ|E|² over the components in a plane, at coordinates x [A] and y [B] (by default x)."""
        field, pitch, cover = self.near_field, self._optics.pitch, self._optics.cover
        wavelength, y = self._optics.model.domain.wavelength, x if y is None else y
        reach = max(float(x.abs().max()), float(y.abs().max()))
        padding = padding_for(field, pitch, wavelength, distance, reach, cover)
        field = focal_plane(field, pitch, wavelength, distance, x, y, cover, padding)
        return field.abs().square().sum(-3)

    @property
    def incident_power(self) -> float:
        """Power incident on the aperture, in units of that of a wave of amplitude 1 in the cover per area."""
        domain = self._optics.model.domain
        side = self._radii.shape[-1] * domain.platform.period
        return side**2 * domain.media.substrate / self._optics.cover

    @cached_property
    def expected_error(self) -> Tensor:
        """[..., N, N] the squared error of the near field that the model expects over each cell, relative to
        the mean power of a cell.

        Raises:
            InputError: the model does not know its own error.
        """
        model = self._optics.model
        if not isinstance(model, Confident):
            raise InputError(
                f"the model of wavelength {model.domain.wavelength:g} has no expected_error; leave the trust "
                "penalty away, or train a model that has a trust map"
            )
        return model.expected_error(self._radii)

    def _fields(self, points: Tensor) -> Tensor:
        model, count = self._optics.model, self._radii.shape[-1]
        if not isinstance(model, ExpansionSurrogate):
            plain = self._optics.propagators(points, count)
            components = self._predicted.unbind(-3)
            fields = torch.stack([each(E) for each, E in zip(plain, components, strict=True)], -2)
        else:
            compressed = self._optics.compressed(points, count, self._folds)
            if self._radii.numel() > LARGE:
                fields = streamed(model, self._surrounded(model), compressed)
            else:
                fields = torch.stack([each(self._coefficients) for each in compressed], -2)
        return self._optics.corrected_at(points, fields)

    @cached_property
    def _coefficients(self) -> Tensor:
        """[..., N, N, rank] coefficients of the modes; of the cells x, y ≥ 0 where these suffice."""
        model = self._optics.model
        assert isinstance(model, ExpansionSurrogate)
        return model.coefficient_map(self._surrounded(model))

    def _surrounded(self, model: ExpansionSurrogate) -> Tensor:
        """Radii of the cells that the propagators act on, and of a margin around them."""
        first = self._radii.shape[-1] // 2 if self._folds else 0
        return surround(model.admit(self._radii), model.width)[..., first:, first:]

    @cached_property
    def _predicted(self) -> Tensor:
        """[..., C, X, Y] complex field on the monitor plane as the model gives it, without a correction."""
        return near_field(self._optics.model, self._radii)

    @cached_property
    def _folds(self) -> bool:
        """Whether the cells x, y ≥ 0 determine the light: the device has both mirror planes, and the model's
        modes are even or odd, which they are in models that keep the symmetry."""
        model, radii = self._optics.model, self._radii
        return (
            isinstance(model, ExpansionSurrogate)
            and bool(model.basis.parity.all())
            and torch.equal(radii, radii.flip(-2))
            and torch.equal(radii, radii.flip(-1))
        )


class Optics:
    """A model together with the point propagators that its objectives need; each is made once.

    Of a :class:`metagen.design.Corrected` model, ``model`` is the one that was corrected: the correction does
    not depend on the radii, so its field at the points is computed once.
    """

    def __init__(self, model: Model) -> None:
        self.model = model.model if isinstance(model, Corrected) else model
        self._correction = model if isinstance(model, Corrected) else None
        self._residual = None if self._correction is None else self._correction.residual
        self._residual_at = lru_cache(KEPT)(self._make_residual_at)
        self._propagators = lru_cache(KEPT)(self._make_propagators)
        self._compressed = lru_cache(KEPT)(self._make_compressed)
        self._attainable = lru_cache(KEPT)(self._make_attainable)

    @property
    def pitch(self) -> float:
        """Distance of neighbouring field samples."""
        return self.model.domain.pitch

    @property
    def cover(self) -> float:
        """Refractive index behind the device."""
        return self.model.domain.media.cover

    def require_size(self, count: int) -> None:
        """Refuse a device that the correction says nothing about.

        Raises:
            MismatchError: it has another number of pillars along a side.
        """
        if self._correction is not None:
            self._correction.require_size(count)

    def corrected(self, field: Tensor) -> Tensor:
        """[..., C, X, Y] near field with the correction added, if there is one."""
        return field if self._residual is None else field + self._residual

    def corrected_at(self, points: Tensor, fields: Tensor) -> Tensor:
        """[..., C, P] fields at points [P, 3] with that of the correction added, if there is one."""
        if self._residual is None:
            return fields
        return fields + self._residual_at(_hashable(points)).to(fields.dtype)

    def _make_residual_at(self, points: Points) -> Tensor:
        assert self._residual is not None
        at = torch.tensor(points, dtype=torch.float64)
        wavelength = self.model.domain.wavelength
        return rayleigh_sommerfeld(self._residual, self.pitch, wavelength, at, self.cover)

    def propagators(self, points: Tensor, count: int) -> tuple[Propagator, ...]:
        """One per component, for the samples of the near field."""
        return self._propagators(_hashable(points), count)

    def compressed(self, points: Tensor, count: int, folded: bool) -> tuple[PointPropagator, ...]:
        """One per component, for the coefficients of all cells or of those with x, y ≥ 0."""
        return self._compressed(_hashable(points), count, folded)

    def attainable(self, points: Tensor, count: int) -> float:
        """Largest mean intensity over the points, of all incident power."""
        return self._attainable(_hashable(points), count)

    def _make_compressed(self, points: Points, count: int, folded: bool) -> tuple[PointPropagator, ...]:
        assert isinstance(self.model, ExpansionSurrogate)
        domain, at = self.model.domain, torch.tensor(points, dtype=torch.float64)
        modes = self.model.basis.modes.reshape(-1, domain.samples, domain.samples, domain.components)
        signs = list(zip(MIRROR_X.tolist(), MIRROR_Y.tolist(), strict=True))[: domain.components]
        size = (count, domain.platform.period, domain.wavelength)
        return tuple(
            PointPropagator.for_basis(mode, *size, at, self.cover, sign if folded else None)
            for mode, sign in zip(modes.unbind(-1), signs, strict=True)
        )

    def _make_propagators(self, points: Points, count: int) -> tuple[Propagator, ...]:
        domain, at = self.model.domain, torch.tensor(points, dtype=torch.float64)
        side, medium = count * domain.samples, (domain.wavelength, at, self.cover)
        if len(points) * side**2 > LARGEST:

            def stream(field: Tensor) -> Tensor:
                return rayleigh_sommerfeld(field, self.pitch, *medium)

            return (stream,) * domain.components
        dtype = torch.complex128 if torch.get_default_dtype() == torch.float64 else torch.complex64
        return (PointPropagator.for_samples(side, self.pitch, *medium, dtype),) * domain.components

    def _make_attainable(self, points: Points, count: int) -> float:
        domain, side = self.model.domain, count * COARSE
        pitch = domain.platform.period / COARSE
        at = torch.tensor(points, dtype=torch.float64)
        per_power = attainable_intensity((side, side), pitch, domain.wavelength, at, self.cover)
        return per_power * domain.media.substrate / self.cover


class Light(Mapping[float, Wave]):
    """The light behind one device at every wavelength: ``light[0.633]`` is a :class:`Wave`."""

    def __init__(self, optics: Sequence[Optics], radii: Tensor) -> None:
        self._waves = {each.model.domain.wavelength: Wave(each, radii) for each in optics}

    def __getitem__(self, wavelength: float) -> Wave:
        for known, wave in self._waves.items():
            if same_wavelength(known, wavelength):
                return wave
        raise MismatchError(
            f"an objective asks for wavelength {wavelength:g}, the models predict "
            f"{', '.join(f'{known:g}' for known in self._waves)}; pass a model for each wavelength"
        )

    def __iter__(self) -> Iterator[float]:
        return iter(self._waves)

    def __len__(self) -> int:
        return len(self._waves)


def model_hash(model: Model) -> str:
    """Content hash of a model: what it is, what it stands for, and its weights."""
    if isinstance(model, Corrected):
        return content_hash(model_hash(model.model), model.residual.cpu().numpy())
    weights = model.state_dict() if isinstance(model, torch.nn.Module) else {}
    arrays = [tensor.detach().cpu().numpy() for _, tensor in sorted(weights.items())]
    return content_hash(type(model).__qualname__, asdict(model.domain), *arrays)


def common_platform(models: Sequence[Model]) -> Platform:
    """The one platform of all models.

    Raises:
        InputError: there is no model, or two are of one wavelength.
        MismatchError: the models are of different platforms.
    """
    if not models:
        raise InputError("no model is given; a design needs one per wavelength")
    wavelengths = [model.domain.wavelength for model in models]
    if len(set(wavelengths)) < len(models):
        raise InputError(f"the models' wavelengths are {wavelengths}; give one model per wavelength")
    platform = models[0].domain.platform
    for model in models[1:]:
        if model.domain.platform != platform:
            raise MismatchError(
                f"the models are of different platforms: {platform} and {model.domain.platform}"
            )
    return platform


Points = tuple[tuple[float, float, float], ...]


def _hashable(points: Tensor) -> Points:
    return tuple((float(x), float(y), float(z)) for x, y, z in points)
