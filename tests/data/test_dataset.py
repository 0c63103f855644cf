"""Datasets: what they are made of, what they refuse to mix, and how they are split."""

import dataclasses

import coupled_dipoles
import coupled_fins
import numpy as np
import pytest

import metagen as mg
from metagen.base.errors import InputError, MismatchError
from metagen.data.dataset import Dataset
from metagen.data.sources import by_wavelength
from metagen.device.layout import random_layout

COUNT = 5


@pytest.fixture(scope="module")
def near_fields():
    layouts = [random_layout(mg.Platform(), COUNT, seed) for seed in (1, 2, 3)]
    return tuple(coupled_dipoles.near_field(layout) for layout in layouts)


@pytest.fixture
def dataset(near_fields):
    return Dataset(near_fields)


def test_a_dataset_loaded_from_files_is_the_one_that_was_saved(near_fields, tmp_path):
    paths = [tmp_path / f"{number}.h5" for number in range(3)]
    for near, path in zip(near_fields, paths, strict=True):
        near.save(path)
    loaded = Dataset.load(paths)
    assert loaded.hash == Dataset(near_fields).hash
    assert loaded.sources == tuple(str(path) for path in paths)


def test_a_row_of_radii_holds_the_radii_around_a_cell_x_before_y_and_zeros_outside(dataset):
    radii = dataset.radii[1]
    first_of_second = COUNT**2
    inner = dataset.neighbourhoods(3)[first_of_second + 2 * COUNT + 3].reshape(3, 3)
    np.testing.assert_array_equal(inner, radii[1:4, 2:5])
    corner = dataset.neighbourhoods(5)[first_of_second].reshape(5, 5)
    np.testing.assert_array_equal(corner[2:, 2:], radii[:3, :3])
    assert not corner[:2].any()
    assert not corner[:, :2].any()


def test_a_patch_is_the_field_over_that_cell(dataset):
    n, field = dataset.samples, dataset.fields[2]
    row = 2 * COUNT**2 + 1 * COUNT + 4
    cell = field[n : 2 * n, 4 * n : 5 * n]
    np.testing.assert_array_equal(dataset.patches()[row], cell[..., 0].ravel())
    np.testing.assert_array_equal(dataset.patches(components=3)[row], cell.ravel())


@pytest.mark.parametrize("width", [0, 2, -1])
def test_a_neighbourhood_without_a_middle_is_refused(dataset, width):
    with pytest.raises(InputError, match="odd"):
        dataset.neighbourhoods(width)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("illumination", 0.4),
        ("illumination", mg.Illumination(0.633, "y")),
        ("numerics", {"pixels": 9.5}),
        ("platform", 1.7),
        ("samples", 4),
    ],
)
def test_near_fields_that_do_not_belong_together_are_refused_with_both_names(near_fields, name, value):
    layout = near_fields[0].layout
    if name == "platform":
        layout = dataclasses.replace(layout, platform=mg.Platform(pillar=value))
        other = dataclasses.replace(near_fields[0], layout=layout)
    elif name == "samples":
        other = coupled_dipoles.near_field(layout, samples=value)
    else:
        other = dataclasses.replace(near_fields[0], **{name: value})
    shown = {"numerics": 9.5, "illumination": "(0.4|'y')"}.get(name, value)
    with pytest.raises(MismatchError, match=rf"{name} of one\.h5 is .* of other\.h5 it is .*{shown}"):
        Dataset((near_fields[1], other), sources=("one.h5", "other.h5"))


def test_the_same_device_twice_is_refused(near_fields):
    with pytest.raises(InputError, match=r"a\.h5 and c\.h5 are the same device"):
        Dataset((*near_fields[:2], near_fields[0]), sources=("a.h5", "b.h5", "c.h5"))


def test_no_near_field_is_no_dataset():
    with pytest.raises(InputError, match="no near fields"):
        Dataset.load([])


def rows(dataset):
    return {row.tobytes() for row in dataset.patches()}


