"""The ways to name a material: a number, the name of one that is shipped, or the path of a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo

from metagen.base.errors import InputError
from metagen.device.materials.dispersion import Dispersion, Tabulated
from metagen.device.materials.formulas import Formula, FormulaKind
from metagen.device.materials.reader import read_yaml
from metagen.device.materials.shipped import shipped, shipped_names

COMPLEX = re.compile(r"[\d.]+[+-][\d.]+j")
"""An index n + ik in a file, as in Python."""
EVERYWHERE = 1e-3, 1e3
"""Wavelengths at which a number is the index, in micrometres: all that anybody may ask for."""


def named(value: Any, info: ValidationInfo) -> Any:
    """Turn a complex index, the name of a shipped material or the path of a file into the material.

    A relative path is looked up from the folder of the file that is being read (see
    :func:`metagen.base.validation.load_toml`), or else from the working directory.
    """
    if isinstance(value, complex):
        return constant(value)
    if not isinstance(value, str):
        return value
    if value in shipped_names():
        return shipped(value)
    if COMPLEX.fullmatch(value):
        return constant(complex(value))
    if value.endswith((".yml", ".yaml")):
        return read_yaml(_located(Path(value), info.context))
    raise InputError(
        f'material is {value!r}; give a refractive index ("2.4+0.05j" if it absorbs), one of '
        f"{', '.join(shipped_names())}, or the path of a refractiveindex.info file (.yml)"
    )


def constant(index: complex) -> float | Dispersion:
    """The material with one index n + ik at all wavelengths; a number if it does not absorb.

    Raises:
        InputError: n is not positive, or k negative.
    """
    if not index.imag:
        return index.real
    n = Formula(FormulaKind.CAUCHY, (index.real, 0, 0), *EVERYWHERE)
    made = Dispersion(f"{index:g}", "given as a number", n, Tabulated(EVERYWHERE, (index.imag,) * 2))
    made.index(1.0)
    return made


def _located(path: Path, folder: Path | None) -> Path:
    places = [place.absolute() for place in (*([folder / path] if folder else []), path)]
    for place in places:
        if place.is_file():
            return place
    tried = " and ".join(str(place) for place in dict.fromkeys(places))
    raise InputError(f"material is {str(path)!r}, and there is no file {tried}")


Index = Annotated[float, Field(ge=1.0, le=10.0)]
Material = Annotated[Index | Dispersion, BeforeValidator(named)]
"""A refractive index, or a material that has one at each wavelength (:meth:`metagen.Platform.at`)."""


def index_at(material: Material, wavelength: float) -> complex:
    """The refractive index of a material at a wavelength; real (a float) where the material is lossless.

    Raises:
        InputError: the material is not known at this wavelength.
    """
    if not isinstance(material, Dispersion):
        return material
    index = material.index(wavelength)
    return index if index.imag else index.real
