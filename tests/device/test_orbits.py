"""Sites of a device and their mirror images."""

import math

import numpy as np
import pytest

import metagen as mg
from metagen import atoms
from metagen.base.errors import InputError
from metagen.device import Symmetry
from metagen.device.layout import random_layout
from metagen.device.orbits import SiteOrbits, own_image
from metagen.device.sites import Sites, counts_of

FIN = atoms.Rectangle((0.1, 0.25), (0.08, 0.2), (0, math.pi))


def platform(lattice, atom):
    return mg.Platform(lattice=lattice, atom=atom, height=0.6)


PLATFORMS = {
    "circles": mg.Platform(),
    "fins": platform(mg.Lattice.square(0.43), atoms.Rectangle(0.41, 0.085, (0, math.pi))),
    "free fins on rectangles": platform(mg.Lattice.rectangular(0.4, 0.55), FIN),
    "hexagonal circles": platform(mg.Lattice.hexagonal(0.5), atoms.Circle((0.05, 0.2))),
    "hexagonal ellipses": platform(mg.Lattice.hexagonal(0.5), atoms.Ellipse((0.05, 0.2), 0.1, (0, math.pi))),
    "squares": platform(mg.Lattice.square(0.45), atoms.Square((0.1, 0.3), (0, math.pi / 2))),
    "Ls": platform(mg.Lattice.square(0.45), atoms.LShape(0.28, 0.1, (0, 2 * math.pi))),
    "upright only": platform(mg.Lattice.square(0.45), atoms.Rectangle((0.1, 0.3), (0.1, 0.3))),
    "diagonal fins": platform(
        mg.Lattice.square(0.45), atoms.Rectangle((0.1, 0.2), (0.1, 0.2), math.pi / 4)
    ),
    "a list": platform(
        mg.Lattice.square(0.45),
        atoms.Fixed([
            [(-0.1, -0.05), (0.1, -0.05), (0.1, 0.05), (-0.1, 0.05)],
            [(-0.1, -0.1), (0.1, 0), (-0.1, 0.1)],
            [(0.1, -0.1), (0.1, 0.1), (-0.1, 0)],
        ]),
    ),
}  # fmt: skip


@pytest.mark.closed_form
@pytest.mark.parametrize("aperture", ["rectangle", "circle"])
@pytest.mark.parametrize("count", [6, 7, (5, 8)])
@pytest.mark.parametrize("each", PLATFORMS.values(), ids=PLATFORMS)
def test_a_random_layout_of_any_pillars_is_its_own_mirror_image(each, count, aperture):
    layout = random_layout(each, count, seed=1, aperture=aperture)
    assert layout.counts == counts_of(each.lattice, count)
    assert Symmetry.TWO_MIRRORS in layout.symmetry
    for parameter in each.atom.parameters:
        values = layout[parameter.name][..., None][layout.present[..., : layout[parameter.name].ndim]]
        assert parameter.low <= values.min() < values.max() <= parameter.high


def test_every_site_of_a_square_lattice_has_a_pillar_and_on_a_hexagonal_one_those_with_an_image():
    assert random_layout(PLATFORMS["circles"], 6, 1).present.all()
    present = random_layout(PLATFORMS["hexagonal circles"], (6, 4), 1).present
    assert present[..., 0].all()
    assert present[:-1, :-1, 1].all()
    assert not present[-1, :, 1].any()
    assert not present[:, -1, 1].any()


@pytest.mark.closed_form
def test_pillars_on_a_mirror_line_lie_along_it_or_across():
    angles = random_layout(PLATFORMS["fins"], 9, seed=2)["angle"]
    on_lines = np.concatenate([angles[4], angles[:, 4]])
    np.testing.assert_allclose(np.sin(2 * on_lines), 0, atol=1e-12)  # 0 or 90 degrees, to rounding
    assert 0 < np.cos(on_lines).round().sum() < len(on_lines)  # some of either


def test_a_shape_with_no_image_of_its_own_leaves_its_site_empty():
    """An L has one mirror line, and none of them has the two of the axis."""
    layout = random_layout(PLATFORMS["Ls"], 5, seed=1)
    assert np.argwhere(~layout.present[..., 0]).tolist() == [[2, 2]]
    turned = layout["angle"][2, [0, 1, 3, 4]]
    np.testing.assert_allclose(np.cos(turned), 0, atol=1e-12)  # those on x = 0 open along y


@pytest.mark.closed_form
def test_a_circular_aperture_is_filled_to_its_edge():
    sites = Sites.within(mg.Lattice.hexagonal(0.5), counts_of(mg.Lattice.hexagonal(0.5), 60), "circle")
    radius = min(60 * 0.5, sites.counts[1] * 0.5 * math.sqrt(3)) / 2
    distance = np.hypot(*sites.centres.T)
    assert radius - 0.5 < distance.max() <= radius
    # One site per √3/2·0.5²; the rim of 2π·30 sites decides the rest.
    assert len(distance) == pytest.approx(math.pi * radius**2 / (math.sqrt(3) / 2 * 0.25), rel=0.02)


@pytest.mark.closed_form
def test_the_pillars_of_one_mirror_alone_follow_from_half_of_them():
    each = PLATFORMS["free fins on rectangles"]
    sites = Sites.within(each.lattice, (4, 3))
    orbits = SiteOrbits.of(sites, Symmetry.MIRROR_Y)
    values = np.random.default_rng(0).uniform((0.1, 0.08, 0), (0.25, 0.2, math.pi), (len(orbits.centres), 3))
    settled, possible = orbits.settled(each.atom, values)
    assert len(values) == 4 * 2
    assert possible.all()
    assert own_image(each.atom, settled[::2], [Symmetry.MIRROR_Y]).all()
    layout = mg.Layout(each, orbits.unfolded(each.atom, settled).reshape(4, 3, 1, 3))
    assert Symmetry.MIRROR_Y in layout.symmetry
    assert Symmetry.MIRROR_X not in layout.symmetry


@pytest.mark.parametrize(
    ("each", "message"),
    [
        (platform(mg.Lattice((0.6, 0.6), ((0.0, 0.0), (0.3, 0.4))), atoms.Circle(0.05)), "lack the symmetry"),
        (platform(mg.Lattice.square(0.45), atoms.Rectangle((0.1, 0.2), 0.1, 0.3)), "free the angle"),
        (platform(mg.Lattice.square(0.45), atoms.Rectangle(0.2, 0.1, (0, 1.5))), "whole period, 3.142"),
    ],
)
def test_what_lacks_the_mirrors_is_refused(each, message):
    with pytest.raises(InputError, match=message):
        random_layout(each, 4, seed=1)


@pytest.mark.parametrize("count", [0, 2.5, (3, 0), (1, 2, 3), (), "many", float("nan")])
def test_a_count_that_is_no_number_of_cells_is_refused(count):
    with pytest.raises(InputError, match="must be a whole number of cells"):
        random_layout(mg.Platform(), count, seed=1)
