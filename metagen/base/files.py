"""Files that are either whole or absent, and that say in which conventions they are written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import AccessError, DamagedError, FormatError, InputError, MetagenError

CONVENTIONS = {
    "length_unit": "micrometre",
    "time_convention": "exp(-i omega t)",
    "array_axes": "[x, y], increasing coordinates",
    "origin": "x = y = 0 at the lattice centre, z = 0 at the pillar base, light travels along +z",
}
HASH = "content_hash"
"""Root attribute of :func:`stored_hash`."""
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EAGAIN)
ADVICE = (
    "it is left as it is: close the program that has it open; where the file system has no locks, set "
    "HDF5_USE_FILE_LOCKING=FALSE; or look at its permissions"
)


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


@dataclass(frozen=True)
class Schema:
    """A kind of HDF5 file.

    Attributes:
        name: name of the kind in the file, such as ``metagen/layout``.
        version: version that this release writes. Its files carry :func:`stored_hash` of all that they hold.
        before: the version before that, which is still read. Only some of its files carry a hash.
        is_intact: whether a file of the version before matches the hashes that it carries.
    """

    name: str
    version: int
    before: int
    is_intact: Callable[[h5py.File], bool] = lambda file: True


@contextmanager
def writing_hdf5(path: str | Path, schema: Schema) -> Iterator[h5py.File]:
    """Write an HDF5 file atomically, with the conventions and the hash of its contents as attributes.

    Raises:
        AccessError: the file system has no locks.
        InputError: there is a file of another kind already, which would be lost.
    """
    check_replaceable(Path(path), schema)
    with replacing(path) as partial, _created(partial) as file:
        file.attrs["schema"] = schema.name
        file.attrs["schema_version"] = schema.version
        file.attrs.update(CONVENTIONS)
        yield file
        file.attrs[HASH] = stored_hash(file)


def check_replaceable(path: Path, schema: Schema) -> None:
    """Refuse to write over a file of another kind; one that cannot be read is no obstacle.

    Raises:
        InputError: there is such a file.
    """
    try:
        found = schema_of(path) if path.is_file() else schema.name
    except MetagenError:
        return
    if found != schema.name:
        raise InputError(
            f"{path}: is there already and of another kind, {found!r}; choose another name than that of a "
            "file that you may want to keep"
        )


def _created(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "w")
    except OSError as error:
        if error.errno in NO_LOCKS:
            raise AccessError(f"{path.parent}: cannot be written to ({_reason(error)}); {ADVICE}") from error
        raise


@contextmanager
def reading_hdf5(path: str | Path, schema: Schema) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading after checking its schema, its conventions and the hash of its contents.

    Raises:
        InputError: there is no such file.
        AccessError: it cannot be read now, and may be in order.
        DamagedError: its contents are not those that were written.
        FormatError: it is of another kind, of another version, or in other conventions.
    """
    with _opened(Path(path), schema.name) as file:
        _check_schema(Path(path), dict(file.attrs), schema)
        _check_contents(Path(path), file, schema)
        yield file


def schema_of(path: str | Path) -> object:
    """The schema that an HDF5 file states; None where it states none.

    Raises:
        InputError: there is no such file.
        AccessError: it cannot be read now, and may be in order.
        FormatError: it is damaged, or no HDF5 file.
    """
    with _opened(Path(path), "a file of metagen") as file:
        return file.attrs.get("schema")


@contextmanager
def _opened(path: Path, expected: str) -> Iterator[h5py.File]:
    """Open a file; its errors tell damage from what cannot be read now."""
    try:
        if not path.is_file():
            kind = "a folder; give a file in it" if path.is_dir() else "no such file"
            raise InputError(f"{path}: {kind}")
        with h5py.File(path, "r") as file:
            yield file
    except MetagenError:
        raise
    except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # what the system says, not the contents
            raise AccessError(f"{path}: cannot be read now ({_reason(error)}); {ADVICE}") from error
        if not h5py.is_hdf5(path):
            raise DamagedError(
                f"{path}: not an HDF5 file, or damaged at its beginning; expected {expected!r}"
            ) from error
        raise DamagedError(
            f"{path}: damaged or incomplete ({error}); delete it and run the command that made it again"
        ) from error


def _reason(error: OSError) -> str:
    return os.strerror(error.errno or 0)


def _check_schema(path: Path, attributes: dict[str, Any], schema: Schema) -> None:
    found_kind, found_version = attributes.get("schema"), attributes.get("schema_version")
    if found_kind != schema.name:
        raise FormatError(
            f"{path}: schema is {found_kind!r}, expected {schema.name!r}; this is another kind of file"
        )
    if found_version not in (schema.before, schema.version):
        raise FormatError(
            f"{path}: schema version is {found_version}, this release reads {schema.before} and "
            f"{schema.version}; make the file again, or use the release that wrote it"
        )
    for name, value in CONVENTIONS.items():
        if attributes.get(name) != value:
            raise FormatError(f"{path}: {name} is {attributes.get(name)!r}, expected {value!r}")


def _check_contents(path: Path, file: h5py.File, schema: Schema) -> None:
    if file.attrs["schema_version"] == schema.version:
        if HASH not in file.attrs:
            raise DamagedError(f"{path}: has no {HASH}, but this version has one; make it again")
        intact = file.attrs[HASH] == stored_hash(file)
    else:
        intact = schema.is_intact(file)
    if not intact:
        raise DamagedError(f"{path}: its contents are not those that were written; make it again")


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
            digest.update(np.ascontiguousarray(part).tobytes())
        elif isinstance(part, bytes):
            digest.update(part)
        else:
            digest.update(json.dumps(part, sort_keys=True).encode())
        digest.update(b"\0")
    return digest.hexdigest()
