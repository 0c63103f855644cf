"""Goals: what the light behind a device should do, as numbers to maximise.

A goal is a function of :class:`metagen.design.Light`. Most of those here average the relative intensity
(:meth:`metagen.design.Wave.relative_intensity`) over points, so each is a number without unit between 0 and
about 1, whatever its wavelength and shape, and goals can be compared with each other; where they cannot (a
ratio beside a share), each is given the ``target`` that it is measured by. For the light behind several
devices a goal gives one number per device. Every goal takes the light that it is for, and an analyser
(:class:`metagen.design.goal.Aimed`): by default x-polarised light along the axis, and all of it. Any torch
function of the light can be an objective as well::

    def objective(light):
        return light[0.633].intensity(points).mean() - light[0.400].intensity(points).mean()

Several goals are made one objective in :mod:`metagen.design.combine`.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from metagen.base.errors import InputError
from metagen.base.validation import Positive, PositiveInt, checked
from metagen.design.goal import CIRCLE, Aimed, circle_points, points_at, power_mean, spiral_points
from metagen.design.light import Light, Wave
from metagen.design.questions import DepthAlongAxis, FocusOnAxis, Question, RingAroundAxis, SquareOnAxis
from metagen.device.illumination import Illumination

RING_HALF_WIDTH = 0.5
"""Half width of the ring in which the power of a circle is measured (the paper's), in micrometres."""
SHARPNESS = 8.0
"""Exponent of the power mean that stands for the largest side lobe: smooth, and close to the largest."""


@checked
class Focus(Aimed):
    """Intensity at one point: the paper's figure of merit at 633 nm (eq. 10), negated.

    Attributes:
        wavelength: wavelength in vacuum.
        distance: distance from the monitor plane.
        x: x coordinate of the focus.
        y: y coordinate of the focus.
    """

    wavelength: Positive
    distance: Positive
    x: float = 0.0
    y: float = 0.0
    kind: Literal["focus"] = "focus"

    def points(self) -> Tensor:
        return points_at([(self.x, self.y, self.distance)])

    @property
    def question(self) -> Question | None:
        return FocusOnAxis(self.distance) if self.x == self.y == 0 else None

    def __call__(self, light: Light) -> Tensor:
        return self.wave(light).relative_intensity(self.points()).mean(-1)


@checked
class Ring(Aimed):
    """Mean intensity on a circle around the axis: the paper's figure of merit at 400 nm (eq. 11), negated.

    Attributes:
        wavelength: wavelength in vacuum.
        distance: distance from the monitor plane.
        radius: radius of the circle.
        count: number of points on it; they should be closer than half the width of a focus.
    """

    wavelength: Positive
    distance: Positive
    radius: Positive = 1.5
    count: PositiveInt = CIRCLE
    kind: Literal["ring"] = "ring"

    def points(self) -> Tensor:
        return circle_points(self.radius, self.distance, self.count)

    @property
    def question(self) -> Question | None:
        return RingAroundAxis(self.distance, self.radius, min(RING_HALF_WIDTH, self.radius / 2))

    def __call__(self, light: Light) -> Tensor:
        return self.wave(light).relative_intensity(self.points()).mean(-1)


@checked
class Disc(Aimed):
    """Mean intensity over a disc around the axis, which follows the power through it for narrow cones.

    Attributes:
        wavelength: wavelength in vacuum.
        distance: distance from the monitor plane.
        radius: radius of the disc.
        count: number of points, evenly spread on a spiral; they should be closer than half the width of a
            focus.
    """

    wavelength: Positive
    distance: Positive
    radius: Positive
    count: PositiveInt = 32
    kind: Literal["disc"] = "disc"

    def points(self) -> Tensor:
        return spiral_points(0.0, self.radius, self.distance, self.count)

    def sources(self) -> Tensor:
        return points_at([(0.0, 0.0, self.distance)])

    def __call__(self, light: Light) -> Tensor:
        return self.wave(light).relative_intensity(self.points()).mean(-1)


@checked
class Line(Aimed):
    """Power mean of the intensity at points on the axis; by default the geometric mean, which is largest
    where the sum of logarithms is.

    The paper's extended depth of focus is ``distances=range(50, 151, 10)`` (eq. 13).

    Attributes:
        wavelength: wavelength in vacuum.
        distances: distances of the points from the monitor plane.
        exponent: exponent of the power mean (:func:`power_mean`); the lower it is, the more the weakest
            point counts.
    """

    wavelength: Positive
    distances: Annotated[tuple[Positive, ...], Field(min_length=1)]
    exponent: float = 0.0
    kind: Literal["line"] = "line"
    in_turn: ClassVar[bool] = True

    def points(self) -> Tensor:
        return points_at([(0.0, 0.0, z) for z in self.distances])

    @property
    def question(self) -> Question | None:
        ends = min(self.distances), max(self.distances)
        return DepthAlongAxis(*ends) if len(self.distances) > 1 else None

    def __call__(self, light: Light) -> Tensor:
        return power_mean(self.wave(light).relative_intensity(self.points()), self.exponent)


@checked
class Spots(Aimed):
    """Power mean of the intensity at several points: a pattern of foci in which the weakest counts most.

    Attributes:
        wavelength: wavelength in vacuum.
        positions: (x, y, distance from the monitor plane) of each point.
        exponent: exponent of the power mean (:func:`power_mean`); −1 is the harmonic mean.
    """

    wavelength: Positive
    positions: Annotated[tuple[tuple[float, float, Positive], ...], Field(min_length=1)]
    exponent: float = -1.0
    kind: Literal["spots"] = "spots"

    def points(self) -> Tensor:
        return points_at(list(self.positions))

    def __call__(self, light: Light) -> Tensor:
        return power_mean(self.wave(light).relative_intensity(self.points()), self.exponent)


@checked
class Efficiency(Aimed):
    """Share of the incident power that goes into a circle or a ring, like the metrics of the same name.

    The power is the flux through the plane, of the components that the model predicts
    (:meth:`metagen.design.Wave.flux`); the metrics sum it over a finer grid.

    Attributes:
        wavelength: wavelength in vacuum.
        distance: distance of the plane from the monitor plane.
        radius: radius of the circle.
        inner: radius of a smaller circle that is left out, so that a ring remains.
        x: x coordinate of the centre.
        y: y coordinate of the centre.
        count: number of points, evenly spread; they should be closer than half the width of a focus.

    Raises:
        InputError: inner is not smaller than radius.
    """

    wavelength: Positive
    distance: Positive
    radius: Positive
    inner: Annotated[float, Field(ge=0)] = 0.0
    x: float = 0.0
    y: float = 0.0
    count: PositiveInt = 32
    kind: Literal["efficiency"] = "efficiency"

    def __post_init__(self) -> None:
        if not self.inner < self.radius:
            raise InputError(f"inner is {self.inner:g}; it must be below radius, {self.radius:g}")

    @property
    def label(self) -> str:
        """The name with the circle or ring, which is not that of the focusing efficiency."""
        where = f"between {self.inner:g} and" if self.inner else "within"
        return f"efficiency {where} {self.radius:g} µm"

    def points(self) -> Tensor:
        return spiral_points(self.inner, self.radius, self.distance, self.count) + self._centre

    def sources(self) -> Tensor:
        middle = points_at([(0.0, 0.0, self.distance)])
        return (circle_points(self._middle, self.distance) if self.inner else middle) + self._centre

    @property
    def question(self) -> Question | None:
        if self.x or self.y:
            return None
        if not self.inner:
            return FocusOnAxis(self.distance)
        return RingAroundAxis(self.distance, self._middle, (self.radius - self.inner) / 2)

    @property
    def _middle(self) -> float:
        """Radius of the circle in the middle of the ring."""
        return (self.inner + self.radius) / 2

    @property
    def _centre(self) -> Tensor:
        return torch.tensor([self.x, self.y, 0.0], dtype=torch.float64)

    def __call__(self, light: Light) -> Tensor:
        wave, area = self.wave(light), math.pi * (self.radius**2 - self.inner**2)
        return wave.flux(self.points()).mean(-1) * (area / wave.incident_power)


@checked
class SquareEfficiency(Aimed):
    """Share of the incident power that goes through a square, as some publications count it.

    The power is the flux of :class:`Efficiency`; :func:`metagen.verify.metrics.square_efficiency` takes that
    of Poynting's vector, which differs from it a little inside a narrow focus.

    Attributes:
        wavelength: wavelength in vacuum.
        distance: distance of the plane from the monitor plane.
        width: side of the square.
        x: x coordinate of the centre.
        y: y coordinate of the centre.
        count: points along one side, evenly spread; they should be closer than half the width of a focus.
    """

    wavelength: Positive
    distance: Positive
    width: Positive
    x: float = 0.0
    y: float = 0.0
    count: PositiveInt = 8
    kind: Literal["square efficiency"] = "square efficiency"

    @property
    def label(self) -> str:
        """The name with the side of the square."""
        return f"efficiency into a square of {self.width:g} µm"

    def points(self) -> Tensor:
        offsets = ((torch.arange(self.count, dtype=torch.float64) + 0.5) / self.count - 0.5) * self.width
        x, y = torch.meshgrid(self.x + offsets, self.y + offsets, indexing="ij")
        return torch.stack([x, y, torch.full_like(x, self.distance)], -1).flatten(0, 1)

    def sources(self) -> Tensor:
        return points_at([(self.x, self.y, self.distance)])

    @property
    def question(self) -> Question | None:
        return None if self.x or self.y else SquareOnAxis(self.distance, self.width)

    def __call__(self, light: Light) -> Tensor:
        wave = self.wave(light)
        return wave.flux(self.points()).mean(-1) * (self.width**2 / wave.incident_power)


@checked
class RingRatio(Aimed):
    """Power in a ring over power inside it: :func:`metagen.verify.metrics.annulus_ratio`, with the
    power of :class:`Efficiency`.

    Attributes:
        wavelength: wavelength in vacuum.
        distance: distance of the plane from the monitor plane.
        radius: radius of the circle in the middle of the ring.
        half_width: half the width of the ring.
        count: number of points in the ring; there are as many inside it.

    Raises:
        InputError: half_width is not smaller than radius.
    """

    wavelength: Positive
    distance: Positive
    radius: Positive = 1.5
    half_width: Positive = 0.5
    count: PositiveInt = 48
    kind: Literal["ring ratio"] = "ring ratio"

    def __post_init__(self) -> None:
        if not self.half_width < self.radius:
            raise InputError(
                f"half_width is {self.half_width:g}; it must be below the radius, {self.radius:g}"
            )

    def points(self) -> Tensor:
        """[2·count, 3] points at which the intensity is taken: first in the ring, then inside it."""
        inner, outer = self.radius - self.half_width, self.radius + self.half_width
        return torch.cat(
            [
                spiral_points(inner, outer, self.distance, self.count),
                spiral_points(0.0, inner, self.distance, self.count),
            ]
        )

    def sources(self) -> Tensor:
        return circle_points(self.radius, self.distance)

    @property
    def question(self) -> Question | None:
        return RingAroundAxis(self.distance, self.radius, self.half_width)

    def __call__(self, light: Light) -> Tensor:
        found = self.wave(light).flux(self.points())
        ring, inside = found[..., : self.count].mean(-1), found[..., self.count :].mean(-1)
        inner, outer = self.radius - self.half_width, self.radius + self.half_width
        return ring / inside * ((outer**2 - inner**2) / inner**2)


@checked
class SideLobes(Aimed):
    """1 / (1 + side-lobe level): 1 for a focus in the dark, 1/2 where a side lobe is as bright as the focus.

    The level is the largest intensity between two circles over the intensity at the focus; a power mean over
    points (exponent :data:`SHARPNESS`) stands for the largest.

    Attributes:
        wavelength: wavelength in vacuum.
        distance: distance of the plane from the monitor plane.
        inner: radius of the circle around the focus that is left out.
        outer: radius of the circle up to which it should be dark.
        x: x coordinate of the focus.
        y: y coordinate of the focus.
        count: number of points in the dark region.

    Raises:
        InputError: inner is not smaller than outer.
    """

    wavelength: Positive
    distance: Positive
    inner: Positive
    outer: Positive
    x: float = 0.0
    y: float = 0.0
    count: PositiveInt = 128
    kind: Literal["side lobes"] = "side lobes"

    def __post_init__(self) -> None:
        if not self.inner < self.outer:
            raise InputError(f"inner is {self.inner:g}; it must be below outer, {self.outer:g}")

    def points(self) -> Tensor:
        """[1 + count, 3] points at which the intensity is taken: the focus, then the dark region."""
        centre = torch.tensor([self.x, self.y, 0.0], dtype=torch.float64)
        focus = points_at([(0.0, 0.0, self.distance)])
        return torch.cat([focus, spiral_points(self.inner, self.outer, self.distance, self.count)]) + centre

    def sources(self) -> Tensor:
        return self.points()[:1]

    def __call__(self, light: Light) -> Tensor:
        found = self.wave(light).intensity(self.points())
        return 1 / (1 + power_mean(found[..., 1:], SHARPNESS) / found[..., 0])


@checked
class Uniformity(Aimed):
    """How even the intensity is over the points of another goal: harmonic over arithmetic mean, at most 1.

    Attributes:
        of: the goal whose points are compared.
    """

    of: Annotated[Ring | Disc | Line | Spots, Field(discriminator="kind")]
    kind: Literal["uniformity"] = "uniformity"

    def __post_init__(self) -> None:
        if self.analyser is not None or (self.polarisation, self.polar, self.azimuth) != ("x", 0.0, 0.0):
            raise InputError("a uniformity looks at the light of another goal; say there which light it is")

    @property
    def wavelength(self) -> float:
        """Wavelength in vacuum."""
        return self.of.wavelength

    @property
    def illumination(self) -> Illumination:
        """The light that meets the device."""
        return self.of.illumination

    def wave(self, light: Light) -> Wave:
        """The light that the goal looks at."""
        return self.of.wave(light)

    def points(self) -> Tensor:
        return self.of.points()

    def sources(self) -> Tensor:
        return self.of.sources()

    def __call__(self, light: Light) -> Tensor:
        found = self.wave(light).intensity(self.points())
        return power_mean(found, -1.0) / found.mean(-1)


Goal = Focus | Ring | Disc | Line | Spots | Efficiency | SquareEfficiency | RingRatio | SideLobes | Uniformity
