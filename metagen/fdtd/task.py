"""One simulation of a campaign, and the file that it ends in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from metagen.base.contents import content_hash
from metagen.base.errors import DamagedError, InputError, MetagenError
from metagen.base.files import is_there
from metagen.base.names import in_file_name
from metagen.data.nearfield import NearField
from metagen.device.illumination import Illumination, label
from metagen.device.layout import Layout
from metagen.fdtd.beam import Beam, beam_of
from metagen.fdtd.layout_scene import aperture_grid, usable_mirrors
from metagen.fdtd.numerics import Numerics


@dataclass(frozen=True)
class Task:
    """One simulation; equal tasks have equal file names, and a change of anything changes the name.

    Attributes:
        layout: the device.
        beam: the light, and how it is simulated; numerics alone stand for light along x.
    """

    layout: Layout
    beam: Beam

    if TYPE_CHECKING:

        def __init__(self, layout: Layout, beam: Beam | Numerics) -> None: ...

    def __post_init__(self) -> None:
        object.__setattr__(self, "beam", beam_of(self.beam))

    @property
    def numerics(self) -> Numerics:
        """How the light is simulated."""
        return self.beam.numerics

    @property
    def light(self) -> Illumination:
        """What comes from the substrate."""
        return self.beam.light

    @property
    def hash(self) -> str:
        """Content hash of layout, numerics and light."""
        parts = self.layout.hash, asdict(self.numerics)
        return content_hash(*parts) if self.light.is_plain else content_hash(*parts, self.light.described)

    @property
    def file_name(self) -> str:
        """Name of the near-field file, for example ``random-s1-633nm-0f3c9a1b.h5``, or ``…-633nm-y-….h5``."""
        return f"{in_file_name(self.layout.name)}-{label(self.light)}-{self.hash[:8]}.h5"

    @property
    def mirrors(self) -> tuple[bool, bool]:
        """Whether the simulation uses x → −x and y → −y, each of which halves it."""
        return usable_mirrors(self.layout, self.light)

    @cached_property
    def cost(self) -> float:
        """Voxel updates per simulated time: a measure of the work."""
        grid = aperture_grid(self.layout, self.beam)
        return grid.voxels / grid.pixel

    def is_done(self, folder: Path) -> bool:
        """Whether the folder holds the complete near field of this very task.

        Raises:
            AccessError: the file is there, but nobody can say now whether it is whole.
            FormatError: it is of another kind or version, or in other conventions.
        """
        path = folder / self.file_name
        try:
            return is_there(path) and self._made(NearField.load(path))
        except DamagedError:
            return False

    def _made(self, near: NearField) -> bool:
        """Whether a near field came from this task; numerics of other names are of another one."""
        try:
            numerics = Numerics(**near.numerics)  # type: ignore[arg-type]
        except (InputError, TypeError):
            return False
        return Task(near.layout, Beam(numerics, near.illumination)).hash == self.hash


def missing(tasks: Iterable[Task], folder: Path) -> tuple[list[Task], list[str]]:
    """The tasks that are still to be done, and what is wrong with files of which nobody can say so now."""
    found, problems = [], []
    for task in tasks:
        try:
            if not task.is_done(folder):
                found.append(task)
        except MetagenError as problem:
            problems.append(str(problem))
    return found, problems
