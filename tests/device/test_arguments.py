"""What is given in the wrong kind, unit or number is refused in one line that names it."""

import math

import numpy as np
import pytest
import torch

import metagen as mg
from metagen.base.errors import InputError
from metagen.device.shapes import Difference, Ellipse, Polygon

TRIANGLE = ((0.0, 0.0), (0.1, 0.0), (0.0, 0.1))
FINS = mg.atoms.Rectangle((0.1, 0.2), 0.1, (0.0, math.pi))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: mg.Lattice.square("0.4"), "period is '0.4'; it must be one number"),
        (lambda: mg.Lattice.square(-1), "period is -1; it must be positive"),
        (lambda: mg.Lattice.hexagonal([0.4]), r"spacing is \[0\.4\]; it must be one number"),
        (lambda: mg.Lattice.rectangular(0.4, math.nan), "py is nan; it must be finite"),
        (lambda: mg.Illumination([0.6, 0.5]), "wavelength: Input should be a valid number"),
        (lambda: mg.Illumination(0.6, "x", 15), r"polar is 15, more than a whole turn.*math\.radians"),
        (lambda: mg.Illumination(0.6, polar_deg=15), r"'polar_deg'; angles are in radians here: polar="),
        (lambda: mg.Platform().at("red"), "wavelength is 'red'; it must be one number"),
        (lambda: mg.Platform().at(mg.Illumination(0.6)), "wavelength is Illumination.*must be one number"),
        (lambda: mg.materials.shipped("gold").index([0.5, 0.6]), r"wavelength is \[0\.5, 0\.6\]"),
        (lambda: FINS.named_shape(length="a", angle=0), "length is 'a'; give a number"),
        (lambda: FINS.named_shape(length=[0.1, math.nan], angle=0), "length is .*nan.*must be finite"),
        (
            lambda: FINS.named_shape(length=[0.1, 0.2], angle=[0, 1, 2]),
            r"do not broadcast together: length \[2\], width \[\], angle \[3\]",
        ),
        (lambda: mg.atoms.Fixed((TRIANGLE,)).named_shape(choice=1), r"choice is 1; .* numbered 0 \.\. 0"),
        (lambda: mg.atoms.Fixed((TRIANGLE,)).named_shape(choice=math.nan), "choice is nan"),
        (lambda: Polygon(TRIANGLE, 45), "angle is 45, more than a whole turn"),
        (lambda: Ellipse(0.1, 0.2, 45), "angle is 45, more than a whole turn"),
        (lambda: Ellipse(None, 0.2), "is None; give a number"),
        (lambda: Difference(Ellipse(0.1, 0.1), 0.05), "inner is 0.05; it must be a shape"),
        (lambda: Ellipse(0.1, 0.1).outline("fine"), "tolerance is 'fine'; it must be one number"),
    ],
)
def test_an_argument_of_another_kind_is_refused_in_one_line(build, message):
    with pytest.raises(InputError, match=message) as raised:
        build()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "given",
    [np.float32(0.4), np.float64(0.4), np.array(0.4), torch.tensor(0.4)],
    ids=lambda x: type(x).__name__,
)
def test_numbers_of_numpy_and_torch_are_numbers(given):
    assert mg.Lattice.square(given).pitch[0] == pytest.approx(0.4)
    assert mg.Platform().at(given).wavelength == pytest.approx(0.4)


def test_limits_of_a_parameter_may_be_numbers_of_numpy():
    assert mg.atoms.Circle(np.array([0.1, 0.2])) == mg.atoms.Circle((0.1, 0.2))
    assert mg.atoms.Circle(np.float32(0.5)) == mg.atoms.Circle(0.5)
