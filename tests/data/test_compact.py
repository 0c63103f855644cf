"""Compact files: what comes back is what went in, up to the error that they state."""

import coupled_fins
import h5py
import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import FormatError, InputError
from metagen.base.norms import relative_error
from metagen.data.dataset import Dataset
from metagen.data.form import FIXED_POINT, Form, real_basis, unpacked
from metagen.data.nearfield import NearField, unfold_field
from metagen.device.layout import random_layout


def near_field(layout, wavelength=0.633, samples=10):
    """A field that follows the radii smoothly, with the symmetry that x-polarised light gives it."""
    half = (layout.count * samples + 1) // 2
    radii = np.kron(layout.radii, np.ones((samples, samples)))[-half:, -half:, None]
    x = (np.arange(half) + 0.5) / samples
    wave = np.exp(1j * (3 + 20 * radii) * np.cos(2 * x[:, None, None] + x[None, :, None] + np.arange(3)))
    field = unfold_field(wave.astype(np.complex64), layout.count * samples)
    numerics = {"pixels_per_period": 10}
    return NearField(layout, wavelength, field, samples, numerics, {"ranks": 2}, "mirror-xy")


@pytest.fixture(params=[8, 9], ids=["even count", "odd count"])
def datasets(request):
    layouts = [random_layout(mg.Platform(), request.param, seed) for seed in (1, 2, 3)]
    return [Dataset(tuple(near_field(layout, wave) for layout in layouts)) for wave in (0.633, 0.4)]


@pytest.mark.parametrize("tolerance", [1e-2, 2e-4])
def test_what_comes_back_deviates_by_the_stated_error_and_within_the_tolerance(datasets, tmp_path, tolerance):
    packed = mg.datasets.pack(datasets, tmp_path / "compact.h5", tolerance)
    loaded = mg.datasets.load(tmp_path / "compact.h5")
    assert [each.wavelength for each in loaded] == [0.633, 0.4]
    for before, after, each in zip(datasets, loaded, packed, strict=True):
        assert after.names == before.names
        assert [one.hash for one in after.layouts] == [one.hash for one in before.layouts]
        assert dict(after.numerics) == dict(before.numerics)
        lost, power = 0.0, 0.0
        for raw, near in zip(before.near_fields, after.near_fields, strict=True):
            difference = np.sum(np.abs(near.field - raw.field) ** 2)
            stated = near.provenance["compact_relative_error"]
            assert difference / np.sum(np.abs(raw.field) ** 2) == pytest.approx(stated, rel=1e-5)
            assert each.relative_errors[raw.layout.name] == stated
            assert near.provenance["raw_hash"] == raw.hash
            lost, power = lost + difference, power + np.sum(np.abs(raw.field) ** 2)
        # Cells on the axes count once in the basis and twice in the field: a little over is possible there.
        assert lost / power < 1.2 * tolerance


def test_a_smaller_tolerance_keeps_more(datasets, tmp_path):
    ranks = [mg.datasets.pack(datasets, tmp_path / "c.h5", tolerance)[0].rank for tolerance in (1e-2, 2e-4)]
    assert ranks[0] < ranks[1]


def test_sixteen_bits_are_enough_for_a_much_smaller_tolerance(datasets, tmp_path):
    (first, _) = mg.datasets.pack(datasets, tmp_path / "c.h5", tolerance=1e-12)
    # Steps of the largest patch / 2¹⁵, rounded: the error is about (2⁻¹⁵)² / 12 per number, of which a patch
    # has 600 at most, 5e-8 in all; nothing else is left out.
    assert max(first.relative_errors.values()) < 5e-8


@pytest.mark.parametrize("what", ["basis", "step", "coefficients", "radii"])
def test_a_compact_file_whose_contents_were_changed_is_refused(datasets, tmp_path, what):
    mg.datasets.pack(datasets, tmp_path / "c.h5")
    with h5py.File(tmp_path / "c.h5", "a") as file:
        group, layout = file["wavelengths/0.633000"], next(iter(file["layouts"].values()))
        match what:
            case "basis":
                group["basis"][0, 0] += 1e-3
            case "step":
                group.attrs["step"] *= 1.001
            case "coefficients":
                group["001/coefficients"][0, 0] += 1
            case "radii":
                layout["radii"][0, 0] += 1e-4
    with pytest.raises(FormatError, match="damaged or incomplete"):
        mg.datasets.load(tmp_path / "c.h5")


