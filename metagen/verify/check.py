"""Whether a near-field file keeps the format (docs/data_format.md), beyond what reading it checks."""

from __future__ import annotations

import math
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
    wave = Wavefront.of(near)
    passed, most = transmission(wave), largest_transmission(wave)
    if not passed <= most:
        raise FormatError(
            f"{path}: transmission is {passed:.3f}, and no device of this size can collect more than "
            f"{most:.3f} of the power that falls on it: is the field normalised by the wave in the substrate?"
        )
    return near, passed


def largest_transmission(wave: Wavefront) -> float:
    """The most power that can pass an aperture, over the power that falls on it.

    It may be more than 1: pillars at the rim collect light from beside the aperture, as an antenna does that
    is larger for light than it is. By reciprocity, what leaves through the aperture is what light sent back
    through it would radiate against the incident wave, so that the area from which a device collects is
    D·λ²/4π with the directivity D of an antenna of its size. One within a sphere of radius R has at most
    D = (kR)² + 2kR, if it radiates in the spherical waves of order up to kR, in which alone a body of this
    size does so without fields that store far more energy than they carry away (R. F. Harrington, IRE Trans.
    Antennas Propag. 6, 219 (1958), "normal gain"). That area, π(R + 1/k)² − π/k², is the one that is seen,
    grown by a rim of 1/k = λ/2πn. The same rim is taken around the rectangle, with the smaller of the indices
    of substrate and cover, in which the fields around pillars reach farther. Oblique light sees the sides of
    the device besides, up to the monitor plane.

    Meep's arrays of 1 × 1 to 5 × 5 pillars of silicon nitride at 633 nm collect from a rim of up to 0.83 of
    this one, independent of their size; a large device has a bound near 1. A wrong normalisation is noticed
    where it takes a device over the bound: a factor n of power, 1.45 on glass, where more than 0.7 of the
    light passes a large device, or 0.82 one of 5 × 5 pillars.
    """
    rim = wave.wavelength / (2 * math.pi * min(wave.cover, wave.substrate))
    polar, azimuth = wave.illumination.polar, wave.illumination.azimuth
    sine = math.sin(polar) / wave.substrate
    shadow = monitor_height(wave.platform.height, wave.wavelength) * sine / math.sqrt(1 - sine**2)
    along_x, along_y = wave.sides
    sides = shadow * (abs(math.cos(azimuth)) * along_y + abs(math.sin(azimuth)) * along_x)
    return ((along_x + 2 * rim) * (along_y + 2 * rim) + sides) / (along_x * along_y)


def _expect(path: Path, name: str, found: object, expected: object) -> None:
    if found != expected:
        raise FormatError(f"{path}: {name} is {found!r}, expected {expected!r}")
