"""The short form of a domain: a wavelength and the smallest and largest known radius."""

from __future__ import annotations

from typing import Any

SHORT = "wavelength", "radius_low", "radius_high"
"""Keys of the short form of a domain, for circles on a square lattice and x-polarised light."""


def expanded(given: dict[str, Any]) -> dict[str, Any]:
    """Turn the keys of the short form into a light and a range."""
    rest = {name: value for name, value in given.items() if name not in SHORT}
    if "wavelength" in given:
        rest["illumination"] = given["wavelength"]
    if "radius_low" in given or "radius_high" in given:
        rest["known"] = ((given.get("radius_low"), given.get("radius_high")),)
    return rest
