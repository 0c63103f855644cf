"""What pillars do to light in the local phase approximation: each as if its neighbours were its twins."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError, MismatchError
from metagen.base.wavelength import same_wavelength
from metagen.device.atoms import Atom, Kind
from metagen.device.atoms.parameter import Parameter
from metagen.device.illumination import Illumination
from metagen.device.layout import Layout
from metagen.device.platform import Platform
from metagen.rcwa import Library, PhaseTable
from metagen.rcwa.library import tabulated

COUNTS = {1: (2001, 1440), 2: (61, 96), 3: (25, 48)}
"""How many lengths, and how many angles, are compared for 1, 2 and 3 free parameters."""
CHUNK = 4096
"""Pillars whose Jones matrices are computed at a time."""

Complex = NDArray[np.complex128]
Response = Library | PhaseTable


def candidates(atom: Atom) -> NDArray[np.float64]:
    """[K, P] parameters of the pillars among which a design chooses, evenly over the limits.

    Raises:
        InputError: there is no free parameter, or more than three.
    """
    parameters = atom.parameters
    if len(parameters) not in COUNTS:
        raise InputError(
            f"the meta-atom ({atom.kind}) has {len(parameters)} free parameters; a forward design chooses "
            "one to three: give others a number"
        )
    axes = [_steps(parameter, atom, *COUNTS[len(parameters)]) for parameter in parameters]
    return np.asarray(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(parameters)))


def _steps(parameter: Parameter, atom: Atom, lengths: int, angles: int) -> NDArray[np.float64]:
    low, high = parameter.low, parameter.high
    if parameter.kind is Kind.CHOICE:
        return np.arange(low, high + 1)
    if atom.turns_round(parameter):
        return low + atom.period * np.arange(angles) / angles
    return np.linspace(low, high, lengths)


def response_of(platform: Platform, light: Illumination) -> Response:
    """The phase table, or the library, of a platform for all light of a wavelength and a direction."""
    return _tabulated(platform, replace(light, polarisation="x"))


@lru_cache(maxsize=4)
def _tabulated(platform: Platform, light: Illumination) -> Response:
    """What a design has read is there for its fit too, and what is wrong with it is said once."""
    return tabulated(platform, light)


def check_response(response: Response, platform: Platform, light: Illumination) -> None:
    """Refuse a phase table or library of another platform, wavelength or direction.

    Raises:
        MismatchError: it is.
    """
    known = _light(response)
    same = same_wavelength(known.wavelength, light.wavelength)
    if response.platform != platform or not same or np.abs(known.direction - light.direction).max() > 1e-9:
        raise MismatchError(
            f"the phase table is of wavelength {known.wavelength:g} on {response.platform}, the design of "
            f"{light.wavelength:g} on {platform}; compute the table for the design"
        )


def _light(response: Any) -> Illumination:
    """The light of a library; a phase table is of light along x at normal incidence."""
    found: Illumination = response.light if _is_library(response) else Illumination(response.wavelength)
    return found


def _is_library(response: Any) -> bool:
    return hasattr(response, "light")


def jones(response: Any, values: NDArray[np.float64]) -> Complex:
    """[N, 2, 2] Jones matrices J[out, in] over (x, y) of pillars with parameters [N, P]."""
    if not _is_library(response):  # circles on a square lattice at normal incidence
        return np.asarray(response(values[:, 0])[:, None, None] * np.eye(2))
    names = [parameter.name for parameter in response.platform.atom.parameters]
    parts = np.array_split(values, 1 + len(values) // CHUNK)
    given: list[dict[str, Any]] = [dict(zip(names, part.T, strict=True)) for part in parts]
    return np.concatenate([response(**each) for each in given])


def bare_jones(platform: Platform, light: Illumination) -> Complex:
    """[2, 2] Jones matrix of a site without a pillar: Fresnel's transmission, carried to the pillar top."""
    media, (kx, ky) = platform.at(light.wavelength), light.direction
    below, above = (np.sqrt(complex(n**2 - kx**2 - ky**2)) for n in (media.substrate, media.cover))
    # Of the transverse components: of p light, that is t·cos θ(cover)/cos θ(substrate).
    along = 2 * above * media.substrate**2 / (media.cover**2 * below + media.substrate**2 * above)
    across = 2 * below / (below + above)
    cosine, sine = (kx, ky) / np.hypot(kx, ky) if kx or ky else (1.0, 0.0)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    travelled = np.exp(2j * np.pi / light.wavelength * above * platform.height)
    return np.asarray(turn @ np.diag([along, across]) @ turn.T * travelled)


def layout_jones(layout: Layout, light: Illumination, response: Response | None = None) -> Complex:
    """[Nx, Ny, S, 2, 2] Jones matrix of every site in the local phase approximation.

    Args:
        layout: the device.
        light: its wavelength and direction count.
        response: the phase table or library; by default computed, or taken from the cache.

    Raises:
        MismatchError: the table or library is of another platform or other light.
    """
    platform = layout.platform
    response = response or response_of(platform, light)
    check_response(response, platform, light)
    found = np.broadcast_to(bare_jones(platform, light), (*layout.present.shape, 2, 2)).copy()
    found[layout.present] = jones(response, layout.values[layout.present])
    return found
