"""Forward designs make the waves that they aim at: found by propagating the field behind ideal pillars."""

import math

import numpy as np
import pytest
import torch
from delays import PLATFORM, DelayTable
from plates import FINS, FREE, FREE_FINS, Plates, rectangles

import metagen as mg
from metagen import forward
from metagen.base.errors import InputError, MismatchError
from metagen.device import Symmetry
from metagen.forward.response import bare_jones
from metagen.propagation import angular_spectrum, focal_plane

WAVELENGTH = 0.66


def light(polarisation="x"):
    return mg.Illumination(WAVELENGTH, polarisation)


def intensity(wave, spacing, distance, x, y=0.0, reach=0.0, points=1):
    """[points, points] |E|² around a point; a fixed padding does for the fields of lenses."""
    offsets = torch.linspace(-reach, reach, points, dtype=torch.float64)
    samples = torch.as_tensor(np.ascontiguousarray(wave))
    plane = focal_plane(samples, spacing, WAVELENGTH, distance, x + offsets, y + offsets, padding=4)
    return plane.abs().square().numpy()


def peak(wave, spacing, distance, reach=2.0):
    """x and y of the brightest point of a plane, and its intensity."""
    plane = intensity(wave, spacing, distance, 0.0, 0.0, reach, 81)
    i, j = np.unravel_index(plane.argmax(), plane.shape)
    return reach * (i / 40 - 1), reach * (j / 40 - 1), plane.max()


def perfect(layout, target, spacing, distance):
    """Intensity at a point on the axis behind a device that makes a target exactly, with all light."""
    x, y = np.moveaxis(layout.centres[..., 0, :], -1, 0)
    finer = round(layout.platform.lattice.spacing / spacing)
    cells = target(x, y, 2 * math.pi / WAVELENGTH) * layout.present[..., 0]
    wave = cells.repeat(finer, 0).repeat(finer, 1)
    return 1.46 * intensity(wave, spacing, distance, 0.0)[0, 0]


@pytest.mark.closed_form
@pytest.mark.parametrize(
    ("platform", "polarisation"),
    [(FREE, "x"), (FREE, "y"), (FREE, "left"), (FREE_FINS, "y"), (FREE_FINS, "left"), (FINS, "left")],
)
def test_a_lens_for_any_light_focuses_all_of_it(platform, polarisation):
    target = forward.Focus(6.0)
    aim = forward.Aim(light(polarisation), target)
    layout = forward.matched(platform, aim, 15, responses=[Plates(platform)])
    # The steps between the candidates cost some efficiency, δ²/12 of a phase step δ: 25 lengths are 0.005.
    assert forward.fit(layout, aim, Plates(platform)).efficiency > 0.99
    field = forward.local_field(layout, aim.light, Plates(platform))
    x, y, brightest = peak(field.seen(aim.output(platform.atom)), field.sample_spacing, 6.0)
    assert (x, y) == pytest.approx((0, 0), abs=1e-9)
    assert brightest == pytest.approx(perfect(layout, target, field.sample_spacing, 6.0), rel=0.01)


@pytest.mark.closed_form
@pytest.mark.parametrize(("polarisation", "other"), [("left", "right"), ("right", "left")])
def test_the_geometric_phase_focuses_one_handedness_and_spreads_the_other(polarisation, other):
    target = forward.Focus(3.3863)
    aim = forward.Aim(light(polarisation), target)
    layout = forward.geometric_phase(FINS, aim, 21)
    assert forward.fit(layout, aim, Plates(FINS)).efficiency == pytest.approx(1)
    bright, dim = (
        forward.local_field(layout, light(each), Plates(FINS)).seen(light(becomes).jones)
        for each, becomes in ((polarisation, other), (other, polarisation))
    )
    spacing = FINS.lattice.spacing / 4
    focus = intensity(bright, spacing, 3.3863, 0.0)[0, 0]
    assert focus == pytest.approx(perfect(layout, target, spacing, 3.3863), rel=1e-6)
    # What spreads has about the intensity of what arrives, 1.46.
    assert intensity(dim, spacing, 3.3863, 0.0)[0, 0] < 2 * 1.46 < 0.01 * focus


