"""How wrong the light is that a surrogate predicts behind a device: what designers want to know of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace

import torch

from metagen.base.errors import MismatchError
from metagen.base.tables import Table, number
from metagen.base.wavelength import nanometres
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.device.illumination import short_label
from metagen.device.layout import Layout
from metagen.surrogate import Surrogate, evaluate
from metagen.verify.metrics import Wavefront, focusing_efficiency, intensity, ring_metrics

RING = 1.5
"""Radius (micrometres) of the ring whose power is compared, as in the paper."""


@dataclass(frozen=True)
class Measured:
    """The light behind a device, as numbers.

    Attributes:
        intensity: |E|² on the axis, in units of the incident intensity.
        efficiency: focusing efficiency, see :func:`metagen.verify.metrics.focusing_efficiency`; NaN where
            there is no focus on the axis.
        ring: power within 0.5 µm of a circle of radius :data:`RING`, over the incident power.
        transmission: transmitted share of the power, see :func:`metagen.verify.metrics.transmission`.
    """

    intensity: float
    efficiency: float
    ring: float
    transmission: float


@dataclass(frozen=True)
class DeviceError:
    """A model beside the simulation of one device.

    Attributes:
        layout: name of the device.
        wavelength: wavelength in vacuum.
        known: whether the model was trained on this device.
        distance: distance of the plane where the light was measured.
        relative_error: relative error of the near field, over the components that the model predicts.
        predicted: the light behind the predicted near field.
        simulated: the light behind the same components of the simulated near field.
    """

    layout: str
    wavelength: float
    known: bool
    distance: float
    relative_error: float
    predicted: Measured
    simulated: Measured


def device_errors(
    models: Sequence[Surrogate], near_fields: Iterable[NearField], distance: float | None = None
) -> list[DeviceError]:
    """Compare models with simulated devices.

    Args:
        models: one per wavelength.
        near_fields: simulated near fields of any devices, at the wavelengths of the models.
        distance: distance of the plane where the light is measured; by default the focal length or
            the distance of the goal that the layout states, or else the side of the device.

    Raises:
        MismatchError: no model of this wavelength, or one of another platform.
        InputError: a device has radii that the model does not know.
    """
    return [_compare(_model_for(models, near), near, distance) for near in near_fields]


def measure_light(wave: Wavefront, distance: float) -> Measured:
    """Measure the light in the plane at ``distance``."""
    ring = ring_metrics(wave, distance, RING)
    focus = torch.tensor([[0.0, 0.0, distance]], dtype=torch.float64)
    return Measured(
        intensity=float(intensity(wave, focus)[0]),
        efficiency=focusing_efficiency(wave, distance),
        ring=ring.efficiency,
        transmission=ring.transmission,
    )


def device_table(errors: Sequence[DeviceError]) -> Table:
    """A table of the errors of the near fields and of the light behind them."""
    return Table(
        "Devices: what the surrogate predicts against Meep",
        (
            "layout",
            "nm",
            "seen in training",
            "near field",
            "distance",
            "focal intensity",
            "efficiency",
            "ring power",
            "transmission",
        ),
        tuple(_row(each) for each in errors),
        "Near field: relative error ‖E_pred − E‖² / ‖E‖². The others: predicted over simulated, less one, "
        "of |E|² on the axis at the distance, of the power within a radius of 1.5 FWHM there, of that within "
        f"0.5 µm of a circle of radius {RING:g} µm, and of the power through the monitor, all from the "
        "components that the model knows. Dash: no focus on the axis.",
    )


def _row(error: DeviceError) -> tuple[str, ...]:
    pairs = zip(astuple(error.predicted), astuple(error.simulated), strict=True)
    return (
        error.layout,
        f"{nanometres(error.wavelength)}",
        "yes" if error.known else "no",
        number(error.relative_error),
        f"{error.distance:g}",
        *("–" if math.isnan(one / other) else f"{one / other - 1:+.1%}" for one, other in pairs),
    )


def _model_for(models: Sequence[Surrogate], near: NearField) -> Surrogate:
    for model in models:
        if model.domain.illumination.is_like(near.illumination):
            return model
    raise MismatchError(
        f"{near.layout.name} was simulated in light of {short_label(near.illumination)} nm, but the models "
        f"are of {[short_label(model.domain.illumination) for model in models]}; give a model of that "
        "wavelength and polarisation"
    )


def _compare(model: Surrogate, near: NearField, distance: float | None) -> DeviceError:
    layout, simulated = near.layout, Wavefront.of(near)
    predicted = Wavefront.predicted(model, layout)
    simulated = replace(simulated, field=simulated.field[: len(predicted.field)])
    plane = distance or _own_distance(layout)
    return DeviceError(
        layout=layout.name,
        wavelength=near.wavelength,
        known=model.card.has_seen(near),
        distance=plane,
        relative_error=evaluate(model, Dataset((near,))).overall.relative_error,
        predicted=measure_light(predicted, plane),
        simulated=measure_light(simulated, plane),
    )


def _own_distance(layout: Layout) -> float:
    stated = layout.provenance.get("focal_length") or layout.provenance.get("distance")
    return float(stated) if stated else layout.side
