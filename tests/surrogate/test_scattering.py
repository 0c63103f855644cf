"""The scattering model and the trust map: what they start from and what they learn."""

from dataclasses import replace

import coupled_dipoles
import numpy as np
import pytest
import torch

import metagen as mg
from metagen.base.errors import InputError
from metagen.data.cells import cut
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.device.layout import random_layout
from metagen.study.trust import trust_checks, trust_figure, trust_table
from metagen.surrogate import (
    ClusterSettings,
    Domain,
    ScatteringSettings,
    TrainingSettings,
    evaluate,
    predict,
    train,
)
from metagen.surrogate.examples import neighbourhoods_and_fields
from metagen.surrogate.models import build_expansion

SIZE = ScatteringSettings(rank=8, reach=3, amplitudes=(3, 1, 1, 1), powers=4, response_powers=3)
RECIPE = TrainingSettings(model=SIZE, epochs=150, learning_rate=1e-2, patience=150, error_map=True)
DOMAIN = Domain(wavelength=0.633, radius_low=0.05, radius_high=0.17, samples=coupled_dipoles.SAMPLES)


def multiple_scattering(layouts):
    """Fields of devices in which light is scattered from pillar to pillar, as a model of this kind has it.

    The modes and what single pillars do are taken from coupled dipoles, the rest is random.
    """
    dipoles = coupled_dipoles.dataset(count=7)
    with torch.random.fork_rng():  # else the teacher would depend on which tests ran before
        torch.manual_seed(0)
        teacher = build_expansion(DOMAIN, SIZE)
    teacher.prepare(*neighbourhoods_and_fields(teacher, dipoles))
    generator = torch.Generator().manual_seed(0)
    for tensor, size in ((teacher.emission, 2.0), *((each, 0.6) for each in teacher.transfers)):
        tensor.data.normal_(std=size, generator=generator)
    fields = []
    for layout in layouts:
        ex = predict(teacher, layout)[0]
        field = np.stack([ex, 0 * ex, 0 * ex], axis=-1)
        fields.append(NearField(layout, 0.633, field, DOMAIN.samples, symmetry="mirror-xy"))
    return Dataset(tuple(fields))


@pytest.fixture(scope="module")
def dataset():
    layouts = [random_layout(mg.Platform(), 31, seed) for seed in (1, 2, 3, 4)]
    layouts += [coupled_dipoles.smooth_layout(31, scale) for scale in (60.0, 90.0)]
    return multiple_scattering(layouts)


@pytest.fixture(scope="module")
def split(dataset):
    return dataset.split_layouts(["random-s4", "smooth-90"])


@pytest.fixture(scope="module")
def model(split):
    return train(split[0], RECIPE, progress=False)


def test_light_that_goes_the_same_way_each_time_is_light_whose_ways_have_equal_weights():
    layout, settings = random_layout(mg.Platform(), 5, 1), replace(SIZE, orders=3)
    same = build_expansion(DOMAIN, replace(settings, same_way=True))
    same.prepare(*neighbourhoods_and_fields(same, coupled_dipoles.dataset(count=7)))
    same.emission.data.normal_(generator=torch.Generator().manual_seed(0))
    own = build_expansion(DOMAIN, settings)
    weights = same.state_dict()
    own.load_state_dict({f"transfers.{order}": weights["transfers.0"] for order in (1, 2)} | weights)
    assert len(same.transfers) == 1
    np.testing.assert_array_equal(predict(same, layout), predict(own, layout))
    own.transfers[2].data *= 2
    assert not np.allclose(predict(same, layout), predict(own, layout), rtol=1e-6)


def relative_errors(model, dataset):
    """[cells] squared error of each cell over the mean power of a cell."""
    errors = []
    for near in dataset.near_fields:
        field = predict(model, near.layout)[0] - near.field[..., 0]
        error = (np.abs(cut(field[..., None], near.cell_samples)) ** 2).sum(-1)
        errors.append(error / (np.abs(near.field[..., 0]) ** 2).mean() / near.samples**2)
    return np.stack(errors)


@pytest.mark.cross_check
def test_before_the_descent_the_field_is_the_best_sum_over_single_pillars(dataset):
    single = ClusterSettings(rank=8, width=SIZE.reach, powers=4, pair_width=1, pair_powers=1, ridge=1e-7)
    models = [build_expansion(Domain.of(dataset), settings) for settings in (SIZE, single)]
    for each in models:
        each.prepare(*neighbourhoods_and_fields(each, dataset))
    fields = [each(torch.tensor(dataset.radii[0], dtype=torch.float32)) for each in models]
    # Single precision, a few hundred terms of up to the size of the field.
    assert torch.allclose(*fields, rtol=0, atol=2e-5)
    assert models[0].width == 7


