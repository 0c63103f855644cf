"""Propagation to planes through the angular spectrum of plane waves."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.propagation.grid import Spacing, check_field, pair
from metagen.propagation.spectrum import LARGEST_PLANE, Spectrum

LEAST_PADDING = 3
"""The least that :func:`padding_for` gives: right to 0.2 % in amplitude 10 µm behind a 10 µm
aperture, better behind larger ones."""
SPREADS = 15
"""Least width of the padded plane over that of the aperture's own diffraction, λz/D. Light that leaves the
padded plane comes back on its other side; with this the field is right to 1 % of its peak or better."""
STRAY = 1e-4
"""Share of the power, along either axis, that may travel in more oblique directions than the padded plane has
room for: the band limit leaves those waves out."""


def padding_for(
    field: Tensor,
    sample_spacing: Spacing,
    wavelength: float,
    distance: float,
    reach: float = 0.0,
    index: float = 1.0,
) -> int:
    """The padding that the angular spectrum needs to be right up to a distance ``reach`` from the axis.

    The padded plane has room for the diffraction of the aperture and for what is looked at. Light that leaves
    it is left out, so little of the light should (else see :func:`padding_of_all`).

    Args:
        field, sample_spacing, wavelength, distance, index: see :func:`angular_spectrum`.
        reach: largest coordinate that is looked at.

    Raises:
        InputError: the distance or the reach is so large that the padded plane would be too large.
    """
    check_field(field, sample_spacing, wavelength, index)
    side = _narrower(field, sample_spacing)
    spread = wavelength / index * abs(distance) / side
    width = max(SPREADS * spread, 2 * reach + side)
    if not 2 * width * index / wavelength <= LARGEST_PLANE:
        raise InputError(
            f"distance is {distance:g}, and {reach:g} from the axis is looked at: behind an aperture of "
            f"{side:.4g} that takes a plane {width:.3g} wide, and planes up to "
            f"{LARGEST_PLANE * wavelength / 2 / index:.3g} can be computed; choose a nearer plane"
        )
    return max(LEAST_PADDING, math.ceil(width / side))


def padding_of_all(
    field: Tensor, sample_spacing: Spacing, wavelength: float, distance: float, index: float = 1.0
) -> int:
    """The padding that gives room to all directions in which a field travels, such as that of a tilted beam.

    Args:
        field, sample_spacing, wavelength, distance, index: see :func:`angular_spectrum`.

    Raises:
        InputError: see :func:`padding_for`.
    """
    check_field(field, sample_spacing, wavelength, index)
    side = _narrower(field, sample_spacing)
    drift = abs(distance) * _steepest(field, sample_spacing, 2 * math.pi * index / wavelength)
    return padding_for(field, sample_spacing, wavelength, distance, max(side / 2, drift - side / 2), index)


def _narrower(field: Tensor, sample_spacing: Spacing) -> float:
    """The shorter side of a field."""
    return min(n * d for n, d in zip(field.shape[-2:], pair(sample_spacing), strict=True))


def _steepest(field: Tensor, sample_spacing: Spacing, k: float) -> float:
    """Largest slope kx/kz or ky/kz of a field's propagating waves but the steepest (:data:`STRAY`)."""
    slopes = []
    with torch.no_grad():
        for axis, spacing in zip((-2, -1), pair(sample_spacing), strict=True):
            waves = torch.fft.fft(field, dim=axis).abs().square().movedim(axis, -1).flatten(0, -2).sum(0)
            across = torch.fft.fftfreq(len(waves), spacing).to(waves).abs() * 2 * math.pi
            power = torch.where(across < k, waves, 0.0).double()
            order = across.argsort()
            share = power[order].cumsum(0) / power.sum().clamp(min=torch.finfo(torch.float64).tiny)
            last = min(int((share < 1 - STRAY).sum()), len(order) - 1)
            steepest = min(float(across[order[last]]), k * (1 - 1e-6))
            slopes.append(steepest / math.sqrt(k**2 - steepest**2))
    return max(slopes)


def angular_spectrum(
    field: Tensor,
    sample_spacing: Spacing,
    wavelength: float,
    distance: float,
    index: float = 1.0,
    padding: int | None = None,
) -> Tensor:
    """Propagate a field to a parallel plane, seen through a window as large as the field.

    Args:
        field: [..., X, Y] complex, see :mod:`metagen.propagation`.
        sample_spacing: distance of neighbouring samples; a pair (along x, along y) if they differ.
        wavelength: wavelength in vacuum.
        distance: how far to propagate along +z. A negative distance propagates back, but evanescent waves are
            not restored: they fade either way.
        index: refractive index of the medium.
        padding: side of the zero-padded plane over that of the field; by default that of
            :func:`padding_of_all`. Light steeper than half this plane over the distance is left out.

    Returns:
        [..., X, Y] complex, at the same x and y.

    Raises:
        InputError: the field is not complex, a length is not positive, or the distance is not finite.
    """
    padding = padding or padding_of_all(field, sample_spacing, wavelength, distance, index)
    waves = Spectrum.of(field, sample_spacing, wavelength, index, padding)
    plane: Tensor = torch.fft.ifft2(waves.at(distance))
    return plane[..., : field.shape[-2], : field.shape[-1]]


