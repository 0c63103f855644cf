"""Surrogate models: conventions, symmetry, gradients, and what they are made of."""

import cmath
import copy
import math
from dataclasses import replace
from itertools import pairwise

import coupled_dipoles
import numpy as np
import pytest
import torch
from circle_pillars import pillars_of_radii

import metagen as mg
from metagen.base.errors import InputError, MismatchError
from metagen.data.cells import cut
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.design import model_hash
from metagen.device.layout import random_layout
from metagen.surrogate import (
    LPA,
    CellField,
    ClusterSettings,
    Domain,
    LinearSettings,
    LPASettings,
    MirrorSettings,
    NetworkSettings,
    PatchBasis,
    ScatteringSettings,
    TrainingSettings,
    train,
)
from metagen.surrogate.examples import neighbourhoods_and_fields
from metagen.surrogate.interpolation import LengthSpline
from metagen.surrogate.lattice import assemble, mirror_patches, neighbourhoods
from metagen.surrogate.models import build_expansion
from metagen.surrogate.pillars import features
from metagen.surrogate.sites import CENTRE, mirror_images
from metagen.surrogate.terms import ClusterTerms, Reach, SymmetricTerms

DOMAIN = Domain(wavelength=0.633, radius_low=0.05, radius_high=0.17, samples=6)
EXPANSIONS = [
    LinearSettings(rank=6, powers=4),
    NetworkSettings(rank=6, hidden=(20, 30)),
    MirrorSettings(rank=6, hidden=(20,)),
    ClusterSettings(rank=6, width=5, powers=4, pair_width=3),
    ScatteringSettings(rank=6, reach=3, amplitudes=(2, 1, 2, 1), powers=4, response_powers=3),
]
SYMMETRIC = EXPANSIONS[2:]


@pytest.fixture(scope="module")
def dataset():
    return coupled_dipoles.dataset(count=7)


