"""Propagation to planes through the angular spectrum of plane waves.

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
from metagen.propagation.grid import check_field, check_lengths, coordinates

LEAST_PADDING = 3
"""The least that :func:`padding_for` gives: right to 0.2 % in amplitude 10 µm behind a 10 µm
aperture, better behind larger ones."""
SPREADS = 15
"""Least width of the padded plane over that of the aperture's own diffraction, λz/D. Light that leaves the
padded plane comes back on its other side; with this the field is right to 1 % of its peak or better."""
STRAY = 1e-4
"""Share of the power, along either axis, that may travel in more oblique directions than the padded plane has
room for: the band limit leaves those waves out."""
LARGEST_PLANE = 6000
"""Most samples along one side of a plane that is transformed as a whole, and most waves along one side that
are kept; each of the few arrays then takes 0.3 GB."""
FADED = 40.0
"""An evanescent wave that has faded by this many nepers is left out: e⁻⁴⁰ is below the rounding of others."""


def padding_for(
    field: Tensor, pitch: float, wavelength: float, distance: float, reach: float = 0.0, index: float = 1.0
) -> int:
    """The padding that the angular spectrum needs to be right up to a distance ``reach`` from the axis.

    The padded plane has room for the diffraction of the aperture and for what is looked at. Light that leaves
    it is left out, so little of the light should (else see :func:`padding_of_all`).

    Args:
        field, pitch, wavelength, distance, index: see :func:`angular_spectrum`.
        reach: largest coordinate that is looked at.

    Raises:
        InputError: the distance or the reach is so large that the padded plane would be too large.
    """
    check_field(field, pitch, wavelength, index)
    samples = min(field.shape[-2:])
    side = samples * pitch
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
    field: Tensor, pitch: float, wavelength: float, distance: float, index: float = 1.0
) -> int:
    """The padding that gives room to all directions in which a field travels, such as that of a tilted beam.

    Args:
        field, pitch, wavelength, distance, index: see :func:`angular_spectrum`.

    Raises:
        InputError: see :func:`padding_for`.
    """
    check_field(field, pitch, wavelength, index)
    side = min(field.shape[-2:]) * pitch
    drift = abs(distance) * _steepest(field, pitch, 2 * math.pi * index / wavelength)
    return padding_for(field, pitch, wavelength, distance, max(side / 2, drift - side / 2), index)


def _steepest(field: Tensor, pitch: float, k: float) -> float:
    """Largest slope kx/kz or ky/kz of a field's propagating waves but the steepest (:data:`STRAY`)."""
    slopes = []
    with torch.no_grad():
        for axis in (-2, -1):
            waves = torch.fft.fft(field, dim=axis).abs().square().movedim(axis, -1).flatten(0, -2).sum(0)
            across = torch.fft.fftfreq(len(waves), pitch).to(waves).abs() * 2 * math.pi
            power = torch.where(across < k, waves, 0.0).double()
            order = across.argsort()
            share = power[order].cumsum(0) / power.sum().clamp(min=torch.finfo(torch.float64).tiny)
            last = min(int((share < 1 - STRAY).sum()), len(order) - 1)
            steepest = min(float(across[order[last]]), k * (1 - 1e-6))
            slopes.append(steepest / math.sqrt(k**2 - steepest**2))
    return max(slopes)


def angular_spectrum(
    field: Tensor,
    pitch: float,
    wavelength: float,
    distance: float,
    index: float = 1.0,
    padding: int | None = None,
) -> Tensor:
    """Propagate a field to a parallel plane, seen through a window as large as the field.

    Args:
        field: [..., X, Y] complex, see :mod:`metagen.propagation`.
        pitch: distance of neighbouring samples.
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
    padding = padding or padding_of_all(field, pitch, wavelength, distance, index)
    waves = _Spectrum.of(field, pitch, wavelength, index, padding)
    plane: Tensor = torch.fft.ifft2(waves.at(distance))
    return plane[..., : field.shape[-2], : field.shape[-1]]


def focal_plane(
    field: Tensor,
    pitch: float,
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
        field, pitch, wavelength, distance, index, padding: see :func:`angular_spectrum`.
        x: [A] coordinates.
        y: [B] coordinates; by default those of x.

    Returns:
        [..., A, B] complex.
    """
    padding = padding or padding_of_all(field, pitch, wavelength, distance, index)
    waves = _Spectrum.of(field, pitch, wavelength, index, padding, distance)
    return waves.sampled(waves.at(distance), x, x if y is None else y)


