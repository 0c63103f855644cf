"""What becomes of the parameters of pillars when their cell is placed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError, InputError
from metagen.device.atoms import Atom, Kind
from metagen.device.symmetry import Symmetry
from metagen.fab.steps import turned_by

SAME_ANGLE = 1e-6
"""Rotations this close to a multiple of a quarter turn, in radians, are that."""
SAME_SIZE = 1e-9
"""A magnification this close to 1 is none."""

Values = NDArray[np.float64]


def placed_values(
    atom: Atom, values: Values, rotation: float, magnification: float, reflected: bool, where: str
) -> Values:
    """Parameters [M, P] of pillars after a reflection y → −y, if there is one, and then a rotation.

    Raises:
        FormatError: the placed pillars are none of this family.
    """
    if abs(magnification - 1) > SAME_SIZE:
        values = _magnified(atom, values, magnification, where)
    angle = turned_by(atom)
    if angle is not None:
        turned = values.copy()
        turned[:, angle] = rotation + (-values[:, angle] if reflected else values[:, angle])
        return turned
    return values if atom.period == 0 else _moved(atom, values, rotation, reflected, where)


def _magnified(atom: Atom, values: Values, magnification: float, where: str) -> Values:
    lengths = [i for i, each in enumerate(atom.parameters) if each.kind is Kind.LENGTH]
    if len(lengths) < len(atom.growth) or not atom.growth:
        raise FormatError(
            f"{where} with a magnification of {magnification:g}, and the platform fixes lengths of its "
            f"pillars ({atom}); draw them in their true size"
        )
    scaled = values.copy()
    scaled[:, lengths] *= magnification
    return scaled


def _moved(atom: Atom, values: Values, rotation: float, reflected: bool, where: str) -> Values:
    """What mirrors and quarter turns make of shapes whose angle is fixed."""
    quarters = rotation / (math.pi / 2)
    try:
        if abs(quarters - round(quarters)) * math.pi / 2 > SAME_ANGLE:
            raise InputError("their angle is fixed")
        if reflected:
            values = atom.image(values, Symmetry.MIRROR_Y)
        for _ in range(round(quarters) % 4):
            values = atom.image(values, Symmetry.QUARTER_TURN)
    except InputError as error:
        raise FormatError(
            f"{where} turned by {math.degrees(rotation):g}°{' and mirrored' if reflected else ''}, where its "
            f"pillars are none of the platform's ({atom}): {error}"
        ) from error
    return values
