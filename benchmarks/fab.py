"""Time, memory and size of layout files, against one flat polygon per pillar written by plain gdstk.

    python benchmarks/fab.py                      # 113 × 113, 1 mm, ten million pillars: 8 GB of memory
    python benchmarks/fab.py --counts 113 500
    python benchmarks/fab.py --counts --fins 1000  # a million fins alone

Every case runs in a process of its own, so that peak memory is its own. The flat file holds the very same
polygons (area-true, within 0.1 nm of the circle). It is not built for more than ``--flat-limit`` pillars;
its size, time and memory, which grow with the pillars, are then scaled from the largest one built (marked ~).
Fins are random: at any angle, and of any sides besides, which then are as many cells as fins. They are not
read back: every cell would be compared with the fin that its name says.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import gdstk
import numpy as np

import metagen as mg
from metagen.device.atoms import Rectangle
from metagen.device.lattice import Lattice
from metagen.device.layout import random_layout
from metagen.fab import LayoutFileOptions, read_gds, read_oasis, write_gds, write_oasis
from metagen.fab.circle import circle_polygon

OPTIONS = LayoutFileOptions(grid=1e-3)


@dataclass(frozen=True)
class Result:
    """One case: what was written, how long it took, and what it needed."""

    pillars: int
    bytes: int
    write_s: float
    write_cpu_s: float
    read_s: float
    memory: float
    """Peak memory of the whole process until the file is written, in bytes."""


def lens(count: int, shift: float) -> mg.Layout:
    """A lens of numerical aperture 0.45 whose radii follow the phase; only its statistics matter here.

    The axis is shifted by a share of the aperture; a shifted lens has no mirror plane to fold at.
    """
    platform = mg.Platform()
    x = (np.arange(count) - (count - 1) / 2) * platform.period
    focal_length = count * platform.period
    radii = np.add.outer((x - shift * focal_length) ** 2, (x - 0.7 * shift * focal_length) ** 2)
    radii += focal_length**2  # in place: building the device is not what is measured
    np.sqrt(radii, out=radii)
    radii *= -1 / 0.633
    radii %= 1
    radii *= 0.12
    radii += 0.05
    return mg.Layout(platform, radii)


DEVICES: dict[str, Callable[[int], mg.Layout]] = {
    "lens (8-fold)": lambda count: lens(count, 0.0),
    "random (4-fold)": lambda count: random_layout(mg.Platform(), count, seed=0),
    "off-axis lens (1-fold)": lambda count: lens(count, 0.13),
}
FLAT_DEVICE = "lens (8-fold)"
FINS = {
    "fins at any angle": Rectangle(0.41, 0.085, (0.0, math.pi)),
    "fins of any sides at any angle": Rectangle((0.2, 0.35), (0.06, 0.15), (0.0, math.pi)),
}


def random_fins(atom: Rectangle, count: int) -> mg.Layout:
    """Independent fins, uniform within their limits."""
    platform = mg.Platform(lattice=Lattice.square(0.43), atom=atom)
    low, high = np.transpose([(each.low, each.high) for each in atom.parameters])
    values = np.random.default_rng(0).uniform(low, high, (count, count, 1, len(low)))
    return mg.Layout(platform, values)


def write_flat(layout: mg.Layout, save: Callable[[gdstk.Library], None]) -> None:
    """What a short script with gdstk does: one polygon per pillar."""
    library = gdstk.Library(precision=OPTIONS.database_unit * 1e-6)
    cell = library.new_cell("DEVICE")
    steps = np.rint(layout.radii / OPTIONS.grid).astype(int)
    polygons = {
        step: circle_polygon(step * OPTIONS.grid, OPTIONS.polygon_tolerance, OPTIONS.database_unit)
        for step in np.unique(steps)
    }
    x = layout.positions
    for i in range(layout.count):
        for j in range(layout.count):
            cell.add(gdstk.Polygon(polygons[steps[i, j]] + (x[i], x[j]), 1))
    save(library)


def measure(count: int, device: str, suffix: str, flat: bool) -> Result:
    """Write (and, unless it is flat, read back) one file in this process."""
    layout = random_fins(FINS[device], count) if device in FINS else DEVICES[device](count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"device.{suffix}"
        write, read = (write_gds, read_gds) if suffix == "gds" else (write_oasis, read_oasis)
        start, begun = time.perf_counter(), time.process_time()
        if flat:
            write_flat(layout, lambda library: save_flat(library, path))
        else:
            write(layout, path)
        written, worked = time.perf_counter(), time.process_time() - begun
        memory = peak_memory()
        if not flat and device in DEVICES:
            again = read(path, layout.platform)
            assert np.abs(again.radii - layout.radii).max() <= OPTIONS.grid / 2 * (1 + 1e-9)
        read_s = time.perf_counter() - written
        return Result(count**2, path.stat().st_size, written - start, worked, read_s, memory)


def save_flat(library: gdstk.Library, path: Path) -> None:
    """Save with gdstk's defaults."""
    if path.suffix == ".gds":
        library.write_gds(path)
    else:
        library.write_oas(path)


