"""The text label that says which layout a file draws, and what was done to its pillars."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from metagen.base.errors import FormatError, InputError, MismatchError
from metagen.base.names import Name
from metagen.base.validation import Positive, PositiveInt, checked, validate
from metagen.device.atoms import Atom, Circle
from metagen.device.circles import CircleLimits
from metagen.device.lattice import Lattice
from metagen.device.layout import Layout
from metagen.device.platform import AnyAtom, Platform
from metagen.fab.options import DEFAULTS, BiasTable, Layer, LayoutFileOptions, Tone
from metagen.fab.steps import Grids

SHORT = "metagen-device-1 "
"""How the label of circles on a square array begins; the number is the version of the JSON text after it."""
LONG = "metagen-device-2 "
"""How the labels of all other devices begin; "1/3 " follows, and a part of the JSON text."""
LONGEST_NAME = 48
"""How many characters of the layout's name are kept."""
LONGEST_TEXT = 512
"""How many characters a GDS string may have."""
PART = LONGEST_TEXT - len(LONG) - len("10/10 ")


@checked
class DeviceLabel:
    """What the label records; lengths in micrometres, angles in radians.

    Attributes:
        name: name of the layout in ASCII, cut where it is long.
        hash: :attr:`metagen.Layout.hash` of the layout that was written, before its parameters were rounded.
        steps: hash of the rounded parameters, which shows whether the file was edited.
        counts: cells along x and y.
        lattice: where pillars can stand.
        atom: the family of their shapes.
        grid: step to which lengths were rounded.
        bias: how far walls were moved when they were drawn.
        tone: whether the pillars or the space between them are drawn.
        layer: layer and datatype of the drawn polygons.
        angle_grid: step to which angles were rounded.
        polygon_tolerance: largest distance of polygons from curved outlines.
    """

    name: Name
    hash: str
    steps: str
    counts: tuple[PositiveInt, PositiveInt]
    lattice: Lattice
    atom: AnyAtom
    grid: Positive
    bias: float | BiasTable
    tone: Tone
    layer: Layer = DEFAULTS.pillar_layer
    angle_grid: Positive = DEFAULTS.angle_grid
    polygon_tolerance: Positive = DEFAULTS.polygon_tolerance

    @property
    def platform(self) -> Platform:
        """A platform with this lattice and atom, for reading the pillars where no other one is known."""
        return Platform(lattice=self.lattice, atom=self.atom)

    @property
    def grids(self) -> Grids:
        """The steps to which its parameters were rounded."""
        return Grids(self.grid, self.angle_grid)

    @property
    def texts(self) -> tuple[str, ...]:
        """The label as it stands in the file (ASCII): one text, or several parts where it is long."""
        if self._is_short:
            return (SHORT + _json(self._short),)
        whole = _json({**asdict(self), "atom": self.atom.described})
        parts = [whole[start : start + PART] for start in range(0, len(whole), PART)]
        return tuple(f"{LONG}{i}/{len(parts)} {part}" for i, part in enumerate(parts, start=1))

    @property
    def _is_short(self) -> bool:
        circles = CircleLimits.of(self.lattice, self.atom) is not None
        return circles and self.counts[0] == self.counts[1]

    @property
    def _short(self) -> dict[str, Any]:
        """The values of the label of earlier releases, in its order."""
        return {
            "name": self.name,
            "hash": self.hash,
            "steps": self.steps,
            "count": self.counts[0],
            "period": self.lattice.pitch[0],
            "grid": self.grid,
            "bias": self.bias,
            "tone": self.tone,
            "layer": self.layer,
        }


