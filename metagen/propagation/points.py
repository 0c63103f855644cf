"""Propagation to chosen points: the first Rayleigh–Sommerfeld integral with its exact kernel."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from metagen.propagation.grid import (
    Spacing,
    axes,
    check_field,
    check_lengths,
    check_points,
    pair,
)

CHUNK = 1 << 20
"""How many values of the kernel are in memory at a time (16 MB in double precision)."""


def rayleigh_sommerfeld(
    field: Tensor, sample_spacing: Spacing, wavelength: float, points: Tensor, index: float = 1.0
) -> Tensor:
    """Field at points in front of a plane: E(P) = (1/2π) Σ E(x, y) (z/R)(1/R − ik) exp(ikR)/R · A.

    A is the area of a sample. The kernel is made in pieces and, for the gradient, made again, so that
    memory stays bounded.

    Args:
        field: [..., X, Y] complex, see :mod:`metagen.propagation`.
        sample_spacing: distance of neighbouring samples; a pair (along x, along y) if they differ.
        wavelength: wavelength in vacuum.
        points: [P, 3] x, y, z of each point relative to the centre of the field's plane. z is at least the
            spacing: there the sum is right to 1 %, and from twice that on to 3e-5.
        index: refractive index of the medium.

    Returns:
        [..., P] complex.

    Raises:
        InputError: the field is not complex, a length is not positive, or a point is not in front.
    """
    check_field(field, sample_spacing, wavelength, index)
    check_points(points, sample_spacing)
    k = 2 * torch.pi * index / wavelength
    total = torch.zeros((*field.shape[:-2], len(points)), dtype=field.dtype, device=field.device)
    for rows in row_chunks(field.shape[-2], len(points) * field.shape[-1]):
        total = total + checkpoint(_contribution, field, rows, sample_spacing, k, points, use_reentrant=False)
    return total


def row_chunks(rows: int, values_per_row: int) -> Iterator[slice]:
    """Cut ``rows`` into slices of at most :data:`CHUNK` values."""
    step = max(1, CHUNK // max(1, values_per_row))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def _contribution(field: Tensor, rows: slice, sample_spacing: Spacing, k: float, points: Tensor) -> Tensor:
    x, y = axes(field.shape[-2:], sample_spacing, field.device)
    weights = kernel(x[rows], y, sample_spacing, k, points).to(field.dtype)
    return field[..., rows, :].flatten(-2) @ weights.flatten(1).mT


def kernel(x: Tensor, y: Tensor, sample_spacing: Spacing, k: float, points: Tensor) -> Tensor:
    """[P, X, Y] complex128: what a unit sample at (x, y, 0) of its area contributes at each point."""
    px, py, pz = points.to(x)[:, :, None, None].unbind(1)
    squared = (px - x[:, None]) ** 2 + (py - y) ** 2 + pz**2
    distance = squared.sqrt()
    envelope = (math.prod(pair(sample_spacing)) / (2 * torch.pi)) * pz / squared
    obliquity = torch.complex(1 / distance, torch.full_like(distance, -k))
    return obliquity * torch.polar(envelope, k * distance)


def attainable_intensity(
    shape: tuple[int, int], sample_spacing: Spacing, wavelength: float, points: Tensor, index: float = 1.0
) -> float:
    """Largest mean of |E|² over the points that any field with unit mean |E|² on its samples can make.

    With K the kernel of :func:`rayleigh_sommerfeld` for P points and S samples this is λ_max(K Kᴴ)·S/P. For
    one point it is the focal intensity of a perfect lens, apodised by the kernel's modulus: nearly uniform.
    An intensity divided by it is comparable between goals, wavelengths and apertures.

    Args:
        shape: numbers of samples (X, Y) of the aperture.
        sample_spacing, wavelength, points, index: see :func:`rayleigh_sommerfeld`.
    """
    check_lengths(wavelength=wavelength, index=index)
    check_points(points, sample_spacing)
    x, y = axes(shape, sample_spacing)
    k = 2 * torch.pi * index / wavelength
    gram = torch.zeros((len(points), len(points)), dtype=torch.complex128)
    for rows in row_chunks(shape[0], len(points) * shape[1]):
        part = kernel(x[rows], y, sample_spacing, k, points).flatten(1)
        gram += part @ part.mH
    return float(torch.linalg.eigvalsh(gram)[-1]) * shape[0] * shape[1] / len(points)
