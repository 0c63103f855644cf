"""Models of fins in x- and y-polarised light: exact mirrors, any form of array, and what they learn."""

import coupled_fins
import numpy as np
import pytest
import torch

import metagen as mg
from metagen.base.errors import InputError, MismatchError
from metagen.device.layout import random_layout
from metagen.device.sampling import mirror_signs
from metagen.device.symmetry import Symmetry
from metagen.surrogate import (
    LPA,
    CellField,
    ClusterSettings,
    Domain,
    LinearSettings,
    LPASettings,
    MirrorSettings,
    NetworkSettings,
    ScatteringSettings,
    TrainingSettings,
    evaluate,
    predict,
    train,
)
from metagen.surrogate.error_map import ErrorMap
from metagen.surrogate.examples import neighbourhoods_and_fields
from metagen.surrogate.lattice import neighbourhoods, surround
from metagen.surrogate.models import build_expansion

SETTINGS = [
    LinearSettings(rank=6, powers=3),
    NetworkSettings(rank=6, hidden=(20,)),
    MirrorSettings(rank=6, hidden=(20,)),
    ClusterSettings(rank=6, width=5, powers=3, pair_width=3),
    ScatteringSettings(rank=6, reach=3, amplitudes=(2, 1, 2, 1), powers=3, response_powers=2),
]
SYMMETRIC = SETTINGS[2:]
PLATFORMS = {
    "turned": coupled_fins.TURNED,
    "free": coupled_fins.FREE,
    "hexagonal": coupled_fins.HEXAGONAL,
}
LIGHTS = [mg.Illumination(0.633, "x"), mg.Illumination(0.633, "y")]

each_platform = pytest.mark.parametrize("platform", PLATFORMS.values(), ids=PLATFORMS.keys())
each_light = pytest.mark.parametrize("light", LIGHTS, ids=lambda light: light.polarisation)
each_model = pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: s.kind)


def randomised(settings, platform, light=LIGHTS[0], components=3):
    """A model prepared on three devices, all its weights random: for claims about any weights."""
    data = coupled_fins.dataset(platform, light, count=9, seeds=(1, 2, 3))
    torch.manual_seed(3)
    model = build_expansion(Domain.of(data, components), settings)
    model.prepare(*neighbourhoods_and_fields(model, data))
    for tensor in model.parameters():
        tensor.data += 0.3 * torch.randn(tensor.shape)
    return model.double()


def fins(model, *shape, seed=0):
    """Random values [..., Nx, Ny, S, P] within what a model knows, and a mask with a few bare sites.

    Sites of the second kind that a mirror would move out of the array are bare.
    """
    generator = torch.Generator().manual_seed(seed)
    low, high = torch.tensor(model.domain.known, dtype=torch.float64).T
    sites = model.domain.sites
    share = torch.rand(*shape, sites, len(low), generator=generator, dtype=torch.float64)
    present = torch.rand(*shape, sites, generator=generator) > 0.1
    present[..., -1, :, 1:] = present[..., -1, 1:] = False
    return low + (high - low) * share, present


def mirrored(platform, mirror, values, present):
    """The pillars of the mirrored device: those half a cell further move into the cell before."""
    axis = [Symmetry.MIRROR_X, Symmetry.MIRROR_Y].index(mirror)
    images, there = platform.atom.image(values, mirror).flip(axis), present.flip(axis)
    images[:, :, 1:] = images[:, :, 1:].roll(-1, axis)
    there[:, :, 1:] = there[:, :, 1:].roll(-1, axis)
    return images, there


# Mirrors


@pytest.mark.closed_form
@each_platform
@each_light
@pytest.mark.parametrize("settings", SYMMETRIC, ids=lambda s: s.kind)
def test_the_field_of_mirrored_fins_is_the_mirrored_field_whatever_was_learned(settings, platform, light):
    """A fin at θ becomes one at −θ. Exact to rounding: double precision, fields of order 1."""
    model = randomised(settings, platform, light)
    values, present = fins(model, 5, 6)
    field = model(values, present)
    assert field.shape == (3, 5 * model.domain.cell_samples[0], 6 * model.domain.cell_samples[1])
    for axis, mirror in enumerate((Symmetry.MIRROR_X, Symmetry.MIRROR_Y)):
        signs = torch.from_numpy(mirror_signs(light, mirror))[:, None, None]
        image = model(*mirrored(platform, mirror, values, present))
        assert torch.allclose(image, field.flip(axis + 1) * signs, rtol=0, atol=1e-12)
        assert not torch.allclose(field.flip(axis + 1) * signs, field, rtol=0, atol=1e-3)


