"""The phase table, or a library, as rows of text."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from metagen.base.tables import Table, number
from metagen.rcwa.library import Library
from metagen.rcwa.resonances import Resonance
from metagen.rcwa.table import PhaseTable

TABLE_ROWS = 13
ROWS = {1: (13,), 2: (5, 5), 3: (3, 3, 3)}
"""Values of each parameter that a library is shown at, by how many parameters there are."""
SHOWN = 3
"""Values of each other parameter for which resonances along the first one are named."""


def phase_table(table: PhaseTable) -> Table:
    """Amplitude, phase and powers of a phase table at equidistant radii."""
    platform = table.platform
    radii = np.linspace(platform.radius_min, platform.radius_max, TABLE_ROWS)
    t, zero, total = table(radii), table.zero_order_transmittance(radii), table.transmittance(radii)
    phase, reflected = np.unwrap(np.angle(t)) / (2 * np.pi), table.reflectance(radii)
    return Table(
        f"Phase table at {table.wavelength:g} µm",
        ("radius (µm)", "|t|", "phase / 2π", "zero order", "transmitted", "reflected"),
        tuple(
            (f"{r:.4f}", f"{abs(a):.4f}", f"{p:+.4f}", f"{z:.4f}", f"{s:.4f}", f"{b:.4f}")
            for r, a, p, z, s, b in zip(radii, t, phase, zero, total, reflected, strict=True)
        ),
        "t: Ex at the pillar top over incident Ex at the base. Full transmission from the substrate is |t| = "
        f"{_full_transmission(table):.3f}, the root of the ratio of the indices. Powers: in the zeroth, in "
        f"all transmitted, in all reflected orders over the incident power. {_resonances(table)}",
    )


def _full_transmission(table: PhaseTable) -> float:
    """|t| of the zeroth order when all power is in it."""
    media = table.platform.at(table.wavelength)
    return math.sqrt(media.substrate / media.cover)


def _resonances(table: PhaseTable) -> str:
    found = ", ".join(map(_resonance, table.resonances))
    return f"Guided-mode resonances at radius {found}." if found else "No guided-mode resonance."


def _resonance(found: Resonance) -> str:
    return f"{found.value:.4f} ± {found.half_width:.4f} (|Δt| {number(found.strength)})"


def library_table(library: Library) -> Table:
    """Jones matrix and powers of a library at evenly spaced parameters."""
    parameters = library.platform.atom.parameters
    values = [np.linspace(p.low, p.high, n) for p, n in zip(parameters, ROWS[len(parameters)], strict=True)]
    points = np.array(list(itertools.product(*values)))
    given = {p.name: points[:, i] for i, p in enumerate(parameters)}
    jones, conversion = library(**given), library.conversion(**given)
    passed, back = library.transmittance(**given), library.reflectance(**given)
    diagonal = [jones[:, i, i] for i in (0, 1)]
    columns = [
        *points.T,
        *(part(each) for each in diagonal for part in (np.abs, _turns)),
        np.abs(jones[:, 1, 0]),
    ]
    return Table(
        f"Library at {library.light.wavelength:g} µm",
        (
            *(parameter.name for parameter in parameters),
            *("|Jxx|", "phase / 2π", "|Jyy|", "phase / 2π", "|Jyx|", "converted", "transmitted", "reflected"),
        ),
        tuple(
            tuple(f"{value:.4f}" for value in row)
            for row in zip(*columns, conversion, passed, back, strict=True)
        ),
        "J: field of order 0 at the pillar top over the incident one at the base; lengths in µm, angles in "
        "radians. Converted: power that left circular light gives to right in order 0. Transmitted and "
        f"reflected: all orders, of {library.light.polarisation} light; all over the incident power. "
        f"{_errors(library)} {_library_resonances(library)}",
    )


def _errors(library: Library) -> str:
    typical, worst = library.truncation_errors
    return (
        f"Errors of J: of the interpolation, at cells that it had not seen, {number(library.typical_error)} "
        f"typically and {number(library.held_out_error)} at most; of the truncation, by an estimate, "
        f"{number(typical)} typically and {number(worst)} at most."
    )


def _library_resonances(library: Library) -> str:
    """Where the resonances are along the first parameter, for some values of the others."""
    first, *others = library.platform.atom.parameters
    ends = [np.linspace(p.low, p.high, SHOWN) for p in others]
    lines = [
        dict(zip((p.name for p in others), map(float, at), strict=True)) for at in itertools.product(*ends)
    ]
    found = [(line, library.resonances(**line)) for line in lines]
    if not any(each for _, each in found):
        return "No guided-mode resonance."
    texts = [_line(line) + ", ".join(map(_resonance, each)) for line, each in found if each]
    return (
        f"Guided-mode resonances: {library.resonant_share:.1%} of the range is within three half widths of "
        f"one. They are at {first.name} {'; '.join(texts)}."
    )


def _line(values: dict[str, float]) -> str:
    named = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    return f"({named}) " if named else ""


def _turns(values: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.asarray(np.angle(values) / (2 * np.pi))
