"""Files of refractiveindex.info: each reads right, or is refused with the reason."""

import math

import pytest

import metagen as mg
from metagen.base.errors import FormatError, InputError, MetagenError
from metagen.device.materials import read_yaml
from metagen.fdtd.campaign import Campaign

W = 0.5
"""The wavelength of most tests, µm: its square is 1/4 and its inverse square 4."""


def formula(kind, coefficients, span="wavelength_range: 0.3 2.0"):
    return f"  - type: formula {kind}\n    {span}\n    coefficients: {coefficients}\n"


def table(kind, *rows):
    return f"  - type: tabulated {kind}\n    data: |\n" + "".join(f"        {row}\n" for row in rows)


def write(path, *blocks):
    path.write_text("REFERENCES: |\n    Somebody (2020)\nDATA:\n" + "".join(blocks), encoding="utf-8")
    return path


@pytest.fixture
def read(tmp_path):
    return lambda *blocks: read_yaml(write(tmp_path / "glass.yml", *blocks))


@pytest.mark.closed_form
@pytest.mark.parametrize(
    ("kind", "coefficients", "expected"),
    [
        (1, "0.1 1.2 0.1 0.5 0.2", math.sqrt(1.1 + 1.2 * 0.25 / 0.24 + 0.5 * 0.25 / 0.21)),
        (
            2,
            "0.1 1.2 0.01 0.5 0.04",
            math.sqrt(1.1 + 1.2 * 0.25 / 0.24 + 0.5 * 0.25 / 0.21),
        ),
        (3, "2.25 0.01 2 -0.02 -2", math.sqrt(2.25 + 0.01 * 0.25 - 0.02 * 4)),
        (4, "2.0 0.1 2 0.3 2", math.sqrt(2 + 0.1 * 0.25 / (0.25 - 0.09))),
        (
            4,
            "2.0 0.1 2 0.3 2 0.2 0 10 1 0.04 -2",
            math.sqrt(2 + 0.1 * 0.25 / (0.25 - 0.09) + 0.2 / (0.25 - 10) + 0.04 * 4),
        ),
        (5, "1.5 0.004 -2 0.0001 -4", 1.5 + 0.004 * 4 + 0.0001 * 16),
        (6, "0 0.06 240 0.002 57", 1 + 0.06 / (240 - 4) + 0.002 / (57 - 4)),
        (
            7,
            "1.5 0.01 0.001 -0.002 0.003 0.004",
            1.5 + 0.01 / 0.222 + 0.001 / 0.222**2 - 0.002 * 0.25 + 0.003 / 16 + 0.004 / 64,
        ),
        (7, "1.5 0.01 0.001 -0.002 0.003", 1.5 + 0.01 / 0.222 + 0.001 / 0.222**2 - 0.002 * 0.25 + 0.003 / 16),
        (8, "0.2 0.1 0.05 0.01", math.sqrt((1 + 2 * 0.3275) / (1 - 0.3275))),
        (9, "2.0 0.1 0.05 0.02 0.1 0.3", math.sqrt(2 + 0.1 / 0.2 + 0.02 * 0.4 / (0.16 + 0.3))),
    ],
)
def test_each_formula_is_the_one_written_out_by_hand(read, kind, coefficients, expected):
    # The same operations in another order: a few roundings.
    assert read(formula(kind, coefficients)).index(W) == pytest.approx(expected, rel=1e-14, abs=0)


@pytest.mark.closed_form
def test_a_fraction_that_is_not_there_has_no_pole():
    """Formula 4 with one fraction: the second one's zeros would make 0/(λ² − 0⁰), 0/0 at 1 µm."""
    one = mg.materials.Formula(4, (2.0, 0.1, 2, 0.3, 2), 0.4, 2.0)
    assert one.at(1.0) == pytest.approx(math.sqrt(2 + 0.1 / 0.91), rel=1e-14, abs=0)


