"""What a model is for: the platform, the wavelength, the sampling, and the radii that it knows."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, Self

import numpy as np
from pydantic import Field
from torch import Tensor

from metagen.base.errors import InputError, MismatchError
from metagen.base.validation import Positive, PositiveInt, checked
from metagen.base.wavelength import same_wavelength
from metagen.data.dataset import Dataset
from metagen.device.layout import Layout
from metagen.device.media import Media
from metagen.device.platform import Platform, difference
from metagen.device.sampling import SAMPLES

Components = Literal[1, 3]

NEAR_LIMIT = 0.03
"""Data that miss the platform's limits by less than this share of its range of radii count as reaching them.

Random radii never lie exactly on a limit, and optimised devices often do.
"""
TOLERANCE = 1e-6
"""Radii this close to the known range (micrometres) count as known: single precision rounds by about 1e-8."""


@checked
class Domain:
    """What a model predicts, and for which radii.

    Attributes:
        wavelength: wavelength in vacuum.
        radius_low: smallest radius that the model knows; 0 (no pillar) is allowed as well.
        radius_high: largest radius that the model knows.
        platform: what the process fixes.
        samples: field samples per cell along each axis, n.
        components: 1 for Ex, 3 for (Ex, Ey, Ez).
    """

    wavelength: Positive
    radius_low: Positive
    radius_high: Positive
    platform: Platform = Field(default_factory=Platform)
    samples: PositiveInt = SAMPLES
    components: Components = 1

    def __post_init__(self) -> None:
        if not self.radius_low < self.radius_high:
            raise InputError(
                f"radii {self.radius_low} .. {self.radius_high} are not a range; "
                "a model needs layouts with at least two different radii"
            )

    @classmethod
    def of(cls, dataset: Dataset, components: Components = 1) -> Self:
        """The domain of a model that is trained on a dataset; it knows the range of radii in the data.

        Data that come close to the limits of the platform count as reaching them (see :data:`NEAR_LIMIT`).
        Radii of the data beyond these limits (from a drawn layout, say) are known as well.
        """
        present = np.concatenate([radii[radii > 0] for radii in dataset.radii])
        if present.size == 0:
            raise InputError("the layouts of the dataset have no pillars")
        platform, low, high = dataset.platform, float(present.min()), float(present.max())
        return cls(
            wavelength=dataset.wavelength,
            radius_low=min(low, _snapped(low, platform.radius_min, platform)),
            radius_high=max(high, _snapped(high, platform.radius_max, platform)),
            platform=platform,
            samples=dataset.samples,
            components=components,
        )

    @cached_property
    def media(self) -> Media:
        """Refractive indices at the wavelength of the model."""
        return self.platform.at(self.wavelength)

    @property
    def patch_size(self) -> int:
        """Number of field values over one cell, n·n·components."""
        return self.samples**2 * self.components

    @property
    def sample_spacing(self) -> float:
        """Distance between neighbouring field samples."""
        return self.platform.period / self.samples

    def require_known(self, radii: Tensor, *, clamp: bool = False) -> None:
        """Refuse radii that the model does not know; 0 (no pillar) is always known.

        Args:
            radii: [..., N, N] radii.
            clamp: whether to refuse only NaN, because other radii will be moved into the range.

        Raises:
            InputError: a radius is outside the known range.
        """
        low, high = self.radius_low, self.radius_high
        known = (radii >= low - TOLERANCE) & (radii <= high + TOLERANCE)
        wrong = radii.isnan() if clamp else ~(known | (radii == 0))
        if wrong.any():
            index = [int(i) for i in wrong.nonzero()[0]]
            raise InputError(
                f"radii{index} is {float(radii[tuple(index)]):g}; the model knows radii from {low:g} to "
                f"{high:g} and 0 (no pillar): keep to them, pass clamp=True, or train on more radii"
            )

    def clamped(self, layout: Layout) -> Layout:
        """The layout with every unknown radius moved to the nearest known one; 0 (no pillar) stays 0."""
        radii = np.where(layout.radii == 0, 0, layout.radii.clip(self.radius_low, self.radius_high))
        return layout.with_values(radii)

    def require_platform(self, layout: Layout) -> None:
        """Refuse a layout of another platform.

        Raises:
            MismatchError: the platforms differ.
        """
        if layout.platform != self.platform:
            raise MismatchError(
                f"layout {layout.name!r} is of another platform than the model: "
                f"{difference(self.platform, layout.platform)}; use a model that was "
                "trained for the layout's platform, or a layout of the model's"
            )

    def require_wavelength(self, wavelength: float) -> None:
        """Refuse a wavelength that the model was not trained for.

        Raises:
            MismatchError: the model predicts another wavelength.
        """
        if not same_wavelength(self.wavelength, wavelength):
            raise MismatchError(
                f"the model was trained for wavelength {self.wavelength:g}, not {wavelength:g}; use a model "
                "of that wavelength, or train one"
            )

    def require_samples(self, samples: int) -> None:
        """Refuse a field with other samples.

        Raises:
            MismatchError: the numbers of samples per cell differ.
        """
        if samples != self.samples:
            raise MismatchError(
                f"the model has {self.samples} samples per cell and axis, the near field {samples}; "
                "simulate with as many as the model has, or train on such near fields"
            )


def _snapped(radius: float, limit: float, platform: Platform) -> float:
    near = NEAR_LIMIT * (platform.radius_max - platform.radius_min)
    return limit if abs(radius - limit) <= near else radius
