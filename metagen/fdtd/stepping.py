"""Step a simulation until its fields have settled."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from metagen.fdtd.engine import require_meep
from metagen.fdtd.numerics import Numerics

OnProgress = Callable[[float], None]
"""A function that is called now and then with the simulated time so far, in µm / c."""

CHECK_INTERVAL = 1.0
"""Simulated time between two checks whether the fields have settled, in µm / c."""


def run_until_decayed(
    simulation: Any, numerics: Numerics, pixel: float, progress: OnProgress | None
) -> Settled:
    """Step until all monitored fields have settled, or until ``numerics.max_time`` (with a warning)."""
    mp = require_meep()
    settled = Settled(numerics, pixel)
    interval = CHECK_INTERVAL / pixel
    reports = []
    if progress is not None:
        reports = [mp.at_every(interval, lambda sim: progress(sim.meep_time() * pixel))]
    simulation.run(*reports, until_after_sources=settled)
    if not settled.calm:
        warnings.warn(
            f"the fields had not settled to {numerics.decay:g} at time {numerics.max_time:g}: they still "
            f"changed by {settled.change:.1g}; raise max_time if that is too much",
            UnsettledWarning,
            stacklevel=2,
        )
    return settled


class UnsettledWarning(UserWarning):
    """The fields still changed when a simulation reached its time limit."""


class Settled:
    """Stop condition of Meep: the norm of all monitored fields changed twice running by less than ``decay``.

    Twice, because a ring-down oscillates and its norm may stand still for a moment.
    """

    def __init__(self, numerics: Numerics, pixel: float) -> None:
        self._numerics = numerics
        self._pixel = pixel
        self._next = CHECK_INTERVAL
        self._norm = 0.0
        self._calm_checks = 0
        self.change = math.inf
        self.time = 0.0

    @property
    def calm(self) -> bool:
        """Whether the fields have settled."""
        return self._calm_checks >= 2

    def __call__(self, simulation: Any) -> bool:
        """Meep calls this after every step."""
        self.time = simulation.meep_time() * self._pixel
        if self.time < self._next:
            return False
        self._next = self.time + CHECK_INTERVAL
        norm = float(simulation.fields.dft_norm())
        self.change = abs(norm - self._norm) / norm if norm else math.inf
        self._norm = norm
        self._calm_checks = self._calm_checks + 1 if self.change < self._numerics.decay else 0
        return self.calm or self.time >= self._numerics.max_time