def test_the_field_that_is_unpacked_is_the_exact_sum_in_whatever_order_it_is_added(datasets, tmp_path):
    """So that no processor can unpack another one, and a hash of it names what is stored."""
    mg.datasets.pack(datasets, tmp_path / "c.h5", tolerance=1e-12)  # with the longest coefficients
    near = mg.datasets.load(tmp_path / "c.h5")[0].near_fields[1]
    with h5py.File(tmp_path / "c.h5") as file:
        group = file["wavelengths/0.633000"]
        steps, basis = np.asarray(group["001/coefficients"]), np.asarray(group["basis"])
        unit, count, n = float(group.attrs["step"]) / FIXED_POINT, near.layout.count, near.samples
    for sample in (0, 77, 299):
        parts = [round(float(part) * FIXED_POINT) for b in basis[:, sample] for part in (b.real, b.imag)]
        real = sum(int(c) * p * (-1) ** k for k, (c, p) in enumerate(zip(steps[:, -1], parts, strict=True)))
        x, y, component = np.unravel_index(sample, (n, n, 3))
        corner = count * n - n
        assert near.field[corner + x, corner + y, component].real == np.float32(real * unit)
    order = np.random.default_rng(0).permutation(len(basis))
    shuffled = steps.reshape(-1, 2, steps.shape[1])[order].reshape(steps.shape)
    form = Form.of(near)
    fields = [unpacked(s, real_basis(b), 1.0, form) for s, b in ((steps, basis), (shuffled, basis[order]))]
    np.testing.assert_array_equal(*fields)


def test_an_unknown_name_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match="datasets that come with metagen"):
        mg.datasets.load("no-such-dataset")


FINS = {
    "both mirrors": (random_layout(coupled_fins.TURNED, 7, seed=1), "x"),
    "rectangle": (random_layout(coupled_fins.FREE, (6, 5), seed=2), "y"),
    "one mirror": (
        mg.Layout(coupled_fins.TURNED, {"angle": np.array([[0.3, 0.7, 0.2, 1.1, 0.5, 0.9]]) * [[1], [-1]]}),
        "y",
    ),
    "no mirror": (
        mg.Layout(
            coupled_fins.TURNED,
            {"angle": np.arange(20).reshape(4, 5) / 7},
            present=np.arange(20).reshape(4, 5) % 3 > 0,
        ),
        "x",
    ),
}


@pytest.mark.parametrize("name", FINS)
def test_fins_in_any_light_come_back_with_whatever_mirrors_they_have(name, tmp_path):
    layout, polarisation = FINS[name]
    near = coupled_fins.near_field(layout, mg.Illumination(0.633, polarisation))
    assert near.symmetry == {"one mirror": "mirror-x", "no mirror": "none"}.get(name, "mirror-xy")
    ((packed,), (loaded,)) = (
        mg.datasets.pack([Dataset((near,))], tmp_path / "c.h5", tolerance=1e-6),
        mg.datasets.load(tmp_path / "c.h5"),
    )
    (again,) = loaded.near_fields
    assert (again.layout.hash, again.illumination) == (layout.hash, near.illumination)
    assert (again.symmetry, again.samples) == (near.symmetry, near.samples)
    assert packed.illumination == near.illumination
    assert relative_error(again.field, near.field) < 2e-6  # cells on an axis count twice


def test_both_polarisations_are_kept_apart(tmp_path):
    lights = [mg.Illumination(0.633, polarisation) for polarisation in "yx"]
    data = [coupled_fins.dataset(coupled_fins.TURNED, light, count=5, seeds=(1,)) for light in lights]
    mg.datasets.pack(data, tmp_path / "c.h5")
    assert [each.illumination.polarisation for each in mg.datasets.load(tmp_path / "c.h5")] == ["x", "y"]
    with pytest.raises(InputError, match="give each one once"):
        mg.datasets.pack([data[0], data[0]], tmp_path / "d.h5")


@pytest.mark.end_to_end
def test_the_command_packs_files_of_all_wavelengths(datasets, tmp_path, metagen):
    for dataset in datasets:
        for near in dataset.near_fields:
            near.save(tmp_path / "fields" / f"{near.layout.name}-{near.wavelength}.h5")
    result = metagen("pack", tmp_path / "fields", "--output", tmp_path / "compact.h5")
    assert result.returncode == 0, result.stderr
    assert "3 fields" in result.stdout
    assert [each.names for each in mg.datasets.load(tmp_path / "compact.h5")] == [datasets[0].names] * 2
