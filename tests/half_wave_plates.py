"""Half-wave plates, one per cell: their angle is the phase of circular light.

A half-wave plate at the angle θ has the Jones matrix [[cos 2θ, sin 2θ], [sin 2θ, −cos 2θ]]: left light (1, i)
becomes right light times exp(2iθ), and right light becomes left light times exp(−2iθ).
"""

import math

import numpy as np
import torch

import metagen as mg
from metagen.data.nearfield import NearField
from metagen.surrogate import Domain, predict

WAVELENGTH, PITCH, COUNT, DISTANCE = 0.66, 0.43, 21, 4.0
ANGLES = (0.0, math.pi)
PLATFORM = mg.Platform(
    lattice=mg.Lattice.square(PITCH),
    atom=mg.atoms.Rectangle(length=0.38, width=0.085, angle=ANGLES),
    height=0.6,
)


class Plates:
    """Half-wave plates, one per cell, in x or in y light."""

    def __init__(self, polarisation, components=3):
        light = mg.Illumination(WAVELENGTH, polarisation)
        self.domain = Domain(
            illumination=light, known=(ANGLES,), platform=PLATFORM, samples=1, components=components
        )

    def __call__(self, values, present=None):
        twice = 2 * values[..., 0, 0] if values.shape[-2:] == (1, 1) else 2 * values
        cosine, sine = torch.cos(twice), torch.sin(twice)
        x, y = (cosine, sine) if self.domain.illumination.polarisation == "x" else (sine, -cosine)
        field = torch.stack([x, y, torch.zeros_like(x)], -3)[..., : self.domain.components, :, :]
        return torch.complex(field, torch.zeros_like(field))


def geometric_lens(sense):
    x = (np.arange(COUNT) - (COUNT - 1) / 2) * PITCH
    distance = np.sqrt(x[:, None] ** 2 + x**2 + DISTANCE**2)
    return mg.Layout(PLATFORM, {"angle": sense * math.pi / WAVELENGTH * (DISTANCE - distance) % math.pi})


def near_field(layout, light, error=0.0):
    """What a simulation would find in light of any polarisation; each plate is turned too far by an error."""
    turned = layout.with_values(layout.values + error * np.sin(2 * layout.values))
    along_x, along_y = (predict(Plates(name), turned) for name in "xy")
    x, y = light.jones
    return NearField(layout, light, np.moveaxis(x * along_x + y * along_y, 0, -1), samples=1)
