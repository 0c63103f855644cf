"""Mirror-symmetric planes of samples: which part is kept, and how the rest follows from it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from metagen.device.illumination import Illumination
from metagen.device.sampling import mirror_signs
from metagen.device.symmetry import Symmetry

Folding = Literal["mirror-xy", "mirror-x", "mirror-y", "none"]
"""The mirror planes that were used to compute and to store a field: x → −x, y → −y, both or none."""
MIRRORS = Symmetry.MIRROR_X, Symmetry.MIRROR_Y

Plane = NDArray[np.complex64]


def folding_of(mirrors: tuple[bool, bool]) -> Folding:
    """The folding that uses x → −x, y → −y, or both."""
    names: dict[tuple[bool, bool], Folding] = {
        (True, True): "mirror-xy",
        (True, False): "mirror-x",
        (False, True): "mirror-y",
        (False, False): "none",
    }
    return names[mirrors]


def mirrors_of(folding: Folding) -> tuple[bool, bool]:
    """Whether a folding uses x → −x and y → −y."""
    return folding in ("mirror-xy", "mirror-x"), folding in ("mirror-xy", "mirror-y")


def folded(whole: Plane, folding: Folding) -> Plane:
    """The part of a plane [X, Y, …] that is kept: x ≥ 0 with the mirror x → −x, and likewise y ≥ 0."""
    first_x, first_y = (
        side // 2 if used else 0 for side, used in zip(whole.shape, mirrors_of(folding), strict=False)
    )
    return whole[first_x:, first_y:]


def folded_shape(whole: tuple[int, int], folding: Folding) -> tuple[int, int]:
    """The shape of the kept part of a plane [X, Y]."""
    (x, y), (mirror_x, mirror_y) = whole, mirrors_of(folding)
    return (x + 1) // 2 if mirror_x else x, (y + 1) // 2 if mirror_y else y


def unfolded(part: Plane, whole: tuple[int, int], folding: Folding, light: Illumination) -> Plane:
    """The whole plane [X, Y, 3] of (Ex, Ey, Ez) from the part that :func:`folded` keeps.

    Args:
        part: what is kept.
        whole: X and Y.
        folding: the mirrors.
        light: whose field this is; it says which components change their sign.

    Raises:
        InputError: the light has no such mirror.
    """
    for axis, used in enumerate(mirrors_of(folding)):
        if used:
            half = part.swapaxes(0, axis)
            part = _mirrored(half, whole[axis], mirror_signs(light, MIRRORS[axis])).swapaxes(0, axis)
    return np.ascontiguousarray(part)


def _mirrored(half: Plane, side: int, signs: NDArray[np.int_]) -> Plane:
    missing = half[side % 2 :][::-1] * signs
    return np.concatenate([missing.astype(half.dtype), half])
