"""The command line: each command reads files, calls the library, and writes or prints what comes out."""

from __future__ import annotations

import math
import sys
import warnings
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from metagen.base.errors import MetagenError
from metagen.base.names import printable
from metagen.base.parallel import launched_rank
from metagen.base.wavelength import nanometres
from metagen.cli.design import DESIGN, DESIGN_COMMANDS
from metagen.cli.ends import Stopped, end_after_broken_pipe
from metagen.cli.fab import FAB, FAB_COMMANDS
from metagen.cli.layout import layout
from metagen.cli.output import Force, is_marked, may_replace, require_hdf5, require_picture
from metagen.cli.study import Sources, studies
from metagen.device.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metagen.data.dataset import Dataset
    from metagen.device.illumination import Illumination
    from metagen.surrogate import TrainingSettings


class Commands(TyperGroup):
    """All commands. Typer would say something of its own after Ctrl-C and a broken pipe."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            found = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            end_after_broken_pipe()
        except KeyboardInterrupt:
            raise Stopped from None
        return found


app = typer.Typer(
    name="metagen",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

CampaignFile = Annotated[Path, typer.Argument(help="Campaign file (TOML).", show_default=False)]
BEGIN, SIMULATE, LEARN = "Begin", "Simulate (Meep)", "Learn"
"""Headings over the commands in the help; those of design and fab are in the files of their commands."""
NearFieldFiles = Annotated[
    list[Path], typer.Argument(help="Near-field files, or folders of them.", show_default=False)
]
NearFieldFolder = Annotated[
    Path, typer.Option("--output", "-o", help="Folder of the near-field files.", show_default=False)
]
PlatformFile = Annotated[
    Path | None,
    typer.Option(help="Platform file (TOML); by default silicon nitride on silica.", show_default=False),
]
OTHER_ORDERS = "at wavelength .* the orders .* propagate"
"""A warning about the zero order; `metagen table` shows it, and the other commands leave it out."""
Recipes = Annotated[Path, typer.Option(help="Folder with simulations/, training/ and design/.")]


def _version(asked: bool) -> None:
    if asked:
        print(f"metagen {installed_version('metagen')}")
        raise typer.Exit


@app.callback()
def commands(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Design metasurfaces by gradient descent through a surrogate learned from FDTD.

    All lengths are micrometres: 633 nm is 0.633. `metagen demo --output runs/demo` runs the whole chain.
    """


@app.command(rich_help_panel=BEGIN)
def demo(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder of everything that the demo makes.", show_default=False),
    ],
    recipes: Recipes = Path(),
    ranks: Annotated[int, typer.Option(min=1, help="MPI ranks for Meep.")] = 2,
) -> None:
    """Run the whole chain on a small device: simulate, learn, design, verify, export, report."""
    from metagen.demo.chain import Demo
    from metagen.demo.report import finish, report_path

    chain = Demo.load(recipes, output)
    chain.run(ranks)
    for each in finish(chain):
        each.print()
    print(f"report: {report_path(chain)}")


@app.command(rich_help_panel=BEGIN)
def report(
    run: Annotated[Path, typer.Argument(help="Folder of a finished demo.", show_default=False)],
    recipes: Recipes = Path(),
) -> None:
    """Make the HTML report of a finished demo again (of other devices: `compare --report`)."""
    from metagen.demo.chain import Demo
    from metagen.demo.report import finish, report_path

    done = Demo.load(recipes, run)
    finish(done)
    print(report_path(done))


@app.command(rich_help_panel=BEGIN)
def materials(
    wavelength: Annotated[float, typer.Option(help="In vacuum (µm), of the indices that are shown.")] = 0.633,
) -> None:
    """List the materials that come with metagen: where they are known, their index, and who measured it."""
    from metagen.device.materials import materials_table

    materials_table(wavelength).print()


