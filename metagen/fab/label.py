"""The text label that says which layout a file draws, and what was done to its radii."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError, InputError
from metagen.base.files import content_hash
from metagen.base.validation import Positive, PositiveInt, checked, validate
from metagen.device.layout import Layout
from metagen.device.platform import Platform
from metagen.fab.options import DEFAULTS, BiasTable, Layer, LayoutFileOptions, Tone

PREFIX = "metagen-device-1 "
"""How a label of ours begins; the number is the version of the JSON text that follows."""
LONGEST_NAME = 48
"""How many characters of the layout's name are kept."""
LONGEST_TEXT = 512
"""How many characters a GDS string may have."""


@checked
class DeviceLabel:
    """What the label records; lengths in micrometres.

    Attributes:
        name: name of the layout in ASCII, cut where it is long.
        hash: :attr:`metagen.Layout.hash` of the layout that was written, before its radii were rounded.
        steps: hash of the rounded radii (:func:`steps_hash`), which shows whether the file was edited.
        count: pillars along one side.
        period: lattice constant.
        grid: step to which radii were rounded.
        bias: what was added to the radii when they were drawn.
        tone: whether the pillars or the space between them are drawn.
        layer: layer and datatype of the drawn polygons.
    """

    name: str
    hash: str
    steps: str
    count: PositiveInt
    period: Positive
    grid: Positive
    bias: float | BiasTable
    tone: Tone
    layer: Layer = DEFAULTS.pillar_layer

    @property
    def lattice(self) -> Platform:
        """A platform with this period, for reading the pillars where no other one is known."""
        return Platform(period=self.period, radius_min=self.period / 4, radius_max=self.period / 2)

    @property
    def text(self) -> str:
        """The label as it stands in the file (ASCII)."""
        return PREFIX + json.dumps(asdict(self), separators=(",", ":"))


def steps_hash(steps: NDArray[np.int32]) -> str:
    """Hash radii [N, N] in whole grid steps; returns sixteen hexadecimal digits."""
    return content_hash(steps.astype("<i4"))[:16]


def label_of(layout: Layout, steps: NDArray[np.int32], options: LayoutFileOptions) -> DeviceLabel:
    """Make the label of a layout whose radii are drawn as ``steps`` [N, N] steps of the grid.

    Raises:
        InputError: the bias table has too many digits for a GDS string.
    """
    label = DeviceLabel(
        name=layout.name[:LONGEST_NAME].encode("ascii", "replace").decode(),
        hash=layout.hash,
        steps=steps_hash(steps),
        count=layout.count,
        period=layout.platform.period,
        grid=options.grid,
        bias=options.bias,
        tone=options.tone,
        layer=options.pillar_layer,
    )
    if len(label.text) > LONGEST_TEXT:
        raise InputError(
            f"bias is {options.bias}: with it the label is {len(label.text)} characters long, at most "
            f"{LONGEST_TEXT} fit; use fewer digits or pairs"
        )
    return label


def parse_label(text: str, source: str) -> DeviceLabel | None:
    """Read a device label; return None if the text is another program's.

    Raises:
        FormatError: the text begins like a label of ours but is damaged.
    """
    if not text.startswith(PREFIX):
        return None
    try:
        return validate(json.loads(text.removeprefix(PREFIX)), DeviceLabel, source="device label")
    except (json.JSONDecodeError, InputError) as error:
        raise FormatError(f"{source}: the device label is damaged ({error}); write the file again") from error
