"""The one geometry: transforms, areas, outlines, normals, symmetries."""

import math

import numpy as np
import pytest
import scipy.special
import shapely
import torch

from metagen.base.errors import InputError
from metagen.base.tensors import reduced_bessel
from metagen.device.shapes import Difference, Ellipse, Polygon
from metagen.device.symmetry import Symmetry

EXACT = 1e-14
"""Of an area: some 50 roundings of double precision."""
RECTANGLE = [[-0.15, -0.05], [0.15, -0.05], [0.15, 0.05], [-0.15, 0.05]]
SQUARE = [[-0.1, -0.1], [0.1, -0.1], [0.1, 0.1], [-0.1, 0.1]]
L_SHAPE = [[-0.1, -0.15], [0.1, -0.15], [0.1, -0.05], [0.0, -0.05], [0.0, 0.15], [-0.1, 0.15]]
SHAPES = {
    "circle": Ellipse(0.14, 0.14),
    "ellipse": Ellipse(0.2, 0.1, 0.3),
    "moved ellipse": Ellipse(0.2, 0.1, 0.3, (0.05, -0.02)),
    "rectangle": Polygon(RECTANGLE),
    "turned rectangle": Polygon(RECTANGLE, 0.7),
    "L": Polygon(L_SHAPE),
    "moved L": Polygon(L_SHAPE, -1.1, (0.03, 0.04)),
    "ring": Difference(Ellipse(0.2, 0.2), Ellipse(0.08, 0.08)),
    "frame": Difference(Polygon(RECTANGLE, 0.2), Ellipse(0.1, 0.03, 0.2)),
}
each_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def wave_vectors():
    """Reciprocal vectors of a cell of 0.45, and others that lie on no grid."""
    grid = torch.arange(-9, 10, dtype=torch.float64) * (2 * math.pi / 0.45)
    return grid[:, None] + 0.1, grid[None, :] - 0.2


@pytest.mark.cross_check
@each_shape
def test_transform_is_that_of_the_pixels(shape):
    side, points = 0.6, 1500
    axis = (torch.arange(points, dtype=torch.float64) + 0.5) * (side / points) - side / 2
    inside = shape.contains(axis[:, None], axis[None, :]).to(torch.complex128) * (side / points) ** 2
    for kx, ky in [(0.0, 0.0), (14.0, 0.0), (0.0, -28.0), (14.0, 42.0), (-3.0, 1.0)]:
        pixels = torch.exp(-1j * kx * axis) @ inside @ torch.exp(-1j * ky * axis)
        # Half a pixel (0.2 nm) along the whole boundary (0.8) at worst: where edges lie on lines of pixels.
        assert shape.fourier(kx, ky) == pytest.approx(complex(pixels), abs=1.6e-4)


@pytest.mark.closed_form
def test_transform_of_a_circle_is_a_bessel_function():
    kx, ky = wave_vectors()
    k = torch.hypot(*torch.broadcast_tensors(kx, ky)).numpy()
    expected = 2 * math.pi * 0.14 * scipy.special.j1(k * 0.14) / k
    found = SHAPES["circle"].fourier(kx, ky).numpy()
    assert np.abs(found - expected).max() < EXACT * math.pi * 0.14**2


@pytest.mark.closed_form
@pytest.mark.parametrize("angle", [0.0, 0.7, math.pi / 2, -2.0])
def test_transform_of_a_rectangle_is_a_product_of_sincs(angle):
    kx, ky = wave_vectors()
    along = kx * math.cos(angle) + ky * math.sin(angle)
    across = ky * math.cos(angle) - kx * math.sin(angle)
    expected = (
        0.3 * torch.special.sinc(along * 0.15 / math.pi) * 0.1 * torch.special.sinc(across * 0.05 / math.pi)
    )
    found = Polygon(RECTANGLE, angle).fourier(kx, ky)
    # Of the square of the length, which the edges are summed in: k·e goes up to 60.
    assert (found - expected).abs().max() < EXACT * 0.3**2


