"""Near fields in a compact file: one quadrant, on a basis of singular vectors, in 16-bit numbers.

A raw near field of 113 × 113 pillars takes 8 MB. Neighbouring cells have similar fields, so that a few dozen
patterns (the right singular vectors of all patches of one wavelength) hold nearly everything; only their
coefficients are kept, as multiples of one step: with a common step the small coefficients of the last vectors
take few bits once compressed, which halves the file against half-precision numbers of equal error. What the
file leaves out is measured after writing and stored with it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import InputError
from metagen.base.files import HASH, Schema, content_hash, reading_hdf5, writing_hdf5
from metagen.base.norms import relative_error
from metagen.base.validation import validate
from metagen.data.dataset import Dataset, cut
from metagen.data.nearfield import NearField, unfold_field
from metagen.device.illumination import Illumination
from metagen.device.layout import Layout, unfold
from metagen.device.platform import Platform


def _is_intact(file: h5py.File) -> bool:
    """Whether the parts of a file of version 1 match their hashes; a part without a hash counts as intact."""
    groups, layouts = file["wavelengths"].values(), file["layouts"]
    return all(map(_is_intact_group, groups)) and all(key == _old_hash(layouts[key]) for key in layouts)


def _is_intact_group(group: h5py.Group) -> bool:
    attributes, members = group.attrs, [group[key] for key in sorted(group) if key.isdigit()]
    found = content_hash(
        np.asarray(group["basis"]),
        float(attributes["step"]),
        float(attributes["wavelength"]),
        int(attributes["samples_per_period"]),
        str(attributes["numerics"]),
        *(np.asarray(member["coefficients"]) for member in members),
        *(str(member.attrs["layout"]) for member in members),
    )
    return bool(attributes.get(HASH, found) == found)


def _old_hash(layout: h5py.Group) -> str:
    radii = unfold(np.asarray(layout["radii"]), int(layout.attrs["count"]))
    return content_hash(json.loads(layout.attrs["platform"]), radii)


SCHEMA = Schema("metagen/compact-fields", version=2, before=1, is_intact=_is_intact)
FIXED_POINT = 2.0**36
"""Basis vectors are unpacked as whole multiples of its inverse, finer than the single precision of the field.
A patch is at most 2¹⁵ steps long and the basis orthonormal: coefficients times basis sum to less than 2⁵¹
multiples, which double precision adds without rounding, in whatever order a processor does it. So the field
that is unpacked, and its hash, is the same on every processor."""
TOLERANCE = 2e-4
"""Largest relative error that the compact form may add to the patches of one wavelength."""
ROUNDING_SHARE = 0.3
"""Part of that error that goes to rounding; the rest goes to the basis vectors that are left out."""

Complex = NDArray[np.complex64]


@dataclass(frozen=True)
class Packed:
    """What the compact form of one wavelength keeps and loses.

    Attributes:
        wavelength: wavelength in vacuum.
        rank: number of basis vectors.
        relative_errors: relative error of the unpacked field against the raw one, over all components, by the
            name of the layout.
    """

    wavelength: float
    rank: int
    relative_errors: Mapping[str, float]


def load(name: str | Path) -> list[Dataset]:
    """Open a compact file.

    Args:
        name: path of the file, or name of a data set that comes with metagen.

    Returns:
        One dataset per wavelength, the longest first. The provenance of each near field holds the content
        hash of the raw field (``raw_hash``) and the relative error against it (``compact_relative_error``).

    Raises:
        InputError: there is neither such a file nor such a name.
        AccessError, FormatError: see :func:`metagen.base.files.reading_hdf5`.
    """
    with _opened(name) as (groups, layouts):
        return [Dataset(tuple(_unpack(group, layouts)), sources=()) for group in groups]


def near_fields(name: str | Path, layout: str | None = None) -> Iterator[NearField]:
    """The near fields of :func:`load`, one after the other, so that only one need be in memory.

    Args:
        name: path of the file, or name of a data set that comes with metagen.
        layout: name of the layouts whose near fields are wanted; by default all.

    Raises:
        InputError, FormatError: see :func:`load`.
    """
    with _opened(name) as (groups, layouts):
        for group in groups:
            yield from _unpack(group, layouts, layout)


@contextmanager
def _opened(name: str | Path) -> Iterator[tuple[list[h5py.Group], Mapping[str, Layout]]]:
    """The group of each wavelength, the longest first, and the layouts by their hashes."""
    with reading_hdf5(_find(name), SCHEMA) as file:
        layouts = {key: _read_layout(group) for key, group in file["layouts"].items()}
        yield [group for _, group in sorted(file["wavelengths"].items(), reverse=True)], layouts


def shipped() -> list[str]:
    """Names of the data sets that come with metagen."""
    folder = resources.files("metagen.data") / "shipped"
    return sorted(path.name.removesuffix(".h5") for path in folder.iterdir()) if folder.is_dir() else []


def pack(datasets: Sequence[Dataset], path: str | Path, tolerance: float = TOLERANCE) -> list[Packed]:
    """Write datasets (one per wavelength) to a compact file.

    Args:
        datasets: data sets of whole layouts, all simulated with both mirror planes.
        path: where to write the file.
        tolerance: largest relative error that leaving out basis vectors may add, per wavelength.

    Returns:
        Rank and errors of each wavelength, measured on what :func:`load` gives back.

    Raises:
        InputError: a layout has no mirror planes, or a wavelength is there twice.
    """
    if len({dataset.wavelength for dataset in datasets}) < len(datasets):
        raise InputError(f"wavelengths are {[d.wavelength for d in datasets]}; give each one once")
    with writing_hdf5(path, SCHEMA) as file:
        for layout in {each.hash: each for dataset in datasets for each in dataset.layouts}.values():
            _write_layout(file.require_group("layouts").create_group(layout.hash), layout)
        return [
            _pack(file.create_group(f"wavelengths/{dataset.wavelength:.6f}"), dataset, tolerance)
            for dataset in datasets
        ]


def _find(name: str | Path) -> Path:
    if Path(name).is_file():
        return Path(name)
    if str(name) in shipped():
        return Path(str(resources.files("metagen.data") / "shipped" / f"{name}.h5"))
    raise InputError(f"{name}: no such file; datasets that come with metagen: {shipped() or 'none'}")


def _pack(group: h5py.Group, dataset: Dataset, tolerance: float) -> Packed:
    patches = [_quadrant_patches(near) for near in dataset.near_fields]
    basis = singular_basis(np.concatenate(patches), (1 - ROUNDING_SHARE) * tolerance)
    step = _step(patches, len(basis), ROUNDING_SHARE * tolerance)
    group["basis"] = basis
    group.attrs["step"] = step
    group.attrs["wavelength"] = dataset.wavelength
    group.attrs["samples_per_period"] = dataset.samples
    group.attrs["numerics"] = json.dumps(dict(dataset.numerics), sort_keys=True)
    errors = {}
    for number, (near, each) in enumerate(zip(dataset.near_fields, patches, strict=True)):
        member = group.create_group(f"{number:03d}")
        coefficients = (each @ basis.conj().T / step).astype(np.complex64).view(np.float32)
        steps = np.rint(coefficients).T.astype(np.int16)
        member.create_dataset(
            "coefficients", data=steps, compression="gzip", compression_opts=9, shuffle=True, fletcher32=True
        )
        member.attrs["layout"] = near.layout.hash
        member.attrs["raw_hash"] = near.hash
        member.attrs["provenance"] = json.dumps(dict(near.provenance), sort_keys=True)
        found = _field(steps, _real(basis), step, near.layout.count, dataset.samples)
        errors[near.layout.name] = relative_error(found, near.field)
        member.attrs["relative_error"] = errors[near.layout.name]
    return Packed(dataset.wavelength, len(basis), errors)


def _step(patches: Sequence[Complex], rank: int, error: float) -> float:
    """The step to which coefficients are rounded, so that the patches get this relative error.

    Rounding a real number to multiples of d adds d²/12 on average, and a coefficient is two numbers.
    """
    power = sum(float(np.sum(np.abs(each) ** 2)) for each in patches)
    step = math.sqrt(6 * error * power / (rank * sum(map(len, patches))))
    largest = max(float(np.linalg.norm(each, axis=1).max()) for each in patches)
    return max(step, largest / np.iinfo(np.int16).max)


def singular_basis(patches: Complex, tolerance: float) -> Complex:
    """[K, P] the fewest orthonormal rows that keep all but ``tolerance`` of the power of [M, P] patches."""
    gram = patches.conj().T.astype(np.complex128) @ patches
    power, vectors = np.linalg.eigh(gram)
    kept = np.cumsum(power[::-1]) / power.sum()
    rank = min(int(np.searchsorted(kept, 1 - tolerance)) + 1, len(power))
    basis: Complex = vectors[:, ::-1][:, :rank].T.conj().astype(np.complex64)
    return basis


def _quadrant_patches(near: NearField) -> Complex:
    """[⌈N/2⌉², n·n·3] field over the cells with x, y ≥ 0; cells on an axis are taken whole."""
    if near.symmetry != "mirror-xy":
        raise InputError(f"{near.layout.name} was simulated without mirror planes; only quadrants are packed")
    first = near.layout.count // 2 * near.samples
    patches = cut(near.field[first:, first:], near.samples)
    return patches.reshape(-1, patches.shape[-1])


def _unpack(group: h5py.Group, layouts: Mapping[str, Layout], name: str | None = None) -> Iterator[NearField]:
    """The near fields of the layouts of one name, or of all layouts."""
    basis, step = _real(np.asarray(group["basis"])), float(group.attrs["step"])
    samples = int(group.attrs["samples_per_period"])
    for member in (member for key, member in sorted(group.items()) if key.isdigit()):
        layout = layouts[str(member.attrs["layout"])]
        if name not in (None, layout.name):
            continue
        raw = {
            "raw_hash": str(member.attrs["raw_hash"]),
            "compact_relative_error": float(member.attrs["relative_error"]),
        }
        yield NearField(
            layout=layout,
            illumination=Illumination(float(group.attrs["wavelength"])),
            field=_field(np.asarray(member["coefficients"]), basis, step, layout.count, samples),
            samples=samples,
            numerics=json.loads(group.attrs["numerics"]),
            provenance={**json.loads(member.attrs["provenance"]), **raw},
            symmetry="mirror-xy",
        )


def _real(basis: Complex) -> NDArray[np.float64]:
    """[2K, 2P] basis vectors and i times these, as real and imaginary parts, in units of 1/FIXED_POINT."""
    pairs = np.ascontiguousarray(np.stack([basis, 1j * basis], axis=1), dtype=np.complex128)
    rows = pairs.reshape(-1, pairs.shape[-1]).view(np.float64)
    whole: NDArray[np.float64] = np.rint(rows * FIXED_POINT)
    return whole


def _field(steps: NDArray[np.int16], basis: NDArray[np.float64], step: float, count: int, n: int) -> Complex:
    """[N·n, N·n, 3] field of the [2K, h²] coefficients of a quadrant."""
    sums = steps.T.astype(np.float64) @ basis
    patches = (sums * (step / FIXED_POINT) + 0.0).astype(np.float32).view(np.complex64)  # + 0.0: no −0
    half = (count + 1) // 2
    blocks = patches.reshape(half, half, n, n, 3)
    cells = blocks.swapaxes(1, 2).reshape(half * n, half * n, 3)
    # Cells on an axis reach beyond it: the quadrant starts in their middle.
    beyond = count % 2 * (n // 2)
    return unfold_field(cells[beyond:, beyond:], count * n)


def _write_layout(group: h5py.Group, layout: Layout) -> None:
    first = layout.count // 2
    quadrant = layout.radii[first:, first:]
    group.create_dataset("radii", data=quadrant, compression="gzip", shuffle=True)
    group.attrs["count"] = layout.count
    group.attrs["platform"] = json.dumps(layout.platform.described)
    group.attrs["name"] = layout.name
    group.attrs["provenance"] = json.dumps(dict(layout.provenance))


def _read_layout(group: h5py.Group) -> Layout:
    return Layout(
        validate(json.loads(group.attrs["platform"]), Platform, source=str(group.file.filename)),
        unfold(np.asarray(group["radii"]), int(group.attrs["count"])),
        name=str(group.attrs["name"]),
        provenance=json.loads(group.attrs["provenance"]),
    )
