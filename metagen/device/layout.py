"""A device: the parameters of the pillar at every site of a lattice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from metagen.base.arguments import generator
from metagen.base.contents import HASH, content_hash
from metagen.base.errors import InputError
from metagen.base.files import Schema, reading_hdf5, writing_hdf5
from metagen.base.names import check_name
from metagen.base.validation import validate
from metagen.device.atoms import Atom, Kind
from metagen.device.circles import CircleLimits
from metagen.device.orbits import SiteOrbits
from metagen.device.pillars import Mask, admitted, check_pillars
from metagen.device.platform import Platform
from metagen.device.sites import Aperture, Sites, counts_of, site_centres, suffix
from metagen.device.sites import cell_centres as cell_centres
from metagen.device.symmetry import Symmetry, permutation


def _is_intact(file: h5py.File) -> bool:
    """Whether a file of version 1 matches its hash; one without a hash counts as intact."""
    found = content_hash(json.loads(file.attrs["platform"]), np.asarray(file["radii"]))
    return bool(file.attrs.get(HASH, found) == found)


SCHEMA = Schema("metagen/layout", version=2, before=1, is_intact=_is_intact)
DIGITS = 12
"""Decimals to which radii on a grid are rounded: 105·0.001 is 0.105, and not 0.10500000000000001."""
SAME = 1e-9
"""Parameters of two pillars that differ by less than this are the same."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Pillars on Nx × Ny cells of a lattice, which is centred on the axis.

    The values can be given by name, ``Layout(platform, {"length": lengths, "angle": angles})``, as arrays
    [Nx, Ny], or [Nx, Ny, S] where a cell has S sites; where the meta-atom has one free parameter, the array
    alone is enough: ``Layout(platform, radii)``. A length of 0 that makes the pillar vanish is a site
    without a pillar.

    Attributes:
        platform: what the process fixes.
        values: [Nx, Ny, S, P] free parameters of the meta-atom, in the order of ``platform.atom.parameters``;
            0 where there is no pillar. Read-only.
        name: a short label for files and plots (:func:`metagen.base.names.check_name`).
        provenance: what made the layout, as texts by name; files carry it along.
        present: [Nx, Ny, S] whether there is a pillar; by default, wherever it does not vanish. Read-only.

    Raises:
        InputError: the values have another shape or other names, no pillar of this platform can have them, or
            the name is none.
    """

    platform: Platform
    values: NDArray[np.float64]
    name: str = "layout"
    provenance: Mapping[str, str] = field(default_factory=dict)
    present: Mask = field(default=None, kw_only=True)  # type: ignore[arg-type]

    if TYPE_CHECKING:

        def __init__(
            self,
            platform: Platform,
            values: ArrayLike | Mapping[str, ArrayLike],
            name: str = ...,
            provenance: Mapping[str, str] = ...,
            *,
            present: ArrayLike | None = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        check_name(self.name)
        values, present = admitted(self.platform, self.values, self.present)
        check_pillars(self.platform, values, present)
        values[~present] = 0
        for name, array in (("values", values), ("present", present)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "provenance", dict(self.provenance))

    def __repr__(self) -> str:
        """The name and the size, without the parameters."""
        counts, sides = (" × ".join(f"{n:.4g}" for n in pair) for pair in (self.counts, self.sides))
        size = f"{counts} pillars, side {self.sides[0]:.4g}" if self.is_simple else f"{counts} cells, {sides}"
        return f"{type(self).__name__}({self.name!r}, {size})"

    def __getitem__(self, parameter: str) -> NDArray[np.float64]:
        """[Nx, Ny] or [Nx, Ny, S] values of one parameter, free or fixed; 0 where there is no pillar.

        Raises:
            InputError: the meta-atom has no such parameter.
        """
        fixed = self.platform.atom.fixed
        if parameter in fixed:
            values = np.where(self.present, fixed[parameter], 0.0)
        else:
            values = self.values[..., self.platform.atom.position(parameter)]
        return values[..., 0] if values.shape[2] == 1 else values

    @property
    def radii(self) -> NDArray[np.float64]:
        """[Nx, Ny] or [Nx, Ny, S] radii of circles; 0 is a site without a pillar.

        Raises:
            InputError: the meta-atom has no radius.
        """
        return self["radius"]

    @property
    def counts(self) -> tuple[int, int]:
        """Cells along x and along y, (Nx, Ny)."""
        return self.present.shape[0], self.present.shape[1]

    @property
    def sides(self) -> tuple[float, float]:
        """Sides of the rectangular aperture along x and y: numbers of cells times the pitch."""
        (along_x, along_y), (px, py) = self.counts, self.platform.lattice.pitch
        return along_x * px, along_y * py

    @property
    def is_simple(self) -> bool:
        """Whether this is a square array of pillars on a square lattice."""
        return self.platform.lattice.is_square and self.counts[0] == self.counts[1]

    @property
    def count(self) -> int:
        """Pillars along one side of a square array on a square lattice, N.

        Raises:
            InputError: it is another array.
        """
        self._require_simple("count")
        return self.counts[0]

    @property
    def side(self) -> float:
        """Side of the square aperture, N times the period; raises as :attr:`count`."""
        self._require_simple("side")
        return self.sides[0]

    @property
    def positions(self) -> NDArray[np.float64]:
        """[N] coordinates of the pillars along either axis; raises as :attr:`count`."""
        return cell_centres(self.count, self.platform.lattice.pitch[0])

    @cached_property
    def centres(self) -> NDArray[np.float64]:
        """[Nx, Ny, S, 2] x and y of all sites, with and without a pillar."""
        return site_centres(self.platform.lattice, self.counts)

    @cached_property
    def symmetry(self) -> Symmetry:
        """The mirrors and turns about the axis that leave the device as it is."""
        return Symmetry.where(self._is_kept)

    @property
    def has_mirror_planes(self) -> bool:
        """Whether x → −x and y → −y each leave the device as it is."""
        return self._is_kept(Symmetry.MIRROR_X) and self._is_kept(Symmetry.MIRROR_Y)

    @property
    def hash(self) -> str:
        """Content hash of the platform and of the pillars (not of the name)."""
        return content_hash(self.platform.described, *self._stored.values())

    def with_values(
        self,
        values: ArrayLike | Mapping[str, ArrayLike],
        *,
        name: str | None = None,
        present: ArrayLike | None = None,
    ) -> Self:
        """The same layout with other values, given as to the constructor, and perhaps another name."""
        made = Layout(self.platform, values, present=present)
        return replace(self, values=made.values, present=made.present, name=name or self.name)

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

    @property
    def _stored(self) -> dict[str, NDArray[np.float64] | NDArray[np.bool_]]:
        """What files hold and the hash covers: circles on a square lattice as in earlier releases."""
        if CircleLimits.of(self.platform.lattice, self.platform.atom):
            return {"radii": np.ascontiguousarray(self.radii)}
        return {"values": self.values, "present": self.present}

    def _is_kept(self, operation: Symmetry) -> bool:
        values, atom = self.values[self.present], self.platform.atom
        places = permutation(self.centres[self.present], operation, self.platform.lattice.spacing)
        if places is None:
            return False
        try:
            images = atom.image(values, operation)
        except InputError:
            return False
        return bool(np.abs(images - atom.image(values, Symmetry.NONE)[places]).max(initial=0) < SAME)

    def _require_simple(self, name: str) -> None:
        if not self.is_simple:
            raise InputError(
                f"{name} is for square arrays on a square lattice; layout {self.name!r} has "
                f"{self.counts[0]} × {self.counts[1]} cells of {self.platform.lattice}: see counts and sides"
            )


def on_grid(radii: NDArray[np.float64], grid: float) -> NDArray[np.float64]:
    """The nearest multiples of ``grid``, always as the same floats, so that hashes can be compared."""
    return np.asarray(np.round(np.rint(radii / grid) * grid, DIGITS))


def random_layout(
    platform: Platform, count: int | tuple[int, int], seed: int, aperture: Aperture = "rectangle"
) -> Layout:
    """A layout of independent pillars, uniform within the platform's limits, with both mirror planes.

    Args:
        platform: what the process fixes.
        count: cells along x and y, or along x alone (:func:`metagen.device.sites.counts_of`).
        seed: seed of the random generator; equal seeds give equal layouts.
        aperture: shape of the device.

    Raises:
        InputError: a count is not positive, or lattice or meta-atom lack one of the mirrors.
    """
    orbits = SiteOrbits.of(Sites.within(platform.lattice, counts_of(platform.lattice, count), aperture))
    low, high = limits_of(platform.atom)
    values = generator(seed).uniform(low, high, (len(orbits.centres), len(low)))
    provenance = {"family": "random", "seed": str(seed)}
    name = f"random-s{seed}{suffix(aperture)}"
    return mirrored_layout(platform, orbits, values, name, provenance)


def limits_of(atom: Atom) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[P] limits between which numbers stand for parameters; a choice is the whole number below one."""
    choice = [parameter.kind is Kind.CHOICE for parameter in atom.parameters]
    low, high = (np.array([getattr(each, end) for each in atom.parameters]) for end in ("low", "high"))
    return low, high + np.array(choice)