def label_of(layout: Layout, steps: str, options: LayoutFileOptions, grids: Grids) -> DeviceLabel:
    """Make the label of a layout.

    Args:
        layout: the device.
        steps: hash of its pillars in steps of the grids.
        options: how it is drawn.
        grids: the steps to which its parameters are rounded.

    Raises:
        InputError: the bias table has too many digits for a GDS string.
    """
    label = DeviceLabel(
        name=layout.name[:LONGEST_NAME].encode("ascii", "replace").decode(),
        hash=layout.hash,
        steps=steps,
        counts=layout.counts,
        lattice=layout.platform.lattice,
        atom=layout.platform.atom,
        grid=grids.length,
        bias=options.bias,
        tone=options.tone,
        layer=options.pillar_layer,
        angle_grid=grids.angle,
        polygon_tolerance=options.polygon_tolerance,
    )
    longest = max(map(len, label.texts))
    if longest > LONGEST_TEXT:
        raise InputError(
            f"bias is {options.bias}: with it the label is {longest} characters long, at most "
            f"{LONGEST_TEXT} fit; use fewer digits or pairs"
        )
    return label


def parse_labels(texts: Iterable[tuple[str, complex]], source: str) -> list[tuple[DeviceLabel, complex]]:
    """Read the device labels among texts, each given with its position; those of other programs are left out.

    Raises:
        FormatError: a text begins like a label of ours but is damaged, or a part of one is missing.
    """
    found: list[tuple[DeviceLabel, complex]] = []
    parts: dict[tuple[complex, int], dict[int, str]] = defaultdict(dict)
    for text, place in texts:
        if text.startswith(SHORT):
            found.append((_parse(text.removeprefix(SHORT), source), place))
        elif match := re.match(rf"{LONG}(\d+)/(\d+) ", text):
            parts[place, int(match[2])][int(match[1])] = text[match.end() :]
    for (place, count), pieces in parts.items():
        if len(pieces) < count:
            raise FormatError(
                f"{source}: the device label is damaged ({len(pieces)} of its {count} parts are there); "
                "write the file again"
            )
        found.append((_parse("".join(pieces[number] for number in sorted(pieces)), source), place))
    return found


def check_match(label: DeviceLabel, platform: Platform, source: str) -> None:
    """Refuse a file that was written for another lattice, or for other shapes, than those of a platform.

    Raises:
        MismatchError: it was.
    """
    theirs, ours = label.lattice, platform.lattice
    if theirs.is_square and ours.is_square and theirs != ours:
        raise MismatchError(
            f"{source}: written for a period of {theirs.pitch[0]:g}, the platform has {ours.pitch[0]:g}; use "
            "the platform of the layout"
        )
    if theirs != ours:
        raise MismatchError(
            f"{source}: written for {theirs}, the platform has {ours}; use the platform of the layout"
        )
    if family(label.atom) != family(platform.atom):
        raise MismatchError(
            f"{source}: written for {label.atom}, the platform has {platform.atom}; use the platform of the "
            "layout"
        )


def family(atom: Atom) -> dict[str, Any]:
    """What two meta-atoms must have in common to share parameters: all but the limits of free ones."""
    free = [parameter.name for parameter in atom.parameters]
    kept = {name: value for name, value in atom.described.items() if name not in free}
    return {**kept, "free": free}


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, separators=(",", ":"))


def _parse(text: str, source: str) -> DeviceLabel:
    try:
        return validate(_lengthened(json.loads(text)), DeviceLabel, source="device label")
    except (json.JSONDecodeError, InputError) as error:
        raise FormatError(f"{source}: the device label is damaged ({error}); write the file again") from error


def _lengthened(values: Any) -> Any:
    """The values of a label of circles on a square array as those of any label."""
    if not (isinstance(values, dict) and {"count", "period"} <= values.keys()):
        return values
    count, period = values.pop("count"), values.pop("period")
    if not (isinstance(period, float | int) and period > 0 and math.isfinite(period)):
        raise InputError(f"period is {period!r}; it must be a positive length")
    limits = {"lattice": Lattice.square(period), "atom": Circle((period / 4, period / 2))}
    return {**values, "counts": (count, count), **limits}
