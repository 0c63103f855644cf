"""Many independent simulations: which there are, which are missing, and running those."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field
from tqdm import tqdm

from metagen.base.arguments import brief
from metagen.base.errors import InputError, MismatchError, SimulationError
from metagen.base.memory import memory_here
from metagen.base.parallel import aborting_together, communicator
from metagen.base.validation import checked, load_toml
from metagen.data.nearfield import NearField
from metagen.device.illumination import Illumination, in_words, label
from metagen.device.layout import Layout
from metagen.device.platform import Platform, difference
from metagen.fdtd.apart import simulate_apart
from metagen.fdtd.beam import Beam, beam_of
from metagen.fdtd.campaign_file import CampaignFile
from metagen.fdtd.claims import Queue, check_locks
from metagen.fdtd.engine import require_meep
from metagen.fdtd.layout_scene import has_prisms
from metagen.fdtd.plan import TYPICAL_TIME, ranks_on_this_node, refuse_what_does_not_fit
from metagen.fdtd.simulation import simulate
from metagen.fdtd.stepping import OnProgress
from metagen.fdtd.task import Task as Task
from metagen.fdtd.task import missing
from metagen.forward.families import Family


@checked
class Campaign:
    """Layouts × light to simulate.

    Attributes:
        light: each light, and the settings of its simulations; numerics alone stand for light along x.
        layouts: families of layouts, each of which stands for many devices.
        platform: what the process fixes.
    """

    light: Annotated[tuple[Annotated[Beam, BeforeValidator(beam_of)], ...], Field(min_length=1)]
    layouts: Annotated[tuple[Family, ...], Field(min_length=1)]
    platform: Platform = Field(default_factory=Platform)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a campaign file (TOML); error targets are turned into numerics.

        That takes calibration runs with Meep where these are not cached (under MPI, every rank must then
        load the file).

        Raises:
            InputError: an unknown key, a value that is not allowed, or light given twice.
            MissingDependencyError: an error target, not calibrated yet, and no Meep.
        """
        written = load_toml(path, CampaignFile)
        light = [beam for entry in written.light for beam in entry.beams(written.platform)]
        labels = [label(beam.light) for beam in light]
        if len(set(labels)) < len(labels):
            raise InputError(f"{path}: light: the same light stands there twice: {', '.join(labels)}")
        return cls(tuple(light), written.layouts, written.platform)

    def light_of(self, lights: Iterable[Illumination]) -> list[Beam]:
        """What has to be simulated to know some light, each once, that of the campaign first.

        Light that the campaign does not name itself is the sum of the same light along x and along y.
        Numerics of one polarisation serve the others from the same direction, unless these have their own.

        Raises:
            MismatchError: the campaign has no light of some wavelength and direction.
        """
        wanted = list(dict.fromkeys(beam for light in lights for beam in self._beams_of(light)))
        return [*(b for b in self.light if b in wanted), *(b for b in wanted if b not in self.light)]

    def _beams_of(self, light: Illumination) -> list[Beam]:
        own = self._own(light)
        return [own] if own else [self._own(part) or self._borrowed(part) for _, part in light.parts]

    def _own(self, light: Illumination) -> Beam | None:
        return next((beam for beam in self.light if beam.light.is_like(light)), None)

    def _borrowed(self, light: Illumination) -> Beam:
        """The light with the numerics of another polarisation."""
        for beam in self.light:
            if replace(beam.light, polarisation=light.polarisation).is_like(light):
                return Beam(beam.numerics, light)
        known = "; ".join(f"{each.wavelength:g} ({in_words(each.light)})" for each in self.light)
        raise MismatchError(
            f"light of {light.wavelength:g} µm ({in_words(light)}) cannot be simulated: the campaign has "
            f"numerics for {known}; add [[light]] with {_entry(light)}"
        )

    def require_platform(self, layout: Layout) -> None:
        """Refuse a layout of another platform, for which the numerics were not meant.

        Raises:
            MismatchError: the layout is of another platform than the campaign.
        """
        if layout.platform != self.platform:
            raise MismatchError(
                f"layout {layout.name!r} is of another platform than the campaign: "
                f"{difference(self.platform, layout.platform)}; give a campaign whose [platform] is that of "
                "the layout, with the numerics that were found for it"
            )

    def tasks(self) -> list[Task]:
        """All simulations, light by light."""
        layouts = [layout for family in self.layouts for layout in family.layouts(self.platform)]
        return [Task(layout, beam) for beam in self.light for layout in layouts]