@app.command(rich_help_panel=BEGIN)
def table(
    wavelength: Annotated[
        list[float], typer.Option(help="Wavelength in vacuum (µm), such as 0.633; may be repeated.")
    ],
    platform: PlatformFile = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the table into this file (.png, .pdf, .svg).")
    ] = None,
    polarisation: Annotated[str, typer.Option(help="x, y, left or right.")] = "x",
    polar_deg: Annotated[float, typer.Option(help="Angle to the z axis, in vacuum (degrees).")] = 0.0,
    azimuth_deg: Annotated[float, typer.Option(help="Direction in the plane, from x (degrees).")] = 0.0,
    force: Force = False,
) -> None:
    """Compute and print what the pillars of a platform do to light, against their parameters (RCWA).

    Circles on a square lattice in light along x have a phase table, everything else a library of Jones
    matrices.
    """
    from metagen.base.contents import content_hash
    from metagen.device.illumination import Illumination
    from metagen.rcwa import PhaseTable
    from metagen.rcwa.library import tabulated
    from metagen.rcwa.plot import plot_library, plot_table
    from metagen.rcwa.summary import library_table, phase_table
    from metagen.report.plot import save

    warnings.filterwarnings("default", message=OTHER_ORDERS)
    polar, azimuth = math.radians(polar_deg), math.radians(azimuth_deg)
    lights = [Illumination(each, polarisation, polar, azimuth) for each in wavelength]
    used = _platform(platform)
    pictures = dict(zip(lights, _pictures(plot, lights), strict=True)) if plot else {}
    marks = {light: content_hash(used.hash, light.described) for light in lights}
    for light, path in pictures.items():
        may_replace(path, lambda path=path, light=light: is_marked(path, marks[light]), force)  # type: ignore[misc]
    computed = [tabulated(used, light) for light in lights]
    for each in computed:
        (phase_table(each) if isinstance(each, PhaseTable) else library_table(each)).print()
    for each, (light, path) in zip(computed, pictures.items(), strict=bool(pictures)):
        figure = plot_table(each) if isinstance(each, PhaseTable) else plot_library(each)
        save(figure, path, marks[light])
        print(path)


def _pictures(plot: Path, lights: Sequence[Illumination]) -> list[Path]:
    """One picture for each light: the given one, or several with the wavelength in the name."""
    require_picture(plot)
    if len(lights) == 1:
        return [plot]
    return [plot.with_stem(f"{plot.stem}-{nanometres(light.wavelength)}") for light in lights]


app.command(rich_help_panel=BEGIN)(layout)


@app.command(rich_help_panel=SIMULATE)
def simulate(
    campaign: CampaignFile,
    output: NearFieldFolder,
    task: Annotated[
        str, typer.Option(help="Only the i-th of n parts, as i/n with i = 1 … n (job arrays).")
    ] = "1/1",
    plan: Annotated[bool, typer.Option("--plan", help="Only say what it will cost.")] = False,
) -> None:
    """Simulate what is missing of a campaign with Meep; start it with mpirun to use several cores."""
    from metagen.base.parallel import aborting_together, communicator
    from metagen.fdtd.campaign import Campaign, part, run
    from metagen.fdtd.engine import require_meep
    from metagen.fdtd.plan import print_plan

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


@app.command(rich_help_panel=SIMULATE)
def status(campaign: CampaignFile, output: NearFieldFolder) -> None:
    """Say which simulations of a campaign are done, and who is working on which."""
    from metagen.fdtd.campaign import Campaign
    from metagen.fdtd.claims import state_of

    states = []
    for task in Campaign.load(campaign).tasks():
        state, remark = state_of(task, output)
        print(f"{state:7}  {task.file_name}{f'  ({remark})' if remark else ''}")
        states.append(state)
    print(f"{states.count('done')} of {len(states)} done")
    if unknown := states.count("unknown"):
        raise MetagenError(f"{unknown} cannot be looked at, for the reasons above")