def random_radii(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return 0.055 + 0.1 * torch.rand(*shape, generator=generator, dtype=dtype)


def randomised(settings, dataset, components=1):
    """A model prepared on a dataset, its network weights random: for claims about any weights."""
    torch.manual_seed(3)
    model = build_expansion(Domain.of(dataset, components), settings)
    model.prepare(*neighbourhoods_and_fields(model, dataset))
    for tensor in model.parameters():
        tensor.data += 0.3 * torch.randn(tensor.shape)
    return model.double()


# Lattice and patches


@pytest.mark.cross_check
def test_neighbourhoods_in_torch_are_those_of_the_dataset(dataset):
    radii = torch.tensor(dataset.radii[4])
    whole = neighbourhoods(pillars_of_radii(torch.stack([radii, radii.T])), 5)
    alone = Dataset((dataset.near_fields[4],)).neighbourhoods(5)
    np.testing.assert_array_equal(whole[0, ..., 0].flatten(0, 1), alone)
    np.testing.assert_array_equal(whole[0, ..., 1].flatten(0, 1), alone > 0)


@pytest.mark.parametrize("components", [1, 3])
def test_assembling_undoes_cutting(dataset, components):
    field = dataset.fields[0][..., :components]
    plane = assemble(torch.from_numpy(cut(field, (6, 6))), (6, 6), components)
    np.testing.assert_array_equal(plane.movedim(0, -1), field)


@pytest.mark.closed_form
def test_mirrored_patches_carry_the_signs_of_each_component():
    """The field of a device without symmetry and that of its mirror image, by the rule x → −x of Maxwell."""
    n = 3
    rng = np.random.default_rng(0)
    field = rng.normal(size=(n, n, 3)).astype(np.complex64)
    domain = replace(DOMAIN, samples=n, components=3)
    itself, along_x, along_y, both = mirror_patches(torch.from_numpy(field.reshape(1, -1)), domain)
    np.testing.assert_array_equal(itself[0], field.ravel())
    np.testing.assert_array_equal(along_x[0], (field[::-1] * [1, -1, -1]).ravel())
    np.testing.assert_array_equal(along_y[0], (field[:, ::-1] * [1, -1, 1]).ravel())
    np.testing.assert_array_equal(both[0], (field[::-1, ::-1] * [1, 1, -1]).ravel())


@pytest.mark.closed_form
def test_mirror_images_of_neighbourhoods_are_neighbourhoods_of_the_mirrored_device():
    pillars = pillars_of_radii(random_radii(6, 6))
    images = neighbourhoods(pillars, 3)[..., mirror_images(3, DOMAIN.mirrors, CENTRE), :]
    for image, axes in enumerate([[], [0], [1], [0, 1]]):
        mirrored = neighbourhoods(pillars.flip(axes), 3).flip(axes)
        assert torch.equal(images[:, :, image], mirrored)


# Basis


@pytest.mark.closed_form
def test_modes_are_orthonormal_and_the_floor_is_the_error_of_the_truncated_field(dataset):
    patches = torch.from_numpy(dataset.patches()).to(torch.complex128)
    basis = PatchBasis(DOMAIN, 5).double()
    basis.fit(patches)
    assert torch.allclose(
        basis.modes @ basis.modes.mH, torch.eye(5, dtype=torch.complex128), rtol=0, atol=1e-12
    )
    left = (basis.expand(basis.project(patches)) - patches).abs().square().sum()
    assert basis.floor == pytest.approx(float(left / patches.abs().square().sum()), rel=1e-9)


@pytest.mark.cross_check
@pytest.mark.parametrize("components", [1, 3])
def test_symmetric_modes_have_parity_and_are_as_good_as_any_for_the_mirror_images(components):
    """The spectrum must be that of the patches together with their mirror images, by a plain SVD."""
    generator = torch.Generator().manual_seed(0)
    domain = Domain(wavelength=0.633, radius_low=0.05, radius_high=0.17, samples=4, components=components)
    patches = torch.randn(30, domain.patch_size, dtype=torch.complex128, generator=generator)
    basis = PatchBasis(domain, 12).double()
    basis.fit_symmetric(patches, domain)
    images = mirror_patches(patches, domain)
    plain = torch.linalg.svdvals(images.flatten(0, 1))
    assert torch.allclose(basis.spectrum, plain, rtol=0, atol=1e-10)
    mirrored_modes = mirror_patches(basis.modes, domain)
    assert torch.allclose(mirrored_modes, basis.parity.T[..., None] * basis.modes, rtol=0, atol=1e-12)


def test_more_modes_than_patches_is_an_error():
    basis = PatchBasis(DOMAIN, 8)
    with pytest.raises(InputError, match="rank is 8"):
        basis.fit(torch.ones(4, 36, dtype=torch.complex128))


def test_more_symmetric_modes_than_the_patches_have_is_an_error():
    """One patch with its mirror images has at most one mode per class of parity; all others would be noise
    without parity, not even orthogonal to these four."""
    generator = torch.Generator().manual_seed(0)
    patches = torch.randn(1, DOMAIN.patch_size, dtype=torch.complex128, generator=generator)
    few, many = PatchBasis(DOMAIN, 4), PatchBasis(DOMAIN, 5)
    few.fit_symmetric(patches, DOMAIN)
    assert torch.allclose(
        few.modes @ few.modes.mH, torch.eye(4, dtype=torch.complex64), rtol=0, atol=1e-6
    )  # rounding
    with pytest.raises(InputError, match="rank is 5, but the patches have 4 singular vectors"):
        many.fit_symmetric(patches, DOMAIN)


# Functions of the radii


@pytest.mark.closed_form
def test_the_functions_of_a_radius_span_its_powers_and_are_well_conditioned():
    """Every power r^m, m = 1 … 10, is a combination of the functions to rounding; the powers themselves would
    have a condition number of 10^9."""
    r = torch.linspace(0.05, 0.17, 200, dtype=torch.float64)
    functions = features(pillars_of_radii(r), DOMAIN, 10)[:, 0]
    raw = (r[:, None] / 0.17) ** torch.arange(1, 11)
    combination = torch.linalg.lstsq(functions, raw).solution
    assert torch.allclose(functions @ combination, raw, rtol=0, atol=1e-12)
    assert torch.linalg.cond(functions) < 30
    assert not features(pillars_of_radii(torch.zeros(1)), DOMAIN, 10).any()


@pytest.mark.cross_check
def test_the_linear_model_is_least_squares_on_the_hadamard_powers(dataset):
    """With powers 1 … 3 the raw powers are still well enough conditioned to solve for directly."""
    model = train(dataset, TrainingSettings(model=LinearSettings(rank=4, powers=3)), progress=False)
    R = dataset.neighbourhoods(3) / 0.17
    raw = np.concatenate([R, R**2, R**3], axis=1)
    coefficients = model.basis.project(torch.from_numpy(dataset.patches())).numpy()
    expected = raw @ np.linalg.lstsq(raw, coefficients, rcond=None)[0]
    around, _ = neighbourhoods_and_fields(model, dataset)
    predicted = model.coefficients(around.float()).numpy()
    # Single precision of coefficients of about 10, in sums of 27.
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=2e-5)


