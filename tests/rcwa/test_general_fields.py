"""Near fields for any light, any shape and several layers: Maxwell's equations at points."""

import math

import numpy as np
import pytest
import torch

from metagen.device.illumination import Illumination
from metagen.device.lattice import Lattice
from metagen.device.shapes import Polygon
from metagen.rcwa import Layer, Stack, circle, make_cell, solve_cell, solve_stack

CORNERS = [(-0.13, -0.14), (0.15, -0.14), (0.15, -0.04), (-0.02, -0.04), (-0.02, 0.12), (-0.13, 0.12)]
LATTICE = Lattice.rectangular(0.35, 0.45)
OBLIQUE = Illumination(0.532, "left", 0.35, 0.6)
K0 = 2 * math.pi / OBLIQUE.wavelength
HEIGHT = 0.6
SAMPLES = (40, 40)
"""More than twice the largest order: the Fourier transform of the samples is exact."""
LOSS = 0.05


def an_l(pillar=2.4, orders=4):
    cell = make_cell(Polygon(CORNERS), lattice=LATTICE, height=HEIGHT, pillar=pillar, substrate=1.46)
    return solve_cell(cell, OBLIQUE, orders=orders)


def a_stack():
    """An L, a film that absorbs, and another L."""
    grid = np.ones((24, 24))
    grid[4:16, 5:11] = grid[4:9, 5:19] = 5.0
    layers = (Layer(grid, 0.25), Layer(2.2 + LOSS * 1j, 0.1), Layer(grid.T, 0.25))
    return solve_stack(Stack(LATTICE, layers, 1.46, 1.0), OBLIQUE, orders=4)


SOLVED = {"pillar": an_l, "stack": a_stack}


def by_order(solved, z):
    """[nx, ny, 3] amplitudes of the orders, and their transverse wave vectors; the light is order (0, 0)."""
    x, y = ((torch.arange(40, dtype=torch.float64) - 19.5) / 40 * side for side in LATTICE.pitch)
    kx, ky = OBLIQUE.wave_vector
    periodic = solved.near_field(z, SAMPLES) * torch.exp(-1j * (kx * x[:, None] + ky * y))[..., None]
    order = torch.fft.fftfreq(40, dtype=torch.float64) * 40
    waves = [k + 2 * math.pi / side * order for k, side in zip((kx, ky), LATTICE.pitch, strict=True)]
    turn = torch.exp(1j * (waves[0][:, None] - kx) * -x[0]) * torch.exp(1j * (waves[1] - ky) * -y[0])
    return torch.fft.fft2(periodic, dim=(0, 1)) / 1600 * turn[..., None], waves[0][:, None], waves[1]


@pytest.mark.closed_form
@pytest.mark.parametrize("solve", SOLVED.values(), ids=SOLVED)
def test_order_zero_of_the_near_field_is_that_of_the_jones_matrix(solve):
    solved = solve()
    amplitudes, _, _ = by_order(solved, HEIGHT + 0.1)
    phase = np.exp(1j * K0 * math.cos(OBLIQUE.polar) * 0.1)
    np.testing.assert_allclose(amplitudes[0, 0, :2], solved.jones @ OBLIQUE.jones * phase, rtol=0, atol=1e-12)


@pytest.mark.closed_form
@pytest.mark.parametrize("solve", SOLVED.values(), ids=SOLVED)
def test_every_order_above_is_transverse_to_its_wave_vector(solve):
    amplitudes, kx, ky = by_order(solve(), HEIGHT + 0.1)
    kz = torch.sqrt((K0**2 - kx**2 - ky**2).to(torch.complex128))
    divergence = kx * amplitudes[..., 0] + ky * amplitudes[..., 1] + kz * amplitudes[..., 2]
    # Of orders that are solved for; kz of the others is large and their amplitudes are rounding.
    np.testing.assert_allclose(divergence / K0, 0, rtol=0, atol=1e-12)
    assert amplitudes[..., 2].abs().max() > 1e-2


@pytest.mark.closed_form
@pytest.mark.parametrize("solve", SOLVED.values(), ids=SOLVED)
@pytest.mark.parametrize("height", [0.0, 0.25, 0.35, HEIGHT])
def test_the_tangential_field_is_continuous_everywhere(solve, height):
    solved = solve()
    below, above = (solved.near_field(height + step, (7, 9)) for step in (-1e-9, 1e-9))
    # Over 2e-9 the field itself changes by k·2e-9 ≈ 1e-7.
    np.testing.assert_allclose(below[..., :2], above[..., :2], rtol=0, atol=1e-6)


