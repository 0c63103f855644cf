"""What a campaign will cost, before it is run: voxels, steps, memory and time; and whether it fits."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from metagen.base.errors import InputError
from metagen.base.memory import memory_here
from metagen.base.parallel import BYTES_PER_RANK, aborting_together, communicator
from metagen.base.tables import Table
from metagen.device.layout import random_layout
from metagen.device.platform import Platform
from metagen.fdtd.beam import Beam
from metagen.fdtd.grid import COURANT, layout_grid
from metagen.fdtd.layout_scene import aperture_grid
from metagen.fdtd.simulation import simulate
from metagen.fdtd.stepping import UnsettledWarning
from metagen.fdtd.task import Task, missing

TYPICAL_TIME = 13.0
"""Simulated time (µm / c) until the fields have settled, as assumed until the first simulation has ended."""
BYTES_PER_VOXEL, TILTED_BYTES_PER_VOXEL = 200, 350
"""Memory per simulated voxel, with absorbers and monitors (`benchmarks/fdtd.py scaling` measures it); fields
of tilted light are complex."""
PROBE_COUNT = 15
"""Pillars along one side of the layout on which speed is measured."""


@dataclass(frozen=True)
class Speed:
    """How fast this machine simulates with given numerics on the ranks that are running.

    Attributes:
        stepping: simulated voxels × steps per second.
        initialising: simulated voxels per second.
    """

    stepping: float
    initialising: float


@dataclass(frozen=True)
class TaskCost:
    """Cost of one simulation.

    Attributes:
        task: the simulation.
        voxels: how many voxels are simulated (each mirror plane halves those of the cell).
        steps: how many time steps the fields typically take to settle.
    """

    task: Task
    voxels: int
    steps: int

    @classmethod
    def of(cls, task: Task) -> TaskCost:
        """Count voxels and steps."""
        grid = aperture_grid(task.layout, task.beam)
        share = int(2 ** sum(task.mirrors))
        time = min(TYPICAL_TIME, task.numerics.max_time)
        return cls(task, grid.voxels // share, round(time / (COURANT * grid.pixel)))

    def memory_per_rank(self, ranks: int) -> int:
        """Bytes that each rank needs if this many share the simulation."""
        return BYTES_PER_RANK + math.ceil(self.voxels * self.bytes_per_voxel / ranks)

    @property
    def bytes_per_voxel(self) -> int:
        """Memory that one voxel takes."""
        return BYTES_PER_VOXEL if self.task.beam.light.is_normal else TILTED_BYTES_PER_VOXEL

    def seconds(self, speed: Speed) -> float:
        """Seconds that the simulation takes at a given speed."""
        return self.voxels * self.steps / speed.stepping + self.voxels / speed.initialising


def measured_speed(platform: Platform, beam: Beam) -> Speed:
    """Time the first steps of a small simulation (a few seconds); every rank calls this together."""
    layout = random_layout(platform, PROBE_COUNT, seed=0)
    brief = replace(beam.numerics, max_time=1e-3)  # ends with the pulse, long before the fields have settled
    voxels = TaskCost.of(Task(layout, beam)).voxels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnsettledWarning)
        simulate(random_layout(platform, 1, seed=0), brief)  # Meep's own start is no part of the speed
        measured = simulate(layout, brief, beam.light).provenance
    initialisation, wall, steps = (
        float(str(measured[name])) for name in ("initialisation_time_s", "wall_time_s", "steps")
    )
    return Speed(voxels * steps / (wall - initialisation), voxels / initialisation)


def refuse_what_does_not_fit(tasks: Iterable[Task], ranks: int, ranks_here: int, free: int) -> None:
    """Stop before a run that the memory cannot hold.

    Args:
        tasks: the simulations that are missing.
        ranks: number of ranks that share one simulation.
        ranks_here: how many of these are on this node.
        free: bytes that are free on this node.

    Raises:
        InputError: a simulation does not fit; it says what would.
    """
    for task in tasks:
        needed = TaskCost.of(task).memory_per_rank(ranks) * ranks_here
        if needed > free:
            raise InputError(
                f"{task.file_name}: needs {_gib(needed)} on this node ({ranks_here} of {ranks} ranks), "
                f"{_gib(free)} are free. Would fit: {_remedies(task, ranks, ranks_here, free)}"
            )


def _remedies(task: Task, ranks: int, ranks_here: int, free: int) -> str:
    room = free - ranks_here * BYTES_PER_RANK
    if room <= 0:
        return "fewer ranks on this node"
    cost = TaskCost.of(task)
    nodes = math.ceil(cost.voxels * cost.bytes_per_voxel * ranks_here / ranks / room)
    pixels, count = task.numerics.pixels_per_period, max(task.layout.counts)
    share = int(2 ** sum(task.mirrors))

    def fits(pixels: int, count: int) -> bool:
        voxels = _voxels(task, pixels, count / max(task.layout.counts))
        return ranks_here * (BYTES_PER_RANK + voxels / share * cost.bytes_per_voxel / ranks) <= free

    finest = next((p for p in range(pixels, 3, -1) if fits(p, count)), None)
    largest = next((c for c in range(count, 0, -1) if fits(pixels, c)), None)
    options = [f"{nodes} nodes like this one"]
    options += [f"pixels_per_period = {finest}"] if finest else []
    options += [f"count = {largest}"] if largest else []
    return ", or ".join(options)


def _voxels(task: Task, pixels: int, scale: float) -> float:
    """Voxels at another resolution and size of the aperture; infinite where the grid is too coarse."""
    along_x, along_y = (scale * side for side in task.layout.sides)
    try:
        numerics = replace(task.numerics, pixels_per_period=pixels)
        return layout_grid(task.layout.platform, numerics, (along_x, along_y)).voxels
    except InputError:
        return math.inf


def print_plan(tasks: list[Task] | None, folder: Path) -> None:
    """Print the cost of what is missing, and refuse what does not fit; every rank calls this together.

    Args:
        tasks: all simulations of the campaign; needed on rank 0 only.
        folder: folder of the near-field files.

    Raises:
        InputError: a simulation does not fit into memory; it says what would.
    """
    world = communicator()
    with aborting_together(world):
        undone, problems = world.bcast(missing(tasks, folder) if tasks is not None else None)
        if world.rank == 0:
            print("".join(f"{problem}\n" for problem in problems), end="")
        if not undone:
            if world.rank == 0:
                print(f"{folder}: nothing {'else ' if problems else ''}is missing")
            return
        table = plan_table(undone, world.size)
        if world.rank == 0:
            table.print()
        refuse_what_does_not_fit(undone, world.size, ranks_on_this_node(), memory_here())


def plan_table(tasks: Sequence[Task], ranks: int) -> Table:
    """A table of the cost of every task; every rank calls this together, because it times this machine."""
    speeds = {
        task.beam: measured_speed(task.layout.platform, task.beam)
        for task in {task.beam: task for task in tasks}.values()
    }
    estimates = [(TaskCost.of(task), speeds[task.beam]) for task in tasks]
    total = sum(estimate.seconds(speed) for estimate, speed in estimates)
    return Table(
        f"{len(tasks)} simulations to run: about {_duration(total)} on {ranks} ranks",
        ("simulation", "voxels", "steps", "memory per rank", "time"),
        tuple(
            (
                estimate.task.file_name,
                f"{estimate.voxels / 1e6:.2f} M",
                f"{estimate.steps}",
                _gib(estimate.memory_per_rank(ranks)),
                _duration(estimate.seconds(speed)),
            )
            for estimate, speed in estimates
        ),
        f"Voxels that are simulated; steps to a typical {TYPICAL_TIME:g} µm/c; speed measured just now on a "
        f"{PROBE_COUNT} × {PROBE_COUNT} layout.",
    )


def ranks_on_this_node() -> int:
    """How many ranks share this node's memory."""
    world = communicator()
    from mpi4py import MPI

    return int(world.Split_type(MPI.COMM_TYPE_SHARED).size)


def _gib(count: float) -> str:
    return f"{count / 2**30:.2f} GiB"


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else (f"{seconds / 3600:.1f} h")
    )
