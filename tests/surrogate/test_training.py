"""Training, evaluation and model files."""

import json
import pickle
from pathlib import Path

import coupled_dipoles
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import metagen as mg
from metagen.base.errors import FormatError, InputError, MismatchError
from metagen.data.dataset import Dataset
from metagen.device.layout import random_layout
from metagen.surrogate import (
    LPA,
    CellField,
    ClusterSettings,
    Domain,
    Evaluation,
    FieldError,
    LinearSettings,
    LPASettings,
    MirrorSettings,
    NetworkSettings,
    Split,
    TrainingSettings,
    cell_errors,
    compare_recipes,
    descent,
    evaluate,
    evaluation,
    load,
    record,
    save,
    store,
    train,
)

HELD_OUT = ("smooth-30", "random-s2")
MIRROR = TrainingSettings(model=MirrorSettings(rank=8, hidden=(16,)), epochs=8, learning_rate=5e-3)
CLUSTER = TrainingSettings(model=ClusterSettings(width=5, pair_width=3))
RECIPE = Path(__file__).parents[2] / "training" / "demo.toml"


@pytest.fixture(scope="module")
def dataset():
    return coupled_dipoles.dataset(count=11)


@pytest.fixture(scope="module")
def split(dataset):
    return dataset.split_layouts(HELD_OUT)


@pytest.fixture(scope="module")
def cluster(split):
    return train(split[0], CLUSTER, progress=False)


def weights_of(model):
    return torch.cat([tensor.flatten().double() for tensor in model.state_dict().values()])


# Training


