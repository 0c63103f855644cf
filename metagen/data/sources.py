"""Reading near fields from files, folders, compact files and data sets that come with metagen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from metagen.base.errors import FormatError, InputError
from metagen.base.files import schema_of
from metagen.data import compact as datasets
from metagen.data.dataset import Dataset, in_order, read_all
from metagen.data.nearfield import NearField
from metagen.device.illumination import Illumination

ENOUGH = 2
"""Least number of layouts: one to learn from and one to test on."""


def read_near_fields(sources: Iterable[str | Path]) -> Iterator[NearField]:
    """All near fields of near-field files, folders of them, compact files, and names of shipped data sets.

    Raises:
        InputError, FormatError: a source is none of these, or is damaged. Damaged files in a folder are left
            out, with a warning.
    """
    for source in sources:
        if _is_compact(source):
            yield from datasets.near_fields(source)
        else:
            yield from (near for _, near in read_all([source]))


def by_wavelength(sources: Iterable[str | Path]) -> list[Dataset]:
    """The near fields of all sources as one dataset per light, the longest wavelength first.

    A simulation that is there twice counts once.

    Raises:
        InputError, FormatError: see :func:`read_near_fields`.
        MismatchError: the near fields of one light do not make one dataset.
    """
    groups: dict[Illumination, list[NearField]] = {}
    for near in read_near_fields(sources):
        group = groups.setdefault(near.illumination, [])
        if not any(_is_same_simulation(near, other) for other in group):
            group.append(near)
    return [Dataset(tuple(groups[light])) for light in in_order(groups)]


def _is_same_simulation(one: NearField, other: NearField) -> bool:
    """Whether two near fields are of the same device, simulated in the same way."""
    return one.layout.hash == other.layout.hash and dict(one.numerics) == dict(other.numerics)


def only(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """Keep the layouts of these names; those that a campaign has not finished yet may be missing.

    Raises:
        InputError: fewer than :data:`ENOUGH` of the named layouts are there.
    """
    chosen = tuple(near for near in dataset.near_fields if near.layout.name in names)
    if len(chosen) < ENOUGH:
        raise InputError(
            f"of the layouts {list(names)} the data hold {[near.layout.name for near in chosen]} at "
            f"wavelength {dataset.wavelength:g}; at least {ENOUGH} are needed"
        )
    return Dataset(chosen)


def _is_compact(source: str | Path) -> bool:
    """Whether a source is for :mod:`metagen.data.compact`: a compact file, or a name instead of a path."""
    path = Path(source)
    if not path.is_file():
        return not path.is_dir()
    try:
        return schema_of(path) == datasets.SCHEMA.name
    except FormatError:  # NearField.load then says what is wrong with it
        return False
