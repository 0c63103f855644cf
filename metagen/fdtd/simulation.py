"""One layout in one light: from pillars to the normalised near field."""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metagen.base.arguments import check_kind
from metagen.base.errors import SimulationError
from metagen.data.folding import folding_of
from metagen.data.nearfield import NearField, provenance
from metagen.device.illumination import Illumination
from metagen.device.layout import Layout
from metagen.device.sampling import SAMPLES, sample_axes
from metagen.fdtd.beam import Beam
from metagen.fdtd.engine import require_meep
from metagen.fdtd.layout_scene import layout_scene
from metagen.fdtd.monitor import Monitor
from metagen.fdtd.normalisation import normalisation
from metagen.fdtd.numerics import Numerics
from metagen.fdtd.periodic_monitor import PeriodicMonitor
from metagen.fdtd.scene import Scene
from metagen.fdtd.stepping import OnProgress, Settled, run_until_decayed


@dataclass(frozen=True)
class Solution:
    """The field of a scene, and what it took.

    Attributes:
        field: [X, Y, 3] E over the incident amplitude, at the points that were asked for.
        settled: when and how calmly the run ended.
        steps: how many time steps it took.
        initialised: the clock (seconds) when the initialisation was over.
        load_balance: mean time that the ranks spent on stepping, over the longest.
        memory: bytes that the process held at the end.
    """

    field: NDArray[np.complex128]
    settled: Settled
    steps: int
    initialised: float
    load_balance: float
    memory: int


def simulate(
    layout: Layout,
    numerics: Numerics,
    light: Illumination | None = None,
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
        light: what comes from the substrate; by default it is polarised along x and comes along z.
        periodic: whether the layout is repeated without end instead of being surrounded by bare substrate.
        mirrors: whether the two mirror planes are used; by default each is where layout and light have it.
        samples: samples of the field per lattice spacing.
        progress: a function that is called from time to time with the simulated time so far (µm / c).

    Raises:
        MissingDependencyError: no Meep.
        InputError: mirrors asked for on a layout without them, too coarse a grid, or an argument of another
            kind.
        SimulationError: the fields diverged.
    """
    check_kind("layout", layout, Layout)
    check_kind("numerics", numerics, Numerics, ": metagen.fdtd.Numerics(wavelength, pixels_per_period)")
    if light is not None:
        check_kind("light", light, Illumination, ": metagen.Illumination(wavelength)")
    started, before = time.perf_counter(), held_before_all()
    beam = Beam(numerics, light)
    scene = layout_scene(layout, beam, periodic=periodic, mirrors=mirrors)
    x, y = sample_axes(layout.counts, layout.platform.lattice, samples)
    solution = solve(scene, numerics, x, y, name=layout.name, progress=progress)
    return NearField(
        layout=layout,
        illumination=beam.light,
        field=solution.field.astype(np.complex64),
        samples=samples,
        numerics=asdict(numerics),
        provenance=provenance(
            meep=require_meep().__version__,
            ranks=require_meep().count_processors(),
            voxels=scene.grid.voxels,
            steps=solution.steps,
            simulated_time=round(solution.settled.time, 3),
            last_change=float(f"{solution.settled.change:.2g}"),
            initialisation_time_s=round(solution.initialised - started, 3),
            load_balance=round(solution.load_balance, 3),
            memory_per_rank=solution.memory - before,
            wall_time_s=round(time.perf_counter() - started, 3),
        ),
        symmetry=folding_of(scene.mirrors),
    )


def solve(
    scene: Scene,
    numerics: Numerics,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    name: str,
    progress: OnProgress | None = None,
) -> Solution:
    """Run Meep on a scene; under MPI, every rank must call this together.

    Args:
        scene: what is simulated.
        numerics: when to stop.
        x: [X] where the field on the monitor plane is wanted, in micrometres; y: [Y] likewise.
        name: name of the device, for messages.
        progress: a function that is called from time to time with the simulated time so far (µm / c).

    Raises:
        SimulationError: the fields diverged.
    """
    matrix = normalisation(scene.indices)
    simulation = scene.simulation()
    columns, rows = x / scene.grid.pixel, y / scene.grid.pixel * scene.grid.stretch
    monitor: Monitor | PeriodicMonitor
    if scene.periodic and not all(scene.mirrors):
        monitor = PeriodicMonitor.add(simulation, scene)
    else:  # a quadrant, where mirrors allow it, takes a quarter of the time of a whole monitor
        monitor = Monitor.add(simulation, scene, reach=(columns[-1], rows[-1]))
    _initialise(simulation)
    initialised = time.perf_counter()
    settled = run_until_decayed(simulation, numerics, scene.grid.pixel, progress)
    field = monitor.sample(simulation, columns, rows) @ matrix.T
    if not np.isfinite(field).all():
        raise SimulationError(f"{name}: the fields diverged; use more pixels_per_period")
    solution = Solution(
        field, settled, simulation.fields.t, initialised, load_balance(simulation), resident_bytes()
    )
    simulation.reset_meep()
    return solution


def _initialise(simulation: Any) -> None:
    with warnings.catch_warnings():
        # Compensation makes the index of air a little less than 1, which is stable at this Courant number.
        warnings.filterwarnings("ignore", message="Epsilon < 1", category=RuntimeWarning)
        simulation.init_sim()


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
