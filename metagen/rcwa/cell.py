"""What is solved: pillars on a substrate, as tensors that broadcast together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from metagen.base.arguments import brief, check_kind, positive
from metagen.base.errors import InputError
from metagen.base.tensors import check_broadcast
from metagen.device.lattice import Lattice
from metagen.device.materials import Dispersion, Formula, Material, Tabulated
from metagen.device.platform import Platform
from metagen.device.shapes import Difference, Ellipse, Polygon, Shape, check_shape
from metagen.device.symmetry import Symmetry
from metagen.rcwa.tensors import Numbers, Reals, as_tensor, is_positive

POINTS = 100
"""Points along either side of the cell at which overlap is looked for."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell of a lattice of pillars on a substrate.

    Make one with :func:`make_cell`. All tensors broadcast together, and with the batches of the shapes.

    Attributes:
        lattice: the rectangular cell and the sites in it.
        shapes: cross-sections of the pillars: one that stands at every site, or one per site.
        height: height of the pillars.
        pillar: refractive index of the pillars, complex if they absorb.
        substrate: refractive index below z = 0, real.
        cover: refractive index around and above the pillars, real.
        symmetry: mirrors and turns about the origin that leave the cell as it is.
    """

    lattice: Lattice
    shapes: tuple[Shape, ...]
    height: Tensor
    pillar: Tensor
    substrate: Tensor
    cover: Tensor
    symmetry: Symmetry

    @property
    def translations(self) -> tuple[tuple[float, float], ...]:
        """Moves, as fractions of the cell, that leave it as it is."""
        return tuple((float(x), float(y)) for x, y in self.repeated.translations)

    @property
    def repeated(self) -> Lattice:
        """The lattice whose translations leave the cell as it is: of different pillars, whole cells only."""
        return self.lattice if len(self.shapes) == 1 else Lattice(self.lattice.pitch)

    @property
    def pillars(self) -> tuple[tuple[Shape, tuple[float, float]], ...]:
        """The shape at every site, and the position of the site."""
        sites = [(float(x), float(y)) for x, y in self.lattice.positions]
        shapes = self.shapes if len(self.shapes) > 1 else self.shapes * len(sites)
        return tuple(zip(shapes, sites, strict=True))

    def transform(self, orders: Tensor) -> Tensor:
        """[..., d] Fourier coefficients of the function that is 1 in the pillars, at orders [d, 2].

        They are real where a half turn leaves the cell as it is.
        """
        m, n = orders.double().unbind(-1)
        kx, ky = (2 * torch.pi / side * order for side, order in zip(self.lattice.pitch, (m, n), strict=True))
        parts = []
        for shape, (x, y) in self.pillars:
            part = shape.fourier(kx, ky)
            if x or y:
                phase = -(kx * x + ky * y)
                part = part * torch.polar(torch.ones_like(phase), phase)
            parts.append(part)
        total = sum(parts[1:], parts[0])
        total = total.real if Symmetry.HALF_TURN in self.symmetry else total
        return total / self.lattice.area


def make_cell(
    shape: Shape | Sequence[Shape],
    *,
    period: float | None = None,
    lattice: Lattice | None = None,
    height: Reals,
    pillar: Numbers,
    substrate: Numbers = 1.0,
    cover: Numbers = 1.0,
) -> Cell:
    """Build a checked cell from numbers, arrays or tensors (which keep their gradients).

    Args:
        shape: cross-section of the pillar at every site, or one per site.
        period: lattice constant of a square lattice with one pillar per cell.
        lattice: any lattice; one of the two is given.
        height: pillar height.
        pillar: refractive index of the pillars.
        substrate: refractive index below z = 0.
        cover: refractive index around and above the pillars.

    Raises:
        InputError: an argument is of another kind, a length is not positive, pillars overlap or amplify
            light, or the substrate or the cover absorbs.
    """
    if (period is None) == (lattice is None):
        raise InputError("a cell needs period (of a square lattice) or lattice, one of the two")
    where = Lattice.square(positive("period", period)) if lattice is None else lattice
    check_kind("lattice", where, Lattice, ": metagen.Lattice.square(0.4) or another one")
    shapes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    for one in shapes:
        check_shape("shape", one)
    if len(shapes) not in (1, len(where.sites)):
        raise InputError(f"{len(shapes)} shapes for {len(where.sites)} sites; give one, or one per site")
    tall = as_tensor(height, "height")
    if tall.is_complex() or not is_positive(tall):
        raise InputError(f"height is {tall}; it must be positive and finite (micrometres)")
    _check_room(shapes, where)
    media = {name: _index(name, index) for name, index in (("substrate", substrate), ("cover", cover))}
    for name, index in media.items():
        if index.is_complex() or not is_positive(index):
            raise InputError(
                f"{name} is {index}; it must be a positive real index (metagen.rcwa.solve_stack allows more)"
            )
    inside = _index("pillar", pillar)
    if not is_passive(inside**2) or not bool((inside.real >= 0).all()):
        raise InputError(
            f"pillar is {pillar}; it must be a finite index that is not 0, with a positive imaginary part if "
            "it absorbs: time is exp(−iωt)"
        )
    check_broadcast(height=tall, pillar=inside, **media, **{"shape": shapes[0].area})
    return Cell(where, shapes, tall, pillar=inside, **media, symmetry=_symmetry(shapes, where))


def _index(name: str, value: Numbers) -> Tensor:
    """Refractive indices as a tensor; a material has one at each wavelength only."""
    if isinstance(value, str | Dispersion):
        raise InputError(
            f"{name} is {brief(value)}; a cell needs its index, a number: "
            "metagen.materials.shipped(name).index(wavelength)"
        )
    return as_tensor(value, name)


def _check_room(shapes: tuple[Shape, ...], lattice: Lattice) -> None:
    """Refuse pillars that overlap: circles exactly, others as seen at :data:`POINTS` × POINTS points."""
    reach = max(float(shape.reach.detach().max()) for shape in shapes)
    lattice.check_reach(reach)
    if 2 * reach <= lattice.spacing * (1 + 1e-12) or (len(shapes) == 1 and _keeps_within(shapes[0], lattice)):
        return
    is_circle = len(shapes) == 1 and isinstance(shapes[0], Ellipse) and torch.equal(shapes[0].a, shapes[0].b)
    if is_circle or _most_covered(shapes, lattice, reach) > 1:
        raise InputError(
            f"pillars that reach {reach:g} from their sites overlap their neighbours; the closest sites are "
            f"{lattice.spacing:g} apart (micrometres)"
        )


def _keeps_within(shape: Shape, lattice: Lattice) -> bool:
    """Whether a polygon keeps within the rectangular cell of a lattice with one site."""
    outer = shape.outer if isinstance(shape, Difference) else shape
    if len(lattice.sites) > 1 or not isinstance(outer, Polygon):
        return False
    half = torch.tensor(lattice.pitch, dtype=torch.float64) / 2
    return bool((outer.vertices.detach().abs() <= half * (1 + 1e-12)).all())


def _most_covered(shapes: tuple[Shape, ...], lattice: Lattice, reach: float) -> int:
    """In how many pillars a point of the cell lies at most."""
    px, py = lattice.pitch
    steps = (torch.arange(POINTS, dtype=torch.float64) + 0.5) / POINTS - 0.5
    x, y = torch.meshgrid(steps * px, steps * py, indexing="ij")
    counts = [math.ceil(reach / side) + 1 for side in lattice.pitch]
    covered = torch.zeros(1, dtype=torch.long)
    for shape, site in zip(shapes * (len(lattice.sites) // len(shapes)), lattice.positions, strict=True):
        for i, j in product(*(range(-count, count + 1) for count in counts)):
            at_x, at_y = site[0] + i * px, site[1] + j * py
            if abs(at_x) <= px / 2 + reach and abs(at_y) <= py / 2 + reach:
                covered = covered + shape.contains(x - at_x, y - at_y).long()
    return int(covered.max())


def _symmetry(shapes: tuple[Shape, ...], lattice: Lattice) -> Symmetry:
    """Of the symmetries of all the pillars those that carry every site to one with the same shape."""
    common = lattice.symmetry
    for shape in shapes:
        common &= shape.symmetry
    if len(shapes) == 1:
        return common
    alone = [Lattice(lattice.pitch, (site,)).symmetry for site in lattice.sites]
    for one in alone:
        common &= one
    return common


def is_passive(permittivity: Tensor) -> bool:
    """Whether every permittivity is a finite number other than 0 that does not amplify light."""
    wrong = ~torch.isfinite(permittivity) | (permittivity == 0)
    if permittivity.is_complex():
        wrong = wrong | (permittivity.imag < -1e-12 * permittivity.abs())
    return not bool(wrong.any())


def platform_cell(platform: Platform, shape: Shape, wavelength: Tensor) -> Cell:
    """The cell of a platform with pillars of any shape, with the indices at the given wavelengths.

    Raises:
        InputError: the pillars overlap, or see :meth:`metagen.Platform.at`, which checks all the rest.
    """
    for value in wavelength.detach().reshape(-1).tolist():
        platform.at(value)
    _check_room((shape,), platform.lattice)
    return Cell(
        platform.lattice,
        (shape,),
        as_tensor(platform.height),
        pillar=index_tensor(platform.pillar, wavelength),
        substrate=index_tensor(platform.substrate, wavelength).real,
        cover=index_tensor(platform.cover, wavelength).real,
        symmetry=_symmetry((shape,), platform.lattice),
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
