"""What is solved: a pillar on a substrate, as tensors that broadcast together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.device.materials import Dispersion, Formula, Material, Tabulated
from metagen.device.platform import Platform
from metagen.rcwa.shapes import Shape
from metagen.rcwa.special import Numbers, Reals, as_tensor


@dataclass(frozen=True)
class Cell:
    """One cell of a square lattice: a pillar with two mirror planes on a substrate.

    Make one with :func:`make_cell`. All values are tensors that broadcast together.

    Attributes:
        shape: cross-section of the pillar.
        period: lattice constant.
        height: pillar height.
        pillar: refractive index of the pillar, complex if it absorbs.
        substrate: refractive index below z = 0, real.
        cover: refractive index around and above the pillar, real.
    """

    shape: Shape
    period: Tensor
    height: Tensor
    pillar: Tensor
    substrate: Tensor
    cover: Tensor


def make_cell(
    shape: Shape,
    *,
    period: Reals,
    height: Reals,
    pillar: Numbers,
    substrate: Numbers = 1.0,
    cover: Numbers = 1.0,
) -> Cell:
    """Build a checked cell from numbers, arrays or tensors (which keep their gradients).

    Raises:
        InputError: a length is not positive, the pillar is wider than the cell or amplifies light, or the
            substrate or the cover absorbs.
    """
    lengths = {"period": as_tensor(period), "height": as_tensor(height)}
    for name, length in lengths.items():
        if not bool(((length > 0) & torch.isfinite(length)).all()):
            raise InputError(f"{name} is {length}; it must be positive and finite (micrometres)")
    for reach in shape.reach:
        if not bool(((reach >= 0) & (reach <= lengths["period"] / 2 * (1 + 1e-12))).all()):
            raise InputError(
                f"the pillar reaches {reach.detach().numpy()} from the centre of its cell; "
                f"between 0 and half the period, {lengths['period'].detach().numpy() / 2}, is possible"
            )
    media = {"substrate": as_tensor(substrate), "cover": as_tensor(cover)}
    for name, index in media.items():
        if index.is_complex() or not bool(((index > 0) & torch.isfinite(index)).all()):
            raise InputError(
                f"{name} is {index}; it must be a positive real index (metagen.rcwa.solve_stack allows more)"
            )
    inside = as_tensor(pillar)
    if not is_passive(inside**2) or not bool((inside.real >= 0).all()):
        raise InputError(
            f"pillar is {pillar}; it must be a finite index that is not 0, with a positive imaginary part if "
            "it absorbs: time is exp(−iωt)"
        )
    return Cell(shape, **lengths, pillar=inside, **media)


def is_passive(permittivity: Tensor) -> bool:
    """Whether every permittivity is a finite number other than 0 that does not amplify light."""
    wrong = ~torch.isfinite(permittivity) | (permittivity == 0)
    if permittivity.is_complex():
        wrong = wrong | (permittivity.imag < -1e-12 * permittivity.abs())
    return not bool(wrong.any())


def platform_cell(platform: Platform, shape: Shape, wavelength: Tensor) -> Cell:
    """The cell of a platform with pillars of any shape, with the indices at the given wavelengths.

    Raises:
        InputError: see :meth:`metagen.Platform.at`.
    """
    for value in wavelength.detach().reshape(-1).tolist():
        platform.at(value)
    return make_cell(
        shape,
        period=platform.period,
        height=platform.height,
        pillar=index_tensor(platform.pillar, wavelength),
        substrate=index_tensor(platform.substrate, wavelength).real,
        cover=index_tensor(platform.cover, wavelength).real,
    )


def index_tensor(material: Material, wavelength: Tensor) -> Tensor:
    """Index at wavelengths [...] where it is known, with its gradient; complex if the material absorbs."""
    if not isinstance(material, Dispersion):
        return as_tensor(material)
    n = _values(material.n, wavelength)
    k = _values(material.k, wavelength).clamp(min=0) if material.k else torch.zeros_like(n)
    return torch.complex(n, k) if bool((k != 0).any()) else n


def _values(part: Formula | Tabulated, wavelength: Tensor) -> Tensor:
    if isinstance(part, Formula):
        return as_tensor(part(wavelength))
    here = wavelength.detach()
    return as_tensor(part(here)) + as_tensor(part.slope(here)) * (wavelength - here)
