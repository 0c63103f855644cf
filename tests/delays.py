"""Models whose answer is known: pillars that delay the wave, and nothing else."""

import math
from dataclasses import dataclass

import numpy as np
import torch

import metagen as mg
from metagen.surrogate import Domain

PLATFORM = mg.Platform()
LOW, HIGH = PLATFORM.radius_min, PLATFORM.radius_max
SPLIT = (0.8, 0.6, 0.0)
"""Ex, Ey and Ez of a model with three components: together as strong as the one Ex."""


@dataclass
class Delay:
    """A pillar of the share s of the radius range delays the wave by turns·s + bend·s², and that is all."""

    domain: Domain
    turns: float = 1.0
    bend: float = 0.0

    def __call__(self, radii):
        share = (radii - LOW) / (HIGH - LOW)
        phase = 2 * math.pi * (self.turns * share + self.bend * share**2)
        cells = torch.polar(torch.ones_like(phase), phase)
        n = self.domain.samples
        plane = cells.repeat_interleave(n, -2).repeat_interleave(n, -1).unsqueeze(-3)
        return plane if self.domain.components == 1 else plane * torch.tensor(SPLIT)[:, None, None]


@dataclass(frozen=True)
class DelayTable:
    """The phase table of :class:`Delay`."""

    platform: mg.Platform = PLATFORM
    wavelength: float = 0.633

    def __call__(self, radius):
        return np.exp(2j * np.pi * (radius - LOW) / (HIGH - LOW))


def domain(wavelength=0.633, components=1, samples=2):
    return Domain(
        wavelength=wavelength, radius_low=LOW, radius_high=HIGH, samples=samples, components=components
    )


class Painted(Delay):
    """A field that no radius changes."""

    def __init__(self, field):
        super().__init__(domain(samples=5))
        self.field = field

    def __call__(self, radii):
        return self.field[None] + 0 * radii.sum()
