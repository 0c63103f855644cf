"""A picture in a plane behind a device: R. W. Gerchberg and W. O. Saxton, Optik 35, 237 (1972)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import zoom

from metagen.base.errors import InputError
from metagen.base.names import name_from
from metagen.base.texts import STRANGE, check_ordinary
from metagen.forward.nearest import NearestSites
from metagen.forward.targets import Places, Wave
from metagen.propagation import angular_spectrum, coordinates, focal_plane

ITERATIONS = 40
"""Default number of times that the light is sent to the picture and back."""
PADDING = 2
"""Side of the plane in which waves are added up, over that of the window: light of any place in the window
reaches any other one."""
FINER = 2
"""Samples per distance of neighbouring sites, on which the light is sent."""
MOST_PIXELS = 10_000
"""Pixels along one side of a picture; those that are used are far fewer."""
LARGEST = 1500
"""The most samples along one side of that plane, before the padding."""


@dataclass(frozen=True, eq=False)
class Hologram(Wave):
    """The wave whose intensity in a plane is a picture; its phase is found by iteration.

    Attributes:
        picture: [A, B] intensities, not negative, along x and y; the darkest is 0 or more.
        width: of the picture along x; its pixels are square.
        distance: of its plane from the monitor plane.
        name: a short name for files.
        iterations: how many times the light is sent to the picture and back.

    Raises:
        InputError: no picture, a negative or a black one, or a length that is not positive.
    """

    picture: NDArray[np.float64]
    width: float
    distance: float
    name: str = "hologram"
    iterations: int = ITERATIONS

    def __post_init__(self) -> None:
        picture = np.asarray(self.picture, dtype=np.float64)
        if picture.ndim != 2 or not picture.size or not np.isfinite(picture).all() or picture.min() < 0:
            raise InputError(
                f"picture has shape {picture.shape}; give intensities [A, B], finite and not negative"
            )
        if picture.max() == 0:
            raise InputError("picture is black all over; something has to be bright")
        for name, length in (("width", self.width), ("distance", self.distance)):
            if not (math.isfinite(length) and length > 0):
                raise InputError(f"{name} is {length}; it must be a positive number of micrometres")
        object.__setattr__(self, "picture", picture)

    @classmethod
    def load(cls, path: str | Path, width: float, distance: float) -> Self:
        """The picture of a file (PNG, or what else Pillow reads), seen against the light, x to the right.

        Raises:
            InputError: no such file, or no picture.
        """
        from matplotlib.image import imread

        check_ordinary(Path(path))
        try:
            _check_size(path)
            pixels = np.asarray(imread(path), dtype=np.float64)
        except (OSError, SyntaxError, *STRANGE) as error:
            raise InputError(f"{path}: cannot be read as a picture ({error})") from error
        grey = pixels if pixels.ndim == 2 else pixels[..., : min(3, pixels.shape[2])].mean(axis=2)
        return cls(np.flip(grey, 0).T, width, distance, name=f"hologram-{name_from(Path(path).stem)}")

    @property
    def label(self) -> str:
        """See :class:`metagen.forward.targets.Wave`."""
        return self.name

    @property
    def sides(self) -> tuple[float, float]:
        """Sides of the picture along x and y."""
        return self.width, self.width * self.picture.shape[1] / self.picture.shape[0]

    def __call__(self, x: Places, y: Places, k: float) -> NDArray[np.complex128]:
        """See :class:`metagen.forward.targets.Wave`; the sites are to be those of a whole device.

        Raises:
            InputError: the device or the picture is too large.
        """
        window = _Window.of(np.stack([x, y], axis=-1), self)
        # Light that fills the device is at first spread over the picture, or drawn together, evenly.
        shrink = 1 - max(self.sides) / max(float(np.ptp(x)), float(np.ptp(y)), max(self.sides) / 100)
        wave = np.exp(-0.5j * k * shrink * (x**2 + y**2) / self.distance)
        for _ in range(self.iterations):
            there = window.sent(wave, k, self.distance)
            back = window.sent_back(window.amplitude * np.exp(1j * np.angle(there)), k, self.distance)
            wave = np.exp(1j * np.angle(back))
        return np.asarray(wave)

    def error(
        self, field: NDArray[np.complex128], sample_spacing: float, wavelength: float, index: float = 1.0
    ) -> float:
        """Relative error ‖s·|E| − A‖²/‖A‖² of what a field makes of the picture.

        A is the root of its intensities, on its pixels, and s the best factor.

        Args:
            field: [X, Y] complex, as :meth:`metagen.forward.LocalField.seen` gives it.
            sample_spacing: distance of its samples.
            wavelength: wavelength in vacuum.
            index: refractive index of the cover.
        """
        pixel = self.width / self.picture.shape[0]
        x, y = (coordinates(count, pixel) for count in self.picture.shape)
        samples = torch.as_tensor(field)
        made = focal_plane(samples, sample_spacing, wavelength, self.distance, x, y, index).abs().numpy()
        wanted = np.sqrt(self.picture)
        factor = (made * wanted).sum() / (made**2).sum()
        return float(((factor * made - wanted) ** 2).sum() / (wanted**2).sum())


def _check_size(path: str | Path) -> None:
    """Refuse a picture that says of itself that it is too large, before it is unpacked."""
    from PIL import Image

    try:
        opened = Image.open(path)
    except Image.DecompressionBombError as error:
        raise ValueError(error) from error
    with opened as picture:
        if max(picture.size) > MOST_PIXELS:
            raise ValueError(
                f"it has {picture.size[0]} × {picture.size[1]} pixels, up to {MOST_PIXELS} a side"
            )


@dataclass(frozen=True, eq=False)
class _Window:
    """The part of both planes that is computed: it holds the device and the picture.

    Attributes:
        sites: which site each sample of the device belongs to.
        amplitude: [X, Y] that of the picture.
    """

    sites: NearestSites
    amplitude: NDArray[np.float64]

    @classmethod
    def of(cls, places: Places, hologram: Hologram) -> Self:
        spacing = _spacing(places)
        extent = [
            max(float(np.ptp(along)) + spacing, side)
            for along, side in zip(places.T, hologram.sides, strict=True)
        ]
        step = spacing / FINER
        if max(extent) > LARGEST * step:
            raise InputError(
                f"{hologram.label}: device and picture take a plane {max(extent):.4g} wide; up to "
                f"{LARGEST * step:.4g} can be computed: choose a smaller picture"
            )
        sites = NearestSites.of(places, (extent[0], extent[1]), step)
        return cls(sites.within(_covering(sites, places)), _framed(hologram, sites.numbers.shape, step))

    def sent(self, wave: NDArray[np.complex128], k: float, distance: float) -> NDArray[np.complex128]:
        """[X, Y] the field in the plane of the picture, of what each site [M] sends out."""
        return self._propagated(self.sites.spread(wave), k, distance)

    def sent_back(self, field: NDArray[np.complex128], k: float, distance: float) -> NDArray[np.complex128]:
        """[M] what arrives at each site of a field in the plane of the picture."""
        return self.sites.summed(self._propagated(field, k, -distance))

    def _propagated(self, field: NDArray[np.complex128], k: float, distance: float) -> NDArray[np.complex128]:
        step = self.sites.sample_spacing
        there = angular_spectrum(torch.from_numpy(field), step, 2 * math.pi / k, distance, padding=PADDING)
        return np.asarray(there.numpy())


def _spacing(places: Places) -> float:
    """The smallest distance between two sites."""
    from scipy.spatial import cKDTree

    if len(places) < 2:
        raise InputError("a hologram needs more than one site")
    return float(cKDTree(places).query(places, k=2)[0][:, 1].min())


def _covering(sites: NearestSites, places: Places) -> float:
    """The largest distance of a sample within the device from its site, looked up in its middle."""
    shape = sites.numbers.shape
    middle = [
        np.abs(np.arange(count) - (count - 1) / 2) * sites.sample_spacing <= float(np.ptp(along)) / 4
        for count, along in zip(shape, places.T, strict=True)
    ]
    return float(sites.distance[np.ix_(*middle)].max(initial=sites.sample_spacing))


def _framed(hologram: Hologram, shape: tuple[int, ...], step: float) -> NDArray[np.float64]:
    """[X, Y] amplitude of the picture in the middle of a dark window."""
    wanted = [max(1, round(side / step)) for side in hologram.sides]
    factors = [count / have for count, have in zip(wanted, hologram.picture.shape, strict=True)]
    picture = zoom(hologram.picture, factors, order=1, grid_mode=True, mode="nearest")
    framed = np.zeros(shape)
    start = [(whole - part) // 2 for whole, part in zip(shape, picture.shape, strict=True)]
    framed[start[0] : start[0] + picture.shape[0], start[1] : start[1] + picture.shape[1]] = picture
    return np.sqrt(framed)
