"""Layouts of any meta-atom in any light: Meep against itself on turned and mirrored ones, and RCWA."""

import math
from dataclasses import replace

import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import MismatchError
from metagen.base.norms import relative_error
from metagen.device import Illumination, Lattice
from metagen.device.atoms import Circle, Rectangle
from metagen.device.shapes import Polygon
from metagen.fdtd import Numerics, simulate
from metagen.fdtd.beam import Beam
from metagen.fdtd.calibration import calibrate, lights
from metagen.fdtd.layout_scene import aperture_grid, layout_scene, usable_mirrors
from metagen.fdtd.plan import TaskCost
from metagen.fdtd.solids import Pillar
from metagen.fdtd.task import Task
from metagen.fdtd.validation import compare_with_rcwa, rcwa_field, unit_cell
from metagen.rcwa import make_cell

pytestmark = pytest.mark.meep

FINS = mg.Platform(
    lattice=Lattice.square(0.43),
    atom=Rectangle(length=0.41, width=0.085, angle=(0.0, math.pi)),
    height=0.6,
    pillar=2.4,
    substrate=1.46,
)
POSTS = mg.Platform(
    lattice=Lattice.hexagonal(0.4), atom=Circle(radius=(0.05, 0.15)), height=0.5, pillar=2.0, substrate=1.45
)
NUMERICS = Numerics(0.66, 8, decay=1e-2)
X, Y = Illumination(0.66, "x"), Illumination(0.66, "y")
ANGLES = np.random.default_rng(1).uniform(0, math.pi, (2, 3))


def fins(angles):
    return mg.Layout(FINS, {"angle": np.asarray(angles) % math.pi})


@pytest.mark.cross_check
def test_a_layout_turned_by_90_degrees_in_y_light_has_the_turned_field_of_x_light():
    field = simulate(fins(ANGLES), NUMERICS, X).field
    turned = simulate(fins(ANGLES.T[::-1] + math.pi / 2), NUMERICS, Y).field  # (x, y) → (−y, x)
    along_x, along_y, along_z = np.moveaxis(np.swapaxes(field, 0, 1)[::-1], -1, 0)
    expected = np.stack([-along_y, along_x, along_z], axis=-1)
    # Measured 1e-5 with prisms: Meep shares out boundaries to a hundredth of a pixel. Another polarisation
    # or turn is off by more than 1.
    assert relative_error(turned, expected) < 1e-4


@pytest.mark.cross_check
def test_a_mirrored_layout_has_the_mirrored_field():
    field = simulate(fins(ANGLES), NUMERICS, Y).field
    mirrored = simulate(fins(-ANGLES[::-1]), NUMERICS, Y).field
    assert relative_error(mirrored, field[::-1] * [-1, 1, 1]) < 1e-4


@pytest.mark.cross_check
@pytest.mark.parametrize("light", [X, Y])
@pytest.mark.parametrize(("axis", "name"), [(0, "mirror-x"), (1, "mirror-y")])
def test_one_mirror_alone_changes_nothing(axis, name, light):
    half = ANGLES if axis else ANGLES.T
    layout = fins(np.concatenate([half, -np.flip(half, axis)], axis))
    mirrored = simulate(layout, NUMERICS, light)
    whole = simulate(layout, NUMERICS, light, mirrors=False)
    assert (mirrored.symmetry, whole.symmetry) == (name, "none")
    # Fields are stored in single precision.
    np.testing.assert_allclose(mirrored.field, whole.field, rtol=0, atol=1e-6 * np.abs(whole.field).max())


def test_circular_and_tilted_light_use_only_the_mirrors_that_they_have():
    layout = fins(np.zeros((2, 2)))
    tilted = Illumination(0.66, "y", polar=0.2)
    assert usable_mirrors(layout, X) == usable_mirrors(layout, Y) == (True, True)
    assert usable_mirrors(layout, Illumination(0.66, "left")) == (False, False)
    assert usable_mirrors(layout, tilted) == (False, True)
    diamond = fins([[math.pi / 4]])
    assert usable_mirrors(diamond, X) == (False, False)


def test_a_corner_on_a_mirror_plane_stops_that_mirror_in_a_finite_layout():
    shape = Rectangle(length=0.2, width=0.2, angle=math.pi / 4).named_shape()
    assert Pillar(shape, (0.0, 0.3)).has_corner_on_mirror(0, math.inf)
    assert not Pillar(shape, (0.1, 0.3)).has_corner_on_mirror(0, math.inf)
    assert Pillar(shape, (0.5, 0.3)).has_corner_on_mirror(0, 1.0)
    assert not Pillar(shape, (0.5, 0.3)).has_corner_on_mirror(0, math.inf)


@pytest.mark.cross_check
@pytest.mark.slow
def test_the_middle_of_a_large_uniform_hexagonal_patch_has_the_field_of_rcwa():
    """Measured 0.0047, and 0.025 with 9 × 5 cells: what is left comes from the edge of the patch."""
    light, radius = Illumination(0.8, "y"), 0.11
    present = np.ones((15, 9, 2), dtype=bool)
    present[-1, :, 1] = present[:, -1, 1] = False  # now the patch has both mirrors
    layout = mg.Layout(POSTS, np.full((15, 9, 2), radius), present=present)
    near = simulate(layout, Numerics(0.8, 10), light)
    assert near.symmetry == "mirror-xy"
    n, m = near.cell_samples
    middle = near.field[7 * n : 8 * n, 4 * m : 5 * m]
    assert relative_error(middle, rcwa_field(unit_cell(POSTS, 0.8, {"radius": radius}), light)) < 0.01


