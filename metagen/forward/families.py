"""Families of layouts that a campaign file can ask for: a few lines describe many devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy.ndimage import gaussian_filter

from metagen.base.validation import Positive, PositiveInt, checked
from metagen.device.layout import Layout, random_layout, unfold
from metagen.device.platform import Platform

Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


@checked
class Focusing:
    """Forward-designed lenses, one per focal length.

    Attributes:
        count: pillars along one side.
        wavelength: wavelength in vacuum at which the lenses focus.
        focal_lengths: distances from the monitor plane to the focus.
    """

    family: Literal["focusing"]
    count: PositiveInt
    wavelength: Positive
    focal_lengths: Annotated[tuple[Positive, ...], Field(min_length=1)]

    def layouts(self, platform: Platform) -> Iterator[Layout]:
        """Design the lenses (computes the phase table where it is not cached)."""
        from metagen.forward.lens import focusing

        for focal_length in self.focal_lengths:
            yield focusing(platform, focal_length=focal_length, wavelength=self.wavelength, count=self.count)


@checked
class Random:
    """Independent random radii, mirror-symmetric, one layout per seed.

    Attributes:
        count: pillars along one side.
        seeds: seeds of the random generator.
    """

    family: Literal["random"]
    count: PositiveInt
    seeds: Seeds

    def layouts(self, platform: Platform) -> Iterator[Layout]:
        """Draw the layouts."""
        for seed in self.seeds:
            yield random_layout(platform, self.count, seed)


@checked
class Smooth:
    """Random radii that vary slowly, mirror-symmetric, one layout per correlation length and seed.

    The radii are spread evenly over the platform's range, as in :class:`Random`, but neighbours differ less,
    as they do in a lens.

    Attributes:
        count: pillars along one side.
        correlation_lengths: distances at which the correlation has fallen to 1/e.
        seeds: seeds of the random generator.
    """

    family: Literal["smooth"]
    count: PositiveInt
    correlation_lengths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    seeds: Seeds

    def layouts(self, platform: Platform) -> Iterator[Layout]:
        """Draw the layouts."""
        for length in self.correlation_lengths:
            for seed in self.seeds:
                yield smooth_layout(platform, self.count, length, seed)


@checked
class Perturbed:
    """Forward-designed lenses with random deviations of the radii, mirror-symmetric.

    Attributes:
        count: pillars along one side.
        wavelength: wavelength in vacuum at which the lenses focus.
        focal_lengths: distances from the monitor plane to the focus.
        spread: standard deviation of the radii from those of the lens; the platform's limits are kept.
        seeds: seeds of the random generator; each lens is made once with each seed.
    """

    family: Literal["perturbed"]
    count: PositiveInt
    wavelength: Positive
    focal_lengths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    spread: Positive
    seeds: Seeds

    def layouts(self, platform: Platform) -> Iterator[Layout]:
        """Design the lenses and move their radii."""
        lenses = Focusing("focusing", self.count, self.wavelength, self.focal_lengths)
        for lens in lenses.layouts(platform):
            for seed in self.seeds:
                yield perturbed(lens, self.spread, seed)


Family = Annotated[Focusing | Random | Smooth | Perturbed, Field(discriminator="family")]


def smooth_layout(platform: Platform, count: int, correlation_length: float, seed: int) -> Layout:
    """Random radii with a Gaussian correlation, spread evenly over the platform's range; mirror-symmetric.

    White noise is filtered with reflection at the mirror planes, and the values are replaced by their ranks.

    Args:
        platform: what the process fixes; its radius limits and its period are used.
        count: pillars along one side.
        correlation_length: distance at which the correlation has fallen to 1/e.
        seed: seed of the random generator; equal seeds give equal layouts.
    """
    half = (count + 1) // 2
    noise = np.random.default_rng(seed).normal(size=(half, half))
    # White noise filtered with exp(−x²/2σ²) has the correlation exp(−x²/4σ²).
    sigma = correlation_length / 2 / platform.period
    smooth = gaussian_filter(noise, sigma, mode="mirror" if count % 2 else "reflect")
    ranks = smooth.ravel().argsort().argsort().reshape(half, half)
    radii = platform.radius_min + (platform.radius_max - platform.radius_min) * (ranks + 0.5) / half**2
    return Layout(
        platform,
        unfold(radii, count),
        name=f"smooth-l{correlation_length:g}-s{seed}",
        provenance={"family": "smooth", "correlation_length": repr(correlation_length), "seed": str(seed)},
    )


def perturbed(layout: Layout, spread: float, seed: int) -> Layout:
    """A layout with mirror planes whose radii are moved at random, within the platform's limits.

    Args:
        layout: a layout with both mirror planes.
        spread: standard deviation of the radii from those of the layout.
        seed: seed of the random generator; equal seeds give equal layouts.
    """
    platform, half = layout.platform, (layout.count + 1) // 2
    moved = np.random.default_rng(seed).normal(0, spread, (half, half))
    quadrant = layout.radii[layout.count // 2 :, layout.count // 2 :] + moved
    return Layout(
        platform,
        unfold(quadrant.clip(platform.radius_min, platform.radius_max), layout.count),
        name=f"{layout.name}-perturbed-s{seed}",
        provenance={**layout.provenance, "spread": repr(spread), "seed": str(seed)},
    )
