"""Refractive indices: a number, or a dispersion from a formula or a table with its source.

A material is named in a platform file by a number (``pillar = 2.0``), by the name of one that is shipped
(``pillar = "silicon_nitride"``), or by the path of a YAML file of refractiveindex.info.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from metagen.base.errors import FormatError, InputError
from metagen.base.validation import Positive, checked


class FormulaKind(IntEnum):
    """The dispersion formulas of refractiveindex.info, by its numbers; λ in micrometres."""

    SELLMEIER = 1
    SELLMEIER_2 = 2
    POLYNOMIAL = 3
    FRACTION = 4
    CAUCHY = 5
    GAS = 6
    HERZBERGER = 7
    RETRO = 8
    EXOTIC = 9


@checked
class Formula:
    """A dispersion formula within its range of validity.

    Attributes:
        kind: which formula.
        coefficients: C1, C2, … in the order of refractiveindex.info.
        shortest, longest: range of validity.
    """

    kind: FormulaKind
    coefficients: tuple[float, ...]
    shortest: Positive
    longest: Positive

    def __call__(self, wavelength: Any) -> Any:
        """[...] value at wavelengths [...] (numbers, arrays or torch tensors)."""
        count = len(self.coefficients)
        c = (*self.coefficients, *([0.0] * max(0, 17 - count)))
        return _FORMULAS[self.kind](c, count, wavelength)


@checked
class Tabulated:
    """Values at increasing wavelengths, joined by straight lines.

    Attributes:
        wavelengths: [w] increasing.
        values: [w].
    """

    wavelengths: tuple[Positive, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.wavelengths) != len(self.values) or len(self.values) < 2:
            raise InputError(
                f"a table has {len(self.wavelengths)} wavelengths and {len(self.values)} values; "
                "it needs equally many, two at least"
            )
        if not np.all(np.diff(self.wavelengths) > 0):
            raise InputError("the wavelengths of a table must increase; sort them and remove doubles")

    @property
    def shortest(self) -> float:
        """First wavelength."""
        return self.wavelengths[0]

    @property
    def longest(self) -> float:
        """Last wavelength."""
        return self.wavelengths[-1]

    def __call__(self, wavelength: Any) -> NDArray[np.float64]:
        """[...] value at wavelengths [...]."""
        return np.asarray(np.interp(np.asarray(wavelength), self.wavelengths, self.values))


@checked
class Dispersion:
    """A refractive index n + ik that depends on the wavelength.

    Attributes:
        name: of the material.
        source: who measured it.
        n: real part.
        k: imaginary part; positive is loss; none is lossless.
    """

    name: str
    source: str
    n: Formula | Tabulated
    k: Tabulated | None = None

    def index(self, wavelength: float) -> complex:
        """The index at a wavelength.

        Raises:
            InputError: no data at this wavelength, or no index of a passive material.
        """
        parts = [part for part in (self.n, self.k) if part is not None]
        low, high = max(part.shortest for part in parts), min(part.longest for part in parts)
        if not low <= wavelength <= high:
            raise InputError(
                f"wavelength is {wavelength:g}; {self.name} is known for {low:g} .. {high:g} micrometres "
                f"({self.source}): choose another source, or give a number"
            )
        index = complex(float(self.n(wavelength)), float(self.k(wavelength)) if self.k else 0.0)
        if index.real <= 0 or index.imag < 0:
            raise InputError(
                f"{self.name} has the index {index:g} at wavelength {wavelength:g}; n must be positive, and "
                "k not negative: materials that amplify light are not supported"
            )
        return index


def _sellmeier(c: tuple[float, ...], count: int, w: Any) -> Any:
    square = 1 + c[0] + sum(c[i] * w**2 / (w**2 - c[i + 1] ** 2) for i in range(1, count - 1, 2))
    return square**0.5


def _sellmeier_2(c: tuple[float, ...], count: int, w: Any) -> Any:
    square = 1 + c[0] + sum(c[i] * w**2 / (w**2 - c[i + 1]) for i in range(1, count - 1, 2))
    return square**0.5


def _polynomial(c: tuple[float, ...], count: int, w: Any) -> Any:
    return (c[0] + sum(c[i] * w ** c[i + 1] for i in range(1, count - 1, 2))) ** 0.5


def _fraction(c: tuple[float, ...], count: int, w: Any) -> Any:
    first = c[1] * w ** c[2] / (w**2 - c[3] ** c[4]) + c[5] * w ** c[6] / (w**2 - c[7] ** c[8])
    return (c[0] + first + sum(c[i] * w ** c[i + 1] for i in range(9, count - 1, 2))) ** 0.5


def _cauchy(c: tuple[float, ...], count: int, w: Any) -> Any:
    return c[0] + sum(c[i] * w ** c[i + 1] for i in range(1, count - 1, 2))


def _gas(c: tuple[float, ...], count: int, w: Any) -> Any:
    return 1 + c[0] + sum(c[i] / (c[i + 1] - w**-2) for i in range(1, count - 1, 2))


def _herzberger(c: tuple[float, ...], count: int, w: Any) -> Any:
    pole = 1 / (w**2 - 0.028)
    return c[0] + c[1] * pole + c[2] * pole**2 + c[3] * w**2 + c[4] * w**4 + c[5] * w**6


def _retro(c: tuple[float, ...], count: int, w: Any) -> Any:
    ratio = c[0] + c[1] * w**2 / (w**2 - c[2]) + c[3] * w**2
    return ((1 + 2 * ratio) / (1 - ratio)) ** 0.5


def _exotic(c: tuple[float, ...], count: int, w: Any) -> Any:
    return (c[0] + c[1] / (w**2 - c[2]) + c[3] * (w - c[4]) / ((w - c[4]) ** 2 + c[5])) ** 0.5


_FORMULAS = {
    FormulaKind.SELLMEIER: _sellmeier,
    FormulaKind.SELLMEIER_2: _sellmeier_2,
    FormulaKind.POLYNOMIAL: _polynomial,
    FormulaKind.FRACTION: _fraction,
    FormulaKind.CAUCHY: _cauchy,
    FormulaKind.GAS: _gas,
    FormulaKind.HERZBERGER: _herzberger,
    FormulaKind.RETRO: _retro,
    FormulaKind.EXOTIC: _exotic,
}


def read_yaml(path: str | Path) -> Dispersion:
    """Read a material file of refractiveindex.info.

    Raises:
        InputError: the file cannot be read.
        FormatError: it is not such a file, or holds kinds of data that this release does not know.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        blocks = [_read_block(block) for block in content["DATA"]]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, KeyError, TypeError, ValueError, IndexError) as error:
        raise FormatError(f"{path}: not a material file of refractiveindex.info ({error})") from error
    n = next((n for n, _ in blocks if n is not None), None)
    k = next((k for _, k in blocks if k is not None), None)
    if n is None:
        raise FormatError(f"{path}: holds no refractive index n")
    return Dispersion(name=path.stem, source=str(content.get("REFERENCES", path.name)).strip(), n=n, k=k)


