"""The commands from a device to the fab: layout files, hand-over to ray tracers, yield, passports."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from metagen.base.errors import FormatError, InputError, MetagenError
from metagen.base.names import printable
from metagen.cli.output import DRAWN, Force, is_marked, may_replace, require_picture

if TYPE_CHECKING:
    from metagen.data.nearfield import NearField
    from metagen.device.layout import Layout
    from metagen.surrogate import Surrogate

FAB = "To the fab"
"""Heading over these commands in the help."""
DrawnLayer = Annotated[
    tuple[int, int] | None,
    typer.Option(
        "--layer",
        metavar="LAYER DATATYPE",
        help="Where a drawn layout has its pillars, such as 5 0; by default where its label says, or 1 0.",
        show_default=False,
    ),
]
DrawnCell = Annotated[
    str | None,
    typer.Option(
        "--cell",
        help="Cell of a drawn layout that is the device; by default the only one at the top.",
        show_default=False,
    ),
]
"""Both options belong to every command that reads drawn layouts (GDSII, OASIS)."""
DesignFile = Annotated[
    Path,
    typer.Argument(
        help="Design file: TOML, or a Python script that makes `settings`. A script is code, and runs with "
        "your rights: use only those that you trust.",
        show_default=False,
    ),
]
DeviceFile = Annotated[Path, typer.Argument(help="Layout or device file (HDF5).", show_default=False)]


def export(
    device: DeviceFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="Layout file (.gds or .oas).")],
    rules: Annotated[Path | None, typer.Option(help="Design rules (TOML) that the file has to keep.")] = None,
    options: Annotated[
        Path | None, typer.Option(help="Layers, grid, bias, tone, marks (TOML); see docs/fab.md.")
    ] = None,
    force: Force = False,
) -> None:
    """Write a device as GDSII or OASIS, and read it back to make sure."""
    from metagen.device.layout import Layout
    from metagen.fab import (
        DesignRules,
        LayoutFileOptions,
        check,
        device_labels,
        load_device,
        rounded,
        write_gds,
        write_oasis,
    )
    from metagen.fab.formats import DrawnFormat, format_to_write

    write = {DrawnFormat.GDS: write_gds, DrawnFormat.OASIS: write_oasis}[format_to_write(output)]
    made = Layout.load(device)
    drawn = LayoutFileOptions.load(options) if options else LayoutFileOptions()
    if rules:
        violations = check(rounded(made, drawn), DesignRules.load(rules))
        if violations:
            broken = "\n".join(map(str, violations))
            raise MetagenError(f"{device} breaks the rules of {rules}, so nothing was written:\n{broken}")
    may_replace(
        output, lambda: any(each.hash == made.hash for each in device_labels(output).values()), force, *DRAWN
    )
    written = write(made, output, drawn)
    read = load_device(output, made.platform)
    print(
        f"{output}: {written.pillars} pillars in {written.cells} cells, {written.bytes} bytes; read back, "
        f"{_difference(read, made)}"
    )


def _difference(read: Layout, made: Layout) -> str:
    """How far the parameters of two layouts with the same pillars are apart, in words."""
    import numpy as np

    from metagen.device.atoms import Kind

    parts = []
    for i, each in enumerate(made.platform.atom.parameters):
        if each.kind is Kind.CHOICE:
            continue
        apart = np.abs(read.values[..., i] - made.values[..., i])
        if each.kind is Kind.ANGLE:
            period = made.platform.atom.period
            apart = np.minimum(apart % period, -apart % period)
        largest = float(apart.max())
        name = "radii" if each.name == "radius" else f"values of {each.name}"
        size = f"{np.degrees(largest):.2g}°" if each.kind is Kind.ANGLE else f"{largest * 1000:.2g} nm"
        parts.append(f"{name} differ by at most {size}")
    return ", ".join(parts) or "all pillars are there"


def handover(
    file: Annotated[
        Path,
        typer.Argument(
            help="Near field, or with --model a layout or device (HDF5) or a drawn layout (GDSII, OASIS).",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Beginning of the names of the files that are written.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Model that predicts the field of a layout: file, or name such as sin-633; two, of light "
            "along x and along y, for other polarisations."
        ),
    ] = None,
    polarisation: Annotated[
        str | None,
        typer.Option(help="Of the light, with --model: x, y, left or right; by default the first model's."),
    ] = None,
    analyser: Annotated[
        str | None,
        typer.Option(
            help="Polarisation of the light that is taken; by default that of the incident light, and of "
            "circular light on pillars that may turn the other handedness."
        ),
    ] = None,
    terms: Annotated[int, typer.Option(help="How many coefficients the radial polynomial has.")] = 3,
    layer: DrawnLayer = None,
    cell: DrawnCell = None,
    force: Force = False,
) -> None:
    """Write the phase of a device for ray tracers: grid phase (.DAT), table (.csv), Binary 2 coefficients."""
    from metagen.device.illumination import label
    from metagen.fab import load_device
    from metagen.fab.optics import PhaseMap, fit_radial, fit_table, write_csv, write_grid_phase
    from metagen.verify.metrics import Wavefront

    if not model:
        near = _near_field(file)
        wave, samples = Wavefront.of(near), near.samples
    else:
        known = _model_of(model, polarisation)
        device = load_device(file, known.platform, layer, cell)
        wave, samples = Wavefront.predicted(known, device), known.samples
    seen = PhaseMap.of(wave.field.numpy(), samples, wave.platform, wave.illumination, analyser)
    fit = fit_radial(seen, terms)
    fit_table(fit).print()
    begin = f"{output.name}-{label(wave.illumination)}"
    writers = {".DAT": write_grid_phase, ".csv": write_csv}
    paths = {suffix: output.with_name(begin + suffix) for suffix in writers}
    with TemporaryDirectory() as folder:
        for suffix, path in paths.items():
            writers[suffix](fit, new := Path(folder) / path.name)
            may_replace(path, lambda new=new, path=path: new.read_bytes() == path.read_bytes(), force)  # type: ignore[misc]
    for suffix, path in paths.items():
        writers[suffix](fit, path)
        print(path)


def _model_of(names: list[str], polarisation: str | None) -> Surrogate:
    """The model of light of a polarisation, or of that of the first model, made of those of some names."""
    from dataclasses import replace

    from metagen import surrogate

    models = [surrogate.load(name) for name in names]
    light = models[0].domain.illumination
    return surrogate.for_light(
        models, light if polarisation is None else replace(light, polarisation=polarisation)
    )


def _near_field(file: Path) -> NearField:
    from metagen.data.nearfield import NearField
    from metagen.fab.formats import drawn_format

    advice = "of a layout, give the --model that predicts its field"
    if drawn_format(file) is not None:
        raise InputError(f"{file}: a drawn layout holds no near field; {advice}")
    try:
        return NearField.load(file)
    except FormatError as error:
        raise FormatError(f"{error}; {advice}") from error


def tolerance(
    settings: DesignFile,
    device: Annotated[
        Path,
        typer.Argument(
            help="Layout or device file (HDF5), or a drawn layout (GDSII, OASIS).", show_default=False
        ),
    ],
    noise: Annotated[
        float, typer.Option(help="Standard deviation of each radius, or each other length (µm).")
    ] = 0.003,
    bias: Annotated[
        float, typer.Option(help="Standard deviation of a shift of all walls, such as all radii (µm).")
    ] = 0.005,
    rotation_deg: Annotated[float, typer.Option(help="Standard deviation of each angle (degrees).")] = 0.0,
    missing: Annotated[float, typer.Option(help="Probability that a pillar is missing.")] = 0.0,
    samples: Annotated[int, typer.Option(help="Number of imperfect copies of the device.")] = 1000,
    keep: Annotated[float, typer.Option(help="Share of its value that a good copy keeps.")] = 0.9,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.")] = 0,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the distributions into this file (.png, .pdf, .svg).")
    ] = None,
    layer: DrawnLayer = None,
    cell: DrawnCell = None,
    force: Force = False,
) -> None:
    """Say how much of its performance a device keeps under process errors, as the surrogates predict it."""
    from metagen.base.contents import content_hash
    from metagen.design import DesignSettings
    from metagen.design.model import common_platform
    from metagen.fab import load_device
    from metagen.report.plot import save, tolerances
    from metagen.verify.imperfection import ProcessErrors
    from metagen.verify.tolerance import tolerance as measure
    from metagen.verify.tolerance import tolerance_table

    require_picture(plot)
    wanted = DesignSettings.load(settings)
    models = wanted.load_models()
    errors = ProcessErrors(noise=noise, bias=bias, missing=missing, rotation=math.radians(rotation_deg))
    layout = load_device(device, common_platform(models), layer, cell)
    about = content_hash(repr(wanted.goals), layout.hash, repr(errors), samples, seed)
    if plot:
        may_replace(plot, lambda: is_marked(plot, about), force)
    found = measure(wanted.goals, layout, models, errors, samples, seed)
    tolerance_table(found, keep).print()
    if plot:
        save(tolerances(found), plot, about)
        print(plot)


def passport(
    file: Annotated[
        Path,
        typer.Argument(help="Layout file, layout, device, model or near field.", show_default=False),
    ],
    folder: Annotated[
        Path | None,
        typer.Option("--in", help="Folder to look for inputs in; by default that of the file."),
    ] = None,
) -> None:
    """Say what a file was made from, step by step; exit status 1 if an input has changed or is missing."""
    from metagen.provenance.passport import passport as trace

    found = trace(file, folder)
    print(printable(str(found)))
    if not found.is_complete:
        raise typer.Exit(1)


FAB_COMMANDS: dict[str, Callable[..., None]] = {
    "export": export,
    "handover": handover,
    "yield": tolerance,
    "passport": passport,
}
"""The commands by their names."""