def test_light_between_pillars_is_learned_where_sums_over_pillars_and_pairs_end(split, model):
    """Light that goes from pillar to pillar to pillar is in neither sum. Half of the error is well
    beyond the spread over seeds (a few tenths of it)."""
    recipe = TrainingSettings(model=ClusterSettings(rank=8, width=7, pair_width=5))
    pairs = evaluate(train(split[0], recipe, progress=False), split[1])
    assert evaluate(model, split[1]).overall.relative_error < 0.5 * pairs.overall.relative_error


def test_the_trust_map_is_right_on_average_and_ranks_the_cells(split, model):
    """The average is that of the layouts that were learned from, which the likelihood makes exact up to how
    far it was maximised; the quarter of the cells that it trusts least must be worse than the quarter that it
    trusts most."""
    learnt = split[0]
    radii = torch.tensor(np.stack(learnt.radii), dtype=torch.float32)
    expected = model.expected_error(radii).numpy()
    errors = relative_errors(model, learnt)
    assert expected.mean() == pytest.approx(errors.mean(), rel=0.05)
    order = np.argsort(expected.ravel())
    quarter = len(order) // 4
    assert errors.ravel()[order[-quarter:]].mean() > 2 * errors.ravel()[order[:quarter]].mean()


def test_a_trust_map_counts_what_the_modes_lack(split):
    """Two modes leave ten times the error of the coefficients; on what it learnt from, the map is right to a
    tenth all the same."""
    training, _ = split
    recipe = TrainingSettings(model=ClusterSettings(rank=2, width=5, pair_width=3), error_map=True)
    model = train(training, recipe, progress=False)
    checks = trust_checks([model], training.near_fields)
    expected, true = (
        np.mean([getattr(check, which).mean() for check in checks]) for which in ("expected", "true")
    )
    assert model.basis.floor > 0.8 * true
    assert expected == pytest.approx(true, rel=0.1)


@pytest.mark.cross_check
def test_a_check_of_the_trust_map_compares_means_and_groups_of_cells(split, model):
    checks = trust_checks([model], split[1].near_fields)
    assert [(each.layout, each.known) for each in checks] == [("random-s4", False), ("smooth-90", False)]
    for each, near in zip(checks, split[1].near_fields, strict=True):
        (error,) = evaluate(model, Dataset((near,))).layouts
        assert each.true.mean() == pytest.approx(error.relative_error, rel=1e-5)  # single precision
        expected, true = each.curve
        assert (np.diff(expected) >= 0).all()
        assert true.mean() == pytest.approx(each.true.mean(), rel=0.01)  # groups differ by one cell
    assert len(trust_table(checks).rows) == 2
    assert trust_figure(checks).axes


@pytest.fixture
def uneven():
    """Radii of a device without mirror planes."""
    radii = torch.tensor(random_layout(mg.Platform(), 10, 7).radii, dtype=torch.float64)
    radii[2, 3] = 0.0999
    return radii


@pytest.mark.closed_form
def test_the_trust_map_is_mirrored_with_the_device(model, uneven):
    expected = model.expected_error(uneven)
    # Double precision radii, sums of a hundred products: rounding.
    assert torch.allclose(model.expected_error(uneven.flip(0)), expected.flip(0), rtol=1e-9, atol=0)
    assert torch.allclose(model.expected_error(uneven.flip(1)), expected.flip(1), rtol=1e-9, atol=0)
    assert not torch.allclose(expected.flip(0), expected, rtol=1e-3, atol=0)


@pytest.mark.gradient
def test_the_gradient_of_the_trust_map_equals_finite_differences(model, uneven):
    leaf = uneven.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.expected_error(leaf).sum(), leaf)
    step = torch.zeros_like(uneven)
    step[4, 5] = 1e-6
    difference = (model.expected_error(uneven + step) - model.expected_error(uneven - step)).sum() / 2e-6
    # Central differences of a smooth function are exact to the step squared; rounding leaves 1e-16 / 1e-6 of
    # each of a hundred cells.
    assert float(gradient[4, 5]) == pytest.approx(float(difference), rel=1e-7)


def test_a_trust_map_travels_with_the_model(model, tmp_path):
    mg.surrogate.save(model, tmp_path / "model.safetensors")
    loaded = mg.surrogate.load(tmp_path / "model.safetensors")
    radii = torch.tensor(random_layout(mg.Platform(), 6, 7).radii, dtype=torch.float32)
    assert torch.equal(loaded.expected_error(radii), model.expected_error(radii))
    assert torch.equal(loaded(radii), model(radii))


def test_a_model_that_never_learned_its_errors_says_so(split):
    recipe = TrainingSettings(model=ClusterSettings(rank=8, width=3, pair_width=3))
    with pytest.raises(InputError, match="error_map = true"):
        train(split[0], recipe, progress=False).expected_error(torch.full((3, 3), 0.1))