def wave(radii):
    return torch.exp(20j * radii)[:, None]


@pytest.mark.convergence
def test_a_radius_spline_is_smooth_and_goes_through_its_values():
    """A cubic spline is right to the fourth power of the distance of its knots, its slope to the third. For
    exp(ikr), k = 20, knots h = 0.006 apart, (kh)⁴ is 2·10⁻⁴ and k·(kh)³ is 0.035, of which an error of the
    value has a few hundredths and one of the slope a few tenths."""
    between = torch.linspace(0.0501, 0.1699, 57, dtype=torch.float64, requires_grad=True)
    values, slopes = [], []
    for count in (11, 21):
        spline = LengthSpline(DOMAIN, count, 1).double()
        radii = torch.from_numpy(spline.knots[:, 0])
        spline.fit(wave(radii), torch.tensor([5.0 + 1j], dtype=torch.complex128))
        (slope,) = torch.autograd.grad(spline(pillars_of_radii(between)).real.sum(), between)
        values.append(float((spline(pillars_of_radii(between)) - wave(between)).detach().abs().max()))
        slopes.append(float((slope + 20 * torch.sin(20 * between)).detach().abs().max()))
    assert values[1] < 1e-5
    assert slopes[1] < 1e-2
    # The next order of the error is kh/2 = 0.06 of the first one.
    assert math.log2(values[0] / values[1]) == pytest.approx(4, abs=0.1)
    assert math.log2(slopes[0] / slopes[1]) == pytest.approx(3, abs=0.1)
    # Values at the knots are kept in single precision.
    assert torch.allclose(spline(pillars_of_radii(radii)), wave(radii), rtol=0, atol=2e-7)
    assert spline(pillars_of_radii(torch.zeros(1, dtype=torch.float64))).item() == 5 + 1j


@pytest.mark.closed_form
def test_mirrored_terms_are_the_terms_of_the_mirrored_neighbourhood():
    terms = ClusterTerms(DOMAIN, Reach(5, 3, 5, 2)).double()
    pillars = pillars_of_radii(random_radii(4, 25))
    images = terms(pillars[:, mirror_images(5, DOMAIN.mirrors, CENTRE)])
    own = terms(pillars)
    for image, (index, signs) in enumerate(zip(terms.mirrored, terms.signs, strict=True)):
        assert torch.allclose(images[:, image], own[:, index] * signs, rtol=0, atol=1e-14)


@pytest.mark.closed_form
@pytest.mark.parametrize(("places", "products"), [((0, 1), 4), ((0, 6), 4), ((4, 20), 0), ((12, 20), 4)])
def test_pairs_are_adjacent_pillars_and_the_middle_with_every_other(places, products):
    """Of a 5 × 5 neighbourhood with two pillars: places 0, 1 are side by side, 0, 6 on a diagonal, 4, 20 in
    opposite corners; 12 is the middle. Besides products there are a constant and three functions of each."""
    terms = ClusterTerms(DOMAIN, Reach(5, 3, 5, 2)).double()
    radii = torch.zeros(25, dtype=torch.float64)
    radii[list(places)] = torch.tensor([0.08, 0.13], dtype=torch.float64)
    assert int((terms(pillars_of_radii(radii)) != 0).sum()) == 1 + 2 * 3 + products


