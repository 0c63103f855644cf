"""The model of the light that a mirror along the diagonal makes: x and y change places, and nothing is
learned."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from metagen.base.errors import InputError
from metagen.data.folding import folding_of, mirrors_of
from metagen.data.nearfield import NearField
from metagen.device.atoms import Kind
from metagen.device.illumination import Illumination
from metagen.device.platform import Platform
from metagen.device.symmetry import Symmetry
from metagen.surrogate.domain import Domain
from metagen.surrogate.expansion import ExpansionSurrogate
from metagen.surrogate.known import Range, goes_round
from metagen.surrogate.pillars import packed, unpacked
from metagen.surrogate.settings import ExpansionSettings

DIAGONAL = Symmetry.MIRROR_DIAGONAL


class Swapped(ExpansionSurrogate):
    """What another model predicts, seen in the mirror x ↔ y.

    A device in y-polarised light, say, is the mirror image of the mirrored device in x-polarised light. So a
    model of the one is a model of the other wherever lattice and meta-atom have this mirror.

    Attributes:
        model: the model of the other light.

    Raises:
        InputError: lattice or meta-atom do not have the mirror.
    """

    def __init__(self, model: ExpansionSurrogate) -> None:
        super().__init__(_image(model.domain), cast(ExpansionSettings, model.settings))
        self.model = model
        self.card = model.card
        self.basis.modes_parts.copy_(torch.view_as_real(_patches(model.modes, model.domain)))
        self.basis.spectrum.copy_(model.basis.spectrum)
        order = [model.domain.mirrors.index(_swapped(mirror)) for mirror in self.domain.mirrors]
        self.basis.parity.copy_(model.basis.parity[:, order])
        self.eval()

    def coefficients(self, around: Tensor) -> Tensor:
        """See :meth:`ExpansionSurrogate.coefficients`."""
        cells = torch.unflatten(around, -2, (self.width, self.width))
        return self.model.coefficients(self._seen(cells).flatten(-3, -2))

    def block(self, surrounded: Tensor) -> Tensor:
        """See :meth:`ExpansionSurrogate.block`."""
        return self.model.block(self._seen(surrounded)).transpose(-3, -2)

    def expected_error(self, values: Tensor, present: Tensor | None = None, *, clamp: bool = False) -> Tensor:
        """See :meth:`ExpansionSurrogate.expected_error`."""
        seen, there = unpacked(self._seen(self.admit(values, present, clamp=clamp)), self.domain)
        return self.model.expected_error(seen, there > 0).mT

    def prepare(self, around: Tensor, patches: Tensor) -> None:
        """Refuse to learn.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"this model is that of light {self.model.domain.illumination.polarisation}, mirrored: train that"
        )

    def _seen(self, cells: Tensor) -> Tensor:
        """[..., B, A, K] the mirror image of packed cells [..., A, B, K]."""
        values, present = unpacked(cells, self.domain)
        images = self.platform.atom.image(values, DIAGONAL) * present[..., None]
        return packed(images, present).transpose(-3, -2)


def image_of_near_field(near: NearField) -> NearField:
    """The near field of the mirror image of a device, in the mirror image of its light.

    Raises:
        InputError: lattice or meta-atom do not have the mirror.
    """
    layout, (along_x, along_y) = near.layout, mirrors_of(near.symmetry)
    _require_diagonal(layout.platform)
    values = layout.platform.atom.image(layout.values, DIAGONAL).swapaxes(0, 1)
    name, present = f"{layout.name}-mirrored", layout.present.swapaxes(0, 1)
    return replace(
        near,
        layout=layout.with_values(values, name=name, present=present),
        illumination=image_of(near.illumination),
        field=near.field.swapaxes(0, 1)[..., [1, 0, 2]],
        symmetry=folding_of((along_y, along_x)),
    )


def has_diagonal(platform: Platform) -> bool:
    """Whether lattice and meta-atom are their own images in the mirror x ↔ y."""
    one = len(platform.lattice.sites) == 1
    return one and DIAGONAL in platform.lattice.symmetry & platform.atom.symmetry


def image_of(light: Illumination) -> Illumination:
    """The light in the mirror x ↔ y."""
    x, y = light.jones.tolist()
    azimuth = 0.0 if light.is_normal else float(DIAGONAL.of_angle(light.azimuth))
    return replace(light, polarisation=(y, x), azimuth=azimuth)


def _image(domain: Domain) -> Domain:
    """What the mirror image of a model is for."""
    _require_diagonal(domain.platform)
    return replace(domain, illumination=image_of(domain.illumination), known=_ranges(domain))


def _require_diagonal(platform: Platform) -> None:
    if not has_diagonal(platform):
        raise InputError(
            f"{platform.atom} on {platform.lattice} is not its own image in the mirror x ↔ y; "
            "train a model for each polarisation"
        )


def _ranges(domain: Domain) -> tuple[Range, ...]:
    """The known ranges of the images of pillars; a mirror turns the order of angles round."""
    atom = domain.platform.atom
    ends = (atom.image(np.array(each), DIAGONAL).tolist() for each in zip(*domain.known, strict=True))
    ranges = list(zip(*ends, strict=True))
    for i, (each, (low, high)) in enumerate(zip(atom.parameters, domain.known, strict=True)):
        if each.kind is not Kind.ANGLE:
            continue
        if goes_round((low, high), atom.period):
            ranges[i] = (low, high)
        else:
            start = each.low + (DIAGONAL.of_angle(high) - each.low) % atom.period
            ranges[i] = (start, start + high - low)
    return tuple(ranges)


def _patches(patches: Tensor, domain: Domain) -> Tensor:
    """[..., m·n·C] patches [..., n·m·C] in the mirror: the samples change places, and Ex and Ey."""
    samples = torch.unflatten(patches, -1, (*domain.cell_samples, domain.components)).transpose(-3, -2)
    if domain.components == 3:
        samples = samples[..., [1, 0, 2]]
    return samples.flatten(-3).resolve_conj()


def _swapped(mirror: Symmetry) -> Symmetry:
    """What a mirror of the image is for the original."""
    pairs = {Symmetry.MIRROR_X: Symmetry.MIRROR_Y, Symmetry.MIRROR_Y: Symmetry.MIRROR_X}
    return pairs.get(mirror, mirror)
