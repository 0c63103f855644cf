"""The phase table: transmission of the periodic cell against pillar radius, at one wavelength."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from metagen.base.arguments import check_kind, count, positive
from metagen.base.contents import content_hash
from metagen.base.errors import FormatError, InputError
from metagen.base.files import Schema, reading_hdf5, writing_hdf5
from metagen.base.memo import cache_folder, keep
from metagen.base.tensors import as_real
from metagen.base.validation import validate
from metagen.device.illumination import Illumination
from metagen.device.platform import Platform, check_scale
from metagen.rcwa.rational import Rational
from metagen.rcwa.resonances import Resonance
from metagen.rcwa.tabulate import Order, Sampling, TabulatedCell, resonances, tabulate
from metagen.rcwa.tensors import Reals

SCHEMA = Schema("metagen/phase-table", version=3, before=2)
SOLVER_VERSION = 2
"""Raised when the solver's results change, so that tables in caches are computed again."""
ORDERS = 12
"""Finest truncation of a table; extrapolated with 8 orders, t is right to 5·10⁻⁴ on the paper's cell."""
TOLERANCE = 2e-5
"""Largest error of the interpolation at held-out radii."""
ROUNDING = 1e-9
"""Radii this far outside the limits are taken for the limits."""


class PropagatingOrdersWarning(UserWarning):
    """Light leaves a cell in other orders than the zeroth, whose transmission is not the whole story."""


