"""Near-field objects: what they accept, and that files give back what was saved."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from forged import forged

import metagen as mg
from metagen.base.errors import FormatError, InputError
from metagen.data.folding import folded, unfolded
from metagen.data.nearfield import NearField, quadrant_of, unfold_field
from metagen.device import Illumination, Lattice
from metagen.device.atoms import Circle
from metagen.device.layout import random_layout
from metagen.device.symmetry import Symmetry


@pytest.fixture
def layout():
    return random_layout(mg.Platform(), count=5, seed=3)


@pytest.fixture
def near(layout):
    rng = np.random.default_rng(0)
    quadrant = rng.normal(size=(10, 10, 3)) + 1j * rng.normal(size=(10, 10, 3))
    field = unfold_field(quadrant.astype(np.complex64), side=20)
    return NearField(layout, 0.633, field, samples=4, numerics={"pixels": 7}, symmetry="mirror-xy")


def test_a_near_field_is_stored_as_a_quadrant_and_loads_whole(near, tmp_path):
    near.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["field"].shape == (10, 10, 3)
    loaded = NearField.load(tmp_path / "a.h5")
    np.testing.assert_array_equal(loaded.field, near.field)
    assert loaded.hash == near.hash


def test_a_field_without_the_symmetry_that_it_is_said_to_have_is_not_halved(near, tmp_path):
    field = near.field.copy()
    field[:3] *= 1.01
    with pytest.raises(InputError, match="symmetry to 'none'"):
        replace(near, field=field).save(tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("values", "reason"), [({"illumination": np.nan}, "wavelength"), ({"samples": 0}, "sample")]
)
def test_a_near_field_of_no_light_or_no_samples_is_refused(near, values, reason):
    with pytest.raises(InputError, match=reason):
        replace(near, **values)


@pytest.mark.closed_form
@pytest.mark.parametrize("side", [6, 7])
def test_unfolding_gives_back_a_field_with_the_mirror_signs(side):
    x = np.arange(side) - (side - 1) / 2
    X, Y = np.meshgrid(x, x, indexing="ij")
    whole = np.stack([np.cos(X) * np.cos(Y), np.sin(X) * np.sin(Y), np.sin(X) * np.cos(Y)], -1)
    whole = whole.astype(np.complex64)
    np.testing.assert_allclose(unfold_field(quadrant_of(whole), side), whole, atol=1e-7)


def test_a_file_cut_short_is_refused(near, tmp_path):
    path = tmp_path / "a.h5"
    near.save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FormatError, match="damaged"):
        NearField.load(path)


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("schema_version", 99, "version"),
        ("schema", "metagen/layout", "schema"),
        ("time_convention", "exp(+i omega t)", "time_convention"),
        ("length_unit", "nm", "length_unit"),
    ],
)
def test_a_file_of_another_schema_or_convention_is_refused(near, tmp_path, attribute, value, reason):
    path = tmp_path / "a.h5"
    near.save(path)
    with forged(path) as file:
        file.attrs[attribute] = value
    with pytest.raises(FormatError, match=reason):
        NearField.load(path)


def test_an_unknown_symmetry_is_refused(near, tmp_path):
    near.save(tmp_path / "a.h5")
    with forged(tmp_path / "a.h5") as file:
        file.attrs["symmetry"] = "fourfold"
    with pytest.raises(FormatError, match="symmetry is 'fourfold'"):
        NearField.load(tmp_path / "a.h5")


@pytest.mark.closed_form
@pytest.mark.parametrize("polarisation", ["x", "y"])
def test_a_dipole_has_the_mirror_signs_of_the_light_that_drives_it(polarisation):
    """Nothing but the field of a dipole along the light, whose signs are known from its formula."""
    x, y = np.meshgrid(np.arange(-2.5, 3), np.arange(-3, 4.0), indexing="ij")
    where, moment = np.stack([x, y, np.full_like(x, 0.7)], -1), np.eye(3)["xy".index(polarisation)]
    along = (where @ moment)[..., None]
    whole = (3 * where * along / (where**2).sum(-1, keepdims=True) - moment).astype(np.complex64)
    light = Illumination(0.633, polarisation)
    for folding, shape in (("mirror-x", (3, 7)), ("mirror-y", (6, 4)), ("mirror-xy", (3, 4))):
        part = folded(whole, folding)
        assert part.shape[:2] == shape
        np.testing.assert_array_equal(unfolded(part, (6, 7), folding, light), whole)


def test_light_without_a_mirror_has_no_mirror_symmetric_field():
    part = np.ones((3, 7, 3), dtype=np.complex64)
    with pytest.raises(InputError, match="MIRROR_X"):
        unfolded(part, (6, 7), "mirror-x", Illumination(0.633, "left"))
    tilted = Illumination(0.633, "y", polar=0.2, azimuth=np.pi / 2)
    with pytest.raises(InputError, match="MIRROR_Y"):
        unfolded(part, (6, 7), "mirror-y", tilted)
    assert Symmetry.MIRROR_X in tilted.symmetry
    assert unfolded(part, (6, 7), "mirror-x", tilted).shape == (6, 7, 3)


def test_a_field_over_a_hexagonal_lattice_in_any_light_is_given_back(tmp_path):
    lattice = Lattice.hexagonal(0.4)
    atom = Circle(radius=(0.05, 0.15))
    platform = mg.Platform(lattice=lattice, atom=atom, height=0.5, pillar=2.0, substrate=1.45)
    layout = mg.Layout(platform, np.full((3, 2, 2), 0.1))
    light = Illumination(0.532, "left", polar=0.1, azimuth=0.3)
    field = np.random.default_rng(0).normal(size=(30, 34, 3)) + 0j
    near = NearField(layout, light, field)
    assert near.cell_samples == (10, 17)
    np.testing.assert_allclose(near.sample_spacings, (0.04, np.sqrt(3) * 0.4 / 17), rtol=1e-14)
    with pytest.raises(InputError, match="sample_spacings"):
        _ = near.sample_spacing
    near.save(tmp_path / "a.h5")
    loaded = NearField.load(tmp_path / "a.h5")
    assert loaded.illumination == light
    np.testing.assert_array_equal(loaded.field, near.field)
    assert loaded.hash == near.hash


def test_light_tells_fields_apart(near):
    y = replace(near, illumination=Illumination(0.633, "y"))
    assert y.hash != near.hash
    assert replace(near, illumination=Illumination(0.633)).hash == near.hash


def test_a_file_without_its_light_is_of_light_along_x(near, tmp_path):
    """Files of version 2 from before there was other light."""
    near.save(tmp_path / "a.h5")
    with forged(tmp_path / "a.h5") as file:
        del file.attrs["illumination"]
    loaded = NearField.load(tmp_path / "a.h5")
    assert loaded.illumination == Illumination(0.633, "x")
    assert loaded.hash == near.hash
