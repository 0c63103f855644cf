"""Meta-atoms: their shapes, images, features and limits, and the files they are read from."""

import math
from typing import ClassVar

import numpy as np
import pytest
import shapely
import torch

import metagen as mg
from metagen.base.errors import InputError
from metagen.base.validation import checked
from metagen.device import shapes
from metagen.device.atoms import (
    Circle,
    Cross,
    Ellipse,
    Family,
    Fixed,
    Kind,
    Length,
    LShape,
    Rectangle,
    Ring,
    Square,
    read_atom,
)
from metagen.device.lattice import Lattice
from metagen.device.layout import random_layout
from metagen.device.symmetry import MIRROR_IMAGES, Symmetry

L_SHAPE = ((-0.1, -0.15), (0.1, -0.15), (0.1, -0.05), (0.0, -0.05), (0.0, 0.15), (-0.1, 0.15))
BAR = ((-0.15, -0.04), (0.15, -0.04), (0.15, 0.04), (-0.15, 0.04))
MIRRORED_L = {
    sign: tuple((sign[0] * x, sign[1] * y) for x, y in L_SHAPE) for sign in ((-1, 1), (1, -1), (-1, -1))
}
TURN = (0.0, math.pi)
FREE = {
    "circle": Circle((0.05, 0.17)),
    "square": Square((0.1, 0.3), (0.0, math.pi / 2)),
    "ellipse": Ellipse((0.15, 0.35), (0.1, 0.2), TURN),
    "rectangle": Rectangle((0.15, 0.35), (0.05, 0.15), TURN),
    "fin": Rectangle((0.15, 0.35), 0.09, TURN),
    "upright": Rectangle((0.1, 0.35), (0.1, 0.35)),
    "ring": Ring((0.12, 0.2), (0.02, 0.1)),
    "cross": Cross((0.2, 0.3), (0.05, 0.15), (-math.pi / 4, math.pi / 4)),
    "l_shape": LShape((0.2, 0.3), (0.05, 0.15), (0.0, 2 * math.pi)),
    "fixed": Fixed((L_SHAPE, BAR, *MIRRORED_L.values())),
}
each_atom = pytest.mark.parametrize("atom", FREE.values(), ids=FREE)


def some_values(atom, count=5, seed=1):
    """[count, P] within the limits, in double precision."""
    random = np.random.default_rng(seed)
    columns = [
        random.integers(p.low, p.high + 1, count)
        if p.kind is Kind.CHOICE
        else random.uniform(p.low, p.high, count)
        for p in atom.parameters
    ]
    return torch.tensor(np.stack(columns, -1).astype(float))


@pytest.mark.closed_form
def test_areas_are_those_of_the_textbook():
    angle = 0.4
    assert float(Circle(0.1).named_shape().area) == pytest.approx(math.pi * 0.01)
    assert float(Square(0.2, angle).named_shape().area) == pytest.approx(0.04)
    assert float(Ellipse(0.4, 0.2, angle).named_shape().area) == pytest.approx(math.pi * 0.02)
    assert float(Rectangle(0.4, 0.2, angle).named_shape().area) == pytest.approx(0.08)
    assert float(Ring(0.2, 0.1).named_shape().area) == pytest.approx(math.pi * 0.03)
    assert float(Cross(0.3, 0.1, angle).named_shape().area) == pytest.approx(2 * 0.3 * 0.1 - 0.01)
    assert float(LShape(0.3, 0.1, angle).named_shape().area) == pytest.approx(0.3 * 0.1 + 0.2 * 0.1)
    assert float(Fixed((BAR,)).named_shape().area) == pytest.approx(0.3 * 0.08)


def test_free_parameters_are_the_ranges():
    assert [p.name for p in Rectangle((0.15, 0.35), 0.09, TURN).parameters] == ["length", "angle"]
    assert [p.kind for p in Rectangle((0.15, 0.35), 0.09, TURN).parameters] == [Kind.LENGTH, Kind.ANGLE]
    assert Rectangle(0.15, 0.09).parameters == ()
    assert Fixed((BAR,)).parameters == ()


