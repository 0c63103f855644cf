"""What an HDF5 file holds: its hash, and what it may not hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError
from metagen.base.memory import check_fits

HASH = "content_hash"
"""Root attribute of :func:`stored_hash`."""
MOST_COMPRESSED = 1100
"""No array takes less than its size over this in a file: deflate packs bytes by 1032 at most."""
UNSTORED = 1 << 16
"""Bytes of an array that may be in no part of the file, such as those of an empty one."""


def stored_hash(file: h5py.File) -> str:
    """Content hash of all that a file holds: every name, attribute and array, but for this hash itself."""
    return content_hash(*_stored(file))


def _stored(item: h5py.Group | h5py.Dataset) -> Iterator[str | NDArray[Any]]:
    yield item.name
    for name in sorted(item.attrs):
        if (item.name, name) != ("/", HASH):
            value = item.attrs[name]
            yield from (name, value if isinstance(value, str) else np.asarray(value))
    if isinstance(item, h5py.Dataset):
        yield np.asarray(item)
    else:
        for name in sorted(item):
            yield from _stored(item[name])


def content_hash(*parts: str | bytes | NDArray[Any] | dict[str, Any] | list[Any] | float | None) -> str:
    """Return a SHA-256 (hex) of values: equal values give equal hashes on every machine."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
        elif isinstance(part, bytes):
            digest.update(part)
        else:
            digest.update(json.dumps(part, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def check_parts(path: object, file: h5py.File) -> None:
    """Refuse what would be read from elsewhere, and arrays that claim to be larger than the file can hold.

    Raises:
        FormatError: there is such a part.
        InputError: there is not memory enough for an array.
    """
    stored = 0
    for name, item in _parts(path, file, {file["/"].id}):
        if item.external or item.is_virtual:
            raise FormatError(
                f"{path}: {name} is stored in other files; files of metagen hold all their data"
            )
        stored += (size := item.id.get_storage_size())
        if item.nbytes > MOST_COMPRESSED * size + UNSTORED or stored > file.id.get_filesize():
            raise FormatError(
                f"{path}: {name} claims to be an array of shape {item.shape}, but the file has only "
                f"{size} bytes of it"
            )
        check_fits(f"{path}: {name}, an array of shape {item.shape},", item.nbytes)


def _parts(path: object, group: h5py.Group, seen: set[Any]) -> Iterator[tuple[str, h5py.Dataset]]:
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise FormatError(f"{path}: {name} is a link to elsewhere; files of metagen hold all their data")
        item = group[name]
        if item.id in seen:
            raise FormatError(f"{path}: {name} is in the file under another name, too; ours have one name")
        seen.add(item.id)
        if isinstance(item, h5py.Group):
            yield from _parts(path, item, seen)
        else:
            yield item.name, item
