"""The card of a model, which says what made it and is stored with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from metagen.base.validation import checked
from metagen.data.nearfield import NearField
from metagen.surrogate.settings import TrainingSettings


@checked
class Card:
    """What a model was trained on and how, and its errors.

    Attributes:
        settings: the training settings; None for a model that is computed and not trained.
        dataset: content hash of the data that it was trained on.
        layouts: names of the layouts in those data.
        near_fields: content hashes of their near fields (:attr:`metagen.NearField.hash`), in the same order.
        devices: content hashes of those layouts (:attr:`metagen.Layout.hash`), in the same order.
        provenance: time, program versions, machine, command, and what was measured in training.
        errors: relative errors (eq. 9) on layouts that were not trained on, by name, and for "all" of them.
    """

    settings: TrainingSettings | None = None
    dataset: str = ""
    layouts: tuple[str, ...] = ()
    near_fields: tuple[str, ...] = field(default=(), repr=False)
    devices: tuple[str, ...] = field(default=(), repr=False)
    provenance: Mapping[str, object] = field(default_factory=dict)
    errors: Mapping[str, float] = field(default_factory=dict)

    def has_seen(self, near: NearField) -> bool:
        """Whether the model was trained on this device (not on one that only has the same name)."""
        return near.layout.hash in self.devices or near.hash in self.near_fields