@each_atom
def test_shape_of_values_is_the_shape_of_the_names(atom):
    values = some_values(atom)
    named = atom.named_shape(**{p.name: values[:, i] for i, p in enumerate(atom.parameters)})
    assert torch.equal(atom.shape(values).fourier(3.0, 14.0), named.fourier(3.0, 14.0))
    assert atom.shape(values).area.shape == (5,)


def test_fixed_parameters_may_be_given_another_value():
    assert float(Rectangle((0.15, 0.35), 0.09).named_shape(length=0.2, width=0.1).area) == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give length, angle"),
        ({"length": 0.2, "radius": 0.1}, "unknown: radius"),
        ({"length": 0.2, "angle": 30.0}, r"angle is 30, more than a whole turn.*math\.radians\(30\)"),
        ({"length": 0.2, "angle": np.array([0.1, -45.0])}, "angle is -45"),
        ({"length": np.array([0.2, -0.2]), "angle": 0.1}, "length is -0.2; lengths are positive"),
    ],
)
def test_parameters_are_asked_for_by_name(given, said):
    with pytest.raises(InputError, match=said):
        FREE["fin"].named_shape(**given)


@pytest.mark.cross_check
@pytest.mark.parametrize("name", [name for name, atom in FREE.items() if atom.growth])
def test_the_walls_of_a_grown_pillar_have_moved_outwards_by_as_much(name):
    """Against the outline that the geometry library moves, corners kept sharp. The ends of the axes of
    an ellipse move by as much, the rest by less: 3 % of it on average was found for these proportions. Round
    joints of the library are polygons, which costs 1.3e-4."""
    atom, by = FREE[name], 0.004
    for values in some_values(atom):
        outer, *holes = (shapely.Polygon(polygon) for polygon in atom.shape(values).outline(1e-6))
        moved = outer.buffer(by, join_style="mitre", mitre_limit=10)
        for hole in holes:
            moved = moved - hole.buffer(-by, join_style="mitre", mitre_limit=10)
        shell, *inner = (shapely.Polygon(polygon) for polygon in atom.grown(values, by).outline(1e-6))
        found = shell.difference(shapely.union_all(inner))
        left = found.symmetric_difference(moved).area / (found.length * by)
        assert left < (0.05 if name == "ellipse" else 2e-4)


def test_polygons_of_a_list_cannot_grow():
    with pytest.raises(InputError, match="kind fixed have no lengths"):
        FREE["fixed"].grown(some_values(FREE["fixed"]), 0.01)


@pytest.mark.closed_form
def test_gradient_goes_through_a_family():
    values = some_values(FREE["rectangle"]).requires_grad_()
    (slope,) = torch.autograd.grad(FREE["rectangle"].shape(values).area.sum(), values)
    assert torch.allclose(slope[:, 0], values[:, 1], rtol=1e-14, atol=0)
    assert slope[:, 2].abs().max() < 1e-15


def transforms(shape, matrix):
    k = torch.linspace(-40, 40, 9, dtype=torch.float64)
    kx, ky = torch.meshgrid(k, k + 1, indexing="ij")
    (a, b), (c, d) = matrix
    return shape.fourier(a * kx + c * ky, b * kx + d * ky)


@pytest.mark.closed_form
@each_atom
def test_image_is_the_values_of_the_image(atom):
    values = some_values(atom)
    for operation in atom.symmetry:
        image = atom.shape(atom.image(values, operation))
        # An image M of a shape has the transform F(Mᵀk).
        expected = transforms(atom.shape(values), operation.matrix)
        assert (transforms(image, np.eye(2)) - expected).abs().max() < 1e-14
        assert np.array_equal(atom.image(values.numpy(), operation), atom.image(values, operation).numpy())


@each_atom
def test_images_stay_within_the_limits(atom):
    values = some_values(atom, count=50)
    for operation in atom.symmetry:
        images = atom.image(values, operation)
        for i, parameter in enumerate(atom.parameters):
            assert bool(((images[:, i] >= parameter.low) & (images[:, i] <= parameter.high)).all())


DIAGONALS = Symmetry.HALF_TURN | Symmetry.MIRROR_DIAGONAL | Symmetry.MIRROR_ANTIDIAGONAL


