"""The command that designs a device from single pillars: `metagen layout`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metagen.base.errors import FormatError, InputError
from metagen.cli.output import Force, is_marked, may_replace, require_hdf5, require_picture
from metagen.cli.waves import Kind, Numbers, wave, wave_in_words
from metagen.device.illumination import Illumination
from metagen.device.platform import Platform
from metagen.device.sites import Aperture, counts_of

if TYPE_CHECKING:
    from metagen.device.layout import Layout
    from metagen.forward import Aim

Output = Annotated[
    Path, typer.Option("--output", "-o", help="Layout file, such as lens.h5.", show_default=False)
]
FocalLength = Annotated[
    float | None,
    typer.Option(
        help="Focal length (µm), from half a wavelength above the pillars to the focus, or to the plane of a "
        "hologram's picture."
    ),
]
At = Annotated[
    tuple[float, float] | None,
    typer.Option(metavar="X Y", help="Where a lens focuses in its focal plane (µm); by default on the axis."),
]
Angle = Annotated[
    float | None, typer.Option(help="Angle to the axis of what a deflector or an axicon sends out (degrees).")
]
Direction = Annotated[
    float | None,
    typer.Option(help="Where a deflector sends it in the plane, from x (degrees); by default 0."),
]
Charge = Annotated[
    int | None, typer.Option(help="Turns of the phase about the axis of a vortex, negative for clockwise.")
]
Image = Annotated[Path | None, typer.Option(help="Picture of a hologram: bright where light should be.")]
Width = Annotated[float | None, typer.Option(help="Width of that picture (µm).")]
OfY = Annotated[
    str | None,
    typer.Option(
        metavar="WAVE",
        help="What light along y should do, if the above is for light along x alone: 'lens FOCAL [X Y]', "
        "'deflector ANGLE [DIRECTION]', 'axicon ANGLE', 'vortex CHARGE [FOCAL]', 'hologram IMAGE FOCAL "
        "WIDTH'.",
    ),
]
Analyser = Annotated[
    str | None,
    typer.Option(
        help="Polarisation of the light that should do it; by default that of the incident light, and of "
        "circular light on pillars that may turn the other handedness."
    ),
]
CountY = Annotated[
    int | None, typer.Option(help="Cells along y; by default as many as make the device most nearly square.")
]
Plot = Annotated[Path | None, typer.Option(help="Draw the pillars into this file (.png, .pdf, .svg).")]


def layout(
    output: Output,
    kind: Annotated[Kind, typer.Option(help="What the light should do.")] = "lens",
    focal_length: FocalLength = None,
    at: At = None,
    angle_deg: Angle = None,
    direction_deg: Direction = None,
    charge: Charge = None,
    image: Image = None,
    width: Width = None,
    y: OfY = None,
    wavelength: Annotated[float, typer.Option(help="Wavelength in vacuum (µm).")] = 0.633,
    polarisation: Annotated[str, typer.Option(help="Of the light: x, y, left or right.")] = "x",
    polar_deg: Annotated[float, typer.Option(help="Angle of the light to the z axis, in vacuum.")] = 0.0,
    azimuth_deg: Annotated[float, typer.Option(help="Its direction in the plane, from x.")] = 0.0,
    analyser: Analyser = None,
    count: Annotated[int, typer.Option(help="Cells along x.")] = 113,
    count_y: CountY = None,
    aperture: Annotated[Aperture, typer.Option(help="Shape of the device.")] = "rectangle",
    platform: Annotated[
        Path | None,
        typer.Option(help="Platform file (TOML); by default silicon nitride on silica.", show_default=False),
    ] = None,
    plot: Plot = None,
    force: Force = False,
) -> None:
    """Design a lens, or what else the options say, pillar by pillar (local phase approximation)."""
    from metagen.device.layout import SCHEMA
    from metagen.forward import Aim

    require_hdf5(output, SCHEMA)
    require_picture(plot)
    _refuse_device(output)
    wanted = wave(kind, Numbers(focal_length, at, angle_deg, direction_deg, charge, image, width))
    light = Illumination(wavelength, polarisation, math.radians(polar_deg), math.radians(azimuth_deg))
    aims = [Aim(light, wanted, analyser)]
    if y is not None:
        aims.append(_aim_along_y(light, analyser, y))
    used = Platform() if platform is None else Platform.load(platform)
    made = _designed(
        used, aims, counts_of(used.lattice, count if count_y is None else (count, count_y)), aperture
    )
    may_replace(output, lambda: _is_same(output, made), force)
    if plot:
        may_replace(plot, lambda: is_marked(plot, made.hash), force)
    made.save(output)
    _report(made, aims, output)
    if plot:
        _draw(made, plot)


def _is_same(path: Path, made: Layout) -> bool:
    """Whether a file holds this very layout."""
    return type(made).load(path).hash == made.hash


def _refuse_device(path: Path) -> None:
    """Refuse to write over the result of an optimisation, which is another kind of file.

    Raises:
        InputError: the file is one.
    """
    from metagen.design.device import Device, load_with_history

    try:
        found = load_with_history(path) if path.exists() else None
    except FormatError:  # damaged, or of another release
        return
    if isinstance(found, Device):
        raise InputError(f"{path}: holds the optimised device {found.name!r}; choose another name")


def _aim_along_y(light: Illumination, analyser: str | None, text: str) -> Aim:
    """What the same light, but along y, should do.

    Raises:
        InputError: the other light is not along x, or an analyser is given.
    """
    from metagen.forward import Aim

    if light.polarisation != "x" or analyser is not None:
        raise InputError(
            f"--y says what light along y does beside light along x; leave --polarisation "
            f"({light.polarisation}) and --analyser ({analyser}) away"
        )
    return Aim(replace(light, polarisation="y"), wave_in_words(text))


def _designed(platform: Platform, aims: Sequence[Aim], counts: tuple[int, int], aperture: Aperture) -> Layout:
    from metagen.forward import Focus, designed, matched
    from metagen.forward.lens import focusing, warn_if_far

    (aim, *others), target = aims, aims[0].target
    if others:
        return matched(platform, aims, counts, aperture)
    if isinstance(target, Focus) and aim.analyser is None and not (target.x or target.y):
        return focusing(platform, target.focal_length, aim.light, counts, aperture=aperture)
    made = designed(platform, aim, counts, aperture)
    if isinstance(target, Focus):
        warn_if_far(min(made.sides), aim.light.wavelength, target.focal_length)
    return made


def _report(layout: Layout, aims: Sequence[Aim], output: Path) -> None:
    """Print what was made, and what it will do as far as single pillars tell."""
    from metagen.forward import Hologram, fit, local_field

    (along_x, along_y), sides = layout.counts, layout.sides
    size = f"side {sides[0]:.3f} µm" if layout.is_simple else f"{sides[0]:.3f} × {sides[1]:.3f} µm"
    what = "pillars" if layout.present.all() else f"cells with {layout.present.sum()} pillars"
    print(f"{output}: {along_x} × {along_y} {what}, {size}, for {aims[0].light.wavelength:g} µm")
    for aim in aims:
        found = fit(layout, aim)
        print(
            f"  {aim.described}: {found.efficiency:.3f} of the incident power in this wave, mean error "
            f"|t − target| {found.error:.3f} (local phase approximation)"
        )
        if isinstance(aim.target, Hologram):
            field, media = local_field(layout, aim.light), layout.platform.at(aim.light.wavelength)
            seen = field.seen(aim.output(layout.platform.atom))
            error = aim.target.error(seen, field.sample_spacing, media.wavelength, media.cover)
            print(f"  relative error of the picture's amplitude: {error:.3f}")


def _draw(layout: Layout, path: Path) -> None:
    from metagen.report import plot

    plot.save(plot.layout(layout), path, layout.hash)
    print(path)
