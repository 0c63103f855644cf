"""The commands of inverse design: from a design file to a device, beside others, and round the loop."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metagen.base.parallel import launched_rank
from metagen.cli.fab import DesignFile, DrawnCell, DrawnLayer
from metagen.cli.output import Force, is_marked, may_replace, require_ending

if TYPE_CHECKING:
    from metagen.design import Model
    from metagen.device.layout import Layout
    from metagen.verify.refinement import Round

Output = Annotated[
    Path, typer.Option("--output", "-o", help="Device file, such as device.h5.", show_default=False)
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="Model file, or name of a shipped model such as sin-633, instead of the design file's; once per "
        "wavelength and polarisation (light along y: only where a mirror does not make it of that along x).",
    ),
]

DESIGN = "Design"
"""Heading over the commands."""
LPA_SAMPLES = 3
"""Samples per cell and axis of a flat cell; the rim of a lens of NA 0.45 counts 2 % (633 nm) too much."""


def design(
    settings: DesignFile,
    output: Output,
    model: Models = None,
    lpa: Annotated[
        bool, typer.Option("--lpa", help="Use the baseline, the local phase approximation.")
    ] = False,
) -> None:
    """Optimise a device through surrogates; started again after a kill, it goes on where it was."""
    from metagen.design import DesignSettings, run
    from metagen.design.starts import FIRST
    from metagen.verify.metrics import warn_if_active

    require_ending(output, ".h5")
    wanted = DesignSettings.load(settings)
    models = wanted.load_models(model)
    if lpa:
        wanted, models = replace(wanted, name=f"{wanted.name}-lpa"), _local(models)
    device = run(wanted, output, models=models)
    first = float(device.provenance.get(FIRST, device.history[0]))
    print(f"{output}: figure of merit {first:.4g} → {device.figure:.4g}")
    for each in models:
        warn_if_active(each, device)
    if not device.finished:
        raise KeyboardInterrupt


def verify(
    settings: DesignFile,
    devices: Annotated[
        list[Path],
        typer.Argument(
            help="Layout or device files (HDF5), or drawn layouts (GDSII, OASIS).", show_default=False
        ),
    ],
    campaign: Annotated[
        Path,
        typer.Option(
            help="Campaign file with the numerics, for the platform of the devices.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the near-field files.", show_default=False)
    ],
    layer: DrawnLayer = None,
    cell: DrawnCell = None,
) -> None:
    """Simulate devices with Meep in the goals' light, measure what they reach; start it with mpirun."""
    from metagen.data.nearfield import NearField
    from metagen.design import DesignSettings
    from metagen.fab import load_device
    from metagen.fdtd.campaign import Campaign, Task, run
    from metagen.fdtd.engine import require_meep
    from metagen.verify.cards import card_table, metric_cards
    from metagen.verify.tables import verification_table
    from metagen.verify.verification import verify as measure

    goals = DesignSettings.load(settings).goals
    wanted = Campaign.load(campaign)
    light = wanted.light_of(goal.illumination for goal in goals)
    layouts = [load_device(device, wanted.platform, layer, cell) for device in devices]
    for each in layouts:
        wanted.require_platform(each)
    require_meep()
    files = iter(run([Task(each, numerics) for each in layouts for numerics in light], output))
    if launched_rank() == 0:
        fields = [[NearField.load(next(files)) for _ in light] for _ in layouts]
        verification_table([measure(*pair, goals) for pair in zip(layouts, fields, strict=True)]).print()
        card_table(metric_cards(goals, layouts)).print()


def compare(
    settings: DesignFile,
    devices: Annotated[list[Path], typer.Argument(help="Layout or device files.", show_default=False)],
    near_fields: Annotated[
        list[Path] | None,
        typer.Option(help="Simulated near fields: a file or folder; may be given several times."),
    ] = None,
    model: Models = None,
    report: Annotated[Path | None, typer.Option(help="Write a report with figures (HTML).")] = None,
    force: Force = False,
) -> None:
    """Measure devices for the same job by the same functions: predicted and in Meep, in one table."""
    from metagen.base.contents import content_hash
    from metagen.design import DesignSettings
    from metagen.design.device import load_with_history
    from metagen.verify.cards import card_table, metric_cards
    from metagen.verify.comparison import Candidate, compare_devices, comparison_table, published_values
    from metagen.verify.verification import near_fields_of

    if report is not None:
        require_ending(report, ".html", ".htm")
    wanted = DesignSettings.load(settings)
    models = wanted.load_models(model)
    candidates = [
        Candidate(
            device,
            _designed_with(device, models, near_fields or ()),
            near_fields_of(device, near_fields or []),
        )
        for device in map(load_with_history, devices)
    ]
    about = content_hash(repr(wanted.goals), [each.layout.hash for each in candidates])
    if report is not None:
        may_replace(report, lambda: is_marked(report, about), force)
    for each in candidates:
        if near_fields and not each.near_fields:
            warnings.warn(f"none of the near fields is of the device {each.layout.name}", stacklevel=2)
    published = published_values(candidate.layout for candidate in candidates)
    table = comparison_table(compare_devices(wanted.goals, candidates), wanted.name, published)
    table.print()
    card_table(metric_cards(wanted.goals, [candidate.layout for candidate in candidates])).print()
    if report is not None:
        from metagen.report.devices import write_device_report

        write_device_report(report, wanted, candidates, table, about)
        print(report)