@pytest.mark.closed_form
@pytest.mark.parametrize(
    "size", [0.0, 1e-200, 1e-100, 1e-12, 1e-8, 1e-5, 1e-3, 0.1, 1.0, 3.0, 4.99, 5.01, 10.0]
)
@pytest.mark.parametrize("direction", [0.0, math.pi / 2, 0.7, 0.7 + math.pi / 2, 0.7 + 1e-9, 2.0])
def test_transform_of_a_rectangle_is_exact_for_small_k_and_along_its_edges(size, direction):
    kx, ky = size * math.cos(direction), size * math.sin(direction)
    along, across = size * math.cos(direction - 0.7), size * math.sin(direction - 0.7)
    expected = 0.03 * np.sinc(along * 0.15 / math.pi) * np.sinc(across * 0.05 / math.pi)
    found = complex(Polygon(RECTANGLE, 0.7).fourier(kx, ky))
    assert abs(found - expected) < EXACT * 0.03


@pytest.mark.closed_form
@each_shape
def test_transform_at_zero_is_the_area(shape):
    assert complex(shape.fourier(0.0, 0.0)) == pytest.approx(float(shape.area), rel=EXACT, abs=0)


@pytest.mark.closed_form
@each_shape
def test_transform_grows_smoothly_out_of_zero(shape):
    """Between the power series and the sum over edges there is no step."""
    k = torch.linspace(0, 12, 4001, dtype=torch.float64)
    value = shape.fourier(k * 0.8, -k * 0.6)
    # Third differences of a function with the band limit 0.25: (0.003·0.25)³·area, below the rounding.
    assert value.diff(n=3).abs().max() < 1e-9 * float(shape.area)


@pytest.mark.closed_form
def test_turning_a_shape_is_turning_k():
    kx, ky = torch.broadcast_tensors(*wave_vectors())
    cosine, sine = math.cos(0.4), math.sin(0.4)
    for shape, turned in (
        (Polygon(L_SHAPE), Polygon(L_SHAPE, 0.4)),
        (Ellipse(0.2, 0.1, 0.3), Ellipse(0.2, 0.1, 0.7)),
    ):
        expected = shape.fourier(cosine * kx + sine * ky, cosine * ky - sine * kx)
        assert (turned.fourier(kx, ky) - expected).abs().max() < 2 * EXACT * 0.1


@pytest.mark.closed_form
def test_moving_a_shape_is_a_phase():
    kx, ky = wave_vectors()
    phase = torch.exp(-1j * (0.05 * kx - 0.3 * ky))
    for shape, moved in (
        (Polygon(L_SHAPE), Polygon(L_SHAPE, centre=(0.05, -0.3))),
        (Ellipse(0.2, 0.1), Ellipse(0.2, 0.1, centre=(0.05, -0.3))),
    ):
        assert (moved.fourier(kx, ky) - phase * shape.fourier(kx, ky)).abs().max() < 10 * EXACT * 0.1


def test_batch_is_each_alone_and_comes_before_the_wave_vectors():
    kx, ky = wave_vectors()
    angles, lengths = torch.linspace(0, 3, 4, dtype=torch.float64), torch.tensor([0.0, 0.1, 0.2, 0.3])
    corners = torch.tensor(RECTANGLE, dtype=torch.float64)
    batch = Polygon(corners * lengths[:, None, None], angles[None, :, None].squeeze(-1).expand(3, 4))
    assert batch.fourier(kx, ky).shape == (3, 4, 19, 19)
    alone = Polygon(corners * lengths[2], angles[2]).fourier(kx, ky)
    assert torch.equal(batch.fourier(kx, ky)[1, 2], alone)
    assert torch.equal(batch.area[:, 0], torch.zeros(3, dtype=torch.float64))