@pytest.mark.closed_form
def test_the_angles_of_the_published_lens_of_fins_are_half_the_phase():
    """flexcompute/metalens: θ = (π/λ)(f − √(x² + y² + f²)); it focuses x + iy, which is "left"."""
    layout = mg.lens.focusing(FINS, 3.3863, light("left"), 21)
    x, y = np.moveaxis(layout.centres[..., 0, :], -1, 0)
    theta = math.pi / WAVELENGTH * (3.3863 - np.sqrt(x**2 + y**2 + 3.3863**2))
    np.testing.assert_allclose(np.exp(2j * layout["angle"]), np.exp(2j * theta), atol=1e-12)
    mirrored = mg.lens.focusing(FINS, 3.3863, light("right"), 21)
    np.testing.assert_allclose(np.exp(2j * mirrored["angle"]), np.exp(-2j * theta), atol=1e-12)


@pytest.mark.cross_check
@pytest.mark.parametrize(("polarisation", "sense"), [("left", 1), ("right", -1)])
def test_a_fin_that_turns_gives_light_twice_its_angle_as_phase(polarisation, sense):
    """RCWA on the published fin: the sign that decides which light a lens of fins focuses."""
    aim = forward.Aim(light(polarisation), forward.Focus(3.0))
    angles = np.linspace(0, math.pi, 9)[:-1]
    matrices = mg.rcwa.solve(FINS, aim.light, angle=angles, orders=4).jones
    seen = aim.seen(FINS.atom, matrices)
    # A lattice does not turn with its fins: with 9 orders too it changes the phase by 0.13 rad.
    turned = np.angle(seen / seen[0] * np.exp(-2j * sense * angles))
    assert np.abs(turned).max() < 0.2
    assert np.abs(seen).min() > 0.5


@pytest.mark.closed_form
@pytest.mark.parametrize("azimuth_deg", [0, 90, -60])
def test_a_deflector_sends_light_to_its_angle(azimuth_deg):
    azimuth, polar = math.radians(azimuth_deg), math.radians(20)
    aim = forward.Aim(light("y"), forward.Deflection(polar, azimuth))
    layout = forward.matched(FREE, aim, 31, responses=[Plates(FREE)])
    field = forward.local_field(layout, aim.light, Plates(FREE))
    waves = np.fft.fft2(field.seen(light("y").jones), s=(2048, 2048))
    i, j = np.unravel_index(np.abs(waves).argmax(), waves.shape)
    sines = WAVELENGTH * np.fft.fftfreq(2048, field.sample_spacing)[[i, j]]
    # Spots are λ/D = 0.05 wide; the transform has a point every 0.003.
    along = math.sin(polar) * np.array([math.cos(azimuth), math.sin(azimuth)])
    assert sines == pytest.approx(along, abs=0.005)
    assert forward.fit(layout, aim, Plates(FREE)).efficiency > 0.99


@pytest.mark.closed_form
@pytest.mark.parametrize("charge", [1, -2, 3])
def test_the_phase_of_a_vortex_grows_by_its_charge_in_a_turn(charge):
    aim = forward.Aim(light("x"), forward.Vortex(charge, focal_length=8.0))
    layout = forward.matched(FREE, aim, 24, responses=[Plates(FREE)])
    field = forward.local_field(layout, aim.light, Plates(FREE))
    plane = angular_spectrum(torch.from_numpy(field.field[0].copy()), field.sample_spacing, WAVELENGTH, 8.0)
    middle, radius = (plane.shape[0] - 1) / 2, 0.5 / field.sample_spacing
    turn = np.linspace(0, 2 * math.pi, 200)
    places = (np.rint(middle + radius * f(turn)).astype(int) for f in (np.cos, np.sin))
    phase = np.unwrap(np.angle(plane.numpy()[tuple(places)]))
    assert (phase[-1] - phase[0]) / (2 * math.pi) == pytest.approx(charge, abs=1e-6)
    on_axis = intensity(field.field[0], field.sample_spacing, 8.0, 0.0)[0, 0]
    assert on_axis < 1e-3 * peak(field.field[0], field.sample_spacing, 8.0)[2]


