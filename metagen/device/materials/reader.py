"""Reading material files of refractiveindex.info (YAML)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from metagen.base.errors import FormatError
from metagen.base.texts import one_error, read_text
from metagen.device.materials.dispersion import Dispersion, Tabulated
from metagen.device.materials.formulas import Formula, FormulaKind

COLUMNS = {"tabulated nk": ("n", "k"), "tabulated n": ("n",), "tabulated k": ("k",)}
"""The columns of each kind of table, after that of the wavelength."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""How a number is written; Python would also take 1_5 for 15."""
DEEPEST = 20
"""How deep lists and tables lie in each other; in files of refractiveindex.info up to four deep."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""That of libyaml, ten times as fast, where it is there."""

Row = tuple[float, ...]


def read_yaml(path: str | Path) -> Dispersion:
    """Read a material file of refractiveindex.info.

    A file has blocks of data, each a formula for n or a table of n, of k or of both; tables of the same
    quantity are put together, and a formula is taken before tables of n. A file that was cut between two rows
    of a table is not known from a whole one: text carries no hash.

    Raises:
        InputError: the file cannot be read.
        FormatError: it is no text, not such a file, it is cut short or damaged, or it holds kinds of data
            that this release does not know.
    """
    path = Path(path)
    content = _content(path, read_text(path))
    if not (isinstance(content, dict) and isinstance(content.get("DATA"), list)):
        raise FormatError(f"{path}: not a material file of refractiveindex.info (it has no list DATA)")
    with one_error(str(path)):
        try:
            n, k = _index(content["DATA"])
            return Dispersion(path.stem, _source(content, path), n, k)
        except ValueError as error:
            raise FormatError(f"{path}: {error}") from error


def _content(path: Path, text: str) -> Any:
    """What a YAML text says, after a check that it ends with a line and has no more in it than is written."""
    with one_error(f"{path}: not a material file of refractiveindex.info"):
        try:
            _check_plain(text)
            content = yaml.load(text, Loader=LOADER)
        except yaml.YAMLError as error:
            raise ValueError(error) from error
    if not text.endswith("\n"):
        raise FormatError(
            f"{path}: ends within a line, so that its last number may be cut; if the file is whole, end it "
            "with a line break"
        )
    return content


def _check_plain(text: str) -> None:
    """Refuse references from one place to another, which may stand for endlessly much, and deep nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"it refers to another place, *{event.anchor}; write out what stands there")
        if depth > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} deep")


def _index(blocks: Sequence[Any]) -> tuple[Formula | Tabulated, Tabulated | None]:
    """n and k from all blocks.

    Raises:
        ValueError: the blocks lack n, have another form than expected, or contradict each other.
    """
    formulas: list[Formula] = []
    columns: dict[str, list[Row]] = {"n": [], "k": []}
    for block in blocks:
        kind = _entry(block, "type")
        if kind.startswith("formula "):
            formulas.append(_formula(kind, block))
        elif kind in COLUMNS:
            _collect(columns, COLUMNS[kind], _entry(block, "data"))
        else:
            raise ValueError(f"data of type {kind!r}; known: formula 1 to 9, {', '.join(COLUMNS)}")
    if len(formulas) > 1:
        raise ValueError(f"{len(formulas)} formulas; keep the one that is wanted")
    if not formulas and not columns["n"]:
        raise ValueError("no refractive index n")
    return formulas[0] if formulas else _table(columns["n"]), _table(columns["k"]) if columns["k"] else None


def _source(content: dict[str, Any], path: Path) -> str:
    references = content.get("REFERENCES")
    return references.strip() if isinstance(references, str) else path.name


def _entry(block: Any, *keys: str) -> str:
    """The text under the first of ``keys`` that the block has."""
    for key in keys:
        if isinstance(block, dict) and isinstance(block.get(key), str | int | float):
            return str(block[key])
    raise ValueError(f"a block of DATA has no {keys[0]!r}")


def _numbers(text: str, what: str) -> list[float]:
    words = text.split()
    wrong = next((word for word in words if not NUMBER.fullmatch(word)), None)
    if wrong is not None:
        raise ValueError(f"{what} {text!r:.60}: could not convert {wrong!r:.40} to a finite number")
    return [float(word) for word in words]


def _formula(kind: str, block: Any) -> Formula:
    number = kind.removeprefix("formula ")
    if number not in {str(known.value) for known in FormulaKind}:
        raise ValueError(f"data of type {kind!r}; formulas 1 to 9 are known")
    limits = _numbers(_entry(block, "wavelength_range", "range"), "wavelength_range")
    if len(limits) != 2:
        raise ValueError(f"wavelength_range has {len(limits)} numbers; two are needed")
    coefficients = _numbers(_entry(block, "coefficients"), "coefficients")
    return Formula(FormulaKind(int(number)), tuple(coefficients), *limits)


def _collect(columns: dict[str, list[Row]], names: tuple[str, ...], data: str) -> None:
    """Add the rows of a table to the columns that it has; blank lines are skipped."""
    for line in data.splitlines():
        row = _numbers(line, "row")
        if row and len(row) != 1 + len(names):
            raise ValueError(f"row {line.strip()!r:.60} has {len(row)} numbers; {1 + len(names)} are needed")
        for name, value in zip(names, row[1:], strict=False):
            columns[name].append((row[0], value))


def _table(rows: Sequence[Row]) -> Tabulated:
    """A table of the rows in order of wavelength, without repeated rows."""
    wavelengths, values = zip(*sorted(set(rows)), strict=True)
    double = next((one for one, other in pairwise(wavelengths) if one == other), None)
    if double is not None:
        raise ValueError(f"wavelength {double:g} has two values; remove one")
    return Tabulated(wavelengths, values)
