"""Sites that mirrors turn into each other: what stands on one of them says what stands on the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.device.atoms import Atom, Kind, Parameter
from metagen.device.sites import Mask, Sites
from metagen.device.symmetry import MIRROR_IMAGES, Symmetry

SAME = 1e-9
"""Parameters that differ by less than this are the same."""
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SiteOrbits:
    """The sites of a device, in sets that some of the mirrors x → −x and y → −y make of one site.

    Attributes:
        sites: the sites of the device.
        operations: nothing, and the mirrors and turns.
        images: [O, K] number of the site, among those of the device, to which each operation moves the first
            site of each orbit; that is the one with the largest x, and among these with the largest y.
    """

    sites: Sites
    operations: tuple[Symmetry, ...]
    images: NDArray[np.intp]

    @classmethod
    def of(cls, sites: Sites, symmetry: Symmetry = Symmetry.TWO_MIRRORS) -> Self:
        """The orbits under those of the two mirrors, and of the half turn, that a symmetry holds.

        Raises:
            InputError: the sites lack one of the symmetries.
        """
        operations = tuple(each for each in MIRROR_IMAGES if each in symmetry)
        images = np.stack([sites.moved(each) for each in operations])
        lost = [str(each.name) for each, to in zip(operations, images, strict=True) if (to < 0).any()]
        if lost:
            raise InputError(
                f"the sites of {sites.lattice} lack the symmetry {', '.join(lost)} about the axis"
            )
        return cls(sites, operations, images[:, images.max(axis=0) == images[0]])

    @property
    def centres(self) -> Values:
        """[K, 2] x and y of the first site of each orbit."""
        return np.asarray(self.sites.centres[self.images[0]])

    def groups(self) -> list[tuple[tuple[Symmetry, ...], NDArray[np.intp]]]:
        """The operations that leave sites where they are: each set with the numbers [n] of its orbits."""
        stays = self.images == self.images[0]
        kinds = 2 ** np.arange(len(stays)) @ stays
        return [
            (
                tuple(each for number, each in enumerate(self.operations) if kind >> number & 1),
                np.flatnonzero(kinds == kind),
            )
            for kind in np.unique(kinds)
        ]

    def check(self, atom: Atom) -> None:
        """Refuse pillars whose images are not all of the same family and within its limits.

        Raises:
            InputError: they are not.
        """
        lost = [str(each.name) for each in self.operations if each not in atom.symmetry]
        if lost:
            raise InputError(
                f"{', '.join(lost)} makes of {atom} pillars that are not within its limits: free the angle "
                f"over a whole period, {atom.period:.4g}, or add the images to a list of shapes"
            )

    def settled(self, atom: Atom, values: Values) -> tuple[Values, Mask]:
        """Change pillars on a mirror line as little as makes each of them its own image.

        Args:
            atom: the family of shapes.
            values: [K, P] parameters of the first pillar of each orbit.

        Returns:
            [K, P] such parameters, and [K] whether there are any: a site without them has to stay empty.
        """
        found, possible = values.copy(), np.ones(len(values), dtype=np.bool_)
        for operations, orbits in self.groups():
            if len(operations) > 1:
                found[orbits], possible[orbits] = _nearest_own_image(atom, values[orbits], operations)
        return found, possible

    def unfolded(self, atom: Atom, values: Values) -> Values:
        """[M, P] parameters of all pillars, from those [K, P] of the first pillar of each orbit.

        Raises:
            InputError: the image of a shape is not in the family.
        """
        whole = np.empty((len(self.sites.centres), values.shape[1]))
        for operation, places in reversed(list(zip(self.operations, self.images, strict=True))):
            whole[places] = values if operation == Symmetry.NONE else atom.image(values, operation)
        return whole


def own_image(atom: Atom, values: Values, operations: Sequence[Symmetry]) -> Mask:
    """[...] whether shapes of parameters [..., P] are left as they are by all of some mirrors and turns."""
    same = np.ones(values.shape[:-1], dtype=np.bool_)
    for operation in operations:
        change = atom.image(values, operation) - atom.image(values, Symmetry.NONE)
        same &= (np.abs(change) < SAME).all(axis=-1)
    return same


def _nearest_own_image(atom: Atom, values: Values, operations: Sequence[Symmetry]) -> tuple[Values, Mask]:
    """[n, P] the parameters nearest to others that make own images, and [n] whether there are any."""
    candidates = _candidates(atom, values, operations)
    own = own_image(atom, candidates, operations)
    distance = np.where(own, _distance(atom, candidates, values[:, None]), np.inf)
    return candidates[np.arange(len(values)), distance.argmin(axis=1)], own.any(axis=1)


def _candidates(atom: Atom, values: Values, operations: Sequence[Symmetry]) -> Values:
    """[n, C, P] parameters among which are all own images that are near.

    Lengths that a mirror swaps must be equal.
    """
    images = np.stack([atom.image(values, operation) for operation in operations], axis=1)
    even = np.array([each.kind is Kind.LENGTH for each in atom.parameters])
    base = np.where(even, images.mean(axis=1), values)
    found = [base]
    for column, parameter in enumerate(atom.parameters):
        for tried in _tried(parameter, atom.period, values[:, column], images[..., column]):
            inside = (tried >= parameter.low - SAME) & (tried <= parameter.high + SAME)
            changed = base.copy()
            changed[inside, column] = tried[inside].clip(parameter.low, parameter.high)
            found.append(changed)
    return np.stack(found, axis=1)


def _tried(parameter: Parameter, period: float, value: Values, images: Values) -> Values:
    """[C, n] values of one parameter that may be its own images: any choice, and some angles.

    An angle is its own image in a mirror half way between any angle and its image, and half a period on.
    """
    if parameter.kind is Kind.CHOICE:
        return np.arange(parameter.low, parameter.high + 1)[:, None] * np.ones(len(value))
    if parameter.kind is Kind.LENGTH:
        return np.empty((0, len(value)))
    shifted = (value[:, None] + images)[..., None] / 2 + period / 2 * np.arange(4)
    return np.asarray(parameter.low + np.mod(shifted.reshape(len(value), -1).T - parameter.low, period))


def _distance(atom: Atom, some: Values, others: Values) -> Values:
    """[...] sum of the changes of all parameters [..., P], angles by the shorter way round."""
    change = np.abs(some - others)
    for column, parameter in enumerate(atom.parameters):
        if parameter.kind is Kind.ANGLE:
            turned = change[..., column] % atom.period
            change[..., column] = np.minimum(turned, atom.period - turned)
    return np.asarray(change.sum(axis=-1))