def _entry(light: Illumination) -> str:
    """What a campaign file has to say for some light."""
    tilt = {"polar_deg": math.degrees(light.polar), "azimuth_deg": math.degrees(light.azimuth)}
    angles = "".join(f", {name} = {angle:g}" for name, angle in tilt.items() if angle)
    return f'wavelength = {light.wavelength:g}, polarisation = "{light.polarisation}"{angles}'


def part(tasks: Sequence[Task], text: str) -> list[Task]:
    """The i-th of n parts of equal work, from ``"i/n"`` with i = 1 … n, for job arrays.

    Raises:
        InputError: not of that form.
    """
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
    number, count = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= count:
        raise InputError(f"task is {brief(text)}; expected i/n with i from 1 to n, for example 1/8")
    return sorted(tasks, key=lambda task: -task.cost)[number - 1 :: count]


def run(tasks: list[Task] | None, folder: Path) -> list[Path]:
    """Simulate what is missing; every rank calls this together.

    Any number of processes may do this at the same time with the same folder: each simulation is done by
    one of them, and this returns when all are done. One that fails does not keep the others from running.

    Args:
        tasks: the simulations whose files should be there at the end; the ranks other than 0 may pass None.
        folder: folder of the near-field files; complete files that it holds already are left as they are.

    Returns:
        The files of all tasks, in their order.

    Raises:
        InputError: a simulation does not fit into memory, or the file system has no locks.
        SimulationError: simulations failed, or files that are there cannot be looked at.
        AccessError: a file cannot be written; what was finished before is on disk.
    """
    require_meep()
    world = communicator()
    with aborting_together(world):
        tasks = world.bcast(tasks)
        undone, problems = world.bcast(_undone(tasks, folder) if world.rank == 0 else None)
        refuse_what_does_not_fit(undone, world.size, ranks_on_this_node(), memory_here())
        queue = Queue(undone, folder)
        with _Bar(undone, silent=world.rank > 0) as bar:
            failures = _simulate_all(world, queue, folder, bar)
        failures = [*problems, *failures, *world.bcast(queue.problems)]
    if failures:
        raise SimulationError("\n".join(failures))
    return [folder / task.file_name for task in tasks]


def _undone(tasks: list[Task], folder: Path) -> tuple[list[Task], list[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    check_locks(folder)
    return missing(tasks, folder)


def _simulate_all(world: Any, queue: Queue, folder: Path, bar: _Bar) -> list[str]:
    failures = []
    while (task := world.bcast(queue.next() if world.rank == 0 else None)) is not None:
        try:
            near = _simulate(world, task, bar.within(task))
        except SimulationError as error:  # the same on all ranks: all of them have the whole field
            failures.append(str(error))
        else:
            if world.rank == 0:
                near.save(folder / task.file_name)
            bar.finish(task, near)
        finally:
            queue.finish()
    return failures


def _simulate(world: Any, task: Task, progress: OnProgress) -> NearField:
    """Prisms cost memory that only the end of a process gives back; ranks cannot start others."""
    if world.size == 1 and has_prisms(task.layout):
        return simulate_apart(task, progress)
    return simulate(task.layout, task.numerics, task.light, progress=progress)


class _Bar:
    """A progress bar over simulations of unequal cost, moving also within each."""

    def __init__(self, tasks: list[Task], silent: bool) -> None:
        self._bar = tqdm(
            total=round(sum(task.cost for task in tasks)),
            disable=silent or not tasks,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed} elapsed, {remaining} left",
            mininterval=1.0,
        )
        self._expected: dict[float, float] = {}
        self._done = 0.0
        self._count, self._tasks = 0, len(tasks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def within(self, task: Task) -> OnProgress:
        self._bar.set_description_str(f"{self._count + 1}/{self._tasks} {task.layout.name}")
        expected = self._expected.get(task.numerics.wavelength, TYPICAL_TIME)

        def report(simulated: float) -> None:
            self._move_to(self._done + task.cost * min(simulated / expected, 0.95))

        return report

    def finish(self, task: Task, near: NearField) -> None:
        self._expected[task.numerics.wavelength] = float(str(near.provenance["simulated_time"]))
        self._count += 1
        self._done += task.cost
        self._move_to(self._done)

    def _move_to(self, done: float) -> None:
        self._bar.update(max(0, round(done) - self._bar.n))