def _read_block(block: dict[str, Any]) -> tuple[Formula | Tabulated | None, Tabulated | None]:
    """n and k of one entry of DATA."""
    kind = str(block["type"])
    if kind.startswith("formula "):
        shortest, longest = (float(value) for value in str(block["wavelength_range"]).split())
        coefficients = tuple(float(value) for value in str(block["coefficients"]).split())
        return Formula(FormulaKind(int(kind.split()[1])), coefficients, shortest, longest), None
    rows = sorted(
        [float(value) for value in line.split()] for line in str(block["data"]).strip().splitlines()
    )
    columns = [
        Tabulated(*zip(*((row[0], row[column]) for row in rows), strict=True))
        for column in range(1, len(rows[0]))
    ]
    if kind == "tabulated nk":
        return columns[0], columns[1]
    if kind in ("tabulated n", "tabulated k"):
        return (columns[0], None) if kind.endswith("n") else (None, columns[0])
    raise ValueError(f"data of type {kind!r}")


_TIO2 = (
    (0.379811, 2.789586, 0.021216),
    (0.384553, 2.763764, 0.017169),
    (0.389295, 2.740186, 0.013961),
    (0.394037, 2.718589, 0.011406),
    (0.39878, 2.698744, 0.00936),
    (0.403523, 2.680454, 0.007716),
    (0.408266, 2.663546, 0.006387),
    (0.41301, 2.647874, 0.00531),
    (0.417753, 2.633307, 0.004432),
    (0.422497, 2.619734, 0.003714),
    (0.428823, 2.603014, 0.002952),
    (0.435149, 2.587689, 0.002362),
    (0.441475, 2.57359, 0.001902),
    (0.447802, 2.560575, 0.00154),
    (0.454129, 2.548522, 0.001255),
    (0.460456, 2.537329, 0.001028),
    (0.468365, 2.524411, 0.000808),
    (0.476275, 2.512549, 0.00064),
    (0.484185, 2.501619, 0.00051),
    (0.492095, 2.491515, 0.00041),
    (0.500005, 2.482147, 0.000332),
    (0.51108, 2.470125, 0.00025),
    (0.522154, 2.459219, 0.00019),
    (0.533229, 2.449282, 0.000147),
    (0.544303, 2.440195, 0.000114),
    (0.560122, 2.428486, 8.1e-05),
    (0.57594, 2.418061, 5.9e-05),
    (0.591756, 2.408727, 4.4e-05),
    (0.60757, 2.400327, 3.3e-05),
    (0.623381, 2.392734, 2.5e-05),
    (0.639189, 2.385841, 1.9e-05),
    (0.659734, 2.377784, 1.4e-05),
    (0.680273, 2.370605, 1e-05),
    (0.700803, 2.364176, 8e-06),
    (0.721324, 2.358391, 6e-06),
    (0.741835, 2.353164, 5e-06),
    (0.770216, 2.346716, 3e-06),
    (0.798574, 2.341046, 3e-06),
)
"""Wavelength, n, k."""

