"""The parameters of many pillars: from what a user gives to one form, and whether they can be made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metagen.base.arguments import array_of
from metagen.base.errors import InputError
from metagen.base.validation import check_angle
from metagen.device.atoms.parameter import Kind
from metagen.device.platform import Platform
from metagen.device.sites import Mask as Mask

ROUNDING = 1e-9
"""Values this far outside the limits, in micrometres or radians, are taken for the limits."""
TOUCHING = 1e-9
"""Pillars that reach over half the distance of neighbours by less than this share of it touch."""

Values = NDArray[np.float64]


def admitted(
    platform: Platform, values: ArrayLike | Mapping[str, ArrayLike], present: ArrayLike | None
) -> tuple[Values, Mask]:
    """Bring the parameters of pillars into the form [Nx, Ny, S, P], with the mask [Nx, Ny, S] of pillars.

    Args:
        platform: says which parameters there are, and how many sites a cell has.
        values: by name, each [Nx, Ny] or [Nx, Ny, S]; or of the only parameter; or in the final form.
        present: the mask, or None; without it, a pillar is wherever its lengths do not make it vanish.

    Raises:
        InputError: no real numbers, other shapes, or other names than those of the free parameters.
    """
    sites = len(platform.lattice.sites)
    if isinstance(values, Mapping):
        array = _stacked(platform, values, present)
    else:
        array = array_of(values, "values").astype(np.float64)
        if array.ndim < 4:
            array = _of_one_parameter(platform, array)
    form = sites, len(platform.atom.parameters)
    if array.ndim != 4 or array.shape[2:] != form or not array.shape[0] * array.shape[1]:
        raise InputError(
            f"values have shape {array.shape}, expected [Nx, Ny, {form[0]}, {form[1]}]: for each site of a "
            "cell its parameters"
        )
    thick = ~platform.atom.vanishes(array)
    if present is None:
        return array, thick
    mask = _mask(present)
    mask = mask[..., None] if mask.ndim == 2 else mask
    if mask.shape != array.shape[:3]:
        raise InputError(f"present has shape {mask.shape}, values are of {array.shape[:3]} sites [Nx, Ny, S]")
    return array, mask & thick


def _mask(present: ArrayLike) -> Mask:
    array = array_of(present, "present")
    if not np.isin(array, (0, 1)).all():
        raise InputError("present holds other values than true and false (1 and 0)")
    return array.astype(np.bool_)


def _stacked(platform: Platform, values: Mapping[str, ArrayLike], present: ArrayLike | None) -> Values:
    names = [parameter.name for parameter in platform.atom.parameters]
    if set(values) != set(names):
        raise InputError(
            f"{_misnamed(values, names)}; the free parameters of the meta-atom ({platform.atom.kind}) are "
            f"{', '.join(names) or 'none'}"
        )
    if not names:
        if present is None:
            raise InputError("the meta-atom has no free parameter; give present, [Nx, Ny], to say the size")
        mask = _mask(present)
        return np.zeros((*mask.shape, *[1] * (mask.ndim == 2), 0))
    parts = [array_of(values[name], name).astype(np.float64) for name in names]
    shapes = {part.shape for part in parts if part.ndim}
    if len(shapes) > 1:
        raise InputError(f"values have the shapes {sorted(shapes)}; all parameters need one shape, [Nx, Ny]")
    parts = np.broadcast_arrays(*parts)
    _check_shape(platform, ", ".join(names), parts[0].shape)
    array = np.stack(parts, axis=-1)
    return np.asarray(array[:, :, None] if array.ndim == 3 else array)


def _misnamed(values: Iterable[str], names: Iterable[str]) -> str:
    """What is wrong with the names of values."""
    missing, unknown = set(names) - set(values), set(values) - set(names)
    parts = [f"{', '.join(sorted(missing))} is missing"] if missing else []
    parts += [f"{', '.join(map(repr, sorted(unknown, key=str)))} is unknown"] if unknown else []
    if missing & {str(each).removesuffix("_deg") for each in unknown}:
        parts.append("angles are in radians here, numpy.radians(…)")
    return "values: " + "; ".join(parts)


def _of_one_parameter(platform: Platform, array: Values) -> Values:
    names = [parameter.name for parameter in platform.atom.parameters]
    if len(names) != 1:
        raise InputError(
            f"values are one array of shape {array.shape}, and the meta-atom ({platform.atom.kind}) has "
            f"{len(names)} free parameters; give one array each: "
            f"{{{', '.join(f'{name!r}: …' for name in names)}}}"
        )
    _check_shape(platform, "values", array.shape)
    return array[:, :, None, None] if array.ndim == 2 else array[..., None]


def _check_shape(platform: Platform, names: str, shape: tuple[int, ...]) -> None:
    """Refuse values of one parameter, or of several alike, whose shape is not [Nx, Ny] or [Nx, Ny, S]."""
    sites = len(platform.lattice.sites)
    if (*shape, *[1] * (len(shape) == 2))[2:] != (sites,) or not math.prod(shape):
        form = "[Nx, Ny]" if sites == 1 else f"[Nx, Ny, S] with S = {sites} sites per cell"
        raise InputError(f"{names} have shape {shape}, expected an array {form}")


def check_pillars(platform: Platform, values: Values, present: Mask) -> None:
    """Refuse pillars that cannot be made.

    Within the limits of the platform every pillar has room; any other one must keep to the circle around its
    site that neighbours leave it.

    Raises:
        InputError: a value is not finite, a length negative, an angle over a turn, there is no such choice,
            or a pillar is too large; the message has its place.
    """
    inside = np.ones(present.shape, dtype=np.bool_)
    for i, parameter in enumerate(platform.atom.parameters):
        column = values[..., i]
        _refuse(parameter.name, column, ~np.isfinite(column), "every value must be a finite number")
        if parameter.kind is Kind.ANGLE:
            angles = np.append(column[present], 0.0)
            check_angle(parameter.name, float(angles[np.abs(angles).argmax()]))
            column = parameter.low + (column - parameter.low) % platform.atom.period
        elif parameter.kind is Kind.CHOICE:
            wrong = present & ((column % 1 != 0) | (column < parameter.low) | (column > parameter.high))
            _refuse(parameter.name, column, wrong, f"the shapes are numbered 0 .. {parameter.high:g}")
        else:
            _refuse(parameter.name, column, column < 0, "lengths are micrometres from 0 (no pillar)")
        inside &= (column >= parameter.low - ROUNDING) & (column <= parameter.high + ROUNDING)
    wrong = present & ~inside
    if wrong.any():
        _check_reach(platform, values, wrong)


def _check_reach(platform: Platform, values: Values, wrong: Mask) -> None:
    import torch

    reach = platform.atom.shape(torch.from_numpy(values[wrong])).reach.numpy()
    room = platform.lattice.spacing / 2
    large = np.zeros_like(wrong)
    large[wrong] = reach > room * (1 + TOUCHING)
    limits = ", ".join(f"{p.name} {p.low:g} .. {p.high:g}" for p in platform.atom.parameters)
    for i, parameter in enumerate(platform.atom.parameters):
        text = (
            f"the pillar is beyond the platform's limits ({limits}) and reaches over half the distance of "
            f"neighbours, {room:g}, so that they could overlap"
        )
        _refuse(parameter.name, values[..., i], large, text)


def _refuse(name: str, column: Values, wrong: Mask, why: str) -> None:
    if wrong.any():
        place = [int(index) for index in np.argwhere(wrong)[0]]
        value = column[tuple(place)]
        raise InputError(f"{name}{place[:2] if column.shape[2] == 1 else place} is {value:g}; {why}")
