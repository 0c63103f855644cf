"""The text label that says which layout a file draws, and what was done to its radii."""

from __future__ import annotations

import json
from dataclasses import asdict

from metagen.errors import FormatError
from metagen.fab.options import BiasTable, LayoutFileOptions, Tone
from metagen.layout import Layout
from metagen.validation import checked, validate

PREFIX = "metagen-device-1 "
"""Begins the label; the number is the version of what follows, which is JSON."""
LONGEST_NAME = 48
"""Characters of the layout's name that are kept, so that the label stays within a GDS string (512)."""


@checked
class DeviceLabel:
    """What the label records.

    Attributes:
        name: name of the layout (its beginning, where it is long).
        hash: :attr:`metagen.Layout.hash` of the layout that was written, before its radii were rounded.
        count: pillars along one side.
        period: lattice constant.
        grid: step to which radii were rounded.
        bias: what was added to the radii.
        tone: what is drawn.
    """

    name: str
    hash: str
    count: int
    period: float
    grid: float
    bias: float | BiasTable
    tone: Tone

    @property
    def text(self) -> str:
        """The label as it stands in the file (ASCII)."""
        return PREFIX + json.dumps(asdict(self), separators=(",", ":"))


def label_of(layout: Layout, options: LayoutFileOptions) -> DeviceLabel:
    """The label of a layout."""
    return DeviceLabel(
        name=layout.name[:LONGEST_NAME],
        hash=layout.hash,
        count=layout.count,
        period=layout.platform.period,
        grid=options.grid,
        bias=options.bias,
        tone=options.tone,
    )


def parse_label(text: str, source: str) -> DeviceLabel | None:
    """Read a label; None if the text is some other label.

    Raises:
        FormatError: it begins like ours but is damaged.
    """
    if not text.startswith(PREFIX):
        return None
    try:
        values = json.loads(text.removeprefix(PREFIX))
    except json.JSONDecodeError as error:
        raise FormatError(f"{source}: the device label is damaged ({error}); write the file again") from error
    return validate(values, DeviceLabel, source=f"{source}: device label")
