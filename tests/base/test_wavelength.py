"""Wavelengths: which are the same, and that different ones have different labels."""

import pytest

from metagen.base.wavelength import nanometres, same_wavelength


def test_wavelengths_are_the_same_up_to_rounding_only():
    assert same_wavelength(0.633, 0.1 * 6.33)
    assert same_wavelength(0.633, float("0.63300004"))  # as single precision keeps it
    assert not same_wavelength(0.6331, 0.6334)
    assert not same_wavelength(1.55, 1.550002)


@pytest.mark.parametrize(
    ("wavelength", "label"), [(0.633, "633"), (0.6331, "633.1"), (0.6334, "633.4"), (1.550002, "1550.002")]
)
def test_a_label_tells_wavelengths_apart(wavelength, label):
    assert nanometres(wavelength) == label