def test_equal_seeds_give_equal_models_and_leave_the_global_generator_alone(split):
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    first, second = (train(split[0], MIRROR, progress=False) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(weights_of(first), weights_of(second))
    other = train(split[0], TrainingSettings(**{**vars(MIRROR), "seed": 1}), progress=False)
    assert not torch.equal(weights_of(first), weights_of(other))


@pytest.mark.parametrize("settings", [MirrorSettings(rank=8), NetworkSettings(rank=8, hidden=(30, 30))])
def test_descent_lowers_the_error_on_held_out_layouts(split, settings):
    """Against one epoch of the same descent; it gains a factor of two or more."""
    few, many = (
        train(split[0], TrainingSettings(model=settings, epochs=epochs), progress=False) for epochs in (1, 40)
    )
    one, forty = (evaluate(model, split[1]).overall.relative_error for model in (few, many))
    assert forty < one / 1.5


def test_neighbours_and_pairs_generalise_to_held_out_layouts_better_than_the_papers_linear_model(split):
    """In coupled dipoles, as in Meep, far neighbours and pairs matter; half the error is usual."""
    models = (
        train(split[0], TrainingSettings(model=settings), progress=False)
        for settings in (ClusterSettings(), LinearSettings())
    )
    ours, papers = (evaluate(model, split[1]).overall.relative_error for model in models)
    assert ours < papers / 1.5


def test_a_network_learns_from_devices_that_are_smaller_than_its_neighbourhood():
    """Sites that are empty around every cell have no spread to divide by."""
    small = coupled_dipoles.dataset(count=3)
    recipe = TrainingSettings(model=NetworkSettings(rank=4, width=7, hidden=(8,)), epochs=2)
    model = train(small, recipe, progress=False)
    assert evaluate(model, small).overall.relative_error < 1  # that of no light at all


def test_a_held_out_layout_has_no_influence_on_the_model(dataset, split):
    settings = TrainingSettings(**{**vars(CLUSTER), "held_out": HELD_OUT})
    whole, rest = train(dataset, settings, progress=False), train(split[0], CLUSTER, progress=False)
    assert torch.equal(weights_of(whole), weights_of(rest))
    assert whole.card.dataset == split[0].hash
    assert whole.card.layouts == split[0].names


def test_the_model_with_the_least_validation_error_is_kept(split, monkeypatch):
    errors = iter([5.0, 4.0, 1.0, 2.0, 3.0, 3.0, 3.0])
    weights = []

    def scripted(model, _):
        weights.append(weights_of(model))
        return next(errors)

    monkeypatch.setattr(descent, "error", scripted)
    settings = TrainingSettings(model=MirrorSettings(rank=8, hidden=(4,)), epochs=50, patience=3)
    model = train(split[0], settings, progress=False)
    assert torch.equal(weights_of(model), weights[2])
    assert model.card.provenance["epochs"] == 5
    assert model.card.provenance["validation_error"] == 1.0


def test_an_interrupt_ends_training_and_returns_the_best_model_so_far(split, monkeypatch):
    real, calls = descent._epoch, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(descent, "_epoch", interrupted)
    model = train(split[0], MIRROR, progress=False)
    assert model.card.provenance["interrupted"] is True
    assert model.card.provenance["epochs"] == 3
    assert evaluate(model, split[1]).overall.relative_error < 1


def test_any_number_of_steps_can_be_taken():
    """Whole numbers of steps in the warm-up are those at which the schedule could come apart."""
    for steps in range(1, 101):
        weight = torch.nn.Parameter(torch.zeros(()))
        optimiser = torch.optim.SGD([weight])
        schedule = descent.warm_up_and_fall(optimiser, 1.0, steps)
        rates = []
        for _ in range(steps):
            rates.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            schedule.step()
        assert 0 <= min(rates) <= max(rates) <= 1


def test_the_progress_bar_tells_the_loss_and_the_time_left(split, capsys):
    train(split[0], MIRROR, progress=True)
    shown = capsys.readouterr().err
    assert "train 0.633" in shown
    assert "kept apart" in shown
    assert "<" in shown  # tqdm's "elapsed<remaining"


# Recipes


def test_the_recipe_of_the_demo_is_valid():
    settings = TrainingSettings.load(RECIPE)
    assert isinstance(settings.model, ClusterSettings)
    assert len(settings.held_out) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("epoch = 3", "unknown key 'epoch'"),
        ('[model]\nkind = "cluster"\nlayers = [3]', "layers"),
        ('[model]\nkind = "forest"', "forest"),
        ('[model]\nkind = "linear"\nwidth = 4', "odd"),
        ('[model]\nkind = "cluster"\nwidth = 5', "pair_width is 7"),
        ("validation = 1.5", "validation"),
        ("learning_rate = nan", "learning_rate"),
        ('[model]\nkind = "lpa"', "lpa"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_reason(tmp_path, text, reason):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=reason):
        TrainingSettings.load(path)


# Evaluation


@pytest.mark.closed_form
def test_the_relative_error_is_the_papers_equation_9(split, cluster):
    result = evaluate(cluster, split[1])
    difference = power = 0.0
    for radii, field in zip(split[1].radii, split[1].fields, strict=True):
        predicted = cluster(torch.tensor(radii, dtype=torch.float32))[0].detach().numpy()
        difference += np.linalg.norm(predicted - field[..., 0]) ** 2
        power += np.linalg.norm(field[..., 0]) ** 2
    assert result.overall.relative_error == pytest.approx(difference / power, rel=1e-5)
    assert result.overall.relative_l2 == pytest.approx((difference / power) ** 0.5, rel=1e-5)
    assert [layout.name for layout in result.layouts] == list(split[1].names)


@pytest.mark.closed_form
def test_the_floor_is_what_truncation_alone_leaves(dataset):
    """On the data of the basis itself it is the floor of the basis; one mode leaves more than eight."""
    floors = []
    for rank in (1, 8):
        model = train(dataset, TrainingSettings(model=LinearSettings(rank=rank)), progress=False)
        overall = evaluate(model, dataset).overall
        assert overall.floor == pytest.approx(model.basis.floor, rel=1e-3)
        assert overall.floor <= overall.relative_error
        floors.append(overall.floor)
    assert floors[0] > 10 * floors[1]


@pytest.mark.closed_form
def test_only_the_cells_of_the_dataset_count(dataset, cluster):
    part, rest = dataset.split_patches(0.5, seed=0)
    whole = evaluate(cluster, dataset).overall
    halves = [evaluate(cluster, half).overall for half in (part, rest)]
    assert sum(half.difference for half in halves) == pytest.approx(whole.difference)
    assert sum(half.power for half in halves) == pytest.approx(whole.power)


@pytest.mark.cross_check
def test_errors_of_cells_add_up_to_the_relative_error(dataset, cluster):
    """Single precision on both sides."""
    part = dataset.split_patches(0.5, seed=0)[0]
    differences, powers = cell_errors(cluster, part)
    assert len(differences) == part.size
    expected = evaluate(cluster, part).overall.relative_error
    assert differences.sum() / powers.sum() == pytest.approx(expected, rel=1e-5)


def test_a_dataset_of_another_wavelength_or_platform_is_refused(cluster):
    layout = random_layout(mg.Platform(), 3, 1)
    with pytest.raises(MismatchError, match="wavelength"):
        evaluate(cluster, Dataset((coupled_dipoles.near_field(layout, wavelength=0.4),)))
    elsewhere = random_layout(mg.Platform(pillar=2.2), 3, 1)
    with pytest.raises(MismatchError, match="platform"):
        evaluate(cluster, Dataset((coupled_dipoles.near_field(elsewhere),)))


def test_a_comparison_has_every_model_on_both_splits_and_trains_its_own_copies(dataset, monkeypatch):
    few_points = [LPASettings(cell=cell, points=4) for cell in CellField]
    monkeypatch.setattr(
        evaluation, "baselines", lambda data: [LPA.compute(Domain.of(data), s) for s in few_points]
    )
    held_out = {"held_out": HELD_OUT}
    recipes = [TrainingSettings(**{**vars(settings), **held_out}) for settings in (CLUSTER, MIRROR)]
    rows = compare_recipes(dataset, recipes, progress=False)
    labels = ["LPA, flat", "LPA, near-field", "cluster", "mirror network"]
    assert [(row.split, row.evaluation.model) for row in rows] == [(s, m) for s in Split for m in labels]
    honest = [row for row in rows if row.split == Split.LAYOUTS]
    assert all({e.name for e in row.evaluation.layouts} == set(HELD_OUT) for row in honest)
    assert set(rows[2].model.card.layouts) == set(dataset.names)
    assert not set(honest[2].model.card.layouts) & set(HELD_OUT)


@pytest.mark.parametrize("held_out", [[()], [HELD_OUT, ("smooth-20",)]])
def test_a_comparison_without_one_common_held_out_set_is_refused(dataset, held_out):
    recipes = [TrainingSettings(model=LinearSettings(), held_out=names) for names in held_out]
    with pytest.raises(InputError, match="held_out"):
        compare_recipes(dataset, recipes)


# Model files


@pytest.mark.parametrize("settings", [CLUSTER, MIRROR, TrainingSettings(model=LinearSettings())])
def test_a_loaded_model_predicts_the_same_and_knows_its_card(split, settings, tmp_path):
    model = train(split[0], settings, progress=False)
    save(model, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    radii = torch.tensor(split[1].radii[0], dtype=torch.float32)
    assert torch.equal(loaded(radii), model(radii))
    assert (loaded.domain, loaded.settings, loaded.card) == (model.domain, model.settings, model.card)
    assert loaded.card.settings == settings
    assert loaded.card.dataset == split[0].hash
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_measured_errors_travel_on_the_card(split, tmp_path):
    model = train(split[0], CLUSTER, progress=False)
    result = evaluate(model, split[1])
    record(model, result)
    save(model, tmp_path / "model.safetensors")
    errors = load(tmp_path / "model.safetensors").card.errors
    assert set(errors) == {*HELD_OUT, "all"}
    assert errors["all"] == result.overall.relative_error


def test_layouts_of_one_name_each_have_their_error_on_the_card(split):
    model = train(split[0], CLUSTER, progress=False)
    errors = tuple(FieldError("random-s1", difference, 1.0) for difference in (0.1, 0.2))
    record(model, Evaluation("cluster", errors))
    assert model.card.errors == {"random-s1": 0.1, "random-s1 (2)": 0.2, "all": pytest.approx(0.15)}


def test_a_computed_model_can_be_saved_too(tmp_path):
    domain = Domain(wavelength=0.633, radius_low=0.1, radius_high=0.12, samples=2)
    model = LPA.compute(domain, LPASettings(points=4))
    save(model, tmp_path / "lpa.safetensors")
    radii = torch.full((3, 3), 0.11)
    assert torch.equal(load(tmp_path / "lpa.safetensors")(radii), model(radii))


@pytest.fixture
def model_file(cluster, tmp_path):
    path = tmp_path / "model.safetensors"
    save(cluster, path)
    return path


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_a_model_file_cut_short_is_refused(model_file, share):
    content = model_file.read_bytes()
    model_file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FormatError, match="damaged"):
        load(model_file)


def test_a_pickle_is_refused_and_not_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    (tmp_path / "model.pt").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(FormatError):
        load(tmp_path / "model.pt")
    assert not (tmp_path / "exploded").exists()


def rewrite(path, **changes):
    """Change entries of the header, leaving the weights, with the hash of what is then written."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["metagen"])
    weights, text = load_file(path), json.dumps({**header, **changes})
    save_file(weights, path, metadata={"metagen": text, "content_hash": store._hash(text, weights)})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema_version": 3}, "version is 3"),
        ({"schema": "metagen/layout"}, "another kind"),
        ({"surprise": 1}, "surprise"),
        ({"model": {"kind": "linear"}}, "do not fit"),
    ],
)
def test_a_model_file_of_another_schema_is_refused(model_file, changes, reason):
    rewrite(model_file, **changes)
    with pytest.raises(FormatError, match=reason):
        load(model_file)


@pytest.mark.parametrize("place", [0.05, 0.3, 0.6, 0.9], ids=["card", "modes", "weights", "last weights"])
def test_a_model_file_with_one_wrong_bit_is_refused(model_file, place):
    content = bytearray(model_file.read_bytes())
    content[int(place * len(content))] ^= 1
    model_file.write_bytes(content)
    with pytest.raises(FormatError):
        load(model_file)


def test_weights_without_a_card_are_refused(tmp_path):
    save_file({"weights": torch.ones(3)}, tmp_path / "other.safetensors")
    with pytest.raises(FormatError, match="not one that metagen wrote"):
        load(tmp_path / "other.safetensors")


def test_an_unknown_name_is_refused_with_what_there_is(model_file, monkeypatch):
    monkeypatch.chdir(model_file.parent)
    with pytest.raises(InputError, match=r"sin-999.*model\.safetensors"):
        load("sin-999")