def test_pillars_that_reach_over_the_outermost_cells_keep_their_margin():
    """Half of the pillars of the second site of a hexagonal lattice stand on the edge of the aperture."""
    beam = Beam(Numerics(0.55, 10))
    layout = mg.Layout(POSTS, np.full((3, 2, 2), 0.15))
    scene = layout_scene(layout, beam)
    edge = np.array(scene.grid.lateral) / 2 - scene.grid.pml
    outermost = max(
        scene.grid.at(np.array(pillar.site))[0] + 0.15 / scene.grid.pixel for pillar in scene.pillars
    )
    assert edge[0] - outermost >= 0.1 / scene.grid.pixel - 1e-9


def test_sites_without_a_pillar_are_bare_substrate():
    present = np.ones((3, 3), dtype=bool)
    present[0, 0] = present[2, 1] = False
    layout = mg.Layout(FINS, {"angle": np.zeros((3, 3))}, present=present)
    scene = layout_scene(layout, Beam(NUMERICS))
    assert len(scene.pillars) == 7
    none = layout.with_values({"angle": np.zeros((3, 3))}, present=np.zeros((3, 3), dtype=bool))
    assert aperture_grid(none, Beam(NUMERICS)) == scene.grid


def test_a_mirror_that_a_device_lacks_is_not_counted_on():
    """What a simulation will cost: each mirror halves its voxels."""
    numerics = Numerics(0.66, 8)
    none, both = (TaskCost.of(Task(fins(a), Beam(numerics, Y))).voxels for a in (ANGLES, np.zeros((2, 3))))
    assert none == aperture_grid(fins(ANGLES), Beam(numerics)).voxels
    assert both == none // 4


def test_platforms_without_the_diagonal_mirror_are_calibrated_in_x_and_y_light():
    upright = replace(FINS, atom=Rectangle(length=(0.2, 0.41), width=0.085))
    assert [light.polarisation for light in lights(upright, 0.66)] == ["x", "y"]
    assert [light.polarisation for light in lights(POSTS, 0.66)] == ["x", "y"]
    assert [light.polarisation for light in lights(mg.Platform(), 0.66)] == ["x"]


@pytest.mark.slow
def test_a_calibration_of_fins_is_better_than_half_the_compensation(monkeypatch):
    monkeypatch.setattr("metagen.fdtd.calibration.CELLS", 3)
    upright = replace(FINS, atom=Rectangle(length=(0.2, 0.41), width=0.085))
    found = calibrate(upright, Numerics(0.66, 10))
    assert {cell.light for cell in found.cells} == {"x", "y"}
    cells = [cell.parameters for cell in found.cells[:3]]
    beams = [Beam(Numerics(0.66, 10), light) for light in (X, Y)]
    half = [cell.relative_error for cell in compare_with_rcwa(upright, beams, cells)]
    assert found.mean_error < np.mean(half)


def test_equal_pillars_share_one_shape():
    scene = layout_scene(fins([[0.1, 0.2], [0.2, 0.1]]), Beam(NUMERICS))
    assert len({id(pillar.shape) for pillar in scene.pillars}) == 2


@pytest.mark.cross_check
def test_an_endless_layout_of_absorbing_fins_in_y_light_has_the_field_of_rcwa():
    """0.002 is what is asked for of periodic cells; without loss the field is off by 0.5."""
    dark = replace(FINS, pillar=2.4 + 0.2j)
    near = simulate(mg.Layout(dark, {"angle": [[0.4]]}), Numerics(0.66, 16), Y, periodic=True)
    assert relative_error(near.field, rcwa_field(unit_cell(dark, 0.66, {"angle": 0.4}), Y)) < 0.002


def bare_substrate(light, pixels):
    """Amplitude over a bare 3 × 3 aperture, over the true one: [X, Y]."""
    bare = mg.Layout(FINS, {"angle": np.zeros((3, 3))}, present=np.zeros((3, 3), dtype=bool))
    near = simulate(bare, Numerics(0.66, pixels, margin=0.5, pml=0.5, decay=1e-4), light)
    cell = make_cell(Polygon([(0, 0), (0.1, 0), (0, 0.1)]), period=0.43, height=0.6, pillar=1, substrate=1.46)
    true = rcwa_field(cell, light)[0, 0]  # a plane wave: its amplitude is the same everywhere
    return np.linalg.norm(near.field, axis=-1) / np.linalg.norm(true)


@pytest.mark.cross_check
@pytest.mark.parametrize(("polarisation", "azimuth"), [("y", 0.0), ("x", math.pi / 4)])
def test_tilted_light_on_an_aperture_is_as_uniform_as_a_plane_wave(polarisation, azimuth):
    """Measured: within 6e-4; 0.04 where the source has no phase of its own in the absorbers."""
    light = Illumination(0.66, polarisation, polar=math.radians(10), azimuth=azimuth)
    amplitude = bare_substrate(light, pixels=10)
    assert np.abs(amplitude / amplitude.mean() - 1).max() < 1e-3
    # The grid's own error is that of light along z: 0.0026 here, and it falls with the square of the pixel.
    assert amplitude.mean() == pytest.approx(bare_substrate(X, pixels=10).mean(), abs=3e-4)


@pytest.mark.convergence
@pytest.mark.slow
def test_the_amplitude_of_tilted_light_is_right_to_a_thousandth_on_a_fine_grid():
    light = Illumination(0.66, "y", polar=math.radians(10))
    coarse, fine = (bare_substrate(light, pixels).mean() - 1 for pixels in (10, 20))
    assert abs(fine) < 1e-3  # measured 8.6e-4
    assert coarse / fine == pytest.approx(4, rel=0.3)  # second order; measured 3.1, the absorbers count here


def test_light_of_another_wavelength_than_the_numerics_is_refused():
    with pytest.raises(MismatchError, match=r"light has the wavelength 0\.633"):
        simulate(fins(ANGLES), NUMERICS, Illumination(0.633))