@app.command(rich_help_panel=SIMULATE)
def validate(
    campaign: CampaignFile,
    radius: Annotated[
        list[float] | None, typer.Option(help="Pillar radius of a periodic cell (µm); may be repeated.")
    ] = None,
    cells: Annotated[
        int,
        typer.Option(
            min=1, max=1000, help="How many cells over the ranges of the meta-atom, if no radius is given."
        ),
    ] = 5,
    polarisation: Annotated[
        str | None,
        typer.Option(help="Of the light: x, y, left or right, instead of what the campaign says."),
    ] = None,
    polar_deg: Annotated[
        float | None, typer.Option(help="Tilt of the light, in vacuum (degrees); likewise.")
    ] = None,
    azimuth_deg: Annotated[
        float | None, typer.Option(help="Direction of the tilt, from x (degrees); likewise.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Keep the errors here (JSON).")
    ] = None,
    force: Force = False,
) -> None:
    """Compare Meep with RCWA on periodic cells, with the numerics of a campaign."""
    from metagen.base.memo import recall
    from metagen.fdtd.campaign import Campaign
    from metagen.fdtd.validation import (
        CellError,
        other_light,
        remembered_errors,
        spread,
        validation_key,
        validation_table,
    )

    wanted = Campaign.load(campaign)
    angles = (None if each is None else math.radians(each) for each in (polar_deg, azimuth_deg))
    light = other_light(wanted.light, polarisation, *angles)
    pillars = [{"radius": each} for each in radius] if radius else spread(wanted.platform.atom, cells)
    if output is not None:
        key = validation_key(wanted.platform, light, pillars)
        may_replace(output, lambda: recall(output, key, list[CellError]) is not None, force, b"{")
    validation_table(remembered_errors(wanted.platform, light, pillars, output)).print()


@app.command(rich_help_panel=SIMULATE)
def calibrate(
    wavelength: Annotated[float, typer.Option(help="Wavelength in vacuum (µm).")],
    error_target: Annotated[
        float, typer.Option(help="Largest relative error ‖E − E_true‖² / ‖E_true‖² of a near field.")
    ],
    platform: PlatformFile = None,
) -> None:
    """Find resolution and index compensation for an error target (Meep against RCWA on periodic cells)."""
    from metagen.fdtd.calibration import calibration_table, search
    from metagen.fdtd.campaign_file import ErrorTarget

    wanted = ErrorTarget(wavelength=wavelength, error_target=error_target)
    calibration_table(search(_platform(platform), wanted.wavelength, wanted.error_target)).print()


@app.command(rich_help_panel=SIMULATE)
def check(files: NearFieldFiles) -> None:
    """Check near-field files: structure, units, hashes, finite values, no power from nowhere."""
    from metagen.data.dataset import expand
    from metagen.verify.check import check_file

    problems = []
    for path in expand(files):
        try:
            near, passed = check_file(path)
        except MetagenError as problem:
            problems.append(str(problem))
        else:
            print(printable(f"{path}: {near.layout.name}, {near.wavelength:g} µm, transmission {passed:.3f}"))
    if problems:
        raise MetagenError("\n".join(problems))


@app.command(rich_help_panel=SIMULATE)
def pack(
    files: NearFieldFiles,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Compact file, such as data.h5.", show_default=False)
    ],
    force: Force = False,
) -> None:
    """Write near-field files of any wavelengths to one compact file (metagen.data.compact.load opens it)."""
    from metagen.data import compact as datasets
    from metagen.data.dataset import Dataset
    from metagen.device.illumination import short_label

    require_hdf5(output, datasets.SCHEMA)
    given = Dataset.load_all(files)
    may_replace(output, lambda: datasets.holds_only(output, given), force)
    for packed in datasets.pack(given, output):
        print(
            f"{short_label(packed.illumination)} nm: {len(packed.relative_errors)} fields on {packed.rank} "
            f"basis vectors, relative error at most {max(packed.relative_errors.values()):.2g}"
        )
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB")


