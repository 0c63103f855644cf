"""Passports: the chain from a layout file back to the near fields, and what has changed on the way."""

import dataclasses
import shutil

import gdstk
import numpy as np
import pytest

import metagen as mg
from metagen import surrogate
from metagen.base.errors import FormatError, InputError
from metagen.data.dataset import Dataset
from metagen.data.nearfield import NearField
from metagen.design import Focus, OptimizerSettings, model_hash, optimize
from metagen.design.correction import Corrected
from metagen.device.layout import random_layout
from metagen.fab import Chip, LayoutFileOptions, load_device, write_chip, write_gds, write_oasis
from metagen.provenance.artefacts import FileKind
from metagen.provenance.passport import State, passport
from metagen.surrogate import LinearSettings, TrainingSettings

PLATFORM = mg.Platform()
RECIPE = TrainingSettings(model=LinearSettings(rank=2, powers=2))
FOCUS = Focus(wavelength=0.633, distance=5.0)


def near_field(layout, seed):
    """A field of noise: a passport only asks what was made from what."""
    side = layout.count * 10
    field = np.random.default_rng(seed).normal(size=(side, side, 3, 2)) @ (1, 1j)
    return NearField(layout, 0.633, field.astype(np.complex64))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with everything from near fields to a layout file, and a simulation of that file."""
    folder = tmp_path_factory.mktemp("made")
    layouts = [random_layout(PLATFORM, 5, seed) for seed in (1, 2)]
    for seed, layout in enumerate(layouts):
        near_field(layout, seed).save(folder / "near-fields" / f"{layout.name}.h5")
    data = Dataset.load(sorted((folder / "near-fields").glob("*.h5")))
    model = surrogate.train(data, RECIPE, progress=False)
    surrogate.save(model, folder / "model.safetensors")
    design(folder, steps=2)
    drawn = load_device(folder / "device.gds", PLATFORM)
    near_field(drawn, 7).save(folder / "verified.h5")
    return folder


def design(folder, steps):
    model = surrogate.load(folder / "model.safetensors")
    start = random_layout(PLATFORM, 5, seed=3)
    settings = OptimizerSettings(steps=steps)
    optimize(start, [model], FOCUS, settings, name="device", progress=False).save(folder / "device.h5")
    write_gds(mg.Layout.load(folder / "device.h5"), folder / "device.gds")


def test_a_device_of_a_shipped_model_has_a_complete_passport_in_an_empty_folder(tmp_path):
    """Model and data come with metagen, and need not lie beside the device."""
    model = surrogate.load("sin-633")
    start = random_layout(PLATFORM, 5, seed=3)
    device = optimize(start, [model], FOCUS, OptimizerSettings(steps=1), progress=False)
    device.save(tmp_path / "device.h5")
    found = passport(tmp_path / "device.h5")
    assert found.is_complete
    kinds = [link.artefact.kind for link in found.links(State.FOUND)]
    assert kinds == [FileKind.DEVICE, FileKind.MODEL] + [FileKind.NEAR_FIELD] * len(model.card.near_fields)


def test_another_layout_of_the_name_of_the_start_does_not_make_a_device_stale(
    folder,
):
    random_layout(PLATFORM, 7, seed=3).save(folder / "other.h5")  # called random-s3, as the start was
    assert passport(folder / "device.h5").is_complete


def test_the_best_of_several_starts_leads_to_the_starts_that_are_there(folder):
    model, starts = (
        surrogate.load(folder / "model.safetensors"),
        [random_layout(PLATFORM, 5, s) for s in (4, 5)],
    )
    settings = OptimizerSettings(steps=2, trial_steps=1)
    optimize(starts, [model], FOCUS, settings, progress=False).save(folder / "best.h5")
    starts[1].save(folder / "second.h5")
    traced = passport(folder / "best.h5")
    assert traced.is_complete
    assert "second.h5: device 'random-s5'" in str(traced)


def test_a_device_of_the_closed_loop_leads_to_the_model_and_to_the_simulation_that_corrected_it(folder):
    model, near = surrogate.load(folder / "model.safetensors"), NearField.load(folder / "verified.h5")
    settings = OptimizerSettings(steps=1)
    refined = optimize(near.layout, [Corrected(model, near)], FOCUS, settings, name="next", progress=False)
    refined.save(folder / "round-1.h5")
    traced = passport(folder / "round-1.h5")
    assert traced.is_complete
    assert "model.safetensors: model '633 nm'" in str(traced)
    assert "(corrected by a simulation)" in str(traced)
    assert "verified.h5: near field 'device, 633 nm'" in str(traced)


@pytest.fixture
def folder(made, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(made, tmp_path / "made")


def found(traced):
    return [(link.artefact.kind, link.artefact.name) for link in traced.links(State.FOUND)]


CHAIN = [
    (FileKind.DEVICE, "device"),
    (FileKind.MODEL, "633 nm"),
    (FileKind.NEAR_FIELD, "random-s1, 633 nm"),
    (FileKind.NEAR_FIELD, "random-s2, 633 nm"),
]


def test_the_chain_goes_from_a_layout_file_to_the_near_fields_and_the_platform(made):
    traced = passport(made / "device.gds")
    assert found(traced) == [(FileKind.LAYOUT_FILE, "device"), *CHAIN]
    assert traced.platforms == [PLATFORM]
    assert traced.is_complete
    assert "all inputs" in str(traced)
    for name in ("device.gds", "device.h5", "model.safetensors", "near-fields/random-s1.h5", "0.4431"):
        assert name in str(traced)


def test_a_simulation_of_a_layout_file_leads_to_the_file_and_on_to_the_device(made):
    assert found(passport(made / "verified.h5"))[1:3] == [
        (FileKind.LAYOUT_FILE, "device"),
        (FileKind.DEVICE, "device"),
    ]


def test_a_simulation_of_a_device_leads_to_the_device(folder):
    device = mg.Layout.load(folder / "device.h5")
    near_field(device, 8).save(folder / "simulated.h5")
    assert found(passport(folder / "simulated.h5"))[1:] == CHAIN


def test_the_start_of_a_design_is_named_where_there_is_a_file_of_it(folder):
    random_layout(PLATFORM, 5, seed=3).save(folder / "start.h5")
    assert (FileKind.DEVICE, "random-s3") in found(passport(folder / "device.h5"))


def test_a_near_field_that_was_simulated_again_makes_all_that_came_from_it_stale(folder):
    changed = folder / "near-fields" / "random-s2.h5"
    near_field(NearField.load(changed).layout, 99).save(changed)
    for file in ("device.gds", "device.h5", "model.safetensors"):
        traced = passport(folder / file)
        (stale,) = traced.links(State.STALE)
        assert stale.need.name == "random-s2, 633 nm"
        assert stale.artefact.path == changed
        assert "STALE" in str(traced)
        assert not traced.is_complete


def test_a_design_that_was_made_again_makes_the_layout_file_stale(folder):
    written = (folder / "device.gds").read_bytes()
    design(folder, steps=3)
    (folder / "device.gds").write_bytes(written)
    (stale,) = passport(folder / "device.gds").links(State.STALE)
    assert (stale.need.kind, stale.need.name) == (FileKind.DEVICE, "device")
    assert stale.inputs == ()  # what the new device was made from says nothing about the file


def test_an_input_without_a_file_is_missing(folder):
    (folder / "model.safetensors").unlink()
    traced = passport(folder / "device.gds")
    (missing,) = traced.links(State.MISSING)
    assert (missing.need.kind, missing.need.name) == (FileKind.MODEL, "633 nm")
    assert "MISSING: model '633 nm'" in str(traced)


def test_files_are_found_by_what_is_in_them_whatever_they_are_called(folder, tmp_path):
    (folder / "model.safetensors").rename(folder / "renamed.safetensors")
    moved = tmp_path / "elsewhere.gds"
    (folder / "device.gds").rename(moved)
    assert passport(moved, folder).is_complete
    assert not passport(moved, folder / "near-fields").is_complete


def test_the_hash_of_a_model_is_that_of_its_file_and_changes_with_any_weight(made):
    model = surrogate.load(made / "model.safetensors")
    assert model_hash(model) == model_hash(surrogate.load(made / "model.safetensors"))
    before = model_hash(model)
    next(iter(model.state_dict().values())).flatten()[0] += 1e-3
    assert model_hash(model) != before


def test_a_layout_file_that_was_edited_is_refused(folder):
    library = gdstk.read_gds(folder / "device.gds")
    (top,) = library.top_level()
    top.remove(top.references[0])
    library.write_gds(folder / "device.gds")
    with pytest.raises(FormatError, match="edited"):
        passport(folder / "device.gds")


def test_pillars_on_any_layer_are_found_through_the_label(folder):
    write_gds(
        mg.Layout.load(folder / "device.h5"), folder / "device.gds", LayoutFileOptions(pillar_layer=(7, 3))
    )
    assert passport(folder / "device.gds").is_complete
    assert load_device(folder / "device.gds", PLATFORM).count == 5


@pytest.mark.parametrize("suffix", [".gds", ".oas"])
def test_every_device_of_a_chip_has_a_chain(folder, suffix):
    random_layout(PLATFORM, 5, seed=9).save(folder / "other.h5")
    arrays = [
        {"name": name, "layout": folder / f"{file}.h5", "at": (x, 0.0)}
        for name, file, x in (("A", "device", -50.0), ("B", "other", 50.0))
    ]
    write_chip(Chip(width=300.0, height=300.0, device=arrays), folder / f"chip{suffix}")
    traced = passport(folder / f"chip{suffix}")
    assert [root.artefact.name for root in traced.roots] == ["device", "random-s9"]
    assert traced.is_complete


def test_a_foreign_layout_file_says_that_it_has_no_label(tmp_path):
    library = gdstk.Library()
    library.new_cell("TOP").add(gdstk.ellipse((0, 0), 0.1))
    library.write_gds(tmp_path / "foreign.gds")
    assert "no device label" in str(passport(tmp_path / "foreign.gds"))


def test_a_model_that_does_not_record_its_data_says_so(folder):
    model = surrogate.load(folder / "model.safetensors")
    model.card = dataclasses.replace(model.card, near_fields=())
    surrogate.save(model, folder / "model.safetensors")
    assert "train it again" in str(passport(folder / "model.safetensors"))


def test_a_device_that_is_its_own_start_does_not_lead_in_circles(folder):
    device = mg.Layout.load(folder / "device.h5")
    itself = {**device.provenance, "start": device.name, "start_hash": device.hash}
    dataclasses.replace(device, provenance=itself).save(folder / "device.h5")
    assert found(passport(folder / "device.h5")) == CHAIN


def test_a_file_that_cannot_be_read_is_named_and_left_out(folder):
    (folder / "cut.h5").write_bytes((folder / "device.h5").read_bytes()[:1000])
    traced = passport(folder / "device.gds")
    assert traced.is_complete
    assert "not read" in str(traced)
    assert "cut.h5" in str(traced)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("report.html", "kinds of files"), ("none.h5", "no such file"), ("none.gds", "no such")],
)
def test_what_has_no_passport_is_one_clear_error(tmp_path, name, reason):
    (tmp_path / "report.html").touch()
    with pytest.raises(InputError, match=reason):
        passport(tmp_path / name)


def test_a_folder_that_is_not_there_is_named(made, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        passport(made / "device.gds", tmp_path / "none")


@pytest.mark.end_to_end
def test_the_command_ends_with_status_1_where_an_input_has_changed(folder, metagen):
    complete = metagen("passport", folder / "device.oas", "--in", folder)
    assert complete.returncode == 1  # no such file yet
    write_oasis(mg.Layout.load(folder / "device.h5"), folder / "device.oas")
    complete = metagen("passport", folder / "device.oas", "--in", folder)
    assert complete.returncode == 0, complete.stderr
    design(folder, steps=3)
    stale = metagen("passport", folder / "device.oas", "--in", folder)
    assert stale.returncode == 1
    assert "STALE: device 'device'" in stale.stdout