@pytest.mark.closed_form
def test_an_axicon_makes_a_line_of_light():
    polar = math.radians(20)
    aim = forward.Aim(light("x"), forward.Axicon(polar))
    layout = forward.matched(FREE, aim, 41, responses=[Plates(FREE)])
    field = forward.local_field(layout, aim.light, Plates(FREE))
    # |E|² on the axis of a cone of waves is 2π·k·z·sin²θ/cosθ for |E|² = 1 that leaves, until R/tan θ = 24.
    for distance in (8.0, 12.0):
        bessel = 1.46 * 2 * math.pi * (2 * math.pi / WAVELENGTH) * distance * math.sin(polar) ** 2
        plane = intensity(field.field[0], field.sample_spacing, distance, 0.0, reach=2.0, points=41)
        i, j = np.unravel_index(plane.argmax(), plane.shape)
        assert (i, j) == (20, 20)
        # The square aperture and the edge make the intensity ripple about that of an infinite cone.
        assert plane.max() == pytest.approx(bessel, rel=0.35)


@pytest.mark.closed_form
def test_two_polarisations_go_to_two_foci():
    aims = [forward.Aim(light(each), forward.Focus(10.0, x=x)) for each, x in (("x", 2.0), ("y", -2.0))]
    layout = forward.matched(FREE, aims, 31, responses=[Plates(FREE)] * 2)
    assert layout.symmetry == Symmetry.MIRROR_Y
    for aim, component, here in zip(aims, (0, 1), (2.0, -2.0), strict=True):
        field = forward.local_field(layout, aim.light, Plates(FREE))
        # 61 steps of either delay: both phases are met within 0.05 rad.
        assert forward.fit(layout, aim, Plates(FREE)).error < 0.05
        wave, spacing = field.field[component], field.sample_spacing
        bright, dark = (intensity(wave, spacing, 10.0, x)[0, 0] for x in (here, -here))
        assert dark < 0.01 * bright
        assert np.abs(field.field[1 - component]).max() < 1e-9 * np.abs(wave).max()


@pytest.mark.closed_form
def test_two_wavelengths_of_circles_are_matched_by_one_call():
    class Slower(DelayTable):
        def __call__(self, radius):
            return super().__call__(radius) ** 2

    aims = [forward.Aim(0.633, forward.Focus(8.0)), forward.Aim(0.8, forward.Focus(8.0))]
    tables = [DelayTable(), Slower(wavelength=0.8)]
    layout = forward.matched(PLATFORM, aims, 21, responses=tables)
    # One phase for two targets: each fits less than alone, and both more than by chance (1/M = 0.002).
    for aim, table in zip(aims, tables, strict=True):
        assert 0.3 < forward.fit(layout, aim, table).efficiency < 0.9


@pytest.mark.cross_check
@pytest.mark.parametrize("polar_deg", [0, 35])
def test_a_site_without_a_pillar_is_bare_substrate(polar_deg):
    """RCWA of pillars made of air is Fresnel's transmission: exact, for nothing is left to truncate."""
    air = mg.Platform(
        lattice=mg.Lattice.rectangular(0.3, 0.35), atom=FREE.atom, height=0.6, pillar=1.0, substrate=1.46
    )
    oblique = mg.Illumination(WAVELENGTH, "x", polar=math.radians(polar_deg), azimuth=0.4)
    exact = mg.rcwa.solve(air, oblique, length=0.1, width=0.1, orders=2).jones
    np.testing.assert_allclose(bare_jones(air, oblique), exact, atol=1e-9)


@pytest.mark.closed_form
def test_tilted_light_is_focused_on_the_axis():
    tilted = mg.Illumination(WAVELENGTH, "x", polar=math.radians(15), azimuth=0.5)
    aim = forward.Aim(tilted, forward.Focus(8.0))
    layout = forward.matched(FREE, aim, 31, responses=[Plates(FREE, tilted)])
    field = forward.local_field(layout, tilted, Plates(FREE, tilted))
    x, y, _ = peak(field.field[0], field.sample_spacing, 8.0)
    assert (x, y) == pytest.approx((0, 0), abs=1e-9)


