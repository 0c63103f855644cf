"""What a campaign cost, from the files themselves: time and memory per simulation, hashes, compact form.

    python benchmarks/campaign.py                # the data that come with metagen
    python benchmarks/campaign.py compact.h5     # any file that `metagen pack` wrote

Prints one Markdown table per wavelength. Times are those of the runs, on as many ranks as the table says.
"""

from __future__ import annotations

import argparse

import metagen as mg
from metagen.base.tables import Table, number
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField

SHIPPED = "sin-lenses"
GIGABYTE = 1e9


def costs(dataset: Dataset) -> Table:
    """One row per simulation."""
    ran = [near.provenance for near in dataset.near_fields]
    hours = sum(float(each["wall_time_s"]) * int(each["ranks"]) for each in ran) / 3600
    numerics = ", ".join(f"{name} {value}" for name, value in dataset.numerics.items())
    return Table(
        f"{dataset.wavelength:g} µm",
        ("layout", "steps", "ranks", "time (s)", "initialisation", "GB per rank", "raw hash", "lost"),
        tuple(_row(near) for near in dataset.near_fields),
        f"{dataset.wavelength:g} µm: {len(ran)} simulations, {hours:.2f} hours × ranks in all; {numerics}.",
    )


def _row(near: NearField) -> tuple[str, ...]:
    ran = near.provenance
    seconds = float(ran["wall_time_s"])
    return (
        near.layout.name,
        f"{ran['steps']}",
        f"{ran['ranks']}",
        f"{seconds:.0f}",
        f"{float(ran['initialisation_time_s']) / seconds:.0%}",
        f"{float(ran['memory_per_rank']) / GIGABYTE:.2f}",
        f"`{str(ran['raw_hash'])[:12]}`",
        number(float(ran["compact_relative_error"])),
    )


arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
arguments.add_argument("data", nargs="?", default=SHIPPED)
for each in mg.datasets.load(arguments.parse_args().data):
    print(f"{costs(each).markdown()}\n")
