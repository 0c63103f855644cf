"""The library: from the parameters of a meta-atom to its Jones matrix and to the power in every order.

The phase table (:class:`metagen.rcwa.PhaseTable`) is the same for circles in light along x, where one
parameter and one number suffice.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from metagen.base.arguments import check_kind
from metagen.base.errors import FormatError, InputError
from metagen.base.files import Schema, content_hash, reading_hdf5, writing_hdf5
from metagen.base.memo import cache_folder
from metagen.base.threads import one_thread
from metagen.base.validation import Positive, PositiveInt, checked, validate
from metagen.device.atoms.parameter import Kind
from metagen.device.circles import CircleLimits
from metagen.device.illumination import NAMED, Illumination
from metagen.device.platform import Platform
from metagen.rcwa.axes import Axis, axes_of
from metagen.rcwa.grid_sampling import GridFunction, LineFunction, Sampled, sampled
from metagen.rcwa.library_cells import Label, LibraryCells
from metagen.rcwa.rational import Rational
from metagen.rcwa.table import PhaseTable
from metagen.rcwa.tabulate import Resonance, poles_near
from metagen.rcwa.tensors import Reals, as_tensor

SCHEMA = Schema("metagen/library", version=1, before=0)
SOLVER_VERSION = 1
"""Raised when the solver's results change, so that libraries in caches are computed again."""
ORDERS, TOLERANCE, CELLS = 9, 5e-3, 700
"""What a library is computed with, where nothing else is said."""
RATIONAL = ("nodes", "values", "weights")
ROUNDING = 1e-9
"""Parameters this far outside the limits are taken for the limits."""


class LibraryWarning(UserWarning):
    """A library is less accurate than was asked for."""


@checked
class LibrarySampling:
    """How a library is computed.

    Attributes:
        orders: truncation of the solver.
        tolerance: largest error of the interpolation that is wanted, in a Jones matrix.
        cells: the most cells of its grid; where they do not suffice a warning says what is reached.
    """

    orders: PositiveInt = ORDERS
    tolerance: Positive = TOLERANCE
    cells: PositiveInt = CELLS


