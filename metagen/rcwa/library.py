"""The library: from the parameters of a meta-atom to its Jones matrix and to the power in every order.

The phase table (:class:`metagen.rcwa.PhaseTable`) is the same for circles in light along x, where one
parameter and one number suffice.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from metagen.base.arguments import check_kind
from metagen.base.contents import content_hash
from metagen.base.errors import FormatError, InputError
from metagen.base.files import Schema, reading_hdf5, writing_hdf5
from metagen.base.memo import cache_folder, keep
from metagen.base.threads import one_thread
from metagen.base.validation import Positive, PositiveInt, checked, validate
from metagen.device.atoms.parameter import Kind
from metagen.device.circles import CircleLimits
from metagen.device.illumination import NAMED, Illumination, Polarisation, plane_wave_power
from metagen.device.platform import Platform
from metagen.rcwa.accuracy import coarse_orders, extrapolated
from metagen.rcwa.adaptive import Sampled, sampled
from metagen.rcwa.axes import Axis, axes_of
from metagen.rcwa.library_cells import JONES, Label, LibraryCells
from metagen.rcwa.quotient import Polynomials, Quotient
from metagen.rcwa.resonances import Resonance, resonances_along, resonant_share
from metagen.rcwa.table import PhaseTable
from metagen.rcwa.tensors import Reals, as_tensor

SCHEMA = Schema("metagen/library", version=2, before=2)
SOLVER_VERSION = 3
"""Raised when the solver's results change, so that libraries in caches are computed again."""
ORDERS, TOLERANCE, CELLS = 9, 2e-3, 700
"""What a library is computed with, where nothing else is said."""
TRUNCATIONS, POLARISATIONS = ("coarse", "fine"), ("x", "y")
"""Names of the functions of a library in its file."""
TRIALS = 2000
"""Random parameters at which the error of the truncation is looked at."""
ROUNDING = 1e-9
"""Parameters this far outside the limits are taken for the limits."""


class LibraryWarning(UserWarning):
    """A library is less accurate than was asked for."""


@checked
class LibrarySampling:
    """How a library is computed.

    Attributes:
        orders: truncation of the solver; two thirds of it are solved too, which tells what it leaves.
        tolerance: largest error of the interpolation that is wanted, in a Jones matrix.
        cells: the most cells that are solved; where they do not suffice a warning says what is reached.
    """

    orders: PositiveInt = ORDERS
    tolerance: Positive = TOLERANCE
    cells: PositiveInt = CELLS


