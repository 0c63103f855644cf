"""Whether a near-field file keeps the format (docs/data_format.md), beyond what reading it checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from metagen.base.contents import HASH
from metagen.base.errors import FormatError
from metagen.base.files import reading_hdf5
from metagen.data.folding import MIRRORS, mirrors_of
from metagen.data.nearfield import SCHEMA, NearField
from metagen.device.sampling import monitor_height
from metagen.verify.metrics import Wavefront, transmission

CONSTANT = {
    "components": "Ex, Ey, Ez",
    "normalisation": "incident amplitude at z = 0 in the substrate medium",
}


def check_file(path: Path) -> tuple[NearField, float]:
    """Check structure, units, content hash, finite values and energy.

    Returns:
        The near field, and its transmission (power through the monitor / power incident on the aperture).

    Raises:
        InputError: there is no such file.
        FormatError: the file does not keep the format, was changed, or holds a field that no device can have.
    """
    near = NearField.load(path)
    with reading_hdf5(path, SCHEMA) as file:
        for name, value in CONSTANT.items():
            _expect(path, name, file.attrs[name], value)
        if HASH not in file.attrs:
            raise FormatError(f"{path}: has no {HASH}; an earlier release wrote it: make it again")
        _expect(path, "type of field", file["field"].dtype, np.dtype(np.complex64))
        parameters = "radii" if "radii" in file["layout"] else "values"
        _expect(path, f"type of {parameters}", file["layout"][parameters].dtype, np.dtype(np.float64))
        height = monitor_height(near.layout.platform.height, near.wavelength)
        if not np.isclose(file.attrs["z"], height, rtol=1e-12):
            raise FormatError(f"{path}: z is {file.attrs['z']}, expected {height} (height + wavelength / 2)")
    for mirror, used in zip(MIRRORS, mirrors_of(near.symmetry), strict=True):
        if used and mirror not in near.layout.symmetry:
            raise FormatError(
                f"{path}: symmetry is {near.symmetry!r}, but the layout has no such mirror plane"
            )
    passed = transmission(Wavefront.of(near))
    if passed > 1:
        raise FormatError(f"{path}: transmission is {passed:.3f}; no device passes more power than it gets")
    return near, passed


def _expect(path: Path, name: str, found: object, expected: object) -> None:
    if found != expected:
        raise FormatError(f"{path}: {name} is {found!r}, expected {expected!r}")
