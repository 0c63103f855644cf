"""Near-field files as training data: the pillars around every cell and the field over it."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from metagen.base.contents import content_hash
from metagen.base.errors import DamagedError, InputError, MetagenError, MismatchError
from metagen.base.files import schema_of
from metagen.data.cells import around, components_of, cut, twins
from metagen.data.nearfield import NearField
from metagen.device.illumination import Illumination, in_words
from metagen.device.layout import SCHEMA as LAYOUT
from metagen.device.layout import Layout
from metagen.device.platform import Platform

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Near fields of several layouts of one platform, in one light, computed in one way.

    A dataset keeps whole layouts and a mask of the cells that belong to it, so that a random split of the
    patches and a split by whole layouts are both plain datasets. M is the number of cells that belong to it,
    in the order of the layouts and, within one, of [x, y].

    Attributes:
        near_fields: the near fields, one per layout.
        sources: where each near field comes from, for error messages; the names of the layouts by default.
        cells: for each layout, [Nx, Ny] whether a cell belongs to the dataset; by default all cells do.

    Raises:
        InputError: there is no near field, or the same device twice.
        MismatchError: two near fields differ in platform, illumination, samples or numerics.
    """

    near_fields: tuple[NearField, ...]
    sources: tuple[str, ...] = ()
    cells: tuple[Mask, ...] = ()

    def __post_init__(self) -> None:
        if not self.near_fields:
            raise InputError("the dataset has no near fields; give at least one file")
        if not self.sources:
            object.__setattr__(self, "sources", self.names)
        if not self.cells:
            object.__setattr__(
                self, "cells", tuple(np.ones(each.counts, dtype=bool) for each in self.layouts)
            )
        for near, source in zip(self.near_fields, self.sources, strict=True):
            _check_same(self.near_fields[0], self.sources[0], near, source)
        _check_distinct(self.near_fields, self.sources)

    def __repr__(self) -> str:
        """The names of the layouts and the number of cells, without the fields."""
        cells = f"{self.size} cells of {len(self.names)} layouts"
        light = f"{self.wavelength:g} µm, {in_words(self.illumination)}"
        return f"Dataset({light}, {cells}: {', '.join(self.names)})"

    @classmethod
    def load(cls, paths: Iterable[str | Path]) -> Self:
        """Read near-field files.

        Raises:
            InputError, FormatError: see :meth:`metagen.data.nearfield.NearField.load`.
            InputError, MismatchError: the files do not make one dataset.
        """
        paths = [Path(path) for path in paths]
        return cls(tuple(NearField.load(path) for path in paths), tuple(str(path) for path in paths))

    @classmethod
    def load_all(cls, paths: Iterable[str | Path]) -> list[Self]:
        """Read near-field files, or folders of them, of any light: one dataset for each, the longest
        wavelength first.

        Raises:
            InputError, FormatError, MismatchError: see :meth:`load` and :func:`read_all`.
        """
        groups: dict[Illumination, dict[str, NearField]] = {}
        for path, near in read_all(paths):
            groups.setdefault(near.illumination, {})[str(path)] = near
        return [cls(tuple(groups[light].values()), tuple(groups[light])) for light in in_order(groups)]

    @property
    def platform(self) -> Platform:
        """What the process fixes, the same for all layouts."""
        return self.near_fields[0].layout.platform

    @property
    def illumination(self) -> Illumination:
        """The light, the same for all near fields."""
        return self.near_fields[0].illumination

    @property
    def wavelength(self) -> float:
        """Wavelength in vacuum, the same for all near fields."""
        return self.near_fields[0].wavelength

    @property
    def samples(self) -> int:
        """Field samples per lattice spacing along each axis."""
        return self.near_fields[0].samples

    @property
    def cell_samples(self) -> tuple[int, int]:
        """Field samples per cell along x and y, (n, m)."""
        return self.near_fields[0].cell_samples

    @property
    def numerics(self) -> Mapping[str, object]:
        """How the near fields were computed, the same for all."""
        return self.near_fields[0].numerics

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """The devices."""
        return tuple(near.layout for near in self.near_fields)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layouts."""
        return tuple(layout.name for layout in self.layouts)

    @property
    def radii(self) -> tuple[NDArray[np.float64], ...]:
        """[Nx, Ny] radii of each layout of circles, or [Nx, Ny, S] where a cell has several sites."""
        return tuple(layout.radii for layout in self.layouts)

    @property
    def fields(self) -> tuple[NDArray[np.complex64], ...]:
        """[Nx·n, Ny·m, 3] field of each layout."""
        return tuple(near.field for near in self.near_fields)

    @property
    def size(self) -> int:
        """Number of cells that belong to the dataset, M."""
        return sum(int(mask.sum()) for mask in self.cells)

    @property
    def hash(self) -> str:
        """Content hash of the near fields and of which cells belong to the dataset."""
        return content_hash([near.hash for near in self.near_fields], *self.cells)

    def neighbourhoods(self, width: int = 3) -> NDArray[np.float64]:
        """The matrix R of the paper: [M, width²] radii around every cell, or [M, width², S·P] values where a
        cell has several.

        Column (a + k)·width + (b + k), k = (width − 1)/2, is the neighbour at x + a·px, y + b·py; the cell
        itself is in the middle column. Where there is no pillar, and outside the array, values are 0.

        Raises:
            InputError: the width is not odd and positive.
        """
        cells = [layout.values.reshape(*layout.counts, -1) for layout in self.layouts]
        parts = [around(each, width)[mask] for each, mask in zip(cells, self.cells, strict=True)]
        found: NDArray[np.float64] = np.concatenate(parts)
        return found[..., 0] if found.shape[-1] == 1 else found

    def patches(self, components: int = 1) -> NDArray[np.complex64]:
        """The matrix E of the paper: [M, n·m·components] field over every cell.

        The samples run over x, then y, then the component; one component is that along the light (Ex in
        x-polarised light), three are (Ex, Ey, Ez).
        """
        chosen = components_of(self.illumination, components)
        parts = [
            cut(field[..., chosen], self.cell_samples)[mask]
            for field, mask in zip(self.fields, self.cells, strict=True)
        ]
        return np.concatenate(parts)

    def split_patches(
        self, fraction: float = 0.8, seed: int = 0, *, twins_together: bool = False
    ) -> tuple[Self, Self]:
        """Split the cells at random, as the paper does, into ``fraction`` of them and the rest.

        This split leaks: neighbouring patches share pillars, and in a layout with mirror planes every patch
        has mirror twins with the same field, some of which are trained on. ``twins_together`` keeps the
        mirror images of a cell on one side.

        Raises:
            InputError: the fraction leaves one side without cells.
        """
        groups = self._groups(twins_together)
        count = int(groups.max()) + 1
        first = round(fraction * count)
        if not 0 < first < count:
            raise InputError(f"fraction is {fraction}; it must leave cells on both sides of the split")
        chosen = np.zeros(count, dtype=bool)
        chosen[np.random.default_rng(seed).permutation(count)[:first]] = True
        return self._with_cells(chosen[groups]), self._with_cells(~chosen[groups])

    def split_layouts(self, held_out: Sequence[str | int]) -> tuple[Self, Self]:
        """Split by whole layouts into those to learn from and those held out, given by name or index.

        Raises:
            InputError: there is no such name or index, or one side is left without layouts.
        """
        out = {index for key in held_out for index in self._find(key)}
        if not 0 < len(out) < len(self.near_fields):
            raise InputError(
                f"held_out = {list(held_out)} leaves one side without layouts; there are {list(self.names)}"
            )
        rest = [index for index in range(len(self.near_fields)) if index not in out]
        return self._take(rest), self._take(sorted(out))

    def by_layout(self) -> tuple[Self, ...]:
        """One dataset per layout; layouts without any cell in this dataset are left out."""
        return tuple(self._take([index]) for index, mask in enumerate(self.cells) if mask.any())

    def distinct(self) -> tuple[Self, NDArray[np.int_]]:
        """Keep one cell of each group of mirror images, and say [M] how many cells each one stands for.

        Only near fields with mirror planes have such groups, most of them of two or four cells.
        """
        masks, counts = [], []
        for near, mask in zip(self.near_fields, self.cells, strict=True):
            cells = np.flatnonzero(mask)
            labels = twins(near.layout.counts, near.symmetry).ravel()[cells]
            _, first, together = np.unique(labels, return_index=True, return_counts=True)
            order = first.argsort()
            kept = np.zeros_like(mask)
            kept.flat[cells[first[order]]] = True
            masks.append(kept)
            counts.append(together[order])
        return dataclasses.replace(self, cells=tuple(masks)), np.concatenate(counts)

    def _find(self, key: str | int) -> list[int]:
        found = [index for index, name in enumerate(self.names) if key in (index, name)]
        if not found:
            raise InputError(f"held_out names {key!r}, but the layouts are {list(self.names)}")
        return found

    def _take(self, indices: Sequence[int]) -> Self:
        return dataclasses.replace(
            self,
            near_fields=tuple(self.near_fields[i] for i in indices),
            sources=tuple(self.sources[i] for i in indices),
            cells=tuple(self.cells[i] for i in indices),
        )

    def _groups(self, twins_together: bool) -> NDArray[np.int_]:
        """[M] number of the group of every cell; cells of one group stay together in a split."""
        if not twins_together:
            return np.arange(self.size)
        labels, start = [], 0
        for mask in self.cells:
            labels.append(start + twins((len(mask), mask.shape[1]), "mirror-xy")[mask])
            start += mask.size
        groups: NDArray[np.int_] = np.unique(np.concatenate(labels), return_inverse=True)[1]
        return groups

    def _with_cells(self, chosen: Mask) -> Self:
        """The dataset with the chosen ones of its M cells only."""
        masks, start = [], 0
        for mask in self.cells:
            part = mask.copy()
            count = int(mask.sum())
            part[mask] = chosen[start : start + count]
            masks.append(part)
            start += count
        return dataclasses.replace(self, cells=tuple(masks))


def expand(paths: Iterable[str | Path]) -> Iterator[Path]:
    """The paths, with each folder replaced by the HDF5 files in it that are no layouts or devices.

    Raises:
        InputError: there is no such file in a folder.
    """
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        files = [each for each in sorted(path.glob("*.h5")) if not _is_layout(each)]
        if not files:
            raise InputError(f"{path}: there is no near field (.h5) in this folder")
        yield from files


def read_all(paths: Iterable[str | Path]) -> Iterator[tuple[Path, NearField]]:
    """The near fields of files, and of folders: there damaged ones are left out, with a warning.

    Raises:
        InputError, FormatError: see :meth:`metagen.data.nearfield.NearField.load` and :func:`expand`.
    """
    for given in map(Path, paths):
        for path in expand([given]):
            try:
                yield path, NearField.load(path)
            except DamagedError as error:
                if path == given:
                    raise
                warnings.warn(f"left out: {error}", stacklevel=2)


def _is_layout(path: Path) -> bool:
    """Whether a file is a layout or device; of a file that cannot be read, reading it will say why."""
    try:
        return schema_of(path) == LAYOUT.name
    except MetagenError:
        return False


def in_order(lights: Iterable[Illumination]) -> list[Illumination]:
    """Different light, the longest wavelength first; of one wavelength, in the order of its name."""
    return sorted(lights, key=lambda light: (-light.wavelength, in_words(light)))


def _check_same(first: NearField, first_source: str, other: NearField, source: str) -> None:
    pairs = {
        "platform": (first.layout.platform, other.layout.platform),
        "illumination": (first.illumination, other.illumination),
        "samples": (first.samples, other.samples),
        "numerics": (_plain(first.numerics), _plain(other.numerics)),
    }
    for name, (one, two) in pairs.items():
        if one != two:
            raise MismatchError(
                f"{name} of {first_source} is {one}, but of {source} it is {two}; one dataset holds one "
                f"{name}: make two datasets, or simulate again with equal settings"
            )


def _plain(numerics: Mapping[str, object]) -> str:
    return json.dumps(dict(numerics), sort_keys=True)


def _check_distinct(near_fields: Sequence[NearField], sources: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for near, source in zip(near_fields, sources, strict=True):
        device = near.layout.hash
        if device in seen:
            raise InputError(f"{seen[device]} and {source} are the same device; give each one once")
        seen[device] = source