@pytest.mark.closed_form
@each_platform
def test_the_trust_map_of_mirrored_fins_is_the_mirrored_map(platform):
    model = randomised(SETTINGS[3], platform)
    torch.manual_seed(0)
    model.error_map = ErrorMap(model.domain).double()
    values, present = fins(model, 6, 5)
    expected = model.expected_error(values, present)
    assert expected.shape == (6, 5)
    for axis, mirror in enumerate((Symmetry.MIRROR_X, Symmetry.MIRROR_Y)):
        # Double precision, sums of a thousand products: rounding.
        image = model.expected_error(*mirrored(platform, mirror, values, present))
        assert torch.allclose(image, expected.flip(axis), rtol=1e-9, atol=0)
        assert not torch.allclose(expected.flip(axis), expected, rtol=1e-3, atol=0)


@pytest.mark.closed_form
def test_tilted_light_keeps_the_mirror_along_its_way_alone():
    tilted = mg.Illumination(0.633, "x", polar=0.3)
    domain = Domain(illumination=tilted, known=((0.0, 3.0),), platform=coupled_fins.TURNED, samples=4)
    assert domain.mirrors == (Symmetry.NONE, Symmetry.MIRROR_Y)
    model = build_expansion(domain, SETTINGS[4]).double()
    noise = torch.randn(200, domain.patch_size, dtype=torch.complex128, generator=torch.manual_seed(0))
    around = neighbourhoods(model.admit(*fins(model, 20, 10)), model.width).flatten(0, 1)
    model.prepare(around, noise)
    for tensor in model.parameters():
        tensor.data += 0.3 * torch.randn(tensor.shape)
    values, present = fins(model, 4, 5)
    field = model(values, present)
    images = [coupled_fins.TURNED.atom.image(values, Symmetry.MIRROR_Y).flip(1), present.flip(1)]
    assert torch.allclose(model(*images), field.flip(2), rtol=0, atol=1e-12)
    images = [coupled_fins.TURNED.atom.image(values, Symmetry.MIRROR_X).flip(0), present.flip(0)]
    assert not torch.allclose(model(*images), field.flip(1), rtol=0, atol=1e-3)


# Arrays


@each_model
@pytest.mark.cross_check
@pytest.mark.parametrize("platform", [coupled_fins.FREE, coupled_fins.HEXAGONAL], ids=["free", "hexagonal"])
def test_tiles_and_blocks_of_fins_make_up_the_whole_field(settings, platform, monkeypatch):
    model = randomised(settings, platform).requires_grad_(False)
    values, present = fins(model, 2, 7, 5)
    whole = model(values, present)
    pieces = torch.full_like(whole, torch.nan)
    for tile in model.tiles(values, 3, present=present):
        pieces[..., tile.x, tile.y] = tile.field
    monkeypatch.setattr(type(model), "block_side", 3)
    # Sums in another order.
    for other in (pieces, model(values, present)):
        assert torch.allclose(other, whole, rtol=0, atol=1e-11 * float(whole.abs().max()))


@each_model
@pytest.mark.closed_form
def test_a_bare_site_is_as_one_outside_the_array(settings):
    model = randomised(settings, coupled_fins.TURNED)
    values, present = fins(model, 5, 6)
    present[:, -1] = False
    n, m = model.domain.cell_samples
    inside = model(values[:, :-1], present[:, :-1])
    # Sums over other numbers of cells at once.
    assert torch.allclose(model(values, present)[..., : 5 * m], inside, rtol=0, atol=1e-12)
    assert n == m == coupled_fins.SAMPLES


@each_model
@pytest.mark.gradient
def test_gradients_in_lengths_and_angles_agree_with_finite_differences(settings):
    """Central differences of step 1e-6 in double precision are right to about 1e-6 of the gradient."""
    model = randomised(settings, coupled_fins.FREE, components=1)
    values, present = fins(model, 3, 2)

    def power(values):
        return model(values, present, clamp=False).abs().square().sum()

    middle = (0.1 * model.domain.nearest(values.mean((0, 1)), present[0, 0]) + 0.9 * values).requires_grad_()
    assert torch.autograd.gradcheck(power, middle, atol=1e-9, rtol=1e-5)


@pytest.mark.cross_check
@each_platform
def test_convolutions_of_fins_are_the_terms_of_every_cell_times_the_weights(platform):
    """In double precision; sums of some thousand terms of order 1 are rounded by about 1e-13."""
    model = randomised(ClusterSettings(rank=6, width=5, powers=3, pair_width=5), platform)
    pillars = model.admit(*fins(model, 2, 6, 5))
    convolved = model.coefficient_map(surround(pillars, model.width))
    expected = model.coefficients(neighbourhoods(pillars, model.width))
    assert torch.allclose(convolved, expected, rtol=0, atol=1e-11)


