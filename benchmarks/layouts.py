"""How long large layouts take to make, to check, to write and to read.

    python benchmarks/layouts.py [--count 500]

Designing counts without the phase table or library, which is in the cache after the first time.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import metagen as mg
from metagen.base.tables import Table
from metagen.device.layout import random_layout

TRIES = 3
FIN = mg.atoms.Rectangle((0.2, 0.25), (0.08, 0.12), (0.0, math.pi))
PLATFORMS = {
    "circles": mg.Platform(),
    "fins": mg.Platform(lattice=mg.Lattice.square(0.43), atom=FIN),
    "fins, hexagonal": mg.Platform(lattice=mg.Lattice.hexagonal(0.43), atom=FIN),
}


def seconds(make: Callable[[], object]) -> str:
    """The shortest time of some tries."""
    took = []
    for _ in range(TRIES):
        started = time.perf_counter()
        make()
        took.append(time.perf_counter() - started)
    return f"{min(took):.3f}"


def row(name: str, platform: mg.Platform, count: int, folder: Path) -> tuple[str, ...]:
    """Times for the layouts of one platform."""
    made, path = random_layout(platform, count, seed=1), folder / f"{len(name)}.h5"
    steps = [
        lambda: random_layout(platform, count, seed=1),
        lambda: mg.Layout(platform, made.values, present=made.present),
        lambda: mg.Layout(platform, made.values, present=made.present).has_mirror_planes,
        lambda: made.hash,
        lambda: made.save(path),
        lambda: mg.Layout.load(path),
    ]
    return (f"{name}, {made.present.sum():,}", *map(seconds, steps))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(name, platform, count, Path(folder)) for name, platform in PLATFORMS.items()]
    columns = ("pillars", "random", "Layout", "with mirrors", "hash", "save", "load")
    Table(f"Layouts of {count} cells along x, in seconds", columns, tuple(rows)).print()
    platform = mg.Platform()
    mg.lens.focusing(platform, 12.0, 0.633, 21)
    print(f"lens of circles: {seconds(lambda: mg.lens.focusing(platform, count / 2, 0.633, count))} s")


if __name__ == "__main__":
    main()
