"""A field as a sum of plane waves.

The spectrum is band-limited as in K. Matsushima and T. Shimobaba, Opt. Express 17, 19662 (2009): a plane wave
so oblique that its transfer function is undersampled would only come back as an alias, and is left out.
Evanescent waves have no phase to undersample and are kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from metagen.base.errors import InputError
from metagen.propagation.grid import Spacing, check_field, check_lengths, coordinates, pair

LARGEST_PLANE = 6000
"""Most samples along one side of a plane that is transformed as a whole, and most waves along one side that
are kept; each of the few arrays then takes 0.3 GB."""
FADED = 40.0
"""An evanescent wave that has faded by this many nepers is left out: e⁻⁴⁰ is below the rounding of others."""


@dataclass(frozen=True)
class Spectrum:
    """Plane waves of a zero-padded field, in the order of the discrete Fourier transform.

    Attributes:
        amplitudes: [..., U, V] transform of the samples, or the middle of it, around kx = ky = 0.
        spacings: distance of neighbouring samples along x and y.
        shape: samples (X, Y) of the field before padding.
        padded: samples of the plane after padding.
        k: wavenumber in the medium.
    """

    amplitudes: Tensor
    spacings: tuple[float, float]
    shape: tuple[int, int]
    padded: tuple[int, int]
    k: float

    @classmethod
    def of(
        cls,
        field: Tensor,
        sample_spacing: Spacing,
        wavelength: float,
        index: float,
        padding: int,
        distance: float | None = None,
    ) -> Spectrum:
        """Transform a field; if a ``distance`` is given, keep only the waves that have not faded away there.

        In a fine near field these are a few per cent of all. Where the plane is too large to be transformed
        as a whole, only they are computed.
        """
        check_field(field, sample_spacing, wavelength, index)
        check_lengths(padding=padding)
        shape = (field.shape[-2], field.shape[-1])
        padded = (next_fast_len(padding * shape[0]), next_fast_len(padding * shape[1]))
        k = 2 * torch.pi * index / wavelength
        whole = max(padded) <= LARGEST_PLANE
        amplitudes = torch.fft.fft2(field, s=padded) if whole else field
        if distance is not None:
            for axis in (-2, -1):
                top = _highest(k, pair(sample_spacing)[axis], padded[axis], distance)
                amplitudes = (
                    _middle(amplitudes, axis, top) if whole else _few(amplitudes, axis, top, padded[axis])
                )
        elif not whole:
            raise InputError(
                f"a plane of {padded[0]} × {padded[1]} samples is too large to be computed as a whole; "
                "choose a smaller padding, or look at chosen coordinates with focal_plane"
            )
        return cls(amplitudes, pair(sample_spacing), shape, padded, k)

    @cached_property
    def quarter(self) -> Tensor:
        """[U/2 + 1, V/2 + 1] complex: kz of the waves with kx, ky ≥ 0, imaginary where evanescent."""
        u, v = self._wavenumbers(-2), self._wavenumbers(-1)
        return torch.sqrt((self.k**2 - u[:, None] ** 2 - v**2).to(torch.complex128))

    @property
    def kz(self) -> Tensor:
        """[U, V] complex: z component of each wave vector."""
        return self.both_signs(self.both_signs(self.quarter, -2), -1)

    def transfer(self, distance: float) -> Tensor:
        """[U/2 + 1, V/2 + 1] factors of the waves with kx, ky ≥ 0 over a distance, band-limited."""
        if not math.isfinite(distance):
            raise InputError(f"distance is {distance}; it must be finite")
        u, v, kz = self._wavenumbers(-2), self._wavenumbers(-1), self.quarter
        phase = torch.complex(kz.real * distance, kz.imag * abs(distance))
        inside = (u <= self._limit(-2, distance))[:, None] & (v <= self._limit(-1, distance))
        return (torch.exp(1j * phase) * (inside | (kz.imag > 0))).to(self.amplitudes.dtype)

    def at(self, distance: float) -> Tensor:
        """[..., U, V] amplitudes after a distance."""
        return self.amplitudes * self.both_signs(self.both_signs(self.transfer(distance), -2), -1)

    def folded_at_zero(self) -> Tensor:
        """[..., U, V/2 + 1] amplitudes on the line y = 0, those of ky and −ky added: they travel alike."""
        waves = self.amplitudes * self.waves_at(torch.zeros(1, dtype=torch.float64), -1)[0]
        half = waves[..., : waves.shape[-1] // 2 + 1].clone()
        mirrored = waves[..., half.shape[-1] :].flip(-1)
        half[..., 1 : mirrored.shape[-1] + 1] += mirrored
        return half

    def sampled(self, amplitudes: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """[..., A, B] sum of plane waves at the points (x, y)."""
        return self.waves_at(x, -2) @ (amplitudes @ self.waves_at(y, -1).mT)

    def waves_at(self, points: Tensor, axis: int) -> Tensor:
        """[A, U] or [A, V] each plane wave at coordinates [A] along an axis, over the number of samples."""
        k = self.signed_wavenumbers(axis)
        phase = torch.outer(points.to(k) - coordinates(self.shape[axis], self.spacings[axis])[0], k)
        return torch.polar(torch.full_like(phase, 1 / self.padded[axis]), phase).to(self.amplitudes.dtype)

    def signed_wavenumbers(self, axis: int) -> Tensor:
        """[U] kx (axis −2) or [V] ky (axis −1) of the waves."""
        order = torch.arange(self.amplitudes.shape[axis], device=self.amplitudes.device)
        k = self._wavenumbers(axis)[torch.minimum(order, len(order) - order)]
        return torch.where(order <= len(order) // 2, k, -k)

    def both_signs(self, half: Tensor, axis: int) -> Tensor:
        """Extend a function of |kx| (axis −2) or |ky| (axis −1) to both signs, in the transform's order."""
        order = torch.arange(self.amplitudes.shape[axis], device=half.device)
        return half.index_select(axis, torch.minimum(order, len(order) - order))

    def _wavenumbers(self, axis: int) -> Tensor:
        """[side/2 + 1] wavenumbers 0, 2π/width, … along an axis."""
        side = self.amplitudes.shape[axis]
        order = torch.arange(side // 2 + 1, dtype=torch.float64, device=self.amplitudes.device)
        return order * (2 * torch.pi / (self.padded[axis] * self.spacings[axis]))

    def _limit(self, axis: int, distance: float) -> float:
        """Largest wavenumber whose transfer function is sampled twice per turn (Matsushima's eq. 20)."""
        ratio = 2 * distance / (self.padded[axis] * self.spacings[axis])
        return self.k / math.hypot(ratio, 1) if distance else math.inf


def _highest(k: float, sample_spacing: float, padded: int, distance: float) -> int:
    """The highest order along an axis that has not faded after a distance; at most half of all orders."""
    decay = FADED / abs(distance) if distance else math.inf
    highest = math.hypot(k, decay) / (2 * torch.pi) * padded * sample_spacing
    return padded // 2 if 2 * highest + 1 >= padded else int(highest)


def _middle(amplitudes: Tensor, axis: int, top: int) -> Tensor:
    """The orders −top … top of a discrete Fourier transform along an axis, in its order."""
    side = amplitudes.shape[axis]
    if 2 * top + 1 >= side:
        return amplitudes
    return torch.cat(
        [amplitudes.narrow(axis, 0, top + 1), amplitudes.narrow(axis, side - top, top)], dim=axis
    )


def _few(field: Tensor, axis: int, top: int, padded: int) -> Tensor:
    """The same orders of the transform of a field padded to ``padded`` samples, by a product of matrices."""
    order = torch.cat([torch.arange(top + 1), torch.arange(-top, 0)]).to(field.device)
    sample = torch.arange(field.shape[axis], device=field.device)
    phase = torch.outer(order, sample).remainder(padded).double() * (-2 * torch.pi / padded)
    waves = torch.polar(torch.ones_like(phase), phase).to(field.dtype)
    return waves @ field if axis == -2 else field @ waves.mT
