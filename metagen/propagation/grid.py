"""Sample positions, and the checks that every propagation function makes."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor

from metagen.base.errors import InputError

T = TypeVar("T", int, float)
Spacing = float | tuple[float, float]
"""Distance of neighbouring samples along x and y, one number if it is the same."""


def pair(value: T | tuple[T, T]) -> tuple[T, T]:
    """What holds along x and y, where one value may stand for both."""
    return value if isinstance(value, tuple) else (value, value)


def coordinates(count: int, sample_spacing: float, device: torch.device | str = "cpu") -> Tensor:
    """[count] positions (i − (count − 1)/2)·sample_spacing, in double precision."""
    return (torch.arange(count, dtype=torch.float64, device=device) - (count - 1) / 2) * sample_spacing


def axes(
    shape: tuple[int, ...], sample_spacing: Spacing, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Positions [X] and [Y] of the samples of a field of shape (X, Y), centred on the axis."""
    x, y = (coordinates(n, d, device) for n, d in zip(shape, pair(sample_spacing), strict=True))
    return x, y


def check_field(field: Tensor, sample_spacing: Spacing, wavelength: float, index: float) -> None:
    """Refuse a field, spacing of samples, wavelength or index that no propagation can start from."""
    if not isinstance(field, Tensor):
        raise InputError(f"field is {type(field).__name__}, expected a torch tensor; see torch.as_tensor")
    if not field.is_complex() or field.ndim < 2:
        raise InputError(
            f"field is {field.dtype} of shape {tuple(field.shape)}, expected complex [..., X, Y]; "
            "move the vector components of a near field to the front with movedim(-1, 0)"
        )
    for spacing in pair(sample_spacing):
        check_lengths(sample_spacing=spacing, wavelength=wavelength, index=index)


def check_lengths(**values: float) -> None:
    """Refuse a value that is not positive and finite, by its name."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} is {value}; it must be a positive, finite number")


def check_points(points: Tensor, sample_spacing: Spacing) -> None:
    """Refuse points nearer to the plane than its samples to each other: there the sum is no integral."""
    if points.ndim != 2 or points.shape[1] != 3 or not len(points):
        raise InputError(
            f"points have shape {tuple(points.shape)}, expected [P, 3]: x, y and z of at least one point"
        )
    nearest = max(pair(sample_spacing))
    if not bool(torch.isfinite(points).all()) or not bool((points[:, 2] >= nearest * (1 - 1e-6)).all()):
        raise InputError(
            f"points have z from {points[:, 2].min():g} to {points[:, 2].max():g}; every coordinate must be "
            f"finite and every z at least the sample_spacing, {nearest:g}, measured from the plane of "
            "the field: nearer ones are for focal_plane"
        )
