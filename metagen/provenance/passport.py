"""The passport of a file: the chain of inputs that made it, found by the content hashes that files carry.

A layout file names the device that was written, a device the models that it was designed with, a model the
near fields that it was trained on; a near field holds its layout, and the layout its platform. An input
whose hash is found neither in the folder nor among what comes with metagen is *stale* if the folder has
another version of the same name, and *missing* otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import chain, product
from pathlib import Path

from metagen.base.errors import InputError, MetagenError
from metagen.device.platform import Platform
from metagen.fab.formats import drawn_format
from metagen.provenance.artefacts import (
    SHOWN,
    SUFFIXES,
    Artefact,
    FileKind,
    Need,
    artefacts_in,
    check_pillars,
    corrected,
    mirrored,
    shipped,
)


class State(StrEnum):
    """What has become of an input."""

    FOUND = "found"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True)
class Link:
    """One input of the chain, and what it was made from in turn.

    Attributes:
        state: whether the input was found.
        need: what was looked for; None for the file that the passport is of.
        artefact: what was found; for a stale input, the newer version of it.
        inputs: the inputs of the artefact; empty if it is stale or missing.
    """

    state: State
    need: Need | None = None
    artefact: Artefact | None = None
    inputs: tuple[Link, ...] = ()

    def walk(self) -> Iterator[Link]:
        """This link and all links below it."""
        yield self
        for link in self.inputs:
            yield from link.walk()


@dataclass(frozen=True)
class Passport:
    """The chain of inputs that made a file.

    Attributes:
        folder: folder in which inputs were looked for.
        roots: the file itself; one link per device for a layout file with several devices.
        unreadable: files of the folder that could not be read, and why.
    """

    folder: Path
    roots: tuple[Link, ...]
    unreadable: tuple[str, ...] = ()

    def links(self, state: State) -> list[Link]:
        """All links in one state."""
        return [link for root in self.roots for link in root.walk() if link.state is state]

    @property
    def is_complete(self) -> bool:
        """Whether every input is there, unchanged."""
        return not self.links(State.STALE) and not self.links(State.MISSING)

    @property
    def platforms(self) -> list[Platform]:
        """The different platforms in the chain: a single one, if all is well."""
        found = (link.artefact for link in self.links(State.FOUND))
        return list({each.platform.hash: each.platform for each in found if each and each.platform}.values())

    def __str__(self) -> str:
        tree = [line for root in self.roots for line in self._tree(root)]
        platforms = [f"platform {each.hash[:SHOWN]}: {each}" for each in self.platforms]
        return "\n".join([*tree, *platforms, *self._summary()])

    def _tree(self, link: Link, first: str = "", rest: str = "") -> Iterator[str]:
        yield first + self._describe(link)
        for index, below in enumerate(link.inputs):
            last = index == len(link.inputs) - 1
            yield from self._tree(below, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))

    def _describe(self, link: Link) -> str:
        if link.state is State.MISSING:
            return f"MISSING: {link.need}"
        assert link.artefact is not None
        where = self._shown(link.artefact.path)
        if link.state is State.STALE:
            return f"STALE: {link.need}; {where} is now {link.artefact.hash[:SHOWN]}"
        notes = "".join(f" ({note})" for note in link.artefact.notes)
        return f"{where}: {link.artefact.kind} {link.artefact.name!r} {link.artefact.hash[:SHOWN]}{notes}"

    def _shown(self, path: Path) -> Path:
        return path.relative_to(self.folder) if path.is_relative_to(self.folder) else path

    def _summary(self) -> Iterator[str]:
        for problem in self.unreadable:
            yield f"not read: {problem}"
        stale, missing = len(self.links(State.STALE)), len(self.links(State.MISSING))
        if self.is_complete:
            yield "all inputs that are recorded are there, unchanged"
        else:
            where = f"looked for in {self.folder}; --in names another folder"
            yield f"stale inputs: {stale}, missing inputs: {missing} ({where})"


def passport(path: str | Path, folder: str | Path | None = None) -> Passport:
    """Find all inputs that made a file.

    Args:
        path: a layout file (GDSII, OASIS), a layout or device or near-field file (.h5), or a model
            (.safetensors).
        folder: folder in which inputs are looked for, subfolders included; by default that of the file.

    Raises:
        InputError: there is no such file or folder, or files of this kind have no passport.
        FormatError: the file is damaged, or is a layout file that was edited after it was written.
    """
    path = Path(path)
    shelf = Shelf(path.parent if folder is None else Path(folder))
    if not shelf.folder.is_dir():
        raise InputError(f"folder is {shelf.folder}; there is no such folder")
    artefacts = artefacts_in(path)
    if drawn_format(path) is not None:
        check_pillars(path)
    roots = tuple(Link(State.FOUND, None, each, _inputs(each, shelf)) for each in artefacts)
    return Passport(shelf.folder, roots, tuple(shelf.unreadable))


@dataclass
class Shelf:
    """The files of a folder, which are read when first needed."""

    folder: Path
    unreadable: list[str] = field(default_factory=list)

    def find(self, need: Need) -> Link:
        """The input itself, a newer version of it, or neither."""
        same_kind = [each for each in self._among(need.kind) if each.kind is need.kind]
        everywhere = chain(same_kind, shipped(need))
        found = next((each for each in everywhere if each.hash == need.hash), None) or self._made(need)
        if found:
            return Link(State.FOUND, need, found, _inputs(found, self))
        newer = next((each for each in same_kind if each.name == need.name), None)
        return Link(State.STALE if newer else State.MISSING, need, newer)

    def _made(self, need: Need) -> Artefact | None:
        """What is needed, made of a model: its mirror image, or either of them corrected by a near field."""
        if need.kind is not FileKind.MODEL:
            return None
        models = [*self._models, *shipped(need)]
        images = [image for model in models if (image := mirrored(model))]
        fields = [each for each in self._hdf5 if each.kind is FileKind.NEAR_FIELD]
        better = (corrected(*pair) for pair in product([*models, *images], fields))
        return next((each for each in chain(images, better) if each.hash == need.hash), None)

    def _among(self, kind: FileKind) -> list[Artefact]:
        match kind:
            case FileKind.LAYOUT_FILE:
                return self._layout_files
            case FileKind.MODEL:
                return self._models
            case FileKind.DEVICE | FileKind.NEAR_FIELD:
                return self._hdf5

    @cached_property
    def _layout_files(self) -> list[Artefact]:
        return self._read(SUFFIXES[FileKind.LAYOUT_FILE])

    @cached_property
    def _models(self) -> list[Artefact]:
        return self._read(SUFFIXES[FileKind.MODEL])

    @cached_property
    def _hdf5(self) -> list[Artefact]:
        return self._read(SUFFIXES[FileKind.DEVICE])

    def _read(self, suffixes: tuple[str, ...]) -> list[Artefact]:
        found = []
        for path in sorted(self.folder.rglob("*")):
            if path.name.lower().endswith(suffixes) and not path.name.startswith("."):
                try:
                    found.extend(artefacts_in(path))
                except MetagenError as error:
                    self.unreadable.append(str(error))
        return found


def _inputs(artefact: Artefact, shelf: Shelf) -> tuple[Link, ...]:
    """The inputs, without absent ones that are not required, and without a start equal to the result."""
    needs = [need for need in artefact.needs if need.hash != artefact.hash]
    links = [(need, shelf.find(need)) for need in needs]
    return tuple(link for need, link in links if need.required or link.state is State.FOUND)
