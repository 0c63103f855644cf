"""Model files: weights as safetensors, and the card as JSON; opening a file executes no code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialised
from torch import Tensor

from metagen.base.atomic import replacing
from metagen.base.contents import content_hash
from metagen.base.errors import AccessError, DamagedError, FormatError, InputError
from metagen.base.texts import one_error
from metagen.base.validation import checked, validate
from metagen.surrogate.base import Surrogate
from metagen.surrogate.card import Card
from metagen.surrogate.domain import Domain
from metagen.surrogate.error_map import ErrorMap
from metagen.surrogate.expansion import ExpansionSurrogate
from metagen.surrogate.models import build
from metagen.surrogate.settings import ModelSettings
from metagen.surrogate.swapped import Swapped

SCHEMA = "metagen/surrogate"
VERSION: Literal[2] = 2
BEFORE = 1
"""The previous version, which is still read; only some of its files have a hash."""
KEY = "metagen"
"""The entry of the safetensors metadata that holds the header."""
HASH = "content_hash"
"""The entry that holds the hash of header and weights, which is compared whenever the file is read."""
SUFFIX = ".safetensors"


@checked
class Header:
    """Everything about a model but its weights."""

    domain: Domain
    model: ModelSettings
    card: Card = field(default_factory=Card)
    schema_version: Literal[2] = VERSION


def save(model: Surrogate, path: str | Path) -> None:
    """Write a model to a safetensors file (atomically), with its card in the metadata.

    Raises:
        InputError: the model is made of others (:func:`metagen.surrogate.for_light`).
        AccessError: the file cannot be written there.
    """
    if type(build(model.domain, model.settings)) is not type(model):
        raise InputError(
            f"{path}: this model ({type(model).__name__}) is made of others; save those, and call "
            "metagen.surrogate.for_light again"
        )
    header = Header(domain=model.domain, model=model.settings, card=model.card)
    text = json.dumps({"schema": SCHEMA, **TypeAdapter(Header).dump_python(header, mode="json")})
    weights = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
    contents = serialised(weights, metadata={KEY: text, HASH: _hash(text, weights)})
    with replacing(path) as partial:
        partial.write_bytes(contents)


def load(path_or_name: str | Path) -> Surrogate:
    """Read a model from a file, or one of the models that come with metagen by its name.

    A name that ends in "-y" also stands for the mirror image (x ↔ y) of the model of that name with "-x".

    Raises:
        InputError: there is neither such a file nor such a name.
        AccessError: the file cannot be read now, but may be intact.
        FormatError: the file is damaged, not a model file, or of another schema version.
    """
    if (along_x := _mirrored_from(path_or_name)) is not None:
        return Swapped(cast(ExpansionSurrogate, load(along_x)))
    path = _find(path_or_name)
    with one_error(str(path), DamagedError):
        header, weights = _read(path)
        return _filled(path, header, weights)


def _filled(path: Path, header: Header, weights: Mapping[str, Tensor]) -> Surrogate:
    """The model with its weights; torch calls what does not fit, in memory or in shape, a RuntimeError."""
    try:
        model = build(header.domain, header.model)
        if isinstance(model, ExpansionSurrogate) and any(name.startswith("error_map.") for name in weights):
            model.error_map = ErrorMap(header.domain).requires_grad_(False)
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise FormatError(f"{path}: weights and settings do not fit together ({error})") from error
    model.card = header.card
    return model.eval()


def shipped() -> dict[str, Path]:
    """The models that come with metagen, by name."""
    folder = Path(str(files("metagen.surrogate") / "weights"))
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def _mirrored_from(name: str | Path) -> str | None:
    """The model along x that comes with metagen, of which this name stands for the mirror image."""
    along_x = f"{str(name).removesuffix('-y')}-x"
    is_taken = str(name) in shipped() or Path(name).is_file()
    return along_x if str(name).endswith("-y") and along_x in shipped() and not is_taken else None


def _find(path_or_name: str | Path) -> Path:
    path = Path(path_or_name)
    if path.is_file():
        return path
    models = shipped()
    if str(path_or_name) in models:
        return models[str(path_or_name)]
    names = ", ".join(models) or "none yet"
    folder = path if path.is_dir() else path.parent
    nearby = ", ".join(str(p) for p in sorted(folder.glob(f"*{SUFFIX}"))) or "none"
    raise InputError(
        f"{path_or_name}: neither a file nor the name of a model that comes with metagen ({names}); model "
        f"files in {folder}: {nearby}. Train one with `metagen train`"
    )


def _read(path: Path) -> tuple[Header, dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise AccessError(f"{path}: cannot be read now ({error.strerror}); it is left as it is") from error
    except SafetensorError as error:
        raise DamagedError(
            f"{path}: not a model file, damaged or incomplete ({error}); train the model again"
        ) from error
    text = metadata.get(KEY)
    if text is None:
        raise FormatError(f"{path}: a safetensors file, but not one that metagen wrote")
    values = _values(path, text)
    infinite = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
    if infinite:
        raise DamagedError(f"{path}: {infinite[0]} has weights that are not finite; train the model again")
    stored = metadata.get(HASH)
    if stored != _hash(text, weights) and (stored, values["schema_version"]) != (None, BEFORE):
        raise DamagedError(f"{path}: its contents are not those that were written; train the model again")
    return _header(path, values), weights


def _hash(text: str, weights: Mapping[str, Tensor]) -> str:
    """Content hash of header and weights."""
    names = sorted(weights)
    return content_hash(text, list(names), *(weights[name].numpy() for name in names))


def _values(path: Path, text: str) -> dict[str, Any]:
    """The values in the header, after a check of its schema."""
    try:
        values = dict(json.loads(text))
    except (RecursionError, TypeError, ValueError) as error:
        raise DamagedError(f"{path}: the card is damaged ({error}); train the model again") from error
    schema, version = values.pop("schema", None), values.get("schema_version")
    if schema != SCHEMA:
        raise FormatError(f"{path}: schema is {schema!r}, expected {SCHEMA!r}; this is another kind of file")
    if version not in (BEFORE, VERSION):
        raise FormatError(
            f"{path}: schema version is {version}, this release reads {BEFORE} and {VERSION}; train the "
            "model again, or use the release that wrote it"
        )
    return values


def _header(path: Path, values: dict[str, Any]) -> Header:
    try:
        return validate({**values, "schema_version": VERSION}, Header, source=str(path))
    except InputError as error:
        raise FormatError(str(error)) from error
