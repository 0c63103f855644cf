"""The light that models predict behind a device, which is what an objective is computed from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor

from metagen.base.errors import MismatchError
from metagen.base.wavelength import same_wavelength
from metagen.design.model import Model, expected_error
from metagen.design.optics import Optics
from metagen.device.layout import Layout
from metagen.propagation import focal_plane, padding_for

SLOPE_STEP = 1 / 400
"""Distance over which the slope of the field along z is taken, in wavelengths. For a wave along z it
is too small by a share (4π/400)²/6 = 1.6e-4; single precision leaves 1e-5 of it uncertain."""


class Wave:
    """The light of one wavelength behind one device, differentiable with respect to its radii.

    The incident amplitude is 1. Points and distances are measured from the centre of the monitor plane
    (:mod:`metagen.propagation`). With radii [..., N, N] of several devices every result has the same leading
    axes.
    """

    def __init__(self, optics: Optics, radii: Tensor) -> None:
        self._optics = optics
        self._radii = radii
        self._field = optics.behind(radii)

    @property
    def near_field(self) -> Tensor:
        """[..., C, X, Y] complex field on the monitor plane: Ex, or (Ex, Ey, Ez) where they are predicted."""
        return self._field.near_field

    def intensity(self, points: Tensor) -> Tensor:
        """[..., P] Σ|E|² over the components at points [P, 3]."""
        return self._field.at(points).abs().square().sum(-2)

    def flux(self, points: Tensor) -> Tensor:
        """[..., P] power per area through the planes z = const. at points [P, 3], as in the metrics.

        It is Σ Im(E*·∂E/∂z)/k0 over the components (:func:`metagen.propagation.focal_flux`); the slope is the
        difference of the fields a little before and behind each point.
        """
        wavelength = self._optics.domain.wavelength
        step = torch.tensor([0.0, 0.0, SLOPE_STEP * wavelength], dtype=points.dtype)
        before, behind = self._field.at(points - step), self._field.at(points + step)
        return (before.conj() * behind).imag.sum(-2) / (4 * math.pi * SLOPE_STEP)

    def relative_intensity(self, points: Tensor) -> Tensor:
        """[..., P] intensity / the largest mean intensity over the points that any device could make.

        For one point the divisor is the focal intensity of a perfect lens without reflection; see
        :func:`metagen.propagation.attainable_intensity`. With it, goals of any kind, wavelength and aperture
        can be compared.
        """
        return self.intensity(points) / self._optics.attainable(points, self._radii.shape[-1])

    def plane(self, distance: float, x: Tensor, y: Tensor | None = None) -> Tensor:
        """[..., A, B] Σ|E|² over the components in a plane, at coordinates x [A] and y [B] (by default x)."""
        field, domain, y = self.near_field, self._optics.domain, x if y is None else y
        sample_spacing, wavelength, cover = domain.sample_spacing, domain.wavelength, domain.media.cover
        reach = max(float(x.abs().max()), float(y.abs().max()))
        padding = padding_for(field, sample_spacing, wavelength, distance, reach, cover)
        field = focal_plane(field, sample_spacing, wavelength, distance, x, y, cover, padding)
        return field.abs().square().sum(-3)

    @property
    def incident_power(self) -> float:
        """Power incident on the aperture, in the unit of :meth:`flux`: n_substrate times its area."""
        domain = self._optics.domain
        return domain.media.substrate * (self._radii.shape[-1] * domain.platform.period) ** 2

    @cached_property
    def expected_error(self) -> Tensor:
        """[..., N, N] squared error of the near field that the model expects over each cell, relative to the
        mean power of a cell.

        Raises:
            InputError: the model does not know its own error.
        """
        return expected_error(self._optics.model, self._radii)


class Light(Mapping[float, Wave]):
    """The light behind one device at every wavelength: ``light[0.633]`` is a :class:`Wave`."""

    def __init__(self, optics: Sequence[Optics], radii: Tensor) -> None:
        self._waves = {each.domain.wavelength: Wave(each, radii) for each in optics}

    @classmethod
    def behind(cls, layout: Layout, models: Sequence[Model]) -> Light:
        """The light that models predict behind a layout.

        Args:
            layout: the device.
            models: one per wavelength, of the layout's platform.

        Raises:
            MismatchError: a model is of another platform.
            InputError: a model does not know one of the radii.
        """
        optics, radii = optics_for(layout, models), torch.tensor(layout.radii, dtype=torch.float32)
        for each in optics:
            each.domain.require_known(radii)
        return cls(optics, radii)

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


def optics_for(layout: Layout, models: Sequence[Model]) -> list[Optics]:
    """The optics of models, for a layout and for other devices of its platform.

    Raises:
        MismatchError: a model is of another platform.
    """
    for model in models:
        model.domain.require_platform(layout)
    return [Optics(model) for model in models]