def test_a_random_split_takes_every_patch_once_and_depends_on_the_seed_alone(dataset):
    first, second = dataset.split_patches(0.8, seed=4)
    assert (first.size, second.size) == (60, 15)
    assert all((a ^ b).all() for a, b in zip(first.cells, second.cells, strict=True))
    assert first.hash == dataset.split_patches(0.8, seed=4)[0].hash
    assert first.hash != dataset.split_patches(0.8, seed=5)[0].hash


def test_a_random_split_leaks_mirror_twins_unless_they_are_kept_together(dataset):
    """Twins have the same neighbourhood up to its mirror images, so equal sorted radii give them away."""

    def neighbourhoods(part):
        return {np.sort(row).tobytes() for row in part.neighbourhoods(3)}

    training, test = dataset.split_patches(0.8, seed=0)
    assert neighbourhoods(training) & neighbourhoods(test)
    training, test = dataset.split_patches(0.8, seed=0, twins_together=True)
    assert not neighbourhoods(training) & neighbourhoods(test)


@pytest.mark.parametrize("fraction", [0.0, 1.0, 0.999])
def test_a_split_that_leaves_one_side_empty_is_refused(dataset, fraction):
    with pytest.raises(InputError, match="fraction"):
        dataset.split_patches(fraction)


@pytest.mark.parametrize("held_out", [["random-s2"], [1]])
def test_layouts_are_held_out_whole_by_name_or_by_index(dataset, held_out):
    training, test = dataset.split_layouts(held_out)
    assert test.names == ("random-s2",)
    assert training.names == ("random-s1", "random-s3")
    assert test.size == COUNT**2
    assert not rows(training) & rows(test)


@pytest.mark.parametrize("held_out", [["random-s9"], [], [0, 1, 2]])
def test_holding_out_what_is_not_there_or_everything_is_refused_with_the_names(dataset, held_out):
    with pytest.raises(InputError, match=r"random-s1.*random-s3"):
        dataset.split_layouts(held_out)


def test_layouts_without_cells_are_left_out_one_by_one(dataset):
    training, _ = dataset.split_layouts([0])
    only = training._with_cells(np.arange(training.size) < COUNT**2)
    assert [one.names for one in only.by_layout()] == [("random-s2",)]


def test_the_hash_changes_with_a_field(near_fields):
    brighter = dataclasses.replace(near_fields[0], field=near_fields[0].field * np.complex64(1.001))
    assert Dataset(near_fields).hash != Dataset((brighter, *near_fields[1:])).hash


# Any meta-atom and light


def test_the_values_around_a_cell_of_fins_are_those_of_its_neighbours():
    data = coupled_fins.dataset(coupled_fins.FREE, count=(4, 5), seeds=(1,))
    around = data.neighbourhoods(3).reshape(4, 5, 3, 3, 3)
    values = data.layouts[0].values[:, :, 0]
    np.testing.assert_array_equal(around[1, 2], values[:3, 1:4])
    assert not around[0, :, 0].any()


@pytest.mark.parametrize(("count", "groups"), [((4, 5), 2 * 3), ((5, 3), 3 * 2)])
def test_of_mirror_images_one_is_kept_on_a_rectangle_too(count, groups):
    data = coupled_fins.dataset(coupled_fins.TURNED, count=count, seeds=(1, 2))
    distinct, counts = data.distinct()
    assert (distinct.size, counts.sum()) == (2 * groups, data.size)


def test_files_of_both_polarisations_make_two_datasets(tmp_path):
    for polarisation in "xy":
        data = coupled_fins.dataset(light=mg.Illumination(0.633, polarisation), count=4, seeds=(1, 2))
        for near in data.near_fields:
            near.save(tmp_path / f"{near.layout.name}-{polarisation}.h5")
    for made in (Dataset.load_all([tmp_path]), by_wavelength([tmp_path])):
        assert [(each.illumination.polarisation, each.names) for each in made] == [
            ("x", ("random-s1", "random-s2")),
            ("y", ("random-s1", "random-s2")),
        ]