def test_the_same_device_is_predicted_from_its_layout_and_from_its_values():
    model = randomised(SETTINGS[3], coupled_fins.TURNED).float()
    layout = random_layout(coupled_fins.TURNED, 6, seed=3)
    angles = torch.tensor(layout["angle"], dtype=torch.float32)
    with torch.no_grad():
        field = model(angles).numpy()
    np.testing.assert_array_equal(predict(model, layout), field)
    bare = layout.with_values(layout.values, present=np.arange(36).reshape(6, 6) > 0)
    there = torch.arange(36).reshape(6, 6) > 0
    with torch.no_grad():
        field = model(angles, there).numpy()
    np.testing.assert_array_equal(predict(model, bare), field)


# Learning


@each_platform
@each_light
def test_what_neighbours_do_is_learned(platform, light):
    """First the light of single fins at each place, then that of pairs (where there are enough data for their
    many terms). Over seeds, the first leaves 0.05 to 0.08 of the error, the second 0.44 to 0.68 of that."""
    data = coupled_fins.dataset(platform, light, count=13, seeds=(1, 2, 3, 4, 5))
    training, held_out = data.split_layouts(["random-s5"])
    sizes = [
        {"width": 1, "pair_width": 1, "pair_powers": 1},
        {"width": 5, "pair_width": 1, "pair_powers": 1},
        {"width": 5, "pair_width": 3, "pair_powers": 2},
    ]
    errors = []
    for size in sizes:
        recipe = TrainingSettings(model=ClusterSettings(rank=16, powers=4, **size), components=3)
        model = train(training, recipe, progress=False)
        errors.append(evaluate(model, held_out).overall.relative_error)
    assert errors[1] < 0.1 * errors[0]
    if platform is not coupled_fins.FREE:
        assert errors[2] < 0.8 * errors[1]


def test_a_model_of_fins_travels_in_a_file(tmp_path):
    data = coupled_fins.dataset(coupled_fins.FREE, LIGHTS[1], count=5, seeds=(1, 2))
    recipe = TrainingSettings(model=SETTINGS[4], epochs=2, error_map=True)
    model = train(data, recipe, progress=False)
    mg.surrogate.save(model, tmp_path / "fins.safetensors")
    loaded = mg.surrogate.load(tmp_path / "fins.safetensors")
    assert loaded.domain == model.domain
    assert loaded.domain.illumination == LIGHTS[1]
    layout = data.layouts[0]
    np.testing.assert_array_equal(predict(loaded, layout), predict(model, layout))


# What a model knows


def test_a_model_knows_the_lengths_of_its_data_and_the_angles_all_round():
    data = coupled_fins.dataset(coupled_fins.FREE, count=11, seeds=(1, 2, 3))
    lengths, widths, angles = Domain.of(data).known
    assert (lengths, widths) == ((0.2, 0.35), (0.08, 0.19))
    assert angles == (0.0, np.pi)


def test_angles_that_leave_a_gap_are_known_on_the_arc_of_the_data():
    """Angles from 2.8 through π (which is 0) to 0.4: the arc goes through the end of the range."""
    angles = np.concatenate([np.linspace(2.8, 3.1, 30), np.linspace(0.0, 0.4, 30)]).reshape(6, 10)
    layout = mg.Layout(coupled_fins.TURNED, {"angle": angles})
    near = coupled_fins.near_field(layout)
    ((low, high),) = Domain.of(mg.dataset.Dataset((near,))).known
    assert (low, high) == pytest.approx((2.8, np.pi + 0.4))
    domain = Domain(illumination=0.633, known=((low, high),), platform=coupled_fins.TURNED)
    domain.require_known(torch.tensor([[3.0, 0.2, -0.1, np.pi + 0.3]]))
    with pytest.raises(InputError, match=r"angle\[0, 1\] is 1; the model knows angle from 2.8 to 3.54"):
        domain.require_known(torch.tensor([[3.0, 1.0]]))
    near_ends = domain.clamped(layout.with_values({"angle": np.array([[0.5, 2.7, 0.2]])}))["angle"]
    np.testing.assert_allclose(near_ends % np.pi, [[0.4, 2.8, 0.2]], rtol=0, atol=1e-9)


def test_an_angle_in_degrees_is_refused_with_what_to_write():
    model = randomised(SETTINGS[3], coupled_fins.TURNED)
    with pytest.raises(InputError, match=r"angle is 30.*radians.*math.radians\(30\)"):
        model(torch.tensor([[0.1, 30.0]], dtype=torch.float64))


