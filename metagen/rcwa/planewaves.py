"""Plane waves of a periodic stack at any incidence: the basis of the general path."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.base.errors import InputError

GRAZING = 1e-5
"""Angles to the surface that are smaller count as grazing (radian): kz is the root of a difference that has
lost ten digits there, and from 1e-8 on all of them."""


@dataclass(frozen=True)
class Incidence:
    """A plane wave that comes from the substrate.

    Its unit vectors are s = (−sin φ, cos φ, 0) and p = (cos θ·cos φ, cos θ·sin φ, −sin θ): at θ = φ = 0, p is
    x and s is y.

    Attributes:
        wavelength: in vacuum.
        polar: θ, angle to the z axis in the substrate, radian, 0 ≤ θ < π/2.
        azimuth: φ, angle of the plane of incidence to the x axis, radian.
        s: complex amplitude of E along s.
        p: complex amplitude of E along p.
    """

    wavelength: float
    polar: float = 0.0
    azimuth: float = 0.0
    s: complex = 0.0
    p: complex = 1.0

    def __post_init__(self) -> None:
        if not (self.wavelength > 0 and math.isfinite(self.wavelength)):
            raise InputError(f"wavelength is {self.wavelength}; it must be positive and finite (micrometres)")
        if not 0 <= self.polar <= math.pi / 2 - GRAZING:
            raise InputError(f"polar is {self.polar}; it is 0 … π/2 (radian), grazing incidence excluded")
        if not math.isfinite(self.azimuth):
            raise InputError(f"azimuth is {self.azimuth}; it must be finite (radian)")
        if not (cmath.isfinite(self.s) and cmath.isfinite(self.p)) or self.s == self.p == 0:
            raise InputError(
                f"s is {self.s} and p is {self.p}; both must be finite, and one not 0, or there is no light"
            )


@dataclass(frozen=True)
class PlaneWaves:
    """The orders |m|, |n| ≤ orders, m slow, n fast, with their transverse wave vectors.

    Vectors of E and of h = (Hy, −Hx) hold the x components of all orders, then the y components.

    Attributes:
        m, n: [w] orders along x and y.
        kx, ky: [w] transverse wave vector / k0.
        zeroth: position of order (0, 0).
    """

    m: Tensor
    n: Tensor
    kx: Tensor
    ky: Tensor
    zeroth: int

    @property
    def k(self) -> Tensor:
        """[2w, w] from a scalar to its gradient / i."""
        return torch.cat([torch.diag(self.kx), torch.diag(self.ky)])

    @property
    def k_across(self) -> Tensor:
        """[2w, w], transposed: from (Ex, Ey) to kx·Ey − ky·Ex."""
        return torch.cat([-torch.diag(self.ky), torch.diag(self.kx)])

    def rotation(self) -> Tensor:
        """[2w, 2w] from x, y components to components along and across each wave vector."""
        size = torch.hypot(self.kx, self.ky)
        is_normal = size < 1e-12
        cosine = torch.where(is_normal, 1.0, self.kx / torch.where(is_normal, 1.0, size))
        sine = torch.where(is_normal, 0.0, self.ky / torch.where(is_normal, 1.0, size))
        c, s = torch.diag(cosine), torch.diag(sine)
        return torch.cat([torch.cat([c, s], 1), torch.cat([-s, c], 1)])

    def outgoing(self, permittivity: Tensor) -> tuple[Tensor, Tensor]:
        """[2w] coefficients of α·g + β·E = 0 for waves that leave upwards, along and across the wave vector.

        As in the fast path: κ·g + ε·E = 0 along, g − κ·E = 0 across, κ = −i·kz; the wave vector zero, which
        has no direction, counts as across.
        """
        kappa = self.decay(permittivity)
        is_tm = torch.hypot(self.kx, self.ky) >= 1e-12
        one = torch.ones_like(kappa)
        alpha = torch.cat([torch.where(is_tm, kappa, one), one])
        beta = torch.cat([torch.where(is_tm, permittivity * one, -kappa), -kappa])
        return alpha, beta

    def decay(self, permittivity: Tensor) -> Tensor:
        """[w] κ = −i·kz/k0 in a homogeneous medium, Re κ ≥ 0 and Im κ ≤ 0: waves leave or fade."""
        square = (self.kx**2 + self.ky**2 - permittivity).to(torch.complex128)
        kappa = torch.sqrt(square)
        lossless = square.imag == 0
        return torch.where(lossless & (square.real < 0), -1j * kappa.abs(), kappa)


def plane_waves(orders: int, incidence: Incidence, period: Tensor, substrate: Tensor) -> PlaneWaves:
    """The orders of a square lattice for light that comes from the substrate."""
    line = torch.arange(-orders, orders + 1)
    m, n = (grid.reshape(-1) for grid in torch.meshgrid(line, line, indexing="ij"))
    along = substrate * math.sin(incidence.polar)
    step = incidence.wavelength / period
    return PlaneWaves(
        m,
        n,
        along * math.cos(incidence.azimuth) + m * step,
        along * math.sin(incidence.azimuth) + n * step,
        zeroth=len(line) ** 2 // 2,
    )
