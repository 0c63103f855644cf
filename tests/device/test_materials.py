"""Materials: published values, files of refractiveindex.info, and platforms made of them."""

import json
from dataclasses import asdict

import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import FormatError, InputError
from metagen.base.validation import validate
from metagen.device.materials import (
    FUSED_SILICA,
    SILICON_NITRIDE,
    TITANIUM_DIOXIDE,
    Formula,
    FormulaKind,
    Tabulated,
    index_at,
    read_yaml,
)


def test_fused_silica_has_the_values_that_malitson_tabulates():
    # Tabulated I of J. Opt. Soc. Am. 55, 1205 (1965), five decimals.
    for wavelength, index in [
        (0.404656, 1.46962),
        (0.589262, 1.45841),
        (0.656272, 1.45637),
        (1.52952, 1.44427),
    ]:
        assert FUSED_SILICA.index(wavelength).real == pytest.approx(index, abs=1e-5)


def test_silicon_nitride_follows_its_two_oscillators():
    square = 1 + 3.0249 * 0.633**2 / (0.633**2 - 0.1353406**2) + 40314 * 0.633**2 / (0.633**2 - 1239.842**2)
    assert SILICON_NITRIDE.index(0.633) == pytest.approx(np.sqrt(square), abs=1e-12)
    assert SILICON_NITRIDE.index(0.633).real == pytest.approx(2.039, abs=1e-3)


def test_titanium_dioxide_absorbs_in_the_violet_only():
    assert TITANIUM_DIOXIDE.index(0.3987800).real == 2.698744
    assert TITANIUM_DIOXIDE.index(0.4).imag > 5e-3 > 1e-4 > TITANIUM_DIOXIDE.index(0.633).imag


@pytest.mark.parametrize(
    ("kind", "coefficients", "wavelength", "index"),
    [
        # BK7: the Sellmeier equation of SCHOTT's data sheet, n_d = 1.51680.
        (
            2,
            (0, 1.03961212, 0.00600069867, 0.231792344, 0.0200179144, 1.01046945, 103.560653),
            0.5875618,
            1.5168,
        ),
        # Rutile, ordinary: n² = 5.913 + 0.2441/(λ² − 0.0803), J. R. Devore, J. Opt. Soc. Am. 41, 416 (1951).
        (4, (5.913, 0.2441, 0, 0.0803, 1), 0.5893, np.sqrt(5.913 + 0.2441 / (0.5893**2 - 0.0803))),
        # Air: the two-term formula of P. E. Ciddor, Appl. Opt. 35, 1566 (1996); n − 1 = 2.7712e-4 at 0.5876.
        (6, (0, 0.05792105, 238.0185, 0.00167917, 57.362), 0.5876, 1.00027717),
    ],
)
def test_formulas_reproduce_values_in_print(kind, coefficients, wavelength, index):
    formula = Formula(FormulaKind(kind), coefficients, 0.2, 2.0)
    # The values have five decimals or more.
    assert formula(wavelength) == pytest.approx(index, abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "coefficients", "expected"),
    [
        (3, (2.25, 0.01, 2, -0.02, -2), np.sqrt(2.25 + 0.01 * 0.25 - 0.02 * 4)),
        (5, (1.5, 0.004, -2, 0.0001, -4), 1.5 + 0.004 * 4 + 0.0001 * 16),
        (7, (1.5, 0.01, 0.001, -0.002, 0, 0), 1.5 + 0.01 / 0.222 + 0.001 / 0.222**2 - 0.002 * 0.25),
        (8, (0.2, 0.1, 0.05, 0.01), np.sqrt((1 + 2 * 0.3275) / (1 - 0.3275))),
        (9, (2.0, 0.1, 0.05, 0.02, 0.1, 0.3), np.sqrt(2 + 0.1 / 0.2 + 0.02 * 0.4 / (0.16 + 0.3))),
    ],
)
def test_the_other_formulas_are_those_written_out_by_hand(kind, coefficients, expected):
    assert Formula(FormulaKind(kind), coefficients, 0.2, 2.0)(0.5) == pytest.approx(expected, rel=1e-12)


def test_a_wavelength_without_data_is_refused():
    with pytest.raises(InputError, match=r"0\.2.*silicon_nitride"):
        SILICON_NITRIDE.index(0.2)


def write(path, data):
    path.write_text(f"REFERENCES: |\n    Somebody (2020)\nDATA:\n{data}", encoding="utf-8")
    return path


def test_a_tabulated_file_of_refractiveindex_info_is_read(tmp_path):
    rows = "        0.5 2.0 0.1\n        0.6 1.8 0.0\n"
    material = read_yaml(write(tmp_path / "a.yml", f"  - type: tabulated nk\n    data: |\n{rows}"))
    assert material.index(0.55) == pytest.approx(1.9 + 0.05j)
    assert material.source == "Somebody (2020)"


def test_a_formula_file_with_tabulated_loss_is_read(tmp_path):
    formula = "  - type: formula 5\n    wavelength_range: 0.4 0.8\n    coefficients: 1.5 0.01 -2\n"
    loss = "  - type: tabulated k\n    data: |\n        0.5 0.2\n        0.6 0.4\n"
    material = read_yaml(write(tmp_path / "a.yml", formula + loss))
    assert material.index(0.5) == pytest.approx(1.54 + 0.2j)
    with pytest.raises(InputError, match=r"0\.45"):
        material.index(0.45)


@pytest.mark.parametrize(
    "content", ["", "DATA: 3", "  - type: formula 12\n", "  - type: tabulated q\n    data: 1 2"]
)
def test_another_file_is_refused_by_its_name(tmp_path, content):
    with pytest.raises((FormatError, InputError), match=r"a\.yml|Formula"):
        read_yaml(write(tmp_path / "a.yml", content))


def test_a_table_must_increase():
    with pytest.raises(InputError, match="increase"):
        Tabulated((0.6, 0.5), (1.0, 2.0))


def test_a_platform_of_materials_keeps_its_hash_through_json_and_toml(tmp_path):
    path = tmp_path / "platform.toml"
    path.write_text('pillar = "silicon_nitride"\nsubstrate = "fused_silica"\n')
    platform = mg.Platform.load(path)
    again = validate(json.loads(json.dumps(asdict(platform))), mg.Platform, source="json")
    assert again.hash == platform.hash != mg.Platform().hash


def test_a_platform_of_materials_has_numbers_at_a_wavelength():
    platform = mg.Platform(pillar=SILICON_NITRIDE, substrate=FUSED_SILICA).at(0.633)
    assert platform.pillar == SILICON_NITRIDE.index(0.633).real
    assert platform.substrate == FUSED_SILICA.index(0.633).real
    numbers = mg.Platform()
    assert numbers.at(0.633) is numbers


def test_a_platform_of_numbers_cannot_absorb():
    with pytest.raises(InputError, match="absorb"):
        mg.Platform(pillar=TITANIUM_DIOXIDE).at(0.4)


def test_an_unknown_material_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"unobtainium.*fused_silica"):
        mg.Platform(pillar="unobtainium")


def test_the_index_of_a_lossless_material_is_real():
    assert isinstance(index_at(FUSED_SILICA, 0.5), float)
    assert index_at(1.7, 0.5) == 1.7
