"""Small results that are kept on disk, each with a key: the hash of everything that determined it."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import platformdirs
from pydantic import TypeAdapter

from metagen.base.atomic import replacing
from metagen.base.contents import content_hash
from metagen.base.errors import AccessError, InputError
from metagen.base.texts import STRANGE

T = TypeVar("T")


def cache_folder() -> Path:
    """The folder of results that serve many runs: METAGEN_CACHE, or the user's cache directory."""
    return Path(os.environ.get("METAGEN_CACHE") or platformdirs.user_cache_path("metagen"))


def keep(save: Callable[[Path], object], path: Path) -> None:
    """Keep a result in the cache; where that cannot be written a warning says so, and work goes on.

    Args:
        save: writes the result to the path that it is given.
        path: its place in the cache.
    """
    try:
        save(path)
    except (AccessError, InputError, OSError) as error:
        reason = getattr(error.__cause__, "strerror", error)
        warnings.warn(
            f"{path.parent}: results cannot be kept there ({reason}) and are computed again each time; set "
            "METAGEN_CACHE to a folder that can be written",
            stacklevel=3,
        )


def recall(path: Path, key: str, kind: type[T]) -> T | None:
    """The stored result; None if there is none, if its key is another one, or if it was changed since."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["key"] == key and stored["hash"] == content_hash(key, stored["value"]):
            return TypeAdapter(kind).validate_python(stored["value"])
    except (OSError, *STRANGE):
        return None
    return None


def store(path: Path, key: str, value: T, kind: type[T]) -> T:
    """Write a result with its key and the hash of both (JSON, atomically) and return it."""
    plain = TypeAdapter(kind).dump_python(value, mode="json")
    text = json.dumps({"key": key, "hash": content_hash(key, plain), "value": plain}, indent=1)
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return value