def mirrored_layout(
    platform: Platform,
    orbits: SiteOrbits,
    values: NDArray[np.float64],
    name: str,
    provenance: Mapping[str, str],
) -> Layout:
    """The layout that follows from the pillars of one site of each orbit.

    A pillar on a mirror plane is changed to the nearest one that is its own image; where there is none, the
    site stays empty.

    Args:
        platform: what the process fixes.
        orbits: the sites and their images.
        values: [K, P] numbers within the limits of :func:`limits_of`.
        name: of the layout.
        provenance: of the layout.

    Raises:
        InputError: the images of pillars are not all within the platform's limits.
    """
    orbits.check(platform.atom)
    choice = [parameter.kind is Kind.CHOICE for parameter in platform.atom.parameters]
    settled, possible = orbits.settled(platform.atom, np.where(choice, np.floor(values), values))
    present, array = orbits.sites.present.copy(), np.zeros((*orbits.sites.present.shape, values.shape[1]))
    array[present] = orbits.unfolded(platform.atom, settled)
    kept = np.empty(len(orbits.sites.centres), dtype=np.bool_)
    kept[orbits.images] = possible
    present[present] = kept
    return Layout(platform, array, name=name, provenance=provenance, present=present)


def on_wider(platform: Platform, layout: Layout) -> Layout:
    """A layout as one of a platform on which more parameters of the same meta-atom are free."""
    values = {parameter.name: layout[parameter.name] for parameter in platform.atom.parameters}
    return Layout(platform, values, layout.name, layout.provenance, present=layout.present)


