"""A device: the radius of every pillar on the lattice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.base.files import HASH, Schema, content_hash, reading_hdf5, writing_hdf5
from metagen.base.validation import validate
from metagen.device.platform import Platform


def _is_intact(file: h5py.File) -> bool:
    """Whether a file of version 1 matches its hash; one without a hash counts as intact."""
    found = content_hash(json.loads(file.attrs["platform"]), np.asarray(file["radii"]))
    return bool(file.attrs.get(HASH, found) == found)


SCHEMA = Schema("metagen/layout", version=2, before=1, is_intact=_is_intact)
DIGITS = 12
"""Decimals to which radii on a grid are rounded: 105·0.001 is 0.105, and not 0.10500000000000001."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Pillar radii on a square lattice that is centred on the axis.

    Attributes:
        platform: what the process fixes.
        radii: [N, N] radii, index order [x, y]; 0 is a site without a pillar. Read-only.
        name: a short label for files and plots.
        provenance: what made the layout, as texts by name; files carry it along.

    Raises:
        InputError: the radii are not a square array, not finite, negative, or over half the period.
    """

    platform: Platform
    radii: NDArray[np.float64]
    name: str = "layout"
    provenance: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        radii = np.array(self.radii, dtype=np.float64)
        check_radii(radii, self.platform)
        radii.flags.writeable = False
        object.__setattr__(self, "radii", radii)
        object.__setattr__(self, "provenance", dict(self.provenance))

    def __repr__(self) -> str:
        """The name and the size, without the radii."""
        return (
            f"{type(self).__name__}({self.name!r}, {self.count} × {self.count} pillars, side {self.side:.4g})"
        )

    @property
    def count(self) -> int:
        """Pillars along one side, N."""
        return len(self.radii)

    @property
    def side(self) -> float:
        """Side of the square aperture, N times the period."""
        return self.count * self.platform.period

    @property
    def positions(self) -> NDArray[np.float64]:
        """[N] coordinates of the pillars along either axis."""
        return cell_centres(self.count, self.platform.period)

    @property
    def has_mirror_planes(self) -> bool:
        """Whether x → −x and y → −y each leave the device as it is."""
        return bool(
            np.array_equal(self.radii, self.radii[::-1]) and np.array_equal(self.radii, self.radii[:, ::-1])
        )

    @property
    def hash(self) -> str:
        """Content hash of the platform and the radii (not of the name)."""
        return content_hash(self.platform.described, self.radii)

    def save(self, path: str | Path) -> None:
        """Write the layout to an HDF5 file (atomically)."""
        with writing_hdf5(path, SCHEMA) as file:
            write_layout(file, self)

    @classmethod
    def load(cls, path: str | Path) -> Layout:
        """Read a layout from an HDF5 file.

        Raises:
            InputError, FormatError: see :func:`metagen.base.files.reading_hdf5`.
        """
        with reading_hdf5(path, SCHEMA) as file:
            return read_layout(file)


def check_radii(radii: NDArray[np.float64], platform: Platform) -> None:
    """Refuse radii that no device of this platform can have."""
    if radii.ndim != 2 or radii.shape[0] != radii.shape[1] or radii.size == 0:
        raise InputError(f"radii have shape {radii.shape}, expected a square array [N, N]")
    finite = np.isfinite(radii)
    if not finite.all():
        raise InputError(
            f"radii{_first(~finite)} is {radii[~finite][0]}; every radius must be a finite number"
        )
    wrong = (radii < 0) | (radii > platform.period / 2)
    if wrong.any():
        raise InputError(
            f"radii{_first(wrong)} is {radii[wrong][0]:g}; a radius is between 0 (no pillar) and half the "
            f"period, {platform.period / 2:g}, or neighbours would overlap"
        )


def _first(mask: NDArray[np.bool_]) -> list[int]:
    return [int(index) for index in np.argwhere(mask)[0]]


def cell_centres(count: int, period: float) -> NDArray[np.float64]:
    """[count] coordinates of the cell centres along one axis: (i − (count − 1)/2)·period."""
    return (np.arange(count) - (count - 1) / 2) * period


def on_grid(radii: NDArray[np.float64], grid: float) -> NDArray[np.float64]:
    """The nearest multiples of ``grid``, always as the same floats, so that hashes can be compared."""
    return np.asarray(np.round(np.rint(radii / grid) * grid, DIGITS))


def random_layout(platform: Platform, count: int, seed: int) -> Layout:
    """A layout with independent radii, uniform within the platform's limits, with both mirror planes.

    Args:
        platform: what the process fixes.
        count: pillars along one side.
        seed: seed of the random generator; equal seeds give equal layouts.
    """
    half = (count + 1) // 2
    quadrant = np.random.default_rng(seed).uniform(platform.radius_min, platform.radius_max, (half, half))
    return Layout(
        platform,
        unfold(quadrant, count),
        name=f"random-s{seed}",
        provenance={"family": "random", "seed": str(seed)},
    )


def unfold(quadrant: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Mirror the quadrant x, y ≥ 0 (shape [⌈count/2⌉, ⌈count/2⌉]) to the whole [count, count] plane."""
    index = np.abs(np.arange(count) - (count - 1) / 2).astype(int)
    return quadrant[np.ix_(index, index)]


def write_layout(group: h5py.Group, layout: Layout) -> None:
    """Store a layout in an open HDF5 file or group."""
    group["radii"] = layout.radii
    group.attrs["platform"] = json.dumps(layout.platform.described)
    group.attrs["name"] = layout.name
    group.attrs["provenance"] = json.dumps(dict(layout.provenance))


def read_layout(group: h5py.Group) -> Layout:
    """Read what :func:`write_layout` stored.

    Raises:
        InputError: radii that no device can have.
    """
    return Layout(
        validate(json.loads(group.attrs["platform"]), Platform, source=str(group.file.filename)),
        np.asarray(group["radii"]),
        name=str(group.attrs["name"]),
        provenance=json.loads(group.attrs["provenance"]),
    )
