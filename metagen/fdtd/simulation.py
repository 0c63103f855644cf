"""One layout at one wavelength: from radii to the normalised near field."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from metagen.base.errors import InputError, SimulationError
from metagen.data.nearfield import NearField, provenance
from metagen.device.layout import Layout
from metagen.device.platform import Platform
from metagen.device.sampling import SAMPLES, sample_points
from metagen.fdtd.engine import require_meep
from metagen.fdtd.monitor import Monitor
from metagen.fdtd.numerics import Grid, Numerics, grid_for, numerical_power
from metagen.fdtd.scene import Scene, incident_simulation

OnProgress = Callable[[float], None]
"""A function that is called now and then with the simulated time so far, in µm / c."""

CHECK_INTERVAL = 1.0
"""Simulated time between two checks whether the fields have settled, in µm / c."""


def simulate(
    layout: Layout,
    numerics: Numerics,
    *,
    periodic: bool = False,
    mirrors: bool | None = None,
    samples: int = SAMPLES,
    progress: OnProgress | None = None,
) -> NearField:
    """Compute the near field of a layout with Meep; under MPI, every rank must call this together.

    Args:
        layout: the device; its platform gives media and height.
        numerics: wavelength, resolution and the other settings of the simulation.
        periodic: whether the layout is repeated without end instead of being surrounded by bare substrate.
        mirrors: whether the two mirror planes are used; by default they are where the layout has them.
        samples: samples of the field per cell and axis.
        progress: a function that is called from time to time with the simulated time so far (µm / c).

    Raises:
        MissingDependencyError: no Meep.
        InputError: mirrors asked for on a layout without them, or too coarse a grid.
        SimulationError: the fields diverged.
    """
    started, before = time.perf_counter(), held_before_all()
    scene = scene_for(layout, numerics, periodic=periodic, mirrors=mirrors)
    incident = incident_amplitude(layout.platform, numerics, scene.grid)
    simulation = scene.simulation()
    points = sample_points(layout.count, samples, layout.platform.period) / scene.grid.pixel
    monitor = Monitor.add(simulation, scene, reach=points[-1])
    _initialise(simulation)
    initialised = time.perf_counter()
    settled = run_until_decayed(simulation, numerics, scene.grid, progress)
    field = monitor.sample(simulation, points) * _power_factor(scene) / incident
    if not np.isfinite(field).all():
        raise SimulationError(f"{layout.name}: the fields diverged; use more pixels_per_period")
    steps = simulation.fields.t
    memory, balance = resident_bytes() - before, load_balance(simulation)
    simulation.reset_meep()
    return NearField(
        layout=layout,
        wavelength=numerics.wavelength,
        field=field.astype(np.complex64),
        samples=samples,
        numerics=asdict(numerics),
        provenance=provenance(
            meep=require_meep().__version__,
            ranks=require_meep().count_processors(),
            voxels=scene.grid.voxels,
            steps=steps,
            simulated_time=round(settled.time, 3),
            last_change=float(f"{settled.change:.2g}"),
            initialisation_time_s=round(initialised - started, 3),
            load_balance=round(balance, 3),
            memory_per_rank=memory,
            wall_time_s=round(time.perf_counter() - started, 3),
        ),
        symmetry="mirror-xy" if scene.mirrors else "none",
    )


def _initialise(simulation: Any) -> None:
    with warnings.catch_warnings():
        # Compensation makes the index of air a little less than 1, which is stable at this Courant number.
        warnings.filterwarnings("ignore", message="Epsilon < 1", category=RuntimeWarning)
        simulation.init_sim()


def scene_for(
    layout: Layout, numerics: Numerics, *, periodic: bool = False, mirrors: bool | None = None
) -> Scene:
    """Check that layout and settings fit together and lay out the simulation cell."""
    if mirrors and not layout.has_mirror_planes:
        raise InputError(f"layout {layout.name!r} has no mirror planes; call simulate with mirrors=False")
    if periodic and layout.count * numerics.pixels_per_period % 2:
        raise InputError(
            f"a periodic cell of {layout.count} × {numerics.pixels_per_period} pixels is odd, which Meep "
            "would round; use a layout with an even number of pillars, or an even number of pixels per period"
        )
    return Scene(
        layout=layout,
        numerics=numerics,
        grid=grid_for(layout.platform, numerics, layout.count, periodic),
        periodic=periodic,
        mirrors=layout.has_mirror_planes if mirrors is None else mirrors,
    )


def _power_factor(scene: Scene) -> float:
    """Factor from a ratio of grid amplitudes, cover over substrate, to that of the true amplitudes."""
    wavelength, pixel = scene.numerics.wavelength, scene.grid.pixel
    media = scene.layout.platform.at(wavelength)
    cover, substrate = (numerical_power(index, wavelength, pixel) for index in (media.cover, media.substrate))
    return math.sqrt(cover / substrate)


def resident_bytes() -> int:
    """Bytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@cache
