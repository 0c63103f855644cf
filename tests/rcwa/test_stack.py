"""The general path: closed forms, symmetry, another program, and the fast path."""

import math

import numpy as np
import pytest
import torch

from metagen.base.errors import InputError
from metagen.device.illumination import Illumination
from metagen.device.lattice import Lattice
from metagen.rcwa import (
    Factorisation,
    Layer,
    Stack,
    circle,
    make_cell,
    solve_cell,
    solve_stack,
    square,
)

PERIOD = 0.4431
SUBSTRATE = 1.45


def light(wavelength, inside=0.0, azimuth=0.0, s=0.0, p=1.0):
    """A wave at an angle in the substrate, with amplitudes along s = (−sin φ, cos φ, 0) and along p."""
    c, sine = math.cos(azimuth), math.sin(azimuth)
    along, across = p * math.cos(inside), s
    vector = np.array([c * along - sine * across, sine * along + c * across])
    vector = tuple(complex(part) for part in vector / np.linalg.norm(vector))
    return Illumination(wavelength, vector, math.asin(SUBSTRATE * math.sin(inside)), azimuth)


def letter(inner=4.0):
    """An L on 16 × 16 pixels: no symmetry at all."""
    grid = np.ones((16, 16), dtype=type(inner))
    grid[3:12, 4:8] = inner
    grid[3:7, 4:13] = inner
    return grid


def disk_fill(pixels, radius, period=PERIOD, oversampling=8):
    fine = pixels * oversampling
    x = ((np.arange(fine) + 0.5) / fine - 0.5) * period
    inside = x[:, None] ** 2 + x[None, :] ** 2 < radius**2
    return inside.reshape(pixels, oversampling, pixels, oversampling).mean((1, 3))


def airy(indices, thickness, wavelength, polar, across):
    """t and r of the transverse field of a uniform slab; ``across`` is TE."""
    kz = [np.sqrt(complex(n**2 - (indices[0] * np.sin(polar)) ** 2)) for n in indices]
    y = kz if across else [n**2 / z for n, z in zip(indices, kz, strict=True)]
    phase = np.exp(2j * np.pi / wavelength * kz[1] * thickness)
    first, second = (y[0] - y[1]) / (y[0] + y[1]), (y[1] - y[2]) / (y[1] + y[2])
    whole = 1 + first * second * phase**2
    return (1 + first) * (1 + second) * phase / whole, (first + second * phase**2) / whole


@pytest.mark.closed_form
@pytest.mark.parametrize("index", [2.0, 2.0 + 0.1j], ids=["lossless", "lossy"])
@pytest.mark.parametrize("across", [True, False], ids=["s", "p"])
def test_a_uniform_slab_at_conical_incidence_obeys_airy(index, across):
    polar, azimuth = 0.6, 0.4
    wave = light(0.55, polar, azimuth, s=float(across), p=float(not across))
    solved = solve_stack(Stack(PERIOD, (Layer(index**2, 0.2),), 1.45, 1.3), wave, orders=1)
    t, r = airy((1.45, index, 1.3), 0.2, 0.55, polar, across)
    np.testing.assert_allclose(solved.jones @ wave.jones, t * wave.jones, rtol=0, atol=1e-13)
    np.testing.assert_allclose(solved.jones_reflected @ wave.jones, r * wave.jones, rtol=0, atol=1e-13)


@pytest.mark.closed_form
def test_total_internal_reflection_is_total():
    # The transverse wave vector is sin 1.2 = 0.93 of k0.
    solved = solve_stack(
        Stack(PERIOD, (Layer(2.25, 0.1),), 1.45, 0.9), Illumination(0.7, polar=1.2), orders=1
    )
    assert solved.reflectance == pytest.approx(1, abs=1e-12)
    assert solved.transmittance == pytest.approx(0, abs=1e-12)


