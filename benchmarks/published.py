"""Published results, computed again.

    python benchmarks/published.py table [--patterns FOLDER] [--meep]
    python benchmarks/published.py metagrating --patterns FOLDER [--meep]

``table`` prints every case beside what was published. ``metagrating`` prints one line NAME RCWA [MEEP] for
each device*.csv in the folder: power into the transmitted order (+1, 0) over the incident power. A file holds
rows of 0 and 1, rows along x; one with a single column is uniform along y. The patterns of the metagratings
are those of NanoComp/photonics-opt-testbed, Metagrating3D (MIT licence).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from published_cases import cylinders, fins, library, metagrating, posts
from published_cases.claim import table
from published_cases.patterns import Pattern, read_folder

from metagen.base.errors import MetagenError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("table", "metagrating"))
    parser.add_argument("--patterns", type=Path, help="folder of device*.csv")
    parser.add_argument("--meep", action="store_true", help="Meep too (some minutes per pattern)")
    options = parser.parse_args()
    if options.what == "metagrating" and options.patterns is None:
        parser.error("metagrating needs --patterns FOLDER")
    try:
        patterns = read_folder(options.patterns) if options.patterns else []
        if options.what == "table":
            print_table(patterns, options.meep)
        else:
            print_lines(patterns, options.meep)
    except MetagenError as error:
        sys.exit(f"error: {error}")


def print_lines(patterns: list[Pattern], with_meep: bool) -> None:
    """What Meep itself prints goes where messages go."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for pattern in patterns:
        values = [solver(pattern) for solver in metagrating.SOLVERS[: 1 + with_meep]]
        print(pattern.name, *(f"{value:.4f}" for value in values), file=output, flush=True)


def print_table(patterns: list[Pattern], with_meep: bool) -> None:
    cases = (
        metagrating.claims(patterns, with_meep),
        library.claims(),
        posts.claims(),
        fins.claims(),
        cylinders.claims(),
    )
    print(table(claim for case in cases for claim in case).markdown())


if __name__ == "__main__":
    main()
