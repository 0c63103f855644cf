"""Studies of surrogates: the paper's experiment, neighbours, devices, what may differ."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import coupled_dipoles
import numpy as np
import pytest
from matplotlib.figure import Figure

import metagen as mg
from metagen.base.errors import MismatchError
from metagen.base.tables import Table
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.device.layout import random_layout
from metagen.study.devices import device_errors, device_table
from metagen.study.differences import DifferenceSettings, staircase
from metagen.study.lpa_readings import readings
from metagen.study.neighbours import NeighbourSettings, neighbour_figure, neighbour_study, neighbour_table
from metagen.study.page import publish
from metagen.study.paper import PaperSettings, reproduce
from metagen.study.paper_figures import field_figure, linear_figure, modes_figure, network_figure
from metagen.study.paper_tables import powers_table, reproduction_table
from metagen.study.transfer import TransferSettings
from metagen.surrogate import (
    LPA,
    CellField,
    ClusterSettings,
    Domain,
    LinearSettings,
    LPASettings,
    NetworkSettings,
    Split,
    TrainingSettings,
    predict,
    train,
)

RECIPES = Path(__file__).parents[2] / "training"
LINEAR = TrainingSettings(model=LinearSettings(rank=8, powers=3))
CLUSTER = TrainingSettings(model=ClusterSettings(rank=8, width=5, pair_width=3))
NETWORK = TrainingSettings(model=NetworkSettings(rank=8, hidden=(20,)), epochs=2)
PAPER = PaperSettings(
    held_out=("smooth-30",),
    layouts=("smooth-20", "smooth-30", "smooth-45", "smooth-60"),
    linear=LINEAR.model,
    network=NETWORK,
)


@pytest.fixture(scope="module")
def dataset():
    return coupled_dipoles.dataset(count=11)


# The paper's experiment


@pytest.fixture(scope="module")
def reproduction(dataset, tmp_path_factory):
    more = coupled_dipoles.near_field(coupled_dipoles.smooth_layout(11, 60.0))
    return reproduce(Dataset((*dataset.near_fields, more)), PAPER, tmp_path_factory.mktemp("paper"))


def test_the_papers_layouts_are_used_and_the_held_out_ones_are_not_trained_on(reproduction):
    assert set(reproduction.dataset.names) == set(PAPER.layouts)
    honest = (*reproduction.linear[Split.LAYOUTS], reproduction.network[Split.LAYOUTS])
    assert all("smooth-30" not in trial.model.card.layouts for trial in honest)
    assert all(len(trial.differences) == 11**2 for trial in honest)
    random = reproduction.network[Split.PATCHES]
    assert len(random.differences) == round(0.2 * 4 * 11**2)


@pytest.mark.closed_form
def test_more_powers_never_fit_the_training_cells_worse(reproduction):
    """Least squares on nested sets of functions; weights and fields are rounded to single precision."""
    for trials in reproduction.linear.values():
        errors = [trial.training_error for trial in trials]
        assert all(after <= before * (1 + 1e-4) for before, after in pairwise(errors))


@pytest.mark.cross_check
def test_the_spectrum_is_that_of_all_patches(reproduction):
    """In single precision the smallest values are noise."""
    values = np.linalg.svd(reproduction.dataset.patches(), compute_uv=False)
    assert reproduction.spectrum[:10] == pytest.approx(values[:10], rel=1e-3)
    gram = np.tensordot(reproduction.modes.conj(), reproduction.modes, axes=((1, 2), (1, 2)))
    assert gram == pytest.approx(np.eye(8), abs=1e-5)


def test_tables_put_the_papers_numbers_beside_ours(reproduction):
    rows = reproduction_table([reproduction]).rows
    assert [(row[0], row[3]) for row in rows[:4]] == [
        ("LPA, flat", "1.35"),
        ("LPA, near-field", "1.35"),
        ("paper's linear", "0.395"),
        ("paper's network", "0.26"),
    ]
    assert [row[2] for row in rows] == 4 * [Split.PATCHES] + 4 * [Split.LAYOUTS]
    assert powers_table([reproduction]).columns[2:] == ("m = 1", "m = 2", "m = 3")


def test_the_figures_of_the_paper_can_be_drawn(reproduction, tmp_path):
    for number, draw in enumerate((modes_figure, linear_figure, network_figure, field_figure)):
        draw(reproduction).savefig(tmp_path / f"{number}.png", dpi=30)


@pytest.mark.closed_form
def test_the_readings_of_the_approximation_find_a_common_phase_and_factor():
    """A field that is the flat approximation times a number; single precision."""
    layout = random_layout(mg.Platform(), 5, 3)
    bare = NearField(layout, 0.633, np.ones((50, 50, 3), dtype=np.complex64))
    flat = LPA.compute(Domain.of(Dataset((bare,))), LPASettings(cell=CellField.FLAT))
    field = np.zeros((50, 50, 3), dtype=np.complex64)
    field[..., 0] = 2 * np.exp(0.3j) * predict(flat, layout)[0]
    (found,) = readings(Dataset((replace(bare, field=field),)))
    assert found.phase == pytest.approx(0.3 / (2 * np.pi), abs=1e-5)
    assert found.free_factor == pytest.approx(0, abs=1e-9)
    assert found.free_phase == pytest.approx(1 / 4, rel=1e-5)
    assert found.flat == pytest.approx(abs(2 * np.exp(0.3j) - 1) ** 2 / 4, rel=1e-5)
    assert found.at_top == pytest.approx(abs(2 * np.exp(0.3j) + 1) ** 2 / 4, rel=1e-5)


# Neighbours


def test_more_neighbours_and_more_layouts_lower_the_error(dataset, tmp_path):
    """In coupled dipoles neighbours count: factors of 1.4 to 1.5 per ring, and far more for layouts."""
    settings = NeighbourSettings(
        held_out=("smooth-30",),
        models=(CLUSTER,),
        widths=(1, 3, 5),
        counts=(1, 2),
        share=0.9,
        seed=1,
    )
    points = neighbour_study(dataset, settings, tmp_path)
    assert [(p.width, p.count) for p in points] == [(1, 5), (3, 5), (5, 5), (5, 1), (5, 2)]
    one, nine, many, single, _ = (point.errors[0].relative_error for point in points)
    assert many < nine < one / 1.2
    assert many < single / 1.5
    assert len(neighbour_table(points).rows) == 5
    neighbour_figure(points).savefig(tmp_path / "figure.png", dpi=30)


# Devices


@pytest.fixture(scope="module")
def model(dataset):
    return train(dataset, CLUSTER, progress=False)


def scaled(model, factor, layout):
    """A near field that is a model's prediction times a number."""
    field = np.zeros((layout.count * model.samples,) * 2 + (3,), dtype=np.complex64)
    field[..., 0] = factor * predict(model, layout)[0]
    return NearField(layout, model.wavelength, field, model.samples)


