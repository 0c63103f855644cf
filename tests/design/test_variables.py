"""Variables of a design: which pillars share them, limits, grids, and what mirrors make of them."""

import math

import numpy as np
import pytest
import torch
from delays import HIGH, LOW, PLATFORM

import metagen as mg
from metagen.base.errors import InputError
from metagen.design import DesignSymmetry
from metagen.design.variables import Limits, Variables
from metagen.device.layout import random_layout
from metagen.device.symmetry import Symmetry

FINS = mg.Platform(
    lattice=mg.Lattice.rectangular(0.43, 0.5),
    atom=mg.atoms.Rectangle(length=(0.2, 0.3), width=(0.05, 0.1), angle=(0, math.pi)),
)
FIN_LIMITS = [Limits(0.2, 0.3, grid=0.01), Limits(0.05, 0.1), Limits(0, math.pi)]
POSTS = mg.Platform(lattice=mg.Lattice.hexagonal(0.8), atom=mg.atoms.Circle((0.1, 0.3)))


@pytest.fixture
def start():
    return random_layout(PLATFORM, 7, seed=1)


def radial_fins(counts):
    """Fins that point to the axis, with both mirror planes."""
    x, y = (np.arange(n) - (n - 1) / 2 for n in counts)
    angle = np.arctan2(*np.meshgrid(y, x)) % math.pi
    return mg.Layout(FINS, {"length": 0.25, "width": 0.07, "angle": angle})


def posts():
    radii = np.full((3, 3, 2), 0.2)
    radii[-1, :, 1] = radii[:, -1, 1] = 0
    return mg.Layout(POSTS, radii)


@pytest.mark.closed_form
@pytest.mark.parametrize(
    ("count", "symmetry", "expected"),
    [(7, "none", 49), (7, "mirror", 16), (7, "fourfold", 10), (6, "mirror", 9)],
)
def test_symmetry_shares_one_radius_among_equal_sites(count, symmetry, expected):
    layout = mg.Layout(PLATFORM, np.full((count, count), (LOW + HIGH) / 2))
    assert Variables.of(layout, [Limits(LOW, HIGH)], DesignSymmetry(symmetry)).count == expected


def test_variables_start_at_the_layout(start):
    variables = Variables.of(start, [Limits(LOW, HIGH)], DesignSymmetry.MIRROR)
    found = variables.exact(variables.start())
    inside = np.clip(start.radii, LOW + 0.0012, HIGH - 0.0012)
    np.testing.assert_allclose(found, inside, rtol=0, atol=1e-7)


def test_radii_on_a_grid_keep_the_gradient_of_smooth_ones(start):
    plain = Variables.of(start, [Limits(LOW, HIGH)], DesignSymmetry.MIRROR)
    gridded = Variables.of(start, [Limits(LOW, HIGH, grid=0.005)], DesignSymmetry.MIRROR)
    gradients = []
    for variables in (plain, gridded):
        u = plain.start().double().requires_grad_()
        (gradient,) = torch.autograd.grad(variables.values(u).sum(), u)
        gradients.append(gradient)
    torch.testing.assert_close(*gradients)
    assert gradients[0].min() > 0
    steps = gridded.exact(gridded.start()) / 0.005
    np.testing.assert_allclose(steps, np.rint(steps), rtol=0, atol=1e-9)


@pytest.mark.parametrize("counts", [(4, 6), (5, 3)])
def test_designs_of_fins_keep_their_mirrors_limits_and_grid(counts):
    variables = Variables.of(radial_fins(counts), FIN_LIMITS, DesignSymmetry.MIRROR)
    u = torch.randn(variables.count, generator=torch.Generator().manual_seed(1))
    made = mg.Layout(FINS, variables.exact(u))
    assert Symmetry.TWO_MIRRORS in made.symmetry
    assert np.ptp(made["angle"]) > 1
    np.testing.assert_allclose(made["length"] / 0.01, np.rint(made["length"] / 0.01), atol=1e-9)
    assert 0.05 < made["width"].min() < made["width"].max() < 0.1


@pytest.mark.closed_form
def test_fins_on_a_mirror_plane_do_not_turn():
    # 5 × 3 fins: of the six in the quadrant four lie on a plane and keep their angle.
    assert Variables.of(radial_fins((5, 3)), FIN_LIMITS, DesignSymmetry.MIRROR).count == 6 * 3 - 4


def test_an_angle_that_may_turn_all_the_way_round_has_no_limits():
    variables = Variables.of(radial_fins((4, 4)), FIN_LIMITS, DesignSymmetry.NONE)
    u = variables.start()
    turned = variables.values(u + math.pi)[..., 2] - variables.values(u)[..., 2]
    torch.testing.assert_close(turned, torch.full_like(turned, math.pi))


def test_sites_without_a_pillar_stay_bare_and_have_no_variable():
    layout = posts()
    variables = Variables.of(layout, [Limits(0.1, 0.3)], DesignSymmetry.MIRROR)
    made = mg.Layout(POSTS, variables.exact(variables.start() + 0.3))
    np.testing.assert_array_equal(made.present, layout.present)
    # 13 posts: 3 × 3 on the cells' middles have 4 orbits, 2 × 2 between them have 1.
    assert variables.count == 5


@pytest.mark.gradient
def test_values_of_fins_have_the_gradient_of_finite_differences():
    limits = [Limits(0.2, 0.3), *FIN_LIMITS[1:]]
    variables = Variables.of(radial_fins((4, 3)), limits, DesignSymmetry.MIRROR)
    assert torch.autograd.gradcheck(variables.values, variables.start().double().requires_grad_())


def test_a_layout_without_the_symmetry_is_refused():
    with pytest.raises(InputError, match="does not have it"):
        Variables.of(radial_fins((4, 4)), FIN_LIMITS, DesignSymmetry.FOURFOLD)