@pytest.mark.closed_form
def test_the_classes_of_parity_split_the_terms_completely():
    terms = ClusterTerms(DOMAIN, Reach(3, 2, 3, 2))
    parities = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    identity = torch.eye(terms.count, dtype=torch.float64)
    classes = [SymmetricTerms.of(terms.mirrored, terms.signs, parity) for parity in parities]
    combinations = torch.cat([each.combine(identity) for each in classes], dim=1)
    # Sums of a few hundred products: rounding.
    assert torch.allclose(combinations.T @ combinations, identity, rtol=0, atol=1e-14)


@pytest.mark.cross_check
def test_weights_of_combined_terms_spread_to_the_terms_give_the_same_sums():
    terms = ClusterTerms(DOMAIN, Reach(3, 2, 3, 2)).double()
    values = terms(pillars_of_radii(random_radii(5, 9)))
    combined = SymmetricTerms.of(terms.mirrored, terms.signs, torch.tensor([1, -1, 1, -1]))
    weights = random_radii(combined.images.shape[1], 2, seed=1)
    spread = values @ combined.spread(weights, terms.count)
    # The same sums in another order: rounding.
    assert torch.allclose(combined.combine(values) @ weights, spread, rtol=0, atol=1e-14)


# Models


@pytest.mark.closed_form
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("settings", SYMMETRIC, ids=lambda s: s.kind)
def test_the_field_of_a_mirrored_device_is_the_mirrored_field_whatever_was_learned(settings, components):
    """Exact to rounding (double precision, fields of order 1), though the data have no symmetry at all."""
    rng = np.random.default_rng(0)
    layout = random_layout(mg.Platform(), 6, 1)
    field = rng.normal(size=(24, 24, 3)) + 1j * rng.normal(size=(24, 24, 3))
    dataset = Dataset((NearField(layout, 0.633, field.astype(np.complex64), samples=4),))
    model = randomised(settings, dataset, components)
    radii = random_radii(5, 5).clamp(model.domain.radius_low, model.domain.radius_high)
    field, along_x, along_y = (model(each) for each in (radii, radii.flip(0), radii.flip(1)))
    signs_x, signs_y = (torch.tensor(signs)[:components, None, None] for signs in ([1, -1, -1], [1, -1, 1]))
    assert field.shape == (components, 20, 20)
    assert torch.allclose(along_x, field.flip(-2) * signs_x, rtol=0, atol=1e-13)
    assert torch.allclose(along_y, field.flip(-1) * signs_y, rtol=0, atol=1e-13)
    assert not torch.allclose(field.flip(-2), field, rtol=0, atol=1e-3)


@pytest.mark.gradient
@pytest.mark.parametrize("settings", EXPANSIONS, ids=lambda s: s.kind)
def test_gradients_agree_with_finite_differences(settings, dataset):
    """Central differences of step 1e-6 in double precision are right to about 1e-6 of the gradient."""
    model = randomised(settings, dataset)
    radii = random_radii(3, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: model(r).abs().square().sum(), radii, atol=0, rtol=1e-6)


@pytest.mark.parametrize("settings", EXPANSIONS, ids=lambda s: s.kind)
def test_any_size_and_any_batch_axes_give_the_field_of_each_device(settings, dataset):
    model = randomised(settings, dataset)
    radii = random_radii(2, 3, 4, 4)
    fields = model(radii)
    assert fields.shape == (2, 3, 1, 24, 24)
    assert torch.allclose(fields[1, 2], model(radii[1, 2]), rtol=0, atol=1e-12)  # rounding
    assert model(random_radii(1, 1)).shape == (1, 6, 6)


