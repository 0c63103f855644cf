"""What is to be measured of the light behind a device to judge a goal; :mod:`metagen.verify` answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FocusOnAxis:
    """How good the focus on the axis is.

    Attributes:
        distance: distance of the focal plane from the monitor plane.
    """

    distance: float


@dataclass(frozen=True)
class SquareOnAxis:
    """How much of the light goes through a square around the axis.

    Attributes:
        distance: distance of the plane from the monitor plane.
        width: side of the square.
    """

    distance: float
    width: float


@dataclass(frozen=True)
class RingAroundAxis:
    """How much of the light is in a ring around the axis.

    Attributes:
        distance: distance of the plane from the monitor plane.
        radius: radius of the circle in the middle of the ring.
        half_width: half the width of the ring.
    """

    distance: float
    radius: float
    half_width: float


@dataclass(frozen=True)
class DepthAlongAxis:
    """Over which range of distances there is light on the axis.

    Attributes:
        nearest: smallest distance from the monitor plane at which light is wanted.
        farthest: largest distance from the monitor plane at which light is wanted.
    """

    nearest: float
    farthest: float


Question = FocusOnAxis | SquareOnAxis | RingAroundAxis | DepthAlongAxis