@pytest.mark.closed_form
@pytest.mark.parametrize(
    ("atom", "expected"),
    [
        (Circle((0.05, 0.17)), Symmetry.ALL),
        (Ring(0.2, (0.05, 0.1)), Symmetry.ALL),
        (Square(0.2), Symmetry.ALL),
        (Square(0.2, 0.3), Symmetry.HALF_TURN | Symmetry.QUARTER_TURN),
        (Square(0.2, (0, 0.3)), Symmetry.HALF_TURN | Symmetry.QUARTER_TURN),
        (Square(0.2, (-0.3, 0.3)), Symmetry.ALL),
        (Rectangle(0.3, 0.1), Symmetry.TWO_MIRRORS),
        (Rectangle((0.1, 0.3), (0.1, 0.3)), Symmetry.ALL),
        (Rectangle((0.1, 0.3), (0.1, 0.2)), Symmetry.TWO_MIRRORS),
        (Rectangle(0.3, 0.1, math.pi / 4), DIAGONALS),
        (Rectangle(0.3, 0.1, 0.3), Symmetry.HALF_TURN),
        (Rectangle(0.3, 0.1, (0, math.pi)), Symmetry.ALL),
        (Rectangle(0.3, 0.1, (-0.2, 0.2)), Symmetry.TWO_MIRRORS),
        (LShape(0.3, 0.1), Symmetry.MIRROR_Y),
        (LShape(0.3, 0.1, math.pi / 4), Symmetry.MIRROR_DIAGONAL),
        (LShape(0.3, 0.1, (0, 2 * math.pi)), Symmetry.ALL),
        (Fixed((BAR,)), Symmetry.TWO_MIRRORS),
        (Fixed((L_SHAPE,)), Symmetry.NONE),
        (Fixed((L_SHAPE, *MIRRORED_L.values())), Symmetry.TWO_MIRRORS),
    ],
)
def test_symmetry_is_what_the_family_is_closed_under(atom, expected):
    assert atom.symmetry == expected


def test_images_that_are_not_in_the_family_are_refused():
    with pytest.raises(InputError, match=r"MIRROR_X of a rectangle .* free the angle"):
        Rectangle((0.2, 0.3), 0.1, 0.3).image(np.array([0.2]), Symmetry.MIRROR_X)
    with pytest.raises(InputError, match="MIRROR_Y of polygon 0 is not among the 1 polygons"):
        Fixed((L_SHAPE,)).image(np.zeros(0), Symmetry.MIRROR_Y)
    with pytest.raises(InputError, match="free the angle"):
        Rectangle((0.2, 0.3), 0.1, 0.3).feature_parity(2)


@pytest.mark.closed_form
@each_atom
def test_features_are_even_or_odd_as_they_say(atom):
    values = some_values(atom)
    features, parity = atom.features(values, 4), torch.from_numpy(atom.feature_parity(4))
    assert parity.shape == (features.shape[-1], 4)
    for column, operation in enumerate(MIRROR_IMAGES):
        images = atom.features(atom.image(values, operation), 4)
        # An angle is π within one rounding: some 1e-15 in functions of its eightfold.
        assert torch.allclose(images, parity[:, column] * features, rtol=0, atol=1e-14)


@each_atom
def test_features_are_independent_of_each_other(atom):
    features = atom.features(some_values(atom, count=300), 3).numpy()
    scaled = features / np.linalg.norm(features, axis=0)
    assert np.linalg.svd(scaled, compute_uv=False)[-1] > 1e-3


@pytest.mark.closed_form
@pytest.mark.parametrize("name", ["square", "ellipse", "rectangle", "fin", "cross", "l_shape"])
def test_features_have_the_period_of_the_shape(name):
    check_period(FREE[name])


def check_period(atom):
    values = some_values(atom)
    turned = values.clone()
    turned[:, atom.position("angle")] += atom.period
    assert torch.allclose(atom.features(turned, 4), atom.features(values, 4), rtol=0, atol=1e-14)