@pytest.mark.closed_form
@pytest.mark.parametrize("settings", EXPANSIONS, ids=lambda s: s.kind)
def test_the_field_over_a_cell_depends_on_its_neighbourhood_alone(settings, dataset):
    model = randomised(settings, dataset)
    large = random_radii(11, 11)
    cell = slice(5 * 6, 6 * 6)
    cropped = model(large[2:9, 2:9])
    # Rounding: sums over other numbers of cells at once.
    assert torch.allclose(model(large)[:, cell, cell], cropped[:, 18:24, 18:24], rtol=0, atol=1e-12)


def test_single_precision_radii_give_a_complex64_field(dataset):
    model = train(dataset, TrainingSettings(model=EXPANSIONS[3]), progress=False)
    assert model(random_radii(4, 4, dtype=torch.float32)).dtype == torch.complex64
    assert (model.wavelength, model.samples) == (0.633, 6)
    assert model.sample_spacing == pytest.approx(0.4431 / 6)


@pytest.mark.parametrize(
    ("value", "reason"), [(0.02, "0.02"), (0.2, "0.2"), (float("nan"), "nan"), (-0.1, "-0.1")]
)
def test_a_radius_that_a_model_does_not_know_is_refused_with_its_position(dataset, value, reason):
    model = randomised(EXPANSIONS[0], dataset)
    radii = random_radii(4, 4)
    radii[2, 1] = value
    with pytest.raises(InputError, match=rf"radius\[2, 1\] is {reason}.*clamp"):
        model(radii)


def test_unknown_radii_can_be_clamped_explicitly_and_no_pillar_stays_no_pillar(dataset):
    model = randomised(EXPANSIONS[3], dataset)
    radii = random_radii(4, 4)
    radii[0, 0], radii[1, 1], radii[2, 2] = 0.0, 0.01, 0.21
    known = radii.clone()
    known[1, 1], known[2, 2] = model.domain.radius_low, model.domain.radius_high
    assert torch.equal(model(radii, clamp=True), model(known))


def test_radii_almost_at_the_limits_of_the_platform_count_as_reaching_them(dataset):
    """A random layout never has exactly the smallest radius; a device at the limit must still be admitted."""
    assert (Domain.of(dataset).radius_low, Domain.of(dataset).radius_high) == (0.05, 0.17)
    thin = mg.Layout(mg.Platform(), np.array([[0.08, 0.1], [0.1, 0.12]]))
    narrow = Dataset((NearField(thin, 0.633, np.ones((8, 8, 3), dtype=np.complex64), samples=4),))
    assert (Domain.of(narrow).radius_low, Domain.of(narrow).radius_high) == (0.08, 0.12)


def test_radii_a_little_beyond_the_limits_of_the_platform_are_known_where_they_were_learnt_from():
    """Radii of a drawn layout are not exactly those that were meant; a model knows its own data."""
    platform = mg.Platform()
    low, high = platform.radius_min - 0.001, platform.radius_max + 0.001
    layout = mg.Layout(platform, np.array([[low, 0.1], [0.1, high]]))
    near = mg.NearField(layout, 0.633, np.ones((8, 8, 3), dtype=np.complex64), samples=4)
    known = Domain.of(Dataset((near,)))
    assert (known.radius_low, known.radius_high) == (low, high)


def test_values_that_are_no_array_of_cells_are_refused(dataset):
    model = randomised(EXPANSIONS[0], dataset)
    with pytest.raises(InputError, match="shape"):
        model(random_radii(3))
    with pytest.raises(InputError, match=r"present has shape \(3, 3\), values are of \(3, 4, 1\) sites"):
        model(random_radii(3, 4), torch.ones(3, 3, dtype=torch.bool))


def test_the_network_is_the_papers():
    model = build_expansion(DOMAIN, NetworkSettings())
    sizes = [tuple(p.shape) for name, p in model.named_parameters() if name.endswith("weight")]
    widths = [9, 100, 200, 400, 800, 1600, 800, 400, 200, 100, 32]
    assert sizes == [(after, before) for before, after in pairwise(widths)]
    assert [type(layer).__name__ for layer in model.layers[1::2]] == ["ReLU"] * 9
    assert isinstance(model.layers[-1], torch.nn.Linear)


