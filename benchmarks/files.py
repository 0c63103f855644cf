"""Processor time and memory of writing and reading a large near field, alone and in a folder.

python benchmarks/files.py [--cells 1000] [--repeats 3]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import metagen as mg
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.device.layout import Layout

SAMPLES = 10


def near_field(cells: int) -> NearField:
    """A near field of noise, which does not compress, as those of Meep hardly do."""
    rng = np.random.default_rng(0)
    layout = Layout(mg.Platform(), rng.uniform(0.06, 0.16, (cells, cells)), name="large")
    field = rng.standard_normal((cells * SAMPLES, cells * SAMPLES, 6), dtype=np.float32)
    return NearField(layout, 0.633, field.view(np.complex64), SAMPLES)


def timed(repeats: int, run: Callable[[], object]) -> float:
    """The shortest processor time that a function takes, in seconds; other programs matter little to it."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def peak() -> float:
    """Largest memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> None:
    """Print one line per step."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=300, help="cells along one side; 300 are 216 MB")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    near = near_field(given.cells)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.h5"
        before = peak()
        written = timed(1, lambda: near.save(path))
        print(f"field {near.field.nbytes / 1e9:.3f} GB, file {path.stat().st_size / 1e9:.3f} GB")
        print(f"write: {written:.2f} s, {peak() - before:.2f} GB of memory beside the field")
        print(f"read: {timed(given.repeats, lambda: NearField.load(path)):.2f} s")
        print(f"read from its folder: {timed(given.repeats, lambda: Dataset.load_all([folder])):.2f} s")


if __name__ == "__main__":
    main()
