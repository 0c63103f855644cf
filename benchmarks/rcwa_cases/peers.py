"""The cells solved with other programs, see benchmarks/rcwa_peers.py."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from rcwa_cases.cells import Cell
from rcwa_cases.ours import without_pillar
from rcwa_cases.worker import Worker

CONJUGATES = ("meent",)
"""Programs with the other time convention."""
PIXELS = {"meent": 130, "nannos": 512}
PIXELS_ELSE = 520
"""Grid of the programs that take pixels. More do not change their error at these orders; meent's time grows
with the square of it. The edges of the upright fin fall on it, but for nannos, which needs a power of two."""
SCRIPT = Path(__file__).parents[1] / "rcwa_peers.py"


class Peer:
    """One program with one truncation."""

    def __init__(self, python: Path, program: str, orders: int) -> None:
        self.program = program
        command = [python, SCRIPT, program, str(orders), str(PIXELS.get(program, PIXELS_ELSE))]
        self.worker = Worker(command, dict(os.environ))
        self._bare: dict[tuple[float, float], Any] = {}

    def solved(self, cell: Cell) -> tuple[Any, float]:
        """The Jones matrix in metagen's normalisation, and seconds."""
        light = cell.wavelength, cell.polar
        if light not in self._bare:
            amplitudes, _ = self._raw(cell.without_pillar)
            with np.errstate(invalid="ignore"):  # Light along y may not have been asked for: it is NaN.
                self._bare[light] = np.diag(without_pillar(cell)) / np.diag(amplitudes)
        amplitudes, seconds = self._raw(cell)
        return amplitudes * self._bare[light], seconds

    def _raw(self, cell: Cell) -> tuple[Any, float]:
        ((parts, seconds),) = self.worker.ask([cell.described])
        amplitudes = np.array([complex(*part) for part in parts]).reshape(2, 2)
        return (amplitudes.conj() if self.program in CONJUGATES else amplitudes), seconds
