"""Models for light that none was trained for: mirrored in x ↔ y, and superpositions of x and y."""

import coupled_fins
import numpy as np
import pytest
import torch

import metagen as mg
from metagen.base.errors import InputError, MismatchError
from metagen.device.atoms import Ellipse
from metagen.device.lattice import Lattice
from metagen.device.layout import random_layout
from metagen.surrogate import (
    ClusterSettings,
    ScatteringSettings,
    TrainingSettings,
    evaluate,
    for_light,
    train,
)
from metagen.surrogate.swapped import image_of_near_field

X, Y = (mg.Illumination(0.633, polarisation) for polarisation in "xy")
LEFT = mg.Illumination(0.633, "left")
CLUSTER = ClusterSettings(rank=16, width=5, powers=4, pair_width=3)
SCATTERING = ScatteringSettings(rank=16, reach=3, amplitudes=(2, 1, 1, 2), powers=3, response_powers=2)
SEEDS = (1, 2, 3, 4, 5)
POSTS = mg.Platform(
    lattice=Lattice.square(0.43), atom=Ellipse((0.1, 0.38), (0.1, 0.38)), height=0.6, pillar=2.4
)
"""Upright posts: a mirror x ↔ y exchanges length and width."""


def trained(platform, light, settings=CLUSTER, components=3):
    recipe = TrainingSettings(model=settings, components=components, epochs=3, error_map=True)
    return train(coupled_fins.dataset(platform, light, 11, SEEDS), recipe, progress=False)


@pytest.fixture(scope="module", params=[coupled_fins.TURNED, POSTS], ids=["fins", "posts"])
def platform(request):
    return request.param


@pytest.fixture(scope="module")
def along_x(platform):
    return trained(platform, X)


def error(model, light, platform):
    held_out = coupled_fins.dataset(platform, light, 11, seeds=(9,))
    return evaluate(model, held_out).overall


@pytest.mark.cross_check
def test_the_y_model_made_of_the_x_model_is_as_good_as_one_that_was_trained(platform, along_x):
    """Physics has the mirror; trained on other devices (the data are not mirrored), it may be some better."""
    made, learned = for_light(along_x, Y), trained(platform, Y)
    assert made.domain.illumination == Y
    errors = [error(each, Y, platform).relative_error for each in (made, learned)]
    assert errors[0] == pytest.approx(errors[1], rel=0.5)
    assert errors[0] < 0.01
    assert error(made, Y, platform).floor < errors[0]


def test_the_image_of_a_near_field_is_that_of_the_mirrored_device():
    half = np.random.default_rng(1).uniform(0, np.pi, (5, 4))
    angles = np.concatenate([half, -half[:, ::-1]], axis=1) % np.pi  # the mirror y → −y alone
    near = coupled_fins.near_field(mg.Layout(coupled_fins.TURNED, {"angle": angles}), Y)
    image = image_of_near_field(near)
    assert image.illumination.is_like(X)
    assert (near.symmetry, image.symmetry) == ("mirror-y", "mirror-x")
    expected = coupled_fins.near_field(image.layout, X).field
    np.testing.assert_allclose(image.field, expected, rtol=0, atol=1e-6)  # single precision
    np.testing.assert_array_equal(image_of_near_field(image).field, near.field)
    with pytest.raises(InputError, match="not its own image"):
        image_of_near_field(coupled_fins.near_field(random_layout(coupled_fins.FREE, 3, 1), Y))


def test_twice_mirrored_is_the_model_itself(along_x):
    again = for_light(for_light(along_x, Y), X)
    layout = random_layout(along_x.platform, (4, 6), seed=3)
    assert again.domain.illumination == along_x.domain.illumination
    fields = [mg.surrogate.predict(each, layout) for each in (again, along_x)]
    np.testing.assert_allclose(*fields, rtol=0, atol=1e-5)  # single precision
    known = [np.array(each.domain.known) for each in (again, along_x)]
    np.testing.assert_allclose(*known, rtol=0, atol=1e-12)


