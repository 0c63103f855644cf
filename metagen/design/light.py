"""The light that models predict behind a device, which is what an objective is computed from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor

from metagen.base.errors import InputError, MismatchError
from metagen.design.model import Model, Pillars, TransmittedField, expected_error, name_of
from metagen.design.optics import AnalysedField, Optics, SuperposedField
from metagen.device.illumination import Illumination, Polarisation
from metagen.device.layout import Layout
from metagen.propagation import focal_plane, padding_for

SLOPE_STEP = 1 / 400
"""Distance over which the slope of the field along z is taken, in wavelengths. For a wave along z it
is too small by a share (4π/400)²/6 = 1.6e-4; single precision leaves 1e-5 of it uncertain."""


class Wave:
    """The light of one illumination behind one device, differentiable with respect to its pillars.

    The incident amplitude is 1. Points and distances are measured from the centre of the monitor plane
    (:mod:`metagen.propagation`). With the pillars of several devices every result has their leading axes.

    Attributes:
        illumination: the light that meets the device.
    """

    def __init__(
        self,
        illumination: Illumination,
        parts: Sequence[tuple[complex, Optics]],
        field: TransmittedField,
        pillars: Pillars,
    ) -> None:
        """Put together what :class:`Light` has found.

        Args:
            illumination: the light that meets the device.
            parts: amplitude and optics of the models' waves that add up to it.
            field: the field behind the devices.
            pillars: of the devices.
        """
        self.illumination = illumination
        self._parts, self._field, self._pillars = parts, field, pillars
        self._optics = parts[0][1]
        self._counts = pillars.counts(self._optics.domain.platform)

    @property
    def near_field(self) -> Tensor:
        """[..., C, X, Y] complex field on the monitor plane: Ex, or (Ex, Ey, Ez) where they are predicted;
        one component behind an analyser."""
        return self._field.near_field

    def analysed(self, analyser: Polarisation) -> Wave:
        """The part of the light that an analyser lets through: the projection of (Ex, Ey) on a Jones vector.

        Args:
            analyser: "x", "y", "left", "right" or a Jones vector, as :class:`metagen.Illumination` takes it.

        Raises:
            InputError: the models do not predict both transverse components.
        """
        if self._optics.domain.components < 3:
            raise InputError(
                f"the model of {name_of(self._optics.domain.illumination)} predicts one component of the "
                "field; an analyser needs one that was trained with components = 3"
            )
        jones = Illumination(self.illumination.wavelength, analyser).jones
        return Wave(self.illumination, self._parts, AnalysedField(self._field, jones), self._pillars)

    @property
    def sample_spacings(self) -> tuple[float, float]:
        """Distances between neighbouring samples of :attr:`near_field` along x and y."""
        return self._optics.domain.sample_spacings

    def intensity(self, points: Tensor) -> Tensor:
        """[..., P] Σ|E|² over the components at points [P, 3]."""
        return self._field.at(points).abs().square().sum(-2)

    def flux(self, points: Tensor) -> Tensor:
        """[..., P] power per area through the planes z = const. at points [P, 3], as in the metrics.

        It is Σ Im(E*·∂E/∂z)/k0 over the components (:func:`metagen.propagation.focal_flux`); the slope is the
        difference of the fields a little before and behind each point.
        """
        step = torch.tensor([0.0, 0.0, SLOPE_STEP * self.illumination.wavelength], dtype=points.dtype)
        before, behind = self._field.at(points - step), self._field.at(points + step)
        return (before.conj() * behind).imag.sum(-2) / (4 * math.pi * SLOPE_STEP)

    def relative_intensity(self, points: Tensor) -> Tensor:
        """[..., P] intensity / the largest mean intensity over the points that any device could make.

        For one point the divisor is the focal intensity of a perfect lens without reflection; see
        :func:`metagen.propagation.attainable_intensity`. With it, goals of any kind, wavelength and aperture
        can be compared.
        """
        return self.intensity(points) / self._optics.attainable(points, self._counts)

    def plane(self, distance: float, x: Tensor, y: Tensor | None = None) -> Tensor:
        """[..., A, B] Σ|E|² over the components in a plane, at coordinates x [A] and y [B] (by default x)."""
        field, domain, y = self.near_field, self._optics.domain, x if y is None else y
        sample_spacing, wavelength, cover = domain.sample_spacings, domain.wavelength, domain.media.cover
        reach = max(float(x.abs().max()), float(y.abs().max()))
        padding = padding_for(field, sample_spacing, wavelength, distance, reach, cover)
        field = focal_plane(field, sample_spacing, wavelength, distance, x, y, cover, padding)
        return field.abs().square().sum(-3)

    @property
    def incident_power(self) -> float:
        """Power incident on the aperture, in the unit of :meth:`flux`."""
        return self._optics.incident_power(self._counts)

    @cached_property
    def expected_error(self) -> Tensor:
        """[..., Nx, Ny] squared error of the near field that the models expect over each cell, relative to
        the mean power of a cell.

        Raises:
            InputError: a model does not know its own error.
        """
        parts = [abs(factor) ** 2 * expected_error(each.model, self._pillars) for factor, each in self._parts]
        return torch.stack(parts).sum(0)


class Light(Mapping[Illumination, Wave]):
    """The light behind one device: ``light[illumination]`` is a :class:`Wave`.

    ``light[0.633]`` is the wave of x-polarised light along the axis. Where the models are for x and y light,
    any other polarisation of that wavelength and direction is a combination of the two.
    """

    def __init__(self, optics: Sequence[Optics], values: Tensor, present: Tensor | None = None) -> None:
        """Combine optics and the pillars of devices, given as to a model."""
        self._pillars = Pillars(values, present)
        self._parts = [(each, each.behind(self._pillars)) for each in optics]

    @classmethod
    def behind(cls, layout: Layout, models: Sequence[Model]) -> Light:
        """The light that models predict behind a layout.

        Args:
            layout: the device.
            models: one per wavelength and polarisation, of the layout's platform.

        Raises:
            MismatchError: a model is of another platform.
            InputError: a model does not know one of the pillars.
        """
        optics, given = optics_for(layout, models), Pillars.of(layout).arguments
        for each in optics:
            each.domain.require_known(*given)
        return cls(optics, *given)

    def __getitem__(self, illumination: Illumination | float) -> Wave:
        asked = illumination if isinstance(illumination, Illumination) else Illumination(illumination)
        for optics, field in self._parts:
            if optics.domain.illumination.is_like(asked):
                return Wave(asked, [(1.0, optics)], field, self._pillars)
        parts = [(amplitude, *part) for amplitude, each in asked.parts if (part := self._part(each))]
        if len(parts) < len(asked.parts):
            raise MismatchError(
                f"an objective asks for {name_of(asked)}, the models predict "
                f"{'; '.join(map(name_of, self))}; pass a model for each wavelength and polarisation"
            )
        if any(optics.domain.components < 3 for _, optics, _ in parts):
            raise InputError(
                f"{name_of(asked)} is a sum of light along x and along y, of which a model predicts one "
                "component only; train both with components = 3"
            )
        field = SuperposedField([(factor, each) for factor, _, each in parts])
        return Wave(asked, [(factor, optics) for factor, optics, _ in parts], field, self._pillars)

    def __contains__(self, illumination: object) -> bool:
        """Whether the models predict some light."""
        try:
            return self[illumination] is not None  # type: ignore[index]
        except (MismatchError, InputError, TypeError):
            return False

    def _part(self, light: Illumination) -> tuple[Optics, TransmittedField] | None:
        return next((part for part in self._parts if part[0].domain.illumination.is_like(light)), None)

    def __iter__(self) -> Iterator[Illumination]:
        return (optics.domain.illumination for optics, _ in self._parts)

    def __len__(self) -> int:
        return len(self._parts)


def optics_for(layout: Layout, models: Sequence[Model]) -> list[Optics]:
    """The optics of models, for a layout and for other devices of its platform.

    Raises:
        MismatchError: a model is of another platform.
    """
    for model in models:
        model.domain.require_platform(layout)
    return [Optics(model) for model in models]
