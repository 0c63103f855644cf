"""Libraries whose answer is known: pillars that are ideal wave plates, and nothing else."""

import math
from dataclasses import dataclass, field

import numpy as np

import metagen as mg
from metagen.device.atoms import Rectangle


def rectangles(length, width, angle=0.0, lattice=None):
    """TiO2 rectangles on glass."""
    lattice = lattice or mg.Lattice.square(0.43)
    atom = Rectangle(length, width, angle)
    return mg.Platform(lattice=lattice, atom=atom, height=0.6, pillar=2.4, substrate=1.46)


FREE = rectangles((0.1, 0.3), (0.1, 0.3))
FINS = rectangles(0.41, 0.085, (0, math.pi))
FREE_FINS = rectangles((0.1, 0.25), (0.1, 0.25), (0, math.pi))


@dataclass(frozen=True)
class Plates:
    """Length and width delay light along them by up to a turn; fixed ones make half-wave plates."""

    platform: mg.Platform
    light: mg.Illumination = field(default_factory=lambda: mg.Illumination(0.66))
    amplitude: float = math.sqrt(1.46)
    """All power in the zeroth order."""

    def __call__(self, length=None, width=None, angle=0.0):
        along, across = self._turns("length", length, 0.0), self._turns("width", width, 0.5)
        along, across, angle = np.broadcast_arrays(along, across, np.asarray(angle, dtype=float))
        cosine, sine = np.cos(angle), np.sin(angle)
        turn = np.moveaxis(np.array([[cosine, -sine], [sine, cosine]]), (0, 1), (-2, -1))
        delays = np.exp(2j * math.pi * np.stack([along, across], -1))
        return self.amplitude * (turn * delays[..., None, :]) @ turn.swapaxes(-1, -2)

    def _turns(self, name, value, fixed):
        if value is None:
            return np.asarray(fixed)
        low, high = getattr(self.platform.atom, name)
        return (np.asarray(value) - low) / (high - low)