def incident_power():
    """Of a unit circular amplitude in the substrate: half of it is s, half p."""
    cosine = math.sqrt(1 - (math.sin(OBLIQUE.polar) / 1.46) ** 2)
    return (1.46 * cosine + 1.46 / cosine) / 2


@pytest.mark.closed_form
def test_what_a_film_in_a_stack_absorbs_is_what_is_missing():
    solved = a_stack()
    nodes, weights = np.polynomial.legendre.leggauss(12)
    heights = 0.25 + 0.1 * (nodes + 1) / 2
    intensity = [(solved.near_field(z, SAMPLES).abs() ** 2).sum(-1).mean() for z in heights]
    absorbed = K0 * LOSS * 0.1 / 2 * sum(w * i for w, i in zip(weights, intensity, strict=True))
    # Gauss's rule and the mean over samples are exact to rounding for these fields.
    assert absorbed.item() / incident_power() == pytest.approx(solved.absorptance.item(), rel=1e-9)
    assert solved.absorptance > 0.02


@pytest.mark.closed_form
def test_what_a_pillar_without_symmetry_absorbs_is_what_is_missing():
    solved = an_l(2.4 + 0.05j, orders=6)
    samples = (84, 108)
    x, y = (
        ((torch.arange(n, dtype=torch.float64) + 0.5) / n - 0.5) * side
        for n, side in zip(samples, LATTICE.pitch, strict=True)
    )
    inside = Polygon(CORNERS).contains(x[:, None], y)
    nodes, weights = np.polynomial.legendre.leggauss(16)
    heights = HEIGHT * (nodes + 1) / 2
    squares = [(solved.near_field(z, samples).abs() ** 2).sum(-1) for z in heights]
    intensity = [square[inside].sum() / inside.numel() for square in squares]
    loss = ((2.4 + 0.05j) ** 2).imag
    absorbed = K0 * loss * HEIGHT / 2 * sum(w * i for w, i in zip(weights, intensity, strict=True))
    # The truncated field overshoots at the walls: 4 orders leave 6 %, 6 orders less.
    assert absorbed.item() / incident_power() == pytest.approx(solved.absorptance.item(), rel=0.05)
    assert solved.absorptance > 0.1


def test_samples_are_as_close_along_x_as_along_y():
    shapes = {}
    for lattice in (Lattice.square(0.4), Lattice.hexagonal(0.4), Lattice.rectangular(0.4, 0.6)):
        cell = make_cell(circle(0.1), lattice=lattice, height=0.5, pillar=2.0, substrate=1.46)
        shapes[lattice.pitch] = tuple(solve_cell(cell, 0.532, orders=2).near_field(0.8).shape)
    assert list(shapes.values()) == [(10, 10, 3), (10, 17, 3), (10, 15, 3)]


@pytest.mark.cross_check
def test_two_pillars_in_a_cell_that_are_equal_are_the_primitive_cell_twice():
    lattice = Lattice.hexagonal(0.4)
    media = {"height": HEIGHT, "pillar": 2.4, "substrate": 1.46}
    one = solve_cell(make_cell(circle(0.12), lattice=lattice, **media), 0.532, orders=10)
    both = make_cell((circle(0.12), circle(0.12)), lattice=lattice, **media)
    two = solve_cell(both, 0.532, orders=10)
    # The same cell, with orders in a rectangle, also those that do not exist: only the truncation differs.
    assert abs(one.t - two.t) < 3e-3
    different = make_cell((circle(0.12), circle(0.1)), lattice=lattice, **media)
    assert abs(solve_cell(different, 0.532, orders=6).t - two.t) > 0.1


@pytest.mark.closed_form
def test_two_different_pillars_conserve_energy_and_keep_their_mirrors():
    lattice = Lattice((0.7, 0.4), ((0.0, 0.0), (0.5, 0.0)))
    cell = make_cell((circle(0.15), circle(0.1)), lattice=lattice, height=HEIGHT, pillar=2.4, substrate=1.46)
    solved = solve_cell(cell, 0.532, orders=4)
    assert solved.absorptance.item() == pytest.approx(0, abs=1e-9)
    field = solved.near_field(0.8, (14, 8))
    np.testing.assert_allclose(field[..., 0], field.flip(0)[..., 0], rtol=0, atol=1e-12)
