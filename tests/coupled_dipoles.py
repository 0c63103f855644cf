"""Near fields that are quick to compute and depend on neighbours as real ones do: scalar coupled dipoles.

Every pillar scatters a spherical wave in proportion to the field that reaches it, its neighbours' waves
included, so the field over a cell is a smooth, nonlinear function of many radii, with the mirror symmetry of
the device. It stands in for Meep where a test is about the learning and not about the physics.
"""

import numpy as np

import metagen as mg
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField, quadrant_of, unfold_field
from metagen.device.layout import random_layout
from metagen.device.sampling import sample_points

SAMPLES = 6


def near_field(layout, wavelength=0.633, samples=SAMPLES, strength=0.2):
    """Ex over a device with both mirror planes; Ey and Ez are zero."""
    platform = layout.platform
    k = 2 * np.pi / wavelength
    X, Y = np.meshgrid(layout.positions, layout.positions, indexing="ij")
    sites = np.stack([X.ravel(), Y.ravel()], -1)
    relative = (layout.radii.ravel() / platform.radius_max) ** 2
    response = strength * platform.period * relative * np.exp(1j * relative)
    apart = np.linalg.norm(sites[:, None] - sites[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    coupling = np.exp(1j * k * np.where(np.isinf(apart), 0, apart)) / apart
    dipoles = np.linalg.solve(np.eye(len(sites)) - response[:, None] * coupling, response)
    x = sample_points(layout.count, samples, platform.period)
    points = np.stack(np.meshgrid(x, x, indexing="ij"), -1).reshape(-1, 1, 2)
    distance = np.sqrt(((points - sites) ** 2).sum(-1) + (wavelength / 2) ** 2)
    ex = 1 + (np.exp(1j * k * distance) / distance) @ dipoles
    field = np.zeros((len(x) ** 2, 3), dtype=np.complex64)
    field[:, 0] = ex
    whole = unfold_field(quadrant_of(field.reshape(len(x), len(x), 3)), len(x))
    return NearField(layout, wavelength, whole, samples, symmetry="mirror-xy")


def smooth_layout(count, scale, platform=None):
    """A device whose radius grows smoothly from the middle, somewhat like a lens."""
    platform = platform or mg.Platform()
    x = np.arange(count) - (count - 1) / 2
    X, Y = np.meshgrid(x, x, indexing="ij")
    wave = 0.5 + 0.5 * np.cos((X**2 + Y**2) / scale)
    radii = platform.radius_min + (platform.radius_max - platform.radius_min) * wave
    return mg.Layout(platform, radii, name=f"smooth-{scale:g}")


def dataset(count=11, wavelength=0.633):
    """Three smooth and three random devices."""
    layouts = [smooth_layout(count, scale) for scale in (20.0, 30.0, 45.0)]
    layouts += [random_layout(mg.Platform(), count, seed) for seed in (1, 2, 3)]
    return Dataset(tuple(near_field(layout, wavelength) for layout in layouts))
