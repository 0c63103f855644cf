"""What a file is and what it was made from, identified by content hashes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from metagen import surrogate
from metagen.base.errors import InputError
from metagen.base.files import schema_of
from metagen.base.texts import one_error
from metagen.base.wavelength import nanometres
from metagen.data import compact as datasets
from metagen.data import nearfield
from metagen.data.nearfield import NearField
from metagen.design import model_hash
from metagen.design.correction import corrected_hash
from metagen.design.model import name_of
from metagen.design.starts import STARTS
from metagen.device.illumination import Illumination, short_label
from metagen.device.layout import Layout
from metagen.device.platform import Platform
from metagen.fab import device_labels, load_device
from metagen.fab.formats import DRAWN_ENDINGS, drawn_format, drawn_name
from metagen.surrogate import ExpansionSurrogate
from metagen.surrogate.swapped import Swapped, has_diagonal

SHOWN = 12
"""How many digits of a hash are shown."""


class FileKind(StrEnum):
    """Kinds of files that have a passport."""

    LAYOUT_FILE = "layout file"
    DEVICE = "device"
    MODEL = "model"
    NEAR_FIELD = "near field"


SUFFIXES = {
    FileKind.LAYOUT_FILE: DRAWN_ENDINGS,
    FileKind.DEVICE: (".h5",),
    FileKind.MODEL: (".safetensors",),
    FileKind.NEAR_FIELD: (".h5",),
}


@dataclass(frozen=True)
class Need:
    """An input that a file records.

    Attributes:
        kind: what kind of file the input is.
        name: name that the input gives itself.
        hash: content hash of the input.
        required: whether the passport is incomplete without it; the start of a design is not required, as it
            is often made from settings. Other layouts have its name, so that it is never called stale.
    """

    kind: FileKind
    name: str
    hash: str
    required: bool = True

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} {self.hash[:SHOWN]}"


@dataclass(frozen=True)
class Artefact:
    """A file, or one of the devices in a layout file.

    Attributes:
        path: path of the file.
        kind: what kind of file it is.
        name: name that it gives itself; a newer version of it has the same name and another hash.
        hash: hash of its contents.
        needs: the inputs that it records.
        platform: what the process fixes; None if the file does not say.
        notes: what it fails to record, as texts.
    """

    path: Path
    kind: FileKind
    name: str
    hash: str
    needs: tuple[Need, ...] = ()
    platform: Platform | None = None
    notes: tuple[str, ...] = ()


def artefacts_in(path: Path) -> list[Artefact]:
    """What a file is, and what it was made from.

    Raises:
        InputError, AccessError, FormatError: there is no such file, it cannot be read now, it is damaged, or
            files of its kind have no passport.
    """
    with one_error(str(path)):
        return _artefacts_in(path)


def _artefacts_in(path: Path) -> list[Artefact]:
    if drawn_format(path) is not None:
        return _layout_file(path)
    match path.suffix.lower():
        case ".safetensors":
            return [_model(path)]
        case ".h5":
            return _hdf5(path)
    known = ", ".join(sorted({suffix for suffixes in SUFFIXES.values() for suffix in suffixes}))
    raise InputError(f"{path}: only these kinds of files have a passport: {known}")


def shipped(need: Need) -> Iterator[Artefact]:
    """Models, or near fields they learnt from, that come with metagen and may be what is needed."""
    match need.kind:
        case FileKind.MODEL:
            yield from map(_model, surrogate.shipped().values())
        case FileKind.NEAR_FIELD:
            layout, _, _ = need.name.rpartition(", ")
            for name in datasets.shipped():
                yield from (_near_field(Path(name), near) for near in datasets.near_fields(name, layout))


def _hdf5(path: Path) -> list[Artefact]:
    match schema_of(path):
        case nearfield.SCHEMA.name:
            return [_near_field(path, NearField.load(path))]
        case datasets.SCHEMA.name:
            return [_near_field(path, near) for near in datasets.near_fields(path)]
    return [_device(path)]


def _layout_file(path: Path) -> list[Artefact]:
    labels = device_labels(path).values()
    if not labels:
        return [
            Artefact(path, FileKind.LAYOUT_FILE, drawn_name(path), "", notes=("no device label of ours",))
        ]
    return [
        Artefact(
            path, FileKind.LAYOUT_FILE, each.name, each.steps, (Need(FileKind.DEVICE, each.name, each.hash),)
        )
        for each in labels
    ]


def _device(path: Path) -> Artefact:
    made = Layout.load(path)
    needs, notes = _needs_of(made)
    return Artefact(path, FileKind.DEVICE, made.name, made.hash, needs, made.platform, notes)


def _needs_of(made: Layout) -> tuple[tuple[Need, ...], tuple[str, ...]]:
    """Inputs of a designed layout, and notes on what it does not record; other layouts have no inputs."""
    recorded = made.provenance
    if "start_hash" not in recorded:
        return (), ()
    starts = json.loads(recorded.get(STARTS, "null")) or [recorded["start_hash"]]
    begun = tuple(Need(FileKind.DEVICE, recorded["start"], each, required=False) for each in starts)
    if "models" not in recorded:
        return begun, ("does not record its models; design it again",)
    models = json.loads(recorded["models"])
    return (
        *(Need(FileKind.MODEL, _light_of(label), key) for label, key in models.items()),
        *begun,
    ), ()


def _light_of(label: str) -> str:
    """What a device calls the light of a model: a wavelength in micrometres alone if it is along x."""
    return f"{nanometres(float(label))} nm" if re.fullmatch(r"[\d.e-]+", label) else label


def _of_light(light: Illumination) -> str:
    """What a model is called by its light, as :func:`_light_of` reads it in a device."""
    return f"{nanometres(light.wavelength)} nm" if light.is_plain else name_of(light)


def _model(path: Path) -> Artefact:
    model = surrogate.load(path)
    light, card = model.domain.illumination, model.card
    needs = tuple(
        Need(FileKind.NEAR_FIELD, f"{layout_name}, {short_label(light)} nm", key)
        for layout_name, key in zip(card.layouts, card.near_fields, strict=False)
    )
    notes = () if needs or not card.dataset else ("does not record its near fields; train it again",)
    return Artefact(path, FileKind.MODEL, _of_light(light), model_hash(model), needs, model.platform, notes)


def mirrored(model: Artefact) -> Artefact | None:
    """The model that the mirror x ↔ y makes of one, if lattice and meta-atom have it."""
    known = surrogate.load(model.path)
    if not isinstance(known, ExpansionSurrogate) or not has_diagonal(known.domain.platform):
        return None
    image = Swapped(known)
    name, needs = _of_light(image.domain.illumination), (Need(model.kind, model.name, model.hash),)
    return replace(model, name=name, hash=model_hash(image), needs=needs, notes=("mirror image",))


def corrected(model: Artefact, near: Artefact) -> Artefact:
    """What `metagen refine` designs with: a model and the simulation that corrects it."""
    needs = tuple(Need(each.kind, each.name, each.hash) for each in (model, near))
    key = corrected_hash(model.hash, near.hash)
    notes = ("corrected by a simulation",)
    return Artefact(model.path, model.kind, model.name, key, needs, model.platform, notes)


def _near_field(path: Path, near: NearField) -> Artefact:
    made = near.layout
    name = f"{made.name}, {short_label(near.illumination)} nm"
    needs: tuple[Need, ...] = ()
    if "steps_hash" in made.provenance:
        needs = (Need(FileKind.LAYOUT_FILE, made.name, made.provenance["steps_hash"]),)
    elif "start_hash" in made.provenance:
        needs = (Need(FileKind.DEVICE, made.name, made.hash),)
    return Artefact(path, FileKind.NEAR_FIELD, name, near.hash, needs, made.platform)


def check_pillars(path: Path) -> None:
    """Refuse a layout file written by metagen whose pillars do not match its labels."""
    for cell, label in device_labels(path).items():
        load_device(path, label.platform, cell=cell)