TORCWA = {
    # (transmitted, incident polarisation, order): power-normalised |amplitude| along p and along s.
    (True, "p", (0, 0)): (0.1041208, 0.1156546),
    (True, "p", (-1, 0)): (0.7795434, 0.3234142),
    (True, "s", (0, 0)): (0.1254101, 0.3911914),
    (True, "s", (-1, 0)): (0.2700028, 0.6389036),
    (False, "p", (0, 0)): (0.0658325, 0.2384019),
    (False, "p", (-1, 0)): (0.1773093, 0.1815014),
    (False, "p", (0, -1)): (0.1192013, 0.0587754),
    (False, "p", (-1, -1)): (0.2225126, 0.2621761),
    (False, "s", (0, 0)): (0.1291847, 0.0739983),
    (False, "s", (-1, 0)): (0.2795558, 0.2753598),
    (False, "s", (0, -1)): (0.2587688, 0.0457735),
    (False, "s", (-1, -1)): (0.1352772, 0.2615904),
}
"""torcwa 0.1.4.2, complex128, order=[3, 3], the letter on 2048 × 2048 pixels (128 × 128 for each of ours),
θ = 0.5 in the substrate of index 1.45, φ = 0.3, λ = 0.5, height 0.633, cover 1:
rcwa.S_parameters(power_norm=True) for 'pp', 'sp', 'ps', 'ss'. Half as many pixels: 5e-6 more."""


def amplitudes(solved, transmitted, order):
    """|amplitude| along p and along s, normalised to the incident power."""
    channels = solved.transmitted if transmitted else solved.reflected
    labels = list(zip(channels.m, channels.n, channels.polarisation, strict=True))
    return [float(channels.amplitude[labels.index((*order, name))].abs()) for name in "ps"]


@pytest.mark.cross_check
@pytest.mark.parametrize("case", TORCWA, ids=str)
def test_conical_incidence_on_a_cell_without_symmetry_agrees_with_torcwa(case):
    transmitted, polarisation, order = case
    wave = light(0.5, 0.5, 0.3, s=float(polarisation == "s"), p=float(polarisation == "p"))
    stack = Stack(PERIOD, (Layer(letter(), 0.633),), 1.45, 1.0)
    solved = solve_stack(stack, wave, orders=3, factorisation=Factorisation.LAURENT)
    # torcwa takes pixels as points: on its finest grid that is worth 5e-6/3.
    np.testing.assert_allclose(amplitudes(solved, transmitted, order), TORCWA[case], rtol=0, atol=5e-6)


@pytest.mark.closed_form
@pytest.mark.parametrize("rule", Factorisation)
def test_a_lossless_stack_conserves_energy_at_oblique_incidence(rule):
    stack = Stack(PERIOD, (Layer(letter(), 0.3), Layer(2.1, 0.1), Layer(letter().T, 0.2)), 1.45, 1.0)
    solved = solve_stack(stack, light(0.5, 0.5, 0.3, s=0.6, p=0.8j), orders=3, factorisation=rule)
    # Rounding, amplified by poles of the tangent.
    assert solved.transmittance + solved.reflectance == pytest.approx(1, abs=1e-9)


@pytest.mark.closed_form
def test_a_lossy_layer_absorbs():
    stack = Stack(PERIOD, (Layer(letter(4.0 + 0.5j), 0.3),), 1.45, 1.0)
    solved = solve_stack(stack, 0.5, orders=3)
    # The integral of |E|² over the absorbing pixels gives 0.72, as 3 orders overshoot at the walls.
    assert 0.55 < 1 - solved.transmittance - solved.reflectance < 0.72


@pytest.mark.closed_form
@pytest.mark.parametrize("rule", Factorisation)
def test_light_comes_back_the_way_it_came(rule):
    # Specular reflection of light along k and along −(its mirror image): reciprocity, also with absorption.
    stack = Stack(PERIOD, (Layer(letter(4.0 + 0.2j), 0.3), Layer(2.1, 0.1)), 1.45, 1.0)

    def reflected(azimuth, **amplitude):
        wave = light(0.5, 0.4, azimuth, s=amplitude.get("s", 0.0), p=amplitude.get("p", 0.0))
        return amplitudes(solve_stack(stack, wave, orders=3, factorisation=rule), False, (0, 0))

    p_there, s_there = reflected(0.3, p=1.0), reflected(0.3, s=1.0)
    p_back, s_back = reflected(0.3 + np.pi, p=1.0), reflected(0.3 + np.pi, s=1.0)
    # The truncated matrices are reciprocal themselves: only rounding is left.
    assert p_there[0] == pytest.approx(p_back[0], abs=1e-10)
    assert s_there[1] == pytest.approx(s_back[1], abs=1e-10)
    assert p_there[1] == pytest.approx(s_back[0], abs=1e-10)
    assert s_there[0] == pytest.approx(p_back[1], abs=1e-10)
    # The cell has no symmetry that would make this trivial.
    assert abs(p_there[1] - s_there[0]) > 1e-3


