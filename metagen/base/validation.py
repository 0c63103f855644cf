"""Checked, frozen dataclasses and the TOML files they are read from (pydantic does the checking)."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic_core import ErrorDetails

from metagen.base import keys
from metagen.base.arguments import brief
from metagen.base.errors import InputError
from metagen.base.names import printable
from metagen.base.texts import one_error, read_text

Positive = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""Seed of random numbers, as large as those of PyTorch may be."""

T = TypeVar("T")

QUOTE = "'"
CLOSE = 0.75
"""An unknown key this similar (difflib) to an allowed one was probably meant to be that one."""
WHOLE_TURN = 2 * math.pi * (1 + 1e-9)
"""Largest angle in radians, with room for rounding."""
MEMBERS = {"constrained-float", "Dispersion", "numerics", "error target"}
"""Names of members of unions, which pydantic lists among the keys although no file has them."""
TAGGED = "tagged-union["
"""How pydantic begins the name of a union whose members a key tells apart; the tag itself follows."""
LONGEST_KEY = 120
"""Characters of a key, with the tables around it, that a message shows."""
MOST_FAULTS = 10
"""How many problems of one file are told at once."""
WRONG_MEMBER = {"too_short", "tuple_type", "dict_type", "model_attributes_type", "dataclass_type"}
"""What is said of a value as a whole where something within it is wrong, or where it was tried as another
member of a union."""
NOT_SUPPORTED = {
    "shape": "the table [atom] of a platform says the shape of its pillars",
}
"""Keys that somebody may well look for, and how it is instead."""
RENAMED = {"radius_bias": "edge_bias"}
"""Keys of earlier releases, and what they are called now."""
INSTEAD = {"pixels_per_period": "; or give error_target, from which the numerics follow"}
"""What may stand in the place of a missing key."""


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, Field))
def checked(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose fields are checked: an unknown name, a wrong type, an infinity or a NaN
    raises :class:`metagen.base.errors.InputError`."""
    made = pydantic_dataclass(cls, frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
    construct = made.__init__
    names = [field.name for field in dataclasses.fields(made) if field.init and not field.kw_only]

    @functools.wraps(construct)
    def __init__(self: T, *args: object, **values: object) -> None:  # noqa: N807
        # By name, so that messages have the name; what cannot be named is refused by the constructor.
        if len(args) <= len(names) and not values.keys() & set(names[: len(args)]):
            args, values = (), {**dict(zip(names, args, strict=False)), **values}
        try:
            construct(self, *args, **values)
        except ValidationError as error:
            raise InputError(describe(error, cls.__name__, cls)) from None

    made.__init__ = __init__  # type: ignore
    return cast(type[T], made)


def in_radians(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Turn angles that a file gives in degrees, as ``name_deg``, into ``name`` in radians.

    Args:
        values: the values of a table of the file, by name; each is a number or a list of numbers.
        names: names of the angles, without ``_deg``.

    Raises:
        InputError: an angle is given both ways, or is not a number.
    """
    found = dict(values)
    for name in names:
        if f"{name}_deg" in found:
            if name in found:
                raise InputError(f"{name} and {name}_deg are the same angle; give one of them")
            found[name] = _radians(f"{name}_deg", found.pop(f"{name}_deg"))
    return found


def check_angle(name: str, angle: float) -> None:
    """Refuse an angle over a whole turn, which must be in degrees.

    Raises:
        InputError: it is.
    """
    if abs(angle) > WHOLE_TURN:
        raise InputError(
            f"{name} is {angle:g}, more than a whole turn: angles are in radians; for {angle:g} degrees give "
            f"math.radians({angle:g}), or {name}_deg in a file"
        )


def _radians(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_radians(name, each) for each in value]
    if not isinstance(value, int | float):
        raise InputError(f"{name} is {value!r}; it must be a number of degrees")
    return math.radians(value)


def load_toml(path: str | Path, kind: type[T]) -> T:
    """Read a TOML file as an object of type ``kind``; material files that it names may lie beside it.

    Raises:
        InputError: no such file, not TOML, an unknown key, or a value that is not allowed.
        FormatError: it is no text.
    """
    path = Path(path)
    text = read_text(path)
    with one_error(f"{path}: not valid TOML", InputError):
        values = tomllib.loads(text)
    return validate(values, kind, source=str(path), folder=path.parent)


class FromToml:
    """Settings that can stand in a TOML file: the attributes are its keys, objects among them its tables."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read the settings from a file; a key left out has its default.

        Raises:
            InputError: no such file, an unknown key, or a value that is not allowed.
        """
        return load_toml(path, cls)


def validate(values: object, kind: type[T], source: str, folder: Path | None = None) -> T:
    """Build ``kind`` from plain values.

    Args:
        values: what is to be checked.
        kind: what is to be built.
        source: where the values come from, for the error message.
        folder: where relative paths among the values start; validators find it as their context.

    Raises:
        InputError: an unknown key, or a value that is not allowed.
    """
    with one_error(source, InputError):
        try:
            return TypeAdapter(kind).validate_python(values, context=folder)
        except ValidationError as error:
            raise InputError(describe(error, source, kind)) from None


def plain(value: object) -> Any:
    """A checked dataclass as plain values for files, which :func:`validate` reads."""
    return TypeAdapter(type(value)).dump_python(value, mode="json")


def describe(error: ValidationError, source: str, kind: type[Any]) -> str:
    """Say in one line per problem which key is wrong, what was given and what is allowed.

    Args:
        error: what pydantic found.
        source: where the values come from, such as the path of a file; "" leaves that out.
        kind: the type that the values should have made.
    """
    faults: dict[str, str] = {}
    for problem in sorted(error.errors(include_url=False), key=_is_consequence):
        key = ".".join(_keys(problem["loc"]))
        if len(faults) == MOST_FAULTS:
            return "\n".join([*faults.values(), "… and more; mend these first"])
        consequence = _is_consequence(problem) and any(other.startswith(f"{key}.") for other in faults)
        if key not in faults and not consequence:
            lines = _fault(problem, _shown(key), kind).splitlines()
            faults[key] = "\n".join(f"{source}: {line}" if source else line for line in lines)
    return "\n".join(faults.values())


def _shown(key: str) -> str:
    """A key in one line that is not too long."""
    return printable(key).replace("\n", "\\n")[:LONGEST_KEY]


def _keys(place: tuple[int | str, ...]) -> Iterator[str]:
    """The keys of a file that lead to a place, without what pydantic says of unions in between."""
    before = ""
    for part in map(str, place):
        if not (part in MEMBERS or "[" in part or before.startswith(TAGGED)):
            yield part
        before = part


def _is_consequence(problem: ErrorDetails) -> bool:
    return problem["type"] in WRONG_MEMBER


def _fault(problem: ErrorDetails, key: str, kind: type[Any]) -> str:
    context = problem.get("ctx", {})
    match problem["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            named = key or _shown(str(problem["loc"][-1]))
            return f"unknown key {named!r}; {_advice(problem['loc'], kind)}"
        case "missing" | "missing_argument":
            return f"{key!r} is missing{INSTEAD.get(str(problem['loc'][-1]), '')}"
        case "union_tag_not_found":
            return f"{key}.{context['discriminator'].strip(QUOTE)} is missing; it says of which kind this is"
        case "union_tag_invalid":
            name = f"{key}.{context['discriminator'].strip(QUOTE)}"
            return f"{name} is {brief(context['tag'])}; known: {context['expected_tags']}"
        case "value_error":
            return str(context["error"])
    return f"{key or '(whole)'}: {problem['msg']}, got {problem['input']!r:.80}"


def _advice(place: tuple[int | str, ...], kind: type[Any]) -> str:
    """Which key an unknown one was probably meant to be, or else which keys there are."""
    known, name = keys.tables(TypeAdapter(kind).json_schema()), str(place[-1])
    here = keys.at(known, tuple(map(str, place[:-1])))
    paths = {table.path for table in here}
    elsewhere = dict.fromkeys(each.place for each in known if name in each.keys and each.path not in paths)
    allowed = list(dict.fromkeys(key for table in here for key in table.keys))
    if elsewhere:
        return f"it belongs {' or '.join(elsewhere)}"
    if name.endswith("_deg") and name.removesuffix("_deg") in allowed:
        radians = name.removesuffix("_deg")
        return f"angles are in radians here: {radians}=math.radians(...)"
    if RENAMED.get(name) in allowed:
        return f"it is called {RENAMED[name]!r} now"
    if name in NOT_SUPPORTED:
        return f"it is not supported: {NOT_SUPPORTED[name]}"
    close = difflib.get_close_matches(
        name, sorted({key for table in known for key in table.keys}), n=1, cutoff=CLOSE
    )
    if close and (close[0] in allowed or not allowed):
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(allowed)}" if allowed else "check its spelling against the documentation"
