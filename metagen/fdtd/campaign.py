"""Many independent simulations: which there are, which are missing, and running those."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import Discriminator, Field, Tag
from tqdm import tqdm

from metagen.errors import FormatError, InputError
from metagen.families import Family
from metagen.fdtd.engine import require_meep
from metagen.fdtd.numerics import Numerics, grid_for
from metagen.fdtd.simulation import Progress, simulate
from metagen.files import content_hash
from metagen.layout import Layout
from metagen.nearfield import NearField
from metagen.parallel import aborting_together, communicator
from metagen.platform import Platform
from metagen.validation import Positive, checked, load_toml

STALE_S = 600
"""Age at which a partial file can only be left over from a killed run: writing one takes seconds."""
TYPICAL_TIME = 20.0
"""Simulated time (µm / c) assumed for the progress bar until a first simulation has told."""


@checked
class ErrorTarget:
    """Light of which the file states the error that is allowed; resolution and compensation follow.

    Attributes:
        wavelength: in vacuum.
        error_target: largest relative error of a near field against the converged one.
    """

    wavelength: Positive
    error_target: Annotated[float, Field(gt=0, lt=1)]


def _tag(light: object) -> str:
    aims = isinstance(light, ErrorTarget) or (isinstance(light, dict) and "error_target" in light)
    return "error target" if aims else "numerics"


Light = Annotated[
    Annotated[Numerics, Tag("numerics")] | Annotated[ErrorTarget, Tag("error target")], Discriminator(_tag)
]


@checked
class CampaignFile:
    """What a campaign file says: as :class:`Campaign`, but light may be an error target."""

    light: Annotated[tuple[Light, ...], Field(min_length=1)]
    layouts: Annotated[tuple[Family, ...], Field(min_length=1)]
    platform: Platform = Field(default_factory=Platform)


@checked
class Campaign:
    """Layouts × wavelengths to simulate.

    Attributes:
        light: numerics of each wavelength.
        layouts: families of layouts.
        platform: what the process fixes.
    """

    light: Annotated[tuple[Numerics, ...], Field(min_length=1)]
    layouts: Annotated[tuple[Family, ...], Field(min_length=1)]
    platform: Platform = Field(default_factory=Platform)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a campaign file (TOML); error targets are turned into numerics.

        That takes calibration runs with Meep where these are not cached (under MPI, every rank must then
        load the file).

        Raises:
            InputError: an unknown key, a value that is not allowed, or a wavelength given twice.
            MissingDependencyError: an error target, not calibrated yet, and no Meep.
        """
        written = load_toml(path, CampaignFile)
        wavelengths = [light.wavelength for light in written.light]
        if len(set(wavelengths)) < len(wavelengths):
            raise InputError(f"{path}: light: a wavelength stands there twice: {wavelengths}")
        light = tuple(_numerics(each, written.platform) for each in written.light)
        return cls(light, written.layouts, written.platform)

    def tasks(self) -> list[Task]:
        """All simulations, wavelength by wavelength."""
        layouts = [layout for family in self.layouts for layout in family.layouts(self.platform)]
        return [Task(layout, numerics) for numerics in self.light for layout in layouts]


def _numerics(light: Numerics | ErrorTarget, platform: Platform) -> Numerics:
    if isinstance(light, Numerics):
        return light
    from metagen.fdtd.calibration import numerics_for

    return numerics_for(platform, light.wavelength, light.error_target)


@dataclass(frozen=True)
class Task:
    """One simulation; equal tasks have equal file names, and a change of anything changes the name."""

    layout: Layout
    numerics: Numerics

    @property
    def hash(self) -> str:
        """Content hash of layout and numerics."""
        return content_hash(self.layout.hash, asdict(self.numerics))

    @property
    def file_name(self) -> str:
        """Name of the near-field file, for example ``random-s1-633nm-0f3c9a1b.h5``."""
        return f"{self.layout.name}-{self.numerics.wavelength * 1000:.0f}nm-{self.hash[:8]}.h5"

    @property
    def cost(self) -> float:
        """Work per simulated time, in voxel updates."""
        grid = grid_for(self.layout.platform, self.numerics, self.layout.count, periodic=False)
        return grid.voxels / grid.pixel

    def is_done(self, folder: Path) -> bool:
        """Whether its file is there and whole.

        A file that cannot be read is renamed to end in ``.damaged``, so that it is made again and nothing is
        lost that somebody may want to look at.
        """
        path = folder / self.file_name
        if not path.exists():
            return False
        try:
            near = NearField.load(path)
        except FormatError:
            path.replace(path.with_suffix(".damaged"))
            return False
        return Task(near.layout, Numerics(**near.numerics)).hash == self.hash  # type: ignore[arg-type]


def run(tasks: list[Task] | None, folder: Path) -> list[Path]:
    """Simulate what is missing; every rank calls this together.

    Args:
        tasks: what is wanted; needed on rank 0 only, the other ranks may pass None.
        folder: where the near-field files go; files that are there already are left as they are.

    Returns:
        The files of all tasks, in their order.
    """
    require_meep()
    world = communicator()
    with aborting_together(world):
        tasks = world.bcast(tasks)
        missing = world.bcast(_missing(tasks, folder) if world.rank == 0 else None)
        with _Bar(missing, silent=world.rank > 0) as bar:
            for task in missing:
                near = simulate(task.layout, task.numerics, progress=bar.within(task))
                if world.rank == 0:
                    near.save(folder / task.file_name)
                bar.finish(task, near)
                world.barrier()
    return [folder / task.file_name for task in tasks]


def _missing(tasks: list[Task], folder: Path) -> list[Task]:
    folder.mkdir(parents=True, exist_ok=True)
    for partial in folder.glob(".*.partial"):
        if time.time() - partial.stat().st_mtime > STALE_S:
            partial.unlink()
    return [task for task in tasks if not task.is_done(folder)]


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

    def within(self, task: Task) -> Progress:
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