def test_another_wavelength_than_the_trained_one_is_refused(dataset):
    model = randomised(EXPANSIONS[0], dataset)
    model.domain.require_light(0.633)
    with pytest.raises(MismatchError, match=r"0\.633, not 0\.4"):
        model.domain.require_light(0.4)
    with pytest.raises(MismatchError, match="trained for light x, not y; use a model of that light"):
        model.domain.require_light(mg.Illumination(0.633, "y"))


# Local phase approximation


@pytest.fixture(scope="module")
def periodic():
    domain = Domain(wavelength=0.633, radius_low=0.1, radius_high=0.12, samples=4, components=3)
    return {cell: LPA.compute(domain, LPASettings(cell=cell, points=5)).double() for cell in CellField}


@pytest.mark.cross_check
def test_the_near_field_version_repeats_the_rcwa_field_of_every_pillars_own_cell(periodic):
    """At a radius between the knots; the spline over 20 nm is right to 2e-4 of fields of order 1."""
    radii = torch.tensor([[0.107, 0.0], [0.12, 0.107]], dtype=torch.float64)
    field = periodic[CellField.NEAR_FIELD](radii).movedim(-3, -1).numpy()
    exact = mg.rcwa.near_fields(mg.Platform(), [0.107, 0.0, 0.12], 0.633, samples=4)
    np.testing.assert_allclose(field[:4, :4], exact[0], rtol=0, atol=2e-4)
    np.testing.assert_allclose(field[:4, 4:], exact[1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(field[4:, :4], exact[2], rtol=0, atol=1e-6)


@pytest.mark.cross_check
def test_the_flat_version_is_the_transmission_carried_half_a_wavelength_in_air(periodic):
    radii = torch.tensor([[0.105]], dtype=torch.float64)
    field = periodic[CellField.FLAT](radii).movedim(-3, -1).numpy()
    t = mg.rcwa.solve(mg.Platform(), 0.105, 0.633).t
    # single precision of the stored knots
    np.testing.assert_allclose(
        field[..., 0], np.full((4, 4), t * cmath.exp(1j * cmath.pi)), rtol=0, atol=1e-6
    )
    assert not field[..., 1:].any()


@pytest.mark.cross_check
@pytest.mark.parametrize("cell", CellField)
def test_a_cover_that_is_a_material_gives_the_field_of_its_index(cell):
    """Pillars in glass, which has a formula: at one wavelength it is a number."""
    material = mg.Platform(cover="fused_silica", radius_min=0.1, radius_max=0.12)
    number = replace(material, cover=mg.materials.shipped("fused_silica").index(0.633).real)
    radii = torch.tensor([[0.105, 0.117], [0.117, 0.105]], dtype=torch.float64)
    fields = [
        LPA.compute(
            Domain(wavelength=0.633, radius_low=0.1, radius_high=0.12, samples=4, platform=platform),
            LPASettings(cell=cell, points=4),
        )(radii)
        for platform in (material, number)
    ]
    assert torch.equal(*fields)


def test_a_computed_model_is_told_by_what_it_is_computed_from_and_not_by_how_a_processor_rounds_it(periodic):
    model, other = periodic[CellField.FLAT], periodic[CellField.NEAR_FIELD]
    rounded = copy.deepcopy(model)
    for tensor in rounded.state_dict().values():
        tensor *= 1 + 1e-15
    assert not torch.equal(
        rounded(torch.full((1, 1), 0.11).double()), model(torch.full((1, 1), 0.11).double())
    )
    assert model_hash(rounded) == model_hash(model) != model_hash(other)
    assert model_hash(LPA(replace(model.domain, samples=2), model.settings)) != model_hash(model)


@pytest.mark.cross_check
def test_both_versions_agree_on_average_over_the_cell(periodic):
    """The mean over the cell is the zeroth order, but for orders ±4, ±8, … which four samples alias into it;
    at the monitor those have decayed below 1e-4."""
    radii = torch.tensor([[0.11]], dtype=torch.float64)
    near, flat = (periodic[cell](radii)[0].mean() for cell in (CellField.NEAR_FIELD, CellField.FLAT))
    assert abs(near - flat) < 2e-4