def unfold(quadrant: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Mirror the quadrant x, y ≥ 0 (shape [⌈count/2⌉, ⌈count/2⌉]) to the whole [count, count] plane.

    Raises:
        InputError: the quadrant has another shape.
    """
    if quadrant.shape != (half := (count + 1) // 2, half):
        raise InputError(f"quadrant has shape {quadrant.shape}; that of {count} cells has {(half, half)}")
    index = np.abs(np.arange(count) - (count - 1) / 2).astype(int)
    return quadrant[np.ix_(index, index)]


def write_layout(group: h5py.Group, layout: Layout) -> None:
    """Store a layout in an open HDF5 file or group."""
    for name, array in layout._stored.items():
        group[name] = array
    group.attrs["platform"] = json.dumps(layout.platform.described)
    group.attrs["name"] = layout.name
    group.attrs["provenance"] = json.dumps(dict(layout.provenance))


def read_layout(group: h5py.Group) -> Layout:
    """Read what :func:`write_layout` stored.

    Raises:
        InputError: pillars that no device can have.
    """
    circles = "radii" in group
    return Layout(
        validate(json.loads(group.attrs["platform"]), Platform, source="platform"),
        np.asarray(group["radii" if circles else "values"]),
        name=str(group.attrs["name"]),
        provenance=json.loads(group.attrs["provenance"]),
        present=None if circles else np.asarray(group["present"]),
    )