@pytest.mark.closed_form
@pytest.mark.parametrize("settings", [CLUSTER, SCATTERING], ids=lambda s: s.kind)
def test_a_mirrored_model_commutes_with_the_mirror(settings, platform):
    model = trained(platform, X, settings)
    made = for_light(model, Y)
    values = torch.tensor(random_layout(platform, (5, 6), seed=3).values)
    present = torch.arange(30).reshape(5, 6, 1) % 7 > 0
    seen = platform.atom.image(values, mg.device.symmetry.Symmetry.MIRROR_DIAGONAL).transpose(0, 1)
    expected = model(seen, present.transpose(0, 1)).mT[[1, 0, 2]]
    # Double precision pillars, sums of a few hundred products of weights of order 1 to 100: rounding.
    assert torch.allclose(made(values, present), expected, rtol=0, atol=1e-10)
    around = made.coefficients_from((1, 2), values, present)
    whole = made.coefficient_map(mg.surrogate.lattice.surround(made.admit(values, present), made.width))
    assert torch.allclose(around, whole[1:, 2:], rtol=0, atol=1e-9)
    trust = model.expected_error(seen, present.transpose(0, 1)).mT
    assert torch.allclose(made.expected_error(values, present), trust, rtol=1e-9, atol=0)


@pytest.mark.closed_form
def test_modes_of_a_mirrored_model_keep_their_parity(along_x):
    made = for_light(along_x, Y)
    images = mg.surrogate.lattice.mirror_patches(made.modes, made.domain)
    # Modes are kept in single precision.
    assert torch.allclose(images, made.basis.parity.T[..., None] * made.modes, rtol=0, atol=1e-6)


@pytest.mark.cross_check
def test_circular_light_is_the_superposition_of_x_and_y(platform, along_x):
    left = for_light(along_x, LEFT)
    found = error(left, LEFT, platform).relative_error
    parts = [error(for_light(along_x, light), light, platform).relative_error for light in (X, Y)]
    assert found < 2 * max(parts)
    assert left.domain.illumination == LEFT


@pytest.mark.cross_check
def test_tiles_of_a_superposition_make_up_its_field(along_x):
    left = for_light([along_x, for_light(along_x, Y)], LEFT)
    values = torch.tensor(random_layout(along_x.platform, (5, 4), seed=3).values)
    whole = left(values)
    pieces = torch.full_like(whole, torch.nan)
    for tile in left.tiles(values, 2):
        pieces[..., tile.x, tile.y] = tile.field
    assert torch.allclose(pieces, whole, rtol=0, atol=1e-10 * float(whole.abs().max()))


def test_light_that_no_model_knows_is_refused_with_the_lights_that_there_are():
    model = trained(coupled_fins.FREE, X)
    with pytest.raises(InputError, match=r"no model knows light of 0.633 µm \(y\); there are: 0.633 \(x\)"):
        for_light(model, Y)
    with pytest.raises(InputError, match=r"light of 0\.5 µm"):
        for_light([model], 0.5)
    assert for_light(model, 0.633) is model


def test_one_component_is_the_one_along_the_light_and_none_of_circular_light():
    model = trained(coupled_fins.TURNED, Y, components=1)
    near = coupled_fins.dataset(light=Y, count=5, seeds=(1,)).near_fields[0]
    predicted = mg.surrogate.predict(model, near.layout)
    assert predicted.shape == (1, 20, 20)
    assert np.abs(predicted[0] - near.field[..., 1]).max() < 0.3 * np.abs(near.field[..., 1]).max()
    with pytest.raises(InputError, match="has one component, and a superposition needs all three"):
        for_light(model, LEFT)
    with pytest.raises(InputError, match="polarised along neither x nor y; take all 3"):
        trained(coupled_fins.TURNED, LEFT, components=1)


def test_a_model_made_of_another_is_neither_trained_nor_saved(along_x, tmp_path):
    made = for_light(along_x, Y)
    with pytest.raises(InputError, match="made of others"):
        mg.surrogate.save(made, tmp_path / "y.safetensors")
    with pytest.raises(InputError, match="mirrored: train that"):
        made.prepare(torch.zeros(1), torch.zeros(1))
    with pytest.raises(MismatchError, match="trained for light y, not x"):
        made.domain.require_light(X)