@app.command(rich_help_panel=LEARN)
def train(
    recipe: Annotated[Path, typer.Argument(help="Training file (TOML).", show_default=False)],
    files: Sources,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the models.", show_default=False)],
    seed: Annotated[int | None, typer.Option(help="Seed instead of the recipe's, to see the spread.")] = None,
    force: Force = False,
) -> None:
    """Train a surrogate for each light (wavelength and polarisation) of the near fields.

    Ctrl-C during the descent keeps the best model so far, and ends.
    """
    from dataclasses import replace

    from metagen import surrogate
    from metagen.data.sources import by_wavelength
    from metagen.device.illumination import short_label
    from metagen.surrogate import TrainingSettings

    settings = TrainingSettings.load(recipe)
    settings = settings if seed is None else replace(settings, seed=seed)
    datasets = by_wavelength(files)
    paths = [output / f"model-{short_label(each.illumination)}.safetensors" for each in datasets]
    for dataset, path in zip(datasets, paths, strict=True):
        may_replace(path, lambda path=path, data=dataset: _is_model_of(path, data, settings), force)  # type: ignore[misc]
    for dataset, path in zip(datasets, paths, strict=True):
        model = surrogate.train(dataset, settings)
        if settings.held_out:
            _, held_out = dataset.split_layouts(settings.held_out)
            surrogate.record(model, surrogate.evaluate(model, held_out))
        surrogate.save(model, path)
        print(printable(f"{path}: trained on {', '.join(model.card.layouts)}"))
        if model.card.errors:
            print("relative error on whole layouts that were held out:")
        elif (apart := model.card.provenance.get("validation_error")) is not None:
            print(
                f"relative error of cells that were kept apart: {float(str(apart)):.2g}; of whole layouts it "
                "is larger: hold some out (held_out) to know it"
            )
        for name, error in model.card.errors.items():
            print(printable(f"  {name}: {error:.3g}"))
        if model.card.provenance.get("interrupted"):
            raise KeyboardInterrupt


def _is_model_of(path: Path, dataset: Dataset, settings: TrainingSettings) -> bool:
    """Whether a model file is what training on this dataset with these settings makes."""
    from metagen import surrogate

    kept = dataset.split_layouts(settings.held_out)[0] if settings.held_out else dataset
    card = surrogate.load(path).card
    return card.settings == settings and card.dataset == kept.hash


@app.command(rich_help_panel=LEARN)
def evaluate(
    recipes: Annotated[list[Path], typer.Option("--recipe", help="Training file (TOML); once per model.")],
    files: Sources,
) -> None:
    """Train on both splits (random patches; whole layouts held out) and print all errors."""
    from metagen.data.sources import by_wavelength
    from metagen.surrogate import TrainingSettings, compare_recipes
    from metagen.surrogate.errors import error_rows, error_table

    settings = [TrainingSettings.load(recipe) for recipe in recipes]
    for dataset in by_wavelength(files):
        error_table(error_rows(compare_recipes(dataset, settings))).print()


for name, command in DESIGN_COMMANDS.items():
    app.command(name, rich_help_panel=DESIGN)(command)
for name, command in FAB_COMMANDS.items():
    app.command(name, rich_help_panel=FAB)(command)
app.add_typer(studies, rich_help_panel=LEARN)


def _platform(path: Path | None) -> Platform:
    return Platform() if path is None else Platform.load(path)


def _print_warning(message: Warning | str, *_: object, **__: object) -> None:
    if launched_rank() == 0:
        print(printable(f"warning: {message}"), file=sys.stderr)


def _plain(error: MetagenError | OSError) -> str:
    """The text of an error, without the number that Python puts before one of the operating system."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{error.filename}: is a file where a folder is needed; choose another name"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename2 or error.filename}: {error.strerror}"
    return str(error)


def run() -> None:
    """Run the command that was asked for; an expected error ends it with one line and exit status 1."""
    warnings.showwarning = _print_warning
    warnings.filterwarnings("ignore", message=OTHER_ORDERS)
    try:
        app()
    except (MetagenError, OSError) as error:  # an OSError says what cannot be read or written, and why
        if launched_rank() == 0:
            print(printable(f"error: {_plain(error)}"), file=sys.stderr)
        sys.exit(1)
    except MemoryError as error:
        if launched_rank() == 0:
            print(f"error: takes more memory than is free here ({error})", file=sys.stderr)
        sys.exit(1)