@pytest.mark.closed_form
def test_a_lens_on_a_hexagonal_lattice_focuses_and_has_both_mirrors():
    platform = rectangles((0.1, 0.3), (0.1, 0.3), lattice=mg.Lattice.hexagonal(0.43))
    aim = forward.Aim(light("y"), forward.Focus(8.0))
    layout = forward.matched(platform, aim, 31, "circle", [Plates(platform)])
    assert Symmetry.TWO_MIRRORS in layout.symmetry
    assert layout.counts == (31, 18)
    assert forward.fit(layout, aim, Plates(platform)).efficiency > 0.99
    field = forward.local_field(layout, aim.light, Plates(platform))
    assert peak(field.field[1], field.sample_spacing, 8.0)[:2] == pytest.approx((0, 0), abs=1e-9)


def test_pillars_that_a_library_makes_brighter_than_the_light_are_not_taken():
    """An error of the library close to a resonance must not attract the design."""

    class Spurious(Plates):
        def __call__(self, length=None, width=None, angle=0.0):
            pole = 1 + 9.0 * (np.abs(np.asarray(length) - 0.2) < 0.01)
            return super().__call__(length, width, angle) * pole[..., None, None]

    aim = forward.Aim(light(), forward.Focus(6.0))
    layout = forward.matched(FREE, aim, 15, responses=[Spurious(FREE)])
    assert (np.abs(layout["length"] - 0.2) > 0.01).all()
    assert forward.fit(layout, aim, Spurious(FREE)).efficiency == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: forward.Deflection(20), "radians"),
        (lambda: forward.Deflection(1.6), "between 0 and π/2"),
        (lambda: forward.Vortex(0), "charge is 0"),
        (lambda: forward.Focus(-1), "greater than 0"),
        (lambda: forward.matched(FREE, forward.Aim(0.66, forward.Deflection(0.9)), 5), "up to 50.1 degrees"),
        (
            lambda: forward.matched(
                FREE, forward.Aim(light(), forward.Focus(5.0), "y"), 5, responses=[Plates(FREE)]
            ),
            "choose another analyser",
        ),
        (
            lambda: forward.matched(
                PLATFORM,
                [forward.Aim(0.633, forward.Focus(5.0)), forward.Aim(mg.Illumination(0.633, "y"), FLAT)],
                5,
                responses=[DelayTable()] * 2,
            ),
            "do the same to both",
        ),
        (
            lambda: forward.geometric_phase(FREE_FINS, forward.Aim(light("left"), FLAT), 5),
            "only free parameter",
        ),
        (lambda: forward.geometric_phase(FINS, forward.Aim(light("x"), FLAT), 5), "for circular light"),
    ],
)
def test_what_cannot_be_made_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_library_of_other_light_is_refused():
    with pytest.raises(MismatchError, match=r"wavelength 0\.66 on"):
        forward.matched(FREE, forward.Aim(0.7, FLAT), 5, responses=[Plates(FREE)])


FLAT = forward.Vortex(1)


@pytest.mark.meep
@pytest.mark.slow
@pytest.mark.cross_check
def test_meep_focuses_the_light_that_the_angles_are_for():
    """The whole device in the other solver, with neighbours that differ: what single pillars promise."""
    lens = mg.lens.focusing(FINS, 2.0, light("left"), 7)
    numerics = mg.fdtd.Numerics(wavelength=WAVELENGTH, pixels_per_period=8)
    along_x, along_y = (mg.fdtd.simulate(lens, numerics, light(each)).field for each in "xy")
    found = {}
    for name, other in (("left", "right"), ("right", "left")):
        incident, analyser = light(name).jones, light(other).jones
        field = (incident[0] * along_x + incident[1] * along_y)[..., :2].astype(complex) @ analyser.conj()
        found[name] = intensity(field, FINS.lattice.spacing / 10, 2.0, 0.0)[0, 0]
    local = forward.local_field(lens, light("left")).seen(light("right").jones)
    promised = intensity(local, FINS.lattice.spacing / 4, 2.0, 0.0)[0, 0]
    # With 9 × 9 fins and 10 pixels it is 5 % less: neighbours, and the grid.
    assert found["left"] == pytest.approx(promised, rel=0.25)
    assert found["right"] < 0.1 * found["left"]
