"""The near field of a device at the monitor plane, and the file that holds it."""

from __future__ import annotations

import dataclasses
import json
import platform as machine
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import h5py
import numpy as np
from numpy.typing import NDArray

from metagen.base.contents import HASH, content_hash
from metagen.base.errors import FormatError, InputError
from metagen.base.files import Schema, reading_hdf5, writing_hdf5
from metagen.base.validation import validate
from metagen.data.folding import Folding, folded, folded_shape, mirrors_of, unfolded
from metagen.device.illumination import Illumination, in_words
from metagen.device.layout import Layout, read_layout, write_layout
from metagen.device.sampling import SAMPLES, cell_samples, monitor_height, sample_spacings


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
ASYMMETRY = 1e-3
"""A field of which a part is stored may differ from its mirror image by this share of its maximum: far above
rounding, far below any real asymmetry."""


@dataclass(frozen=True, eq=False)
class NearField:
    """The electric field on the plane z = height + wavelength/2 over the whole aperture.

    Attributes:
        layout: the device.
        illumination: the light that meets it; a number is the wavelength of x-polarised light at normal
            incidence.
        field: [Nx·n, Ny·m, 3] complex64, (Ex, Ey, Ez) on the last axis, divided by the complex amplitude that
            the incident wave alone would have at z = 0 in the substrate medium. Of tilted light, that is the
            amplitude at x = y = 0.
        samples: samples per lattice spacing: 10 gives 10 × 10 per cell of a square lattice, 10 × 17 per cell
            of a hexagonal one (:attr:`cell_samples`).
        numerics: how it was computed; fields with other numerics are not mixed in one dataset.
        provenance: when, where, by what and in what time it was computed.
        symmetry: the mirror planes that were used to compute and to store the field.

    Raises:
        InputError: the field has another shape, or is not finite; the wavelength or the samples are not
            positive.
    """

    layout: Layout
    illumination: Illumination
    field: NDArray[np.complex64]
    samples: int = SAMPLES
    numerics: Mapping[str, object] = dataclasses.field(default_factory=dict)
    provenance: Mapping[str, object] = dataclasses.field(default_factory=dict)
    symmetry: Folding = "none"

    if TYPE_CHECKING:

        def __init__(
            self,
            layout: Layout,
            illumination: Illumination | float,
            field: NDArray[np.complex64],
            samples: int = ...,
            numerics: Mapping[str, object] = ...,
            provenance: Mapping[str, object] = ...,
            symmetry: Folding = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        if not isinstance(self.illumination, Illumination):
            object.__setattr__(self, "illumination", Illumination(wavelength=self.illumination))
        expected = (*_counts(self.layout, self.samples), 3)
        if self.field.shape != expected:
            raise InputError(f"field has shape {self.field.shape}, expected {expected}")
        if not np.isfinite(self.field).all():
            raise InputError("field has values that are not finite; the simulation diverged")
        object.__setattr__(self, "field", self.field.astype(np.complex64))
        self.field.flags.writeable = False
        object.__setattr__(self, "numerics", dict(self.numerics))
        object.__setattr__(self, "provenance", dict(self.provenance))

    def __repr__(self) -> str:
        """The layout and the wavelength, without the million values."""
        shape = " × ".join(map(str, self.field.shape))
        light = f"{self.wavelength:g} µm, {in_words(self.illumination)}"
        return f"NearField({self.layout.name!r}, {light}, field {shape})"

    @property
    def wavelength(self) -> float:
        """Wavelength in vacuum."""
        return self.illumination.wavelength

    @property
    def cell_samples(self) -> tuple[int, int]:
        """Samples per cell along x and y, (n, m)."""
        return cell_samples(self.layout.platform.lattice, self.samples)

    @property
    def sample_spacings(self) -> tuple[float, float]:
        """Distances between neighbouring samples along x and y."""
        return sample_spacings(self.layout.platform.lattice, self.samples)

    @property
    def sample_spacing(self) -> float:
        """Distance between neighbouring samples, where it is the same along x and y.

        Raises:
            InputError: it is not; see :attr:`sample_spacings`.
        """
        along_x, along_y = self.sample_spacings
        if along_x != along_y:
            raise InputError(
                f"{self.layout.name}: samples are {along_x:.6g} apart along x and {along_y:.6g} along y, "
                "which is no single spacing: see sample_spacings"
            )
        return along_x

    @property
    def z(self) -> float:
        """Height of the plane above the pillar base."""
        return monitor_height(self.layout.platform.height, self.wavelength)

    @property
    def hash(self) -> str:
        """Content hash of what was simulated and what came out."""
        light = self.illumination
        described = light.wavelength if light.is_plain else light.described
        return content_hash(self.layout.hash, described, dict(self.numerics), self.field)

    def save(self, path: str | Path) -> None:
        """Write to an HDF5 file (atomically); of a mirror-symmetric field one half or quadrant is stored.

        Raises:
            InputError: the field does not have the symmetry that it is said to have.
        """
        stored = self._checked_part()
        with writing_hdf5(path, SCHEMA) as file:
            write_layout(file.create_group("layout"), self.layout)
            file.create_dataset(
                "field", data=stored, chunks=True, compression="gzip", shuffle=True, fletcher32=True
            )
            file.attrs["illumination"] = json.dumps(self.illumination.described)
            file.attrs["wavelength"] = self.wavelength
            file.attrs["z"] = self.z
            file.attrs["samples_per_period"] = self.samples
            file.attrs["components"] = "Ex, Ey, Ez"
            file.attrs["normalisation"] = "incident amplitude at z = 0 in the substrate medium"
            file.attrs["symmetry"] = self.symmetry
            file.attrs["numerics"] = json.dumps(dict(self.numerics), sort_keys=True)
            file.attrs["provenance"] = json.dumps(dict(self.provenance), sort_keys=True)

    def _checked_part(self) -> NDArray[np.complex64]:
        part = folded(self.field, self.symmetry)
        if self.symmetry == "none":
            return part
        x, y, _ = self.field.shape
        image = unfolded(part, (x, y), self.symmetry, self.illumination)
        difference = np.abs(image - self.field).max()
        if difference > ASYMMETRY * np.abs(self.field).max():
            kept = "a quadrant" if all(mirrors_of(self.symmetry)) else "one half"
            raise InputError(
                f"field differs from its mirror image by up to {difference:.2g}; with symmetry "
                f"{self.symmetry!r} only {kept} would be kept: set symmetry to 'none'"
            )
        return part

    @classmethod
    def load(cls, path: str | Path) -> NearField:
        """Read a near-field file.

        Raises:
            InputError: no such file.
            FormatError: the file is damaged, of another kind, another schema version or other conventions, or
                its contents contradict each other.
        """
        with reading_hdf5(path, SCHEMA) as file:
            layout, light = read_layout(file["layout"]), _illumination(file)
            samples = int(file.attrs["samples_per_period"])
            symmetry: Folding = file.attrs["symmetry"]
            if symmetry not in get_args(Folding):
                raise FormatError(f"{path}: symmetry is {symmetry!r}, expected one of {get_args(Folding)}")
            stored, whole = np.asarray(file["field"]), _counts(layout, samples)
            expected = (*folded_shape(whole, symmetry), 3)
            if stored.shape != expected:
                raise FormatError(f"{path}: field has shape {stored.shape}, expected {expected}")
            return cls(
                layout=layout,
                illumination=light,
                field=unfolded(stored, whole, symmetry, light),
                samples=samples,
                numerics=json.loads(file.attrs["numerics"]),
                provenance=json.loads(file.attrs["provenance"]),
                symmetry=symmetry,
            )


def _counts(layout: Layout, samples: int) -> tuple[int, int]:
    """Samples along x and y over the whole aperture."""
    n, m = cell_samples(layout.platform.lattice, samples)
    return layout.counts[0] * n, layout.counts[1] * m


def _illumination(file: h5py.File) -> Illumination:
    """The light of a file; earlier releases stored a wavelength, because they knew x-polarised light only."""
    if "illumination" not in file.attrs:
        return Illumination(float(file.attrs["wavelength"]))
    return validate(json.loads(file.attrs["illumination"]), Illumination, source="illumination")


def quadrant_of(whole: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """The part x, y ≥ 0 of a plane sampled symmetrically about the axis."""
    return folded(whole, "mirror-xy")


def unfold_field(quadrant: NDArray[np.complex64], side: int) -> NDArray[np.complex64]:
    """Mirror the quadrant x, y ≥ 0 of (Ex, Ey, Ez) in light along x to the whole [side, side, 3] plane."""
    return unfolded(quadrant, (side, side), "mirror-xy", Illumination(1.0))  # of any wavelength


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
