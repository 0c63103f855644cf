"""The parameters of pillars as a caller gives them, and which of them a model knows: a range of each."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.errors import InputError
from metagen.base.validation import check_angle
from metagen.device.atoms import Atom, Kind, Parameter
from metagen.device.platform import Platform

Range = tuple[float, float]

NEAR_LIMIT = 0.03
"""Data that miss the platform's limits by less than this share of its range count as reaching them.

Random values never lie exactly on a limit, and optimised devices often do.
"""
GAP = 0.1
"""Angles that leave no gap as large as this share of the turn after which shapes repeat count as going all
round: between them a model of low harmonics has no freedom."""
TOLERANCE = 1e-6
"""Values this close to the known range (micrometres, radians) count as known: single precision rounds by
about 1e-8."""


def vanishing(atom: Atom) -> list[int]:
    """Which free parameters say by a value of 0 that there is no pillar."""
    count = len(atom.parameters)
    return np.flatnonzero(atom.vanishes(1 - np.eye(count))).tolist() if count else []


def admitted(platform: Platform, values: Tensor, present: Tensor | None) -> tuple[Tensor, Tensor]:
    """Bring the parameters of pillars into the form [..., Nx, Ny, S, P], and say [..., Nx, Ny, S] where there
    is a pillar.

    Args:
        platform: says which parameters there are, and how many sites a cell has.
        values: in this form already, or [..., Nx, Ny] if a cell has one value.
        present: the mask, [..., Nx, Ny, S] or [..., Nx, Ny] if a cell has one site. Without it, there is a
            pillar wherever no length is 0 that makes it vanish.

    Raises:
        InputError: they have other shapes.
    """
    sites = len(platform.lattice.sites)
    form = sites, len(platform.atom.parameters)
    full = values.shape[-2:] == form and values.ndim >= 4
    if not full and form != (1, 1):
        raise InputError(
            f"values have shape {tuple(values.shape)}, expected [..., Nx, Ny, {form[0]}, {form[1]}]: "
            f"for each site of a cell its {', '.join(each.name for each in platform.atom.parameters)}"
        )
    if values.ndim < 2 or not values.shape[:-2].numel() * values.numel():
        raise InputError(f"values have shape {tuple(values.shape)}, expected [..., Nx, Ny]")
    values = values if full else values[..., None, None]
    thick = (values[..., vanishing(platform.atom)] != 0).all(-1)
    if present is None:
        return values, thick
    if present.shape == values.shape[:-2] and sites == 1:
        present = present.unsqueeze(-1)
    if present.shape != thick.shape:
        raise InputError(
            f"present has shape {tuple(present.shape)}, values are of {tuple(thick.shape)} sites "
            "[..., Nx, Ny, S]"
        )
    return values, thick & present.bool()


def ranges_of(platform: Platform, values: NDArray[np.float64]) -> tuple[Range, ...]:
    """The range of every parameter of pillars with values [M, P].

    Data that come close to the limits of the platform count as reaching them (see :data:`NEAR_LIMIT`). Values
    of the data beyond these limits (from a drawn layout, say) are known as well.
    """
    return tuple(
        _arc(each, platform.atom.period, column) if each.kind is Kind.ANGLE else _span(each, column)
        for each, column in zip(platform.atom.parameters, values.T, strict=True)
    )


def check_ranges(platform: Platform, known: tuple[Range, ...]) -> None:
    """Refuse ranges that are not those of the platform's parameters, or that are a single value.

    Raises:
        InputError: they are.
    """
    parameters = platform.atom.parameters
    if len(known) != len(parameters):
        names = ", ".join(each.name for each in parameters) or "none"
        raise InputError(f"known has {len(known)} ranges; the free parameters of the platform are: {names}")
    for each, (low, high) in zip(parameters, known, strict=True):
        if each.kind is Kind.ANGLE:
            check_angle(each.name, high - low)
        if not low < high:
            raise InputError(
                f"{each.name} {low} .. {high} is not a range; a model needs layouts with at least two "
                f"different values of {each.name}"
            )


def common_ranges(
    platform: Platform, some: tuple[Range, ...], others: tuple[Range, ...]
) -> tuple[Range, ...]:
    """What two models of a platform both know of every parameter.

    Raises:
        InputError: of one parameter they know no common range.
    """
    period = platform.atom.period
    found = tuple(
        _common_arc(one, other, period) if each.kind is Kind.ANGLE else _overlap(one, other)
        for each, one, other in zip(platform.atom.parameters, some, others, strict=True)
    )
    check_ranges(platform, found)
    return found


def goes_round(limits: Range, period: float) -> bool:
    """Whether a range of angles is the whole turn after which shapes repeat."""
    return limits[1] - limits[0] >= period - TOLERANCE


def require_known(
    platform: Platform, known: tuple[Range, ...], values: Tensor, present: Tensor, *, clamp: bool
) -> None:
    """Refuse pillars with parameters that are not known.

    Args:
        platform: says which parameters there are.
        known: the range of each.
        values: [..., Nx, Ny, S, P] parameters.
        present: [..., Nx, Ny, S] whether there is a pillar.
        clamp: whether to refuse only NaN, because other values will be moved into the range.

    Raises:
        InputError: one is outside its range; the message has its place.
    """
    for i, (each, limits) in enumerate(zip(platform.atom.parameters, known, strict=True)):
        column = values[..., i].detach()
        wrong = column.isnan()
        if not clamp:
            wrong = wrong | (present & ~_is_known(each, platform.atom.period, limits, column))
        if wrong.any():
            _refuse(platform, each, limits, column, wrong)


def clamped(platform: Platform, known: tuple[Range, ...], values: Tensor, present: Tensor) -> Tensor:
    """[..., S, P] values with each one that is not known moved to the nearest known one; where there is no
    pillar, nothing changes."""
    columns = [
        torch.where(present, _nearest(each, platform.atom.period, limits, values[..., i]), values[..., i])
        for i, (each, limits) in enumerate(zip(platform.atom.parameters, known, strict=True))
    ]
    return torch.stack(columns, -1) if columns else values


def _span(parameter: Parameter, column: NDArray[np.float64]) -> Range:
    low, high = float(column.min()), float(column.max())
    near = NEAR_LIMIT * (parameter.high - parameter.low)
    return (
        min(low, parameter.low if abs(low - parameter.low) <= near else low),
        max(high, parameter.high if abs(high - parameter.high) <= near else high),
    )


def _arc(parameter: Parameter, period: float, column: NDArray[np.float64]) -> Range:
    """All angles but those in the largest gap between the angles of a column, which may be the whole turn."""
    turned = np.unique((column - parameter.low) % period)
    gaps = np.diff(turned, append=turned[0] + period)
    last = int(gaps.argmax())
    if gaps[last] <= GAP * period:
        return parameter.low, parameter.low + period
    low = parameter.low + float(turned[(last + 1) % len(turned)])
    return _span(parameter, np.array([low, low + period - float(gaps[last])]))


def _overlap(one: Range, other: Range) -> Range:
    return max(one[0], other[0]), min(one[1], other[1])


def _common_arc(one: Range, other: Range, period: float) -> Range:
    """Angles on two arcs; of two pieces, the one in which the first arc starts later."""
    if goes_round(one, period):
        return other
    if goes_round(other, period):
        return one
    turns = period * round((one[0] - other[0]) / period)
    return _overlap(one, (other[0] + turns, other[1] + turns))


def _is_known(parameter: Parameter, period: float, limits: Range, column: Tensor) -> Tensor:
    low, high = limits
    if parameter.kind is not Kind.ANGLE:
        return (column >= low - TOLERANCE) & (column <= high + TOLERANCE)
    check_angle(parameter.name, float(column.nan_to_num().abs().max()))
    turned = (column - low) % period
    return (turned <= high - low + TOLERANCE) | (turned >= period - TOLERANCE)


def _nearest(parameter: Parameter, period: float, limits: Range, column: Tensor) -> Tensor:
    low, high = limits
    if parameter.kind is not Kind.ANGLE:
        return column.clamp(low, high)
    beyond = (column.detach() - low) % period - (high - low)
    gap = period - (high - low)
    end = torch.where(beyond < gap / 2, torch.full_like(column, high), torch.full_like(column, low))
    return torch.where(beyond > 0, end, column)


def _refuse(platform: Platform, parameter: Parameter, limits: Range, column: Tensor, wrong: Tensor) -> None:
    place = [int(index) for index in wrong.nonzero()[0]]
    value, (low, high), name = float(column[tuple(place)]), limits, parameter.name
    empty = " and 0 (no pillar)" if platform.atom.position(name) in vanishing(platform.atom) else ""
    raise InputError(
        f"{name}{place[:-1] if column.shape[-1] == 1 else place} is {value:g}; the model knows {name} from "
        f"{low:g} to {high:g}{empty}: keep to that, pass clamp=True, or train on more values of {name}"
    )