@pytest.mark.parametrize(
    ("blocks", "index"),
    [
        ([table("n", "0.4 1.6", "0.6 1.4")], 1.5),
        ([table("nk", "0.4 2.0 0.1", "0.6 1.8 0.3")], 1.9 + 0.2j),
        ([table("n", "0.4 1.6", "0.6 1.4"), table("k", "0.4 0.2", "0.6 0.4")], 1.5 + 0.3j),
        ([table("k", "0.4 0.2", "0.6 0.4"), table("n", "0.4 1.6", "0.6 1.4")], 1.5 + 0.3j),
        ([table("n", "0.7 1.2", "0.8 1.1"), table("n", "0.4 1.6", "0.6 1.4")], 1.5),
        ([formula(5, "1.5 0.01 -2"), table("k", "0.4 0.2", "0.6 0.4")], 1.54 + 0.3j),
        ([formula(5, "1.5 0.01 -2"), table("nk", "0.4 1.6 0.2", "0.6 1.5 0.4")], 1.54 + 0.3j),
        ([formula(5, "1.5 0.01 -2", "range: 0.3 2.0")], 1.54),
        ([table("n", "0.6 1.4", "0.4 1.6")], 1.5),
        ([table("n", "0.4 1.6", "0.5 1.5", "0.5 1.5", "0.6 1.4")], 1.5),
        ([table("n", "", "0.4 1.6", "", "0.6 1.4", "")], 1.5),
        ([table("nk", "0.4 1.5 1.2E-08", "0.6 1.5 1.2E-08")], 1.5 + 1.2e-8j),
        ([table("nk", "0.4 1.5 -1.38E-05", "0.6 1.5 -1.38E-05")], 1.5),
    ],
    ids=[
        "n",
        "nk",
        "n and k",
        "k and n",
        "n in two parts",
        "formula and k",
        "formula and nk",
        "old key",
        "falling",
        "doubled row",
        "blank lines",
        "tiny loss",
        "noise below zero",
    ],
)
def test_a_file_is_read(read, blocks, index):
    material = read(*blocks)
    assert material.index(W) == pytest.approx(index, rel=1e-14, abs=0)
    assert (material.name, material.source) == ("glass", "Somebody (2020)")


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ([formula(2, "0 1.2 0.01 0.5")], "formula 2 has 4 coefficients; 3, 5, .*cut short"),
        ([formula(1, "0")], "formula 1 has 1 coefficients"),
        ([formula(4, "2.0 0.1 2")], "formula 4 has 3 coefficients; 5, 9"),
        ([formula(7, "1.5 0.01")], "formula 7 has 2 coefficients; 5, 6"),
        ([formula(8, "0.2 0.1 0.05")], "formula 8 has 3 coefficients; 4"),
        ([formula(9, "2.0 0.1 0.05 0.02 0.1")], "formula 9 has 5 coefficients; 6"),
        ([formula(5, " ".join(["1"] * 19))], "formula 5 has 19 coefficients"),
        ([formula(10, "0 1.2 0.01")], "'formula 10'; formulas 1 to 9"),
        ([formula(5, "1.5 O.01 -2")], r"coefficients '1\.5 O\.01 -2': could not convert"),
        ([formula(5, "1.5 nan -2")], "finite number"),
        ([formula(5, "1.5 0.01 -2", "span: 0.3 2.0")], "no 'wavelength_range'"),
        ([formula(5, "1.5 0.01 -2", "wavelength_range: 0.3")], "wavelength_range has 1 numbers"),
        ([formula(5, "1.5 0.01 -2", "wavelength_range: 2.0 0.3")], r"hold for 2 \.\. 0\.3"),
        ([formula(5, "1.5 0.01 -2"), formula(5, "1.6 0.01 -2")], "2 formulas"),
        ([table("nk", "0.4 2.0 0.1", "0.6 1.8")], r"row '0\.6 1\.8' has 2 numbers; 3"),
        ([table("n", "0.4 2.0", "0.6 1.8 0.1")], "has 3 numbers; 2"),
        ([table("n", "0.4 2.0", "0.6 n/a")], r"row '0\.6 n/a': could not convert"),
        ([table("n", "0.4 2.0", "0.6 1.8", "0.6 1.9")], r"wavelength 0\.6 has two values"),
        ([table("n", "0.4 2.0")], "two at least"),
        ([table("n", "-0.4 2.0", "0.6 1.8")], "greater than 0"),
        ([table("q", "0.4 2.0", "0.6 1.8")], "'tabulated q'; known"),
        ([table("k", "0.4 2.0", "0.6 1.8")], "no refractive index n"),
        ([table("n", "0.4 2.0", "0.5 1.8"), table("k", "0.6 0", "0.7 0")], "no wavelengths in common"),
        (["  - type: tabulated n\n"], "no 'data'"),
        (["  - type: tabulated n\n    data: [1, 2]\n"], "no 'data'"),
        (["  - 3\n"], "no 'type'"),
        ([""], "no list DATA"),
        (["  : :\n - ["], "not a material file"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_with_its_name_and_the_reason(read, blocks, reason):
    with pytest.raises(FormatError, match=rf"glass\.yml: (?s:.*){reason}"):
        read(*blocks)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "a.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match=r"a\.yml: is no text in UTF-8"):
        read_yaml(tmp_path / "a.yml")
    with pytest.raises(InputError, match=r"b\.yml: cannot be read"):
        read_yaml(tmp_path / "b.yml")


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (formula(2, "0 1.0 0.25"), "glass: formula 2 has a pole at wavelength 0.5; choose another source"),
        (formula(6, "0 1.0 4.0"), "glass: formula 6 has a pole at wavelength 0.5"),
        (formula(3, "-2.0 0.1 2"), "glass: formula 3 gives a negative n² at wavelength 0.5"),
        (formula(8, "2.0 0.1 0.05 0.01"), "glass: formula 8 gives a negative n² at wavelength 0.5"),
        (formula(5, "-1.5 0.01 2"), "glass has the index -1.4975.* n must be positive"),
        (table("nk", "0.4 1.5 -0.01", "0.6 1.5 -0.01"), "glass has the index 1.5-0.01j .*amplify"),
        (table("nk", "0.4 1.5 -3e-5", "0.6 1.5 -3e-5"), "amplify"),
    ],
    ids=["pole", "pole of a gas", "n² < 0", "n² < 0 of Retro", "n < 0", "gain", "little gain"],
)
def test_an_index_that_no_material_has_is_refused_on_every_path(read, block, reason):
    material = read(block)
    solvers = (
        material.index,
        mg.Platform(pillar=material).at,
        lambda w: mg.rcwa.solve(mg.Platform(pillar=material), 0.1, w, orders=3),
        lambda w: mg.PhaseTable.compute(mg.Platform(substrate=material), w),
    )
    for solve in solvers:
        with pytest.raises(InputError, match=reason):
            solve(W)