def focal_plane(
    field: Tensor,
    sample_spacing: Spacing,
    wavelength: float,
    distance: float,
    x: Tensor,
    y: Tensor | None = None,
    index: float = 1.0,
    padding: int | None = None,
) -> Tensor:
    """Propagate a field to chosen coordinates of a parallel plane: a small, fine picture of a focus.

    The inverse transform is a product with one small matrix per axis, so its points need no relation to the
    field's. They should stay within the field's window, or ``padding`` must grow.

    Args:
        field, sample_spacing, wavelength, distance, index, padding: see :func:`angular_spectrum`.
        x: [A] coordinates.
        y: [B] coordinates; by default those of x.

    Returns:
        [..., A, B] complex.
    """
    padding = padding or padding_of_all(field, sample_spacing, wavelength, distance, index)
    waves = Spectrum.of(field, sample_spacing, wavelength, index, padding, distance)
    return waves.sampled(waves.at(distance), x, x if y is None else y)


def focal_flux(
    field: Tensor,
    sample_spacing: Spacing,
    wavelength: float,
    distance: float,
    x: Tensor,
    y: Tensor | None = None,
    index: float = 1.0,
    padding: int | None = None,
) -> Tensor:
    """Power per area through chosen points of a parallel plane: Im(E* ∂E/∂z)/k0, k0 = 2π/wavelength.

    A plane wave of amplitude 1 along z has the flux ``index``. Over the whole plane the flux sums to
    :func:`power`; the flux of a vector field is the sum over its components.

    Args:
        field, sample_spacing, wavelength, distance, x, y, index, padding: see :func:`focal_plane`.

    Returns:
        [..., A, B] real.
    """
    padding = padding or padding_of_all(field, sample_spacing, wavelength, distance, index)
    waves = Spectrum.of(field, sample_spacing, wavelength, index, padding, distance)
    there, y = waves.at(distance), x if y is None else y
    slope = waves.sampled(there * (1j * waves.kz).to(there.dtype), x, y)
    return (waves.sampled(there, x, y).conj() * slope).imag * (wavelength / (2 * torch.pi))


def poynting(
    field: Tensor,
    sample_spacing: Spacing,
    wavelength: float,
    distance: float,
    x: Tensor,
    y: Tensor,
    index: float = 1.0,
    padding: int | None = None,
) -> Tensor:
    """z component of Poynting's vector at chosen points of a parallel plane, Re(E × H*) with H = k × E/k0.

    A plane wave of amplitude 1 along z has the value ``index``. Summed over the whole plane it is the
    :func:`focal_flux`; over a small part of it only this is the power that a detector there would measure.

    Args:
        field: [3, X, Y] complex (Ex, Ey, Ez).
        sample_spacing, wavelength, distance, x, y, index, padding: see :func:`focal_plane`.

    Returns:
        [A, B] real.

    Raises:
        InputError: see :func:`focal_plane`; also if there are not three components.
    """
    if field.ndim != 3 or field.shape[0] != 3:
        raise InputError(f"field has shape {tuple(field.shape)}; Poynting's vector takes (Ex, Ey, Ez)")
    padding = padding or padding_of_all(field, sample_spacing, wavelength, distance, index)
    waves = Spectrum.of(field, sample_spacing, wavelength, index, padding, distance)
    electric, kz = waves.at(distance), waves.kz.to(field.dtype)
    kx, ky = (waves.signed_wavenumbers(axis).to(field.dtype) for axis in (-2, -1))
    magnetic_x = ky * electric[2] - kz * electric[1]
    magnetic_y = kz * electric[0] - kx[:, None] * electric[2]
    ex, ey, hx, hy = (waves.sampled(each, x, y) for each in (*electric[:2], magnetic_x, magnetic_y))
    return (ex * hy.conj() - ey * hx.conj()).real * (wavelength / (2 * torch.pi))


def axial_section(
    field: Tensor,
    sample_spacing: Spacing,
    wavelength: float,
    distances: Tensor,
    x: Tensor,
    index: float = 1.0,
    padding: int | None = None,
) -> Tensor:
    """The field in the plane y = 0 that contains the axis.

    Args:
        field, sample_spacing, wavelength, index, padding: see :func:`angular_spectrum`. For the plane
            x = 0 transpose the last two axes of the field.
        distances: [Z] distances from the plane of the field.
        x: [A] coordinates.

    Returns:
        [..., Z, A] complex.
    """
    nearest, farthest = (float(end) for end in distances.abs().aminmax()) if len(distances) else (0.0, 0.0)
    padding = padding or padding_of_all(field, sample_spacing, wavelength, farthest, index)
    waves = Spectrum.of(field, sample_spacing, wavelength, index, padding, nearest)
    on_axis = waves.folded_at_zero()
    rows = [(on_axis * waves.both_signs(waves.transfer(float(z)), -2)).sum(-1) for z in distances]
    return torch.stack(rows, dim=-2) @ waves.waves_at(x, -2).mT


def power(
    field: Tensor,
    sample_spacing: Spacing,
    wavelength: float,
    index: float = 1.0,
    padding: int = LEAST_PADDING,
) -> Tensor:
    """Power that propagating waves carry through the plane.

    It is A Σ|E_k|² Re(kz)/k0, with unitary E_k and the area A of a sample.

    The unit is that of a plane wave of amplitude 1 in vacuum per area. For a vector field sum over its three
    components: that is the flux of Poynting's vector, because a plane wave with k·E = 0 carries |E|² kz/k0.
    With Ex alone a wave that leaves at the angle θ in the xz plane counts with cos²θ of its power, in the yz
    plane in full, and what the device turns into Ey is missed.

    Args:
        field, sample_spacing, wavelength, index, padding: see :func:`angular_spectrum`.

    Returns:
        [...] real, per leading dimension.
    """
    waves = Spectrum.of(field, sample_spacing, wavelength, index, padding, math.inf)
    area = math.prod(waves.spacings)
    weight = waves.kz.real * (wavelength / (2 * torch.pi) * area / math.prod(waves.padded))
    return (waves.amplitudes.abs().square() * weight).sum(dim=(-2, -1)).to(field.real.dtype)