def gradient_errors(build, parameters, k):
    """Relative error of the gradient in every parameter against central differences of fourth order."""
    values = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in parameters]
    weights = torch.exp(1j * torch.arange(len(k), dtype=torch.float64))

    def measured(*given):
        return (build(*given).fourier(k[:, 0], k[:, 1]) * weights).real.sum()

    measured(*values).backward()
    for i, value in enumerate(values):
        step = 1e-3
        at = [
            measured(*(v.detach() + s * step * (j == i) for j, v in enumerate(values)))
            for s in (-2, -1, 1, 2)
        ]
        slope = float((at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * step))
        yield float(value.grad), slope


K = {
    "grid": [[2 * math.pi / 0.45 * m, 2 * math.pi / 0.45 * n] for m in range(-3, 4) for n in range(-3, 4)],
    "zero": [[0.0, 0.0]],
    "small": [[1e-3, 2e-3]],
    "along an edge": [[20 * math.cos(0.3), 20 * math.sin(0.3)], [-20 * math.sin(0.3), 20 * math.cos(0.3)]],
}


def ellipse(a, b, angle, x, y):
    return Ellipse(a, b, angle, (x, y))


def rectangle(length, width, angle, x, y):
    corners = torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=torch.float64)
    return Polygon(corners * torch.stack([length, width]) / 2, angle, (x, y))


@pytest.mark.gradient
@pytest.mark.parametrize("k", K.values(), ids=K)
@pytest.mark.parametrize("build", [ellipse, rectangle])
def test_gradient_is_the_finite_difference(build, k):
    for found, expected in gradient_errors(
        build, (0.3, 0.1, 0.3, 0.02, -0.01), torch.tensor(k, dtype=torch.float64)
    ):
        # The differences of fourth order miss by (k·step)⁴/30 ≈ 2e-6·… of the largest harmonics.
        assert found == pytest.approx(expected, rel=2e-6, abs=1e-9)


@pytest.mark.gradient
@each_shape
@pytest.mark.parametrize("k", K.values(), ids=K)
def test_gradient_in_k_is_the_finite_difference(shape, k):
    at = torch.tensor(k, dtype=torch.float64, requires_grad=True)
    weights = torch.exp(1j * torch.arange(len(k), dtype=torch.float64))

    def measured(kx, ky):
        return (shape.fourier(kx, ky) * weights).real.sum(-1)

    (found,) = torch.autograd.grad(measured(*at.T), at)
    steps = 0.1 * torch.tensor([-2, -1, 1, 2], dtype=torch.float64)[:, None]
    factors = torch.tensor([1, -8, 8, -1], dtype=torch.float64) / (12 * 0.1)
    kx, ky = at.detach().T
    with torch.no_grad():
        slopes = [factors @ measured(kx + steps, ky), factors @ measured(kx, ky + steps)]
    # Differences of fourth order in k·r, r up to 0.25: (0.1·0.25)⁴/30 = 1e-8 of the area times r, for 49 k.
    assert found.sum(0).numpy() == pytest.approx([float(slope) for slope in slopes], abs=1e-8)


@pytest.mark.cross_check
@pytest.mark.parametrize("order", [0.5, 1, 1.5, 2, 3])
def test_reduced_bessel_functions_are_those_of_scipy(order):
    x = np.concatenate([np.geomspace(1e-12, 1, 50), np.linspace(1, 60, 500)])
    expected = math.gamma(order + 1) * (2 / x) ** order * scipy.special.jv(order, x)
    # What scipy's J_ν and the power of a small x are exact to, here up to 1.1e-14.
    assert np.abs(reduced_bessel(torch.from_numpy(x**2), order).numpy() - expected).max() < 2e-14


