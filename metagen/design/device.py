"""A designed device: a layout with the history of its design, in one file that can also be resumed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metagen.base.errors import InputError
from metagen.base.files import reading_hdf5, writing_hdf5
from metagen.device.layout import SCHEMA, Layout, read_layout, write_layout

TENSORS = ("variables", "best")


@dataclass(frozen=True)
class Checkpoint:
    """The state of an optimisation, with which it goes on exactly as if it had not stopped.

    Attributes:
        key: hash of all that determines the result of the optimisation.
        variables: [K] variables to be evaluated next.
        best: [K] variables of the best device so far.
        history: figure of merit of each step.
        optimizer: state of the optimiser (:attr:`metagen.design.methods.Climber.state`); empty at the start.
    """

    key: str
    variables: Tensor
    best: Tensor
    history: tuple[float, ...]
    optimizer: bytes


@dataclass(frozen=True, eq=False, repr=False)
class Device(Layout):
    """The best layout that an optimisation found; everything that takes a layout takes it.

    Attributes:
        history: [S] figure of merit of each step, from the start layout on.
        finished: whether all steps were done.
    """

    history: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    finished: bool = True

    @property
    def figure(self) -> float:
        """The device's figure of merit: the largest of its history."""
        return float(np.max(self.history))

    def save(self, path: str | Path, progress: Checkpoint | None = None) -> None:
        """Write the device (atomically), and with ``progress`` the state of its optimisation.

        :meth:`metagen.Layout.load` reads the file as a layout.
        """
        with writing_hdf5(path, SCHEMA) as file:
            write_layout(file, self)
            group = file.create_group("design")
            group["history"] = self.history
            group.attrs["finished"] = self.finished
            if progress is not None:
                _write_checkpoint(file.create_group("progress"), progress)

    @classmethod
    def load(cls, path: str | Path) -> Device:
        """Read a device.

        Raises:
            InputError, FormatError: see :func:`metagen.base.files.reading_hdf5`; also a plain layout.
        """
        with reading_hdf5(path, SCHEMA) as file:
            if "design" not in file:
                raise InputError(f"{path} is a plain layout, and no designed device; choose another path")
            layout = read_layout(file)
            return cls(
                layout.platform,
                layout.values,
                layout.name,
                layout.provenance,
                present=layout.present,
                history=np.asarray(file["design/history"]),
                finished=bool(file["design"].attrs["finished"]),
            )


def load_with_history(path: str | Path) -> Layout:
    """Read a device with its history, or a plain layout.

    Raises:
        InputError, FormatError: see :func:`metagen.base.files.reading_hdf5`.
    """
    with reading_hdf5(path, SCHEMA) as file:
        designed = "design" in file
    return Device.load(path) if designed else Layout.load(path)


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read the state of the optimisation that wrote a device file.

    Raises:
        InputError, FormatError: see :func:`metagen.base.files.reading_hdf5`; also a plain layout,
            or a device that was saved without that state.
    """
    with reading_hdf5(path, SCHEMA) as file:
        if "progress" not in file:
            raise InputError(
                f"{path} is a finished layout, and no optimisation that could go on; choose another path"
            )
        group = file["progress"]
        tensors = {name: torch.from_numpy(np.asarray(group[name])) for name in TENSORS}
        history = tuple(np.asarray(file["design/history"]).tolist())
        state = np.asarray(group["optimizer"]).tobytes()
        return Checkpoint(key=str(group.attrs["key"]), history=history, optimizer=state, **tensors)


def _write_checkpoint(group: h5py.Group, progress: Checkpoint) -> None:
    group.attrs["key"] = progress.key
    for name in TENSORS:
        group[name] = getattr(progress, name).numpy()
    group["optimizer"] = np.frombuffer(progress.optimizer, dtype=np.uint8)