@dataclass(frozen=True, eq=False)
class PhaseTable:
    """Zero-order transmission and the power in every propagating order, as smooth functions of the radius.

    ``table(radius)`` is the complex field ratio t of :attr:`metagen.rcwa.UnitCell.t`; radii may be a
    number, a numpy array or a torch tensor (then it is differentiable).

    Attributes:
        platform: what the process fixes; its radius limits are the table's.
        wavelength: wavelength in vacuum.
        numerics: how it was computed.
        tabulated: the samples and the interpolation, with their estimated errors.
    """

    platform: Platform
    wavelength: float
    numerics: Sampling
    tabulated: TabulatedCell

    def __repr__(self) -> str:
        """Where it holds; not its samples."""
        low, high = self.platform.radius_min, self.platform.radius_max
        return f"PhaseTable(wavelength {self.wavelength:g}, radii {low:g} .. {high:g})"

    @classmethod
    def compute(
        cls, platform: Platform, wavelength: float, *, orders: int = ORDERS, tolerance: float = TOLERANCE
    ) -> PhaseTable:
        """Compute the table, or read it from the cache if it was computed before.

        The cache is the directory METAGEN_CACHE, or the user's cache directory if that is not set.

        Args:
            platform: what the process fixes.
            wavelength: wavelength in vacuum.
            orders: finest truncation of the solver; see :class:`metagen.rcwa.tabulate.Sampling`.
            tolerance: largest error of the interpolation.

        Raises:
            InputError: an argument is of another kind, or the platform's pillars are not circles of free
                radius on a square lattice.
        """
        check_kind("platform", platform, Platform)
        wavelength = _one_wavelength(wavelength)
        check_scale("wavelength", wavelength, platform.period)
        numerics = _sampling(orders, tolerance)
        path = cache_path(platform, wavelength, numerics)
        try:
            table = cls.load(path)
            if (table.platform, table.wavelength, table.numerics) != (platform, wavelength, numerics):
                raise FormatError(f"{path}: is a table of another platform, wavelength or sampling")
        except (FormatError, InputError):
            table = cls(platform, wavelength, numerics, tabulate(platform, wavelength, numerics))
            keep(table.save, path)
        table.warn_of_other_orders()
        return table

    def __call__(self, radius: Reals) -> Any:
        """[...] zero-order field ratio t at radii [...].

        Raises:
            InputError: a radius outside the platform's limits.
        """
        return self._evaluate(radius, lambda values: values[..., 0])

    @property
    def orders(self) -> tuple[Order, ...]:
        """The propagating orders, transmitted ones first."""
        return self.tabulated.orders

    @property
    def resonances(self) -> tuple[Resonance, ...]:
        """The guided-mode resonances within the radius limits."""
        return resonances(self.tabulated)

    def order_powers(self, radius: Reals) -> Any:
        """[..., o] power in each of :attr:`orders` / incident power."""
        return self._evaluate(radius, lambda values: values[..., 1:].abs() ** 2)

    def zero_order_transmittance(self, radius: Reals) -> Any:
        """[...] power in the zeroth transmitted order / incident power."""
        return self._power(radius, lambda order: order.transmitted and order.m == order.n == 0)

    def transmittance(self, radius: Reals) -> Any:
        """[...] power in all transmitted orders / incident power."""
        return self._power(radius, lambda order: order.transmitted)

    def reflectance(self, radius: Reals) -> Any:
        """[...] power in all reflected orders / incident power."""
        return self._power(radius, lambda order: not order.transmitted)

    def _power(self, radius: Reals, wanted: Callable[[Order], bool]) -> Any:
        columns = [number for number, order in enumerate(self.orders) if wanted(order)]
        return self.order_powers(radius)[..., columns].sum(-1)

    def _evaluate(self, radius: Reals, select: Callable[[Tensor], Tensor]) -> Any:
        radii = as_real(radius, "radius")
        low, high = self.platform.radius_min, self.platform.radius_max
        outside = ~((radii >= low - ROUNDING) & (radii <= high + ROUNDING))
        if bool(outside.any()):
            raise InputError(
                f"radius is {float(radii[outside][0])}; the phase table covers {low} .. {high}, "
                "the platform's radius_min .. radius_max"
            )
        values = select(self.tabulated.function(radii))
        return values if isinstance(radius, Tensor) else values.numpy()[()]

    def warn_of_other_orders(self) -> None:
        """Warn if light leaves the cell in other orders than the zeroth."""
        media = self.platform.at(self.wavelength)
        for side, index, transmitted in (("cover", media.cover, True), ("substrate", media.substrate, False)):
            others = {(o.m, o.n) for o in self.orders if o.transmitted == transmitted} - {(0, 0)}
            if others:
                finest = self.wavelength / index
                warnings.warn(
                    f"at wavelength {self.wavelength:g} the orders {sorted(others)} (and mirror images) "
                    f"propagate in the {side}: the zero-order transmission does not hold all the light; "
                    f"a period up to {finest:.4g} would leave them no light",
                    PropagatingOrdersWarning,
                    stacklevel=3,
                )

    def save(self, path: str | Path) -> None:
        """Write to an HDF5 file (atomically)."""
        table = self.tabulated
        with writing_hdf5(path, SCHEMA) as file:
            file.attrs["platform"] = json.dumps(self.platform.described)
            file.attrs["wavelength"] = self.wavelength
            file.attrs["numerics"] = json.dumps(asdict(self.numerics))
            file.attrs["held_out_error"] = table.held_out_error
            file.attrs["truncation_error"] = table.truncation_error
            file["orders"] = np.array([[o.m, o.n, o.tm, o.transmitted] for o in table.orders], dtype=np.int64)
            file["samples"] = table.samples
            for name in ("nodes", "values", "weights"):
                file[name] = getattr(table.function, name)

    @classmethod
    def load(cls, path: str | Path) -> PhaseTable:
        """Read a table that :meth:`save` wrote.

        Raises:
            InputError, FormatError: see :func:`metagen.base.files.reading_hdf5`.
        """
        with reading_hdf5(path, SCHEMA) as file:
            table = TabulatedCell(
                tuple(Order(int(m), int(n), bool(tm), bool(up)) for m, n, tm, up in file["orders"]),
                Rational(*(np.asarray(file[name]) for name in ("nodes", "values", "weights"))),
                np.asarray(file["samples"]),
                float(file.attrs["held_out_error"]),
                float(file.attrs["truncation_error"]),
            )
            platform = validate(json.loads(file.attrs["platform"]), Platform, source=str(path))
            numerics = validate(json.loads(file.attrs["numerics"]), Sampling, source=str(path))
            return cls(platform, float(file.attrs["wavelength"]), numerics, table)


def _one_wavelength(given: float) -> float:
    """A wavelength; an illumination is refused, whatever it is: only the library takes any light."""
    if isinstance(given, Illumination):
        raise InputError(
            f"wavelength is {given}; a phase table is of light along x at normal incidence: give "
            f"{given.wavelength:g}, or compute a metagen.rcwa.Library, which takes any light"
        )
    return positive("wavelength", given)


def _sampling(orders: int, tolerance: float) -> Sampling:
    if count("orders", orders) < 2:
        raise InputError(f"orders is {orders}; a table extrapolates from two truncations, so at least 2")
    return Sampling(orders, positive("tolerance", tolerance, "(2e-5 is usual)"))


def cache_path(platform: Platform, wavelength: float, numerics: Sampling) -> Path:
    """Where the table is cached: the name is a hash of all that determines it."""
    key = content_hash(platform.described, wavelength, asdict(numerics), SOLVER_VERSION, SCHEMA.version)
    return cache_folder() / f"phase-table-{key[:32]}.h5"