@pytest.mark.gradient
@pytest.mark.parametrize("k", [(0.0, 0.0), (3.0, 4.0), (20.0, 0.0)])
def test_transforms_have_second_derivatives(k):
    size = torch.tensor([0.2, 0.1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda both: Ellipse(*both).fourier(*k).real, size)
    vertices = torch.tensor(L_SHAPE, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda corners: Polygon(corners).fourier(*k).real, vertices)


@pytest.mark.closed_form
@pytest.mark.parametrize("size", [0.0, 1e-12, 1e-6, 1e-2, 1.0, 5.0, 30.0])
@pytest.mark.parametrize("off_edge", [0.0, 1e-14, 1e-9, 1e-5, 0.1])
def test_gradient_of_a_rectangle_is_that_of_the_sincs(size, off_edge):
    """Where divisions by zero hide: at k = 0, near it, and at k (almost) normal to an edge."""
    kx, ky = size * math.cos(0.3 + off_edge), size * math.sin(0.3 + off_edge)
    values = torch.tensor([0.3, 0.1, 0.3], dtype=torch.float64, requires_grad=True)
    zero = torch.zeros((), dtype=torch.float64)
    (found,) = torch.autograd.grad(rectangle(*values, zero, zero).fourier(kx, ky).real, values)
    length, width = 0.3, 0.1
    along, across = size * math.cos(off_edge), size * math.sin(off_edge)
    s = [np.sinc(along * length / 2 / math.pi), np.sinc(across * width / 2 / math.pi)]
    c = [math.cos(along * length / 2), math.cos(across * width / 2)]

    def slope(k, extent, sinc):
        """Of extent·sinc(k·extent/2) in k."""
        x = k * extent / 2
        return extent * extent / 2 * (-x / 3 + x**3 / 30 if abs(x) < 1e-2 else (math.cos(x) - sinc) / x)

    turn = (
        slope(along, length, s[0]) * across * width * s[1]
        - slope(across, width, s[1]) * along * length * s[0]
    )
    expected = torch.tensor([c[0] * width * s[1], c[1] * length * s[0], turn], dtype=torch.float64)
    # The derivative in the angle goes as k·length³.
    assert (found - expected).abs().max() < 1e-13


@pytest.mark.closed_form
@each_shape
def test_outline_has_the_area_and_keeps_to_the_boundary(shape):
    for tolerance in (1e-2, 1e-3, 1e-5):
        polygons = [shapely.Polygon(polygon) for polygon in shape.outline(tolerance)]
        signed = sum(p.area if p.exterior.is_ccw else -p.area for p in polygons)
        assert signed == pytest.approx(float(shape.area), rel=1e-12, abs=0)
        for polygon in shape.outline(tolerance):
            middles = (polygon + np.roll(polygon, 1, 0)) / 2
            for points in (polygon, middles):
                # The distance from an ellipse is of first order only; within 1 % this close to it.
                assert np.abs(shape.distance(*points.T).numpy()).max() <= 1.05 * tolerance


@pytest.mark.cross_check
@each_shape
def test_normal_is_the_gradient_of_the_distance_at_the_boundary(shape):
    for polygon in shape.outline(1e-6):
        points = (polygon + np.roll(polygon, 1, 0)) / 2
        x, y = (torch.tensor(c, requires_grad=True) for c in points.T)
        gradient = torch.autograd.grad(shape.distance(x + 1e-4, y + 2e-4).sum(), (x, y))
        normal = shape.normal(x + 1e-4, y + 2e-4)
        for g, n in zip(gradient, normal, strict=True):
            # 2e-4 from the boundary, whose radius of curvature is 0.05 at least.
            assert (g - n).abs().max() < 2 * 2e-4 / 0.03


@pytest.mark.closed_form
@each_shape
def test_normal_points_out_of_the_shape(shape):
    for polygon in shape.outline(1e-5):
        x, y = ((polygon + np.roll(polygon, 1, 0)) / 2).T
        nx, ny = (part.numpy() for part in shape.normal(x, y))
        assert np.hypot(nx, ny) == pytest.approx(1, abs=1e-12)
        assert bool(shape.contains(x - 1e-3 * nx, y - 1e-3 * ny).all())
        assert not bool(shape.contains(x + 1e-3 * nx, y + 1e-3 * ny).any())


@each_shape
def test_distance_is_negative_inside_only(shape):
    axis = np.linspace(-0.3, 0.3, 101)
    assert torch.equal(shape.contains(axis[:, None], axis), shape.distance(axis[:, None], axis) < 0)


@each_shape
def test_a_single_point_is_as_good_as_many(shape):
    x, y = np.array([0.05, 0.21, -0.1]), np.array([0.02, 0.2, 0.0])
    for i in range(3):
        for question in (shape.contains, shape.distance, shape.fourier):
            assert question(x[i], y[i]).item() == pytest.approx(question(x, y)[i].item(), rel=1e-14, abs=0)
        single, several = shape.normal(x[i], y[i]), shape.normal(x, y)
        assert torch.allclose(torch.stack(single), torch.stack(several)[:, i], rtol=1e-14, atol=1e-15)


@pytest.mark.cross_check
def test_distance_of_a_polygon_is_that_of_the_geometry_library():
    axis = np.linspace(-0.3, 0.3, 41)
    body = shapely.Polygon(SHAPES["moved L"].outline(1e-3)[0])
    points = shapely.points(*np.meshgrid(axis, axis, indexing="ij"))
    found = SHAPES["moved L"].distance(axis[:, None], axis).abs().numpy()
    assert np.abs(found - shapely.distance(body.exterior, points)).max() < 1e-15


@pytest.mark.cross_check
@each_shape
def test_reach_is_the_farthest_point_of_the_boundary(shape):
    farthest = max(np.hypot(*polygon.T).max() for polygon in shape.outline(1e-7))
    centred = "x" not in vars(shape) or float(shape.x) == 0
    assert (
        farthest == pytest.approx(float(shape.reach), abs=2e-7) if centred else farthest <= float(shape.reach)
    )


@pytest.mark.closed_form
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Ellipse(0.1, 0.1, 0.3), Symmetry.ALL),
        (Ellipse(0.2, 0.1), Symmetry.TWO_MIRRORS),
        (Ellipse(0.2, 0.1, math.pi / 2), Symmetry.TWO_MIRRORS),
        (Ellipse(0.2, 0.1, 0.3), Symmetry.HALF_TURN),
        (
            Ellipse(0.2, 0.1, math.pi / 4),
            Symmetry.HALF_TURN | Symmetry.MIRROR_DIAGONAL | Symmetry.MIRROR_ANTIDIAGONAL,
        ),
        (Ellipse(0.1, 0.1, 0.0, (0.1, 0.0)), Symmetry.MIRROR_Y),
        (Ellipse(0.1, 0.1, 0.0, (0.1, 0.1)), Symmetry.MIRROR_DIAGONAL),
        (Polygon(RECTANGLE), Symmetry.TWO_MIRRORS),
        (Polygon(RECTANGLE, 0.3), Symmetry.HALF_TURN),
        (Polygon(SQUARE), Symmetry.ALL),
        (Polygon(SQUARE, math.pi / 4), Symmetry.ALL),
        (Polygon(SQUARE, 0.3), Symmetry.HALF_TURN | Symmetry.QUARTER_TURN),
        (Polygon(L_SHAPE), Symmetry.NONE),
        (Ellipse([0.1, 0.2], 0.1), Symmetry.TWO_MIRRORS),
        (Difference(Polygon(SQUARE), Ellipse(0.05, 0.03)), Symmetry.TWO_MIRRORS),
    ],
)
def test_symmetry_is_all_there_is(shape, expected):
    assert shape.symmetry == expected


