"""Cost of a near field: ours against the straightforward Meep script, at equal error.

    python benchmarks/fdtd.py equal-error                cost ratio on a small random layout
    python benchmarks/fdtd.py scaling --count 41         initialisation, two ranks against one

Straightforward means: no mirror planes, plain indices, one long run of fixed length, Meep's averaged monitor,
the incident wave from a second, one-pixel-wide run. Both are compared with the same fine run of ours; the
script's error falls with its measured order, and the cost at our error is read off that line.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metagen import Platform
from metagen.base.norms import relative_error
from metagen.base.parallel import run_on_ranks
from metagen.base.tables import Table, number
from metagen.data.nearfield import NearField
from metagen.device.layout import Layout, random_layout
from metagen.device.sampling import SAMPLES, monitor_height, sample_points
from metagen.fdtd import Numerics, simulate
from metagen.fdtd.calibration import numerics_for
from metagen.fdtd.engine import require_meep
from metagen.fdtd.grid import COURANT
from metagen.fdtd.interpolation import to_points

TARGETS = {0.633: 0.005, 0.400: 0.01}
FINE = {0.633: 20, 0.400: 24}
SCRIPT_PIXELS = {0.633: (12, 18), 0.400: (16, 22)}
SCRIPT_PML = 0.4
SCRIPT_MARGIN = 0.3
SCRIPT_TIME = 30.0
"""Simulated time of the straightforward script, µm / c: twice what ours takes to settle on this layout."""


@dataclass(frozen=True)
class Script:
    """The straightforward Meep script, in micrometres, as one would write it from Meep's tutorials."""

    layout: Layout
    wavelength: float
    pixels_per_period: int

    @property
    def resolution(self) -> float:
        """Pixels per micrometre."""
        return self.pixels_per_period / self.layout.platform.period

    def run(self) -> NDArray[np.complex128]:
        """[N·n, N·n, 3] normalised near field."""
        return self._near_field() / self._incident()

    def _cell(self) -> tuple[float, float]:
        width = self.layout.side + 2 * (SCRIPT_MARGIN + SCRIPT_PML)
        above = monitor_height(self.layout.platform.height, self.wavelength) + SCRIPT_MARGIN + SCRIPT_PML
        # An even number of pixels, or Meep rounds.
        even = [2 * math.ceil(size / 2 * self.resolution) for size in (width, self._base + above)]
        return even[0] / self.resolution, even[1] / self.resolution

    @property
    def _base(self) -> float:
        """Height of the pillar base above the bottom of the cell."""
        return SCRIPT_PML + SCRIPT_MARGIN

    def _z(self, height: float) -> float:
        """Meep's z of a height above the pillar base: its origin is in the middle of the cell."""
        return self._base + height - self._cell()[1] / 2

    def _simulation(self, width: float, geometry: list[Any], background: float, *, lateral: bool) -> Any:
        mp = require_meep()
        height = self._cell()[1]
        axes = (mp.X, mp.Y, mp.Z) if lateral else (mp.Z,)
        return mp.Simulation(
            cell_size=mp.Vector3(width, width, height),
            resolution=self.resolution,
            Courant=COURANT,
            boundary_layers=[mp.PML(SCRIPT_PML, direction=axis) for axis in axes],
            default_material=mp.Medium(index=background),
            geometry=geometry,
            sources=[
                mp.Source(
                    mp.GaussianSource(1 / self.wavelength, fwidth=1 / self.wavelength, is_integrated=True),
                    component=mp.Ex,
                    center=mp.Vector3(z=-height / 2 + SCRIPT_PML + 0.05),
                    size=mp.Vector3(width, width, 0),
                )
            ],
            k_point=mp.Vector3(),
        )

    def _near_field(self) -> NDArray[np.complex128]:
        mp, platform = require_meep(), self.layout.platform
        media = platform.at(self.wavelength)
        width, height = self._cell()
        substrate = mp.Block(
            center=mp.Vector3(z=(self._z(0) - height / 2) / 2),
            size=mp.Vector3(mp.inf, mp.inf, self._z(0) + height / 2),
            material=mp.Medium(index=media.substrate),
        )
        pillars = [
            mp.Cylinder(
                radius=self.layout.radii[i, j],
                height=platform.height,
                center=mp.Vector3(x, y, self._z(platform.height / 2)),
                material=mp.Medium(index=media.lossless_pillar),
            )
            for i, x in enumerate(self.layout.positions)
            for j, y in enumerate(self.layout.positions)
        ]
        simulation = self._simulation(width, [substrate, *pillars], media.cover, lateral=True)
        plane = mp.Vector3(z=self._z(monitor_height(platform.height, self.wavelength)))
        size = mp.Vector3(self.layout.side + 0.3, self.layout.side + 0.3, 0)
        components = [mp.Ex, mp.Ey, mp.Ez]
        monitor = simulation.add_dft_fields(components, [1 / self.wavelength], center=plane, size=size)
        simulation.run(until=SCRIPT_TIME)
        x, y, *_ = simulation.get_array_metadata(dft_cell=monitor)
        points = sample_points(self.layout.count, SAMPLES, platform.period)
        fields = [
            to_points(
                np.asarray(x),
                np.asarray(y),
                simulation.get_dft_array(monitor, component, 0),
                (points, points),
            )
            for component in components
        ]
        simulation.reset_meep()
        return np.stack(fields, axis=-1)

    def _incident(self) -> complex:
        mp = require_meep()
        pixel = 1 / self.resolution
        media = self.layout.platform.at(self.wavelength)
        simulation = self._simulation(pixel, [], media.substrate, lateral=False)
        # A monitor of no width would weight the field with its place between grid points.
        size = mp.Vector3(pixel, pixel, 0)
        monitor = simulation.add_dft_fields(
            [mp.Ex], [1 / self.wavelength], center=mp.Vector3(z=self._z(0)), size=size
        )
        simulation.run(until=SCRIPT_TIME)
        amplitude = complex(np.ravel(simulation.get_dft_array(monitor, mp.Ex, 0))[0])
        simulation.reset_meep()
        return amplitude


