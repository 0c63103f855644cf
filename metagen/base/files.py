"""HDF5 files of metagen: whole or absent, in stated conventions, every byte checked when they are read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import h5py

from metagen.base.atomic import replacing
from metagen.base.checksum import BLOCK, MAKE_AGAIN, block, is_verified, walk_apart
from metagen.base.contents import HASH, check_parts, stored_hash
from metagen.base.errors import AccessError, DamagedError, FormatError, InputError, MetagenError
from metagen.base.texts import STRANGE

CONVENTIONS = {
    "length_unit": "micrometre",
    "time_convention": "exp(-i omega t)",
    "array_axes": "[x, y], increasing coordinates",
    "origin": "x = y = 0 at the lattice centre, z = 0 at the pillar base, light travels along +z",
}
NOT_READ = (*STRANGE, OSError, RuntimeError)
"""What reading raises on contents that nobody wrote."""


@dataclass(frozen=True)
class Schema:
    """A kind of HDF5 file.

    Attributes:
        name: name of the kind in the file, such as ``metagen/layout``.
        version: version that this release writes. Its files carry :func:`stored_hash` of all that they hold,
            which is compared where a file has no checksum.
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

    It is put together in memory, so that a full disk cannot stop HDF5 in the middle, and begins with a
    checksum of all its bytes (:mod:`metagen.base.checksum`).

    Raises:
        AccessError: the file cannot be written there, or the disk is full.
        InputError: there is a file of another kind already, which would be lost.
    """
    check_replaceable(Path(path), schema)
    memory = io.BytesIO()
    with h5py.File(memory, "w", userblock_size=BLOCK) as file:
        file.attrs["schema"] = schema.name
        file.attrs["schema_version"] = schema.version
        file.attrs.update(CONVENTIONS)
        yield file
        file.attrs[HASH] = stored_hash(file)
    contents = memory.getbuffer()[BLOCK:]
    with replacing(path) as partial, partial.open("wb") as written:
        written.write(block(contents))
        written.write(contents)


def check_replaceable(path: Path, schema: Schema) -> None:
    """Refuse to write over a file of another kind; one that cannot be read is no obstacle.

    Raises:
        InputError: there is such a file.
    """
    try:
        found = schema_of(path) if path.is_file() else schema.name
    except (MetagenError, OSError):
        return
    if found != schema.name:
        raise InputError(
            f"{path}: is there already and of another kind, {found!r}; choose another name than that of a "
            "file that you may want to keep"
        )


@contextmanager
def reading_hdf5(path: str | Path, schema: Schema) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading after checking all its bytes, its schema and its conventions.

    Raises:
        InputError: there is no such file.
        AccessError: it cannot be read now, and may be in order.
        DamagedError: its contents are not those that were written.
        FormatError: it is of another kind, of another version, or in other conventions.
    """
    with _opened(Path(path), schema.name) as (file, verified):
        _check_schema(Path(path), dict(file.attrs), schema)
        if not verified:
            _check_contents(Path(path), file, schema)
        yield file


def schema_of(path: str | Path) -> object:
    """The schema that an HDF5 file states; None where it states none.

    Raises:
        InputError: there is no such file.
        AccessError: it cannot be read now, and may be in order.
        FormatError: it is damaged, or no HDF5 file.
    """
    with _opened(Path(path), "a file of metagen") as (file, _):
        return file.attrs.get("schema")


@contextmanager
def _opened(path: Path, expected: str) -> Iterator[tuple[h5py.File, bool]]:
    """Open a file, and say whether its checksum proved its contents; errors tell damage from lack of access.

    The very file that was checked is read on, whatever takes its name meanwhile.
    """
    try:
        with _stream(path) as stream:
            if not (verified := is_verified(path, stream)):
                _require_hdf5(path, expected)
                walk_apart(path, stream)
            with h5py.File(stream, "r") as file:
                if file.userblock_size and not verified:
                    raise DamagedError(f"{path}: damaged at its beginning; {MAKE_AGAIN}")
                check_parts(path, file)
                yield file, verified
    except MetagenError as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error
    except NOT_READ as error:
        if isinstance(error, OSError) and error.errno is not None:  # what the system says, not the contents
            raise _no_access(path, error) from error
        raise DamagedError(
            f"{path}: damaged or incomplete ({str(error) or type(error).__name__}); {MAKE_AGAIN}"
        ) from error


def is_there(path: Path) -> bool:
    """Whether there is something of this name; a link that leads nowhere is nothing.

    Raises:
        AccessError: the system does not say.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _no_access(path, error) from error
    return True


def _no_access(path: Path, error: OSError) -> AccessError:
    return AccessError(
        f"{path}: cannot be read now ({error.strerror or error}); it is left as it is: look at its "
        "permissions"
    )


def _stream(path: Path) -> BufferedReader:
    if not path.is_file():
        kind = "a folder; give a file in it" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {kind}")
    return path.open("rb")


def _require_hdf5(path: Path, expected: str) -> None:
    if not h5py.is_hdf5(path):
        raise DamagedError(f"{path}: not an HDF5 file, or damaged at its beginning; expected {expected!r}")


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
