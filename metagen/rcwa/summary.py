"""The phase table as rows of text."""

from __future__ import annotations

import math

import numpy as np

from metagen.base.tables import Table, number
from metagen.rcwa.table import PhaseTable

TABLE_ROWS = 13


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
    found = [
        f"{each.radius:.4f} ± {each.half_width:.4f} µm (|Δt| {number(each.strength)})"
        for each in table.resonances
    ]
    return f"Guided-mode resonances at radius {', '.join(found)}." if found else "No guided-mode resonance."
