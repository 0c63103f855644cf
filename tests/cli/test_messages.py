"""What a user sees: one clear line for a typical mistake, short answers to ``print``."""

import re

import numpy as np
import pytest
import torch

import metagen as mg
from metagen.base.errors import FormatError, InputError
from metagen.base.files import reading_hdf5
from metagen.base.tables import Table
from metagen.base.validation import load_toml
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.design import DesignSettings, Device
from metagen.design.device import load_with_history
from metagen.device.layout import SCHEMA, random_layout
from metagen.fdtd.campaign import Campaign
from metagen.rcwa.summary import phase_table
from metagen.verify.tables import verification_table
from metagen.verify.verification import Reached, Verification

CAMPAIGN = """
[[light]]
wavelength = 0.633
pixels_per_period = 8

[[layouts]]
family = "random"
count = 5
seeds = [1]
"""


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        (
            "wavelength = 0.633",
            "wavelength = 633",
            "wavelength is 633 and the period 0.4431; all lengths are",
        ),
        ("seeds", "sedes", "unknown key 'layouts.0.random.sedes'; did you mean 'seeds'?"),
        ("pixels_per", "pixel_per", "'light.0.pixels_per_period' is missing; or give error_target"),
        ("[[light]]", "[[lihgt]]", "unknown key 'lihgt'; did you mean 'light'?"),
        (
            '"random"',
            '"rnd"',
            "layouts.0.family is 'rnd'; known: 'focusing', 'random', 'smooth', 'perturbed'",
        ),
        ("family", "familie", "layouts.0.family is missing; it says of which kind this is"),
        (
            "[[light]]",
            "period = 0.3\n[[light]]",
            "unknown key 'period'; it belongs in [platform]",
        ),
        ("[[light]]", "fields = 3\n[[light]]", "unknown key 'fields'; known: light, layouts, platform"),
    ],
)
def test_a_mistake_in_a_campaign_file_is_named_in_the_words_of_the_file(tmp_path, right, wrong, message):
    path = tmp_path / "campaign.toml"
    path.write_text(CAMPAIGN.replace(right, wrong, 1))
    with pytest.raises(InputError) as raised:
        Campaign.load(path)
    assert message in str(raised.value)
    assert "Tuple should have" not in str(raised.value)


