"""Hand-over to ray tracers: phase and amplitude of a device cell by cell, and a radial polynomial.

The phase is the argument of the complex amplitude with the time dependence exp(−iωt): a longer optical path
is a larger phase, as in ray tracers, where the path is phase·λ/(2π) and a converging lens has negative
coefficients. It is that on the monitor plane (half a wavelength above the pillars), where the surface of the
ray tracer is to stand, and what the device adds to the phase of the light that comes through the substrate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metagen.base.atomic import replacing
from metagen.base.errors import InputError
from metagen.base.tables import Table
from metagen.device.illumination import Illumination, Polarisation, in_words
from metagen.device.layout import cell_centres
from metagen.device.platform import Platform
from metagen.device.sampling import cell_samples, sample_axes
from metagen.forward.aim import seen_through

MILLIMETRE = 1e-3
"""One micrometre in millimetres, in which ray tracers count."""
FEWEST_POINTS = 5
"""A Grid Phase surface has at least so many points along one side."""
STEEPEST = 0.95
"""Largest numerical aperture of the lenses that are compared with a device."""
SOUGHT_CELLS = 20_000
"""So many cells, at most, are looked at while the focal length of a lens is sought."""
ITERATIONS = 200
SETTLED = 1e-9
"""Change of a coefficient, in radians, below which the fit has settled."""

PlaneArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PhaseMap:
    """What a device does to the light, one number per cell.

    Attributes:
        values: [Nx, Ny] complex, index order [x, y]: mean of one polarisation over each cell on the monitor
            plane, divided by the incident wave there, whose amplitude at z = 0 in the substrate is 1.
        pitch: sides of a cell along x and y, in micrometres.
        wavelength: wavelength in vacuum, in micrometres.
        index: refractive index behind the device.
        light: polarisation and direction of the incident light, in words.
        seen: the polarisation of which the values are, in words.
    """

    values: NDArray[np.complex128]
    pitch: tuple[float, float]
    wavelength: float
    index: float = 1.0
    light: str = "x"
    seen: str = "x"

    @classmethod
    def of(
        cls,
        field: NDArray[np.complex64],
        samples: int,
        platform: Platform,
        light: Illumination,
        analyser: Polarisation | None = None,
    ) -> PhaseMap:
        """Average the field of a device over its cells.

        Args:
            field: [C, X, Y] near field, C = 3 for (Ex, Ey, Ez), or 1 for that along x- or y-polarised light.
            samples: per lattice spacing.
            platform: of the device.
            light: what meets it.
            analyser: the polarisation that is taken, see :func:`metagen.forward.aim.seen_through`.

        Raises:
            InputError: one component is not enough for the analyser.
        """
        seen = seen_through(light, platform.atom, analyser)
        n, m = cell_samples(platform.lattice, samples)
        counts = field.shape[1] // n, field.shape[2] // m
        kx, ky = light.wave_vector
        x, y = sample_axes(counts, platform.lattice, samples)
        straight = _projected(field, light, seen) * np.exp(-1j * (kx * x[:, None] + ky * y))
        means = straight.reshape(counts[0], n, counts[1], m).mean(axis=(1, 3))
        cover = platform.at(light.wavelength).cover
        return cls(means, platform.lattice.pitch, light.wavelength, cover, in_words(light), in_words(seen))

    @property
    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[Nx] and [Ny] coordinates of the cell centres along x and y, in micrometres."""
        along_x, along_y = map(cell_centres, self.values.shape, self.pitch)
        return along_x, along_y

    @property
    def distance(self) -> PlaneArray:
        """[Nx, Ny] distances of the cells from the axis, in micrometres."""
        x, y = self.axes
        return np.hypot(x[:, None], y[None, :])

    @property
    def wavenumber(self) -> float:
        """Wave number behind the device, in radians per micrometre."""
        return 2 * math.pi * self.index / self.wavelength


def _projected(
    field: NDArray[np.complex64], light: Illumination, seen: Illumination
) -> NDArray[np.complex128]:
    """[X, Y] the part of a field [C, X, Y] that has one polarisation."""
    if len(field) > 1:
        return np.asarray(np.tensordot(seen.jones.conj(), field[:2], 1))
    if not np.allclose(seen.jones, light.jones):
        raise InputError(
            f"the field has only the component along the light ({in_words(light)}), and analyser is "
            f"{in_words(seen)}; that needs a model with components = 3"
        )
    return np.asarray(field[0], dtype=complex)