@dataclass(frozen=True, eq=False)
class Library:
    """The periodic cell of a platform as a smooth function of all free parameters of its meta-atom.

    ``library(length=0.2, angle=0.3)`` is the Jones matrix; parameters are numbers, arrays or torch tensors
    (then it is differentiable), and broadcast together.

    Attributes:
        platform: lattice, meta-atom and its limits, height and media.
        light: the illumination.
        sampling: how it was computed.
        samples: what joins the samples, with its errors at cells that were held out.
        labels: the orders that propagate, besides the zeroth.
        truncation_error: estimated error of the Jones matrices due to the truncation, at the worst cell.
    """

    platform: Platform
    light: Illumination
    sampling: LibrarySampling
    samples: Sampled
    labels: tuple[Label, ...]
    truncation_error: float

    def __repr__(self) -> str:
        """Where it holds and how well; not its samples."""
        free = ", ".join(f"{p.name} {p.low:g} .. {p.high:g}" for p in self.platform.atom.parameters)
        error = f"held-out error {self.held_out_error:.1e}"
        return f"Library({self.light.wavelength:g} µm, {free}; {self.samples.cells} cells, {error})"

    @classmethod
    def compute(
        cls, platform: Platform, light: Illumination, sampling: LibrarySampling | None = None
    ) -> Library:
        """Compute a library, or read it from the cache if it was computed before.

        Raises:
            InputError: an argument is of another kind, or the meta-atom has no free parameter, or more than
                three.
        """
        sampling = sampling or LibrarySampling()
        check_kind("platform", platform, Platform)
        check_kind("light", light, Illumination, ": metagen.Illumination(wavelength)")
        check_kind("sampling", sampling, LibrarySampling, ": metagen.rcwa.LibrarySampling(orders, tolerance)")
        path = cache_path(platform, light, sampling)
        try:
            library = cls.load(path)
            if library.key != _key(platform, light, sampling):
                raise FormatError(f"{path}: is of another platform, light or sampling")
        except (FormatError, InputError):
            library = _computed(platform, light, sampling)
            library.save(path)
        library.warn_if_inaccurate()
        return library

    @property
    def held_out_error(self) -> float:
        """Largest error at cells that the interpolation has not seen."""
        return float(self.samples.errors.max())

    @property
    def typical_error(self) -> float:
        """The median of these errors; far below the largest one where there is a resonance."""
        return float(np.median(self.samples.errors))

    @property
    def resonances(self) -> tuple[Resonance, ...]:
        """Guided-mode resonances within the limits, where the one free parameter is a length."""
        function = self.samples.function
        if not isinstance(function, LineFunction):
            return ()
        parameter = function.axes[0].parameter
        return poles_near(function.rational, parameter.low, parameter.high)

    @property
    def key(self) -> str:
        """Hash of all that determines the library."""
        return _key(self.platform, self.light, self.sampling)

    def __call__(self, **parameters: Reals) -> Any:
        """[..., 2, 2] J[out, in] over (x, y): order 0 at the pillar top / incident wave at z = 0.

        Raises:
            InputError: a parameter is unknown, missing or outside the limits.
        """
        return self._given(self._jones(parameters, 0), parameters)

    def reflected(self, **parameters: Reals) -> Any:
        """[..., 2, 2] J[out, in] over (x, y): order 0 reflected / incident wave, both at z = 0."""
        return self._given(self._jones(parameters, 4), parameters)

    def transmittance(self, **parameters: Reals) -> Any:
        """[...] power in all transmitted orders / incident power, for the light as it is polarised."""
        return self._given(self._power(parameters, transmitted=True), parameters)

    def reflectance(self, **parameters: Reals) -> Any:
        """[...] power in all reflected orders / incident power."""
        return self._given(self._power(parameters, transmitted=False), parameters)

    def order_powers(self, **parameters: Reals) -> Any:
        """[..., o] power in each of :attr:`labels` / incident power."""
        return self._given(self._values(parameters)[..., 8:].abs() ** 2, parameters)

    def zeroth_power(self, **parameters: Reals) -> Any:
        """[...] power in the zeroth transmitted order / incident power."""
        return self._given(self._zeroth(parameters, transmitted=True), parameters)

    def conversion(self, **parameters: Reals) -> Any:
        """[...] power that circular light gives to the other handedness in the zeroth order / incident power.

        It is that of "left" light (:class:`metagen.device.Illumination`), which becomes "right".
        """
        left, right = (torch.tensor(NAMED[name], dtype=torch.complex128) for name in ("left", "right"))
        media = self.platform.at(self.light.wavelength)
        turned = right.conj() @ (self._jones(parameters, 0) @ left)[..., None]
        return self._given(turned[..., 0].abs() ** 2 * media.cover / media.substrate, parameters)

    def warn_if_inaccurate(self) -> None:
        """Warn where the tolerance was not reached."""
        if self.held_out_error > self.sampling.tolerance:
            names = [parameter.name for parameter in self.platform.atom.parameters]
            where = ", ".join(f"{n} {v:.4g}" for n, v in zip(names, self.samples.worst, strict=True))
            warnings.warn(
                f"the library is right to {self.held_out_error:.1g} only, half of it to "
                f"{self.typical_error:.1g} (tolerance {self.sampling.tolerance:g}); worst at {where}, most "
                "likely a resonance: allow more cells, or narrow the range of the parameters",
                LibraryWarning,
                stacklevel=3,
            )

    def save(self, path: str | Path) -> None:
        """Write to an HDF5 file (atomically)."""
        with writing_hdf5(path, SCHEMA) as file:
            file.attrs["platform"] = json.dumps(self.platform.described)
            file.attrs["light"] = json.dumps(self.light.described)
            file.attrs["sampling"] = json.dumps(asdict(self.sampling))
            file.attrs["labels"] = json.dumps([asdict(label) for label in self.labels])
            file.attrs["truncation_error"] = self.truncation_error
            file.attrs["cells"] = self.samples.cells
            file["errors"] = self.samples.errors
            file["worst"] = self.samples.worst
            _write_function(file.create_group("function"), self.samples.function)

    @classmethod
    def load(cls, path: str | Path) -> Library:
        """Read a library that :meth:`save` wrote.

        Raises:
            InputError, FormatError: see :func:`metagen.base.files.reading_hdf5`.
        """
        with reading_hdf5(path, SCHEMA) as file:
            attributes = file.attrs
            platform = validate(json.loads(attributes["platform"]), Platform, source=str(path))
            light = validate(json.loads(attributes["light"]), Illumination, source=str(path))
            function = _read_function(file["function"], axes_of(platform.atom))
            errors, worst = np.asarray(file["errors"]), np.asarray(file["worst"])
            return cls(
                platform,
                light,
                LibrarySampling(**json.loads(attributes["sampling"])),
                Sampled(function, int(attributes["cells"]), errors, worst),
                tuple(Label(**label) for label in json.loads(attributes["labels"])),
                float(attributes["truncation_error"]),
            )

    def _values(self, parameters: dict[str, Reals]) -> Tensor:
        """[..., c] what was interpolated: both Jones matrices, then the amplitudes of the other orders."""
        axes = self.samples.function.axes
        names = [axis.parameter.name for axis in axes]
        if set(parameters) != set(names):
            raise InputError(f"parameters are {sorted(parameters)}; the library has {', '.join(names)}")
        given = [
            _within(axis, as_tensor(parameters[axis.parameter.name], axis.parameter.name).double())
            for axis in axes
        ]
        return self.samples.function(torch.stack(torch.broadcast_tensors(*given), -1))  # type: ignore[no-untyped-call]

    def _jones(self, parameters: dict[str, Reals], first: int) -> Tensor:
        values = self._values(parameters)[..., first : first + 4]
        return values.reshape(*values.shape[:-1], 2, 2)

    def _zeroth(self, parameters: dict[str, Reals], *, transmitted: bool) -> Tensor:
        light, media = torch.from_numpy(self.light.jones), self.platform.at(self.light.wavelength)
        out = self._jones(parameters, 0 if transmitted else 4) @ light
        index = media.cover if transmitted else media.substrate
        incident = plane_wave_power(light, self.light, media.substrate)
        return plane_wave_power(out, self.light, index) / incident

    def _power(self, parameters: dict[str, Reals], *, transmitted: bool) -> Tensor:
        columns = [8 + i for i, label in enumerate(self.labels) if label.transmitted == transmitted]
        others = self._values(parameters)[..., columns].abs().square().sum(-1)
        return self._zeroth(parameters, transmitted=transmitted) + others

    @staticmethod
    def _given(value: Tensor, parameters: dict[str, Reals]) -> Any:
        tensors = any(isinstance(given, Tensor) for given in parameters.values())
        return value if tensors else value.numpy()[()]