FUSED_SILICA = Dispersion(
    name="fused_silica",
    source="I. H. Malitson, J. Opt. Soc. Am. 55, 1205 (1965)",
    n=Formula(
        FormulaKind.SELLMEIER,
        (0, 0.6961663, 0.0684043, 0.4079426, 0.1162414, 0.8974794, 9.896161),
        shortest=0.21,
        longest=6.7,
    ),
)
SILICON_NITRIDE = Dispersion(
    name="silicon_nitride",
    source="K. Luke et al., Opt. Lett. 40, 4823 (2015)",
    n=Formula(FormulaKind.SELLMEIER, (0, 3.0249, 0.1353406, 40314, 1239.842), shortest=0.31, longest=5.504),
)
TITANIUM_DIOXIDE = Dispersion(
    name="titanium_dioxide",
    source="S. V. Zhukovsky et al., Phys. Rev. Lett. 115, 177402 (2015): film by atomic layer deposition; "
    "some rows of its table in refractiveindex.info",
    n=Tabulated(tuple(row[0] for row in _TIO2), tuple(row[1] for row in _TIO2)),
    k=Tabulated(tuple(row[0] for row in _TIO2), tuple(row[2] for row in _TIO2)),
)
SHIPPED = {material.name: material for material in (FUSED_SILICA, SILICON_NITRIDE, TITANIUM_DIOXIDE)}


def named(value: Any) -> Any:
    """Turn the name of a shipped material, or the path of a material file, into the material."""
    if not isinstance(value, str):
        return value
    if value in SHIPPED:
        return SHIPPED[value]
    if value.endswith((".yml", ".yaml")):
        return read_yaml(value)
    raise InputError(
        f"material is {value!r}; give a refractive index, one of {', '.join(SHIPPED)}, or the path of a "
        "refractiveindex.info file (.yml)"
    )


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
