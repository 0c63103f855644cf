"""The phase table: transmission of the periodic cell against pillar radius, at one wavelength."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.errors import FormatError, InputError
from metagen.files import content_hash, reading_hdf5, writing_hdf5
from metagen.platform import Platform
from metagen.rcwa.rational import Rational, sample
from metagen.rcwa.result import Channels
from metagen.rcwa.solver import BATCH, ORDERS, solve
from metagen.validation import validate

SCHEMA, VERSION = "metagen/phase-table", 1
SOLVER_VERSION = 1
"""Raised when the solver's results change, so that tables in caches are computed again."""
TOLERANCE = 2e-5
"""Largest error of the interpolation at held-out radii."""
ROUNDING = 1e-9
"""Radii this far outside the limits are taken for the limits."""


class PropagatingOrdersWarning(UserWarning):
    """Light leaves a cell in other orders than the zeroth, whose transmission is not the whole story."""


@dataclass(frozen=True)
class Numerics:
    """How a table is computed.

    Attributes:
        orders: truncation of the solver.
        tolerance: largest error of the interpolation.
    """

    orders: int
    tolerance: float


@dataclass(frozen=True)
class Order:
    """A propagating order with its mirror images (±m, ±n), in one polarisation.

    Attributes:
        m: order along x, ≥ 0.
        n: order along y, ≥ 0.
        tm: whether E lies in the plane of incidence of the order.
        transmitted: whether it leaves into the cover (else it is reflected into the substrate).
    """

    m: int
    n: int
    tm: bool
    transmitted: bool


@dataclass(frozen=True, eq=False)
class PhaseTable:
    """Zero-order transmission and the power in every propagating order, as smooth functions of the radius.

    ``table(radius)`` is the complex field ratio t of :attr:`metagen.rcwa.UnitCell.t`; radii may be a
    number, a numpy array or a torch tensor (then it is differentiable).

    Attributes:
        platform: what the process fixes; its radius limits are the table's.
        wavelength: in vacuum.
        numerics: orders and tolerance that the table was computed with.
        orders: the propagating orders.
        function: of the radius: t, then the amplitude of each order; |amplitude|² is power / incident.
        samples: [s] radii that were solved.
        held_out_error: largest error of the interpolation at radii that were not used for it.
    """

    platform: Platform
    wavelength: float
    numerics: Numerics
    orders: tuple[Order, ...]
    function: Rational
    samples: NDArray[np.float64]
    held_out_error: float

    @classmethod
    def compute(
        cls, platform: Platform, wavelength: float, *, orders: int = ORDERS, tolerance: float = TOLERANCE
    ) -> PhaseTable:
        """Compute the table, or read it from the cache if it was computed before.

        The cache is the directory METAGEN_CACHE, or the user's cache directory if that is not set.

        Args:
            platform: what the process fixes.
            wavelength: in vacuum.
            orders: truncation of the solver.
            tolerance: largest error of the interpolation.
        """
        numerics = Numerics(orders, tolerance)
        path = cache_path(platform, wavelength, numerics)
        try:
            table = cls.load(path)
        except (FormatError, InputError):
            table = _computed(platform, wavelength, numerics)
            table.save(path)
        table.warn_of_other_orders()
        return table

    def __call__(self, radius: Any) -> Any:
        """[...] zero-order field ratio t at radii [...].

        Raises:
            InputError: a radius outside the platform's limits.
        """
        return self._evaluate(radius, lambda values: values[..., 0])

    def order_powers(self, radius: Any) -> Any:
        """[..., o] power in each of :attr:`orders` / incident power."""
        return self._evaluate(radius, lambda values: values[..., 1:].abs() ** 2)

    def zero_order_transmittance(self, radius: Any) -> Any:
        """[...] power in the zeroth transmitted order / incident power."""
        return self._power(radius, lambda order: order.transmitted and order.m == order.n == 0)

    def transmittance(self, radius: Any) -> Any:
        """[...] power in all transmitted orders / incident power."""
        return self._power(radius, lambda order: order.transmitted)

    def reflectance(self, radius: Any) -> Any:
        """[...] power in all reflected orders / incident power."""
        return self._power(radius, lambda order: not order.transmitted)

    def _power(self, radius: Any, wanted: Any) -> Any:
        columns = [number for number, order in enumerate(self.orders) if wanted(order)]
        return self.order_powers(radius)[..., columns].sum(-1)

    def _evaluate(self, radius: Any, select: Any) -> Any:
        radii = torch.as_tensor(radius, dtype=torch.float64)
        low, high = self.platform.radius_min, self.platform.radius_max
        outside = ~((radii >= low - ROUNDING) & (radii <= high + ROUNDING))
        if bool(outside.any()):
            raise InputError(
                f"radius is {float(radii[outside][0])}; the phase table covers {low} .. {high}, "
                "the platform's radius_min .. radius_max"
            )
        values = select(self.function(radii))
        if isinstance(radius, Tensor):
            return values
        return values.numpy()[()]

    def warn_of_other_orders(self) -> None:
        """Warn if light leaves the cell in other orders than the zeroth."""
        for side, transmitted in (("cover", True), ("substrate", False)):
            others = {
                (o.m, o.n) for o in self.orders if o.transmitted == transmitted and (o.m, o.n) != (0, 0)
            }
            if others:
                warnings.warn(
                    f"at wavelength {self.wavelength:g} the orders {sorted(others)} (and mirror images) "
                    f"propagate in the {side}: the zero-order transmission does not hold all the light",
                    PropagatingOrdersWarning,
                    stacklevel=3,
                )

    def save(self, path: str | Path) -> None:
        """Write to an HDF5 file (atomically)."""
        with writing_hdf5(path, SCHEMA, VERSION) as file:
            file.attrs["platform"] = json.dumps(asdict(self.platform))
            file.attrs["wavelength"] = self.wavelength
            file.attrs["solver_orders"] = self.numerics.orders
            file.attrs["tolerance"] = self.numerics.tolerance
            file.attrs["held_out_error"] = self.held_out_error
            file["orders"] = np.array([[o.m, o.n, o.tm, o.transmitted] for o in self.orders], dtype=np.int64)
            file["samples"] = self.samples
            for name in ("nodes", "values", "weights"):
                file[name] = getattr(self.function, name)

    @classmethod
    def load(cls, path: str | Path) -> PhaseTable:
        """Read a table that :meth:`save` wrote.

        Raises:
            InputError, FormatError: see :func:`metagen.files.reading_hdf5`.
        """
        with reading_hdf5(path, SCHEMA, VERSION) as file:
            return cls(
                validate(json.loads(file.attrs["platform"]), Platform, source=str(path)),
                float(file.attrs["wavelength"]),
                Numerics(int(file.attrs["solver_orders"]), float(file.attrs["tolerance"])),
                tuple(Order(int(m), int(n), bool(tm), bool(up)) for m, n, tm, up in file["orders"]),
                Rational(*(np.asarray(file[name]) for name in ("nodes", "values", "weights"))),
                np.asarray(file["samples"]),
                float(file.attrs["held_out_error"]),
            )


