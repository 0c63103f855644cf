"""P1 in Meep: one simulation per pattern, ended before the grating has rung down."""

from __future__ import annotations

import math
import sys
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from metagen.device import Illumination
from metagen.device.media import Media
from metagen.device.sampling import sample_points
from metagen.fdtd import Numerics
from metagen.fdtd.engine import require_meep
from metagen.fdtd.grid import periodic_grid, pixel_size
from metagen.fdtd.indices import Indices
from metagen.fdtd.normalisation import normalisation
from metagen.fdtd.periodic_monitor import PeriodicMonitor
from published_cases.grating import DEFLECTION, HEIGHT, PITCH, SILICA, SILICON, WAVELENGTH
from published_cases.patterns import Pattern
from published_cases.pixel_scene import PixelScene
from published_cases.ringing import limit

NUMERICS = Numerics(
    WAVELENGTH,
    pixels_per_period=60,
    pml=1.05,
    substrate_gap=0.3,
    cover_gap=0.3,
    decay=1e-6,
    max_time=300.0,
)
"""Absorbers that are thinner or nearer make some of these gratings grow slowly instead of dying out."""
LINE_NUMERICS = replace(NUMERICS, pixels_per_period=80, pillar_compensation=(1.0, 1.0))
"""Of a grating where nothing changes along y: light runs along the axes in it, x as well as z."""
LINE_VOXELS = 2
"""Voxels along y of a grating where nothing changes along y."""
SAMPLES = (125, 48)
"""Samples along x and y from which the amplitude of an order is taken."""
INTERVAL = 5.0
"""Time between two samples of the amplitude, in µm / c."""
SHORTER = 0.8
"""Part of the time after which the power is asked for as well."""
CERTAIN = 0.005
"""Difference between the two above which a warning is printed."""


def meep(pattern: Pattern) -> float:
    """Power into the transmitted order (+1, 0) over the incident power; how far it is goes to stderr."""
    numerics = LINE_NUMERICS if pattern.is_line_grating else NUMERICS
    history = Simulation(pattern, numerics).history()
    early, late = (_power(limit(history[: round(part * len(history))])) for part in (SHORTER, 1.0))
    if abs(late - early) > CERTAIN:
        print(f"{pattern.name}: {early:.4f}, and {late:.4f} later: it still rings", file=sys.stderr)
    return late


def _power(amplitude: NDArray[np.complex128]) -> float:
    return float((np.abs(amplitude) ** 2).sum() * math.cos(DEFLECTION) / SILICA)


@dataclass(frozen=True)
class Simulation:
    """A pattern, and how finely it is computed."""

    pattern: Pattern
    numerics: Numerics

    def history(self) -> NDArray[np.complex128]:
        """[T, 3] amplitude of the order if the field ended at each of equally spaced times."""
        mp, scene = require_meep(), self._scene()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Meep's about an index of air a little below 1
            matrix, simulation = normalisation(scene.indices), scene.simulation()
            monitor = PeriodicMonitor.add(simulation, scene)
            simulation.init_sim()
        found: list[NDArray[np.complex128]] = []
        pixel = scene.grid.pixel
        steps = round(INTERVAL / pixel)
        with tqdm(total=round(self.numerics.max_time / (steps * pixel)), desc=self.pattern.name) as bar:

            def record(running: Any) -> None:
                found.append(self._amplitude(running, monitor) @ matrix.T)
                bar.update()

            simulation.run(mp.at_every(steps, record), until=bar.total * steps)
        simulation.reset_meep()
        return np.array(found)

    def _amplitude(self, simulation: Any, monitor: PeriodicMonitor) -> NDArray[np.complex128]:
        grid = monitor.scene.grid
        sides = grid.lateral[0] * grid.widths[0], grid.lateral[1] * grid.widths[1]
        x, y = (sample_points(1, count, side) for count, side in zip(SAMPLES, sides, strict=True))
        field = monitor.sample(simulation, x / grid.widths[0], y / grid.widths[1])
        order = np.exp(-2j * np.pi * x / sides[0]) / len(x)
        return np.asarray(order @ field.mean(axis=1))

    def _scene(self) -> PixelScene:
        """Half of it where the pattern has a mirror along y."""
        media, light = Media(WAVELENGTH, SILICON, SILICA, cover=1.0), Illumination(WAVELENGTH, "x")
        pixel = pixel_size(PITCH[0], media, self.numerics)
        along_y = LINE_VOXELS * pixel if self.pattern.is_line_grating else PITCH[1]
        grid, _ = periodic_grid((PITCH[0], along_y), pixel, HEIGHT, self.numerics)
        mirrored = None if self.pattern.is_line_grating else self.pattern.mirrored_along_y
        return PixelScene(
            Indices(media, light, self.numerics, grid, spacing=PITCH[1]),
            HEIGHT,
            pillars=(),
            periodic=True,
            mirrors=(False, mirrored is not None),
            filled=self.pattern.filled if mirrored is None else mirrored,
        )