def refine(
    settings: DesignFile,
    device: Annotated[Path, typer.Argument(help="The device to begin with.", show_default=False)],
    campaign: Annotated[
        Path,
        typer.Option(help="Campaign file with the numerics, for the device's platform.", show_default=False),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of devices and near fields.", show_default=False)
    ],
    model: Models = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="What the models were trained on (file, folder, compact file or name of a shipped data set; "
            "may be given several times): train them again in every round."
        ),
    ] = None,
    near_fields: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of near fields that are there already (of `verify`); may be given several times."
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(help="Most rounds of optimisation.")] = 3,
    tolerance: Annotated[float, typer.Option(help="Stop when no goal's gap is larger.")] = 0.02,
) -> None:
    """Simulate a device, correct the models by what came out, design on; start it with mpirun."""
    from metagen.base.parallel import aborting_together, communicator
    from metagen.data.sources import by_wavelength
    from metagen.design import DesignSettings
    from metagen.design.supply import lights_of
    from metagen.device.layout import Layout
    from metagen.fdtd.campaign import Campaign
    from metagen.fdtd.engine import require_meep
    from metagen.verify.refinement import MeepService, RefineSettings, Retraining, refine

    wanted = DesignSettings.load(settings)
    loop = RefineSettings(rounds=rounds, tolerance=tolerance)
    simulated = Campaign.load(campaign)
    models = wanted.load_models(model)
    light = simulated.light_of(lights_of(wanted.goals, models))
    require_meep()
    service = MeepService(light, output, near_fields or [])
    with aborting_together(communicator()):
        if launched_rank() > 0:
            service.serve()
            return
        start = Layout.load(device)
        simulated.require_platform(start)
        retrain = Retraining(by_wavelength(data), output) if data else None
        found = refine(start, models, wanted, service, output, loop, retrain)
        service.close()
    _print_refined(found, device, output)


def _print_refined(found: Sequence[Round], start: Path, folder: Path) -> None:
    """Say what each round has reached, and which file holds the best device."""
    from metagen.verify.refinement import best, refinement_table

    refinement_table(found).print()
    chosen = found.index(best(found))
    file = folder / f"round-{chosen}.h5" if chosen else start
    print(f"best in Meep: {found[chosen].device.name}, {file}")


def _local(models: Sequence[Model]) -> list[Model]:
    """The local phase approximation in the place of each model: same light, flat cells.

    Light along x is that of one component, as ever; other light may have to be added to it, all components.
    """
    from metagen.surrogate import LPA, CellField, LPASettings

    domains = [replace(model.domain, samples=LPA_SAMPLES) for model in models]
    if all(domain.illumination.is_plain for domain in domains):
        domains = [replace(domain, components=1) for domain in domains]
    return [LPA.compute(domain, LPASettings(cell=CellField.FLAT)) for domain in domains]


def _designed_with(
    layout: Layout, models: Sequence[Model], near_fields: Sequence[Path] = ()
) -> Sequence[Model]:
    """The models that a device was designed with, as far as its file says so and they can be made again.

    These are the given ones, some of them corrected by a near field as `metagen refine` does it, or the local
    phase approximation.
    """
    import json

    from metagen.data.sources import read_near_fields
    from metagen.design import model_hash
    from metagen.design.correction import as_recorded

    hashes = set(json.loads(layout.provenance.get("models", "{}")).values())
    if not hashes or hashes <= {model_hash(model) for model in models}:
        return models
    local = _local(models)
    if hashes <= {model_hash(model) for model in local}:
        return local
    simulated = list(read_near_fields(near_fields))
    recorded = [as_recorded(model, hashes, simulated) for model in models]
    if None not in recorded:
        return [each for each in recorded if each is not None]
    warnings.warn(
        f"the device {layout.name!r} was designed with other models than those that predict it here; those "
        "of `metagen refine` are known again if --near-fields names the simulations that corrected them",
        stacklevel=2,
    )
    return models


DESIGN_COMMANDS: dict[str, Callable[..., None]] = {
    "design": design,
    "verify": verify,
    "compare": compare,
    "refine": refine,
}
"""The commands by their names."""
