"""The near field of a device at the monitor plane, and the file that holds it."""

from __future__ import annotations

import dataclasses
import json
import math
import platform as machine
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args

import h5py
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError, InputError
from metagen.base.files import HASH, Schema, content_hash, reading_hdf5, writing_hdf5
from metagen.device.layout import Layout, read_layout, write_layout
from metagen.device.sampling import MIRROR_X, MIRROR_Y, SAMPLES, monitor_height


def _is_intact(file: h5py.File) -> bool:
    """Whether a file of version 1 matches its hash; one without a hash counts as intact."""
    layout, attributes = file["layout"], file.attrs
    found = content_hash(
        np.asarray(file["field"]),
        np.asarray(layout["radii"]),
        str(layout.attrs["platform"]),
        float(attributes["wavelength"]),
        float(attributes["z"]),
        int(attributes["samples_per_period"]),
        str(attributes["symmetry"]),
        str(attributes["numerics"]),
    )
    return bool(attributes.get(HASH, found) == found)


SCHEMA = Schema("metagen/near-field", version=2, before=1, is_intact=_is_intact)
Folding = Literal["mirror-xy", "none"]
ASYMMETRY = 1e-3
"""A field to be stored as a quadrant may differ from its mirror image by this share of its maximum: far above
rounding, far below any real asymmetry."""


