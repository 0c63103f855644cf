"""Scale: convolutions and blocks give what cell by cell evaluation gives, in little memory, at any size."""

import dataclasses

import coupled_dipoles
import numpy as np
import pytest
import torch
from circle_pillars import pillars_of_radii

from metagen.base.errors import InputError, MismatchError
from metagen.data.dataset import Dataset
from metagen.device.sampling import MIRROR_X, MIRROR_Y
from metagen.surrogate import (
    LPA,
    ClusterSettings,
    Domain,
    LinearSettings,
    LPASettings,
    MirrorSettings,
    NetworkSettings,
    ScatteringSettings,
    TrainingSettings,
    train,
)
from metagen.surrogate.convolution import ClusterConvolution
from metagen.surrogate.lattice import assemble, lay_out, neighbourhoods, surround
from metagen.surrogate.models import build_expansion
from metagen.surrogate.terms import ClusterTerms, Reach

DOMAIN = Domain(wavelength=0.633, radius_low=0.05, radius_high=0.17, samples=3)
CLUSTER = ClusterSettings(rank=6, width=5, powers=4, pair_width=5)
NETWORK = NetworkSettings(rank=6, hidden=(20, 30))
SCATTERING = ScatteringSettings(rank=6, reach=3, amplitudes=(2, 1, 2, 1), powers=4, response_powers=3)
EXPANSIONS = [
    LinearSettings(rank=6, powers=4),
    NETWORK,
    MirrorSettings(rank=6, hidden=(20,)),
    CLUSTER,
    SCATTERING,
]


