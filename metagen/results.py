"""Small results on disk, remembered together with the key of what determined them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from metagen.files import replacing

T = TypeVar("T")


def recall(path: Path, key: str, kind: type[T]) -> T | None:
    """The stored result, or None where there is none, it has another key, or it cannot be read."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["key"] == key:
            return TypeAdapter(kind).validate_python(stored["value"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None
    return None


def store(path: Path, key: str, value: T, kind: type[T]) -> T:
    """Write a result (JSON, atomically) and give it back."""
    text = json.dumps({"key": key, "value": TypeAdapter(kind).dump_python(value, mode="json")}, indent=1)
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return value