@pytest.mark.cross_check
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_features_of_a_circle_are_those_that_shipped_models_are_made_of(dtype):
    """r·T_m(x) of the scaled radius x, by the recursion of the polynomials: to the last digit."""
    radii = torch.rand(7, 9, dtype=dtype) * 0.17
    radii[0] = 0
    x = (2 * radii - (0.051 + 0.168)) / (0.168 - 0.051)
    terms = [torch.ones_like(x), x]
    while len(terms) < 6:
        terms.append(2 * x * terms[-1] - terms[-2])
    expected = torch.stack(terms, -1) * (radii / 0.168)[..., None]
    assert torch.equal(Circle((0.05, 0.17)).within([(0.051, 0.168)]).features(radii[..., None], 6), expected)


@each_atom
def test_functions_of_lower_degree_come_first(atom):
    values = some_values(atom)
    few = atom.functions(values, 2)
    assert torch.equal(atom.functions(values, 4)[..., : few.shape[-1]], few)


def test_features_vanish_with_the_pillar():
    assert not Circle((0.05, 0.17)).features(torch.zeros(3, 1), 5).any()
    assert not FREE["rectangle"].features(torch.zeros(3, 3), 3).any()


ROOM = [
    (Circle((0.05, 0.2)), Lattice.square(0.4), None),
    (Circle((0.05, 0.2001)), Lattice.square(0.4), "radius 0.2001 overlap.*0.4 apart"),
    (Circle((0.05, 0.2001)), Lattice.hexagonal(0.4), "0.4 apart"),
    (Circle((0.05, 0.2)), Lattice.hexagonal(0.4), None),
    (Circle(0.2), Lattice((0.8, 0.4), ((-0.25, 0), (0.25, 0.1))), None),
    (Ring((0.15, 0.21), 0.1), Lattice.square(0.4), "outer 0.21, inner 0.1"),
    (Square(0.4), Lattice.square(0.4), None),
    (Square(0.41), Lattice.square(0.4), "width 0.41 overlap at"),
    (Square(0.4, (0.0, math.pi / 2)), Lattice.square(0.4), "all round"),
    (Square(0.28, (0.0, math.pi / 2)), Lattice.square(0.4), None),
    (Rectangle((0.1, 0.6), 0.1), Lattice.rectangular(0.7, 0.2), None),
    (Rectangle((0.1, 0.6), 0.1, math.pi / 2), Lattice.rectangular(0.7, 0.2), "overlap at"),
    (Rectangle(0.45, 0.1, math.pi / 4), Lattice.square(0.4), None),
    (Rectangle(0.45, 0.1), Lattice.square(0.4), "length 0.45, width 0.1 overlap at"),
    (Rectangle(0.45, 0.1, (0.7, 0.9)), Lattice.square(0.4), None),
    (Rectangle(0.45, 0.1, (0.0, 0.9)), Lattice.square(0.4), "overlap at"),
    (Rectangle(0.45, 0.1, (0.0, math.pi)), Lattice.square(0.4), "all round"),
    (Rectangle(0.38, 0.1, (0.0, math.pi)), Lattice.square(0.4), None),
    (Ellipse(0.6, 0.2), Lattice.rectangular(0.6, 0.2), None),
    (Ellipse(0.6, 0.2), Lattice.rectangular(0.59, 0.2), "overlap at"),
    (Cross(0.42, 0.1), Lattice.square(0.4), "overlap at"),
    (LShape(0.4, 0.1, math.pi / 4), Lattice.square(0.4), None),
    (LShape(0.42, 0.1, math.pi / 4), Lattice.square(0.4), "overlap at"),
    (LShape(0.4, 0.1, (0.0, 2 * math.pi)), Lattice.square(0.4), "all round"),
    (Fixed((BAR, L_SHAPE)), Lattice.square(0.29), "any of the 2 polygons overlap at"),
    (Fixed((BAR, L_SHAPE)), Lattice.square(0.31), None),
]


@pytest.mark.parametrize(("atom", "lattice", "said"), ROOM)
def test_lattice_has_room_for_every_value_or_is_refused(atom, lattice, said):
    if said is None:
        atom.check_room(lattice)
        return
    with pytest.raises(InputError, match=said):
        atom.check_room(lattice)