@pytest.mark.closed_form
def test_a_circular_pillar_treats_both_polarisations_alike_and_mixes_none():
    stack = Stack(PERIOD, (Layer.of_two_media(disk_fill(32, 0.12), 4.0, 1.0, 0.633),), 1.45, 1.0)
    jones = solve_stack(stack, 0.633, orders=3).jones
    assert abs(jones[0, 0] - jones[1, 1]) < 1e-12
    assert abs(jones[1, 0]) < 1e-12
    assert abs(jones[0, 1]) < 1e-12


def square_cell(orders, rule):
    cell = make_cell(square(PERIOD / 2), period=PERIOD, height=0.633, pillar=2.0, substrate=1.45)
    return solve_cell(cell, 0.4, orders=orders, factorisation=rule)


def square_stack(orders, rule):
    grid = np.ones((32, 32))
    grid[8:24, 8:24] = 4
    return solve_stack(Stack(PERIOD, (Layer(grid, 0.633),), 1.45), 0.4, orders=orders, factorisation=rule)


@pytest.mark.cross_check
def test_the_fast_path_equals_the_general_path_where_their_matrices_are_the_same():
    fast, general = square_cell(4, Factorisation.LAURENT), square_stack(4, Factorisation.LAURENT)
    # Uniform pixels make exactly a square: only rounding is left.
    assert abs(fast.t - general.t) < 1e-11
    assert abs(fast.transmittance - general.transmittance) < 1e-11
    assert abs(fast.transmitted.power.sum() - general.transmitted.power.sum()) < 1e-11


@pytest.mark.cross_check
def test_the_fast_path_agrees_with_the_general_path_under_lis_rules():
    fast, general = square_cell(5, Factorisation.LI), square_stack(5, Factorisation.LI)
    # Both go strip by strip.
    assert abs(fast.t - general.t) < 1e-11


@pytest.mark.cross_check
def test_the_normals_of_pixels_are_those_of_the_shape_but_at_corners():
    fast, general = square_cell(5, Factorisation.NORMAL), square_stack(5, Factorisation.NORMAL)
    # The fields differ near the corners, and the results by less than their truncation.
    assert abs(fast.t - general.t) < 2e-2


@pytest.mark.cross_check
@pytest.mark.parametrize("rule", Factorisation)
def test_mirrors_of_the_pixels_save_work_and_change_nothing(rule):
    grid = letter()
    grid = np.maximum(grid, grid[:, ::-1])
    wave = light(0.5, 0.3, s=0.6, p=0.8j)

    def solved(permittivity):
        stack = Stack(Lattice.rectangular(0.5, 0.4), (Layer(permittivity, 0.3),), SUBSTRATE)
        return solve_stack(stack, wave, orders=3, factorisation=rule)

    mirrored, whole = solved(grid), solved(torch.tensor(grid, requires_grad=True))
    assert len(mirrored.solution.classes[0].waves.basis) < len(whole.solution.classes[0].waves.basis)
    np.testing.assert_allclose(mirrored.jones, whole.jones.detach(), rtol=0, atol=1e-11)