def test_the_ends_of_the_range_belong_to_it_up_to_rounding(read):
    material = read(table("n", "0.4 1.6", "0.6 1.4"))
    assert material.index(0.1 + 0.2 + 0.3) == pytest.approx(1.4)  # 0.6000000000000001
    with pytest.raises(InputError, match=r"wavelength is 0\.61; glass is known for 0\.4 \.\. 0\.6"):
        material.index(0.61)


# Where the files are looked for

PLATFORM = 'pillar = "films/nitride.yml"\nsubstrate = "fused_silica"\n'


@pytest.fixture
def project(tmp_path):
    """A folder with a platform file, a campaign file and, beside them, a material."""
    (tmp_path / "films").mkdir()
    write(tmp_path / "films" / "nitride.yml", table("n", "0.4 2.1", "0.8 1.9"))
    (tmp_path / "platform.toml").write_text(PLATFORM)
    (tmp_path / "campaign.toml").write_text(
        f"[platform]\n{PLATFORM}[[light]]\nwavelength = 0.6\npixels_per_period = 20\n"
        '[[layouts]]\nfamily = "random"\ncount = 2\nseeds = [1]\n'
    )
    return tmp_path


def test_a_material_file_lies_beside_the_file_that_names_it(project):
    platform = mg.Platform.load(project / "platform.toml")
    campaign = Campaign.load(project / "campaign.toml")
    assert platform.at(0.6).pillar == pytest.approx(2.0)
    assert campaign.platform == platform


def test_a_material_file_may_lie_in_the_working_directory(project, monkeypatch):
    elsewhere = project / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "platform.toml").write_text(PLATFORM)
    monkeypatch.chdir(project)
    here = mg.Platform(pillar="films/nitride.yml", substrate="fused_silica")
    assert mg.Platform.load(elsewhere / "platform.toml") == here


def test_a_material_file_that_is_nowhere_is_refused_with_the_places(project, monkeypatch):
    elsewhere = project / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "platform.toml").write_text(PLATFORM)
    monkeypatch.chdir(elsewhere.parent / "films")
    with pytest.raises(MetagenError) as raised:
        mg.Platform.load(elsewhere / "platform.toml")
    assert str(elsewhere / "films" / "nitride.yml") in str(raised.value)
    assert str(project / "films" / "films" / "nitride.yml") in str(raised.value)


def test_a_damaged_material_file_is_named(project):
    write(project / "films" / "nitride.yml", formula(1, "0 3.0"))
    with pytest.raises(FormatError, match=r"nitride\.yml: .*formula 1 has 2 coefficients"):
        mg.Platform.load(project / "platform.toml")
