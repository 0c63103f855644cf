"""Checked, frozen dataclasses and the TOML files they are read from (pydantic does the checking)."""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from pathlib import Path
from typing import Annotated, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass

from metagen.errors import InputError

Positive = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, Field))
def checked(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose fields are checked: an unknown name, a wrong type, an infinity or a NaN
    raises :class:`metagen.errors.InputError`."""
    made = pydantic_dataclass(cls, frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
    construct = made.__init__

    @functools.wraps(construct)
    def __init__(self: T, *args: object, **values: object) -> None:  # noqa: N807
        try:
            construct(self, *args, **values)
        except ValidationError as error:
            raise InputError(describe(error, cls.__name__)) from error

    made.__init__ = __init__  # type: ignore
    return cast(type[T], made)


def load_toml(path: str | Path, kind: type[T]) -> T:
    """Read a TOML file as an object of type ``kind``.

    Raises:
        InputError: no such file, not TOML, an unknown key, or a value that is not allowed.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid TOML: {error}") from error
    return validate(values, kind, source=str(path))


def validate(values: object, kind: type[T], source: str) -> T:
    """Build ``kind`` from plain values; ``source`` names where they come from in the error message."""
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise InputError(describe(error, source)) from error


def describe(error: ValidationError, source: str) -> str:
    """Say in one line per problem which key is wrong, what was given and what is allowed."""
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"]) or "(whole)"
        if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            lines.append(f"{source}: unknown key {key!r}; check its spelling against the documentation")
        elif problem["type"] == "value_error":
            lines.append(f"{source}: {problem['ctx']['error']}")
        else:
            lines.append(f"{source}: {key}: {problem['msg']}, got {problem['input']!r:.80}")
    return "\n".join(lines)