@pytest.mark.closed_form
def test_light_that_is_predicted_too_strong_is_found_too_strong(model):
    """All powers scale as the square of the field; tolerances are those of single precision sums."""
    layout = coupled_dipoles.smooth_layout(11, 25.0)
    (found,) = device_errors([model], [scaled(model, 0.9, layout)], distance=8.0)
    assert found.relative_error == pytest.approx((0.1 / 0.9) ** 2, rel=1e-4)
    for name in ("intensity", "ring", "transmission"):
        ratio = getattr(found.predicted, name) / getattr(found.simulated, name)
        assert ratio == pytest.approx(1 / 0.81, rel=1e-4)
    assert device_table([found]).rows[0][3:6] == ("0.0123", "8", "+23.5%")


def test_a_device_that_was_trained_on_is_marked(model, dataset):
    new = scaled(model, 1, coupled_dipoles.smooth_layout(11, 25.0))
    # A device of the same name as one that was trained on is another device all the same.
    namesake = replace(new, layout=replace(new.layout, name=dataset.names[0]))
    found = device_errors([model], [dataset.near_fields[0], new, namesake])
    assert [each.known for each in found] == [True, False, False]


def test_the_light_of_a_designed_device_is_measured_where_its_goal_is(model):
    layout = coupled_dipoles.smooth_layout(11, 25.0)
    designed = replace(layout, provenance={"distance": "7.5"})
    (found,) = device_errors([model], [scaled(model, 1, designed)])
    assert found.distance == 7.5


def test_a_device_without_a_model_of_its_wavelength_is_refused(model):
    near = coupled_dipoles.near_field(random_layout(mg.Platform(), 5, 1), wavelength=0.4)
    with pytest.raises(MismatchError, match="give a model of that wavelength"):
        device_errors([model], [near])


# What may differ from the paper


@pytest.mark.closed_form
def test_a_staircase_has_few_radii_and_becomes_a_circle_on_a_fine_grid():
    """The staircase is wrong by less than the pixels that the circle cuts, 8 r of them, r in pixels."""
    platform = mg.Platform()
    layout = mg.Layout(platform, np.linspace(0.05, 0.17, 144).reshape(12, 12))
    coarse, fine = (staircase(layout, pixels).radii for pixels in (10, 200))
    assert len(np.unique(coarse)) < 10
    assert (np.diff(coarse.ravel()) >= 0).all()
    for radii, pixels in ((coarse, 10), (fine, 200)):
        r = layout.radii / (platform.period / pixels)
        assert (np.abs(radii**2 / layout.radii**2 - 1) < 8 * r / (np.pi * r**2)).all()


# Pages, recipes, commands


def test_a_page_holds_its_tables_and_figures(tmp_path, capsys):
    page = publish(tmp_path, "made", [Table("Title", ("a", "b"), (("1", "2"),), "Note.")], {"line": Figure()})
    text = page.read_text()
    assert "**Title**" in text
    assert "| 1 | 2 |" in text
    assert "(made-line.png)" in text
    assert (tmp_path / "made-line.png").stat().st_size > 0
    assert "Title" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        (PaperSettings, "paper.toml"),
        (NeighbourSettings, "neighbours.toml"),
        (TransferSettings, "transfer.toml"),
        (DifferenceSettings, "differences.toml"),
    ],
)
def test_the_recipes_of_the_studies_are_valid(kind, file):
    assert kind.load(RECIPES / file)


@pytest.mark.end_to_end
def test_the_paper_study_runs_from_the_command_line(dataset, tmp_path, metagen):
    for near in dataset.near_fields[:4]:
        near.save(tmp_path / "fields" / f"{near.layout.name}.h5")
    recipe = tmp_path / "paper.toml"
    recipe.write_text(
        'held_out = ["smooth-30"]\nlayouts = ["smooth-20", "smooth-30", "smooth-45"]\n'
        '[linear]\nrank = 8\npowers = 2\n[network]\nepochs = 1\n[network.model]\nkind = "network"\n'
        "rank = 8\nhidden = [8]\n"
    )
    command = ("study", "paper", tmp_path / "fields", "--recipe", recipe, "-o", tmp_path / "out")
    result = metagen(*command)
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "out").rglob("*.safetensors"))) == 6
    assert (tmp_path / "out" / "paper.md").read_text().count("![") == 4
