"""What a model stands for: the platform, the wavelength, the sampling, and the radii that it has seen."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, Self

import numpy as np
from pydantic import Field

from metagen.base.errors import InputError
from metagen.base.validation import Positive, PositiveInt, checked
from metagen.data.dataset import Dataset
from metagen.device.media import Media
from metagen.device.platform import Platform
from metagen.device.sampling import SAMPLES

Components = Literal[1, 3]

NEAR_LIMIT = 0.03
"""Share of the platform's range of radii by which data may miss its limits and still count as reaching them.

Random radii never lie exactly on a limit, and optimised devices often do.
"""


@checked
class Domain:
    """What a model predicts, and for which radii.

    Attributes:
        wavelength: in vacuum.
        radius_low: smallest radius that the model knows (0, no pillar, is allowed besides).
        radius_high: largest radius that the model knows.
        platform: what the process fixes.
        samples: field samples per cell and axis, n.
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
        """The domain of a model that is trained on a dataset: its range of radii.

        Radii that come close to the limits of the platform count as reaching them (see :data:`NEAR_LIMIT`);
        those that lie beyond (of a drawn layout, say) are known as well.
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
        """Refractive indices at the wavelength."""
        return self.platform.at(self.wavelength)

    @property
    def patch_size(self) -> int:
        """Values of the field over one cell, n·n·components."""
        return self.samples**2 * self.components


def _snapped(radius: float, limit: float, platform: Platform) -> float:
    near = NEAR_LIMIT * (platform.radius_max - platform.radius_min)
    return limit if abs(radius - limit) <= near else radius