@dataclass(frozen=True, eq=False)
class NearField:
    """The electric field on the plane z = height + wavelength/2 over the whole lattice.

    Attributes:
        layout: the device.
        wavelength: wavelength in vacuum.
        field: [N·n, N·n, 3] complex64, (Ex, Ey, Ez) on the last axis, divided by the complex amplitude that
            the incident wave alone would have at z = 0 in the substrate medium.
        samples: n, samples per cell along each axis.
        numerics: how it was computed; fields with other numerics are not mixed in one dataset.
        provenance: when, where, by what and in what time it was computed.
        symmetry: the mirror planes that were used to compute and to store the field.

    Raises:
        InputError: the field has another shape, or is not finite; the wavelength or the samples are not
            positive.
    """

    layout: Layout
    wavelength: float
    field: NDArray[np.complex64]
    samples: int = SAMPLES
    numerics: Mapping[str, object] = dataclasses.field(default_factory=dict)
    provenance: Mapping[str, object] = dataclasses.field(default_factory=dict)
    symmetry: Folding = "none"

    def __post_init__(self) -> None:
        if not (self.wavelength > 0 and math.isfinite(self.wavelength)):
            raise InputError(f"wavelength is {self.wavelength}; it must be positive and finite (micrometres)")
        if self.samples < 1:
            raise InputError(f"samples is {self.samples}; at least 1 per cell is needed")
        side = self.layout.count * self.samples
        if self.field.shape != (side, side, 3):
            raise InputError(f"field has shape {self.field.shape}, expected {(side, side, 3)}")
        if not np.isfinite(self.field).all():
            raise InputError("field has values that are not finite; the simulation diverged")
        object.__setattr__(self, "field", self.field.astype(np.complex64))
        self.field.flags.writeable = False
        object.__setattr__(self, "numerics", dict(self.numerics))
        object.__setattr__(self, "provenance", dict(self.provenance))

    def __repr__(self) -> str:
        """The layout and the wavelength, without the million values."""
        shape = " × ".join(map(str, self.field.shape))
        return f"NearField({self.layout.name!r}, wavelength {self.wavelength:g}, field {shape})"

    @property
    def pitch(self) -> float:
        """Distance between neighbouring samples."""
        return self.layout.platform.period / self.samples

    @property
    def z(self) -> float:
        """Height of the plane above the pillar base."""
        return monitor_height(self.layout.platform.height, self.wavelength)

    @property
    def hash(self) -> str:
        """Content hash of what was simulated and what came out."""
        return content_hash(self.layout.hash, self.wavelength, dict(self.numerics), self.field)

    def save(self, path: str | Path) -> None:
        """Write to an HDF5 file (atomically); a mirror-symmetric field is stored as its quadrant x, y > 0.

        Raises:
            InputError: the field does not have the symmetry that it is said to have.
        """
        stored = self.field if self.symmetry == "none" else self._quadrant()
        with writing_hdf5(path, SCHEMA) as file:
            write_layout(file.create_group("layout"), self.layout)
            file.create_dataset(
                "field", data=stored, chunks=True, compression="gzip", shuffle=True, fletcher32=True
            )
            file.attrs["wavelength"] = self.wavelength
            file.attrs["z"] = self.z
            file.attrs["samples_per_period"] = self.samples
            file.attrs["components"] = "Ex, Ey, Ez"
            file.attrs["normalisation"] = "incident amplitude at z = 0 in the substrate medium"
            file.attrs["symmetry"] = self.symmetry
            file.attrs["numerics"] = json.dumps(dict(self.numerics), sort_keys=True)
            file.attrs["provenance"] = json.dumps(dict(self.provenance), sort_keys=True)

    def _quadrant(self) -> NDArray[np.complex64]:
        quadrant = quadrant_of(self.field)
        difference = np.abs(unfold_field(quadrant, len(self.field)) - self.field).max()
        if difference > ASYMMETRY * np.abs(self.field).max():
            raise InputError(
                f"field differs from its mirror image by up to {difference:.2g}; with symmetry "
                f"{self.symmetry!r} only a quadrant would be kept: set symmetry to 'none'"
            )
        return quadrant

    @classmethod
    def load(cls, path: str | Path) -> NearField:
        """Read a near-field file.

        Raises:
            InputError: no such file.
            FormatError: the file is damaged, of another kind, another schema version or other conventions, or
                its contents contradict each other.
        """
        with reading_hdf5(path, SCHEMA) as file:
            layout = read_layout(file["layout"])
            samples = int(file.attrs["samples_per_period"])
            symmetry: Folding = file.attrs["symmetry"]
            if symmetry not in get_args(Folding):
                raise FormatError(f"{path}: symmetry is {symmetry!r}, expected one of {get_args(Folding)}")
            stored = np.asarray(file["field"])
            side = layout.count * samples
            expected = (side + 1) // 2 if symmetry == "mirror-xy" else side
            if stored.shape != (expected, expected, 3):
                raise FormatError(
                    f"{path}: field has shape {stored.shape}, expected {(expected, expected, 3)}"
                )
            return cls(
                layout=layout,
                wavelength=float(file.attrs["wavelength"]),
                field=stored if symmetry == "none" else unfold_field(stored, side),
                samples=samples,
                numerics=json.loads(file.attrs["numerics"]),
                provenance=json.loads(file.attrs["provenance"]),
                symmetry=symmetry,
            )


def quadrant_of(whole: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """The part x, y ≥ 0 of a plane sampled symmetrically about the axis."""
    start = whole.shape[0] // 2
    return whole[start:, start:]


def unfold_field(quadrant: NDArray[np.complex64], side: int) -> NDArray[np.complex64]:
    """Mirror the quadrant x, y ≥ 0 of (Ex, Ey, Ez) to the whole [side, side, 3] plane."""
    along_x = _mirror(quadrant, side, MIRROR_X)
    return np.ascontiguousarray(_mirror(along_x.swapaxes(0, 1), side, MIRROR_Y).swapaxes(0, 1))


def _mirror(half: NDArray[np.complex64], side: int, signs: NDArray[np.int_]) -> NDArray[np.complex64]:
    missing = half[side % 2 :][::-1] * signs
    return np.concatenate([missing.astype(half.dtype), half])


def provenance(**measured: object) -> dict[str, object]:
    """What made a file: time, program versions, machine, command, and what the caller ``measured``."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "metagen": version("metagen"),
        "python": machine.python_version(),
        "system": machine.platform(),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        **measured,
    }
