"""The pillars that foreign polygons stand for, or the reason why they are none of the platform's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import gdstk
import numpy as np
import shapely
from numpy.typing import NDArray

from metagen.base.errors import FormatError
from metagen.device.atoms import Atom
from metagen.fab.circle import area_centroids
from metagen.fab.fitting import Search
from metagen.fab.found import Pillars

OUTLINE = 1e-5
"""Tolerance of outlines with which polygons are compared."""
SHARE = 0.01
"""Area between a polygon and the fitted shape, as a share of its own, that is accepted."""
CLOSE = 0.001
"""The same, with which no better fit is looked for."""
ROUNDING = 0.75
"""Besides this many database units along its outline: vertices are rounded by up to 0.71 of them."""
CHUNK = 1 << 10
"""Polygons that are fitted at once."""

Values = NDArray[np.float64]
Regions = NDArray[np.object_]


@dataclass(frozen=True)
class ShapeFit:
    """What polygons of a file are fitted with.

    Attributes:
        atom: the family of shapes.
        database_unit: step of the coordinates of the file, in micrometres.
    """

    atom: Atom
    database_unit: float

    def pillars(self, polygons: list[gdstk.Polygon], where: str) -> Pillars:
        """Fit each of some polygons with equally many vertices.

        Raises:
            FormatError: one of them is no shape of the family; the message says by how much.
        """
        points = np.stack([polygon.points for polygon in polygons])
        parts = [self._chunk(points[start : start + CHUNK], where) for start in range(0, len(points), CHUNK)]
        return Pillars(
            np.concatenate([part.centres for part in parts]), np.concatenate([part.values for part in parts])
        )

    def _chunk(self, points: Values, where: str) -> Pillars:
        centroids, areas = area_centroids(points)
        if not areas.all():
            x, y = points[int(areas.argmin())].mean(axis=0)
            raise FormatError(f"{where}: a polygon around ({x:.4f}, {y:.4f}) has no area; remove it")
        moved = points - np.stack([centroids.real, centroids.imag], -1)[:, None]
        regions = np.asarray(shapely.make_valid(shapely.polygons(moved)))
        values, between = self._fitted(moved, regions)
        allowed = self._allowed(regions, SHARE)
        worst = int((between - allowed).argmax())
        if between[worst] > allowed[worst]:
            place, share = centroids[worst], between[worst] / areas[worst]
            raise FormatError(
                f"{where}: a polygon of {points.shape[1]} vertices around ({place.real:.4f}, "
                f"{place.imag:.4f}) is no {self.atom.kind}: the nearest ({self._named(values[worst])}) and "
                f"it differ by {between[worst]:.3g} µm², {share:.1%} of its area {areas[worst]:.3g}, at most "
                f"{allowed[worst] / areas[worst]:.1%} is allowed{self._hint(areas[worst])}. The pillars of "
                f"the platform are {self.atom}, and other shapes must be on other layers"
            )
        return Pillars(centroids - self._search.centroids(values), values)

    @cached_property
    def _search(self) -> Search:
        return Search(self.atom)

    def _fitted(self, points: Values, regions: Regions) -> tuple[Values, Values]:
        """[M, P] parameters, and [M] the areas between the shapes and polygons [M, n, 2] about the centroid.

        Further starts are tried for those that are not close.
        """
        wanted, close = self._search.transforms_of(points), self._allowed(regions, CLOSE)
        first, *others = self._search.starts(wanted)
        values = self._search.refined(first, wanted)
        between = self._between(values, regions)
        for further in others:
            far = np.flatnonzero(between > close)
            if not far.size:
                break
            tried = self._search.refined(further[far], wanted[far])
            found = self._between(tried, regions[far])
            better = found < between[far]
            values[far[better]], between[far[better]] = tried[better], found[better]
        return values, between

    def _allowed(self, regions: Regions, share: float) -> Values:
        rounding = ROUNDING * self.database_unit * shapely.length(regions)
        return np.asarray(share * shapely.area(regions) + rounding)

    def _between(self, values: Values, regions: Regions) -> Values:
        """[M] areas between polygons about the centroid and shapes of parameters [M, P]."""
        offsets = self._search.centroids(values)
        moved = np.stack([offsets.real, offsets.imag], -1)[:, None]
        solid, *holes = (
            shapely.polygons(np.broadcast_to(each, (len(values), *each.shape[-2:])) - moved)
            for each in self._search.shapes(values).outline(OUTLINE)
        )
        for hole in holes:
            solid = shapely.difference(solid, hole)
        return np.asarray(shapely.area(shapely.symmetric_difference(regions, solid)))

    def _named(self, values: Values) -> str:
        pairs = zip(self.atom.parameters, values, strict=True)
        return ", ".join(f"{p.name} {value:.4g}" for p, value in pairs) or "all are the same"

    def _hint(self, area: float) -> str:
        """What the area of a polygon says about the unit of the file."""
        areas = self._search.areas
        if areas.min() / 10 < area < areas.max() * 10:
            return ""
        return (
            f" (areas of the platform's pillars are {areas.min():.3g} to {areas.max():.3g}: is the unit of "
            "the file wrong?)"
        )
