"""Published results, computed again.

    python benchmarks/published.py table [--patterns FOLDER] [--meep]
    python benchmarks/published.py metagrating --patterns FOLDER [--meep]

``table`` prints every case beside what was published. ``metagrating`` prints one line NAME RCWA [MEEP] for
each device*.csv in the folder: power into the transmitted order (+1, 0) over the incident power. A file holds
rows of 0 (gap) and 1 (silicon), rows along x; one with a single column is uniform along y. A file that cannot
be read gets one line on stderr. The patterns of the metagratings are those of NanoComp/photonics-opt-testbed,
Metagrating3D (MIT licence). Meep takes some minutes per pattern, and shows on stderr how far it is.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from published_cases import cylinders, fins, library, metagrating, posts
from published_cases.claim import table
from published_cases.patterns import Pattern, pattern_files

from metagen.base.errors import MetagenError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("table", "metagrating"))
    parser.add_argument("--patterns", type=Path, help="folder of device*.csv")
    parser.add_argument("--meep", action="store_true", help="Meep too")
    options = parser.parse_args()
    if options.what == "metagrating" and options.patterns is None:
        parser.error("metagrating needs --patterns FOLDER")
    try:
        files = pattern_files(options.patterns) if options.patterns else []
        if options.what == "table":
            print_table([Pattern.read(file) for file in files], options.meep)
        elif not print_lines(files, options.meep):
            sys.exit(1)
    except MetagenError as error:
        sys.exit(f"error: {error}")


def print_lines(files: list[Path], with_meep: bool) -> bool:
    """Returns whether every file is a pattern. What Meep itself prints goes where messages go."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    patterns = [pattern for file in files if (pattern := read(file))]
    for pattern in patterns:
        values = [solver(pattern) for solver in metagrating.SOLVERS[: 1 + with_meep]]
        print(pattern.name, *(f"{value:.4f}" for value in values), file=output, flush=True)
    return len(patterns) == len(files)


def read(file: Path) -> Pattern | None:
    try:
        return Pattern.read(file)
    except MetagenError as error:
        print(f"error: {error}", file=sys.stderr)
        return None


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
