"""The command line: each command reads files, calls the library, and writes or prints what comes out."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from metagen.cli_design import DESIGN_COMMANDS
from metagen.cli_fab import FAB_COMMANDS
from metagen.cli_study import Sources, studies
from metagen.errors import MetagenError
from metagen.parallel import launched_rank
from metagen.platform import Platform


class Commands(TyperGroup):
    """All commands; where Ctrl-C ends one, Typer alone would leave without a word."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if launched_rank() == 0:
                print("interrupted: what was finished is on disk; run it again to go on", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="metagen",
    cls=Commands,
    help="Design metasurfaces by gradient descent through a surrogate learned from FDTD (all lengths in µm).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

CampaignFile = Annotated[Path, typer.Argument(help="Campaign file (TOML).", show_default=False)]
NearFieldFiles = Annotated[
    list[Path], typer.Argument(help="Near-field files, or folders of them.", show_default=False)
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Where the result goes.", show_default=False)]
PlatformFile = Annotated[
    Path | None, typer.Option(help="Platform file (TOML); by default the paper's.", show_default=False)
]
OTHER_ORDERS = "at wavelength .* the orders .* propagate"
"""A warning to those who build on the zero order alone: `metagen table` gives it, other commands need not."""
Recipes = Annotated[Path, typer.Option(help="Folder with simulations/, training/ and design/.")]


@app.command()
def table(
    wavelength: Annotated[list[float], typer.Option(help="In vacuum; give it once per wavelength.")],
    platform: PlatformFile = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the table into this file (.png, .pdf, .svg).")
    ] = None,
) -> None:
    """Compute and print the phase table of a platform (RCWA)."""
    from metagen.plot import save
    from metagen.rcwa import PhaseTable
    from metagen.rcwa.plot import plot_table
    from metagen.summaries import phase_table

    warnings.filterwarnings("default", message=OTHER_ORDERS)
    computed = [PhaseTable.compute(_platform(platform), wavelength=each) for each in wavelength]
    for each in computed:
        phase_table(each).print()
    if plot:
        for each in computed:
            path = plot if len(computed) == 1 else plot.with_stem(f"{plot.stem}-{each.wavelength * 1000:.0f}")
            save(plot_table(each), path)
            print(path)


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

    made = focusing(_platform(platform), focal_length, wavelength, count)
    made.save(output)
    print(f"{output}: {made.count} × {made.count} pillars, side {made.side:.3f} µm")


@app.command()
def simulate(
    campaign: CampaignFile,
    output: Output,
    task: Annotated[
        str, typer.Option(help="Only the i-th of n parts, as i/n with i = 1 … n (job arrays).")
    ] = "1/1",
    plan: Annotated[bool, typer.Option("--plan", help="Only say what it will cost.")] = False,
) -> None:
    """Simulate what is missing of a campaign with Meep; start it with mpirun to use several cores."""
    from metagen.fdtd.campaign import Campaign, part, run
    from metagen.fdtd.engine import require_meep
    from metagen.fdtd.plan import print_plan
    from metagen.parallel import aborting_together, communicator

    wanted = Campaign.load(campaign)
    require_meep()
    with aborting_together(communicator()):
        tasks = part(wanted.tasks(), task) if launched_rank() == 0 else None
    if plan:
        print_plan(tasks, output)
        return
    files = run(tasks, output)
    if launched_rank() == 0:
        print(f"{output}: all {len(files)} near fields are there")


@app.command()
def status(campaign: CampaignFile, output: Output) -> None:
    """Say which simulations of a campaign are done, and who is working on which."""
    from metagen.fdtd.campaign import Campaign
    from metagen.fdtd.claims import holder

    tasks = Campaign.load(campaign).tasks()
    done = [task.is_done(output) for task in tasks]
    for task, finished in zip(tasks, done, strict=True):
        running = None if finished else holder(output / task.file_name)
        state = "done   " if finished else "running" if running else "missing"
        print(f"{state}  {task.file_name}{f'  ({running})' if running else ''}")
    print(f"{sum(done)} of {len(tasks)} done")


@app.command()
def validate(
    campaign: CampaignFile,
    radius: Annotated[list[float] | None, typer.Option(help="Of a periodic cell; once per radius.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Keep the errors here (JSON).")
    ] = None,
) -> None:
    """Compare Meep with RCWA on periodic cells, with the numerics of a campaign."""
    from metagen.fdtd.campaign import Campaign
    from metagen.fdtd.validation import DEFAULT_RADII, remembered_errors
    from metagen.summaries import validation_table

    wanted = Campaign.load(campaign)
    errors = remembered_errors(wanted.platform, wanted.light, radius or DEFAULT_RADII, output)
    validation_table(errors).print()


@app.command()
def calibrate(
    wavelength: Annotated[float, typer.Option(help="In vacuum.")],
    error_target: Annotated[float, typer.Option(help="Relative error of a near field that is allowed.")],
    platform: PlatformFile = None,
) -> None:
    """Find resolution and index compensation for an error target (Meep against RCWA on periodic cells)."""
    from metagen.fdtd.calibration import search
    from metagen.fdtd.campaign import ErrorTarget
    from metagen.summaries import calibration_table

    wanted = ErrorTarget(wavelength=wavelength, error_target=error_target)
    calibration_table(search(_platform(platform), wanted.wavelength, wanted.error_target)).print()


@app.command()
def check(files: NearFieldFiles) -> None:
    """Check near-field files: structure, units, hashes, finite values, no power from nowhere."""
    from metagen.dataset import expand
    from metagen.fdtd.check import check_file

    problems = []
    for path in expand(files):
        try:
            near, passed = check_file(path)
        except MetagenError as problem:
            problems.append(str(problem))
        else:
            print(f"{path}: {near.layout.name}, {near.wavelength:g} µm, transmission {passed:.3f}")
    if problems:
        raise MetagenError("\n".join(problems))


@app.command()
def pack(files: NearFieldFiles, output: Output) -> None:
    """Write near-field files of any wavelengths to one compact file (metagen.datasets.load opens it)."""
    from metagen import datasets
    from metagen.dataset import Dataset

    for packed in datasets.pack(Dataset.load_all(files), output):
        print(
            f"{packed.wavelength:g} µm: {len(packed.relative_errors)} fields on {packed.rank} basis vectors, "
            f"relative error at most {max(packed.relative_errors.values()):.2g}"
        )
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB")


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="Training file (TOML).", show_default=False)],
    files: Sources,
    output: Output,
    seed: Annotated[int | None, typer.Option(help="Instead of the recipe's, to see the spread.")] = None,
) -> None:
    """Train a surrogate for each wavelength of the near fields; --output is the folder of the models.

    Ctrl-C during the descent keeps the best model so far, and ends.
    """
    from dataclasses import replace

    from metagen import surrogate
    from metagen.sources import by_wavelength
    from metagen.surrogate import TrainingSettings

    settings = TrainingSettings.load(recipe)
    settings = settings if seed is None else replace(settings, seed=seed)
    for dataset in by_wavelength(files):
        model = surrogate.train(dataset, settings)
        if settings.held_out:
            _, held_out = dataset.split_layouts(settings.held_out)
            surrogate.record(model, surrogate.evaluate(model, held_out))
        path = output / f"model-{model.wavelength * 1000:.0f}.safetensors"
        surrogate.save(model, path)
        print(f"{path}: trained on {', '.join(model.card.layouts)}")
        for name, error in model.card.errors.items():
            print(f"  {name}: {error:.3g}")
        if model.card.provenance.get("interrupted"):
            raise KeyboardInterrupt