def cache_path(platform: Platform, wavelength: float, numerics: Numerics) -> Path:
    """Where the table is cached: the name is a hash of all that determines it."""
    directory = os.environ.get("METAGEN_CACHE") or platformdirs.user_cache_path("metagen")
    key = content_hash(asdict(platform), wavelength, asdict(numerics), SOLVER_VERSION, VERSION)
    return Path(directory) / f"phase-table-{key[:32]}.h5"


def _computed(platform: Platform, wavelength: float, numerics: Numerics) -> PhaseTable:
    sampled = sample(
        lambda radii: _amplitudes(platform, radii, wavelength, numerics.orders),
        (platform.radius_min, platform.radius_max),
        numerics.tolerance,
    )
    cell = solve(platform, platform.radius_min, wavelength, orders=numerics.orders)
    orders = [*_orders(cell.transmitted, True), *_orders(cell.reflected, False)]
    function, samples, error = sampled.function, sampled.x, sampled.held_out_error
    return PhaseTable(platform, wavelength, numerics, tuple(orders), function, samples, error)


def _amplitudes(
    platform: Platform, radii: NDArray[np.float64], wavelength: float, orders: int
) -> NDArray[np.complex128]:
    """[s, 1 + o] t and the amplitude of every propagating order."""
    rows = []
    for part in np.array_split(radii, -(-len(radii) // BATCH)):
        cell = solve(platform, part, wavelength, orders=orders)
        columns = [torch.from_numpy(cell.t)[:, None], cell.transmitted.amplitude, cell.reflected.amplitude]
        rows.append(torch.cat(columns, -1).numpy())
    return np.concatenate(rows)


def _orders(channels: Channels, transmitted: bool) -> list[Order]:
    return [
        Order(m, n, tm, transmitted) for m, n, tm in zip(channels.m, channels.n, channels.tm, strict=True)
    ]
