"""One simulation of a campaign, and the file that it ends in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from metagen.base.errors import DamagedError
from metagen.base.files import content_hash
from metagen.base.wavelength import nanometres
from metagen.data.nearfield import NearField
from metagen.device.layout import Layout
from metagen.fdtd.grid import layout_grid
from metagen.fdtd.numerics import Numerics


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
        return f"{self.layout.name}-{nanometres(self.numerics.wavelength)}nm-{self.hash[:8]}.h5"

    @property
    def cost(self) -> float:
        """Voxel updates per simulated time: a measure of the work."""
        grid = layout_grid(self.layout.platform, self.numerics, self.layout.count)
        return grid.voxels / grid.pixel

    def is_done(self, folder: Path) -> bool:
        """Whether the folder holds the complete near field of this very task.

        Raises:
            AccessError: the file is there, but nobody can say now whether it is whole.
            FormatError: it is of another kind or version, or in other conventions.
        """
        path = folder / self.file_name
        if not path.is_file():
            return False
        try:
            near = NearField.load(path)
        except DamagedError:
            return False
        return Task(near.layout, Numerics(**near.numerics)).hash == self.hash  # type: ignore[arg-type]
