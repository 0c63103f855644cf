"""Imperfect copies of a device: what the errors of a process make of the parameters of its pillars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from metagen.base.errors import InputError
from metagen.base.validation import checked
from metagen.device.atoms import Atom, Kind
from metagen.device.layout import Layout
from metagen.device.pillars import Mask

SMALLEST = 1e-6
"""Least length that an error can leave; a length of 0 would mean that there is no pillar."""
CELLS = 1 << 14
"""How many sites of imperfect copies are made at once."""

Values = NDArray[np.float64]
NotNegative = Annotated[float, Field(ge=0)]


@checked
class ProcessErrors:
    """How the pillars of a made device differ from its layout; lengths in micrometres, angles in radians.

    Attributes:
        noise: standard deviation of every length of each pillar (its radius; its length and its width),
            independent of all others.
        bias: standard deviation of a shift that all walls of one device share: radii change by it, lengths
            from side to side by twice as much.
        missing: probability that a pillar is missing.
        rotation: standard deviation of the angle of each pillar, independent of all others.
    """

    noise: NotNegative = 0.003
    bias: NotNegative = 0.005
    missing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    rotation: Annotated[float, Field(ge=0, lt=np.pi)] = 0.0


@dataclass(frozen=True, eq=False)
class Copies:
    """Imperfect copies of a device.

    Attributes:
        values: [B, Nx, Ny, S, P] free parameters of the pillars; 0 where there is none.
        present: [B, Nx, Ny, S] where there is a pillar.
    """

    values: Values
    present: Mask


def sizes_of(atom: Atom) -> str:
    """What noise and bias change, in a word."""
    return "radii" if atom.growth.keys() == {"radius"} else "lengths"


def check_errors(layout: Layout, errors: ProcessErrors) -> None:
    """Refuse errors that parameters of a layout cannot express, or that are in another unit.

    Raises:
        InputError: noise or bias is over half the period, or of lengths that the platform fixes; or pillars
            would turn whose angle it fixes.
    """
    atom, half = layout.platform.atom, layout.platform.lattice.spacing / 2
    if max(errors.noise, errors.bias) > half:
        raise InputError(
            f"noise is {errors.noise:g} and bias {errors.bias:g}; either is at most half the period, "
            f"{half:g} (lengths are micrometres: 3 nm is 0.003)"
        )
    fixed = atom.fixed_growth
    if max(errors.noise, errors.bias) > 0 and (fixed or not atom.growth):
        raise InputError(
            f"noise is {errors.noise:g} and bias {errors.bias:g}: the platform's pillars ({atom.kind}) have "
            f"fixed {' and '.join(fixed) or 'shapes'}, so that no model knows others; give noise = 0 and "
            "bias = 0, or free these lengths and train on them"
        )
    if errors.rotation and not any(each.kind is Kind.ANGLE for each in atom.parameters):
        raise InputError(
            f"rotation is {errors.rotation:g}: the platform's pillars ({atom.kind}) have no free angle; give "
            "rotation = 0"
        )


def imperfect(layout: Layout, errors: ProcessErrors, count: int, seed: int) -> Iterator[Copies]:
    """Yield imperfect copies of a layout, about :data:`CELLS` sites at a time.

    Each kind of error has its own stream of random numbers, so that one can be changed alone.

    Raises:
        InputError: see :func:`check_errors`.
    """
    check_errors(layout, errors)
    noise, bias, missing, rotation = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(4))
    kinds = [parameter.kind for parameter in layout.platform.atom.parameters]
    lengths, angles = (
        [i for i, each in enumerate(kinds) if each is kind] for kind in (Kind.LENGTH, Kind.ANGLE)
    )
    batch = max(1, CELLS // layout.present.size)
    for first in range(0, count, batch):
        shape = (min(batch, count - first), *layout.present.shape)
        values = np.repeat(layout.values[None], shape[0], axis=0)
        values[..., lengths] += errors.noise * noise.standard_normal((*shape, len(lengths)))
        values += (
            layout.platform.atom.free_growth * errors.bias * bias.standard_normal((shape[0], 1, 1, 1, 1))
        )
        values[..., lengths] = values[..., lengths].clip(min=SMALLEST)
        if errors.rotation:
            values[..., angles] += errors.rotation * rotation.standard_normal((*shape, len(angles)))
            values[..., angles] = _in_one_period(values[..., angles], layout.platform.atom)
        present = layout.present & (missing.random(shape) >= errors.missing)
        yield Copies(np.where(present[..., None], values, 0.0), present)


def with_bias(layout: Layout, shift: float) -> Values:
    """[Nx, Ny, S, P] parameters of a layout with all walls moved outwards by ``shift``."""
    atom = layout.platform.atom
    values = layout.values + atom.free_growth * shift
    lengths = [i for i, each in enumerate(atom.parameters) if each.kind is Kind.LENGTH]
    values[..., lengths] = values[..., lengths].clip(min=SMALLEST)
    return np.asarray(np.where(layout.present[..., None], values, 0.0))


def _in_one_period(angles: Values, atom: Atom) -> Values:
    low = next(each.low for each in atom.parameters if each.kind is Kind.ANGLE)
    return np.asarray(low + (angles - low) % atom.period)
