"""The ways to name a material: a number, the name of one that is shipped, or the path of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo

from metagen.base.errors import InputError
from metagen.device.materials.dispersion import Dispersion
from metagen.device.materials.reader import read_yaml
from metagen.device.materials.shipped import shipped, shipped_names


def named(value: Any, info: ValidationInfo) -> Any:
    """Turn the name of a shipped material, or the path of a material file, into the material.

    A relative path is looked up from the folder of the file that is being read (see
    :func:`metagen.base.validation.load_toml`), or else from the working directory.
    """
    if not isinstance(value, str):
        return value
    if value in shipped_names():
        return shipped(value)
    if value.endswith((".yml", ".yaml")):
        return read_yaml(_located(Path(value), info.context))
    raise InputError(
        f"material is {value!r}; give a refractive index, one of {', '.join(shipped_names())}, or the path "
        "of a refractiveindex.info file (.yml)"
    )


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