@dataclass(frozen=True, eq=False)
class RadialFit:
    """A phase Σ A_i·ρ^(2i), ρ = distance / radius, i = 1, 2, …: the Binary 2 surface of ray tracers.

    Attributes:
        map: the phase map that the polynomial was fitted to.
        radius: distance from the axis at which ρ is 1, that of the farthest cell, in micrometres.
        coefficients: [M] A_1 … A_M, in radians.
        piston: constant that is added to the polynomial, in radians; it bends no ray.
        focal_length: focal length of the perfect lens that resembles the device most, in micrometres from the
            plane of the map; negative for a diverging lens.
    """

    map: PhaseMap
    radius: float
    coefficients: NDArray[np.float64]
    piston: float
    focal_length: float

    @property
    def phase(self) -> PlaneArray:
        """[Nx, Ny] the polynomial at every cell, in radians."""
        powers = _powers(self.map.distance / self.radius, len(self.coefficients))
        return np.asarray(powers @ self.coefficients)

    @property
    def residual(self) -> PlaneArray:
        """[Nx, Ny] phase of the device minus that of the fit, between −π and π."""
        return np.asarray(np.angle(self.map.values * np.exp(-1j * (self.phase + self.piston))))

    @property
    def rms(self) -> float:
        """Root mean square of the residual in radians, weighted by the power."""
        return float(np.sqrt(np.average(self.residual**2, weights=np.abs(self.map.values) ** 2)))

    @property
    def overlap(self) -> float:
        """Share of the power that is in the wave with the fitted phase and the same amplitude everywhere."""
        values = self.map.values
        common = np.abs(np.sum(values * np.exp(-1j * self.phase))) ** 2
        return float(common / values.size / np.sum(np.abs(values) ** 2))

    @property
    def device_phase(self) -> PlaneArray:
        """[Nx, Ny] phase of the device without the piston, in radians, within half a turn of the fit."""
        return self.phase + self.residual

    @property
    def jumps(self) -> float:
        """Share of the steps between neighbouring cells that are over π, where the slope is unknown."""
        steps = [np.abs(np.diff(self.device_phase, axis=axis)) > math.pi for axis in (0, 1)]
        return float(np.mean([step.mean() for step in steps]))


def fit_radial(of: PhaseMap, terms: int = 3) -> RadialFit:
    """Fit a radial polynomial to the phase of a device; nothing is unwrapped on the way.

    The fit maximises the overlap with the wave that has the fitted phase and the same amplitude everywhere.
    It starts from the best lens of any focal length, and is refined by steps that can only increase the
    overlap (least squares on the sine of the residual, which bounds the overlap from below).

    Args:
        of: the phase map of the device.
        terms: how many coefficients the polynomial has.

    Raises:
        InputError: there are fewer cells across the device than coefficients.
    """
    across = min(of.values.shape)
    if not 1 <= terms <= across // 2:
        raise InputError(f"terms is {terms}; a device of {across} cells across allows 1 to {across // 2}")
    radius = float(of.distance.max())
    rho, values = (of.distance / radius).ravel(), of.values.ravel()
    basis = np.column_stack([np.ones_like(rho), _powers(rho, terms)])
    solve = np.linalg.pinv(basis * np.sqrt(np.abs(values))[:, None]) * np.sqrt(np.abs(values))
    focal_length = _sought_lens(of, radius)
    found = np.linalg.lstsq(basis, _lens(of.distance, focal_length, of.wavenumber).ravel(), rcond=None)[0]
    found[0] = np.angle(np.sum(values * np.exp(-1j * basis[:, 1:] @ found[1:])))
    for _ in range(ITERATIONS):
        step = solve @ np.sin(np.angle(values * np.exp(-1j * basis @ found)))
        found = found + step
        if np.abs(step).max() < SETTLED:
            break
    return RadialFit(of, radius, found[1:], float(found[0]), focal_length)


def _powers(rho: PlaneArray, terms: int) -> PlaneArray:
    """[..., terms] ρ², ρ⁴ and so on."""
    return np.stack([rho ** (2 * i) for i in range(1, terms + 1)], axis=-1)