@pytest.mark.parametrize(
    ("table", "atom"),
    [
        ({"kind": "circle", "radius": [0.05, 0.17]}, Circle((0.05, 0.17))),
        (
            {"kind": "rectangle", "length": [0.15, 0.35], "width": 0.09, "angle_deg": [0, 180]},
            Rectangle((0.15, 0.35), 0.09, (0.0, math.pi)),
        ),
        ({"kind": "square", "width": 0.2, "angle_deg": 45}, Square(0.2, math.pi / 4)),
        ({"kind": "fixed", "polygons": [[list(corner) for corner in BAR]]}, Fixed((BAR,))),
    ],
)
def test_atom_is_read_from_a_table(table, atom):
    assert read_atom(table) == atom


@each_atom
def test_description_is_read_back(atom):
    assert read_atom(atom.described) == atom
    assert hash(read_atom(atom.described)) == hash(atom)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"kind": "star"}, "atom kind is 'star'; known: circle, cross, ellipse"),
        ({"length": 0.2}, "atom has no kind; known: circle"),
        ({"kind": "circle", "radius": [0.17, 0.05]}, "radius is .*must increase"),
        ({"kind": "square", "width": 0.1, "angle": [0, 90]}, "angle is 90, more than a whole turn"),
        ({"kind": "fixed", "polygons": [[0, 0], [1, 1], [1, 0]]}, "polygons is one polygon"),
        ({"kind": "circle", "radius": [0.05, 0.17, 0.2]}, "a fixed parameter"),
        ({"kind": "circle", "radius": "0.1"}, "a fixed parameter"),
        ({"kind": "circle", "radius": 0}, "lengths are positive"),
        ({"kind": "circle", "radius": [0.1, math.inf]}, "radius is"),
        ({"kind": "circle", "width": 0.1}, "unknown key 'width'"),
        ({"kind": "circle"}, "'radius' is missing"),
        ({"kind": "ring", "outer": [0.1, 0.2], "inner": [0.05, 0.15]}, "inner is"),
        ({"kind": "cross", "length": [0.1, 0.2], "width": 0.15}, "width is 0.15"),
        ({"kind": "l_shape", "length": [0.1, 0.2], "width": 0.15}, "width is 0.15"),
        ({"kind": "fixed", "polygons": []}, "polygons is empty"),
        ({"kind": "fixed", "polygons": [[[0, 0], [1, 1]]]}, "three corners"),
        ({"kind": "fixed", "polygons": [[[0, 0], [1, 1], [1, 0], [0, 1]]]}, "crosses or touches itself"),
        (
            {"kind": "rectangle", "length": 0.2, "width": 0.1, "angle": 0.1, "angle_deg": 3},
            "give one of them",
        ),
    ],
)
def test_impossible_atoms_are_refused(table, said):
    with pytest.raises(InputError, match=said):
        read_atom(table)


@checked
class Wedge(Family):
    """A triangle, symmetric about the x axis at angle 0: what a user would write."""

    kind: ClassVar[str] = "wedge"
    size = ("length",)

    length: Length
    angle: tuple[float, float] = (0.0, 2 * math.pi)

    def build(self, length, angle):
        corners = torch.tensor([[-0.5, -0.3], [0.5, 0], [-0.5, 0.3]], dtype=torch.float64)
        return shapes.Polygon(corners * length[..., None, None], angle)


def test_own_atom_is_one_class():
    atom = Wedge((0.1, 0.2))
    assert read_atom(atom.described) == atom
    test_image_is_the_values_of_the_image(atom)
    test_features_are_even_or_odd_as_they_say(atom)
    check_period(atom)


@pytest.mark.parametrize("end", [math.pi, 3.1416, 3.14159, 3.1415])
def test_pi_of_a_few_digits_is_half_a_turn(end):
    fin = Rectangle((0.1, 0.2), 0.1, (0.0, end))
    assert fin.turns_round(fin.parameters[1])
    assert Symmetry.MIRROR_X in fin.symmetry
    platform = mg.Platform(lattice=Lattice.square(0.4), atom=fin)
    assert random_layout(platform, 4, seed=1).has_mirror_planes


def test_an_angle_short_of_half_a_turn_by_a_degree_does_not_turn_round():
    fin = Rectangle((0.1, 0.2), 0.1, (0.0, math.pi - math.radians(1)))
    assert not fin.turns_round(fin.parameters[1])
    assert Symmetry.MIRROR_X not in fin.symmetry
