"""The commands of the studies: what surrogates can do, measured in experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metagen.base.wavelength import nanometres

studies = typer.Typer(
    name="study", help="Experiments with surrogates; each leaves a page with tables and figures."
)

Sources = Annotated[
    list[Path],
    typer.Argument(
        help="Near-field files, folders of them, compact files, or the shipped data set: sin-lenses.",
        show_default=False,
    ),
]
Output = Annotated[
    Path,
    typer.Option("--output", "-o", help="Folder of the page; what was computed there before is used again."),
]


@studies.command()
def paper(
    sources: Sources,
    recipe: Annotated[Path, typer.Option(help="Settings (TOML), such as training/paper.toml.")],
    output: Output,
) -> None:
    """Do the paper's experiment: modes, linear models, network and LPA, on patches and whole lenses."""
    from metagen.data.sources import by_wavelength
    from metagen.study import paper_figures as draw
    from metagen.study.lpa_readings import readings
    from metagen.study.page import publish
    from metagen.study.paper import PaperSettings, reproduce
    from metagen.study.paper_tables import powers_table, readings_table, reproduction_table

    settings = PaperSettings.load(recipe)
    found = [reproduce(dataset, settings, output) for dataset in by_wavelength(sources)]
    figures = {
        f"{what}-{nanometres(each.dataset.wavelength)}": make(each)
        for each in found
        for what, make in (
            ("modes", draw.modes_figure),
            ("linear", draw.linear_figure),
            ("network", draw.network_figure),
            ("field", draw.field_figure),
        )
    }
    tables = [reproduction_table(found), powers_table(found)]
    tables += [readings_table(each.dataset.wavelength, readings(each.dataset)) for each in found]
    print(publish(output, "paper", tables, figures))


@studies.command()
def devices(
    sources: Sources,
    model: Annotated[list[str], typer.Option(help="Model file or name; once per wavelength.")],
    output: Output,
    distance: Annotated[
        float | None,
        typer.Option(help="Where the light is measured; by default a lens's focus, or one side away."),
    ] = None,
) -> None:
    """Compare predicted and simulated light behind lenses, random layouts and verified devices."""
    from metagen import surrogate
    from metagen.data.sources import read_near_fields
    from metagen.study.devices import device_errors, device_table
    from metagen.study.page import publish

    models = [surrogate.load(name) for name in model]
    errors = device_errors(models, read_near_fields(sources), distance)
    print(publish(output, "devices", [device_table(errors)], {}))


@studies.command()
def trust(
    sources: Sources,
    model: Annotated[list[str], typer.Option(help="Model file or name; once per wavelength.")],
    output: Output,
) -> None:
    """Compare the error that models expect of each cell with the true one."""
    from metagen import surrogate
    from metagen.base.errors import InputError
    from metagen.data.sources import read_near_fields
    from metagen.study.page import publish
    from metagen.study.trust import trust_checks, trust_figure, trust_table
    from metagen.surrogate import ExpansionSurrogate

    models = [surrogate.load(name) for name in model]
    trained = [each for each in models if isinstance(each, ExpansionSurrogate)]
    checks = trust_checks(trained, read_near_fields(sources))
    if not checks:
        raise InputError("no near field is of a wavelength of the models; give others of either")
    print(publish(output, "trust", [trust_table(checks)], {"curve": trust_figure(checks)}))


@studies.command()
def neighbours(
    sources: Sources,
    recipe: Annotated[Path, typer.Option(help="Settings (TOML), such as training/neighbours.toml.")],
    output: Output,
) -> None:
    """Measure the error against the pillars that a model sees, and the layouts that it learns from."""
    from metagen.data.sources import by_wavelength
    from metagen.study.neighbours import NeighbourSettings, neighbour_figure, neighbour_study, neighbour_table
    from metagen.study.page import publish

    settings = NeighbourSettings.load(recipe)
    points = {data.wavelength: neighbour_study(data, settings, output) for data in by_wavelength(sources)}
    figures = {f"{nanometres(nm)}": neighbour_figure(own) for nm, own in points.items()}
    tables = [neighbour_table(own) for own in points.values()]
    print(publish(output, "neighbours", tables, figures))


@studies.command()
def transfer(
    recipe: Annotated[Path, typer.Option(help="Settings (TOML), such as training/transfer.toml.")],
    output: Output,
) -> None:
    """Adapt models to new platforms with ever more simulations (Meep), against training from scratch."""
    from metagen.study.page import publish
    from metagen.study.transfer import TransferSettings, transfer_figure, transfer_study, transfer_table

    found = transfer_study(TransferSettings.load(recipe), output)
    print(publish(output, "transfer", [transfer_table(found)], {"error": transfer_figure(found)}))


@studies.command()
def differences(
    recipe: Annotated[Path, typer.Option(help="Settings (TOML), such as training/differences.toml.")],
    output: Output,
) -> None:
    """Change one thing at a time in the paper's experiment on small lenses (Meep)."""
    from metagen.study.differences import DifferenceSettings, difference_study, difference_table
    from metagen.study.page import publish

    outcomes = difference_study(DifferenceSettings.load(recipe), output)
    print(publish(output, "differences", [difference_table(outcomes)], {}))