@pytest.mark.cross_check
def test_a_pattern_that_is_uniform_along_y_is_a_grating():
    """One column of pixels, solved for orders along x only, against many equal columns."""
    line = np.where((np.arange(32) > 7) & (np.arange(32) < 20), 4.0, 1.0)
    lattice = Lattice.rectangular(0.7, 0.4)

    def solved(grid, orders):
        return solve_stack(Stack(lattice, (Layer(grid, 0.3),), SUBSTRATE), light(0.5, 0.2), orders=orders)

    grating, grid = solved(line[:, None], (5, 0)), solved(np.repeat(line[:, None], 16, 1), (5, 1))
    np.testing.assert_allclose(grating.jones, grid.jones, rtol=0, atol=1e-11)
    assert grating.transmittance + grating.reflectance == pytest.approx(1, abs=1e-10)


@pytest.mark.cross_check
def test_a_circle_on_a_grid_agrees_with_the_fast_path():
    cell = make_cell(circle(0.15), period=PERIOD, height=0.633, pillar=2.0, substrate=1.45)
    fast = solve_cell(cell, 0.633, orders=5)
    layer = Layer.of_two_media(disk_fill(128, 0.15), 4.0, 1.0, 0.633)
    general = solve_stack(Stack(PERIOD, (layer,), 1.45), 0.633, orders=5)
    # 128 pixels leave 1e-3 (64: 6e-3).
    assert abs(fast.t - general.t) < 1.5e-3


@pytest.mark.closed_form
def test_a_layer_cut_in_two_is_the_same_layer():
    wave = light(0.5, 0.3, 0.2)
    whole, cut = (
        solve_stack(Stack(PERIOD, tuple(Layer(letter(), h) for h in heights), 1.45), wave, orders=3)
        for heights in ((0.5,), (0.18, 0.32))
    )
    np.testing.assert_allclose(whole.transmitted.amplitude, cut.transmitted.amplitude, rtol=0, atol=1e-10)


@pytest.mark.closed_form
def test_no_layer_at_all_is_a_bare_interface():
    solved = solve_stack(Stack(PERIOD, (), 1.45, 1.0), 0.5, orders=1)
    assert solved.t.item() == pytest.approx(2 * 1.45 / 2.45, abs=1e-14)


@pytest.mark.gradient
def test_a_pixel_has_a_gradient():
    grid = torch.tensor(letter(), requires_grad=True)

    def power(permittivity):
        stack = Stack(PERIOD, (Layer(permittivity, 0.3),), 1.45)
        return solve_stack(stack, light(0.5, 0.2), orders=2).transmitted.power[0]

    (gradient,) = torch.autograd.grad(power(grid), grid)
    step = torch.zeros_like(grid)
    step[5, 6] = 1e-4
    difference = (power(grid.detach() + step) - power(grid.detach() - step)) / 2e-4
    assert gradient[5, 6].item() == pytest.approx(difference.item(), rel=1e-6)


MISFIT = Layer(np.ones((8, 8)), 0.1, np.ones((9, 9)))


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: solve_stack(Stack(0.4, (Layer(2.0, 0.0),)), 0.5, orders=1), "thickness"),
        (lambda: solve_stack(Stack(0.4, (Layer(np.ones(5), 0.1),)), 0.5, orders=1), "shape"),
        (lambda: solve_stack(Stack(0.4, (Layer(np.ones((8, 8)), 0.1),)), 0.5, orders=2), "pixels"),
        (lambda: solve_stack(Stack(0.4, (), substrate=1.5j), 0.5, orders=1), "substrate"),
        (lambda: solve_stack(Stack(0.4, (), cover=1.5 - 0.1j), 0.5, orders=1), "cover"),
        (lambda: solve_stack(Stack(0.4, ()), -0.5, orders=1), "wavelength"),
        (lambda: solve_stack(Stack(0.4, ()), 0.5, orders=-1), "orders"),
        (lambda: solve_stack(Stack(0.4, (Layer(4 - 0.1j, 0.1),)), 0.5, orders=1), "permittivity"),
        (lambda: solve_stack(Stack(0.4, (MISFIT,)), 0.5, orders=1), "same pixels"),
        (lambda: solve_stack(Stack(0.4, (Layer(letter(), 0.1),)), 0.5, orders=(3, 0)), "along y"),
    ],
)
def test_impossible_input_is_refused_by_name(build, reason):
    with pytest.raises(InputError, match=reason):
        build()
