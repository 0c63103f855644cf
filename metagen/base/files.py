"""Files that are either whole or absent, and that say in which conventions they are written."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError, InputError, MetagenError

CONVENTIONS = {
    "length_unit": "micrometre",
    "time_convention": "exp(-i omega t)",
    "array_axes": "[x, y], increasing coordinates",
    "origin": "x = y = 0 at the lattice centre, z = 0 at the pillar base, light travels along +z",
}


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; it takes that name when the block ends without an error.

    Whatever happens, ``path`` holds either what it held before or the complete new file.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o666 & ~_umask())
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def writing_hdf5(path: str | Path, kind: str, version: int) -> Iterator[h5py.File]:
    """Write an HDF5 file of schema ``kind``/``version`` atomically, with the conventions as attributes."""
    with replacing(path) as partial, h5py.File(partial, "w") as file:
        file.attrs["schema"] = kind
        file.attrs["schema_version"] = version
        file.attrs.update(CONVENTIONS)
        yield file


@contextmanager
def reading_hdf5(path: str | Path, kind: str, version: int) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading after checking its schema and conventions.

    Raises:
        InputError: there is no such file.
        FormatError: it is damaged, of another kind, of another version, or in other conventions.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if not h5py.is_hdf5(path):
        raise FormatError(f"{path}: not an HDF5 file, or damaged at its beginning; expected {kind!r}")
    try:
        with h5py.File(path, "r") as file:
            _check_schema(path, dict(file.attrs), kind, version)
            yield file
    except MetagenError:
        raise
    except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path}: damaged or incomplete ({error}); delete it and run the command that made it again"
        ) from error


def schema_of(path: str | Path) -> object:
    """The schema that an HDF5 file states; None where it states none.

    Raises:
        InputError: there is no such file.
        FormatError: it is damaged, or no HDF5 file.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("schema")
    except OSError as error:
        raise FormatError(f"{path}: damaged or incomplete ({error})") from error


def _check_schema(path: Path, attributes: dict[str, Any], kind: str, version: int) -> None:
    found_kind, found_version = attributes.get("schema"), attributes.get("schema_version")
    if found_kind != kind:
        raise FormatError(
            f"{path}: schema is {found_kind!r}, expected {kind!r}; this is another kind of file"
        )
    if found_version != version:
        raise FormatError(
            f"{path}: schema version is {found_version}, this release reads version {version}; "
            "make the file again, or use the release that wrote it"
        )
    for name, value in CONVENTIONS.items():
        if attributes.get(name) != value:
            raise FormatError(f"{path}: {name} is {attributes.get(name)!r}, expected {value!r}")


def content_hash(*parts: str | bytes | NDArray[Any] | dict[str, Any] | list[Any] | float | None) -> str:
    """Return a SHA-256 (hex) of values: equal values give equal hashes on every machine."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        elif isinstance(part, bytes):
            digest.update(part)
        else:
            digest.update(json.dumps(part, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()