def test_values_in_another_form_are_refused_with_the_names_of_the_parameters():
    model = randomised(SETTINGS[3], coupled_fins.FREE)
    with pytest.raises(InputError, match=r"\(3, 3\).*\[..., Nx, Ny, 1, 3\].*length, width, angle"):
        model(torch.zeros(3, 3, dtype=torch.float64))


def test_a_layout_of_another_atom_and_light_that_the_model_does_not_know_are_refused():
    model = randomised(SETTINGS[3], coupled_fins.TURNED, LIGHTS[1])
    with pytest.raises(MismatchError, match="another platform than the model"):
        predict(model, random_layout(coupled_fins.FREE, 4, seed=1))
    data = coupled_fins.dataset(coupled_fins.TURNED, LIGHTS[0], count=4, seeds=(1,))
    with pytest.raises(MismatchError, match="trained for light y, not x"):
        evaluate(model, data)


def test_one_value_of_a_parameter_is_no_range():
    layout = mg.Layout(coupled_fins.FREE, {"length": 0.3, "width": 0.1, "angle": np.array([[0.1, 0.3]])})
    with pytest.raises(InputError, match="at least two different values of length"):
        Domain.of(mg.dataset.Dataset((coupled_fins.near_field(layout),)))


# Local phase approximation


@pytest.fixture(scope="module")
def periodic():
    """Eight angles are enough for what is said here; a baseline has 32."""
    domain = Domain(
        illumination=LIGHTS[1], known=((0.0, np.pi),), platform=coupled_fins.TURNED, samples=4, components=3
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("metagen.surrogate.interpolation.FINEST", 3)
        return {cell: LPA.compute(domain, LPASettings(cell=cell)).double() for cell in CellField}


@pytest.mark.cross_check
def test_the_near_field_version_repeats_the_rcwa_field_of_every_fins_own_cell(periodic):
    """At a sampled angle to the rounding of what is stored in single precision; a bare site is bare glass."""
    angles = torch.tensor([[np.pi / 4, 0.3]], dtype=torch.float64)
    field = periodic[CellField.NEAR_FIELD](angles, torch.tensor([[True, False]])).movedim(-3, -1).numpy()
    cell = mg.rcwa.solve(coupled_fins.TURNED, LIGHTS[1], angle=np.pi / 4)
    exact = cell.near_field(0.6 + 0.633 / 2, 4)
    np.testing.assert_allclose(field[:, :4], exact, rtol=0, atol=1e-6)
    passed = 2 * 1.45 / 2.45 * np.exp(2j * np.pi * (0.6 / 0.633 + 0.5))
    np.testing.assert_allclose(field[:, 4:, 1], passed, rtol=0, atol=1e-6)
    assert not field[:, 4:, 0].any()


@pytest.mark.cross_check
def test_the_flat_version_is_the_jones_matrix_times_the_light_carried_half_a_wavelength(periodic):
    angles = torch.tensor([[np.pi / 8]], dtype=torch.float64)
    field = periodic[CellField.FLAT](angles).movedim(-3, -1).numpy()
    jones = mg.rcwa.solve(coupled_fins.TURNED, LIGHTS[1], angle=np.pi / 8).jones
    expected = np.broadcast_to(-jones[:, 1], (4, 4, 2))
    np.testing.assert_allclose(field[..., :2], expected, rtol=0, atol=1e-6)  # stored in single precision
    assert not field[..., 2].any()


@pytest.mark.closed_form
def test_the_periodic_field_of_mirrored_fins_is_the_mirrored_field(periodic):
    """Sampled angles are images of each other, and the cells keep the mirror up to what 10 orders do."""
    model = periodic[CellField.NEAR_FIELD]
    angles = torch.tensor([[0.3, 1.1], [2.0, 2.9]], dtype=torch.float64)
    signs = torch.from_numpy(mirror_signs(LIGHTS[1], Symmetry.MIRROR_X))[:, None, None]
    mirrored = model(np.pi - angles.flip(0))
    assert torch.allclose(mirrored, model(angles).flip(1) * signs, rtol=0, atol=1e-6)


def test_tilted_light_has_no_local_phase_approximation():
    domain = Domain(
        illumination=mg.Illumination(0.633, polar=0.2), known=((0.0, 3.0),), platform=coupled_fins.TURNED
    )
    with pytest.raises(InputError, match="light along the axis; the platform has 1 per cell"):
        LPA.compute(domain)


def test_data_in_tilted_light_are_refused():
    layout = random_layout(coupled_fins.TURNED, 4, seed=1)
    tilted = mg.Illumination(0.633, polar=0.2)
    near = mg.NearField(layout, tilted, np.ones((16, 16, 3), dtype=np.complex64), samples=4)
    with pytest.raises(InputError, match="models are for light along the axis"):
        Domain.of(mg.dataset.Dataset((near,)))
