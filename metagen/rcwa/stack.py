"""Stacks of layers with any permittivity on a pixel grid, in light of any direction and polarisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from metagen.base.arguments import brief, check_kind
from metagen.base.errors import InputError
from metagen.device.illumination import Illumination
from metagen.device.lattice import Lattice
from metagen.device.symmetry import Symmetry
from metagen.rcwa.accuracy import Orders
from metagen.rcwa.cell import is_passive
from metagen.rcwa.factorisation import Factorisation, block
from metagen.rcwa.fields import Setting
from metagen.rcwa.grid import grid_permittivity
from metagen.rcwa.incidence import incidence_of
from metagen.rcwa.layer import Permittivity
from metagen.rcwa.problem import Problem
from metagen.rcwa.result import UnitCell
from metagen.rcwa.solver import ORDERS, solve_problem
from metagen.rcwa.tensors import as_tensor
from metagen.rcwa.waves import Waves

FLIPS = {Symmetry.MIRROR_X: (0,), Symmetry.MIRROR_Y: (1,), Symmetry.HALF_TURN: (0, 1)}
"""Axes along which each of them turns a grid of pixels round."""


@dataclass(frozen=True)
class Layer:
    """A layer that does not change along z.

    Attributes:
        permittivity: [nx, ny] mean ε of each pixel of a grid over the cell, index order [x, y]; a number for
            a uniform layer, and ny = 1 for one that is uniform along y. Real or complex; an imaginary part
            above 0 absorbs.
        thickness: thickness of the layer.
        inverse_permittivity: [nx, ny] mean of 1/ε of each pixel, for outlines that cross pixels. Without it
            pixels are uniform: a staircase is a staircase.
    """

    permittivity: Any
    thickness: Any
    inverse_permittivity: Any = None

    @classmethod
    def of_two_media(cls, fill: Any, inner: Any, outer: Any, thickness: Any) -> Layer:
        """A layer of permittivity ``inner`` in a fraction ``fill`` [nx, ny] of each pixel, ``outer`` else."""
        part = as_tensor(fill, "fill")
        return cls(part * inner + (1 - part) * outer, thickness, part / inner + (1 - part) / outer)


@dataclass(frozen=True)
class Stack:
    """Layers on a substrate.

    Attributes:
        lattice: the cell, whose sides the grids of the layers cover; or the period of a square one.
        layers: from the substrate upwards.
        substrate: refractive index where the light comes from, real.
        cover: refractive index beyond, real or complex.
    """

    lattice: Lattice | float
    layers: tuple[Layer, ...]
    substrate: Any = 1.0
    cover: Any = 1.0


def solve_stack(
    stack: Stack,
    light: Illumination | float,
    *,
    orders: Orders = ORDERS,
    tolerance: float | None = None,
    factorisation: Factorisation = Factorisation.LI,
) -> UnitCell:
    """Solve a periodic stack; results are torch tensors, with gradients.

    Args:
        stack: the layers.
        light: an :class:`Illumination`, or the wavelength of light along x at normal incidence.
        orders: truncation |m|, |n| ≤ orders on a square lattice, as many plane waves on others; or the
            largest |m| and the largest |n|. Work grows as orders⁶.
        tolerance: largest estimated error of the field of order 0; the orders are then chosen to reach it.
        factorisation: how products are truncated.

    Raises:
        InputError: an index, a thickness or a grid that no stack can have, or an argument of another kind.
        SimulationError: the tolerance is not reached.
    """
    check_kind("stack", stack, Stack, " of metagen.rcwa")
    check_kind("factorisation", factorisation, Factorisation, " of metagen.rcwa")
    lattice = stack.lattice if isinstance(stack.lattice, Lattice) else Lattice.square(stack.lattice)
    substrate, cover = _checked_media(stack)
    if not isinstance(stack.layers, tuple | list):
        raise InputError(f"layers is {brief(stack.layers)}; give a tuple of layers: (layer,) if there is one")
    layers = tuple(_GridLayer.of(layer, lattice, factorisation) for layer in stack.layers)
    incidence = incidence_of(light)
    symmetry = Symmetry.TWO_MIRRORS
    for one in layers:
        symmetry &= one.symmetry
    setting = Setting(layers, incidence.wavelength, substrate, cover)
    problem = Problem(lattice, setting, incidence, symmetry)
    return solve_problem(problem, orders, tolerance, given_tensors=True)


def _checked_media(stack: Stack) -> tuple[Tensor, Tensor]:
    """Index of the substrate and of the cover, of which every stack has one."""
    substrate, cover = as_tensor(stack.substrate, "substrate"), as_tensor(stack.cover, "cover")
    if substrate.ndim or substrate.is_complex() or not (substrate > 0 and torch.isfinite(substrate)):
        raise InputError(
            f"substrate is {stack.substrate}; light must come from a medium with a positive real index"
        )
    if cover.ndim or not is_passive(cover**2) or cover.real < 0:
        raise InputError(
            f"cover is {stack.cover}; it must be one finite index that is not 0, with a positive imaginary "
            "part if it absorbs: time is exp(−iωt)"
        )
    return substrate, cover


@dataclass(frozen=True, eq=False)
class _GridLayer:
    """A layer as tensors, see :class:`metagen.rcwa.layer.AnyLayer`; a uniform one has a grid without axes."""

    grid: Tensor
    inverse: Tensor | None
    thickness: Tensor
    lattice: Lattice
    rule: Factorisation

    @classmethod
    def of(cls, layer: Layer, lattice: Lattice, rule: Factorisation) -> _GridLayer:
        check_kind("layer", layer, Layer, " of metagen.rcwa")
        thickness = as_tensor(layer.thickness, "thickness")
        grid = as_tensor(layer.permittivity, "permittivity")
        if not (
            not thickness.is_complex() and thickness.ndim == 0 and thickness > 0 and torch.isfinite(thickness)
        ):
            raise InputError(f"thickness is {layer.thickness}; it must be positive and finite (micrometres)")
        if not is_passive(grid):
            raise InputError(
                "permittivity has values that are not finite, 0, or with a negative imaginary part; "
                "absorption is positive: time is exp(−iωt)"
            )
        if grid.ndim not in (0, 2):
            raise InputError(f"permittivity has shape {tuple(grid.shape)}; it is a number or a grid [nx, ny]")
        inverse = None if layer.inverse_permittivity is None else as_tensor(layer.inverse_permittivity)
        if inverse is not None and inverse.shape != grid.shape:
            raise InputError(
                f"inverse_permittivity has shape {tuple(inverse.shape)}, permittivity {tuple(grid.shape)}; "
                "they are of the same pixels"
            )
        return cls(grid, inverse, thickness, lattice, rule)

    @property
    def symmetry(self) -> Symmetry:
        """Mirrors and turns of the pixels; none where a gradient in each of them is wanted."""
        if self.grid.ndim == 0:
            return Symmetry.TWO_MIRRORS
        grids = [grid for grid in (self.grid, self.inverse) if grid is not None]
        if any(grid.requires_grad for grid in grids):
            return Symmetry.NONE
        found = Symmetry.NONE
        for operation, axes in FLIPS.items():
            if all(torch.equal(grid.flip(axes), grid) for grid in grids):
                found |= operation
        return found

    @property
    def contrast(self) -> Tensor:
        """[] largest difference of two pixels."""
        flat = self.grid.detach().reshape(-1)
        return (flat - flat[0]).abs().max()

    @property
    def absorbs(self) -> bool:
        """Whether any pixel does."""
        return self.grid.is_complex() and bool((self.grid.imag != 0).any())

    def permittivity(self, waves: Waves) -> Permittivity:
        """Permittivity matrices in a basis."""
        if self.grid.ndim:
            turned = Symmetry.HALF_TURN in self.symmetry
            return grid_permittivity(
                self.grid, self.inverse, self.lattice, waves.basis, self.rule, has_half_turn=turned
            )
        of_x, of_y, of_z = (
            torch.eye(len(part), dtype=torch.float64)
            for part in (waves.basis.ex, waves.basis.ey, waves.basis.ez)
        )
        return Permittivity(block(self.grid * of_x, self.grid * of_y), of_z / self.grid, symmetric=True)
