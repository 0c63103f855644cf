"""What a model is for: the platform, the light, the sampling, and the pillars that it knows."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import BeforeValidator, Field, model_serializer, model_validator
from pydantic_core import ArgsKwargs
from torch import Tensor

from metagen.base.errors import InputError, MismatchError
from metagen.base.validation import PositiveInt, checked
from metagen.base.wavelength import same_wavelength
from metagen.data.cells import components_of
from metagen.data.dataset import Dataset
from metagen.device.atoms import Atom
from metagen.device.circles import CircleLimits
from metagen.device.illumination import Illumination, in_words
from metagen.device.layout import Layout
from metagen.device.media import Media
from metagen.device.platform import Platform, difference
from metagen.device.sampling import SAMPLES, cell_samples, sample_spacings
from metagen.device.symmetry import MIRROR_IMAGES, Symmetry
from metagen.surrogate.known import Range, admitted, check_ranges, clamped, ranges_of, require_known
from metagen.surrogate.mirrored import Convolutions
from metagen.surrogate.short_form import SHORT, expanded

Components = Literal[1, 3]


def _light(value: Any) -> Any:
    return Illumination(value) if isinstance(value, int | float) else value


if TYPE_CHECKING:
    Light = Illumination
else:
    Light = Annotated[Illumination, BeforeValidator(_light)]


@checked
class Domain:
    """What a model predicts, and for which pillars.

    For circles on a square lattice in x-polarised light at normal incidence there is a short form, in Python
    and in files: ``wavelength``, ``radius_low`` and ``radius_high`` in place of ``illumination`` and
    ``known``. They are written to files in that form, so that files and hashes are those of earlier releases.

    Attributes:
        illumination: the light that meets the device; a number is the wavelength of x-polarised light at
            normal incidence.
        known: lowest and highest known value of every free parameter of the meta-atom, in their order. Angles
            are known from the first one counterclockwise to the second. No pillar is always known.
        platform: what the process fixes.
        samples: field samples per lattice spacing along each axis.
        components: 3 for (Ex, Ey, Ez); 1 for the one along the light, Ex in x- and Ey in y-polarised light.

    Raises:
        InputError: a range is missing, or is a single value; one component of other light.
    """

    illumination: Light
    known: tuple[Range, ...]
    platform: Platform = Field(default_factory=Platform)
    samples: PositiveInt = SAMPLES
    components: Components = 1

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            illumination: Illumination | float = ...,
            known: tuple[Range, ...] = ...,
            platform: Platform = ...,
            samples: int = ...,
            components: Components = ...,
            wavelength: float = ...,
            radius_low: float = ...,
            radius_high: float = ...,
        ) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, given: Any) -> Any:
        if isinstance(given, ArgsKwargs):
            return ArgsKwargs(given.args, expanded(given.kwargs or {}))
        return expanded(given) if isinstance(given, dict) else given

    def __post_init__(self) -> None:
        check_ranges(self.platform, self.known)
        components_of(self.illumination, self.components)

    @model_serializer
    def _serialised(self) -> dict[str, Any]:
        return self.described

    @classmethod
    def of(cls, dataset: Dataset, components: Components = 1) -> Self:
        """The domain of a model that is trained on a dataset; it knows the values in the data, see
        :func:`metagen.surrogate.known.ranges_of`.

        Raises:
            InputError: the data have no pillars, or only equal ones; or the light is tilted.
        """
        if not dataset.illumination.is_normal:
            raise InputError(
                f"the near fields are in light {in_words(dataset.illumination)}; models are for light along "
                "the axis, since the phase of tilted light is another one in every cell"
            )
        pillars = np.concatenate([layout.values[layout.present] for layout in dataset.layouts])
        if len(pillars) == 0:
            raise InputError("the layouts of the dataset have no pillars")
        return cls(
            illumination=dataset.illumination,
            known=ranges_of(dataset.platform, pillars),
            platform=dataset.platform,
            samples=dataset.samples,
            components=components,
        )

    @property
    def described(self) -> dict[str, Any]:
        """The attributes as plain values for files; in the short form, if the domain has one."""
        platform = self.platform
        short = CircleLimits.of(platform.lattice, platform.atom) and self.illumination.is_plain
        light = (
            dict(zip(SHORT, (self.wavelength, *self.known[0]), strict=True))
            if short
            else {"illumination": self.illumination.described, "known": [list(each) for each in self.known]}
        )
        rest = {"platform": platform.described, "samples": self.samples, "components": self.components}
        return {**light, **rest}

    @property
    def wavelength(self) -> float:
        """Wavelength in vacuum."""
        return self.illumination.wavelength

    @property
    def radius_low(self) -> float:
        """Smallest known radius of circles.

        Raises:
            InputError: the meta-atom has no free radius.
        """
        return self.known[self.platform.atom.position("radius")][0]

    @property
    def radius_high(self) -> float:
        """Largest known radius of circles; raises as :attr:`radius_low`."""
        return self.known[self.platform.atom.position("radius")][1]

    @cached_property
    def media(self) -> Media:
        """Refractive indices at the wavelength of the model."""
        return self.platform.at(self.wavelength)

    @cached_property
    def atom(self) -> Atom:
        """The meta-atom, its functions scaled to what the model knows."""
        return self.platform.atom.within(self.known)

    @cached_property
    def mirrors(self) -> tuple[Symmetry, ...]:
        """What turns a device into its images under x → −x and y → −y, as far as lattice, meta-atom and light
        have these mirrors; the first is nothing.

        A family of shapes that lacks one of the mirrors is learned without both.
        """
        kept = self.illumination.symmetry & self.platform.lattice.symmetry
        try:
            self.platform.atom.feature_parity(1)
        except InputError:
            kept = Symmetry.NONE
        return tuple(each for each in MIRROR_IMAGES if each in kept)

    @property
    def sites(self) -> int:
        """Sites of one cell."""
        return len(self.platform.lattice.sites)

    @cached_property
    def convolutions(self) -> Convolutions:
        """Convolutions over the lattice that respect :attr:`mirrors`."""
        return Convolutions(self.platform.lattice, self.mirrors)

    @property
    def numbers(self) -> int:
        """Numbers of one cell in a packed tensor of pillars, K."""
        return self.sites * (len(self.known) + 1)

    @property
    def cell_samples(self) -> tuple[int, int]:
        """Field samples per cell along x and y, (n, m)."""
        return cell_samples(self.platform.lattice, self.samples)

    @property
    def axes(self) -> slice:
        """Which of (Ex, Ey, Ez) the model predicts."""
        return components_of(self.illumination, self.components)

    @property
    def patch_size(self) -> int:
        """Number of field values over one cell, n·m·components."""
        n, m = self.cell_samples
        return n * m * self.components

    @property
    def sample_spacings(self) -> tuple[float, float]:
        """Distances between neighbouring field samples along x and y."""
        return sample_spacings(self.platform.lattice, self.samples)

    @property
    def sample_spacing(self) -> float:
        """Distance between neighbouring field samples."""
        return self.platform.period / self.samples

    def parity(self, count: int) -> Tensor:
        """[Q, M] sign of each function of degrees below ``count`` in each image of :attr:`mirrors`."""
        if len(self.mirrors) == 1:
            values = torch.zeros(len(self.known))
            return torch.ones(self.atom.functions(values, count).shape[-1], 1)
        columns = [MIRROR_IMAGES.index(each) for each in self.mirrors]
        return torch.from_numpy(self.platform.atom.feature_parity(count)[:, columns]).float()

    def degrees(self, count: int) -> Tensor:
        """[Q] for each function of degrees below ``count``, its degree, plus 1."""
        sizes = [0, *(len(self.parity(one)) for one in range(1, count + 1))]
        each = torch.arange(1, count + 1)
        return each.repeat_interleave(torch.tensor(sizes).diff())

    def require_known(self, values: Tensor, present: Tensor | None = None, *, clamp: bool = False) -> None:
        """Refuse pillars that the model does not know.

        Args:
            values, present: see :func:`metagen.surrogate.known.admitted`.
            clamp: whether to refuse only NaN, because other values will be moved into the range.

        Raises:
            InputError: a value is outside the known range, or has another form.
        """
        pillars = admitted(self.platform, values, present)
        require_known(self.platform, self.known, *pillars, clamp=clamp)

    def nearest(self, values: Tensor, present: Tensor) -> Tensor:
        """Values with unknown ones moved to known ones, see :func:`metagen.surrogate.known.clamped`."""
        return clamped(self.platform, self.known, values, present)

    def clamped(self, layout: Layout) -> Layout:
        """The layout with every unknown value moved to the nearest known one; no pillar stays no pillar."""
        values = self.nearest(torch.tensor(layout.values), torch.tensor(layout.present))
        return layout.with_values(values.numpy(), present=layout.present)

    def require_platform(self, layout: Layout) -> None:
        """Refuse a layout of another platform.

        Raises:
            MismatchError: the platforms differ.
        """
        if layout.platform != self.platform:
            raise MismatchError(
                f"layout {layout.name!r} is of another platform than the model: "
                f"{difference(self.platform, layout.platform)}; use a model that was "
                "trained for the layout's platform, or a layout of the model's"
            )

    def require_light(self, light: Illumination | float) -> None:
        """Refuse light that the model was not trained for.

        Args:
            light: a number is the wavelength of x-polarised light at normal incidence.

        Raises:
            MismatchError: the model predicts the field in other light.
        """
        own, light = self.illumination, light if isinstance(light, Illumination) else Illumination(light)
        if not same_wavelength(own.wavelength, light.wavelength):
            raise MismatchError(
                f"the model was trained for wavelength {own.wavelength:g}, not {light.wavelength:g}; use a "
                "model of that wavelength, or train one"
            )
        if not own.is_like(light):
            raise MismatchError(
                f"the model was trained for light {in_words(own)}, not {in_words(light)}; use a model of "
                "that light, or train one"
            )

    def require_samples(self, samples: int) -> None:
        """Refuse a field with other samples.

        Raises:
            MismatchError: the numbers of samples per cell differ.
        """
        if samples != self.samples:
            raise MismatchError(
                f"the model has {self.samples} samples per cell and axis, the near field {samples}; "
                "simulate with as many as the model has, or train on such near fields"
            )
