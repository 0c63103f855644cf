"""What is given in the wrong kind is refused in one line that names it; results are of the kind given."""

import numpy as np
import pytest
import torch

import metagen as mg
from metagen import rcwa
from metagen.base.errors import InputError

PLATFORM = mg.Platform()
FINS = mg.Platform(atom=mg.atoms.Rectangle(length=(0.1, 0.3), width=0.09, angle=(0, np.pi)))
LIGHT = mg.Illumination(0.633)
CELL = rcwa.make_cell(rcwa.circle(0.1), period=0.4431, height=0.6, pillar=2.0)
STACK = rcwa.Stack(0.4, (rcwa.Layer(2.0, 0.1),))
MEDIA = {"height": 0.6, "pillar": 2.0}


def solved():
    return rcwa.solve(PLATFORM, LIGHT, radius=0.1, orders=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rcwa.solve("fins.toml", LIGHT), r"must be a Platform: Platform\.load\('fins\.toml'\)"),
        (lambda: rcwa.solve(LIGHT, PLATFORM), "platform is Illumination.*; it must be a Platform"),
        (lambda: rcwa.solve(PLATFORM, PLATFORM, radius=0.1), r"light is Platform.*give a metagen\.Illum"),
        (lambda: rcwa.solve(PLATFORM, [LIGHT, LIGHT], radius=0.1), r"light is \[Illumination"),
        (
            lambda: rcwa.solve(PLATFORM, 0.6 + 0.1j, radius=0.1),
            r"wavelength is \(0\.6\+0\.1j\); it must be real",
        ),
        (lambda: rcwa.solve(PLATFORM, [], radius=0.1), r"wavelength is .*one at least"),
        (lambda: rcwa.solve(PLATFORM, LIGHT), "^circle has the parameters radius; give radius"),
        (lambda: rcwa.solve(FINS, LIGHT, length=250, angle=0.3), "length 250.*reach 125.*micrometres"),
        (lambda: rcwa.solve(PLATFORM, LIGHT, radius=[]), r"radius is \[\]; give one value at least"),
        (lambda: rcwa.solve(PLATFORM, LIGHT, radius="0.1"), "radius is '0.1'; give a number"),
        (lambda: rcwa.solve(PLATFORM, LIGHT, radius=0.1j), "radius is 0.1j; give .* real numbers"),
        (
            lambda: rcwa.solve(PLATFORM, [0.5, 0.6, 0.7], radius=[0.1, 0.12]),
            r"do not broadcast together: wavelength \[3\], radius \[2\]",
        ),
        (lambda: rcwa.solve(PLATFORM, LIGHT, radius=0.1, factorisation="li"), "factorisation is 'li'"),
        (lambda: rcwa.solve(PLATFORM, LIGHT, radius=0.1, tolerance="low"), "tolerance is 'low'"),
        (lambda: rcwa.near_fields("sin.toml", [0.1], 0.633), "it must be a Platform"),
        (lambda: rcwa.near_fields(PLATFORM, 0.1, 0.633), r"radii have shape \[\]"),
        (lambda: rcwa.near_fields(PLATFORM, [0.1], LIGHT), "wavelength is Illumination"),
        (lambda: rcwa.solve_cell(PLATFORM, LIGHT), r"it must be a Cell of metagen\.rcwa"),
        (lambda: rcwa.solve_cell(CELL, None), r"light is None; give a metagen\.Illumination"),
        (
            lambda: rcwa.make_cell(mg.atoms.Circle(0.1), period=0.4, **MEDIA),
            "shape is Circle.*must be a shape",
        ),
        (
            lambda: rcwa.make_cell(rcwa.circle(0.1), lattice=0.4, **MEDIA),
            "lattice is 0.4; it must be a Lattice",
        ),
        (lambda: rcwa.make_cell(rcwa.circle(0.1), period=0.4, height=0.6, pillar="gold"), "pillar is 'gold'"),
        (
            lambda: rcwa.make_cell(rcwa.circle(0.1), period=0.4, height=[0.5, 0.6], pillar=[2.0, 2.1, 2.2]),
            r"do not broadcast together: height \[2\], pillar \[3\]",
        ),
        (lambda: rcwa.square(-0.1), "sides are -0.1 and -0.1; they are positive"),
        (lambda: rcwa.solve_stack(PLATFORM, 0.633), r"it must be a Stack of metagen\.rcwa"),
        (lambda: rcwa.solve_stack(rcwa.Stack(0.4, STACK.layers[0]), 0.633), "layers is Layer.*give a tuple"),
        (lambda: rcwa.solve_stack(rcwa.Stack(0.4, (2.0,)), 0.633), "layer is 2.0; it must be a Layer"),
        (lambda: rcwa.solve_stack(STACK, 0.633, orders=(1, 2, 3)), r"orders is \(1, 2, 3\)"),
        (lambda: mg.PhaseTable.compute("sin.toml", 0.633), "it must be a Platform"),
        (lambda: mg.PhaseTable.compute(PLATFORM, LIGHT), r"give 0\.633, or compute a metagen\.rcwa\.Library"),
        (
            lambda: mg.PhaseTable.compute(PLATFORM, [0.6, 0.4]),
            r"wavelength is \[0\.6, 0\.4\]; it must be one",
        ),
        (lambda: mg.PhaseTable.compute(PLATFORM, 0.633, tolerance=0), "tolerance is 0; it must be positive"),
        (lambda: rcwa.Library.compute("fins.toml", LIGHT), "it must be a Platform"),
        (lambda: rcwa.Library.compute(PLATFORM, 0.633), "light is 0.633; it must be an Illumination"),
        (
            lambda: rcwa.Library.compute(PLATFORM, LIGHT, 1e-3),
            "sampling is 0.001; it must be a LibrarySampling",
        ),
        (lambda: rcwa.LibrarySampling(cells=-1), "cells: Input should be greater than 0"),
        (lambda: solved().near_field("top"), "z is 'top'; it must be one number"),
        (lambda: solved().near_field(0.9, 2.5), "samples is 2.5; it must be a whole number"),
    ],
)
def test_an_argument_of_another_kind_is_refused_in_one_line(call, message):
    with pytest.raises(InputError, match=message) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_powers_of_the_orders_are_arrays_unless_a_tensor_was_given():
    numbers, tensors = solved(), rcwa.solve(PLATFORM, LIGHT, radius=torch.tensor(0.1), orders=2)
    assert isinstance(numbers.transmitted.power, np.ndarray)
    assert isinstance(numbers.reflected.amplitude, np.ndarray)
    assert isinstance(tensors.transmitted.power, torch.Tensor)
    # torch.tensor(0.1) has single precision.
    np.testing.assert_allclose(numbers.transmitted.power, tensors.transmitted.power, atol=1e-6)
