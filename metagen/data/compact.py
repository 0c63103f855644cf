"""Near fields in a compact file: the part that mirrors leave, on a basis of singular vectors, in 16 bits.

A raw near field of 113 × 113 pillars takes 8 MB. Neighbouring cells have similar fields, so that a few dozen
patterns (the right singular vectors of all patches in one light) hold nearly everything; only their
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

from metagen.base.contents import HASH, content_hash
from metagen.base.errors import InputError
from metagen.base.files import Schema, reading_hdf5, writing_hdf5
from metagen.base.norms import relative_error
from metagen.base.validation import validate
from metagen.data.dataset import Dataset, in_order
from metagen.data.folding import Folding
from metagen.data.form import Complex, Form, real_basis, stored_patches, unpacked
from metagen.data.nearfield import NearField
from metagen.device.circles import CircleLimits
from metagen.device.illumination import Illumination, in_words
from metagen.device.layout import Layout, read_layout, unfold, write_layout
from metagen.device.platform import Platform
from metagen.device.sampling import cell_samples


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
TOLERANCE = 2e-4
"""Largest relative error that the compact form may add to the patches in one light."""
ROUNDING_SHARE = 0.3
"""Part of that error that goes to rounding; the rest goes to the basis vectors that are left out."""
ALWAYS: Folding = "mirror-xy"
"""The mirror planes of near fields of which a file says nothing else."""


@dataclass(frozen=True)
class Packed:
    """What the compact form of the near fields in one light keeps and loses.

    Attributes:
        illumination: the light.
        rank: number of basis vectors.
        relative_errors: relative error of the unpacked field against the raw one, over all components, by the
            name of the layout.
    """

    illumination: Illumination
    rank: int
    relative_errors: Mapping[str, float]

    @property
    def wavelength(self) -> float:
        """Wavelength in vacuum."""
        return self.illumination.wavelength


def load(name: str | Path) -> list[Dataset]:
    """Open a compact file.

    Args:
        name: path of the file, or name of a data set that comes with metagen.

    Returns:
        One dataset per light, the longest wavelength first. The provenance of each near field holds the
        content hash of the raw field (``raw_hash``) and the relative error against it
        (``compact_relative_error``).

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
    """The group of each light, the longest wavelength first, and the layouts by their hashes."""
    with reading_hdf5(_find(name), SCHEMA) as file:
        layouts = {key: _read_layout(group) for key, group in file["layouts"].items()}
        groups = {_light(group): group for group in file["wavelengths"].values()}
        yield [groups[light] for light in in_order(groups)], layouts


def holds_only(path: Path, datasets: Sequence[Dataset]) -> bool:
    """Whether a compact file holds nothing but near fields of these datasets."""
    given = {near.hash for dataset in datasets for near in dataset.near_fields}
    return all(near.provenance.get("raw_hash") in given for near in near_fields(path))


def shipped() -> list[str]:
    """Names of the data sets that come with metagen."""
    folder = resources.files("metagen.data") / "shipped"
    return sorted(path.name.removesuffix(".h5") for path in folder.iterdir()) if folder.is_dir() else []


def pack(datasets: Sequence[Dataset], path: str | Path, tolerance: float = TOLERANCE) -> list[Packed]:
    """Write datasets (one per light) to a compact file.

    Args:
        datasets: data sets of whole layouts.
        path: where to write the file.
        tolerance: largest relative error that leaving out basis vectors may add, per light.

    Returns:
        Rank and errors in each light, measured on what :func:`load` gives back.

    Raises:
        InputError: two datasets are of the same light.
    """
    if len({_key(dataset.illumination) for dataset in datasets}) < len(datasets):
        raise InputError(f"the light is {[_key(d.illumination) for d in datasets]}; give each one once")
    with writing_hdf5(path, SCHEMA) as file:
        for layout in {each.hash: each for dataset in datasets for each in dataset.layouts}.values():
            _write_layout(file.require_group("layouts").create_group(layout.hash), layout)
        return [
            _pack(file.create_group(f"wavelengths/{_key(dataset.illumination)}"), dataset, tolerance)
            for dataset in datasets
        ]


