"""Families of layouts, as a campaign file names them: one line describes many devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from metagen.layout import Layout, random_layout
from metagen.platform import Platform
from metagen.validation import Positive, PositiveInt, checked


@checked
class Focusing:
    """Forward-designed lenses, one per focal length.

    Attributes:
        count: pillars along one side.
        wavelength: at which the lenses focus.
        focal_lengths: from the monitor plane to the focus.
    """

    family: Literal["focusing"]
    count: PositiveInt
    wavelength: Positive
    focal_lengths: Annotated[tuple[Positive, ...], Field(min_length=1)]

    def layouts(self, platform: Platform) -> Iterator[Layout]:
        """Design the lenses (computes the phase table where it is not cached)."""
        from metagen.lens import focusing

        for focal_length in self.focal_lengths:
            yield focusing(platform, focal_length=focal_length, wavelength=self.wavelength, count=self.count)


@checked
class Random:
    """Independent random radii, mirror-symmetric, one layout per seed.

    Attributes:
        count: pillars along one side.
        seeds: of the random generator.
    """

    family: Literal["random"]
    count: PositiveInt
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]

    def layouts(self, platform: Platform) -> Iterator[Layout]:
        """Draw the layouts."""
        for seed in self.seeds:
            yield random_layout(platform, self.count, seed)


Family = Annotated[Focusing | Random, Field(discriminator="family")]
