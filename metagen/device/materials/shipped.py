"""The materials that come with metagen: files of refractiveindex.info beside this one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from metagen.base.arguments import positive
from metagen.base.errors import InputError
from metagen.base.tables import Table
from metagen.device.materials.dispersion import Dispersion
from metagen.device.materials.reader import read_yaml

FOLDER = Path(__file__).parent
UNKNOWN = "not known"
"""What a table shows where a material has no index."""


@cache
def shipped_names() -> tuple[str, ...]:
    """Names of the materials that come with metagen, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yml")))


@cache
def shipped(name: str) -> Dispersion:
    """A material that comes with metagen.

    Raises:
        InputError: no such material.
    """
    if name not in shipped_names():
        raise InputError(f"material is {name!r}; metagen comes with {', '.join(shipped_names())}")
    return read_yaml(FOLDER / f"{name}.yml")


def materials_table(wavelength: float) -> Table:
    """The materials that come with metagen, with their indices at one wavelength.

    Raises:
        InputError: none of them is known at this wavelength.
    """
    wavelength = positive("wavelength", wavelength)
    rows = tuple(_row(shipped(name), wavelength) for name in shipped_names())
    if all(index == UNKNOWN for _, _, index, _ in rows):
        raise InputError(
            f"wavelength is {wavelength:g}, where none of the materials is known; wavelengths are in "
            "micrometres (532 nm is 0.532)"
        )
    return Table(
        "Materials",
        ("name", "known for (µm)", f"index at {wavelength:g} µm", "source"),
        rows,
        "n + ik, where k > 0 is loss. Between the rows of a table the index is interpolated linearly. Any "
        "other file of refractiveindex.info is a material too: give its path.",
    )


def _row(material: Dispersion, wavelength: float) -> tuple[str, str, str, str]:
    try:
        index = material.index(wavelength)
        shown = f"{index.real:.4f} + {index.imag:.3g}i" if index.imag else f"{index.real:.4f}"
    except InputError:
        shown = UNKNOWN
    return material.name, f"{material.shortest:g} .. {material.longest:g}", shown, material.source
