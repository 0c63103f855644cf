"""Models for light that none was trained for: mirrored, or a superposition of x- and y-polarised light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from torch import Tensor, nn

from metagen.base.errors import InputError
from metagen.base.wavelength import same_wavelength
from metagen.device.illumination import Illumination, in_words
from metagen.surrogate.base import Surrogate
from metagen.surrogate.expansion import ExpansionSurrogate
from metagen.surrogate.known import common_ranges
from metagen.surrogate.swapped import Swapped, has_diagonal, image_of


class Superposed(Surrogate):
    """The field in light of any polarisation, from the models of x- and y-polarised light.

    Attributes:
        parts: the models of x- and of y-polarised light, with all three components.
    """

    def __init__(self, along_x: Surrogate, along_y: Surrogate, light: Illumination) -> None:
        domain = along_x.domain
        known = common_ranges(domain.platform, domain.known, along_y.domain.known)
        width = max(along_x.width, along_y.width)
        super().__init__(replace(domain, illumination=light, known=known), along_x.settings, width)
        self.parts = nn.ModuleList([along_x, along_y])
        self.eval()

    def fields(self, surrounded: Tensor) -> Tensor:
        """See :meth:`Surrogate.fields`."""
        along_x, along_y = (each.fields(self._margin_of(each.width, surrounded)) for each in self._models)
        x, y = self.domain.illumination.jones.tolist()
        total: Tensor = x * along_x + y * along_y
        return total

    @property
    def _models(self) -> list[Surrogate]:
        return [cast(Surrogate, part) for part in self.parts]

    def _margin_of(self, width: int, surrounded: Tensor) -> Tensor:
        """Cells with the margin that a model of another width needs."""
        excess = self.width // 2 - width // 2
        rows, columns = surrounded.shape[-3:-1]
        return surrounded[..., excess : rows - excess, excess : columns - excess, :]


def for_light(models: Surrogate | Sequence[Surrogate], light: Illumination | float) -> Surrogate:
    """A model for some light, from one or several models of one platform.

    If none was trained for it, then the mirror x ↔ y may make it of another one, where lattice and meta-atom
    have it; and light of any polarisation is a superposition of x and y.

    Args:
        models: trained models.
        light: a number is the wavelength of x-polarised light at normal incidence.

    Raises:
        InputError: no model knows the light, and none can be made; or a superposition of models that do not
            have all three components of one platform.
    """
    known = [models] if isinstance(models, Surrogate) else list(models)
    wanted = light if isinstance(light, Illumination) else Illumination(light)
    found = _trained(known, wanted) or mirrored(known, wanted) or _superposed(known, wanted)
    if found is None:
        lights = ", ".join(f"{each.wavelength:g} ({in_words(each.domain.illumination)})" for each in known)
        raise InputError(
            f"no model knows light of {wanted.wavelength:g} µm ({in_words(wanted)}); there are: {lights}. "
            "Train one, or two for x- and y-polarised light"
        )
    return found


def _trained(models: Sequence[Surrogate], light: Illumination) -> Surrogate | None:
    return next((each for each in models if _same(each.domain.illumination, light)), None)


def mirrored(models: Sequence[Surrogate], light: Illumination) -> Surrogate | None:
    """The model for some light that the mirror x ↔ y makes of one of the models; None if there is none."""
    for each in models:
        if not isinstance(each, ExpansionSurrogate) or not has_diagonal(each.domain.platform):
            continue
        if _same(image_of(each.domain.illumination), light):
            return Swapped(each)
    return None


def _superposed(models: Sequence[Surrogate], light: Illumination) -> Surrogate | None:
    axes = [replace(light, polarisation=name) for name in "xy"]
    parts = [_trained(models, axis) or mirrored(models, axis) for axis in axes]
    along_x, along_y = parts
    if along_x is None or along_y is None:
        return None
    _check_alike(along_x, along_y)
    return Superposed(along_x, along_y, light)


def _check_alike(one: Surrogate, other: Surrogate) -> None:
    """Refuse models whose fields cannot be added."""
    for each in (one, other):
        if each.domain.components != 3:
            raise InputError(
                f"the model of light {in_words(each.domain.illumination)} has one component, and a "
                "superposition needs all three: train with components = 3"
            )
    if (one.platform, one.samples) != (other.platform, other.samples):
        raise InputError("the models of x- and y-polarised light differ in platform or samples")


def _same(one: Illumination, other: Illumination) -> bool:
    """Whether a field in one light is that in the other, phase included (``is_like`` allows any phase)."""
    return (
        same_wavelength(one.wavelength, other.wavelength)
        and replace(one, wavelength=other.wavelength) == other
    )