def peak_memory() -> int:
    """Peak resident memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def in_own_process(count: int, device: str, suffix: str, flat: bool) -> Result:
    """Run :func:`measure` in a new process."""
    case = json.dumps([count, device, suffix, flat])
    command = [sys.executable, __file__, "--case", case]
    return Result(**json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))


def scaled(result: Result, pillars: int) -> Result:
    """A flat result for more pillars than were built."""
    factor = pillars / result.pillars
    size = round(result.bytes * factor)
    return Result(
        pillars, size, result.write_s * factor, result.write_cpu_s * factor, 0.0, result.memory * factor
    )


def row(device: str, suffix: str, ours: Result, flat: Result, is_scaled: bool) -> str:
    """One line of the table."""
    mark = "~" if is_scaled else ""
    faster = flat.write_s / ours.write_s
    return (
        f"| {ours.pillars:,} | {device} | {suffix.upper()} | {ours.bytes / 1e6:.3g} MB "
        f"| {mark}{flat.bytes / ours.bytes:.0f} × | {ours.write_s:.2g} s | {mark}{faster:.0f} × "
        f"| {ours.memory / 1e6:.0f} MB | {mark}{flat.memory / 1e6:.0f} MB | {ours.read_s:.2g} s |"
    )


def print_circles(counts: list[int], flat_limit: float) -> None:
    """Print what devices of circles need, beside flat files."""
    print(
        "| pillars | device | format | size | smaller | write | faster | memory | flat memory | read back |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for suffix in ("gds", "oas"):
        flat: Result | None = None
        for count in counts:
            built = flat is None or count**2 <= flat_limit
            flat = (
                in_own_process(count, FLAT_DEVICE, suffix, True)
                if built or flat is None
                else scaled(flat, count**2)
            )
            for device in DEVICES:
                print(
                    row(device, suffix, in_own_process(count, device, suffix, False), flat, not built),
                    flush=True,
                )


def print_fins(count: int) -> None:
    """Print what random fins need."""
    print("\n| pillars | device | format | size | write | of which the processor | memory |")
    print("|---|---|---|---|---|---|---|")
    for device, suffix in itertools.product(FINS, ("gds", "oas")):
        found = in_own_process(count, device, suffix, False)
        print(
            f"| {found.pillars:,} | {device} | {suffix.upper()} | {found.bytes / 1e6:.3g} MB "
            f"| {found.write_s:.2g} s | {found.write_cpu_s:.2g} s | {found.memory / 1e6:.0f} MB |",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--counts", type=int, nargs="*", default=[113, 2257, 3163], help="pillars along a side"
    )
    parser.add_argument("--flat-limit", type=float, default=6e6, help="most pillars of a flat file")
    parser.add_argument("--fins", type=int, default=1000, help="random fins along a side")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(asdict(measure(*json.loads(arguments.case)))))
        return
    if arguments.counts:
        print_circles(sorted(arguments.counts), arguments.flat_limit)
    print_fins(arguments.fins)


if __name__ == "__main__":
    main()