@dataclass(frozen=True, eq=False)
class Library:
    """The periodic cell of a platform as a smooth function of all free parameters of its meta-atom.

    ``library(length=0.2, angle=0.3)`` is the Jones matrix; parameters are numbers, arrays or torch tensors
    (then it is differentiable), and broadcast together. One library holds light of every polarisation:
    :meth:`polarised` is the same for another one.

    Attributes:
        platform: lattice, meta-atom and its limits, height and media.
        light: the illumination; of its polarisation are the powers.
        sampling: how it was computed.
        samples: the functions, with their errors at cells that were held out.
        labels: the orders that propagate, besides the zeroth.
    """

    platform: Platform
    light: Illumination
    sampling: LibrarySampling
    samples: Sampled
    labels: tuple[Label, ...]

    def __repr__(self) -> str:
        """Where it holds and how well; not its samples."""
        free = ", ".join(f"{p.name} {p.low:g} .. {p.high:g}" for p in self.platform.atom.parameters)
        error = f"held-out error {self.held_out_error:.1e}"
        return f"Library({self.light.wavelength:g} µm, {free}; {self.samples.cells} cells, {error})"

    @classmethod
    def compute(
        cls, platform: Platform, light: Illumination, sampling: LibrarySampling | None = None
    ) -> Library:
        """Compute a library, or read it from the cache if it was computed before, in any polarisation.

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
            keep(library.save, path)
        library.warn_if_inaccurate()
        return library.polarised(light.polarisation)

    def polarised(self, polarisation: Polarisation) -> Library:
        """The same for light of another polarisation, at no cost."""
        return replace(self, light=replace(self.light, polarisation=polarisation))

    @property
    def held_out_error(self) -> float:
        """Largest error at cells that the interpolation had not seen."""
        return max(float(self.samples.errors.max()), self.samples.last_error)

    @property
    def typical_error(self) -> float:
        """Median of the errors at random ones; far below the largest one where there is a resonance."""
        return float(np.median(self.samples.errors))

    @property
    def key(self) -> str:
        """Hash of all that determines the library."""
        return _key(self.platform, self.light, self.sampling)

    def __call__(self, **parameters: Reals) -> Any:
        """[..., 2, 2] J[out, in] over (x, y): order 0 at the pillar top / incident wave at z = 0.

        Raises:
            InputError: a parameter is unknown, missing or outside the limits.
        """
        return self._given(self._jones(parameters), parameters)

    def reflected(self, **parameters: Reals) -> Any:
        """[..., 2, 2] J[out, in] over (x, y): order 0 reflected / incident wave, both at z = 0."""
        return self._given(self._values(parameters)[..., 2:JONES, :], parameters)

    def transmittance(self, **parameters: Reals) -> Any:
        """[...] power in all transmitted orders / incident power, for the light as it is polarised."""
        return self._given(self._power(parameters, transmitted=True), parameters)

    def reflectance(self, **parameters: Reals) -> Any:
        """[...] power in all reflected orders / incident power."""
        return self._given(self._power(parameters, transmitted=False), parameters)

    def order_powers(self, **parameters: Reals) -> Any:
        """[..., o] power in each of :attr:`labels` / incident power."""
        return self._given(self._order_powers(self._values(parameters)), parameters)

    def zeroth_power(self, **parameters: Reals) -> Any:
        """[...] power in the zeroth transmitted order / incident power."""
        return self._given(self._zeroth(self._values(parameters), transmitted=True), parameters)

    def conversion(self, **parameters: Reals) -> Any:
        """[...] power that circular light gives to the other handedness in the zeroth order / incident power.

        It is that of "left" light (:class:`metagen.device.Illumination`), which becomes "right".
        """
        left, right = (torch.tensor(NAMED[name], dtype=torch.complex128) for name in ("left", "right"))
        media = self.platform.at(self.light.wavelength)
        turned = right.conj() @ (self._jones(parameters) @ left)[..., None]
        return self._given(turned[..., 0].abs() ** 2 * media.cover / media.substrate, parameters)

    def truncation_error(self, **parameters: Reals) -> Any:
        """[...] how far elements of the Jones matrix are from the limit of many orders, by an estimate.

        It is the step of an extrapolation from two truncations. Where it is large close to a resonance, the
        resonance is there, but its place is that uncertain.
        """
        coarse, fine = (self._values(parameters, truncation)[..., :2, :] for truncation in (0, -1))
        orders = self.sampling.orders
        step = extrapolated(coarse, fine, coarse_orders(orders), orders) - fine
        return self._given(step.abs().amax((-2, -1)), parameters)

    @cached_property
    def truncation_errors(self) -> tuple[float, float]:
        """The median and the largest of :meth:`truncation_error` at random parameters."""
        share = np.random.default_rng(0).random((TRIALS, len(self.axes)))
        given = {axis.parameter.name: axis.evenly(share[:, i]) for i, axis in enumerate(self.axes)}
        errors = self.truncation_error(**given)
        return float(np.median(errors)), float(errors.max())

    def resonances(self, **parameters: float) -> tuple[Resonance, ...]:
        """Guided-mode resonances along one parameter, in its order.

        Args:
            parameters: values of all the others, numbers.

        Raises:
            InputError: not one parameter is left out, or one is outside the limits.
        """
        names = [axis.parameter.name for axis in self.axes]
        along = [number for number, name in enumerate(names) if name not in parameters]
        if len(along) != 1 or not set(parameters) <= set(names):
            raise InputError(
                f"parameters are {sorted(parameters)}; the library has {', '.join(names)}: give all but one, "
                "along which resonances are looked for"
            )
        here = self.axes[along[0]].parameter
        point = self._points({**parameters, here.name: here.low}).numpy()
        return resonances_along(self.samples.functions[-1], along[0], point)

    @cached_property
    def resonant_share(self) -> float:
        """The share of the range that is within three half widths of a resonance."""
        return resonant_share(self.samples.functions[-1])

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The free parameters."""
        return self.samples.functions[-1][0].polynomials.axes

    def warn_if_inaccurate(self) -> None:
        """Warn where the tolerance was not reached."""
        if self.held_out_error > self.sampling.tolerance:
            names = [axis.parameter.name for axis in self.axes]
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
            file.attrs["cells"], file.attrs["last_error"] = self.samples.cells, self.samples.last_error
            file["errors"], file["worst"] = self.samples.errors, self.samples.worst
            for truncation, functions in zip(TRUNCATIONS, self.samples.functions, strict=True):
                for polarisation, function in zip(POLARISATIONS, functions, strict=True):
                    _write_function(file.create_group(f"{truncation}/{polarisation}"), function)

    @classmethod
    def load(cls, path: str | Path) -> Library:
        """Read a library that :meth:`save` wrote.

        Raises:
            InputError, FormatError: see :func:`metagen.base.files.reading_hdf5`.
        """
        with reading_hdf5(path, SCHEMA) as file:
            attributes = file.attrs
            platform = validate(json.loads(attributes["platform"]), Platform, source=str(path))
            axes = axes_of(platform.atom)
            functions = tuple(
                tuple(_read_function(file[f"{truncation}/{one}"], axes) for one in POLARISATIONS)
                for truncation in TRUNCATIONS
            )
            errors, worst = np.asarray(file["errors"]), np.asarray(file["worst"])
            last = float(attributes["last_error"])
            return cls(
                platform,
                validate(json.loads(attributes["light"]), Illumination, source=str(path)),
                LibrarySampling(**json.loads(attributes["sampling"])),
                Sampled(functions, int(attributes["cells"]), errors, last, worst),
                tuple(Label(**label) for label in json.loads(attributes["labels"])),
            )

    def _points(self, parameters: Mapping[str, Reals]) -> Tensor:
        """[..., P] parameters by name, checked."""
        names = [axis.parameter.name for axis in self.axes]
        if set(parameters) != set(names):
            raise InputError(f"parameters are {sorted(parameters)}; the library has {', '.join(names)}")
        given = [
            _within(axis, as_tensor(parameters[name], name).double())
            for axis, name in zip(self.axes, names, strict=True)
        ]
        return torch.stack(torch.broadcast_tensors(*given), -1)  # type: ignore[no-untyped-call]

    def _values(self, parameters: Mapping[str, Reals], truncation: int = -1) -> Tensor:
        """[..., c, 2] all that is interpolated, for light along x and along y."""
        points = self._points(parameters)
        return torch.stack([function(points) for function in self.samples.functions[truncation]], -1)

    def _jones(self, parameters: Mapping[str, Reals]) -> Tensor:
        return self._values(parameters)[..., :2, :]

    def _zeroth(self, values: Tensor, *, transmitted: bool) -> Tensor:
        media = self.platform.at(self.light.wavelength)
        zeroth, index = (slice(0, 2), media.cover) if transmitted else (slice(2, JONES), media.substrate)
        out = values[..., zeroth, :] @ torch.from_numpy(self.light.jones)
        return plane_wave_power(out, self.light, index) / self._incident_power

    def _order_powers(self, values: Tensor) -> Tensor:
        amplitudes = values[..., JONES:, :] @ torch.from_numpy(self.light.jones)
        return amplitudes.abs() ** 2 / self._incident_power

    @property
    def _incident_power(self) -> Tensor:
        media = self.platform.at(self.light.wavelength)
        return plane_wave_power(torch.from_numpy(self.light.jones), self.light, media.substrate)

    def _power(self, parameters: Mapping[str, Reals], *, transmitted: bool) -> Tensor:
        values = self._values(parameters)
        columns = [i for i, label in enumerate(self.labels) if label.transmitted == transmitted]
        others = self._order_powers(values)[..., columns].sum(-1)
        return self._zeroth(values, transmitted=transmitted) + others

    @staticmethod
    def _given(value: Tensor, parameters: Mapping[str, Reals]) -> Any:
        tensors = any(isinstance(given, Tensor) for given in parameters.values())
        return value if tensors else value.numpy()[()]


def _write_function(group: h5py.Group, function: Quotient) -> None:
    group.attrs["degree"] = function.polynomials.degree
    group["numerator"], group["denominator"] = function.numerator, function.denominator


def _read_function(group: h5py.Group, axes: tuple[Axis, ...]) -> Quotient:
    numerator, degree = np.asarray(group["numerator"]), int(group.attrs["degree"])
    if degree >= len(numerator) and not all(axis.is_choice for axis in axes):
        raise FormatError(f"{group.name}: {len(numerator)} functions are too few for the degree {degree}")
    return Quotient(Polynomials(axes, degree), numerator, np.asarray(group["denominator"]))


def cache_path(platform: Platform, light: Illumination, sampling: LibrarySampling) -> Path:
    """Where a library is cached: the name is a hash of all that determines it."""
    return cache_folder() / f"library-{_key(platform, light, sampling)[:32]}.h5"


def _key(platform: Platform, light: Illumination, sampling: LibrarySampling) -> str:
    """It does not depend on the polarisation."""
    any_light = replace(light, polarisation="x").described
    return content_hash(platform.described, any_light, asdict(sampling), SOLVER_VERSION, SCHEMA.version)


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
    return Library(platform, light, sampling, found, cells.labels)