def test_a_key_of_another_kind_of_table_or_of_another_table_is_told_apart(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('[model]\nkind = "scattering"\nwidth = 3\nerror_map = true\n')
    with pytest.raises(InputError) as raised:
        mg.surrogate.TrainingSettings.load(path)
    other_kind, other_table = str(raised.value).splitlines()
    assert "'model.scattering.width'; known: kind, rank, reach" in other_kind
    assert other_table.endswith(
        "'model.scattering.error_map'; it belongs at the top of the file, before the tables"
    )


@pytest.mark.parametrize(("table", "key"), [("[start]", "start.seed"), ("[[start]]", "start.0.random.seed")])
def test_a_random_start_without_a_seed_is_one_line(tmp_path, table, key):
    design = tmp_path / "design.toml"
    focus = "[[goals]]\nkind = 'focus'\nwavelength = 0.633\ndistance = 12.0\n"
    design.write_text(f"name = 'x'\ncount = 21\nmodels = ['sin-633']\n{table}\nkind = 'random'\n{focus}")
    with pytest.raises(InputError) as error:
        DesignSettings.load(design)
    assert str(error.value) == f"{design}: '{key}' is missing"


def test_a_key_that_somebody_may_look_for_is_said_to_be_not_supported(tmp_path):
    campaign = tmp_path / "campaign.toml"
    campaign.write_text(
        "[[light]]\nwavelength = 0.633\npixels_per_period = 8\nshape = 'round'\n"
        "[[layouts]]\nfamily = 'random'\ncount = 5\nseeds = [1]\n"
    )
    with pytest.raises(InputError, match=r"'light\.0\.shape'; it is not supported: the table \[atom\]"):
        Campaign.load(campaign)


def test_a_key_that_is_missing_deep_in_a_file_is_named(tmp_path):
    path = tmp_path / "design.toml"
    path.write_text(
        'name = "a"\ncount = 3\nmodels = []\n[start]\nkind = "random"\n[[goals]]\nkind = "focus"\n'
    )
    with pytest.raises(InputError, match=r"'goals\.0\.focus\.wavelength' is missing"):
        load_toml(path, DesignSettings)


def test_a_wrong_index_is_one_problem_and_not_one_per_kind_of_material():
    with pytest.raises(InputError) as raised:
        mg.Platform(pillar=0.5)
    assert str(raised.value) == "Platform: pillar: Input should be greater than or equal to 1, got 0.5"


@pytest.mark.parametrize(
    "compute",
    [
        lambda platform: mg.PhaseTable.compute(platform, wavelength=633),
        lambda platform: mg.rcwa.solve(platform, radius=0.12, wavelength=633),
        lambda platform: mg.lens.focusing(platform, focal_length=1e4, wavelength=633, count=3),
        lambda platform: platform.at(633),
    ],
)
def test_a_wavelength_in_nanometres_is_refused(compute):
    """Beyond any doubt: it is 1,400 periods, and the answer would be that of no pillars at all."""
    with pytest.raises(
        InputError, match=r"wavelength is 633 and the period 0\.4431; .* \(633 nm is 0\.633\)"
    ):
        compute(mg.Platform())


def test_a_wavelength_that_a_material_does_not_know_is_refused_in_one_line():
    with pytest.raises(InputError) as raised:
        mg.rcwa.solve(mg.Platform(pillar="gold"), radius=np.linspace(0.05, 0.1, 50), wavelength=3.0)
    message = str(raised.value)
    assert message.startswith("radius 0.05 .. 0.1: wavelength is 3; gold is known for 0.1879 .. 1.937")
    assert "\n" not in message


def test_a_folder_in_the_place_of_a_model_is_answered_by_the_models_in_it(tmp_path):
    (tmp_path / "model-532.safetensors").write_text("")
    with pytest.raises(InputError, match=r"model files in .*: .*model-532\.safetensors"):
        mg.surrogate.load(tmp_path)


def test_a_radius_that_a_model_does_not_know_is_named_with_its_layout():
    model = mg.surrogate.load("sin-633")
    wide = mg.Layout(model.platform, np.full((3, 3), 0.19), name="wide")
    with pytest.raises(InputError, match=r"layout 'wide': radius\[0, 0\] is 0\.19; the model knows"):
        mg.surrogate.predict(model, wide)


def test_a_height_in_nanometres_is_refused():
    with pytest.raises(InputError, match=r"height is 633 and the period 0\.4431"):
        mg.Platform(height=633)


def test_a_platform_of_another_scale_is_not_refused():
    """Terahertz: all lengths are far from those of light, and in proportion."""
    platform = mg.Platform(period=150.0, height=200.0, radius_min=15.0, radius_max=60.0)
    assert platform.at(300.0).pillar == platform.pillar


def test_a_count_that_is_no_whole_number_is_refused():
    with pytest.raises(InputError, match=r"count is 20\.5; it must be a whole number"):
        mg.lens.focusing(mg.Platform(), 10.0, 0.633, 20.5)


def test_a_file_that_is_no_hdf5_is_not_called_damaged_only(tmp_path):
    """To delete it would be bad advice for somebody's recipe."""
    path = tmp_path / "recipe.toml"
    path.write_text("steps = 3")
    with pytest.raises(FormatError, match="not an HDF5 file"), reading_hdf5(path, SCHEMA):
        pass


def test_a_numpy_field_is_refused_with_what_to_do():
    with pytest.raises(InputError, match=r"field is ndarray, expected a torch tensor; see torch\.as_tensor"):
        mg.propagation.angular_spectrum(np.ones((4, 4), dtype=complex), 0.04, 0.633, 10.0)


class Answered:
    """Stands for a model as far as arguments are checked."""

    domain = None


@pytest.mark.parametrize(
    ("models", "objective", "message"),
    [
        (Answered(), abs, "models are given as Answered; give a list"),
        (["sin-633"], abs, "models are given as str; give a list with one loaded model"),
        ([Answered()], [abs, abs], "objective is of type list; .*worst_of"),
    ],
)
def test_what_is_often_given_for_models_and_goals_is_refused_with_what_to_give(models, objective, message):
    start = random_layout(mg.Platform(), 3, seed=1)
    with pytest.raises(InputError, match=message):
        mg.design.optimize(start, models, objective)


def test_an_objective_that_returns_a_plain_number_is_refused():
    start = random_layout(mg.Platform(), 3, seed=1)
    with pytest.raises(InputError, match=r"the objective returned 3\.0; it must return one real number"):
        mg.design.optimize(start, [mg.surrogate.load("sin-633")], lambda light: 3.0, progress=False)


def test_one_layout_can_be_drawn_without_a_list():
    layout = random_layout(mg.Platform(), 3, seed=1)
    assert len(mg.plot.layout_map(layout).axes) == len(mg.plot.layout_map([layout]).axes) == 2


def test_a_device_file_gives_its_history_and_a_layout_file_a_layout(tmp_path):
    layout = random_layout(mg.Platform(), 3, seed=1)
    layout.save(tmp_path / "layout.h5")
    device = Device(layout.platform, layout.radii, "device", history=np.array([0.1, 0.2]))
    device.save(tmp_path / "device.h5")
    assert list(load_with_history(tmp_path / "device.h5").history) == [0.1, 0.2]
    assert type(load_with_history(tmp_path / "layout.h5")) is mg.Layout


def test_the_radii_of_a_layout_go_through_a_phase_table_without_a_word(recwarn):
    """They are read-only, of which torch warns: once in a process, were it not told to do so always."""
    layout = random_layout(mg.Platform(), 3, seed=1)
    table = mg.PhaseTable.compute(mg.Platform(), wavelength=0.633)
    recwarn.clear()
    torch.set_warn_always(True)
    try:
        assert table(layout.radii).shape == (3, 3)
    finally:
        torch.set_warn_always(False)
    assert not recwarn.list


def test_what_is_printed_of_an_object_is_a_line():
    platform = mg.Platform()
    layout = random_layout(platform, count=30, seed=1)
    near = NearField(layout, 0.633, np.zeros((300, 300, 3), dtype=np.complex64))
    table = mg.PhaseTable.compute(platform, wavelength=0.633)
    shown = {
        repr(layout): "Layout('random-s1', 30 × 30 pillars, side 13.29)",
        repr(near): "NearField('random-s1', 0.633 µm, x, field 300 × 300 × 3)",
        repr(Dataset((near,))): "Dataset(0.633 µm, x, 900 cells of 1 layouts: random-s1)",
        repr(table): "PhaseTable(wavelength 0.633, radii 0.05 .. 0.17)",
    }
    assert list(shown) == list(shown.values())
    assert re.fullmatch(
        r"UnitCell\(t=.*, transmittance=0\.9\d+, reflectance=0\.0\d+, orders=10\)",
        repr(mg.rcwa.solve(platform, radius=0.12, wavelength=0.633)),
    )


def test_a_table_without_predictions_has_no_column_for_them():
    goal = mg.design.Focus(wavelength=0.633, distance=10.0)

    def columns(predicted):
        return verification_table([Verification("lens", (Reached(goal, predicted, 0.5),), (None,))]).columns

    whole = ("in Meep, (Ex, Ey, Ez)", "metrics in Meep (Ex, Ey, Ez)")  # as `compare` calls the same number
    assert columns(None) == ("device", "goal", *whole)
    assert columns(0.4) == ("device", "goal", "predicted", "in Meep", "metrics in Meep (Ex, Ey, Ez)")


def test_the_note_of_a_narrow_table_is_not_squeezed_below_it(capsys):
    note = "a definition of some length that would stand in a column of a few letters otherwise"
    Table("title", ("a", "b"), (("1", "2"),), note).print()
    assert note in capsys.readouterr().out


def test_the_phase_table_says_which_amplitude_is_full_transmission():
    """|t| is over the incident wave in the substrate: 1.204 = √(1.45 / 1) passes all power into air."""
    assert "|t| = 1.204" in phase_table(mg.PhaseTable.compute(mg.Platform(), wavelength=0.633)).note


@pytest.mark.parametrize("given", [{"noise": 3.0}, {"bias": 5.0}])
def test_process_errors_in_nanometres_are_refused(given):
    start = random_layout(mg.Platform(), 3, seed=1)
    goal = mg.design.Focus(wavelength=0.633, distance=5.0)
    with pytest.raises(InputError, match=r"at most half the period, .* 3 nm is 0\.003"):
        mg.tolerance.tolerance(
            [goal], start, [mg.surrogate.load("sin-633")], mg.tolerance.ProcessErrors(**given)
        )
