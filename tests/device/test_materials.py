"""Materials: published values, files of refractiveindex.info, and platforms made of them."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import FormatError, InputError
from metagen.base.validation import validate
from metagen.device.materials import (
    FUSED_SILICA,
    SILICON_NITRIDE,
    TITANIUM_DIOXIDE,
    Dispersion,
    Formula,
    FormulaKind,
    Tabulated,
    index_at,
    read_yaml,
)
from metagen.device.media import NEGLIGIBLE_LOSS
from metagen.fdtd.numerics import coarsest


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


def test_a_platform_has_the_indices_of_its_materials_at_a_wavelength():
    media = mg.Platform(pillar=SILICON_NITRIDE, substrate=FUSED_SILICA).at(0.633)
    assert media.pillar == media.lossless_pillar == SILICON_NITRIDE.index(0.633).real
    assert media.substrate == FUSED_SILICA.index(0.633).real
    assert media.cover == 1.0


def test_pillars_may_absorb_where_the_solver_knows_loss():
    media = mg.Platform(pillar=TITANIUM_DIOXIDE).at(0.4)
    assert media.pillar == TITANIUM_DIOXIDE.index(0.4)
    with pytest.raises(InputError, match=r"pillar has the index 2\.69.*Meep simulations take no pillars"):
        _ = media.lossless_pillar


def glass(n, k):
    return Dispersion("glass", "nobody", Tabulated((0.3, 0.9), (n, n)), Tabulated((0.3, 0.9), (k, k)))


@pytest.mark.parametrize("side", ["substrate", "cover"])
@pytest.mark.parametrize(
    "solve",
    [
        lambda platform: platform.at(0.633),
        lambda platform: mg.rcwa.solve(platform, radius=0.1, wavelength=0.633, orders=3),
        lambda platform: mg.PhaseTable.compute(platform, wavelength=0.633, orders=3, tolerance=1e-2),
        lambda platform: mg.lens.focusing(platform, 5.0, 0.633, 5),
        lambda platform: coarsest(platform, 0.633),
    ],
)
def test_loss_of_an_outer_medium_is_refused_by_one_rule_on_every_path(solve, side):
    small = mg.Platform(period=0.3, radius_min=0.1, radius_max=0.11)
    solve(replace(small, **{side: glass(1.5, NEGLIGIBLE_LOSS)}))
    with pytest.raises(InputError, match=rf"{side} has the index 1\.5\+0\.00011j .* neither may absorb"):
        solve(replace(small, **{side: glass(1.5, 1.1 * NEGLIGIBLE_LOSS)}))


def test_negligible_loss_of_an_outer_medium_changes_nothing():
    solved = [
        mg.rcwa.solve(mg.Platform(substrate=substrate), radius=0.1, wavelength=0.633, orders=3).t
        for substrate in (1.5, glass(1.5, 1e-8))
    ]
    assert solved[0] == solved[1]


@pytest.mark.parametrize(("n", "k"), [(2.0, -0.01), (-1.0, 0.0), (0.0, 1.0)])
def test_gain_and_indices_that_no_passive_material_has_are_refused(n, k):
    for name in ("pillar", "substrate", "cover"):
        platform = mg.Platform(**{name: glass(n, k)})
        for solve in (platform.at, lambda w, given=platform: mg.rcwa.solve(given, radius=0.1, wavelength=w)):
            with pytest.raises(InputError, match=r"n must be positive, and k not negative.*amplify"):
                solve(0.633)


def test_an_unknown_material_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"unobtainium.*fused_silica"):
        mg.Platform(pillar="unobtainium")


def test_the_index_of_a_lossless_material_is_real():
    assert isinstance(index_at(FUSED_SILICA, 0.5), float)
    assert index_at(1.7, 0.5) == 1.7
