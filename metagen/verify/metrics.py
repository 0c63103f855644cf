"""What a device does with the light, as numbers; every function states its definition.

Powers are fluxes through planes in the unit of :func:`metagen.propagation.power`. The device is lit by a wave
of amplitude 1 in the substrate, so the power incident on the aperture is n_substrate times its area.
Distances are measured from the monitor plane, as everywhere (:mod:`metagen.propagation`).

With all of (Ex, Ey, Ez), powers are exact for the sampled field; with Ex alone they lack those of Ey and Ez
(see :func:`metagen.propagation.power`). The flux density inside a focus is the sum over components of
Im(E* ∂E/∂z)/k0; it differs from Poynting's vector by a curl, which carries no power through the plane.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.data.nearfield import NearField
from metagen.device.illumination import Illumination
from metagen.device.layout import Layout
from metagen.device.media import Media
from metagen.device.platform import Platform
from metagen.propagation import (
    axes,
    axial_section,
    coordinates,
    focal_flux,
    focal_plane,
    padding_for,
    power,
    poynting,
    rayleigh_sommerfeld,
)
from metagen.propagation.grid import Spacing, check_lengths, pair
from metagen.propagation.planes import LEAST_PADDING
from metagen.surrogate.prediction import Model, predict

MOST_PREDICTED = 1.02
"""Largest transmission that a good model predicts: those that come with metagen are wrong by 1 % or less
(`metagen study devices`)."""
CIRCLE = 1.5
"""Radius of the circle that counts as the focus, in units of its FWHM."""
GRID = 201
"""Points along each axis of the grid on which the power in circles is summed."""


@dataclass(frozen=True, eq=False)
class Wavefront:
    """The field right behind a device, with all that is needed to measure its light.

    Attributes:
        field: [C, X, Y] complex on the monitor plane, C = 3 for (Ex, Ey, Ez) or 1 for Ex.
        sample_spacing: distance between neighbouring samples; a pair (along x, along y) if they differ.
        illumination: the light that met the device; a number is the wavelength of x-polarised light along the
            axis.
        platform: what the process fixes; it gives the media in front of and behind the device.

    Raises:
        InputError: the field does not have this shape.
    """

    field: Tensor
    sample_spacing: Spacing
    illumination: Illumination
    platform: Platform

    if TYPE_CHECKING:

        def __init__(
            self,
            field: Tensor,
            sample_spacing: Spacing,
            illumination: Illumination | float,
            platform: Platform,
        ) -> None: ...

    def __post_init__(self) -> None:
        if not isinstance(self.illumination, Illumination):
            object.__setattr__(self, "illumination", Illumination(self.illumination))
        if self.field.ndim != 3 or self.field.shape[0] not in (1, 3):
            raise InputError(
                f"field has shape {tuple(self.field.shape)}, expected [C, X, Y] with 1 component (Ex) or 3"
            )

    @classmethod
    def of(cls, near: NearField) -> Wavefront:
        """The wavefront of a simulated near field, with all its components."""
        field = torch.tensor(near.field).movedim(-1, 0)
        return cls(field, near.sample_spacings, near.illumination, near.layout.platform)

    @classmethod
    def predicted(cls, model: Model, layout: Layout) -> Wavefront:
        """The wavefront that a model predicts behind a layout, with all components that it predicts.

        Raises:
            MismatchError, InputError: see :func:`metagen.surrogate.predict`.
        """
        field, domain = torch.from_numpy(predict(model, layout)), model.domain
        return cls(field, domain.sample_spacings, domain.illumination, layout.platform)

    @property
    def wavelength(self) -> float:
        """Wavelength in vacuum."""
        return self.illumination.wavelength

    @property
    def sides(self) -> tuple[float, float]:
        """Sides of the rectangular aperture along x and y."""
        along_x, along_y = pair(self.sample_spacing)
        return self.field.shape[1] * along_x, self.field.shape[2] * along_y

    @property
    def area(self) -> float:
        """Area of the aperture."""
        return math.prod(self.sides)

    @cached_property
    def media(self) -> Media:
        """Refractive indices at the wavelength."""
        return self.platform.at(self.wavelength)

    @property
    def cover(self) -> float:
        """Refractive index behind the device."""
        return self.media.cover

    @property
    def substrate(self) -> float:
        """Refractive index in front of the device."""
        return self.media.substrate

    def summed(self, quantity: Callable[[Tensor], Tensor]) -> Tensor:
        """Sum a real quantity over the components, one at a time to save memory."""
        total = quantity(self.field[0])
        for component in self.field[1:]:
            total = total + quantity(component)
        return total


@dataclass(frozen=True)
class FocusMetrics:
    """How well a device focuses.

    Attributes:
        transmission: transmitted share of the power, see :func:`transmission`.
        efficiency: share of the power in the focus, see :func:`focusing_efficiency`.
        fwhm: width of the focus, see :func:`fwhm`.
        strehl: intensity against that of an ideal lens, see :func:`strehl`.
        intensity: |E|² at the focus, in units of the incident intensity |E|² = 1.
    """

    transmission: float
    efficiency: float
    fwhm: float
    strehl: float
    intensity: float


@dataclass(frozen=True)
class SquareMetrics:
    """How much of the light goes through a square around the axis.

    Attributes:
        transmission: transmitted share of the power, see :func:`transmission`.
        efficiency: share of the power in the square, see :func:`square_efficiency`.
    """

    transmission: float
    efficiency: float


@dataclass(frozen=True)
class RingMetrics:
    """How well a device makes a ring.

    Attributes:
        transmission: transmitted share of the power, see :func:`transmission`.
        ratio: power in the ring over power inside it, see :func:`annulus_ratio`.
        efficiency: power in the ring / power incident on the aperture.
    """

    transmission: float
    ratio: float
    efficiency: float


@dataclass(frozen=True)
class DepthOfFocus:
    """The range of distances with at least half of the largest intensity on the axis.

    Attributes:
        start: distance at which the range begins.
        end: distance at which the range ends.
        complete: whether both ends lie inside the scanned distances; if not, the range is longer.
    """

    start: float
    end: float
    complete: bool

    @property
    def length(self) -> float:
        """Length of the range, end − start."""
        return self.end - self.start


def focus_metrics(wave: Wavefront, distance: float, circle: float = CIRCLE) -> FocusMetrics:
    """Measure a focus on the axis at a distance; for ``circle`` see :func:`focusing_efficiency`."""
    return FocusMetrics(
        transmission=transmission(wave),
        efficiency=focusing_efficiency(wave, distance, circle),
        fwhm=fwhm(wave, distance),
        strehl=strehl(wave, distance),
        intensity=float(intensity(wave, _on_axis([distance]))[0]),
    )


def _padding(wave: Wavefront, distance: float, reach: float = 0.0) -> int:
    return padding_for(wave.field, wave.sample_spacing, wave.wavelength, distance, reach, wave.cover)


def square_metrics(wave: Wavefront, distance: float, width: float) -> SquareMetrics:
    """Measure a focus by a square around the axis; for the arguments see :func:`square_efficiency`."""
    return SquareMetrics(transmission(wave), square_efficiency(wave, distance, width))


def ring_metrics(
    wave: Wavefront, distance: float, radius: float = 1.5, half_width: float = 0.5
) -> RingMetrics:
    """Measure a ring around the axis; for the arguments see :func:`annulus_ratio`."""
    inner, outer = _ring_powers(wave, distance, radius, half_width)
    return RingMetrics(
        transmission=transmission(wave), ratio=outer / inner, efficiency=outer / incident_power(wave)
    )


def incident_power(wave: Wavefront) -> float:
    """Power incident on the aperture: n_substrate times its area, where the light comes along the axis."""
    return wave.illumination.flux(wave.substrate) * wave.area


def transmitted_power(wave: Wavefront) -> float:
    """Power through the monitor plane, over the aperture."""
    cover = wave.cover
    return float(wave.summed(lambda E: power(E, wave.sample_spacing, wave.wavelength, cover, LEAST_PADDING)))


def transmission(wave: Wavefront) -> float:
    """Power through the monitor plane / power incident on the aperture."""
    return transmitted_power(wave) / incident_power(wave)


def warn_if_active(model: Model, layout: Layout) -> None:
    """Warn if a model predicts clearly more power behind a layout than falls on it."""
    predicted = transmission(Wavefront.predicted(model, layout))
    if predicted > MOST_PREDICTED:
        warnings.warn(
            f"the model of wavelength {model.domain.wavelength:g} predicts that {layout.name!r} passes "
            f"{predicted:.2f} of the power that falls on it, which no device does: the model is wrong about "
            "this device, and what it promises is too good; simulate the device (metagen verify, refine), or "
            "train on more layouts that are like it",
            stacklevel=2,
        )


def focusing_efficiency(wave: Wavefront, distance: float, circle: float = CIRCLE) -> float:
    """Power within a circle around the axis in the focal plane / power incident on the aperture.

    Args:
        wave: the field behind the device.
        distance: distance of the focal plane.
        circle: radius of the circle, in units of :func:`fwhm`.

    Returns:
        The share of the incident power; NaN if there is no focus on the axis that has a FWHM.
    """
    radius = circle * fwhm(wave, distance)
    return _power_within(wave, distance, [radius])[0] / incident_power(wave)


def square_efficiency(wave: Wavefront, distance: float, width: float) -> float:
    """Power through a square around the axis in a plane / power incident on the aperture.

    The power is that of Poynting's vector, as a detector in the plane would measure it; of one component
    alone, which has no such vector, it is the flux of :func:`focusing_efficiency`.

    Args:
        wave: the field behind the device.
        distance: distance of the plane.
        width: side of the square.
    """
    check_lengths(width=width)
    step = width / GRID
    x, padding = coordinates(GRID, step), _padding(wave, distance, width / 2)
    field, density = (wave.field, poynting) if len(wave.field) == 3 else (wave.field[0], focal_flux)
    flux = density(field, wave.sample_spacing, wave.wavelength, distance, x, x, wave.cover, padding)
    return float(flux.sum()) * step**2 / incident_power(wave)


def annulus_ratio(wave: Wavefront, distance: float, radius: float = 1.5, half_width: float = 0.5) -> float:
    """Power with |ρ − c| < w / power with ρ < c − w in a plane, ρ being the distance from the axis.

    Args:
        wave: the field behind the device.
        distance: distance of the plane.
        radius: c, radius of the circle in the middle of the ring.
        half_width: w, half the width of the ring.

    Raises:
        InputError: half the width of the ring is not smaller than its radius.
    """
    inner, outer = _ring_powers(wave, distance, radius, half_width)
    return outer / inner


def strehl(wave: Wavefront, distance: float) -> float:
    """|E|² at the focus / |E|² of an ideal lens with the same aperture and the same transmitted power.

    The ideal lens has an even amplitude over the whole square and the phase −k(√(x² + y² + f²) − f), on the
    same samples. A device may exceed 1 by a little, because an even amplitude is not quite the best one. NaN
    where there is no light at all.
    """
    ideal = ideal_lens(wave, distance)
    point = _on_axis([distance])
    per_power = [intensity(each, point)[0] / transmitted_power(each) for each in (wave, ideal)]
    return float(per_power[0] / per_power[1])


def depth_of_focus(wave: Wavefront, distances: Tensor) -> DepthOfFocus:
    """The range of z around the largest on-axis intensity in which the intensity stays above half of it.

    Args:
        wave: the field behind the device.
        distances: [Z] increasing distances to scan; between them the intensity is taken as linear.
    """
    on_axis = intensity(wave, _on_axis(distances.tolist()))
    peak = int(on_axis.argmax())
    before = _crossing(on_axis[: peak + 1].flip(0), distances[: peak + 1].flip(0))
    after = _crossing(on_axis[peak:], distances[peak:])
    return DepthOfFocus(
        start=float(distances[0]) if before is None else before,
        end=float(distances[-1]) if after is None else after,
        complete=before is not None and after is not None,
    )


def fwhm(wave: Wavefront, distance: float) -> float:
    """Full width of the focus at half of its intensity on the axis, mean of the cuts along x and y.

    The intensity is Σ|E|² over the components. It is NaN if the intensity does not fall below half within
    4 λ f/D, more than four times the width that the aperture D can make: there is no focus on the axis then.
    """
    reach = 4 * wave.wavelength * distance / min(wave.sides)
    cut = torch.linspace(-reach, reach, 2 * GRID - 1, dtype=torch.float64)
    axis = cut[GRID - 1 : GRID]
    along_x = plane_intensity(wave, distance, cut, axis)[:, 0]
    along_y = plane_intensity(wave, distance, axis, cut)[0]
    halves = [
        _crossing(side[GRID - 1 :], cut[GRID - 1 :])
        for values in (along_x, along_y)
        for side in (values, values.flip(0))
    ]
    return sum(math.nan if half is None else half for half in halves) / 2


def intensity(wave: Wavefront, points: Tensor) -> Tensor:
    """[P] Σ|E|² over the components at points [P, 3], in units of the incident intensity."""
    cover = wave.cover
    return wave.summed(
        lambda E: rayleigh_sommerfeld(E, wave.sample_spacing, wave.wavelength, points, cover).abs().square()
    )


def plane_intensity(wave: Wavefront, distance: float, x: Tensor, y: Tensor | None = None) -> Tensor:
    """[A, B] Σ|E|² over the components in a plane, at coordinates x [A] and y [B] (by default those of x)."""
    cover, y = wave.cover, x if y is None else y
    padding = _padding(wave, distance, max(float(x.abs().max()), float(y.abs().max())))
    return wave.summed(
        lambda E: (
            focal_plane(E, wave.sample_spacing, wave.wavelength, distance, x, y, cover, padding)
            .abs()
            .square()
        )
    )


def section_intensity(wave: Wavefront, distances: Tensor, x: Tensor) -> Tensor:
    """[Z, A] Σ|E|² over the components in the plane y = 0, at distances [Z] and coordinates x [A]."""
    cover = wave.cover
    padding = _padding(wave, float(distances.abs().max()), float(x.abs().max()))
    return wave.summed(
        lambda E: (
            axial_section(E, wave.sample_spacing, wave.wavelength, distances, x, cover, padding)
            .abs()
            .square()
        )
    )


def _ring_powers(wave: Wavefront, distance: float, radius: float, half_width: float) -> tuple[float, float]:
    check_lengths(radius=radius, half_width=half_width)
    if not half_width < radius:
        raise InputError(f"half_width is {half_width:g}; it must be smaller than the radius, {radius:g}")
    inner, whole = _power_within(wave, distance, [radius - half_width, radius + half_width])
    return inner, whole - inner


def _power_within(wave: Wavefront, distance: float, radii: list[float]) -> list[float]:
    """Power through each of several circles around the axis; NaN for a radius that is NaN."""
    reach = max(radii)
    if math.isnan(reach):
        return [math.nan] * len(radii)
    step = 2 * reach / (GRID - 2)
    x, padding = coordinates(GRID, step), _padding(wave, distance, reach)
    flux = wave.summed(
        lambda E: focal_flux(E, wave.sample_spacing, wave.wavelength, distance, x, x, wave.cover, padding)
    )
    rho = torch.hypot(x[:, None], x)
    # A point near the circle counts in part, so that the sum is accurate to the square of the step.
    inside = [((radius - rho) / step + 0.5).clamp(0, 1) for radius in radii]
    return [float((flux * share).sum()) * step**2 for share in inside]


def ideal_lens(wave: Wavefront, distance: float) -> Wavefront:
    """The ideal lens of :func:`strehl`: amplitude 1 and perfect phase on the samples of ``wave``."""
    x, y = axes(wave.field.shape[1:], wave.sample_spacing)
    path = torch.sqrt(x[:, None] ** 2 + y**2 + distance**2) - distance
    k = 2 * torch.pi * wave.cover / wave.wavelength
    field = torch.polar(torch.ones_like(path), -k * path).to(wave.field.dtype)
    return Wavefront(field[None], wave.sample_spacing, wave.illumination, wave.platform)


def _on_axis(distances: list[float]) -> Tensor:
    return torch.tensor([[0.0, 0.0, distance] for distance in distances], dtype=torch.float64)


def _crossing(values: Tensor, positions: Tensor) -> float | None:
    """Where values first fall below half of the first one, linear between samples; None if they never do."""
    half = float(values[0]) / 2
    below = (values < half).nonzero()
    if len(below) == 0:
        return None
    i = int(below[0])
    share = (float(values[i - 1]) - half) / float(values[i - 1] - values[i])
    return float(positions[i - 1]) + share * float(positions[i] - positions[i - 1])
