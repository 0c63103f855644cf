"""From the amplitudes on the grid to E over the incident wave at the pillar base."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from metagen.fdtd.engine import require_meep
from metagen.fdtd.indices import Indices
from metagen.fdtd.scene import Source, in_and_across, incident_simulation
from metagen.fdtd.stepping import run_until_decayed


def normalisation(indices: Indices) -> NDArray[np.complex128]:
    """[3, 3] matrix from Meep's (Ex, Ey, Ez) above the pillars to E over the incident amplitude.

    It takes three things into account: the stretch of y, the incident wave, and the power that Yee's scheme
    conserves (a wave of the zeroth order that goes from the substrate to the cover keeps its power).
    """
    across, along = (
        math.sqrt(cover / substrate)
        for cover, substrate in zip(indices.cover.powers, indices.substrate.powers, strict=True)
    )
    matrix = np.diag([0, 0, along]).astype(np.complex128)
    matrix[:2, :2] = in_and_across(indices.light.direction, along, across)
    return np.asarray(matrix @ np.diag([1, indices.grid.stretch, 1]) / incident_amplitude(indices))


def incident_amplitude(indices: Indices) -> complex:
    """Meep's complex amplitude of the incident wave at z = 0, in the substrate medium alone."""
    return _amplitude(replace(indices, grid=replace(indices.grid, lateral=(1, 1))))


@lru_cache(maxsize=16)
def _amplitude(indices: Indices) -> complex:
    mp, grid, source = require_meep(), indices.grid, Source(indices)
    simulation = incident_simulation(indices)
    components = [axis for axis, current in enumerate(source.currents) if current]
    handles = [
        simulation.add_dft_fields(
            [(mp.Ex, mp.Ey)[axis]],
            [grid.pixel / indices.media.wavelength],
            yee_grid=True,
            center=mp.Vector3(0, 0, grid.z(grid.base)),
            size=mp.Vector3(0, 0, 0.5),
        )
        for axis in components
    ]
    run_until_decayed(simulation, indices.numerics, grid.pixel, None)
    amplitude = np.zeros(2, dtype=np.complex128)
    for axis, handle in zip(components, handles, strict=True):
        planes = simulation.get_dft_array(handle, (mp.Ex, mp.Ey)[axis], 0).ravel()
        # On the axis Meep takes the mean of Ex half a pixel to both sides along x; of Ey along y.
        mean = math.cos(math.pi * source.bloch[axis])
        amplitude[axis] = planes[len(planes) // 2] / mean * (1, grid.stretch)[axis]
    simulation.reset_meep()
    return complex(np.vdot(indices.light.jones, amplitude))