@dataclass(frozen=True)
class Measured:
    """Time and error of one way to a near field."""

    what: str
    seconds: float
    error: float


def equal_error(wavelength: float, layout: Layout) -> Table:
    """Both ways on one layout, and the cost ratio at our error."""
    usual = numerics_for(layout.platform, wavelength, TARGETS[wavelength])
    fine = Numerics(
        wavelength=wavelength,
        pixels_per_period=FINE[wavelength],
        pillar_compensation=usual.pillar_compensation,
        pml=0.5,
        margin=0.3,
    )
    true = simulate(layout, fine).field
    simulate(layout, usual)  # so that Meep's start and the incident wave count for neither
    ours = _measure(f"ours, {usual.pixels_per_period} pixels", lambda: simulate(layout, usual).field, true)
    plain = [
        _measure(f"script, {pixels} pixels", Script(layout, wavelength, pixels).run, true)
        for pixels in SCRIPT_PIXELS[wavelength]
    ]
    coarse, better = plain
    slope = math.log(better.seconds / coarse.seconds) / math.log(better.error / coarse.error)
    seconds = better.seconds * (ours.error / better.error) ** slope
    rows = [(m.what, number(m.error), f"{m.seconds:.1f}") for m in (ours, *plain)]
    rows.append(("script at our error (on the line of the two)", number(ours.error), f"{seconds:.0f}"))
    return Table(
        f"{wavelength:g} µm, random {layout.count} × {layout.count}: cost ratio {seconds / ours.seconds:.0f}",
        ("what", "relative error", "seconds"),
        tuple(rows),
        f"Error of (Ex, Ey, Ez) against {FINE[wavelength]} pixels per period; one rank.",
    )


def _measure(what: str, run: Any, true: NDArray[Any]) -> Measured:
    started = time.perf_counter()
    field = run()
    return Measured(what, time.perf_counter() - started, relative_error(field, true))


CAMPAIGN = """
[[light]]
wavelength = 0.633
pixels_per_period = {pixels}
[[layouts]]
family = "random"
count = {count}
seeds = [1]
"""


def scaling(count: int, pixels: int) -> Table:
    """One simulation on one rank and on two."""
    rows, fields = [], []
    with tempfile.TemporaryDirectory() as folder:
        campaign = Path(folder) / "campaign.toml"
        campaign.write_text(CAMPAIGN.format(count=count, pixels=pixels), encoding="utf-8")
        for ranks in (1, 2):
            output = Path(folder) / str(ranks)
            run_on_ranks(ranks, ["simulate", campaign, "--output", output])
            near = NearField.load(next(output.glob("*.h5")))
            fields.append(near.field)
            rows.append((ranks, {name: float(str(near.provenance[name])) for name in MEASURED}))
    difference = float(np.abs(fields[1] - fields[0]).max())
    return Table(
        f"Random {count} × {count}, {pixels} pixels per period, 0.633 µm",
        ("ranks", "seconds", "speed-up", "initialisation", "load balance", "bytes per voxel"),
        tuple(
            (
                f"{ranks}",
                f"{values['wall_time_s']:.1f}",
                f"{rows[0][1]['wall_time_s'] / values['wall_time_s']:.2f}",
                f"{values['initialisation_time_s'] / values['wall_time_s']:.1%}",
                f"{values['load_balance']:.2f}",
                f"{values['memory_per_rank'] * ranks / (values['voxels'] / 4):.0f}",
            )
            for ranks, values in rows
        ),
        "Load balance: mean over greatest computing time of a rank. Bytes per simulated voxel: growth of the "
        f"process during the simulation. Largest difference of the fields: {difference:.1g}.",
    )


MEASURED = ("wall_time_s", "initialisation_time_s", "load_balance", "memory_per_rank", "voxels")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["equal-error", "scaling"])
    parser.add_argument("--count", type=int, default=None, help="pillars along one side")
    parser.add_argument("--pixels", type=int, default=8, help="pixels per period (scaling)")
    arguments = parser.parse_args()
    if arguments.what == "scaling":
        scaling(arguments.count or 41, arguments.pixels).print()
        return
    for wavelength in TARGETS:
        equal_error(wavelength, random_layout(Platform(), arguments.count or 3, seed=1)).print()


if __name__ == "__main__":
    main()