def _write_function(group: h5py.Group, function: GridFunction | LineFunction) -> None:
    if isinstance(function, GridFunction):
        group["levels"], group["coefficients"] = np.array(function.levels), function.coefficients
        return
    for name in RATIONAL:
        group[name] = getattr(function.rational, name)


def _read_function(group: h5py.Group, axes: tuple[Axis, ...]) -> GridFunction | LineFunction:
    if "coefficients" in group:
        levels = tuple(int(level) for level in group["levels"])
        return GridFunction(axes, levels, np.asarray(group["coefficients"]))
    return LineFunction(axes, Rational(*(np.asarray(group[name]) for name in RATIONAL)))


def plane_wave_power(field: Tensor, light: Illumination, index: float) -> Tensor:
    """[...] power along z of a plane wave in the direction of the light, from its (Ex, Ey) [..., 2].

    It is |E along k|²·n²/kz + |E across k|²·kz, with kz = √(n² − sin²θ); 0 for a wave that cannot leave.
    """
    kx, ky = light.direction
    size = float(np.hypot(kx, ky))
    cosine, sine = (kx / size, ky / size) if size else (1.0, 0.0)
    along, across = (
        cosine * field[..., 0] + sine * field[..., 1],
        cosine * field[..., 1] - sine * field[..., 0],
    )
    square = index**2 - size**2
    kz = np.sqrt(square) if square > 0 else np.inf
    power: Tensor = along.abs() ** 2 * index**2 / kz + across.abs() ** 2 * (kz if square > 0 else 0.0)
    return power


def cache_path(platform: Platform, light: Illumination, sampling: LibrarySampling) -> Path:
    """Where a library is cached: the name is a hash of all that determines it."""
    return cache_folder() / f"library-{_key(platform, light, sampling)[:32]}.h5"


def _key(platform: Platform, light: Illumination, sampling: LibrarySampling) -> str:
    return content_hash(platform.described, light.described, asdict(sampling), SOLVER_VERSION, SCHEMA.version)


def _within(axis: Axis, values: Tensor) -> Tensor:
    """Values of a parameter, refused outside its limits; an angle of a whole period may be any."""
    parameter = axis.parameter
    if axis.period is not None:
        return values
    outside = ~((values >= parameter.low - ROUNDING) & (values <= parameter.high + ROUNDING))
    if bool(outside.any()):
        hint = " (radians)" if parameter.kind is Kind.ANGLE else ""
        raise InputError(
            f"{parameter.name} is {float(values[outside].reshape(-1)[0]):g}; the library covers "
            f"{parameter.low:g} .. {parameter.high:g}{hint}"
        )
    return values


def tabulated(platform: Platform, light: Illumination) -> PhaseTable | Library:
    """The phase table of circles on a square lattice in light along x, or else the library."""
    circles = CircleLimits.of(platform.lattice, platform.atom) is not None
    if circles and light.is_normal and light.polarisation == "x":
        return PhaseTable.compute(platform, wavelength=light.wavelength)
    return Library.compute(platform, light)


@one_thread()
def _computed(platform: Platform, light: Illumination, sampling: LibrarySampling) -> Library:
    axes = axes_of(platform.atom)
    if not 1 <= len(axes) <= 3:
        raise InputError(
            f"the meta-atom has {len(axes)} free parameters; a library has one to three: give others a number"
        )
    cells = LibraryCells(platform, light, axes, sampling.orders)
    found = sampled(axes, cells, sampling.tolerance, sampling.cells)
    return Library(platform, light, sampling, found, cells.labels, cells.truncation_error)
