"""Near fields of fins that are quick to compute and depend on neighbours as real ones do: coupled dipoles.

Every fin answers the field that reaches it along its length and, less, along its width; its light reaches
all others and the monitor plane. So a turned fin turns the light, a mirrored device has the mirrored field,
and the field over a cell is a smooth, nonlinear function of many fins. It stands in for Meep where a test is
about the learning and not about the physics.
"""

import math

import numpy as np

import metagen as mg
from metagen.data.dataset import Dataset
from metagen.data.folding import folding_of
from metagen.data.nearfield import NearField
from metagen.device.atoms import Rectangle
from metagen.device.lattice import Lattice
from metagen.device.layout import random_layout
from metagen.device.sampling import sample_axes
from metagen.device.symmetry import Symmetry

SAMPLES = 4
LIGHT = mg.Illumination(0.633)
ABSORPTION = 0.2
"""Imaginary part of the index around the fins, so that those further away than a few cells matter little."""
TURNED = mg.Platform(
    lattice=Lattice.square(0.43), atom=Rectangle(0.41, 0.085, (0.0, math.pi)), height=0.6, pillar=2.4
)
"""Fins of one size, with a free angle."""
FREE = mg.Platform(
    lattice=Lattice.rectangular(0.43, 0.5),
    atom=Rectangle((0.2, 0.35), (0.08, 0.19), (0.0, math.pi)),
    height=0.6,
    pillar=2.4,
)
"""Fins of any size on a rectangular lattice."""

HEXAGONAL = mg.Platform(
    lattice=Lattice.hexagonal(0.45), atom=Rectangle(0.41, 0.085, (0.0, math.pi)), height=0.6, pillar=2.4
)
"""Fins of one size on a hexagonal lattice: two per cell."""


def field(layout, light, samples=SAMPLES, strength=0.4):
    """[Nx·n, Ny·m, 3] field (Ex, Ey, Ez) over a device."""
    k = 2 * np.pi / light.wavelength * (1 + ABSORPTION * 1j)
    there = layout.present
    sites = layout.centres[there]
    extents = layout.platform.atom.extents
    length, width, angle = (layout[name].reshape(there.shape)[there] for name in extents)
    answers = strength * layout.platform.lattice.spacing * _answer(length, width, angle)
    waves = _waves(sites[:, None] - sites[None], 0.0, k)[..., :2, :2]
    own = np.arange(len(sites))
    waves[own, own] = 0
    coupling = np.einsum("iab,ijbc->iajc", answers, waves).reshape(2 * len(sites), -1)
    excited = (answers @ light.jones).ravel()
    dipoles = np.linalg.solve(np.eye(len(excited)) - coupling, excited).reshape(-1, 2)
    axes = sample_axes(layout.counts, layout.platform.lattice, samples)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    height = light.wavelength / 2
    scattered = np.einsum("xyjab,jb->xya", _waves(points[:, :, None] - sites, height, k)[..., :2], dipoles)
    return scattered + np.append(light.jones, 0)


def near_field(layout, light=LIGHT, samples=SAMPLES):
    """The near field of a device, of which the mirrors that device and light have are used."""
    common = layout.symmetry & light.symmetry
    folding = folding_of((Symmetry.MIRROR_X in common, Symmetry.MIRROR_Y in common))
    return NearField(layout, light, field(layout, light, samples), samples, symmetry=folding)


def dataset(platform=TURNED, light=LIGHT, count=9, seeds=(1, 2, 3, 4)):
    """Random devices with both mirrors."""
    return Dataset(tuple(near_field(random_layout(platform, count, seed), light) for seed in seeds))


def _answer(length, width, angle):
    """[J, 2, 2] dipole moment that a field along x and y makes."""
    along, across = ((side / 0.4) ** 2 * np.exp(1j * side / 0.4) for side in (length, width))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.einsum("aij,ij,bij->jab", turn, np.stack([along, across]), turn)


def _waves(apart, height, k):
    """[..., 3, 3] field of a dipole along each axis at ways [..., 2] along the plane and a height."""
    way = np.concatenate([apart, np.full_like(apart[..., :1], height)], -1)
    distance = np.maximum(np.linalg.norm(way, axis=-1), 1e-9)[..., None, None]
    direction = way[..., None] / distance
    across = np.eye(3) - direction * direction.swapaxes(-1, -2)
    return np.exp(1j * k * distance) / distance * across
