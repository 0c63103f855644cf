"""Any lattice, shape and light: what symmetry says must hold at every truncation."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import metagen as mg
from metagen.device.atoms.rectangle import rectangle as turned
from metagen.device.illumination import Illumination
from metagen.device.lattice import Lattice
from metagen.device.shapes import Polygon
from metagen.device.symmetry import Symmetry
from metagen.rcwa import Factorisation, circle, cross, ellipse, make_cell, ring, solve, solve_cell

WAVELENGTH = 0.532
LATTICES = {
    "square": Lattice.square(0.4),
    "rectangular": Lattice.rectangular(0.35, 0.45),
    "hexagonal": Lattice.hexagonal(0.4),
}


def number(value):
    return torch.as_tensor(value, dtype=torch.float64)


def fin(angle, length=0.28, width=0.09):
    return turned(number(length), number(width), number(angle))


def letter():
    """An L: no symmetry at all."""
    corners = [(-0.13, -0.14), (0.15, -0.14), (0.15, -0.04), (-0.02, -0.04), (-0.02, 0.12), (-0.13, 0.12)]
    return Polygon(corners)


def cell(shape, lattice, pillar=2.4, **rest):
    return make_cell(shape, lattice=lattice, height=0.6, pillar=pillar, substrate=1.46, **rest)


def rotation(angle):
    cosine, sine = math.cos(angle), math.sin(angle)
    return torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.complex128)


SHAPES = {
    "circle": lambda: circle(0.12),
    "ellipse": lambda: ellipse(0.15, 0.08),
    "ring": lambda: ring(0.14, 0.06),
    "fin": lambda: fin(0.0),
    "cross": lambda: cross(0.3, 0.1),
}


@pytest.mark.cross_check
@pytest.mark.parametrize("rule", Factorisation)
@pytest.mark.parametrize("pillar", [2.4, 2.4 + 0.1j], ids=["lossless", "lossy"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("lattice", LATTICES.values(), ids=LATTICES)
def test_less_symmetry_is_more_work_for_the_same_jones_matrix(lattice, shape, pillar, rule):
    whole = cell(shape(), lattice, pillar)
    kept = (Symmetry.ALL, Symmetry.HALF_TURN, Symmetry.NONE)
    two_mirrors, half_turn, nothing = (
        solve_cell(
            replace(whole, symmetry=whole.symmetry & symmetry), WAVELENGTH, orders=3, factorisation=rule
        ).jones
        for symmetry in kept
    )
    # The same equations in other bases: rounding only, amplified near poles of the tangent.
    np.testing.assert_allclose(two_mirrors, half_turn, rtol=0, atol=1e-10)
    np.testing.assert_allclose(two_mirrors, nothing, rtol=0, atol=1e-10)


@pytest.mark.cross_check
@pytest.mark.parametrize("rule", Factorisation)
@pytest.mark.parametrize("azimuth", [0.0, math.pi / 2], ids=["in xz", "in yz"])
@pytest.mark.parametrize("lattice", LATTICES.values(), ids=LATTICES)
def test_light_in_a_mirror_plane_is_solved_in_two_classes(lattice, azimuth, rule):
    light = Illumination(WAVELENGTH, "left", 0.4, azimuth)
    whole = cell(fin(0.0), lattice, 2.4 + 0.1j)
    mirrored = solve_cell(whole, light, orders=3, factorisation=rule)
    nothing = solve_cell(replace(whole, symmetry=Symmetry.NONE), light, orders=3, factorisation=rule)
    assert len(mirrored.solution.classes) == 2
    np.testing.assert_allclose(mirrored.jones, nothing.jones, rtol=0, atol=1e-10)
    np.testing.assert_allclose(mirrored.near_field(0.3, 5), nothing.near_field(0.3, 5), rtol=0, atol=1e-9)


@pytest.mark.closed_form
@pytest.mark.parametrize("azimuth", [0.0, 0.7])
def test_without_a_pillar_oblique_light_obeys_fresnel(azimuth):
    polar, index = 0.5, 1.46
    solved = solve_cell(
        cell(circle(0.0), LATTICES["hexagonal"]), Illumination(0.5, "x", polar, azimuth), orders=2
    )
    inside, outside = (math.sqrt(n**2 - math.sin(polar) ** 2) for n in (index, 1.0))
    along = 2 * index**2 / inside / (index**2 / inside + 1 / outside)
    across = 2 * inside / (inside + outside)
    phase = np.exp(2j * math.pi / 0.5 * outside * 0.6)
    turn = rotation(azimuth)
    exact = turn @ torch.diag(torch.tensor([along, across], dtype=torch.complex128) * phase) @ turn.T
    np.testing.assert_allclose(solved.jones, exact, rtol=0, atol=1e-12)


@pytest.mark.closed_form
@pytest.mark.parametrize("rule", [Factorisation.NORMAL, Factorisation.LAURENT])
@pytest.mark.parametrize("polar", [0.0, 0.3], ids=["normal", "oblique"])
@pytest.mark.parametrize("shape", ["fin", "letter"])
@pytest.mark.parametrize(
    ("lattice", "after", "turn"),
    [
        (LATTICES["square"], LATTICES["square"], math.pi / 2),
        (LATTICES["rectangular"], Lattice.rectangular(0.45, 0.35), math.pi / 2),
        (LATTICES["hexagonal"], LATTICES["hexagonal"], math.pi / 3),
    ],
    ids=LATTICES,
)
def test_turning_lattice_shape_and_light_together_changes_nothing(lattice, after, turn, shape, polar, rule):
    first = fin(0.2) if shape == "fin" else letter()
    second = fin(0.2 + turn) if shape == "fin" else Polygon(first.vertices, turn)

    def jones(pillar, where, azimuth):
        light = Illumination(WAVELENGTH, "x", polar, azimuth)
        return solve_cell(cell(pillar, where), light, orders=3, factorisation=rule).jones

    there, here = jones(first, lattice, 0.1), jones(second, after, 0.1 + turn)
    matrix = rotation(turn)
    np.testing.assert_allclose(matrix @ there @ matrix.T, here, rtol=0, atol=1e-10)


def limit(pillar, rule, order):
    """t in the limit of many orders, of which the error falls with a power."""
    coarse, fine = (solve_cell(pillar, WAVELENGTH, orders=orders, factorisation=rule) for orders in (8, 12))
    ratio = ((coarse.solution.effective_orders + 0.5) / (fine.solution.effective_orders + 0.5)) ** order
    return fine.t, fine.t + (fine.t - coarse.t) * ratio / (1 - ratio)


@pytest.mark.convergence
@pytest.mark.parametrize("shape", ["circle", "fin"])
@pytest.mark.parametrize("lattice", LATTICES.values(), ids=LATTICES)
def test_all_rules_converge_to_the_same_on_every_lattice(lattice, shape):
    pillar = cell(SHAPES[shape](), lattice)
    _, strips = limit(pillar, Factorisation.LI, 3)
    _, normals = limit(pillar, Factorisation.NORMAL, 3)
    # Both still ripple with 12 orders: 3.9e-3 is the largest of the six.
    assert abs(strips - normals) < 5e-3
    # The Laurent rule converges as 1/orders: 3e-2 to 9e-2 are left, of which the limit takes two thirds away.
    truncated, laurent = limit(pillar, Factorisation.LAURENT, 1)
    assert abs(laurent - strips) < 0.03
    assert abs(laurent - strips) < 0.5 * abs(truncated - strips)


@pytest.mark.closed_form
@pytest.mark.parametrize("rule", Factorisation)
def test_a_circle_on_a_hexagonal_lattice_treats_all_polarisations_alike(rule):
    jones = solve_cell(
        cell(circle(0.13), LATTICES["hexagonal"]), WAVELENGTH, orders=4, factorisation=rule
    ).jones
    # A circle of orders keeps the turns by 60 degrees, so this holds at every truncation.
    np.testing.assert_allclose(jones, jones[0, 0] * torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-10)


@pytest.mark.closed_form
def test_a_centred_cell_solves_for_the_harmonics_of_the_primitive_one_only():
    solved = solve_cell(cell(fin(0.3), LATTICES["hexagonal"]), WAVELENGTH, orders=6)
    orders = solved.solution.waves.basis.truncation.waves
    assert ((orders.sum(-1) % 2) == 0).all()
    # As many as a square cell has, or one shell of six or twelve less.
    assert 13**2 - 12 < len(orders) <= 13**2


@pytest.mark.closed_form
def test_orders_of_a_hexagonal_lattice_are_those_of_its_primitive_cell():
    """Beyond λ = n·(√3/2)·a six orders of equal |G| open at once, one step of the primitive lattice away."""
    solved = solve_cell(cell(circle(0.13), LATTICES["hexagonal"]), 0.5, orders=4)
    channels, power = solved.reflected, {}
    for m, n, value in zip(channels.m, channels.n, channels.power.tolist(), strict=True):
        power[m, n] = power.get((m, n), 0.0) + value
    assert set(power) == {(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)}
    # Light along x keeps both mirrors, of which one swaps (1, 0) and (1, 1); rounding.
    assert power[1, 0] == pytest.approx(power[-1, 0], rel=1e-9) == pytest.approx(power[1, 1], rel=1e-9)
    assert power[0, 1] == pytest.approx(power[0, -1], rel=1e-9)


@pytest.mark.closed_form
@pytest.mark.parametrize("name", LATTICES)
def test_lossless_cells_conserve_energy_at_oblique_incidence(name):
    light = Illumination(WAVELENGTH, "left", 0.4, 0.7)
    solved = solve_cell(cell(letter(), LATTICES[name]), light, orders=4)
    assert abs(solved.absorptance) < 1e-9
    assert solved.transmitted.power.sum() == pytest.approx(solved.transmittance.item(), abs=1e-9)
    assert solved.reflected.power.sum() == pytest.approx(solved.reflectance.item(), abs=1e-9)


@pytest.mark.closed_form
def test_an_l_shape_is_reciprocal():
    """Reflected light: the Jones matrix of order 0 against that of the reversed path, in p and s."""
    found = []
    for azimuth in (0.3, 0.3 + math.pi):
        light = Illumination(WAVELENGTH, "x", 0.4, azimuth)
        matrix = solve_cell(cell(letter(), LATTICES["rectangular"]), light, orders=3).jones_reflected
        cosine = math.sqrt(1 - (math.sin(0.4) / 1.46) ** 2)
        turn = rotation(azimuth)
        # Transverse components along and across the plane of incidence, as amplitudes of p and s.
        scale = torch.diag(torch.tensor([1 / math.sqrt(cosine), math.sqrt(cosine)], dtype=torch.complex128))
        found.append(scale @ turn.T @ matrix @ turn @ torch.linalg.inv(scale))
    there, back = found
    np.testing.assert_allclose(there.abs(), back.T.abs(), rtol=0, atol=1e-10)
    # Nothing of this is trivial: p and s mix, and not alike.
    assert abs(there[0, 1].abs() - there[1, 0].abs()) > 1e-3


@pytest.mark.closed_form
def test_light_of_any_polarisation_is_a_sum_of_x_and_y():
    shape, vector = cell(letter(), LATTICES["square"]), np.array([0.6, 0.8j])
    x, y, both = (
        solve_cell(shape, Illumination(WAVELENGTH, light, 0.2, 0.5), orders=3).near_field(0.3, 4)
        for light in ("x", "y", tuple(vector))
    )
    np.testing.assert_allclose(vector[0] * x + vector[1] * y, both, rtol=0, atol=1e-12)


@pytest.mark.closed_form
def test_the_jones_matrix_is_that_of_light_along_x_and_along_y():
    shape = cell(fin(0.3), LATTICES["square"])
    along_x, along_y = (solve_cell(shape, Illumination(WAVELENGTH, name), orders=3) for name in "xy")
    jones = along_x.jones
    assert abs(along_x.t - jones[0, 0]) < 1e-12
    assert abs(along_y.t - jones[1, 1]) < 1e-12
    mean = along_y.near_field(0.6, 20).mean((0, 1))[:2]
    np.testing.assert_allclose(mean, jones[:, 1], rtol=0, atol=1e-12)


FINS = mg.Platform(
    lattice=Lattice.hexagonal(0.4),
    atom=mg.atoms.Rectangle((0.1, 0.3), (0.05, 0.12), (0.0, math.pi)),
    height=0.6,
    pillar=2.4,
    substrate=1.46,
)


@pytest.mark.gradient
@pytest.mark.parametrize("angle", [0.3, 0.0], ids=["turned", "along x"])
@pytest.mark.parametrize("name", ["length", "width", "angle"])
def test_gradients_of_a_fin_are_those_of_finite_differences(name, angle):
    values = {"length": 0.25, "width": 0.09, "angle": angle}
    light = Illumination(WAVELENGTH, "left", 0.2, 0.4)

    def observable(**changed):
        solved = solve(FINS, light, **{**values, **changed}, orders=3, factorisation=Factorisation.NORMAL)
        jones = torch.as_tensor(solved.jones)
        return jones[0, 1].real + 2 * jones[1, 1].imag + number(solved.reflectance)

    point = torch.tensor(values[name], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(observable(**{name: point}), point)
    step = 1e-6
    ends = [observable(**{name: values[name] + sign * step}).item() for sign in (1, -1)]
    # Rounding over 1e-6 is 1e-7; where a wall crosses sample points of the normals the slope has a kink.
    assert gradient.item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-7)


FAMILIES = {
    "circle": (mg.atoms.Circle((0.05, 0.15)), {"radius": 0.12}),
    "square": (mg.atoms.Square((0.1, 0.22), (0.0, 1.5)), {"width": 0.2, "angle": 0.3}),
    "ellipse": (
        mg.atoms.Ellipse((0.1, 0.3), (0.1, 0.3), (0.0, 3.1)),
        {"length": 0.28, "width": 0.15, "angle": 0.3},
    ),
    "ring": (mg.atoms.Ring((0.1, 0.17), (0.03, 0.09)), {"outer": 0.15, "inner": 0.06}),
    "cross": (
        mg.atoms.Cross((0.2, 0.3), (0.05, 0.1), (0.0, 1.5)),
        {"length": 0.26, "width": 0.08, "angle": 0.3},
    ),
    "L": (
        mg.atoms.LShape((0.16, 0.22), (0.06, 0.1), (0.0, 6.2)),
        {"length": 0.2, "width": 0.08, "angle": 0.3},
    ),
}


@pytest.mark.gradient
@pytest.mark.parametrize(
    ("family", "name"), [(f, name) for f, (_, values) in FAMILIES.items() for name in values]
)
def test_gradients_in_every_parameter_of_every_family_are_those_of_finite_differences(family, name):
    atom, values = FAMILIES[family]
    platform = mg.Platform(lattice=LATTICES["rectangular"], atom=atom, height=0.6, pillar=2.4, substrate=1.46)
    light = Illumination(WAVELENGTH, "left", 0.2, 0.4)

    def observable(value):
        given = {**values, name: value}
        solved = solve(platform, light, **given, orders=2, factorisation=Factorisation.NORMAL)
        jones = torch.as_tensor(solved.jones)
        return jones[0, 0].imag + 2 * jones[1, 0].real + number(solved.transmittance)

    point = torch.tensor(values[name], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(observable(point), point)
    step = 1e-5 if name == "angle" else 1e-6  # either moves walls by 1e-6
    ends = [observable(values[name] + sign * step).item() for sign in (1, -1)]
    # Rounding is 5e-7 over a step of 1e-6, of slopes that are larger in lengths, and 5e-8 over 1e-5.
    assert gradient.item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-7)


def test_a_fin_along_x_has_a_gradient_in_its_angle_that_mirrors_do_not_hide():
    angle = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    solved = solve(FINS, WAVELENGTH, length=0.25, width=0.09, angle=angle, orders=3)
    (gradient,) = torch.autograd.grad(solved.jones[0, 1].real, angle)
    assert abs(gradient) > 0.1


@pytest.mark.cross_check
def test_equal_pillars_given_one_by_one_are_those_of_a_smaller_cell():
    """Different ones could stand there, so that what repeats is the whole cell."""
    media = {"height": 0.633, "pillar": 2.0, "substrate": 1.45}
    one = solve_cell(make_cell(circle(0.12), period=0.4431, **media), 0.633, orders=11)
    pair = Lattice((0.8862, 0.4431), ((-0.25, 0.0), (0.25, 0.0)))
    two = solve_cell(make_cell((circle(0.12), circle(0.12)), lattice=pair, **media), 0.633, orders=11)
    # A cell of twice the area has larger harmonics left out: 9e-4 here. It was 0.02.
    assert abs(two.t - one.t) < 2e-3


@pytest.mark.closed_form
def test_moving_the_pillar_within_its_cell_leaves_the_zeroth_order():
    media = {"height": 0.633, "pillar": 2.0, "substrate": 1.45}
    centred, moved = (
        solve_cell(
            make_cell(circle(0.12), lattice=Lattice((0.4431, 0.4431), (site,)), **media), 0.633, orders=8
        )
        for site in ((0.0, 0.0), (0.25, 0.0))
    )
    # The two have different fields of normals between walls, by which t of 8 orders differs by 2e-4.
    assert abs(moved.t - centred.t) < 1e-3