def held_before_all() -> int:
    """Bytes that this process held before its first simulation. Later ones use memory that earlier ones have
    freed, so the growth during one of them says nothing."""
    return resident_bytes()


def load_balance(simulation: Any) -> float:
    """Mean time that the ranks spent on stepping, over the longest: 1 where no rank waits for another."""
    times = np.asarray(simulation.time_spent_on(require_meep().Stepping))
    return float(times.mean() / times.max())


@lru_cache(maxsize=16)
def incident_amplitude(platform: Platform, numerics: Numerics, grid: Grid) -> complex:
    """Complex amplitude at z = 0 of the incident wave alone, in the substrate medium (one-pixel-wide run)."""
    mp = require_meep()
    simulation = incident_simulation(platform, numerics, grid)
    handle = simulation.add_dft_fields(
        [mp.Ex],
        [grid.pixel / numerics.wavelength],
        yee_grid=True,
        center=mp.Vector3(0, 0, grid.z(grid.base)),
        size=mp.Vector3(0, 0, 0.5),
    )
    run_until_decayed(simulation, numerics, grid, None)
    planes = simulation.get_dft_array(handle, mp.Ex, 0).ravel()
    simulation.reset_meep()
    return complex(planes[len(planes) // 2])


def run_until_decayed(
    simulation: Any, numerics: Numerics, grid: Grid, progress: OnProgress | None
) -> Settled:
    """Step until all monitored fields have settled, or until ``numerics.max_time`` (with a warning)."""
    mp = require_meep()
    settled = Settled(numerics, grid)
    interval = CHECK_INTERVAL / grid.pixel
    reports = []
    if progress is not None:
        reports = [mp.at_every(interval, lambda sim: progress(sim.meep_time() * grid.pixel))]
    simulation.run(*reports, until_after_sources=settled)
    if not settled.calm:
        warnings.warn(
            f"the fields had not settled to {numerics.decay:g} at time {numerics.max_time:g}: they still "
            f"changed by {settled.change:.1g}; raise max_time if that is too much",
            UnsettledWarning,
            stacklevel=2,
        )
    return settled


class UnsettledWarning(UserWarning):
    """The fields still changed when a simulation reached its time limit."""


class Settled:
    """Stop condition of Meep: the norm of all monitored fields changed twice running by less than ``decay``.

    Twice, because a ring-down oscillates and its norm may stand still for a moment.
    """

    def __init__(self, numerics: Numerics, grid: Grid) -> None:
        self._numerics = numerics
        self._pixel = grid.pixel
        self._next = CHECK_INTERVAL
        self._norm = 0.0
        self._calm_checks = 0
        self.change = math.inf
        self.time = 0.0

    @property
    def calm(self) -> bool:
        """Whether the fields have settled."""
        return self._calm_checks >= 2

    def __call__(self, simulation: Any) -> bool:
        """Meep calls this after every step."""
        self.time = simulation.meep_time() * self._pixel
        if self.time < self._next:
            return False
        self._next = self.time + CHECK_INTERVAL
        norm = float(simulation.fields.dft_norm())
        self.change = abs(norm - self._norm) / norm if norm else math.inf
        self._norm = norm
        self._calm_checks = self._calm_checks + 1 if self.change < self._numerics.decay else 0
        return self.calm or self.time >= self._numerics.max_time