@pytest.mark.closed_form
@each_shape
def test_symmetry_leaves_the_transform_as_it_is(shape):
    kx, ky = torch.broadcast_tensors(*wave_vectors())
    value = shape.fourier(kx, ky)
    for operation in Symmetry.ALL:
        (a, b), (c, d) = operation.matrix
        changed = float((shape.fourier(a * kx + c * ky, b * kx + d * ky) - value).abs().max())
        assert (changed < 1e-12) == (operation in shape.symmetry)


@pytest.mark.closed_form
def test_corners_may_run_clockwise():
    assert float(Polygon(RECTANGLE[::-1]).area) == pytest.approx(0.03, rel=EXACT, abs=0)


def test_repeated_corners_change_nothing():
    padded = Polygon([*RECTANGLE, RECTANGLE[-1], RECTANGLE[-1]])
    kx, ky = wave_vectors()
    assert (padded.fourier(kx, ky) - Polygon(RECTANGLE).fourier(kx, ky)).abs().max() < EXACT * 0.3**2
    assert padded.symmetry == Symmetry.TWO_MIRRORS


@pytest.mark.parametrize(
    ("vertices", "said"),
    [
        ([[0, 0], [0.1, 0.1], [0.1, 0], [0, 0.1]], "crosses or touches itself"),
        ([[0, 0], [0.1, 0.1]], "V ≥ 3"),
        ([[0, 0], [0.1, math.nan], [0.1, 0]], "finite"),
    ],
)
def test_impossible_polygons_are_refused(vertices, said):
    with pytest.raises(InputError, match=said):
        Polygon(vertices)


