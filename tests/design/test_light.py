"""The light behind a device: all components, one quadrant or block by block, near and far planes."""

import dataclasses

import pytest
import torch
from circle_pillars import pillars_of_radii
from delays import HIGH, LOW, PLATFORM, Delay, Painted, domain

from metagen import metrics
from metagen.design import Focus, Light
from metagen.design.optics import Optics
from metagen.device.layout import random_layout
from metagen.surrogate import ClusterSettings, MirrorSettings, NetworkSettings, ScatteringSettings
from metagen.surrogate.models import build, build_expansion

FOCUS = Focus(0.633, 4.0)
CLUSTER = ClusterSettings(rank=6, width=5, powers=4, pair_width=5)
EXPANSIONS = [
    MirrorSettings(rank=6, hidden=(20,)),
    CLUSTER,
    ScatteringSettings(rank=6, reach=3, amplitudes=(2, 1, 2, 1), powers=4, response_powers=3),
]


@pytest.fixture
def start():
    return random_layout(PLATFORM, 7, seed=1)


@pytest.mark.cross_check
def test_the_plane_far_behind_a_small_device_holds_no_light_that_came_round_its_edge():
    # 4 µm wide, 60 µm away: with the padding of near planes the intensity on the axis is a third of this.
    uniform = Painted(torch.ones(45, 45, dtype=torch.complex128))
    wave = Light([Optics(uniform)], torch.full((9, 9), 0.1))[0.633]
    axis = torch.zeros(1, dtype=torch.float64)
    expected = wave.intensity(torch.tensor([[0.0, 0.0, 60.0]], dtype=torch.float64))
    # 1 % of the amplitude at most is what the padding promises.
    assert float(wave.plane(60.0, axis)) == pytest.approx(float(expected), rel=0.02)


@pytest.mark.closed_form
def test_all_components_that_a_model_predicts_count(start):
    # The toy splits one wave into 0.8 along x and 0.6 along y: together they have its whole intensity.
    radii = torch.tensor(start.radii, dtype=torch.float32)
    one, three = (Light([Optics(Delay(domain(components=c)))], radii) for c in (1, 3))
    assert three[0.633].near_field.shape == (3, 14, 14)
    torch.testing.assert_close(FOCUS(three), FOCUS(one))


@pytest.mark.cross_check
@pytest.mark.parametrize("components", [1, 3])
def test_a_model_with_a_basis_is_propagated_without_its_field(components):
    # The compressed propagator against the integral over the predicted field, in single precision.
    model = build(domain(components=components), NetworkSettings(rank=3, hidden=(8,)))
    generator = torch.Generator().manual_seed(0)
    model.basis.modes_parts.normal_(generator=generator)
    radii = torch.tensor(random_layout(PLATFORM, 6, seed=0).radii, dtype=torch.float32)
    wave = Light([Optics(model)], radii)[0.633]
    points = torch.tensor([[0.0, 0.0, 3.0], [0.4, -0.2, 5.0]])
    near = metrics.Wavefront(wave.near_field.detach(), model.sample_spacing, 0.633, PLATFORM)
    torch.testing.assert_close(wave.intensity(points), metrics.intensity(near, points), rtol=1e-4, atol=0)


@pytest.mark.cross_check
@pytest.mark.parametrize("count", [6, 7])
def test_a_symmetric_device_is_propagated_from_one_quadrant(count):
    # A model that keeps the mirror symmetry, fitted to anything; against the whole predicted field.
    model = build(
        domain(components=3, samples=4),
        ClusterSettings(rank=12, width=3, powers=2, pair_width=3, pair_powers=1),
    )
    generator = torch.Generator().manual_seed(0)
    around = LOW + (HIGH - LOW) * torch.rand(300, 9, dtype=torch.float64, generator=generator)
    patches = torch.randn(300, 48, dtype=torch.complex128, generator=generator)
    made = patches + torch.einsum("mk,kp->mp", around.to(patches), patches[:9])
    model.double().prepare(pillars_of_radii(around), made)
    symmetric = torch.tensor(random_layout(PLATFORM, count, seed=0).radii)
    points = torch.tensor([[0.0, 0.0, 3.0], [0.4, -0.2, 5.0]])
    for radii, cells in ((symmetric, (count + 1) // 2), (symmetric.roll(1, 0), count)):
        wave = Light([Optics(model)], radii)[0.633]
        assert wave._field.coefficients.shape[0] == cells
        near = metrics.Wavefront(wave.near_field, model.sample_spacing, 0.633, PLATFORM)
        # Sums in another order.
        torch.testing.assert_close(wave.intensity(points), metrics.intensity(near, points), rtol=1e-9, atol=0)


# Block by block


def random_radii(*shape):
    generator = torch.Generator().manual_seed(0)
    radii = 0.05 + 0.12 * torch.rand(*shape, generator=generator, dtype=torch.float64)
    radii[..., -1, -1] = 0  # a site without a pillar
    return radii


def split_up(model, monkeypatch):
    """Let a model evaluate blocks of at most 4 × 4 cells, and their light be summed up one by one."""
    monkeypatch.setattr("metagen.design.optics.LARGE", 80)
    monkeypatch.setattr(type(model), "block_side", 4)


def light_at_points(settings, symmetric, count=9):
    """A function that gives intensities at points and their gradient, fresh each time."""
    known = domain(components=3, samples=3)
    model = build_expansion(known, settings).double()
    noise = torch.randn(200, known.patch_size, dtype=torch.complex128, generator=torch.manual_seed(0))
    model.prepare(pillars_of_radii(random_radii(200, model.width**2)), noise)
    radii = random_radii(count, count)
    radii = radii + radii.flip(0) if symmetric else radii * 2
    radii = ((radii + radii.flip(1) if symmetric else radii * 2) / 4).clamp(0.05).requires_grad_()
    points = torch.tensor([[0.0, 0.0, 3.0], [0.4, -0.2, 5.0]], dtype=torch.float64)
    optics = Optics(model)

    def evaluate():
        intensity = Light([optics], radii)[0.633].intensity(points)
        return intensity, torch.autograd.grad(intensity.sum(), radii, retain_graph=True)[0]

    return evaluate, model


@pytest.mark.cross_check
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("settings", EXPANSIONS, ids=lambda s: s.kind)
def test_light_summed_up_block_by_block_is_that_of_all_coefficients(settings, symmetric, monkeypatch):
    evaluate, model = light_at_points(settings, symmetric)
    at_once = evaluate()
    split_up(model, monkeypatch)
    for one, other in zip(at_once, evaluate(), strict=True):
        assert one.abs().max() > 0
        # Sums in another order.
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12 * float(one.detach().abs().max()))


def test_light_summed_up_block_by_block_keeps_no_coefficients(monkeypatch):
    """What autograd keeps beyond views of the radii does not grow with the number of modes."""

    def kept(rank):
        evaluate, model = light_at_points(dataclasses.replace(CLUSTER, rank=rank), symmetric=False)
        split_up(model, monkeypatch)
        evaluate()  # the propagators are made
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            evaluate()
        return sum(sizes)

    assert kept(12) == kept(3)
