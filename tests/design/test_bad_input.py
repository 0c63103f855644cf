"""What does not belong together, or is in another unit or form, is refused in one line, for any meta-atom."""

import math

import half_wave_plates
import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import InputError, MetagenError, MismatchError
from metagen.base.validation import validate
from metagen.design import DesignSettings
from metagen.device.layout import random_layout
from metagen.fdtd.campaign_file import CampaignFile
from metagen.forward import Deflection
from metagen.forward.families import smooth_layout
from metagen.surrogate import Domain

FIN = mg.atoms.Rectangle(length=(0.1, 0.25), width=(0.08, 0.2), angle=(0.0, math.pi))
FINS, HEXAGONAL = (
    mg.Platform(lattice=lattice, atom=FIN, height=0.6)
    for lattice in (mg.Lattice.square(0.43), mg.Lattice.hexagonal(0.43))
)
ELLIPSES = mg.Platform(
    lattice=FINS.lattice, atom=mg.atoms.Ellipse(0.25, 0.1, (0.0, math.pi)), height=FINS.height
)
TRIANGLES = mg.Platform(
    lattice=FINS.lattice,
    atom=mg.atoms.Fixed((((-0.1, -0.1), (0.1, -0.1), (0, 0.1)), ((-0.1, 0.1), (0, -0.1), (0.1, 0.1)))),
)
PLATES = [half_wave_plates.Plates(name) for name in "xy"]
LENS = half_wave_plates.geometric_lens(1)
GOOD = {name: np.full((4, 4), value) for name, value in (("length", 0.2), ("width", 0.1), ("angle", 0.3))}
SETTINGS = mg.design.OptimizerSettings(steps=1, symmetry="none")


def fins(platform=FINS, **values):
    return mg.Layout(platform, {**GOOD, **values})


def without(name, **others):
    return {**{each: value for each, value in GOOD.items() if each != name}, **others}


def design(layout, **goal):
    goal = mg.design.Focus(**{"wavelength": half_wave_plates.WAVELENGTH, "distance": 4.0, **goal})
    return mg.design.optimize(layout, PLATES[:1], mg.design.worst_of(goal), SETTINGS, progress=False)


def read(kind, **values):
    return validate(values, kind, source="recipe.toml")


def campaign(light=(), layouts=()):
    light = {"wavelength": 0.66, "pixels_per_period": 8, "pillar_compensation": [0.5, 0.5], **dict(light)}
    layouts = {"family": "random", "count": 3, "seeds": [1], **dict(layouts)}
    made = validate({"light": [light], "layouts": [layouts]}, CampaignFile, source="campaign.toml")
    return [entry.beams(made.platform) for entry in made.light]