def _sought_lens(of: PhaseMap, radius: float) -> float:
    """Find the focal length of the perfect lens, converging or diverging, that resembles the device most.

    A lens is named by the optical path between its middle and its edge, in radians. Two lenses a turn apart
    have no overlap, so that steps of 1 rad find the right one, and then steps of 0.01 rad the best.
    """
    distance, values = of.distance.ravel(), of.values.ravel()
    some = slice(None, None, max(1, values.size // SOUGHT_CELLS))

    def best(sags: NDArray[np.float64]) -> float:
        lenses = (_lens(distance[some], _focus(sag, radius, of.wavenumber), of.wavenumber) for sag in sags)
        return float(sags[np.argmax([abs(np.sum(values[some] * np.exp(-1j * lens))) for lens in lenses])])

    farthest = math.floor(of.wavenumber * radius * math.tan(math.asin(STEEPEST) / 2))
    coarse = best(np.arange(-farthest, farthest + 1.0))
    return _focus(best(coarse + np.arange(-100, 101) / 100), radius, of.wavenumber)


def _focus(sag: float, radius: float, wavenumber: float) -> float:
    """Focal length of the lens whose edge is ``sag`` radians ahead of its middle; infinite without one."""
    path = sag / wavenumber
    return math.inf if path == 0 else (radius**2 - path**2) / (2 * path)


def _lens(distance: PlaneArray, focal_length: float, wavenumber: float) -> PlaneArray:
    """Phase of a perfect lens at these distances from the axis, in radians; 0 on the axis."""
    if math.isinf(focal_length):
        return np.zeros_like(distance)
    path = np.sqrt(distance**2 + focal_length**2) - abs(focal_length)
    return np.asarray(-math.copysign(wavenumber, focal_length) * path)


def write_grid_phase(fit: RadialFit, path: str | Path) -> None:
    """Write the phase as a Grid Phase surface (.DAT) of OpticStudio.

    The first line is ``nx ny delx dely unitflag xdec ydec`` with lengths in millimetres (unitflag 0); one
    line per cell follows, ``phase dphase/dx dphase/dy d²phase/dxdy nodata``, from the corner (−x, +y) row by
    row towards +x and −y. All derivatives are 0, which asks the program to find them itself.
    Source: OpticStudio help, "Grid Sag" and "Grid Phase".

    Args:
        fit: the device and the polynomial that was fitted to it.
        path: the file to write; its ending must be .DAT.

    Raises:
        InputError: the file has another ending, or the device fewer than five cells across.
    """
    path, counts = Path(path), fit.map.values.shape
    if path.suffix.upper() != ".DAT":
        raise InputError(f"path is {path}; the program reads such files with the suffix .DAT only")
    if min(counts) < FEWEST_POINTS:
        raise InputError(f"the device has {min(counts)} cells across; a Grid Phase surface has at least 5")
    px, py = (side * MILLIMETRE for side in fit.map.pitch)
    lines = [f"{counts[0]} {counts[1]} {px:.12g} {py:.12g} 0 0 0"]
    lines += [f"{phase:.9g} 0 0 0 0" for phase in fit.device_phase.T[::-1].ravel()]
    with replacing(path) as partial:
        partial.write_text("\n".join([*lines, ""]), encoding="ascii")


def write_csv(fit: RadialFit, path: str | Path) -> None:
    """Write x, y, amplitude and phase of every cell; lines with # state the conventions and the fit."""
    of = fit.map
    x, y = np.meshgrid(*of.axes, indexing="ij")
    columns = [x, y, np.abs(of.values), fit.device_phase]
    header = "\n".join(
        [
            f"wavelength {of.wavelength:g} um, refractive index behind the device {of.index:g}",
            f"plane: half a wavelength above the pillars; light from the substrate, polarisation {of.light}",
            f"amplitude: mean over the cell of what is polarised {of.seen} / incident amplitude at the base",
            "phase: radians, exp(-i omega t), a longer path is a larger phase; without the piston",
            f"radial fit: sum of A_i (r / {fit.radius:.9g} um)^(2 i), i = 1, 2, ...; A_i in radians:",
            ", ".join(f"{value:.9g}" for value in fit.coefficients),
            f"residual {fit.rms:.6g} rad rms (weighted by amplitude^2)",
            "x_um,y_um,amplitude,phase_rad",
        ]
    )
    table = np.column_stack([column.ravel() for column in columns])
    with replacing(path) as partial:
        np.savetxt(partial, table, fmt="%.9g", delimiter=",", header=header)


def fit_table(fit: RadialFit) -> Table:
    """Make a table of the coefficients as a Binary 2 surface takes them."""
    rows = [(f"A{i}, of ρ^{2 * i}", f"{value:.9g}") for i, value in enumerate(fit.coefficients, start=1)]
    return Table(
        f"Binary 2 surface at {fit.map.wavelength:g} µm",
        ("", "value"),
        (("norm radius (mm)", f"{fit.radius * MILLIMETRE:.9g}"), *rows),
        f"Phase Σ A_i·ρ^(2i) in radians, a longer path being a larger phase. Residual {fit.rms:.3g} rad rms; "
        f"{fit.overlap:.1%} of the power is in the fitted wave. The perfect lens that is most like the "
        f"device has the focal length {fit.focal_length:.4g} µm from the monitor plane. {fit.jumps:.1%} of "
        "the steps between cells are over π, where a ray tracer cannot tell the slope.",
    )
