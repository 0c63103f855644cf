"""The command line: each command reads files, calls one function of the library, and writes or prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from metagen.errors import MetagenError
from metagen.parallel import launched_rank
from metagen.platform import Platform

app = typer.Typer(
    name="metagen",
    help="Design metasurfaces by gradient descent through a surrogate learned from FDTD.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Existing = Annotated[Path, typer.Argument(exists=False, show_default=False)]
Output = Annotated[Path, typer.Option("--output", "-o", help="Where the result goes.", show_default=False)]
PlatformFile = Annotated[
    Path | None,
    typer.Option(help="Platform file (TOML); by default the paper's.", show_default=False),
]


@app.command()
def table(
    wavelength: Annotated[list[float], typer.Option(help="In vacuum; give it once per wavelength.")],
    platform: PlatformFile = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the tables into this file (PNG, PDF, SVG).")] = None,
) -> None:
    """Compute and print the phase table of a platform (RCWA)."""
    from metagen.tables import print_phase_tables

    print_phase_tables(_platform(platform), wavelength, plot)


@app.command()
def layout(
    focal_length: Annotated[float, typer.Option(help="From the monitor plane to the focus.")],
    output: Output,
    wavelength: Annotated[float, typer.Option(help="At which the lens focuses.")] = 0.633,
    count: Annotated[int, typer.Option(help="Pillars along one side.")] = 113,
    platform: PlatformFile = None,
) -> None:
    """Design a lens from the phase table, pillar by pillar."""
    from metagen.lens import focusing

    made = focusing(_platform(platform), focal_length=focal_length, wavelength=wavelength, count=count)
    made.save(output)
    print(f"{output}: {made.count} × {made.count} pillars, side {made.side:.3f} µm")


@app.command()
def simulate(campaign: Existing, output: Output) -> None:
    """Simulate what is missing of a campaign with Meep; run it under mpirun to use several cores."""
    from metagen.fdtd.campaign import Campaign, run
    from metagen.fdtd.engine import require_meep

    wanted = Campaign.load(campaign)
    require_meep()
    files = run(wanted.tasks() if launched_rank() == 0 else None, output)
    if launched_rank() == 0:
        print(f"{output}: {len(files)} near fields are there")


@app.command()
def status(campaign: Existing, output: Output) -> None:
    """Say which simulations of a campaign are done."""
    from metagen.fdtd.campaign import Campaign

    tasks = Campaign.load(campaign).tasks()
    done = [task.is_done(output) for task in tasks]
    for task, finished in zip(tasks, done, strict=True):
        print(f"{'done   ' if finished else 'missing'}  {task.file_name}")
    print(f"{sum(done)} of {len(tasks)} done")


@app.command()
def check(files: Annotated[list[Path], typer.Argument(show_default=False)]) -> None:
    """Check near-field files: structure, conventions, finite values, energy."""
    from metagen.metrics import transmission
    from metagen.nearfield import NearField

    for path in files:
        near = NearField.load(path)
        print(f"{path}: {near.layout.name}, {near.wavelength} µm, transmission {transmission(near):.3f}")


def _platform(path: Path | None) -> Platform:
    return Platform() if path is None else Platform.load(path)


def main() -> None:
    """Run the command line; a mistake of the user ends in one line and exit status 1, Ctrl-C in 130."""
    try:
        app()
    except MetagenError as error:
        if launched_rank() == 0:
            print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted: what was finished is on disk; run it again to go on", file=sys.stderr)
        sys.exit(130)
