"""What is given in the wrong kind is refused in one line that names it, before Meep is asked for."""

import pytest

import metagen as mg
from metagen import rcwa
from metagen.base.errors import InputError
from metagen.fdtd import Numerics, cell_field, simulate

LIGHT = mg.Illumination(0.633)
NUMERICS = Numerics(0.633, 10)
CELL = rcwa.make_cell(rcwa.circle(0.1), period=0.4431, height=0.6, pillar=2.0)
LAYOUT = mg.Layout(mg.Platform(), [[0.1]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cell_field(mg.Platform(), LIGHT, NUMERICS), r"it must be a Cell of metagen\.rcwa"),
        (lambda: cell_field(CELL, 0.633, NUMERICS), "light is 0.633; it must be an Illumination"),
        (lambda: cell_field(CELL, LIGHT, 10), "numerics is 10; it must be a Numerics"),
        (lambda: cell_field(CELL, LIGHT, NUMERICS, samples=0), "samples is 0; it must be a whole number"),
        (lambda: simulate("lens.h5", NUMERICS), r"it must be a Layout: Layout\.load\('lens\.h5'\)"),
        (lambda: simulate(mg.Platform(), NUMERICS), "layout is Platform.*it must be a Layout"),
        (lambda: simulate(LAYOUT, 0.633), "numerics is 0.633; it must be a Numerics"),
        (lambda: simulate(LAYOUT, NUMERICS, 0.633), "light is 0.633; it must be an Illumination"),
        (lambda: simulate(LAYOUT, NUMERICS, samples=0), "samples is 0; it must be a whole number"),
        (lambda: Numerics("red", 10), "wavelength: Input should be a valid number"),
    ],
)
def test_an_argument_of_another_kind_is_refused_in_one_line(call, message):
    with pytest.raises(InputError, match=message) as raised:
        call()
    assert "\n" not in str(raised.value)