TURN = r"is 45, more than a whole turn: angles are in radians; for 45 degrees give math\.radians\(45\)"
REFUSED = {
    # What belongs to another device
    "a model of another atom": (
        lambda: design(mg.Layout(ELLIPSES, {"angle": GOOD["angle"]})),
        "another platform than the model: atom Ellipse.* instead of Rectangle.*use a model",
    ),
    "a model of another lattice": (
        lambda: design(mg.Layout(mg.Platform(lattice=HEXAGONAL.lattice, atom=half_wave_plates.PLATFORM.atom,
                                             height=0.6), {"angle": np.zeros((3, 3, 2))})),
        "another platform than the model: lattice .* instead of Lattice",
    ),
    "a shipped model of circles": (
        lambda: mg.surrogate.predict(mg.surrogate.load("sin-633"), LENS),
        "another platform than the model: .*Rectangle.* instead of Circle",
    ),
    "light of another colour": (lambda: design(LENS, wavelength=0.5), "wavelength 0.5"),
    "light of another polarisation": (lambda: design(LENS, polarisation="left"), "left"),
    "tilted light": (lambda: design(LENS, polar=0.1), "5.7"),
    "values that a model does not know": (
        lambda: Domain(platform=FINS, illumination=0.66, known=((0.1, 0.15), (0.08, 0.2), (0.0, math.pi)))
        .require_known(mg.surrogate.prediction.arguments(fins())[0]),
        r"length\[0, 0\] is 0\.2; the model knows length from 0\.1 to 0\.15",
    ),
    # Degrees
    "an angle of a layout": (lambda: fins(angle=np.full((4, 4), 45.0)), f"angle {TURN}"),
    "an angle by its name in files": (
        lambda: mg.Layout(FINS, without("angle", angle_deg=GOOD["angle"])),
        "angle is missing; 'angle_deg' is unknown; angles are in radians here",
    ),
    "the range of an atom": (lambda: mg.atoms.Rectangle((0.1, 0.2), 0.1, (0, 45)), f"angle {TURN}"),
    "the range of an atom in a file": (
        lambda: read(mg.Platform, height=0.6, lattice={"kind": "square", "period": 0.4},
                         atom={"kind": "rectangle", "length": [0.1, 0.2], "width": 0.1, "angle": [0, 45]}),
        f"angle {TURN}, or angle_deg in a file",
    ),
    "a unit cell": (lambda: mg.rcwa.solve(FINS, 0.66, length=0.2, width=0.1, angle=45), f"angle {TURN}"),
    "light": (lambda: mg.Illumination(0.66, azimuth=45), f"azimuth {TURN}"),
    "light of a campaign": (lambda: campaign(light={"azimuth": 45}), f"azimuth {TURN}, or azimuth_deg"),
    "the goal of a recipe": (
        lambda: read(DesignSettings, name="a", count=3, models=["a"], start={"kind": "random", "seed": 1},
                         goals=[{"kind": "focus", "wavelength": 0.6, "distance": 4.0, "azimuth": 45}]),
        f"azimuth {TURN}, or azimuth_deg",
    ),
    "a spread of angles": (
        lambda: campaign(layouts={"family": "perturbed", "wavelength": 0.66, "focal_lengths": [4.0],
                                  "spread": 0.01, "angle_spread": 45}),
        f"angle_spread {TURN}, or angle_spread_deg",
    ),
    "the direction of a deflector": (lambda: Deflection(0.1, 45), f"azimuth {TURN}"),
    "what a model knows": (
        lambda: Domain(platform=FINS, illumination=0.66, known=((0.1, 0.2), (0.1, 0.2), (0, 45))),
        f"angle {TURN}",
    ),
    # Names
    "a parameter too few": (lambda: mg.Layout(FINS, without("width")), "width is missing.*are length, width"),
    "a parameter too many": (lambda: fins(radius=GOOD["width"]), "'radius' is unknown.*are length, wid"),
    "a cell without an angle": (lambda: mg.rcwa.solve(FINS, 0.66, length=0.2, width=0.1), "give angle"),
    "a cell with a radius": (lambda: mg.rcwa.solve(FINS, 0.66, radius=0.1), "unknown: radius"),
    "radii of fins": (lambda: fins().radii, "no free parameter 'radius'; free: length, width, angle"),
    # Forms
    "one array of three": (lambda: mg.Layout(FINS, GOOD["width"]), "3 free parameters; give one array each"),
    "a row": (lambda: mg.Layout(FINS, {name: each[0] for name, each in GOOD.items()}), r"shape \(4,\)"),
    "numbers alone": (lambda: mg.Layout(FINS, dict.fromkeys(GOOD, 0.1)), r"shape \(\), expected.*\[Nx"),
    "two sizes": (lambda: fins(width=np.ones((4, 5))), r"shapes \[\(4, 4\), \(4, 5\)\]"),
    "no cells": (lambda: mg.Layout(FINS, {name: each[:0] for name, each in GOOD.items()}), r"\(0, 4\)"),
    "one site of two": (lambda: fins(HEXAGONAL), r"shape \(4, 4\), expected.*S = 2 sites per cell"),
    "two sites of one": (
        lambda: mg.Layout(FINS, {name: np.stack([each] * 2, -1) for name, each in GOOD.items()}),
        r"shape \(4, 4, 2\), expected an array \[Nx, Ny\]",
    ),
    "four parameters": (lambda: mg.Layout(FINS, np.ones((4, 4, 1, 4))), r"\(4, 4, 1, 4\), expected"),
    # Numbers
    "NaN": (lambda: fins(angle=np.full((4, 4), np.nan)), r"angle\[0, 0\] is nan; every value must be"),
    "infinity": (lambda: fins(width=np.full((4, 4), np.inf)), r"width\[0, 0\] is inf"),
    "a negative length": (lambda: fins(width=-GOOD["width"]), r"width\[0, 0\] is -0\.1; lengths are"),
    "complex numbers": (lambda: fins(angle=1j * GOOD["angle"]), "angle is .*real numbers"),
    "a text": (lambda: fins(angle="a"), "angle is 'a'"),
    "half a choice": (lambda: mg.Layout(TRIANGLES, {"choice": np.full((3, 3), 0.5)}), "is 0.5; the sh"),
    "a choice too far": (
        lambda: mg.Layout(TRIANGLES, {"choice": np.full((3, 3), 2)}), "is 2; the shapes are numbered 0 .. 1",
    ),
    "a choice before the first": (lambda: mg.Layout(TRIANGLES, {"choice": -np.ones((3, 3))}), "numbered 0"),
    "a seed below zero": (lambda: random_layout(FINS, 3, -1), "seed is -1; it must be a whole number"),
    "half a seed": (lambda: smooth_layout(FINS, 3, 1.0, 1.5), "seed is 1.5; it must be a whole number"),
    "cells below zero": (lambda: random_layout(FINS, (-3, 3), 1), r"count is \(-3, 3\); it must be a whole"),
    "fins that overlap": (
        lambda: fins(length=np.full((4, 4), 0.5)), r"length\[0, 0\] is 0\.5; .*so that they could overlap",
    ),
    "an atom that overlaps": (
        lambda: mg.Platform(lattice=FINS.lattice, atom=mg.atoms.Rectangle(0.45, 0.1, (0, math.pi))),
        "length 0.45, width 0.1, which reach .* all round, overlap, and the closest sites are 0.43 apart",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("build", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused_in_one_line(build, message):
    with pytest.raises(MetagenError, match=message) as raised:
        build()
    assert isinstance(raised.value, InputError | MismatchError)
    assert "\n" not in str(raised.value)
