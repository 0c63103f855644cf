"""What process errors do to a device: the surrogates predict thousands of imperfect copies of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.base.memory import check_fits
from metagen.base.tables import Table, number
from metagen.base.threads import one_thread
from metagen.design import Light, Model
from metagen.design.light import optics_for
from metagen.design.model import known_ranges
from metagen.design.objectives import Goal
from metagen.design.optics import Optics
from metagen.device.layout import Layout
from metagen.surrogate.known import clamped, vanishing
from metagen.verify.imperfection import Copies, check_errors, imperfect, sizes_of, with_bias
from metagen.verify.imperfection import ProcessErrors as ProcessErrors
from metagen.verify.tables import describe_goal

SHIFTS = np.linspace(-3, 3, 13)
"""Shifts of all walls in the bias curve, in units of the standard deviation of the bias."""
NOISES = np.array([0.5, 1.0, 1.5, 2.0, 3.0])
"""Noises in the noise curve, in units of the noise of the process."""
CURVE_SHARE = 10
"""Each point of the noise curve has this fraction (1/10) of the samples."""
BAND = (0.05, 0.95)
"""Quantiles that tables and plots show of a distribution."""

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Samples:
    """Imperfect copies of a device.

    Attributes:
        values: [S, G] value of each goal over its target, for each copy.
        clamped: share of all pillars of which a parameter fell outside what the models know. They were given
            the nearest value that the models know, so that the errors of these pillars are underestimated.
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
        shifts: [K] shifts of all walls, for the bias curve.
        shifted: [K, G] value of each goal over its target, with that shift and no other error.
        noises: [M] standard deviations of the lengths of pillars, for the noise curve.
        noisy: copies with that noise and no other error, for each noise.
        sizes: what noise and bias change, in a word: "radii" or "lengths".
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
    sizes: str = "radii"

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
        InputError: there are no samples, or more than memory holds, the seed is negative, the errors are none
            that the layout can have (:func:`metagen.verify.imperfection.check_errors`), or a model does not
            know one of its pillars.
        MismatchError: a goal asks for a wavelength without a model, or a model is of another platform.
    """
    if samples < 1:
        raise InputError(f"samples is {samples}; it must be at least 1")
    if seed < 0:
        raise InputError(f"seed is {seed}; it must not be negative")
    check_errors(layout, errors)
    check_fits(f"samples is {samples:.3g}: keeping what they reach", 8 * samples * len(goals))
    device = _Device(tuple(goals), layout, optics_for(layout, models))
    shifts, noises = SHIFTS * errors.bias, NOISES * errors.noise
    fewer = max(1, samples // CURVE_SHARE)
    return Tolerance(
        device=layout.name,
        goals=device.goals,
        errors=errors,
        seed=seed,
        nominal=device.nominal(),
        samples=device.sample(errors, samples, seed),
        shifts=shifts,
        shifted=np.concatenate([device.shifted(shift) for shift in shifts]),
        noises=noises,
        noisy=tuple(device.sample(ProcessErrors(noise=x, bias=0.0), fewer, seed) for x in noises),
        sizes=sizes_of(layout.platform.atom),
    )


@dataclass(frozen=True, eq=False)
class _Device:
    """A layout with its goals and with the models that predict the light behind it."""

    goals: tuple[Goal, ...]
    layout: Layout
    optics: list[Optics]

    def nominal(self) -> Values:
        """[G] value of each goal over its target, of the device as it is."""
        return np.asarray(self.values(Copies(self.layout.values[None], self.layout.present[None]))[0])

    def shifted(self, shift: float) -> Values:
        """[1, G] values of the device with all walls moved outwards."""
        copy = Copies(with_bias(self.layout, shift)[None], self.layout.present[None])
        return self.values(self.known(copy)[0])

    def sample(self, errors: ProcessErrors, count: int, seed: int) -> Samples:
        """Goals of ``count`` imperfect copies."""
        values, clamped = [], 0
        for copies in imperfect(self.layout, errors, count, seed):
            known, changed = self.known(copies)
            values.append(self.values(known))
            clamped += changed
        return Samples(np.concatenate(values), clamped / (count * self.layout.present.size))

    def known(self, copies: Copies) -> tuple[Copies, int]:
        """Pillars moved into the ranges that all models know, and how many were moved."""
        ranges = tuple(known_ranges([each.model for each in self.optics]))
        values, present = torch.tensor(copies.values), torch.tensor(copies.present)
        known = clamped(self.layout.platform, ranges, values, present).numpy()
        moved = (known != copies.values).any(axis=-1) & copies.present
        return Copies(known, copies.present), int(np.count_nonzero(moved))

    def values(self, copies: Copies) -> Values:
        """[B, G] value of each goal over its target."""
        light = Light(self.optics, *_arguments(self.layout, copies))
        with torch.no_grad(), one_thread():
            return np.column_stack([goal(light).double().numpy() / goal.target for goal in self.goals])


def _arguments(layout: Layout, copies: Copies) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Copies as models take them: without a mask where the values say which pillars there are."""
    values = torch.tensor(copies.values, dtype=torch.float32)
    short = values[..., 0, 0] if values.shape[-2:] == (1, 1) else values
    told = bool(vanishing(layout.platform.atom)) or bool(copies.present.all())
    return short, None if told else torch.tensor(copies.present)


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
    low = np.quantile(values, BAND[0], axis=0)
    return Table(
        f"Process errors: {found.device}",
        ("goal", "as designed", "mean", "standard deviation", f"{BAND[0]:.0%} are below", f"keep {keep:.0%}"),
        tuple(
            (name, number(aim), number(column.mean()), number(column.std()), number(bound), f"{share:.1%}")
            for name, aim, column, bound, share in zip(
                names, nominal, values.T, low, found.share_keeping(keep), strict=True
            )
        ),
        f"{len(values)} copies (seed {found.seed}), as the surrogates predict them: {_described(found)}. "
        f"Keep {keep:.0%}: share of the copies that reach that part of the value as designed. "
        f"{found.samples.clamped:.1%} of the {found.sizes if found.sizes == 'radii' else 'pillars'} left the "
        "range that the surrogates know, and were moved to its end.",
    )


def _described(found: Tolerance) -> str:
    """The errors in words."""
    errors, (noise, bias) = found.errors, (found.errors.noise * 1000, found.errors.bias * 1000)
    device = f"{bias:g} nm per device" if found.sizes == "radii" else f"walls of {bias:g} nm per device"
    turned = f", angles of {math.degrees(errors.rotation):g}°" if errors.rotation else ""
    return (
        f"{found.sizes} with a standard deviation of {noise:g} nm per pillar and {device}{turned}, "
        f"{errors.missing:.1%} of the pillars missing"
    )
