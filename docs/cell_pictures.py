"""Draw the pictures of the conventions and of the page on own meta-atoms: python docs/cell_pictures.py"""

import math
import re
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from metagen import Illumination, Lattice, Platform, plot
from metagen.device.sampling import SAMPLES, sample_points

DOCS = Path(__file__).parent
IMAGES = DOCS / "images"
DPI = 75
ARROW = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 14}
PHASES = np.arange(8) / 8
"""Of a period: the moments at which the field is drawn."""
INDEX, POLAR, AZIMUTH = 1.46, math.radians(35), math.radians(50)


def arrow(axes, start, end, **how):
    """An arrow from one point to another."""
    axes.annotate("", end, start, arrowprops={**ARROW, **how})


def plane(axes, title, half):
    """Axes for a view against the light: x to the right, y upwards."""
    axes.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xlabel="x", ylabel="y", title=title)
    axes.set(xticks=[], yticks=[])


def polarisations():
    """The electric field of circular light over one period, seen against the light."""
    figure = Figure(figsize=(8.5, 4.2), layout="constrained")
    other = {"left": "IEEE: right-hand, spin +1 along z", "right": "IEEE: left-hand, spin −1 along z"}
    for axes, (name, said) in zip(figure.subplots(1, 2), other.items(), strict=True):
        plane(axes, f'"{name}": (1, {"i" if name == "left" else "−i"})/√2\n{said}', 1.3)
        field = np.exp(-2j * math.pi * PHASES)[:, None] * Illumination(1.0, name).jones * math.sqrt(2)
        for i, end in enumerate(field.real):
            arrow(axes, (0, 0), end, color="C3", alpha=1 - 0.7 * i / len(field))
            label = ["t = 0", "T/8", "T/4"][i] if i < 3 else ""
            axes.text(*(1.15 * end), label, ha="center", va="center")
        turn = Illumination(1.0, name).jones.imag[1] * 2 * math.pi * np.linspace(0.05, 0.95, 50)
        axes.plot(0.5 * np.cos(turn), 0.5 * np.sin(turn), color="0.5")
        arrow(axes, *zip(0.5 * np.cos(turn[-2:]), 0.5 * np.sin(turn[-2:]), strict=True), color="0.5")
    figure.suptitle("E at one point, seen against the light: it travels along +z, towards you")
    return figure


def directions():
    """Polar angle and azimuth of the light."""
    figure = Figure(figsize=(8.5, 4.0), layout="constrained")
    side, top = figure.subplots(1, 2)
    inside = math.asin(math.sin(POLAR) / INDEX)
    side.axhspan(-1.2, 0, color="C0", alpha=0.15)
    side.plot([0, 0], [-1.2, 1.2], "--", color="0.5")
    arrow(side, (-math.tan(inside), -1), (0, 0), color="C3")
    arrow(side, (0, 0), (math.tan(POLAR), 1), color="C3")
    arc = np.linspace(0, POLAR, 30)
    side.plot(0.5 * np.sin(arc), 0.5 * np.cos(arc), color="k")
    side.text(0.12, 0.56, "θ")
    side.text(0.05, -1.1, "substrate: steeper, with\nthe same k0·sin θ\nalong the surface")
    side.set(
        xlim=(-1.2, 1.2),
        ylim=(-1.2, 1.2),
        aspect="equal",
        xticks=[],
        yticks=[],
        title="polar θ: the angle in vacuum",
    )
    side.set(xlabel="along the surface", ylabel="z")
    plane(top, "azimuth φ: where the light goes", 1.15)
    arrow(top, (-1.1, 0), (1.1, 0), color="0.5")
    arrow(top, (0, -1.1), (0, 1.1), color="0.5")
    arrow(top, (0, 0), (0.9 * math.cos(AZIMUTH), 0.9 * math.sin(AZIMUTH)), color="C3")
    arc = np.linspace(0, AZIMUTH, 30)
    top.plot(0.4 * np.cos(arc), 0.4 * np.sin(arc), color="k")
    top.text(0.42, 0.17, "φ")
    return figure


def hexagonal():
    """Cell, primitive vectors and samples of a hexagonal lattice, and the names of its orders."""
    lattice, count = Lattice.hexagonal(0.5), 3
    figure = Figure(figsize=(9.5, 4.6), layout="constrained")
    real, reciprocal = figure.subplots(1, 2)
    numbers = np.stack(np.meshgrid(*[np.arange(-count, count + 1)] * 2, indexing="ij"), -1).reshape(-1, 2)
    real.plot(*(numbers @ lattice.primitive).T, "o", color="C0", markersize=14)
    samples = (sample_points(1, round(SAMPLES * side / lattice.spacing), side) for side in lattice.pitch)
    real.plot(*(axis.ravel() for axis in np.meshgrid(*samples)), ".", color="0.4", markersize=2)
    corner = np.array(lattice.pitch) / 2
    real.plot(*(np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * corner).T, "--", color="0.3")
    for name, vector in zip(("a1", "a2"), lattice.primitive, strict=True):
        arrow(real, (0, 0), vector, color="C3")
        real.text(*(vector + 0.03), name, color="C3")
    plane(real, "cell, primitive vectors, 10 × 17 samples", 0.75)
    unit = 2 * math.pi / lattice.spacing
    for order in numbers:
        place = order @ lattice.reciprocal / unit
        if np.hypot(*place) < 2.1:
            reciprocal.plot(*place, "o", color="C0")
            reciprocal.text(
                place[0], place[1] + 0.1, f"({order[0]}, {order[1]})".replace("-", "−"), ha="center"
            )
    plane(reciprocal, "orders (m, n) by transverse wave vector", 2.4)
    reciprocal.set(xlabel="kx", ylabel="ky")
    return figure


def own_atom():
    """The H of the page on own meta-atoms, whose class is read from there."""
    page = (DOCS / "howto" / "meta_atom.md").read_text(encoding="utf-8")
    found = {"__name__": "own"}
    exec(re.search(r"```python\n(.*?)```", page, flags=re.DOTALL)[1], found)
    platform = Platform(lattice=Lattice.square(0.4), atom=found["H"]((0.2, 0.27), 0.06, (0, math.pi)))
    return plot.unit_cells(platform, [{"length": 0.25, "angle": angle} for angle in (0, 0.4, math.pi / 4)])


for name, figure in {
    "polarisation": polarisations(),
    "incidence": directions(),
    "hexagonal": hexagonal(),
    "h": own_atom(),
}.items():
    figure.savefig(IMAGES / f"{name}.png", dpi=DPI)
    print(IMAGES / f"{name}.png")