def test_impossible_ellipses_are_refused():
    with pytest.raises(InputError, match=r"b of an ellipse is -0\.1"):
        Ellipse(0.1, -0.1)


@pytest.mark.closed_form
def test_shapes_without_area_have_a_transform_and_a_gradient():
    size = torch.zeros((), dtype=torch.float64, requires_grad=True)
    kx, ky = wave_vectors()
    for shape in (Ellipse(size, size), Polygon(torch.tensor(RECTANGLE, dtype=torch.float64) * size)):
        value = shape.fourier(kx, ky)
        assert not value.any()
        (slope,) = torch.autograd.grad(value.real.sum(), size)
        assert float(slope) == 0


def test_outlines_need_a_tolerance():
    with pytest.raises(InputError, match="tolerance is 0"):
        Polygon(RECTANGLE).outline(0)


@pytest.mark.closed_form
def test_outlines_of_a_batch_are_those_of_its_shapes():
    """Each with the corners that the largest needs, and with its own area."""
    a, b, turn = np.array([[0.1, 0.2], [0.15, 0.02]]), np.array([0.1, 0.05]), np.array([0.3, -1.0])
    batch = Difference(Ellipse(a, b, turn), Ellipse(a / 2, b / 2, turn))
    outer, inner = batch.outline(1e-4)
    assert outer.shape[:2] == inner.shape[:2] == (2, 2)
    for i, j in np.ndindex(2, 2):
        areas = [shapely.Polygon(polygon[i, j]).area for polygon in (outer, inner)]
        assert areas[0] - areas[1] == pytest.approx(float(batch.area[i, j]), rel=1e-12, abs=0)
        assert not shapely.Polygon(inner[i, j]).exterior.is_ccw
    np.testing.assert_array_equal(outer[0, 1], Ellipse(0.2, 0.05, -1.0).outline(1e-4)[0])


@pytest.mark.closed_form
@pytest.mark.parametrize(
    "shape", [Ellipse(0.2, 0.1, 0.4, (0.05, -0.03)), Polygon([(0, 0), (0.3, 0.1), (-0.1, 0.2)])]
)
def test_the_support_of_a_shape_is_that_of_its_outline(shape):
    angles = np.linspace(0, 2 * np.pi, 7)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    outline = shape.outline(1e-6)[0]
    # The outline keeps within its tolerance of the boundary.
    np.testing.assert_allclose(shape.support(*directions), (outline @ directions).max(0), atol=1e-6)
