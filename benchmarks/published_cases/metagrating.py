"""P1: free-form silicon metagratings that send light at normal incidence to 50 degrees.

Patterns and numbers: NanoComp/photonics-opt-testbed, Metagrating3D (MIT licence); M. Chen et al., J. Opt.
Soc. Am. B 41, A161 (2024). The files are not part of this repository.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from typing import NoReturn

import numpy as np
from tqdm import tqdm

from metagen.device import Illumination, Lattice
from metagen.device.media import Media
from metagen.device.sampling import sample_points
from metagen.fdtd import Numerics
from metagen.fdtd.grid import periodic_grid, pixel_size
from metagen.fdtd.indices import Indices
from metagen.fdtd.simulation import solve
from metagen.fdtd.stepping import UnsettledWarning
from metagen.rcwa import Layer, Stack, solve_stack
from published_cases.claim import Claim
from published_cases.patterns import Pattern
from published_cases.pixel_scene import PixelScene

WAVELENGTH = 1.05
PITCH = (WAVELENGTH / math.sin(math.radians(50)), WAVELENGTH / 2)
HEIGHT, SILICON, SILICA = 0.325, 3.45, 1.45

ORDERS, FEWER = (28, 11), (20, 8)
"""Largest |m| and |n|: those that pixels of 12 nm can tell apart, and fewer, to see what is left."""
LINE_ORDERS, FEWER_LINE_ORDERS = (60, 0), (40, 0)
"""The same where nothing changes along y."""
SETTLED = 0.01
"""Change between the two truncations above which a warning is printed."""

MEEP = Numerics(
    WAVELENGTH,
    pixels_per_period=60,
    pml=1.05,
    substrate_gap=0.3,
    cover_gap=0.3,
    decay=1e-6,
    max_time=600.0,
)
"""The gratings ring for long, and make absorbers that are thin or near grow slowly instead of dying out."""
LINE_VOXELS = 2
"""Voxels along y of a grating where nothing changes along y."""
SAMPLES = (125, 48)
"""Samples along x and y from which the amplitude of an order is taken."""

PUBLISHED = {
    "device1": (0.957, 0.955),
    "device2": (0.933, 0.938),
    "device3": (0.966, 0.950),
}
"""RETICOLO and Meep."""


def rcwa(pattern: Pattern) -> float:
    """Power into the transmitted order (+1, 0) over the incident power; warns if more orders would matter."""
    coarse, fine = truncations(pattern)
    if abs(fine - coarse) > SETTLED:
        print(
            f"{pattern.name}: {coarse:.4f}, and {fine:.4f} with more orders: still more would change it",
            file=sys.stderr,
        )
    return fine


def truncations(pattern: Pattern) -> tuple[float, float]:
    """The same with fewer and with more orders."""
    few, many = (FEWER_LINE_ORDERS, LINE_ORDERS) if pattern.is_line_grating else (FEWER, ORDERS)
    return rcwa_with(pattern, few), rcwa_with(pattern, many)


def rcwa_with(pattern: Pattern, orders: tuple[int, int]) -> float:
    """The same for one truncation."""
    filled = pattern.repeated((4 * orders[0] + 1, 4 * orders[1] + 1))
    layer = Layer(np.where(filled, SILICON**2, 1.0), HEIGHT)
    stack = Stack(Lattice.rectangular(*PITCH), (layer,), SILICA)
    channels = solve_stack(stack, Illumination(WAVELENGTH, "x"), orders=orders).transmitted
    wanted = [(m, n) == (1, 0) for m, n in zip(channels.m, channels.n, strict=True)]
    return float(channels.power[wanted].sum())


def meep(pattern: Pattern, numerics: Numerics = MEEP) -> float:
    """The same from Meep's field half a wavelength above the silicon; how far it is goes to stderr."""
    scene, pitch = scene_of(pattern, numerics)
    x, y = (sample_points(1, count, side) for count, side in zip(SAMPLES, pitch, strict=True))
    with (
        tqdm(total=round(numerics.max_time), desc=pattern.name) as bar,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", UnsettledWarning)
        progress = partial(_show, bar)
        field = solve(scene, numerics, x, y, name=pattern.name, progress=progress).field
    amplitude = (field.mean(1) * np.exp(-2j * np.pi * x / pitch[0])[:, None]).mean(0)
    return float((np.abs(amplitude) ** 2).sum() * math.cos(math.radians(50)) / SILICA)


def _show(bar: tqdm[NoReturn], time: float) -> None:
    bar.update(round(time) - bar.n)


def scene_of(pattern: Pattern, numerics: Numerics) -> tuple[PixelScene, tuple[float, float]]:
    """What Meep simulates, and the sides of its cell; half of it where the pattern has a mirror along y."""
    media, light = Media(WAVELENGTH, SILICON, SILICA, cover=1.0), Illumination(WAVELENGTH, "x")
    pixel = pixel_size(PITCH[0], media, numerics)
    pitch = (PITCH[0], LINE_VOXELS * pixel if pattern.is_line_grating else PITCH[1])
    grid, _ = periodic_grid(pitch, pixel, HEIGHT, numerics)
    mirrored = None if pattern.is_line_grating else pattern.mirrored_along_y
    return PixelScene(
        Indices(media, light, numerics, grid, spacing=PITCH[1]),
        HEIGHT,
        pillars=(),
        periodic=True,
        mirrors=(False, mirrored is not None),
        filled=pattern.filled if mirrored is None else mirrored,
    ), pitch


SOLVERS = (rcwa, meep)


def claims(patterns: list[Pattern], with_meep: bool) -> Iterator[Claim]:
    """The devices whose numbers are published."""
    for pattern in patterns:
        if pattern.name not in PUBLISHED:
            continue
        reticolo, other_meep = PUBLISHED[pattern.name]
        coarse, fine = truncations(pattern)
        yield _claim(f"P1 {pattern.name}, RETICOLO", reticolo, fine, f"orders: {coarse:.4f} at {FEWER}")
        if with_meep:
            yield _claim(f"P1 {pattern.name}, Meep", other_meep, meep(pattern), "the grid of both")


def _claim(case: str, published: float, ours: float, reason: str) -> Claim:
    difference = f"{ours - published:+.4f}"
    return Claim(case, "power in order (+1, 0)", f"{published:.3f}", f"{ours:.4f}", difference, reason)
