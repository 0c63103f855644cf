"""Random fields over the sites of a device that vary slowly, and that mirrors turn into themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from metagen.device.atoms import Atom, Parameter
from metagen.device.layout import limits_of
from metagen.device.orbits import SiteOrbits
from metagen.device.symmetry import Symmetry

Field = NDArray[np.float64]


def smooth_values(
    atom: Atom, orbits: SiteOrbits, correlation_length: float, generator: np.random.Generator
) -> Field:
    """[K, P] parameters with a Gaussian correlation, spread evenly over their limits.

    White noise is filtered, and replaced by its ranks. An angle that may turn all the way round is that of a
    vector with two such components, each even or odd in every mirror as the mirror turns the shape.

    Args:
        atom: the family of shapes.
        orbits: the sites, with both mirrors.
        correlation_length: distance at which the correlation has fallen to 1/e.
        generator: of the random numbers.
    """
    grid = _Grid(orbits, correlation_length)
    columns = []
    for parameter, low, high in zip(atom.parameters, *limits_of(atom), strict=True):
        if atom.turns_round(parameter):
            columns.append(_angles(parameter, atom, grid, generator))
        else:
            noise = grid.field(generator, (1, 1))
            columns.append(low + (high - low) * (noise.argsort().argsort() + 0.5) / len(noise))
    return np.stack(columns, axis=1) if columns else np.zeros((len(orbits.centres), 0))


class _Grid:
    """The quadrant x, y ≥ 0 of a regular grid that holds the sites, on which noise is filtered."""

    def __init__(self, orbits: SiteOrbits, correlation_length: float) -> None:
        lattice, counts = orbits.sites.lattice, orbits.sites.counts
        finer = [len({round(site[axis] % 1, 9) for site in lattice.sites}) for axis in (0, 1)]
        pitch = np.array(lattice.pitch) / finer
        self.on_axis = [n * (c - 1) % 2 == 0 for n, c in zip(finer, counts, strict=True)]
        self.places = np.abs(orbits.centres) / pitch - np.where(self.on_axis, 0, 0.5)
        self.shape = tuple(int(each) + 1 for each in np.rint(self.places.max(axis=0)))
        # White noise filtered with exp(−x²/2σ²) has the correlation exp(−x²/4σ²).
        self.sigma = correlation_length / 2 / pitch

    def field(self, generator: np.random.Generator, parity: tuple[int, int]) -> Field:
        """[K] filtered noise at the first sites, even (1) or odd (−1) under x → −x and y → −y."""
        noise = generator.normal(size=self.shape)
        modes = ["mirror" if middle else "reflect" for middle in self.on_axis]
        if parity == (1, 1):
            smooth = gaussian_filter(noise, self.sigma, mode=modes)
        else:
            whole = noise
            for axis, (sign, middle) in enumerate(zip(parity, self.on_axis, strict=True)):
                whole = _with_image(whole, axis, sign, middle)
            smooth = gaussian_filter(whole, self.sigma, mode=modes)
            smooth = smooth[tuple(slice(-size, None) for size in self.shape)]
        return np.asarray(map_coordinates(smooth, self.places.T, order=1, mode="nearest"))


def _with_image(half: Field, axis: int, sign: int, middle: bool) -> Field:
    """Continue values to negative coordinates; ``middle`` says whether the first are at 0."""
    image = sign * np.flip(half.take(range(int(middle), half.shape[axis]), axis), axis)
    return np.concatenate([image, half], axis)


def _angles(parameter: Parameter, atom: Atom, grid: _Grid, generator: np.random.Generator) -> Field:
    """[K] angles, evenly over a period."""
    scale = 2 * np.pi / atom.period
    # A mirror turns the angle φ of the vector into χ − φ, with χ a multiple of π.
    even = [
        int(np.rint(np.cos(scale * each.of_angle(0.0)))) for each in (Symmetry.MIRROR_X, Symmetry.MIRROR_Y)
    ]
    along = grid.field(generator, (even[0], even[1]))
    across = grid.field(generator, (-even[0], -even[1]))
    angle = np.arctan2(across, along) / scale
    return np.asarray(parameter.low + np.mod(angle - parameter.low, atom.period))