def random_radii(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    radii = 0.05 + 0.12 * torch.rand(*shape, generator=generator, dtype=dtype)
    radii[..., -1, -1] = 0  # a site without a pillar
    return radii


def random_model(settings, components=1, dtype=torch.float64):
    """A model with random weights: what is claimed here holds for any."""
    domain = dataclasses.replace(DOMAIN, components=components)
    model = LPA(domain, settings) if isinstance(settings, LPASettings) else build_expansion(domain, settings)
    generator = torch.Generator().manual_seed(1)
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point() and tensor.ndim > 1:
            tensor.data.normal_(std=0.3, generator=generator)
    return model.requires_grad_(False).to(dtype)


def split_up(model, side, monkeypatch):
    """Let a model evaluate blocks of at most side × side cells."""
    monkeypatch.setattr(type(model), "block_side", side, raising=False)
    monkeypatch.setattr("metagen.surrogate.lpa.SIDE", side)
    return model


# Convolutions


@pytest.mark.cross_check
@pytest.mark.parametrize(
    "reach",
    [Reach(5, 4, 3, 2), Reach(5, 3, 5, 3), Reach(9, 5, 7, 2), Reach(3, 2, 1, 1), Reach(1, 3, 1, 2)],
    ids=str,
)
def test_convolutions_are_the_terms_of_every_cell_times_the_weights(reach):
    """In double precision; sums of up to 1000 terms of order 1 are rounded by about 1e-13."""
    terms = ClusterTerms(DOMAIN, reach).double()
    convolution = ClusterConvolution(DOMAIN, reach, terms)
    weights = torch.randn(terms.count, 6, dtype=torch.float64, generator=torch.manual_seed(0))
    pillars = pillars_of_radii(random_radii(2, 6, 6))
    sums = convolution(surround(pillars, reach.width), weights * terms.scale[:, None])
    expected = terms(neighbourhoods(pillars, reach.width)) @ weights
    assert torch.allclose(sums, expected, rtol=0, atol=1e-11)


@pytest.mark.cross_check
def test_in_single_precision_both_ways_differ_by_rounding():
    """Sums of 1600 terms in another order: about 1e-6 of the largest."""
    model = random_model(ClusterSettings(rank=8), dtype=torch.float32)
    pillars = pillars_of_radii(random_radii(12, 12, dtype=torch.float32))
    convolved = model.coefficient_map(surround(pillars, model.width))
    expected = model.double().coefficients(neighbourhoods(pillars.double(), model.width))
    assert (convolved - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.gradient
def test_gradients_of_the_convolutions_agree_with_finite_differences_for_radii_and_weights():
    reach = Reach(5, 3, 5, 2)
    terms = ClusterTerms(DOMAIN, reach)
    convolution = ClusterConvolution(DOMAIN, reach, terms)
    weights = torch.randn(terms.count, 2, dtype=torch.float64, generator=torch.manual_seed(0))
    surrounded = surround(pillars_of_radii(random_radii(1, 3, 3)), 5).requires_grad_()
    assert torch.autograd.gradcheck(
        convolution, (surrounded, weights.requires_grad_()), atol=1e-8, rtol=1e-7
    )  # step 1e-6: rounding of terms of order 1 is 1e-9 of the difference


# Blocks


@pytest.mark.cross_check
@pytest.mark.parametrize("settings", [*EXPANSIONS, LPASettings(points=5)], ids=lambda s: s.kind)
@pytest.mark.parametrize("count", [1, 2, 7, 8])
def test_block_by_block_gives_the_same_field_and_gradient_as_at_once(settings, count, monkeypatch):
    """Any size; blocks of 3 × 3 cells, so that those at the end are smaller; rounding in double precision."""
    model = random_model(settings, components=3)
    radii = random_radii(2, 3, count, count).requires_grad_()

    def evaluate():
        field = model(radii)
        return field.detach(), torch.autograd.grad(field.abs().square().sum(), radii)[0]

    at_once = evaluate()
    split_up(model, 3, monkeypatch)
    for one, other in zip(at_once, evaluate(), strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one, other, rtol=1e-10, atol=1e-10 * float(one.detach().abs().max()))


@pytest.mark.closed_form
@pytest.mark.parametrize("settings", EXPANSIONS[2:], ids=lambda s: s.kind)
@pytest.mark.parametrize("count", [6, 9])
def test_blocks_that_are_not_symmetric_keep_the_mirror_symmetry(settings, count, monkeypatch):
    """Fitted to noise; exact to the rounding of fields of order 1 in double precision."""
    domain = dataclasses.replace(DOMAIN, components=3)
    model = build_expansion(domain, settings).double()
    noise = torch.randn(200, domain.patch_size, dtype=torch.complex128, generator=torch.manual_seed(0))
    model.prepare(pillars_of_radii(random_radii(200, model.width**2)), noise)
    split_up(model, 4, monkeypatch)
    radii = random_radii(count, count)
    field = model(radii)
    signs_x, signs_y = (torch.tensor(signs)[:, None, None] for signs in (MIRROR_X, MIRROR_Y))
    assert torch.allclose(model(radii.flip(0)), field.flip(-2) * signs_x, rtol=0, atol=1e-12)
    assert torch.allclose(model(radii.flip(1)), field.flip(-1) * signs_y, rtol=0, atol=1e-12)
    assert field.abs().max() > 0.01


def test_no_more_cells_are_evaluated_together_than_a_block_holds(monkeypatch):
    model = split_up(random_model(NETWORK), 4, monkeypatch)
    together = []
    monkeypatch.setattr(
        type(model), "coefficients", lambda self, r: together.append(r.shape[:-2]) or r[..., :6, 0] * (1 + 0j)
    )
    model(random_radii(10, 2, 2))
    model(random_radii(3, 9, 5, 5))
    assert max(shape.numel() for shape in together) == 16
    assert sum(shape.numel() for shape in together) == 10 * 4 + 27 * 25


def test_for_the_gradient_a_network_keeps_nothing_of_its_layers(monkeypatch):
    """What autograd keeps does not grow with the width of the layers, once there is more than one block."""

    def kept(width):
        model = split_up(random_model(NetworkSettings(rank=6, hidden=(width,))), 8, monkeypatch)
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            model(random_radii(24, 24).requires_grad_())
        return sum(sizes)

    assert kept(2000) == kept(20)


@pytest.mark.cross_check
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("rows", [1, 8, 19])
def test_laid_out_row_by_row_the_field_is_the_assembled_one(rows, components):
    generator = torch.Generator().manual_seed(0)
    coefficients = torch.randn(2, rows, 5, 4, dtype=torch.complex128, generator=generator)
    modes = torch.randn(4, 9 * components, dtype=torch.complex128, generator=generator)
    expected = assemble(coefficients @ modes, (3, 3), components)
    torch.testing.assert_close(lay_out(coefficients, modes, (3, 3), components), expected)


# Tiles


@pytest.mark.cross_check
@pytest.mark.parametrize("settings", [*EXPANSIONS, LPASettings(points=5)], ids=lambda s: s.kind)
@pytest.mark.parametrize(("count", "size"), [(7, 3), (8, 4), (5, 9), (1, 1)])
def test_tiles_make_up_the_whole_field(settings, count, size):
    model = random_model(settings, components=3)
    radii = random_radii(2, count, count)
    whole = model(radii)
    pieces = torch.full_like(whole, torch.nan)
    for tile in model.tiles(radii, size):
        assert tile.field.shape[-1] <= size * DOMAIN.samples
        pieces[..., tile.x, tile.y] = tile.field
    assert torch.allclose(pieces, whole, rtol=0, atol=1e-11 * float(whole.abs().max()))


@pytest.mark.cross_check
def test_the_gradient_of_a_sum_over_tiles_can_be_taken_tile_by_tile():
    """With radii outside the range, which are clamped and have no gradient."""
    model = random_model(CLUSTER)
    radii = random_radii(7, 7)
    radii[2, 2] = 0.3
    radii.requires_grad_()
    (expected,) = torch.autograd.grad(model(radii, clamp=True).abs().square().sum(), radii)
    for tile in model.tiles(radii, 3, clamp=True):
        tile.field.abs().square().sum().backward()
    assert torch.allclose(radii.grad, expected, rtol=1e-10, atol=1e-8)
    assert radii.grad[2, 2] == 0


@pytest.mark.parametrize("value", [0.2, 0.01, float("nan")])
def test_a_radius_that_a_model_does_not_know_is_refused_before_the_first_tile(value):
    model = random_model(CLUSTER)
    radii = random_radii(7, 7)
    radii[5, 4] = value
    with pytest.raises(InputError, match=rf"radius\[5, 4\] is {value}"):
        model.tiles(radii, 3)


def test_not_a_number_is_refused_even_where_radii_are_clamped():
    radii = random_radii(3, 3)
    radii[1, 2] = torch.nan
    with pytest.raises(InputError, match=r"radius\[1, 2\] is nan"):
        random_model(CLUSTER)(radii, clamp=True)


def test_a_tile_without_pillars_is_refused():
    with pytest.raises(InputError, match="size is 0"):
        random_model(CLUSTER).tiles(random_radii(3, 3), 0)


# Kinds of input


@pytest.mark.parametrize(
    "radii",
    [np.full((3, 3), 0.1), torch.ones(3, 3, dtype=torch.int64), torch.full((3, 3), 0.1, dtype=torch.float16)],
)
def test_radii_that_are_no_tensor_of_real_numbers_are_refused(radii):
    with pytest.raises(InputError, match=r"expected a torch tensor of real numbers"):
        random_model(CLUSTER)(radii)


def test_radii_on_another_device_than_the_model_are_refused():
    with pytest.raises(MismatchError, match=r"values are on meta, the model is on cpu"):
        random_model(CLUSTER)(torch.full((3, 3), 0.1, device="meta"))


@pytest.mark.parametrize("settings", EXPANSIONS, ids=lambda s: s.kind)
def test_radii_in_double_precision_are_welcome_to_a_model_in_single_precision(settings):
    """As those of a layout are; rounding them to single precision changes a field by about 1e-6."""
    model = random_model(settings, dtype=torch.float32)
    radii = random_radii(4, 4)
    field = model(radii)
    assert (field - model(radii.float())).abs().max() < 1e-5 * field.abs().max()


@pytest.mark.parametrize("settings", EXPANSIONS, ids=lambda s: s.kind)
def test_radii_in_single_precision_are_welcome_to_a_model_in_double_precision(settings):
    model = random_model(settings, dtype=torch.float64)
    radii = random_radii(4, 4).float()
    field = model(radii.double())
    assert (field - model(radii)).abs().max() < 1e-5 * field.abs().max()  # single precision on the way


@pytest.mark.parametrize("settings", [*EXPANSIONS, LPASettings(points=5)], ids=lambda s: s.kind)
def test_a_model_moves_to_another_device_as_a_whole(settings):
    """On torch's device without storage: a tensor left behind would not combine with those that moved."""
    model = random_model(settings, components=3).to("meta")
    field = model.fields(torch.zeros(2, 3 + model.width, 4 + model.width, 2, device="meta"))
    assert (field.device.type, field.shape) == ("meta", (2, 4, 5, 27))


@pytest.mark.cross_check
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("settings", EXPANSIONS, ids=lambda s: s.kind)
def test_a_model_on_a_gpu_gives_the_same_field(settings):
    """Convolutions on a GPU may round inputs to ten bits (TF32): 1e-3 of a term."""
    model = random_model(settings, dtype=torch.float32)
    radii = random_radii(2, 9, 9, dtype=torch.float32)
    field = model(radii)
    there = model.to("cuda")(radii.to("cuda"))
    assert there.device.type == "cuda"
    assert (there.cpu() - field).abs().max() < 1e-2 * field.abs().max()


# Training


@pytest.mark.cross_check
def test_one_quadrant_of_each_layout_trains_the_same_model_as_all_cells():
    """Mirror twins are known to the model; the weights are stored in single precision."""
    near_fields = coupled_dipoles.dataset(count=7).near_fields
    without = tuple(dataclasses.replace(near, symmetry="none") for near in near_fields)
    recipe = TrainingSettings(model=ClusterSettings(rank=6, width=5, powers=4, pair_width=3))
    quadrant, whole = (train(Dataset(near), recipe, progress=False) for near in (near_fields, without))
    radii = random_radii(7, 7)
    field = whole(radii)
    assert torch.allclose(quadrant(radii), field, rtol=0, atol=1e-5 * float(field.abs().max()))


def test_distinct_cells_stand_for_all_cells_of_a_layout_with_mirror_planes():
    near_fields = coupled_dipoles.dataset(count=5).near_fields[:2]
    mixed = Dataset((near_fields[0], dataclasses.replace(near_fields[1], symmetry="none")))
    distinct, counts = mixed.distinct()
    assert [int(mask.sum()) for mask in distinct.cells] == [9, 25]
    assert sorted(counts.tolist()) == [1] * 26 + [2] * 4 + [4] * 4
    sums = (distinct.neighbourhoods(1).ravel() * counts).sum(), mixed.neighbourhoods(1).sum()
    assert sums[0] == pytest.approx(sums[1])