def focal_flux(
    field: Tensor,
    pitch: float,
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
        field, pitch, wavelength, distance, x, y, index, padding: see :func:`focal_plane`.

    Returns:
        [..., A, B] real.
    """
    padding = padding or padding_of_all(field, pitch, wavelength, distance, index)
    waves = _Spectrum.of(field, pitch, wavelength, index, padding, distance)
    there, y = waves.at(distance), x if y is None else y
    slope = waves.sampled(there * (1j * waves.kz).to(there.dtype), x, y)
    return (waves.sampled(there, x, y).conj() * slope).imag * (wavelength / (2 * torch.pi))


def axial_section(
    field: Tensor,
    pitch: float,
    wavelength: float,
    distances: Tensor,
    x: Tensor,
    index: float = 1.0,
    padding: int | None = None,
) -> Tensor:
    """The field in the plane y = 0 that contains the axis.

    Args:
        field, pitch, wavelength, index, padding: see :func:`angular_spectrum`. For the plane x = 0 transpose
            the last two axes of the field.
        distances: [Z] distances from the plane of the field.
        x: [A] coordinates.

    Returns:
        [..., Z, A] complex.
    """
    nearest, farthest = (float(end) for end in distances.abs().aminmax()) if len(distances) else (0.0, 0.0)
    padding = padding or padding_of_all(field, pitch, wavelength, farthest, index)
    waves = _Spectrum.of(field, pitch, wavelength, index, padding, nearest)
    on_axis = waves.folded_at_zero()
    rows = [(on_axis * waves.both_signs(waves.transfer(float(z)), -2)).sum(-1) for z in distances]
    return torch.stack(rows, dim=-2) @ waves.waves_at(x, -2).mT


def power(
    field: Tensor, pitch: float, wavelength: float, index: float = 1.0, padding: int = LEAST_PADDING
) -> Tensor:
    """Power that propagating waves carry through the plane: pitch² Σ|E_k|² Re(kz)/k0, with unitary E_k.

    The unit is that of a plane wave of amplitude 1 in vacuum per area. For a vector field sum over its three
    components: that is the flux of Poynting's vector, because a plane wave with k·E = 0 carries |E|² kz/k0.
    With Ex alone a wave that leaves at the angle θ in the xz plane counts with cos²θ of its power, in the yz
    plane in full, and what the device turns into Ey is missed.

    Args:
        field, pitch, wavelength, index, padding: see :func:`angular_spectrum`.

    Returns:
        [...] real, per leading dimension.
    """
    waves = _Spectrum.of(field, pitch, wavelength, index, padding, math.inf)
    weight = waves.kz.real * (wavelength / (2 * torch.pi) * pitch**2 / math.prod(waves.padded))
    return (waves.amplitudes.abs().square() * weight).sum(dim=(-2, -1)).to(field.real.dtype)


@dataclass(frozen=True)
class _Spectrum:
    """Plane waves of a zero-padded field, in the order of the discrete Fourier transform.

    Attributes:
        amplitudes: [..., U, V] transform of the samples, or the middle of it, around kx = ky = 0.
        pitch: distance of neighbouring samples.
        shape: samples (X, Y) of the field before padding.
        padded: samples of the plane after padding.
        k: wavenumber in the medium.
    """

    amplitudes: Tensor
    pitch: float
    shape: tuple[int, int]
    padded: tuple[int, int]
    k: float

    @classmethod
    def of(
        cls,
        field: Tensor,
        pitch: float,
        wavelength: float,
        index: float,
        padding: int,
        distance: float | None = None,
    ) -> _Spectrum:
        """Transform a field; if a ``distance`` is given, keep only the waves that have not faded away there.

        In a fine near field these are a few per cent of all. Where the plane is too large to be transformed
        as a whole, only they are computed.
        """
        check_field(field, pitch, wavelength, index)
        check_lengths(padding=padding)
        shape = (field.shape[-2], field.shape[-1])
        padded = (next_fast_len(padding * shape[0]), next_fast_len(padding * shape[1]))
        k = 2 * torch.pi * index / wavelength
        whole = max(padded) <= LARGEST_PLANE
        amplitudes = torch.fft.fft2(field, s=padded) if whole else field
        if distance is not None:
            for axis in (-2, -1):
                top = _highest(k, pitch, padded[axis], distance)
                amplitudes = (
                    _middle(amplitudes, axis, top) if whole else _few(amplitudes, axis, top, padded[axis])
                )
        elif not whole:
            raise InputError(
                f"a plane of {padded[0]} × {padded[1]} samples is too large to be computed as a whole; "
                "choose a smaller padding, or look at chosen coordinates with focal_plane"
            )
        return cls(amplitudes, pitch, shape, padded, k)

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
        order = torch.arange(self.amplitudes.shape[axis], device=self.amplitudes.device)
        k = self._wavenumbers(axis)[torch.minimum(order, len(order) - order)]
        k = torch.where(order <= len(order) // 2, k, -k)
        phase = torch.outer(points.to(k) - coordinates(self.shape[axis], self.pitch)[0], k)
        return torch.polar(torch.full_like(phase, 1 / self.padded[axis]), phase).to(self.amplitudes.dtype)

    def both_signs(self, half: Tensor, axis: int) -> Tensor:
        """Extend a function of |kx| (axis −2) or |ky| (axis −1) to both signs, in the transform's order."""
        order = torch.arange(self.amplitudes.shape[axis], device=half.device)
        return half.index_select(axis, torch.minimum(order, len(order) - order))

    def _wavenumbers(self, axis: int) -> Tensor:
        """[side/2 + 1] wavenumbers 0, 2π/width, … along an axis."""
        side = self.amplitudes.shape[axis]
        order = torch.arange(side // 2 + 1, dtype=torch.float64, device=self.amplitudes.device)
        return order * (2 * torch.pi / (self.padded[axis] * self.pitch))

    def _limit(self, axis: int, distance: float) -> float:
        """Largest wavenumber whose transfer function is sampled twice per turn (Matsushima's eq. 20)."""
        ratio = 2 * distance / (self.padded[axis] * self.pitch)
        return self.k / math.hypot(ratio, 1) if distance else math.inf


def _highest(k: float, pitch: float, padded: int, distance: float) -> int:
    """The highest order along an axis that has not faded after a distance; at most half of all orders."""
    decay = FADED / abs(distance) if distance else math.inf
    highest = math.hypot(k, decay) / (2 * torch.pi) * padded * pitch
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
