"""Materials: published values, files of refractiveindex.info, and platforms made of them."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import InputError
from metagen.base.validation import validate
from metagen.device.materials import (
    Dispersion,
    Formula,
    FormulaKind,
    Tabulated,
    index_at,
    materials_table,
    shipped,
    shipped_names,
)
from metagen.device.media import NEGLIGIBLE_LOSS
from metagen.fdtd.grid import coarsest

FUSED_SILICA, SILICON_NITRIDE, TITANIUM_DIOXIDE = map(
    shipped, ("fused_silica", "silicon_nitride", "titanium_dioxide")
)


@pytest.mark.closed_form
def test_fused_silica_has_the_values_that_malitson_tabulates():
    # Tabulated I of J. Opt. Soc. Am. 55, 1205 (1965), five decimals.
    for wavelength, index in [
        (0.404656, 1.46962),
        (0.589262, 1.45841),
        (0.656272, 1.45637),
        (1.52952, 1.44427),
    ]:
        assert FUSED_SILICA.index(wavelength).real == pytest.approx(index, abs=1e-5)


@pytest.mark.closed_form
def test_silicon_nitride_follows_its_two_oscillators():
    square = 1 + 3.0249 * 0.633**2 / (0.633**2 - 0.1353406**2) + 40314 * 0.633**2 / (0.633**2 - 1239.842**2)
    assert SILICON_NITRIDE.index(0.633) == pytest.approx(np.sqrt(square), abs=1e-12)
    assert SILICON_NITRIDE.index(0.633).real == pytest.approx(2.039, abs=1e-3)


@pytest.mark.closed_form
def test_titanium_dioxide_absorbs_in_the_violet_only():
    assert TITANIUM_DIOXIDE.index(0.3987800).real == 2.698744
    assert TITANIUM_DIOXIDE.index(0.4).imag > 5e-3 > 1e-4 > TITANIUM_DIOXIDE.index(0.633).imag


@pytest.mark.closed_form
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


ANCHORS = {
    # material: wavelength, index, tolerance and why
    "aluminium": (0.65, 1.49 + 7.82j, 0.15),  # E. D. Palik's handbook; films differ by that
    "amorphous_silicon": (1.55, 3.48, 0.15),  # D. T. Pierce and W. E. Spicer (1972); films differ by that
    "fused_silica": (0.633, 1.4570, 1e-4),  # the decimals
    "gallium_nitride": (0.633, 2.38, 1e-2),  # the decimals; films differ by that
    "gold": (0.633, 0.18 + 3.43j, 1e-2),  # the decimals
    "pmma": (0.5893, 1.4914, 2e-3),  # makers differ by that
    "sapphire": (0.633, 1.766, 1e-3),  # the decimals
    "silicon": (0.633, 3.88 + 0.016j, 1e-2),  # authors differ by that
    "silicon_nitride": (1.55, 1.996, 1e-3),  # the decimals
    "silver": (0.633, 0.056 + 4.28j, 1e-2),  # the decimals
    "su8": (0.633, 1.57, 5e-3),  # the decimals
    "titanium_dioxide": (0.532, 2.45, 5e-3),  # the decimals
}
"""Values that are known apart from the files that come with metagen."""


@pytest.mark.closed_form
def test_every_shipped_material_has_the_value_that_is_known_of_it():
    assert set(ANCHORS) == set(shipped_names())
    for name, (wavelength, index, tolerance) in ANCHORS.items():
        assert abs(shipped(name).index(wavelength) - index) < tolerance, name


CLEAR = ["fused_silica", "gallium_nitride", "pmma", "sapphire", "silicon_nitride", "su8"]


@pytest.mark.parametrize("name", CLEAR)
def test_a_clear_material_serves_as_substrate_wherever_it_is_known(name):
    material = shipped(name)
    for wavelength in np.linspace(material.shortest, material.longest, 50):
        assert mg.Platform(substrate=name).at(float(wavelength)).substrate == material.index(wavelength).real


@pytest.mark.closed_form
def test_silicon_is_clear_beyond_its_gap_and_absorbs_before():
    silicon = shipped("silicon")
    assert mg.Platform(substrate="silicon").at(1.31).substrate == pytest.approx(3.505, abs=5e-3)
    assert silicon.index(0.532).imag == pytest.approx(0.04, abs=0.01)
    # C. D. Salzberg and J. J. Villa, J. Opt. Soc. Am. 47, 244 (1957); straight lines are right to 0.002.
    assert silicon.index(1.55).real == pytest.approx(3.4777, abs=3e-3)


@pytest.mark.closed_form
@pytest.mark.parametrize("name", ["gold", "silver", "aluminium"])
def test_metals_have_a_permittivity_below_zero_and_reflect(name):
    """Free electrons in the near infrared; the reflectance of a mirror, |(n − 1)/(n + 1)|², is over 0.9."""
    index = shipped(name).index(1.0 if name != "aluminium" else 1.5)
    assert (index**2).real < -30
    assert abs((index - 1) / (index + 1)) ** 2 > 0.9


def test_materials_of_files_written_before_are_the_same_platforms():
    """Hashes by which stored layouts, models and caches know their platform."""
    known = {
        "titanium_dioxide": "b653f872e2b49f78",
        "silicon_nitride": "c405c411f2a5ce4a",
        "fused_silica": "dffe6b1d90f8442f",
    }
    assert {name: mg.Platform(pillar=name).hash[:16] for name in known} == known


def test_every_shipped_material_names_its_source():
    for name in shipped_names():
        assert any(digit.isdigit() for digit in shipped(name).source), name


def test_the_page_of_materials_lists_each_with_its_source():
    page = (Path(__file__).parents[2] / "docs" / "materials.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("| `")}
    assert set(rows) == set(shipped_names())
    for name, row in rows.items():
        assert shipped(name).source.partition(";")[0].partition(":")[0] in row


def test_the_table_of_materials_has_indices_where_they_are_known():
    rows = {row[0]: row for row in materials_table(0.4).rows}
    assert rows["fused_silica"][2] == "1.4701"
    assert rows["titanium_dioxide"][2] == "2.6940 + 0.00894i"
    assert rows["pmma"][1:3] == ("0.42 .. 1.62", "not known")


@pytest.mark.parametrize("wavelength", [532, 0, math.nan])
def test_a_wavelength_at_which_nothing_is_known_is_refused(wavelength):
    with pytest.raises(InputError, match=r"wavelength is .*micrometres"):
        materials_table(wavelength)


def test_a_wavelength_without_data_is_refused():
    with pytest.raises(InputError, match=r"0\.2.*silicon_nitride"):
        SILICON_NITRIDE.index(0.2)


def test_a_table_must_increase():
    with pytest.raises(InputError, match="increase"):
        Tabulated((0.6, 0.5), (1.0, 2.0))


def test_a_platform_of_materials_keeps_its_hash_through_json_and_toml(tmp_path):
    path = tmp_path / "platform.toml"
    path.write_text('pillar = "silicon_nitride"\nsubstrate = "fused_silica"\n')
    platform = mg.Platform.load(path)
    again = validate(json.loads(json.dumps(platform.described)), mg.Platform, source="json")
    assert again.hash == platform.hash != mg.Platform().hash


def test_a_platform_has_the_indices_of_its_materials_at_a_wavelength():
    media = mg.Platform(pillar=SILICON_NITRIDE, substrate=FUSED_SILICA).at(0.633)
    assert media.pillar == SILICON_NITRIDE.index(0.633).real
    assert media.substrate == FUSED_SILICA.index(0.633).real
    assert media.cover == 1.0


def test_pillars_may_absorb():
    media = mg.Platform(pillar=TITANIUM_DIOXIDE).at(0.4)
    assert media.pillar == TITANIUM_DIOXIDE.index(0.4)
    assert media.pillar.imag > NEGLIGIBLE_LOSS


@pytest.mark.parametrize("given", [2.4 + 0.05j, np.complex128(2.4 + 0.05j), "2.4+0.05j"])
def test_a_complex_number_is_the_index_of_pillars_that_absorb(given):
    platform = mg.Platform(pillar=given)
    assert [platform.at(wavelength).pillar for wavelength in (0.4, 1.55)] == [2.4 + 0.05j] * 2
    again = validate(json.loads(json.dumps(platform.described)), mg.Platform, source="json")
    assert again == platform
    solved = mg.rcwa.solve(platform, radius=0.1, wavelength=0.633, orders=3)
    cell = mg.rcwa.make_cell(
        mg.rcwa.circle(0.1), period=0.4431, height=0.633, pillar=2.4 + 0.05j, substrate=1.45
    )
    # The same arithmetic, of an index that went through the formula of Cauchy.
    assert solved.t == pytest.approx(mg.rcwa.solve_cell(cell, 0.633, orders=3).t.item(), rel=1e-12)
    assert solved.absorptance > 0.1


def test_a_complex_number_without_loss_is_a_number_and_gain_is_refused():
    assert mg.Platform(pillar=2.4 + 0j) == mg.Platform(pillar=2.4)
    with pytest.raises(InputError, match="materials that amplify light are not supported"):
        mg.Platform(pillar=2.4 - 0.05j)


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


def test_a_platform_of_materials_is_printed_in_one_line():
    shown = repr(mg.Platform(pillar="titanium_dioxide"))
    assert "pillar=Dispersion('titanium_dioxide', 0.379811 .. 0.798574)" in shown
    assert len(shown) < 200


def test_the_index_of_a_lossless_material_is_real():
    assert isinstance(index_at(FUSED_SILICA, 0.5), float)
    assert index_at(1.7, 0.5) == 1.7
