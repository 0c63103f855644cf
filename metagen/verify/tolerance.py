"""What process errors do to a device: the surrogates predict thousands of imperfect copies of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from metagen.base.errors import InputError
from metagen.base.tables import Table, number
from metagen.base.threads import one_thread
from metagen.base.validation import checked
from metagen.design import Light, Model
from metagen.design.light import optics_for
from metagen.design.model import known_ranges
from metagen.design.objectives import Goal
from metagen.design.optics import Optics
from metagen.device.layout import Layout
from metagen.verify.tables import describe_goal

SHIFTS = np.linspace(-3, 3, 13)
"""Shifts of all radii in the bias curve, in units of the standard deviation of the bias."""
NOISES = np.array([0.5, 1.0, 1.5, 2.0, 3.0])
"""Noises in the noise curve, in units of the noise of the process."""
CURVE_SHARE = 10
"""Each point of the noise curve has this fraction (1/10) of the samples."""
SMALLEST = 1e-6
"""Least radius that an error can leave; a radius of 0 would mean that there is no pillar."""
CELLS = 1 << 14
"""How many cells of imperfect copies are evaluated at once."""
BAND = (0.05, 0.95)
"""Quantiles that tables and plots show of a distribution."""

Values = NDArray[np.float64]
NotNegative = Annotated[float, Field(ge=0)]


@checked
class ProcessErrors:
    """How the pillars of a made device differ from its layout; lengths in micrometres.

    Attributes:
        noise: standard deviation of the radius of each pillar, independent of all others.
        bias: standard deviation of a shift that all radii of one device share.
        missing: probability that a pillar is missing.
    """

    noise: NotNegative = 0.003
    bias: NotNegative = 0.005
    missing: Annotated[float, Field(ge=0, lt=1)] = 0.0


@dataclass(frozen=True, eq=False)
class Samples:
    """Imperfect copies of a device.

    Attributes:
        values: [S, G] value of each goal over its target, for each copy.
        clamped: share of all pillars whose radius fell outside what the models know. They were given the
            nearest radius that the models know, so that the errors of these pillars are underestimated.
    """

    values: Values
    clamped: float

    @property
    def worst(self) -> Values:
        """[S] the worst goal of each copy."""
        return np.asarray(self.values.min(axis=1))

    @property
    def band(self) -> Values:
        """[2, G] the quantiles :data:`BAND` of each goal."""
        return np.asarray(np.quantile(self.values, BAND, axis=0))


@dataclass(frozen=True, eq=False)
class Tolerance:
    """What the errors of a process do to a device.

    Attributes:
        device: name of the layout.
        goals: what the device is for.
        errors: the errors of the process.
        seed: seed of the random numbers.
        nominal: [G] value of each goal over its target, without errors.
        samples: copies with all errors together.
        shifts: [K] shifts of all radii, for the bias curve.
        shifted: [K, G] value of each goal over its target, with that shift and no other error.
        noises: [M] standard deviations of the radii, for the noise curve.
        noisy: copies with that noise and no other error, for each noise.
    """

    device: str
    goals: tuple[Goal, ...]
    errors: ProcessErrors
    seed: int
    nominal: Values
    samples: Samples
    shifts: Values
    shifted: Values
    noises: Values
    noisy: tuple[Samples, ...]

    def share_keeping(self, part: float) -> Values:
        """[G + 1] share of copies that keep ``part`` of the nominal value of each goal, and of the worst."""
        values = np.column_stack([self.samples.values, self.samples.worst])
        limits = part * np.append(self.nominal, self.nominal.min())
        return np.asarray((values >= limits).mean(axis=0))


def tolerance(
    goals: Sequence[Goal],
    layout: Layout,
    models: Sequence[Model],
    errors: ProcessErrors,
    samples: int = 1000,
    seed: int = 0,
) -> Tolerance:
    """Predict what the errors of a process do to a device.

    Args:
        goals: what the device is for.
        layout: the device.
        models: one per wavelength of the goals.
        errors: the errors of the process.
        samples: how many imperfect copies are predicted.
        seed: seed of the random numbers; equal seeds give equal results.

    Raises:
        InputError: there are no samples, the seed is negative, noise or bias is over half the period, or the
            layout has radii that a model does not know.
        MismatchError: a goal asks for a wavelength without a model, or a model is of another platform.
    """
    if samples < 1:
        raise InputError(f"samples is {samples}; it must be at least 1")
    if seed < 0:
        raise InputError(f"seed is {seed}; it must not be negative")
    if max(errors.noise, errors.bias) > layout.platform.period / 2:
        raise InputError(
            f"noise is {errors.noise:g} and bias {errors.bias:g}; either is at most half the period, "
            f"{layout.platform.period / 2:g} (lengths are micrometres: 3 nm is 0.003)"
        )
    device = _Device(tuple(goals), layout, optics_for(layout, models))
    nominal = device.values(layout.radii[None])[0]
    shifts, noises = SHIFTS * errors.bias, NOISES * errors.noise
    shifted = [device.values(device.clamp(with_bias(layout, shift)[None])[0])[0] for shift in shifts]
    fewer = max(1, samples // CURVE_SHARE)
    return Tolerance(
        device=layout.name,
        goals=device.goals,
        errors=errors,
        seed=seed,
        nominal=nominal,
        samples=device.sample(errors, samples, seed),
        shifts=shifts,
        shifted=np.array(shifted),
        noises=noises,
        noisy=tuple(device.sample(ProcessErrors(noise=x, bias=0.0), fewer, seed) for x in noises),
    )


@dataclass(frozen=True, eq=False)
class _Device:
    """A layout with its goals and with the models that predict the light behind it."""

    goals: tuple[Goal, ...]
    layout: Layout
    optics: list[Optics]

    def sample(self, errors: ProcessErrors, count: int, seed: int) -> Samples:
        """Goals of ``count`` imperfect copies."""
        values, clamped = [], 0
        for radii in imperfect(self.layout, errors, count, seed):
            known, changed = self.clamp(radii)
            values.append(self.values(known))
            clamped += changed
        return Samples(np.concatenate(values), clamped / (count * self.layout.radii.size))

    def clamp(self, radii: Values) -> tuple[Values, int]:
        """Radii moved into the range that all models know, and how many were moved; 0 (no pillar) stays 0."""
        ((low, high),) = known_ranges([each.model for each in self.optics])
        known = np.where(radii == 0, 0.0, radii.clip(low, high))
        return known, int(np.count_nonzero((known != radii) & (known > 0)))

    def values(self, radii: Values) -> Values:
        """[B, G] value of each goal over its target, for devices of [B, N, N] radii."""
        light = Light(self.optics, torch.tensor(radii, dtype=torch.float32))
        with torch.no_grad(), one_thread():
            return np.column_stack([goal(light).double().numpy() / goal.target for goal in self.goals])


def imperfect(layout: Layout, errors: ProcessErrors, count: int, seed: int) -> Iterator[Values]:
    """Yield the radii [B, N, N] of imperfect copies of a layout, about :data:`CELLS` cells at a time.

    Each kind of error has its own stream of random numbers, so that one can be changed alone.
    """
    streams = [np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(3)]
    noise, bias, missing = streams
    batch = max(1, CELLS // layout.radii.size)
    for first in range(0, count, batch):
        shape = (min(batch, count - first), *layout.radii.shape)
        radii = layout.radii + errors.noise * noise.standard_normal(shape)
        radii += errors.bias * bias.standard_normal((shape[0], 1, 1))
        there = (layout.radii > 0) & (missing.random(shape) >= errors.missing)
        yield np.where(there, radii.clip(min=SMALLEST), 0.0)


def with_bias(layout: Layout, shift: float) -> Values:
    """[N, N] radii of a layout, all larger by ``shift``."""
    return np.where(layout.radii > 0, (layout.radii + shift).clip(min=SMALLEST), 0.0)


def tolerance_table(found: Tolerance, keep: float) -> Table:
    """A table of what the errors of a process do to each goal, and to the worst of them.

    Raises:
        InputError: ``keep`` is no share of a value.
    """
    if not 0 < keep <= 1:
        raise InputError(f"keep is {keep:g}; it is a share over 0 and up to 1, such as 0.9")
    values = np.column_stack([found.samples.values, found.samples.worst])
    names = [*(describe_goal(goal) for goal in found.goals), "the worst of them"]
    nominal = np.append(found.nominal, found.nominal.min())
    low, errors = np.quantile(values, BAND[0], axis=0), found.errors
    return Table(
        f"Process errors: {found.device}",
        ("goal", "as designed", "mean", "standard deviation", f"{BAND[0]:.0%} are below", f"keep {keep:.0%}"),
        tuple(
            (name, number(aim), number(column.mean()), number(column.std()), number(bound), f"{share:.1%}")
            for name, aim, column, bound, share in zip(
                names, nominal, values.T, low, found.share_keeping(keep), strict=True
            )
        ),
        f"{len(values)} copies (seed {found.seed}), as the surrogates predict them: radii with a standard "
        f"deviation of {errors.noise * 1000:g} nm per pillar and {errors.bias * 1000:g} nm per device, "
        f"{errors.missing:.1%} of the pillars missing. Keep {keep:.0%}: share of the copies that reach that "
        f"part of the value as designed. {found.samples.clamped:.1%} of the radii left the range that the "
        "surrogates know, and were moved to its end.",
    )