@app.command()
def evaluate(
    recipes: Annotated[list[Path], typer.Option("--recipe", help="Training file (TOML); once per model.")],
    files: Sources,
) -> None:
    """Train on both splits (random patches; whole layouts held out) and print all errors."""
    from metagen.sources import by_wavelength
    from metagen.summaries import error_rows, error_table
    from metagen.surrogate import TrainingSettings, compare

    settings = [TrainingSettings.load(recipe) for recipe in recipes]
    for dataset in by_wavelength(files):
        error_table(error_rows(compare(dataset, settings))).print()


@app.command()
def verify(
    settings: Annotated[Path, typer.Argument(help="Design file with the goals.", show_default=False)],
    devices: Annotated[
        list[Path],
        typer.Argument(help="Layout or device files; .gds and .oas files as drawn.", show_default=False),
    ],
    campaign: Annotated[
        Path,
        typer.Option(
            help="Campaign file with the numerics, and the platform of .gds and .oas files.",
            show_default=False,
        ),
    ],
    output: Output,
) -> None:
    """Simulate devices with Meep at the goals' wavelengths, measure what they reach; start it with mpirun."""
    from metagen.design import DesignSettings
    from metagen.fab import load_device
    from metagen.fdtd.campaign import Campaign, Task, run
    from metagen.fdtd.engine import require_meep
    from metagen.nearfield import NearField
    from metagen.summaries import verification_table
    from metagen.verification import verify as measure

    goals = DesignSettings.load(settings).goals
    wanted = Campaign.load(campaign)
    light = wanted.light_of(goal.wavelength for goal in goals)
    layouts = [load_device(device, wanted.platform) for device in devices]
    require_meep()
    files = iter(run([Task(each, numerics) for each in layouts for numerics in light], output))
    if launched_rank() == 0:
        fields = [[NearField.load(next(files)) for _ in light] for _ in layouts]
        verification_table([measure(*pair, goals) for pair in zip(layouts, fields, strict=True)]).print()


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="Folder of a demo run.", show_default=False)],
    recipes: Recipes = Path(),
) -> None:
    """Make the HTML report of a finished demo run again."""
    from metagen.demo import Demo
    from metagen.demo_report import finish, report_path

    done = Demo.load(recipes, run)
    finish(done)
    print(report_path(done))


@app.command()
def demo(
    output: Output,
    recipes: Recipes = Path(),
    ranks: Annotated[int, typer.Option(help="MPI ranks for Meep.")] = 2,
) -> None:
    """Run the whole chain on a small device: simulate, learn, design, verify, export, report."""
    from metagen.demo import Demo
    from metagen.demo_report import finish, report_path

    chain = Demo.load(recipes, output)
    chain.run(ranks)
    for each in finish(chain):
        each.print()
    print(f"report: {report_path(chain)}")


for name, command in {**DESIGN_COMMANDS, **FAB_COMMANDS}.items():
    app.command(name)(command)
app.add_typer(studies)


def _platform(path: Path | None) -> Platform:
    return Platform() if path is None else Platform.load(path)


def _print_warning(message: Warning | str, *_: object, **__: object) -> None:
    if launched_rank() == 0:
        print(f"warning: {message}", file=sys.stderr)


def main() -> None:
    """Run the command line; what the user or the file system refuses ends in one line and exit status 1."""
    warnings.showwarning = _print_warning
    warnings.filterwarnings("ignore", message=OTHER_ORDERS)
    try:
        app()
    except (MetagenError, OSError) as error:  # an OSError says what cannot be read or written, and why
        if launched_rank() == 0:
            print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
