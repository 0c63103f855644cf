"""Reading material files of refractiveindex.info (YAML)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from metagen.base.errors import FormatError, InputError
from metagen.device.materials.dispersion import Dispersion, Tabulated
from metagen.device.materials.formulas import Formula, FormulaKind

COLUMNS = {"tabulated nk": ("n", "k"), "tabulated n": ("n",), "tabulated k": ("k",)}
"""The columns of each kind of table, after that of the wavelength."""

Row = tuple[float, ...]


def read_yaml(path: str | Path) -> Dispersion:
    """Read a material file of refractiveindex.info.

    A file has blocks of data, each a formula for n or a table of n, of k or of both; tables of the same
    quantity are put together, and a formula is taken before tables of n.

    Raises:
        InputError: the file cannot be read.
        FormatError: it is not such a file, it is damaged, or it holds kinds of data that this release does
            not know.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not a material file of refractiveindex.info ({error})") from error
    if not (isinstance(content, dict) and isinstance(content.get("DATA"), list)):
        raise FormatError(f"{path}: not a material file of refractiveindex.info (it has no list DATA)")
    try:
        n, k = _index(content["DATA"])
        return Dispersion(path.stem, _source(content, path), n, k)
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from error


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
    try:
        return [float(word) for word in text.split()]
    except ValueError as error:
        raise ValueError(f"{what} {text!r:.60}: {error}") from error


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
