"""Holograms: the picture stands upright behind the device, and the stated error is that of the field."""

import math

import numpy as np
import pytest
from matplotlib.image import imsave
from plates import FREE, Plates, rectangles

import metagen as mg
from metagen import forward
from metagen.base.errors import InputError
from metagen.propagation import focal_plane

WAVELENGTH = 0.66


def letter(count=24):
    """An L: none of its mirror images or turns is an L."""
    picture = np.zeros((count, count))
    picture[5:9, 4:20] = 1.0
    picture[5:17, 4:8] = 1.0
    return picture


def made(hologram, platform=FREE, count=41):
    """The field behind a device of a hologram, in the light that it is made for."""
    aim = forward.Aim(WAVELENGTH, hologram)
    layout = forward.matched(platform, aim, count, responses=[Plates(platform)])
    return forward.local_field(layout, aim.light, Plates(platform))


@pytest.mark.closed_form
@pytest.mark.parametrize("lattice", [mg.Lattice.square(0.43), mg.Lattice.hexagonal(0.45)])
def test_the_picture_stands_upright_behind_the_device(lattice):
    import torch

    hologram = forward.Hologram(letter(), width=8.0, distance=20.0)
    platform = rectangles((0.1, 0.3), (0.1, 0.3), lattice=lattice)
    field = made(hologram, platform)
    x = torch.linspace(-4, 4, 49, dtype=torch.float64)[1::2]
    wave = torch.from_numpy(field.field[0].copy())
    plane = focal_plane(wave, field.sample_spacing, WAVELENGTH, 20.0, x, padding=4).abs().square().numpy()
    picture = letter()
    likeness = [
        np.corrcoef(plane.ravel(), np.rot90(each, turn).ravel())[0, 1]
        for each in (picture, picture.T)
        for turn in range(4)
    ]
    assert int(np.argmax(likeness)) == 0
    assert likeness[0] > 0.8
    assert plane[picture > 0].mean() > 10 * plane[picture == 0].mean()


@pytest.mark.closed_form
def test_iterations_lower_the_error_to_what_diffraction_leaves():
    errors = []
    for iterations in (1, 5, 40):
        hologram = forward.Hologram(letter(), 8.0, 20.0, iterations=iterations)
        field = made(hologram)
        errors.append(hologram.error(field.field[0], field.sample_spacing, WAVELENGTH))
    assert errors[0] > errors[1] > errors[2]
    # Edges of the letter are blurred by λz/D = 0.75 µm, and its strokes are 1.3 µm wide: a good part is edge.
    assert errors[2] < 0.25


@pytest.mark.closed_form
def test_the_error_of_the_very_picture_is_zero_and_that_of_darkness_elsewhere_one():
    """Two pixels, and all light on one of them: half of the squared amplitude is missing."""
    hologram = forward.Hologram(np.array([[1.0], [1.0]]), width=8.0, distance=20.0)
    focus = made(forward.Focus(20.0, x=2.0))
    # A side lobe of amplitude a on the other one takes a away from that; those here are below 0.05.
    assert hologram.error(focus.field[0], focus.sample_spacing, WAVELENGTH) == pytest.approx(0.5, abs=0.05)
    both = made(forward.Focus(20.0))
    assert hologram.error(both.field[0], both.sample_spacing, WAVELENGTH) < 1e-6


def test_a_picture_file_is_read_as_it_is_seen(tmp_path):
    pixels = np.zeros((4, 6, 3))
    pixels[0, 5] = 1  # the upper right corner
    imsave(tmp_path / "corner.png", pixels)
    hologram = forward.Hologram.load(tmp_path / "corner.png", 6.0, 20.0)
    assert hologram.picture.shape == (6, 4)
    assert np.argwhere(hologram.picture > 0.5).tolist() == [[5, 3]]
    assert hologram.sides == pytest.approx((6.0, 4.0))
    assert hologram.label == "hologram-corner"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: forward.Hologram(np.zeros((3, 3)), 5.0, 10.0), "black all over"),
        (lambda: forward.Hologram(-np.ones((3, 3)), 5.0, 10.0), "not negative"),
        (lambda: forward.Hologram(np.ones((3, 3)), math.nan, 10.0), "width is nan"),
        (lambda: forward.Hologram.load("nowhere.png", 5.0, 10.0), "nowhere.png: cannot be read"),
        (lambda: made(forward.Hologram(np.ones((3, 3)), 5000.0, 10.0), count=5), "choose a smaller picture"),
    ],
)
def test_what_is_no_picture_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