def _key(light: Illumination) -> str:
    """The name of a group: the wavelength, and what sets the light apart from x-polarised at normal
    incidence."""
    return f"{light.wavelength:.6f}" + ("" if light.is_plain else f" {in_words(light)}")


def _light(group: h5py.Group) -> Illumination:
    if "illumination" not in group.attrs:
        return Illumination(float(group.attrs["wavelength"]))
    return validate(json.loads(group.attrs["illumination"]), Illumination, source="illumination")


def _find(name: str | Path) -> Path:
    if Path(name).is_file():
        return Path(name)
    if str(name) in shipped():
        return Path(str(resources.files("metagen.data") / "shipped" / f"{name}.h5"))
    raise InputError(f"{name}: no such file; datasets that come with metagen: {shipped() or 'none'}")


def _pack(group: h5py.Group, dataset: Dataset, tolerance: float) -> Packed:
    patches = [stored_patches(near) for near in dataset.near_fields]
    basis = singular_basis(np.concatenate(patches), (1 - ROUNDING_SHARE) * tolerance)
    step = _step(patches, len(basis), ROUNDING_SHARE * tolerance)
    group["basis"] = basis
    group.attrs["step"] = step
    group.attrs["wavelength"] = dataset.wavelength
    if not dataset.illumination.is_plain:
        group.attrs["illumination"] = json.dumps(dataset.illumination.described)
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
        if near.symmetry != ALWAYS:
            member.attrs["symmetry"] = near.symmetry
        member.attrs["raw_hash"] = near.hash
        member.attrs["provenance"] = json.dumps(dict(near.provenance), sort_keys=True)
        found = unpacked(steps, real_basis(basis), step, Form.of(near))
        errors[near.layout.name] = relative_error(found, near.field)
        member.attrs["relative_error"] = errors[near.layout.name]
    return Packed(dataset.illumination, len(basis), errors)


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


def _unpack(group: h5py.Group, layouts: Mapping[str, Layout], name: str | None = None) -> Iterator[NearField]:
    """The near fields of the layouts of one name, or of all layouts."""
    basis, step = real_basis(np.asarray(group["basis"])), float(group.attrs["step"])
    samples, light = int(group.attrs["samples_per_period"]), _light(group)
    for member in (member for key, member in sorted(group.items()) if key.isdigit()):
        layout = layouts[str(member.attrs["layout"])]
        if name not in (None, layout.name):
            continue
        raw = {
            "raw_hash": str(member.attrs["raw_hash"]),
            "compact_relative_error": float(member.attrs["relative_error"]),
        }
        folding = member.attrs.get("symmetry", ALWAYS)
        form_samples = cell_samples(layout.platform.lattice, samples)
        form = Form(layout.counts, form_samples, folding, light)
        yield NearField(
            layout=layout,
            illumination=light,
            field=unpacked(np.asarray(member["coefficients"]), basis, step, form),
            samples=samples,
            numerics=json.loads(group.attrs["numerics"]),
            provenance={**json.loads(member.attrs["provenance"]), **raw},
            symmetry=folding,
        )


def _write_layout(group: h5py.Group, layout: Layout) -> None:
    if not (_is_short(layout) and layout.has_mirror_planes):
        write_layout(group, layout)
        return
    first = layout.count // 2
    quadrant = layout.radii[first:, first:]
    group.create_dataset("radii", data=quadrant, compression="gzip", shuffle=True)
    group.attrs["count"] = layout.count
    group.attrs["platform"] = json.dumps(layout.platform.described)
    group.attrs["name"] = layout.name
    group.attrs["provenance"] = json.dumps(dict(layout.provenance))


def _is_short(layout: Layout) -> bool:
    """Whether it is a square array of circles, of which the radii say everything."""
    platform = layout.platform
    return layout.is_simple and CircleLimits.of(platform.lattice, platform.atom) is not None


def _read_layout(group: h5py.Group) -> Layout:
    if "count" not in group.attrs:
        return read_layout(group)
    return Layout(
        validate(json.loads(group.attrs["platform"]), Platform, source="platform"),
        unfold(np.asarray(group["radii"]), int(group.attrs["count"])),
        name=str(group.attrs["name"]),
        provenance=json.loads(group.attrs["provenance"]),
    )
