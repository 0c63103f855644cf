"""Which keys the tables of a settings file may have, read off the JSON schema of its type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]
NOT_IN_FILES = "Dispersion"
"""A type that stands in files for programs only: a person names a material instead."""


@dataclass(frozen=True)
class Table:
    """One table that a file may have; where a key tells several kinds of table apart, one for each kind.

    Attributes:
        path: names of the tables around it and its own; empty for the top of the file.
        kind: value of the key that tells its kind; empty where there is but one kind.
        keys: keys that it may have.
    """

    path: Path
    kind: str
    keys: tuple[str, ...]

    @property
    def place(self) -> str:
        """How a person calls it."""
        return f"in [{'.'.join(self.path)}]" if self.path else "at the top of the file, before the tables"


def tables(schema: Mapping[str, Any]) -> list[Table]:
    """All tables of a file with this JSON schema, the top first."""
    return list(_tables(schema, schema.get("$defs", {}), (), frozenset()))


def at(known: list[Table], parts: Path) -> list[Table]:
    """The tables at a place as pydantic names it: the path, with numbers of entries and the kind within."""
    names = tuple(part for part in parts if not part.isdigit())
    return [each for each in known if names in (each.path, (*each.path, each.kind))]


def _tables(
    node: Mapping[str, Any], types: Mapping[str, Any], path: Path, above: frozenset[str]
) -> Iterator[Table]:
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name in above or name == NOT_IN_FILES:
            return
        node, above = types[name], above | {name}
    for choice in (*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("prefixItems", ())):
        yield from _tables(choice, types, path, above)
    if isinstance(node.get("items"), dict):
        yield from _tables(node["items"], types, path, above)
    properties: Mapping[str, Any] = node.get("properties", {})
    if properties:
        yield Table(path, _kind(properties), tuple(properties))
    for name, value in properties.items():
        yield from _tables(value, types, (*path, name), above)


def _kind(properties: Mapping[str, Any]) -> str:
    fixed = [value["const"] for value in properties.values() if "const" in value]
    return str(fixed[0]) if fixed else ""
